"""The door to Oracle's SDK: what is tried again, what a refusal says, and who may sign in."""

import base64
import json
import threading
import time
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from http.server import BaseHTTPRequestHandler, HTTPServer, ThreadingHTTPServer
from pathlib import Path
from typing import Any, ClassVar
from urllib.parse import parse_qs, urlsplit

import oci
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from gpuyard.cli.login import AUTHS as OFFERED
from gpuyard.doors.oci import AUTHS, Cloud, Fault, Login, NoCapacity, cluster_token, retry_token, signin
from gpuyard.doors.oci.endpoints import ENDPOINT
from gpuyard.doors.oci.faults import UNREACHED, explained
from gpuyard.doors.oci.patience import Passing, delay, passing
from gpuyard.doors.oci.signin import sign_in
from gpuyard.errors import ToolError

FULL = Fault(500, "InternalError", "Out of host capacity.")
UNSEEN = Fault(404, "NotAuthorizedOrNotFound", "Authorization failed or requested resource not found.")


@pytest.mark.parametrize(
    ("fault", "repeatable", "unsettled", "expected"),
    [
        (Fault(429, "TooManyRequests", ""), False, False, Passing.SOON),
        (Fault(500, "InternalError", "boom"), True, False, Passing.SOON),
        (Fault(500, "InternalError", "boom"), False, False, Passing.NO),
        (Fault(503, "ServiceUnavailable", ""), True, False, Passing.SOON),
        (Fault(UNREACHED, "", "connection reset"), True, False, Passing.SOON),
        (Fault(UNREACHED, "", "connection reset"), False, False, Passing.NO),
        (FULL, True, False, Passing.NO),
        (Fault(409, "IncorrectState", ""), True, False, Passing.SOON),
        (Fault(409, "Conflict", "Subnet references the VNIC"), True, False, Passing.UNTIL_FREE),
        (Fault(409, "InvalidatedRetryToken", ""), True, True, Passing.NO),
        (Fault(400, "LimitExceeded", ""), True, True, Passing.NO),
        (Fault(400, "InvalidParameter", "wrong"), True, True, Passing.NO),
        (Fault(401, "NotAuthenticated", ""), True, True, Passing.NO),
        (UNSEEN, True, False, Passing.NO),
        (UNSEEN, True, True, Passing.UNTIL_SETTLED),
        (Fault(409, "NotAuthorizedOrResourceAlreadyExists", ""), True, True, Passing.UNTIL_SETTLED),
        (Fault(409, "ResourceAlreadyExists", ""), True, True, Passing.UNTIL_SETTLED),
        (Fault(409, "ResourceAlreadyExists", ""), True, False, Passing.NO),
        (Fault(400, "RelatedResourceNotAuthorizedOrNotFound", ""), True, True, Passing.UNTIL_SETTLED),
        (
            Fault(400, "InvalidParameter", "Compartment {x} does not exist under current compartment hierarchy"),
            True, True, Passing.UNTIL_SETTLED,
        ),
        (
            Fault(400, "InvalidParameter", "x does not exist or is not part of the policy compartment subtree"),
            True, True, Passing.UNTIL_SETTLED,
        ),
    ],
)  # fmt: skip
def test_what_is_sent_again(fault: Fault, repeatable: bool, unsettled: bool, expected: Passing) -> None:
    assert passing(fault, repeatable=repeatable, unsettled=unsettled) is expected


@pytest.mark.parametrize(
    ("minutes", "expected"), [(0, Passing.SOON), (4, Passing.SOON), (12, Passing.NO), (-12, Passing.NO)]
)
def test_a_request_that_slept_is_signed_anew_and_a_wrong_clock_is_not(minutes: int, expected: Passing) -> None:
    there = datetime.now(UTC) + timedelta(minutes=minutes)
    said = "Date 'x' is not within allowed clock skew. Current 'y'"
    fault = Fault(401, "NotAuthenticated", said, {"date": format_datetime(there)})
    assert passing(fault, repeatable=False, unsettled=False) is expected
    assert passing(Fault(401, "NotAuthenticated", said), repeatable=True, unsettled=True) is Passing.NO
    assert passing(Fault(401, "NotAuthenticated", "no", fault.headers), repeatable=True, unsettled=True) is Passing.NO


