"""tests/oci lets in who signed the request that came, and nobody else."""

import json
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import oci
import pytest

from tests.oci.credentials import SESSION, USER, new_key
from tests.oci.fixture import Running

Vendored = oci._vendor.requests


def who(error: pytest.ExceptionInfo[Any]) -> tuple[int, str]:
    return error.value.status, error.value.code


def test_a_signed_request_is_answered(oci_cloud: Running) -> None:
    assert oci_cloud.client("identity").get_tenancy(oci_cloud.tenancy).data.name == "gpuyard-tests"


def test_so_is_one_of_a_session(oci_cloud: Running) -> None:
    assert len(oci_cloud.session_client("identity").list_regions().data) == 4


def test_a_session_that_has_expired_is_not(oci_cloud: Running) -> None:
    client = oci_cloud.session_client("identity")
    del oci_cloud.keys.known[f"ST${SESSION}"]
    with pytest.raises(oci.exceptions.ServiceError) as error:
        client.list_regions()
    assert who(error) == (401, "NotAuthenticated")


def test_nor_one_by_another_key(oci_cloud: Running) -> None:
    other, mine = new_key("other"), new_key()
    signer = oci.signer.Signer(oci_cloud.tenancy, USER, mine.fingerprint, None, private_key_content=other.private)
    with pytest.raises(oci.exceptions.ServiceError, match="Failed to verify") as error:
        oci_cloud.client("identity", signer=signer).list_regions()
    assert who(error) == (401, "NotAuthenticated")


@pytest.mark.parametrize("minutes, welcome", [(-6, False), (-4, True), (0, True), (4, True), (6, False)])
def test_clocks_may_differ_by_five_minutes(oci_cloud: Running, minutes: int, welcome: bool) -> None:
    oci_cloud.keys.ahead = timedelta(minutes=minutes)
    client = oci_cloud.client("identity")
    if welcome:
        client.list_regions()
        return
    with pytest.raises(oci.exceptions.ServiceError, match="not within allowed clock skew") as error:
        client.list_regions()
    assert who(error) == (401, "NotAuthenticated")


def changed_body(request: Any) -> None:
    request.body = request.body.replace(b"10.0", b"11.0")


def changed_target(request: Any) -> None:
    request.url += "?x=1"


def without(name: str) -> Callable[[Any], None]:
    def change(request: Any) -> None:
        del request.headers[name]

    return change


def replaced(old: str, new: str) -> Callable[[Any], None]:
    def change(request: Any) -> None:
        assert old in request.headers["authorization"]
        request.headers["authorization"] = request.headers["authorization"].replace(old, new)

    return change


CHANGES = {
    "body": (changed_body, "x-content-sha256 is not the body's"),
    "target": (changed_target, "Failed to verify"),
    "no signature": (without("authorization"), "malformed Authorization"),
    "no date": (without("date"), "no date"),
    "another algorithm": (replaced("rsa-sha256", "rsa-sha1"), "algorithm must be"),
    "another version": (replaced('version="1"', 'version="2"'), "algorithm must be"),
    "body not signed": (replaced(" x-content-sha256", ""), "headers not signed: x-content-sha256"),
    "target not signed": (replaced(" (request-target)", ""), "headers not signed: (request-target)"),
    "unknown user": (replaced(USER, f"{USER}x"), "no such key"),
    "no base64": (replaced('signature="', 'signature="!'), "Failed to verify"),
}


def sent(cloud: Running, change: Callable[[Any], None] = lambda _: None) -> Any:
    """The answer to a request for a VCN, that was changed after it was signed."""
    client = cloud.client("virtual_network")
    body = json.dumps({"cidrBlock": "10.0.0.0/16", "compartmentId": cloud.tenancy}).encode()
    headers = {"content-type": "application/json"}
    url, signer = f"{client.base_client.endpoint}/vcns", client.base_client.signer
    request = Vendored.Request("POST", url, data=body, headers=headers, auth=signer).prepare()
    change(request)
    return Vendored.Session().send(request)


@pytest.mark.parametrize("name", CHANGES)
def test_what_was_changed_on_the_way_is_refused(oci_cloud: Running, name: str) -> None:
    change, message = CHANGES[name]
    answer = sent(oci_cloud, change)
    assert (answer.status_code, answer.json().get("code")) == (401, "NotAuthenticated")
    assert message in answer.json()["message"]
    assert oci_cloud.live() == []


def test_the_same_request_unchanged_is_answered(oci_cloud: Running) -> None:
    assert sent(oci_cloud).status_code == 200
    assert [each["kind"] for each in oci_cloud.live()] == ["vcn"]
