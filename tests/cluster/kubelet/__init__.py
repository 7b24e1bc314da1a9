"""The node agent: what a kubelet does for pods that really run, and what kwok needs to know for those that don't.

A pod of whose images we have the programs runs as processes of its own: its network namespace holds the pod's address
(a veth pair; in the world every other address is local, so a route to it is all the network there is), its root is a
tmpfs with nothing in it but the program, the volumes and /dev, /proc, /etc/hosts. Anything simpler failed a test of
thought: the Flux controllers all listen on :8080 and :9440, so each needs its own address; they read their token from
/var/run/secrets and write to /data and /tmp, so each needs its own files; and only so no flag has to be ours.

Not done: users and groups (all run as the world's root), limits, liveness and exec probes, hooks other than a preStop
sleep, read-only mounts, hostPath, host network, image pulls.
"""
