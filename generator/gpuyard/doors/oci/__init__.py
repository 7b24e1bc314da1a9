"""The one door to Oracle's SDK, which is imported when the first request is made.

Bodies and replies are what is on the wire: mappings with camelCase keys. Nothing outside of this package knows a class
of the SDK, and nothing but `Cloud` makes a request.
"""

from gpuyard.doors.oci.cloud import Cloud, Reply
from gpuyard.doors.oci.endpoints import region_of
from gpuyard.doors.oci.faults import LIMITS, Fault, NoCapacity, Refused
from gpuyard.doors.oci.ketoken import LASTS, cluster_token
from gpuyard.doors.oci.retrytokens import retry_token
from gpuyard.doors.oci.signin import AUTHS, Login
from gpuyard.doors.oci.workrequests import wait_for_work

__all__ = ["AUTHS", "LASTS", "LIMITS", "Cloud", "Fault", "Login", "NoCapacity", "Refused", "Reply", "cluster_token"]
__all__ += ["region_of", "retry_token", "wait_for_work"]
