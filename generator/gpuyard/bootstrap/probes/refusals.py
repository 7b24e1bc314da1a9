"""Whether a NetworkPolicy that must refuse does refuse; OKE keeps them, and enforces none without Calico."""

from gpuyard.bootstrap.probes.bench import Bench
from gpuyard.bootstrap.probes.probed import Verdict

__all__ = ["refuses"]

_HOW = "install Calico by `gpuyard bootstrap apply --calico-manifests calico-policy-only.yaml` (docs/bootstrap.md)"
_LISTEN = "echo probe >/tmp/index.html && exec httpd -f -p 8080 -h /tmp"
_ASK = 'for _ in 1 2 3 4 5; do wget -q -T 3 -O /dev/null "http://$TARGET:8080/" && exit 0; sleep 1; done; exit 1'
"""Several times: a rule reaches a node a little later than its pod."""
_POLICY = {
    "apiVersion": "networking.k8s.io/v1",
    "kind": "NetworkPolicy",
    "metadata": {"name": "only-allowed"},
    "spec": {
        "podSelector": {"matchLabels": {"probe": "listens"}},
        "policyTypes": ["Ingress"],
        "ingress": [{"from": [{"podSelector": {"matchLabels": {"probe": "allowed"}}}]}],
    },
}


def refuses(bench: Bench) -> tuple[Verdict, str]:
    """One pod may ask another and one may not: both are tried, so that a broken network is no proof."""
    bench.create("apis/networking.k8s.io/v1/networkpolicies", _POLICY)
    bench.start("listens", _LISTEN, {})
    target = {"TARGET": _written(bench.listening("listens"))}
    bench.start("allowed", _ASK, target)
    allowed = bench.succeeded("allowed")
    if not allowed:
        return Verdict.UNKNOWN, "a pod does not reach another one that a NetworkPolicy lets it reach"
    bench.start("refused", _ASK, target)
    if bench.succeeded("refused"):
        return Verdict.BAD, f"not enforced: a pod reached what a NetworkPolicy refuses it; {_HOW}"
    return Verdict.GOOD, "refused: enforced"


def _written(address: str) -> str:
    """As a URL has it."""
    return f"[{address}]" if ":" in address else address