def test_waits_grow_and_end_at_half_a_minute() -> None:
    assert max(delay(1) for _ in range(50)) <= 1
    assert min(delay(4) for _ in range(50)) >= 4
    assert 15 <= delay(1000) <= 30


NOW = datetime(2026, 11, 29, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("fault", "expected"),
    [
        (Fault(400, "LimitExceeded", "gpu-a10-count"), "a service limit or quota is exceeded: gpu-a10-count"),
        (UNSEEN, "not found, or this user may not see it"),
        (Fault(429, "TooManyRequests", ""), "OCI throttles these requests"),
        (Fault(503, "ServiceUnavailable", "x"), "OCI failed (503 ServiceUnavailable): x; run the same command again"),
        (Fault(409, "Conflict", "in use"), "OCI refused it in this state (Conflict): in use"),
        (Fault(400, "FAILED", "no subnet."), "OCI gave it up: no subnet; run the same command again"),
        (Fault(403, "NotAllowed", "x"), "this user may not do that (NotAllowed): x; a policy has to allow it"),
        (Fault(502, "", "<html>"), "OCI failed (502): <html>; run the same command again"),
        *(
            (Fault(409, code, "x exists"), f"the name is taken ({code}): x exists; choose another name")
            for code in ("BucketAlreadyExists", "CompartmentAlreadyExists", "NAMESPACE_CONFLICT")
        ),
        (Fault(UNREACHED, "", "no route"), "OCI cannot be reached: no route; check the network"),
        (
            Fault(401, "NotAuthenticated", "x"),
            "OCI does not accept the credentials: x; check user, fingerprint and key",
        ),
        (
            Fault(401, "NotAuthenticated", "x", {"date": format_datetime(NOW + timedelta(minutes=12))}),
            "this machine's clock is 12 minutes behind OCI's; set the clock",
        ),
        (
            Fault(401, "NotAuthenticated", "x", {"date": format_datetime(NOW - timedelta(minutes=7))}),
            "this machine's clock is 7 minutes ahead of OCI's; set the clock",
        ),
    ],
)
def test_a_refusal_says_what_to_do(fault: Fault, expected: str) -> None:
    text = str(explained(fault, "create VCN phx/vcn", NOW))
    assert text.startswith("create VCN phx/vcn: ")
    assert expected in text


def test_no_capacity_is_an_answer_of_its_own() -> None:
    found = explained(FULL, "start nodes")
    assert isinstance(found, NoCapacity)
    assert found.exit_code == 75


@pytest.mark.parametrize(
    ("status", "body", "more"),
    [
        (200, b"<html>sign in</html>", ""),
        (200, b"", ""),
        (200, b"[]", ""),
        (200, b'{"a": 1}', ""),
        (403, b"<html>blocked</html>", ": <html>blocked</html>"),
        (407, b"who are you", ": who are you"),
    ],
)
def test_an_answer_that_is_not_oci_s_is_told_as_such(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, status: int, body: bytes, more: str
) -> None:
    class Other(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Other)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    monkeypatch.setenv(ENDPOINT, f"http://127.0.0.1:{server.server_port}/{{service}}")
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    cloud = Cloud(Login(file=config(tmp_path)), pause=lambda _: None)
    try:
        with pytest.raises(ToolError) as caught:
            list(cloud.listed("identity", "list_region_subscriptions", tenancy_id="ocid1.tenancy.oc1..aaaa"))
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
    text = f"something else answered with status {status}, such as a proxy or a login page{more}; check the network"
    assert text in str(caught.value)


@pytest.mark.parametrize("text", ["relay", "{region", "https://{where}/", "ftp://relay/{service}", "http://[/"])
def test_a_relay_that_is_no_url_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    monkeypatch.setenv(ENDPOINT, text)
    with pytest.raises(ToolError, match=f"^{ENDPOINT} must be a URL such as"):
        Cloud(Login(file=config(tmp_path))).call("identity", "list_regions")


def test_a_refusal_names_the_request() -> None:
    assert "(opc-request-id A/B)" in str(explained(Fault(400, "x", "y", {"opc-request-id": "A/B"}), "list"))


