"""Faults of tests/oci by script, its log of requests, and clients that are killed."""

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import oci
import pytest

from tests.oci.faults import How
from tests.oci.fixture import Running, running
from tests.oci.site import CORE, built

ROOT = Path(__file__).parents[1]


def details(cloud: Running, **more: Any) -> Any:
    return CORE.CreateVcnDetails(
        **{"compartment_id": cloud.tenancy, "cidr_blocks": ["10.0.0.0/16"], "freeform_tags": {"stack": "a"}, **more}
    )


STATUSES = {
    429: "TooManyRequests",
    500: "InternalServerError",
    503: "ServiceUnavailable",
    409: "IncorrectState",
    404: "NotAuthorizedOrNotFound",
}


@pytest.mark.parametrize("status", STATUSES)
def test_an_error_is_answered_and_nothing_done(oci_cloud: Running, status: int) -> None:
    oci_cloud.script.fail("create_vcn", status=status)
    client = oci_cloud.client("virtual_network")
    assert client.list_vcns(oci_cloud.tenancy).data == []
    with pytest.raises(oci.exceptions.ServiceError) as error:
        client.create_vcn(details(oci_cloud))
    assert (error.value.status, error.value.code) == (status, STATUSES[status])
    assert oci_cloud.live() == []
    client.create_vcn(details(oci_cloud))
    assert len(oci_cloud.live()) == 1


CAPACITY = {"status": 500, "code": "InternalError", "message": "Out of host capacity."}


def test_a_fault_has_the_code_that_it_is_given(oci_cloud: Running) -> None:
    oci_cloud.script.fail("create_vcn", **CAPACITY)
    with pytest.raises(oci.exceptions.ServiceError, match="Out of host capacity") as error:
        oci_cloud.client("virtual_network").create_vcn(details(oci_cloud))
    assert error.value.code == "InternalError"


@pytest.mark.parametrize("plan, statuses", [
    ({"at": 2}, [200, 500, 200, 200]),
    ({"operation": "list_vcns", "times": 2}, [500, 500, 200, 200]),
    ({"operation": "list_vcns", "skip": 1}, [200, 500, 200, 200]),
    ({"operation": "list_vcns", "skip": 1, "times": 2}, [200, 500, 500, 200]),
    ({"operation": "list_subnets"}, [200, 200, 200, 200]),
    ({"operation": "list_vcns", "at": 3}, [200, 200, 500, 200]),
    ({}, [500, 200, 200, 200]),
])  # fmt: skip
def test_a_fault_comes_when_it_is_planned(oci_cloud: Running, plan: dict[str, Any], statuses: list[int]) -> None:
    oci_cloud.script.fail(**plan)
    client = oci_cloud.client("virtual_network")
    for status in statuses:
        if status == 200:
            client.list_vcns(oci_cloud.tenancy)
        else:
            with pytest.raises(oci.exceptions.ServiceError):
                client.list_vcns(oci_cloud.tenancy)
    assert [each.status for each in oci_cloud.log] == statuses


@pytest.mark.parametrize("how, made", [(How.DROP_BEFORE, 0), (How.DROP_AFTER, 1)])
def test_a_connection_is_cut(oci_cloud: Running, how: How, made: int) -> None:
    oci_cloud.script.fail("create_vcn", how=how)
    client = oci_cloud.client("virtual_network")
    with pytest.raises(oci.exceptions.RequestException):
        client.create_vcn(details(oci_cloud), opc_retry_token="t")
    assert len(oci_cloud.live()) == made
    client.create_vcn(details(oci_cloud), opc_retry_token="t")
    assert len(oci_cloud.live()) == 1


