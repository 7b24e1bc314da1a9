"""`python -m tests.oci`: the cloud as a process, which another process asks, scripts and starts again."""

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.request import Request, urlopen

import oci
import pytest

from tests.oci.control import load, save
from tests.oci.fixture import Running, running
from tests.oci.site import CORE, built

ROOT = Path(__file__).parents[1]


@contextmanager
def process(state: Path) -> Iterator[dict[str, str]]:
    """The environment that a cloud with its state in a file says, until it is killed."""
    run = [sys.executable, "-m", "tests.oci", "--state", str(state)]
    with subprocess.Popen(run, cwd=ROOT, stdout=subprocess.PIPE, text=True) as started:
        assert started.stdout is not None
        try:
            yield json.loads(started.stdout.readline())
        finally:
            started.kill()


def client(environment: dict[str, str]) -> Any:
    config = oci.config.from_file(environment["OCI_CONFIG_FILE"])
    url = environment["GPUYARD_OCI_ENDPOINT"].format(region=config["region"], service="virtual_network")
    return oci.core.VirtualNetworkClient(config, service_endpoint=url)


def control(environment: dict[str, str], path: str, said: object = None) -> Any:
    url = environment["GPUYARD_OCI_ENDPOINT"].partition("/{")[0]
    body = None if said is None else json.dumps(said).encode()
    with urlopen(Request(f"{url}/_cloud/{path}", data=body), timeout=10) as answer:  # noqa: S310 - it is ours
        return json.load(answer)


def test_a_cloud_outlives_its_process(tmp_path: Path) -> None:
    state = tmp_path / "cloud.json"
    with process(state) as environment:
        asked = client(environment)
        tenancy = oci.config.from_file(environment["OCI_CONFIG_FILE"])["tenancy"]
        details = CORE.CreateVcnDetails(compartment_id=tenancy, cidr_blocks=["10.0.0.0/16"])
        control(environment, "faults", {"operation": "create_vcn", "how": "DROP_AFTER"})
        with pytest.raises(oci.exceptions.RequestException):
            asked.create_vcn(details, opc_retry_token="t", retry_strategy=oci.retry.NoneRetryStrategy())
    with process(state) as environment:
        made = client(environment).create_vcn(details, opc_retry_token="t").data
        assert [each["id"] for each in control(environment, "live")] == [made.id]
        assert [each["status"] for each in control(environment, "log")] == [0, 200]
        subnet = client(environment)
        subnet.get_vcn(made.id)
        block = CORE.CreateSubnetDetails(compartment_id=tenancy, vcn_id=made.id, cidr_block="10.0.0.0/24")
        inside = subnet.create_subnet(block).data.id
        control(environment, "leftovers", {"kind": "load_balancer", "in": inside, "tags": {"a": "b"}})
        control(environment, "settings", {"limits": {"vcn-count": 0}})
        with pytest.raises(oci.exceptions.ServiceError) as error:
            subnet.create_vcn(details)
        assert error.value.code == "LimitExceeded"
    kinds = [(each["kind"], each["tags"]) for each in load(state).live()]
    assert kinds == [("vcn", {}), ("subnet", {}), ("load_balancer", {"a": "b"})]


def test_a_state_is_loaded_as_it_was_saved(tmp_path: Path) -> None:
    with running(home="us-phoenix-1", limits={"vcn-count": 3}) as cloud:
        site = built(cloud)
        cloud.client("container_engine").create_node_pool(site.pool(), opc_retry_token="t")
        save(cloud, tmp_path / "state")
    again = load(tmp_path / "state")
    assert (again.things, again.tokens, again.log, again.limits) == (
        cloud.things,
        cloud.tokens,
        cloud.log,
        cloud.limits,
    )
    assert (again.home, again.limits, again.made) == (cloud.home, cloud.limits, cloud.made)


def test_a_configuration_is_like_a_user_s(oci_cloud: Running, tmp_path: Path) -> None:
    environment = oci_cloud.environment(tmp_path)
    file = Path(environment["OCI_CONFIG_FILE"])
    assert {each.name for each in tmp_path.iterdir()} == {"config", "key.pem", "token"}
    assert {each.stat().st_mode & 0o777 for each in (file, tmp_path / "key.pem")} == {0o600}
    assert client(environment).list_vcns(oci_cloud.tenancy).data == []
    session = oci.config.from_file(str(file), "SESSION")
    key = oci.signer.load_private_key_from_file(session["key_file"])
    token = Path(session["security_token_file"]).read_text(encoding="utf-8")
    signer = oci.auth.signers.SecurityTokenSigner(token, key)
    assert oci_cloud.client("identity", signer=signer).list_regions().data