def test_a_retry_token_is_of_a_body_and_its_generation() -> None:
    token = retry_token("acme", "phx/vcn", 1, {"a": 1, "b": [2]})
    assert len(token) == 64
    assert token == retry_token("acme", "phx/vcn", 1, {"b": [2], "a": 1})
    others = [
        retry_token("other", "phx/vcn", 1, {"a": 1, "b": [2]}),
        retry_token("acme", "iad/vcn", 1, {"a": 1, "b": [2]}),
        retry_token("acme", "phx/vcn", 2, {"a": 1, "b": [2]}),
        retry_token("acme", "phx/vcn", 1, {"a": 1, "b": [3]}),
    ]
    assert len({token, *others}) == 5


def test_the_command_line_offers_what_the_door_knows() -> None:
    assert OFFERED == AUTHS


def config(folder: Path, **values: str) -> str:
    """A configuration file with a real key."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    (folder / "key.pem").write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    (folder / "key.pem").chmod(0o600)
    known = {
        "tenancy": "ocid1.tenancy.oc1..aaaa",
        "user": "ocid1.user.oc1..bbbb",
        "fingerprint": ":".join(["00"] * 16),
        "region": "us-phoenix-1",
        "key_file": str(folder / "key.pem"),
    }
    lines = [f"{name}={value}" for name, value in {**known, **values}.items() if value]
    (folder / "config").write_text("\n".join(["[DEFAULT]", *lines, ""]), encoding="utf-8")
    (folder / "config").chmod(0o600)
    return str(folder / "config")


def test_the_profile_signs_in(tmp_path: Path) -> None:
    cloud = Cloud(Login(file=config(tmp_path)))
    assert (cloud.tenancy, cloud.region) == ("ocid1.tenancy.oc1..aaaa", "us-phoenix-1")


def test_a_region_of_the_command_line_goes_first(tmp_path: Path) -> None:
    assert Cloud(Login(file=config(tmp_path), region="eu-frankfurt-1")).region == "eu-frankfurt-1"


def test_without_the_sdk_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(signin, "find_spec", lambda _: None)
    with pytest.raises(ToolError, match="pip install 'gpuyard"):
        Cloud(Login())


def token(ends: float) -> str:
    payload = base64.urlsafe_b64encode(json.dumps({"exp": ends}).encode()).decode().rstrip("=")
    return f"e30.{payload}.c2ln"


@pytest.mark.parametrize(
    ("login", "values", "expected"),
    [
        (Login(profile="PROD"), {}, "has no profile PROD; known are DEFAULT"),
        (Login(), {"user": ""}, "user is missing; correct it there"),
        (Login(), {"tenancy": "acme"}, "tenancy is malformed; correct it there"),
        (Login(region="us-fenix-1"), {}, "no region is called us-fenix-1; did you mean us-"),
        (Login(region="US-PHOENIX-1"), {}, "no region is called US-PHOENIX-1; did you mean us-phoenix-1?"),
        (Login(region="PHX"), {}, "no region is called PHX; did you mean us-phoenix-1?"),
        (Login(), {"region": "", "user": "ocid1.user.oc1..bbbb"}, "region"),
        (Login(auth="security_token"), {}, "there is no security_token_file; renew it with `oci session authenticate"),
        (Login(auth="security_token"), {"security_token_file": "/nowhere/token"}, "the session cannot be read"),
        (
            Login(auth="security_token"),
            {"security_token_file": "/nowhere/token"},
            "read: /nowhere/token: No such file or directory; renew it with `oci session authenticate",
        ),
        (
            Login(),
            {"key_file": "/nowhere/key.pem"},
            "profile DEFAULT: key_file /nowhere/key.pem is not there; correct the path, or make a key with",
        ),
    ],
)
def test_who_cannot_sign_in_is_told_why(tmp_path: Path, login: Login, values: dict[str, str], expected: str) -> None:
    file = config(tmp_path, **values)
    with pytest.raises(ToolError) as caught:
        Cloud(Login(auth=login.auth, profile=login.profile, region=login.region, file=file))
    assert expected in str(caught.value)


@pytest.mark.parametrize("auth", ["api_key", "security_token"])
@pytest.mark.parametrize(
    ("phrase", "expected"),
    [
        (None, "the key cannot be read: The provided key requires a passphrase"),
        ("wrong", "the key cannot be read: The provided key is not a private key, or the provided passphrase is"),
        ("right", ""),
    ],
)
def test_a_key_with_a_passphrase(tmp_path: Path, auth: str, phrase: str | None, expected: str) -> None:
    key = rsa.generate_private_key(65537, 2048)
    locked = serialization.BestAvailableEncryption(b"right")
    pem = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, locked)
    (tmp_path / "locked.pem").write_bytes(pem)
    (tmp_path / "token").write_text(token(time.time() + 3000), encoding="utf-8")
    values = {"key_file": str(tmp_path / "locked.pem"), "security_token_file": str(tmp_path / "token")}
    login = Login(auth=auth, file=config(tmp_path, **values, **({"pass_phrase": phrase} if phrase else {})))
    if not expected:
        Cloud(login)
        return
    with pytest.raises(ToolError) as caught:
        Cloud(login)
    assert expected in str(caught.value)
    assert str(caught.value).endswith("correct key_file there, or set pass_phrase to the passphrase of the key")


def test_no_configuration_says_how_to_make_one(tmp_path: Path) -> None:
    with pytest.raises(ToolError, match=r"there is no OCI configuration .*; make one with `oci setup config`"):
        Cloud(Login(file=str(tmp_path / "config")))


@pytest.mark.parametrize("text", [b"hello", b"[DEFAULT]\nuser: \xff\xfe\n", b"[DEFAULT]\nuser: a\nuser: b\n"])
def test_a_configuration_that_is_none_is_said(tmp_path: Path, text: bytes) -> None:
    (tmp_path / "config").write_bytes(text)
    with pytest.raises(ToolError, match=r"config: is no OCI configuration: .*; make one with `oci setup config`"):
        Cloud(Login(file=str(tmp_path / "config")))


def test_a_configuration_that_may_not_be_read_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuses(*_: object) -> None:
        raise PermissionError(13, "Permission denied", "config")

    monkeypatch.setattr(oci.config, "from_file", refuses)
    with pytest.raises(ToolError, match=r"is no OCI configuration: config: Permission denied; make one"):
        Cloud(Login(file=str(tmp_path / "config")))


def test_a_session_signs_in_until_it_ends(tmp_path: Path) -> None:
    (tmp_path / "token").write_text(token(time.time() + 3000), encoding="utf-8")
    file = config(tmp_path, security_token_file=str(tmp_path / "token"), user="")
    assert Cloud(Login(auth="security_token", file=file)).tenancy == "ocid1.tenancy.oc1..aaaa"
    (tmp_path / "token").write_text(token(time.time() - 1), encoding="utf-8")
    with pytest.raises(ToolError, match="the session of profile DEFAULT has expired; renew it with"):
        Cloud(Login(auth="security_token", file=file))


class Refreshing(BaseHTTPRequestHandler):
    """What refreshes sessions, as Oracle's own does."""

    fresh = ""
    asked: ClassVar[list[str]] = []

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["content-length"])))
        self.asked.append(f"{self.path} {body['currentToken']} {self.headers['authorization'][:9]}")
        answer = json.dumps({"token": self.fresh}).encode()
        self.send_response(200)
        self.send_header("content-length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    def log_message(self, *_: object) -> None:
        pass


def test_a_session_that_ends_soon_is_refreshed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    old, Refreshing.fresh = token(time.time() + 60), token(time.time() + 3600)
    (tmp_path / "token").write_text(old, encoding="utf-8")
    file = config(tmp_path, security_token_file=str(tmp_path / "token"), user="")
    with HTTPServer(("127.0.0.1", 0), Refreshing) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        monkeypatch.setenv("GPUYARD_OCI_ENDPOINT", f"http://127.0.0.1:{server.server_port}/{{region}}/{{service}}")
        monkeypatch.setenv("NO_PROXY", "127.0.0.1")
        session = sign_in(Login(auth="security_token", file=file))
        session.renew()
        session.renew()
        server.shutdown()
    assert Refreshing.asked == [f"/us-phoenix-1/auth/v1/authentication/refresh {old} Signature"]
    assert (tmp_path / "token").read_text(encoding="utf-8") == Refreshing.fresh
    assert session.signer.api_key == f"ST${Refreshing.fresh}"


class Signer:
    """Stands for one of the SDK's that ask the machine or the pod on which they run."""

    tenancy_id = "ocid1.tenancy.oc1..place"
    region = "eu-frankfurt-1"

    def __init__(self, **options: str) -> None:
        self.options = options

    def do_request_sign(self, request: Any) -> Any:
        request.headers.update({"authorization": "Signature x", "date": "today"})
        if token := self.options.get("delegation_token"):
            request.headers["opc-obo-token"] = token
        return request


class OfResource(Signer):
    """One that knows its tenancy only by its token."""

    tenancy_id = ""

    def get_claim(self, name: str) -> str | None:
        return {"res_tenant": "ocid1.tenancy.oc1..claim"}.get(name)


PLACES = {
    "instance_principal": ("InstancePrincipalsSecurityTokenSigner", Signer, "ocid1.tenancy.oc1..place"),
    "resource_principal": ("get_resource_principals_signer", OfResource, "ocid1.tenancy.oc1..claim"),
    "oke_workload_identity": (
        "get_oke_workload_identity_resource_principal_signer", OfResource, "ocid1.tenancy.oc1..claim"
    ),
}  # fmt: skip


@pytest.mark.parametrize("auth", PLACES)
def test_a_machine_or_a_pod_signs_in_by_itself(monkeypatch: pytest.MonkeyPatch, auth: str) -> None:
    name, signer, tenancy = PLACES[auth]
    monkeypatch.setattr(oci.auth.signers, name, signer)
    found = sign_in(Login(auth=auth, file="/nowhere"))
    assert (type(found.signer), found.tenancy, found.region) == (signer, tenancy, "eu-frankfurt-1")
    assert sign_in(Login(auth=auth, region="us-phoenix-1")).region == "us-phoenix-1"


@pytest.mark.parametrize("auth", PLACES)
def test_elsewhere_it_is_said_that_it_does_not_work(monkeypatch: pytest.MonkeyPatch, auth: str) -> None:
    def fails() -> Signer:
        raise OSError("no such machine")

    monkeypatch.setattr(oci.auth.signers, PLACES[auth][0], fails)
    with pytest.raises(ToolError, match=f"--auth {auth} works only [a-z A-Z]+, and this is none: no such machine"):
        sign_in(Login(auth=auth))


def test_elsewhere_the_sdk_s_page_of_advice_is_one_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    """As it raises it where a proxy answers for the address of an instance's metadata."""

    def fails() -> Signer:
        refused = {"status": 403, "message": "403 Client Error", "troubleshooting_tips": "See https://docs.oracle.com"}
        raise RuntimeError(
            refused, "Instance principals can only be used on OCI compute instances. Please confirm this."
        )

    monkeypatch.setattr(oci.auth.signers, PLACES["instance_principal"][0], fails)
    with pytest.raises(ToolError) as caught:
        sign_in(Login(auth="instance_principal"))
    assert str(caught.value) == (
        "--auth instance_principal works only on an instance of OCI, and this is none:"
        " Instance principals can only be used on OCI compute instances"
    )


def test_the_cloud_shell_asks_in_the_name_of_its_user(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(oci.auth.signers, "InstancePrincipalsDelegationTokenSigner", Signer)
    (tmp_path / "delegation").write_text("of.the.user\n", encoding="utf-8")
    file = config(tmp_path, user="", delegation_token_file=str(tmp_path / "delegation"))
    login = Login(auth="instance_obo_user", file=file)
    found = sign_in(login)
    assert found.signer.options == {"delegation_token": "of.the.user"}
    assert (found.tenancy, found.region) == ("ocid1.tenancy.oc1..aaaa", "us-phoenix-1")
    url = urlsplit(base64.urlsafe_b64decode(cluster_token(login, "ocid1.cluster.oc1.phx.a")).decode())
    assert parse_qs(url.query)["opc-obo-token"] == ["of.the.user"]


@pytest.mark.parametrize(
    ("file", "expected"), [("", "there is no delegation_token_file"), ("/nowhere/token", "its token cannot be read")]
)
def test_who_is_not_in_the_cloud_shell_is_told(tmp_path: Path, file: str, expected: str) -> None:
    with pytest.raises(ToolError, match=f"{expected}.*is for Oracle's Cloud Shell"):
        sign_in(Login(auth="instance_obo_user", file=config(tmp_path, delegation_token_file=file)))
