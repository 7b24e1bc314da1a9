"""What a node does at its first start: it grows its file system, sets up the local drives that it has, and joins."""

import base64
from functools import cache
from importlib import resources

__all__ = ["NVME_LABEL", "user_data"]

NVME_LABEL = ("gpuyard.dev/local-nvme", "true")
"""Of nodes whose local drives are one file system at /mnt/nvme."""
# OKE does not grow the root file system of a node to its boot volume; its own script has to be called by ours.
_BEGIN = """\
#!/bin/bash
curl --fail -H "Authorization: Bearer Oracle" -L0 http://169.254.169.254/opc/v2/instance/metadata/oke_init_script \\
  | base64 --decode >/var/run/oke-init.sh
bash /usr/libexec/oci-growfs -y
"""
# A process of its own, since `set -e` counts for nothing before `||`. A node where it fails joins all the same.
_NVME = """\
cat >/var/run/gpuyard-nvme.sh <<'GPUYARD'
{script}GPUYARD
bash /var/run/gpuyard-nvme.sh </dev/null || echo "gpuyard: the local NVMe drives are not set up" >&2
"""
_END = "bash /var/run/oke-init.sh\n"


@cache
def user_data(*, nvme: bool) -> str:
    """For cloud-init, as OKE takes it; `nvme`: the node has local drives."""
    file = resources.files("gpuyard") / "bootstrap" / "parts" / "localnvme.sh"
    drives = _NVME.format(script=file.read_text("utf-8")) if nvme else ""
    return base64.b64encode(f"{_BEGIN}{drives}{_END}".encode()).decode()
