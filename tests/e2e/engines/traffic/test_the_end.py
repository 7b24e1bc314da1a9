"""All of it is taken away; the last of this folder."""

import time

from tests.cluster.cluster import Cluster
from tests.e2e.engines.traffic.chain import Record
from tests.e2e.engines.waiting import eventually
from tests.e2e.gitops import Gitops


def test_all_of_it_is_taken_away_at_once(cluster: Cluster, gitops: Gitops, record_property: Record) -> None:
    """Nothing orders what is deleted: KEDA may go before the objects that it has to let go of."""
    claims = {each["metadata"]["uid"] for each in cluster.objects("persistentvolumeclaim", namespace="inference")}
    assert claims
    began = time.monotonic()
    cluster.kubectl("delete", "kustomization", "demo", "-n", "flux-system", "--timeout=240s")
    kinds = "kustomization.kustomize.toolkit.fluxcd.io"
    eventually("all Kustomizations are gone", lambda: not cluster.objects(kinds, namespace="flux-system"), within=240)
    record_property("from one delete to nothing", f"{time.monotonic() - began:.1f} s")
    assert cluster.objects("deployment", namespace="inference") == []
    assert cluster.objects("scaledobject", namespace="inference") == []
    assert {
        each["metadata"]["uid"] for each in cluster.objects("persistentvolumeclaim", namespace="inference")
    } == claims