def test_the_sdk_tries_again_with_its_own_token(oci_cloud: Running, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("oci.retry.retry.time.sleep", lambda _: None)
    oci_cloud.script.fail("create_vcn", how=How.DROP_AFTER)
    oci_cloud.script.fail("create_vcn", status=503)
    client = oci_cloud.client("virtual_network", retry_strategy=oci.retry.DEFAULT_RETRY_STRATEGY)
    client.create_vcn(details(oci_cloud))
    assert [each.status for each in oci_cloud.log] == [0, 503, 200]
    assert len({each.token for each in oci_cloud.log}) == 1
    assert len(oci_cloud.live()) == 1


def test_no_answer_comes(oci_cloud: Running) -> None:
    oci_cloud.script.fail("create_vcn", how=How.HANG)
    client = oci_cloud.client("virtual_network", timeout=(1, 0.2))
    with pytest.raises(oci.exceptions.RequestException, match="timed out"):
        client.create_vcn(details(oci_cloud))
    assert oci_cloud.live() == []
    assert client.list_vcns(oci_cloud.tenancy).data == []


def test_the_log_says_what_was_asked(oci_cloud: Running) -> None:
    client = oci_cloud.client("virtual_network")
    made = client.create_vcn(details(oci_cloud), opc_retry_token="t").data
    client.list_vcns(oci_cloud.tenancy, display_name="x")
    with pytest.raises(oci.exceptions.ServiceError):
        client.delete_vcn("ocid1.vcn.oc1.iad.x")
    one, two, three = oci_cloud.log
    assert (one.number, one.method, one.operation, one.token, one.status) == (1, "POST", "create_vcn", "t", 200)
    assert (one.region, one.service, one.path) == (
        "us-ashburn-1", "virtual_network", "/us-ashburn-1/virtual_network/20160918/vcns")  # fmt: skip
    assert one.body["freeformTags"] == {"stack": "a"}
    assert two.query == {"compartmentId": [oci_cloud.tenancy], "displayName": ["x"]}
    assert (three.operation, three.status, three.code) == ("delete_vcn", 404, "NotAuthorizedOrNotFound")
    assert [each.writes for each in oci_cloud.log] == [True, False, True]
    assert oci_cloud.count("create_vcn") == 1
    assert oci_cloud.live() == [
        {"kind": "vcn", "id": made.id, "name": "vcn", "state": "PROVISIONING", "region": "us-ashburn-1",
         "tags": {"stack": "a"}}
    ]  # fmt: skip


def test_many_ask_at_once(oci_cloud: Running) -> None:
    site = built(oci_cloud)
    client = oci_cloud.client("virtual_network")
    about = CORE.CreateNetworkSecurityGroupDetails(compartment_id=oci_cloud.tenancy, vcn_id=site.vcn)

    def make(number: int) -> str:
        return str(client.create_network_security_group(about, opc_retry_token=f"t{number % 8}").data.id)

    with ThreadPoolExecutor(8) as pool:
        ids = list(pool.map(make, range(24)))
    assert len(set(ids)) == 8
    assert ids[:8] == ids[8:16] == ids[16:]
    assert sorted(each.number for each in oci_cloud.log) == list(range(1, 25))


# A client that may be killed anywhere: it finds by tags what is there, and makes the rest.


def brought_up(cloud: Running) -> None:
    """A VCN with a group and a subnet, from wherever an earlier client had come."""
    client = cloud.client("virtual_network")
    vcn = ensured(client, "vcn", details(cloud), cloud.tenancy)
    inside = {"compartment_id": cloud.tenancy, "vcn_id": vcn, "freeform_tags": {"stack": "a"}}
    ensured(client, "network_security_group", CORE.CreateNetworkSecurityGroupDetails(**inside), None,
            compartment_id=cloud.tenancy)  # fmt: skip
    ensured(client, "subnet", CORE.CreateSubnetDetails(**inside, cidr_block="10.0.0.0/24"), cloud.tenancy)


def ensured(client: Any, kind: str, about: Any, compartment: str | None, **more: Any) -> str:
    """The id of one of a kind, when it is ready."""
    there = getattr(client, f"list_{kind}s")(*([compartment] if compartment else []), **more).data
    found = [each for each in there if each.freeform_tags.get("stack") == "a"]
    one = found[0] if found else getattr(client, f"create_{kind}")(about, opc_retry_token=kind).data
    id = str(one.id)
    while one is None or one.lifecycle_state != "AVAILABLE":
        one = seen(getattr(client, f"get_{kind}"), id)
    return id


def seen(get: Any, id: str) -> Any:
    """A thing, unless it is too new to be found."""
    try:
        return get(id).data
    except oci.exceptions.ServiceError as error:
        if error.status != 404:
            raise
        return None


def wanted(cloud: Running) -> list[str]:
    return sorted(each["kind"] for each in cloud.live())


KINDS = ["network_security_group", "subnet", "vcn"]


@pytest.mark.parametrize("how", [How.KILL_BEFORE, How.KILL_AFTER])
def test_a_client_that_was_killed_anywhere_ends_with_one_of_each(how: How) -> None:
    number, lags = 1, dict.fromkeys(KINDS, 1)
    while True:
        with running(lags=lags) as cloud:
            cloud.script.fail(at=number, how=how)
            try:
                brought_up(cloud)
            except oci.exceptions.RequestException:
                with pytest.raises(oci.exceptions.RequestException):
                    cloud.client("identity").list_regions()
                cloud.script.revive()
                brought_up(cloud)
            else:
                break  # it has ended before it could be killed
            assert wanted(cloud) == KINDS, number
        number += 1
    assert number == 16


SCRIPT = """
import oci, os
config = oci.config.from_file()
url = os.environ["GPUYARD_OCI_ENDPOINT"].format(region=config["region"], service="virtual_network")
client = oci.core.VirtualNetworkClient(config, service_endpoint=url)
details = oci.core.models.CreateVcnDetails(compartment_id=config["tenancy"], cidr_blocks=["10.0.0.0/16"])
client.list_vcns(config["tenancy"])
client.create_vcn(details)
print("lived")
"""


@pytest.mark.parametrize("how, made", [(How.KILL_BEFORE, 0), (How.KILL_AFTER, 1)])
def test_a_process_is_killed(oci_cloud: Running, tmp_path: Path, how: How, made: int) -> None:
    oci_cloud.script.fail("create_vcn", how=how)
    with subprocess.Popen(
        [sys.executable, "-c", SCRIPT], env=oci_cloud.environment(tmp_path), stdout=subprocess.PIPE, text=True
    ) as process:
        oci_cloud.script.kill = process.kill
        said, _ = process.communicate(timeout=60)
    assert (said, process.returncode) == ("", -9)
    assert [each.operation for each in oci_cloud.log] == ["list_vcns", "create_vcn"]
    assert len(oci_cloud.live()) == made
