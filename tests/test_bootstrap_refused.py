"""What stands against a bootstrap, as users meet it: each says what, why and what to do, and nothing is half done."""

import base64
import json
import os
import re
import signal
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from gpuyard.cli.main import cli
from gpuyard.doors.oci.endpoints import ENDPOINT
from tests.oci.faults import How
from tests.oci.fixture import Running
from tests.ociruns import SPEC, kinds, stack
from tests.projects import sources

SHAPE = "VM.GPU.A10.2"
Prepare = Callable[[Running, Path, pytest.MonkeyPatch], None]


@dataclass(frozen=True, kw_only=True)
class Case:
    """What is wrong, and what is said of it; `made`: what is there afterwards all the same."""

    says: tuple[str, ...]
    code: int = 69
    options: tuple[str, ...] = ()
    cluster: Mapping[str, Any] = field(default_factory=dict)
    prepare: Prepare = lambda cloud, folder, monkeypatch: None
    made: tuple[str, ...] = ()


def session(cloud: Running, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One that ended a minute ago."""
    payload = base64.urlsafe_b64encode(json.dumps({"exp": time.time() - 60}).encode()).decode().rstrip("=")
    (folder / "oci" / "token").write_text(f"e30.{payload}.c2ln", encoding="utf-8")


def none_at_all(cloud: Running, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (folder / "oci" / "config").write_text("hello\n", encoding="utf-8")


def without_key(cloud: Running, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = folder / "oci" / "config"
    file.write_text(re.sub("key_file.*", "key_file = /nowhere/key.pem", file.read_text()), encoding="utf-8")


def revoked(cloud: Running, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The key was taken away in the Console."""
    cloud.keys.known.clear()


def skewed(cloud: Running, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    cloud.keys.ahead = timedelta(minutes=15)


def unreachable(cloud: Running, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from gpuyard.doors.oci import cloud as door

    monkeypatch.setenv(ENDPOINT, "http://127.0.0.1:1/{region}/{service}")
    monkeypatch.setattr(door, "delay", lambda _: 0.0)


def taken(cloud: Running, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    cloud.add("compartment", cloud.home, {"name": "gpu", "description": "x", "compartmentId": cloud.tenancy})


def without_hosts(cloud: Running, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    cloud.capacity = {SHAPE: 0}


def without_limit(cloud: Running, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    cloud.limits = {"gpu-a10-count": 0}


CASES = {
    "no configuration": Case(
        options=("--config-file", "/nowhere/config"),
        says=("there is no OCI configuration /nowhere/config", "make one with `oci setup config`, or set --auth"),
    ),
    "a configuration that is none": Case(
        prepare=none_at_all,
        says=("is no OCI configuration: File contains no section headers", "make one with `oci setup config`"),
    ),
    "a key that is not there": Case(
        prepare=without_key,
        says=("profile DEFAULT: key_file /nowhere/key.pem is not there", "make a key with `oci setup keys`"),
    ),
    "a profile that is not there": Case(
        options=("--profile", "DEFALUT"),
        says=("has no profile DEFALUT", "did you mean DEFAULT?"),
    ),
    "a session that has ended": Case(
        options=("--profile", "SESSION", "--auth", "security_token"),
        prepare=session,
        says=("the session of profile SESSION has expired", "`oci session authenticate --profile-name SESSION`"),
    ),
    "a key that is not known": Case(
        prepare=revoked,
        says=("OCI does not accept the credentials", "check user, fingerprint and key of the profile"),
    ),
    "a region that nobody knows": Case(
        options=("--region", "us-fenix-1"),
        says=("no region is called us-fenix-1; did you mean us-phoenix-1?",),
    ),
    "a region of the stack that nobody knows": Case(
        cluster={"region": "us-fenix-1"},
        says=(
            "the tenancy is not subscribed to us-fenix-1",
            "subscribe in the Console, or change region (did you mean us-phoenix-1?)",
        ),
    ),
    "a region that the tenancy does not have": Case(
        cluster={"region": "eu-frankfurt-1"},
        says=("the tenancy is not subscribed to eu-frankfurt-1", "subscribe in the Console, or change region"),
    ),
    "a shape that the region does not have": Case(
        cluster={"shapes": {"a10": "VM.GPU.A10.1"}},
        prepare=lambda cloud, folder, monkeypatch: cloud.withheld.append("VM.GPU.A10.1"),
        says=(
            "phx: 1 VM.GPU.A10.1 cannot start",
            "AD-1: VM.GPU.A10.1 is not offered",
            "choose another OCI shape or region",
        ),
    ),
    "a limit of nothing": Case(
        prepare=without_limit,
        says=(
            f"phx: 1 {SHAPE} cannot start",
            "AD-1: limit gpu-a10-count leaves 0 GPUs, 2 are needed",
            "ask for more in the Console under Limits, Quotas and Usage",
        ),
    ),
    "no capacity": Case(
        prepare=without_hosts,
        code=75,
        says=(f"no availability domain has 1 more {SHAPE} at the moment", "the same command tries again"),
        made=("phx/cluster", f"phx/pool-{SHAPE}-ad3"),
    ),
    "a subnet that is too small": Case(
        cluster={"oci": {"cidr": "10.0.0.0/22", "system": {"nodes": 9}}},
        says=("need", "addresses for pods, 10.0.2.0/23 has 509", "choose a larger spec.clusters[].oci.cidr"),
    ),
    "a range that is none": Case(
        cluster={"oci": {"cidr": "10.0.1.0/16"}},
        code=65,
        says=("spec.clusters[0].oci.cidr", "10.0.1.0/16 has host bits set; write 10.0.0.0/16"),
    ),
    "clients that are none": Case(
        cluster={"oci": {"api": ["203.0.113.0/24", "203.0.113.7/24"]}},
        code=65,
        says=("spec.clusters[0].oci.api[1]", "203.0.113.7/24 has host bits set; write 203.0.113.0/24"),
    ),
    "clients by IPv6": Case(
        cluster={"oci": {"api": ["2001:db8::/64"]}},
        code=65,
        says=("2001:db8::/64 is IPv6, which bootstrap's networks do not have; list IPv4 addresses",),
    ),
    "a name that somebody has": Case(
        prepare=taken,
        says=("a compartment gpu is there that gpuyard did not make (ocid1.", "choose another name"),
    ),
    "a clock that is wrong": Case(
        prepare=skewed,
        says=("the signature was refused: this machine's clock is 15 minutes behind OCI's; set the clock",),
    ),
    "no network": Case(
        prepare=unreachable,
        says=(
            "OCI cannot be reached: 127.0.0.1: Connection refused;",
            "check the network, the proxy and the region, then run it again",
        ),
    ),
}


def written(folder: Path, cluster: Mapping[str, Any]) -> str:
    """The directory of a stack with one cluster."""
    for name, data in sources(SPEC, stack(None, dict(cluster))).items():
        (folder / "gitops" / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / "gitops" / name).write_bytes(data)
    return str(folder / "gitops")


@pytest.fixture
def cloud(oci_cloud: Running, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Running:
    """One for whose users nothing takes long."""
    oci_cloud.pace = oci_cloud.lag = 0
    for key, value in oci_cloud.environment(tmp_path / "oci").items():
        monkeypatch.setenv(key, value)
    return oci_cloud


def run(command: str, *arguments: str, text: str | None = None) -> Result:
    """Infrastructure alone: the hand-over has tests of its own."""
    own = ("--no-handover",) if command in ("plan", "apply") else ()
    return CliRunner().invoke(cli, ["bootstrap", command, *arguments, *own], input=text)


@pytest.mark.parametrize("name", CASES)
def test_what_is_wrong_is_said_with_what_to_do(
    cloud: Running, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    case = CASES[name]
    where = written(tmp_path, case.cluster)
    case.prepare(cloud, tmp_path, monkeypatch)
    before = kinds(cloud)
    found = run("apply", where, "--yes", *case.options)
    assert found.exit_code == case.code, found.output
    for text in case.says:
        assert text in found.stderr
    assert "Traceback" not in found.output
    made = {resource for _, resource in kinds(cloud) - before}
    assert made >= set(case.made)
    assert bool(made) == bool(case.made)
    as_data = run("plan", where, "--output", "json", *case.options)
    assert json.loads(as_data.stdout)["ok"] is (name in PLANNED)


PLANNED = (
    "no capacity", "a limit of nothing", "a subnet that is too small", "a name that somebody has",
    "a shape that the region does not have",
)  # fmt: skip
"""What a plan says as a part of itself: it fails only when somebody wants it carried out."""


@pytest.mark.parametrize("name", PLANNED)
def test_a_plan_says_it_before_anybody_applies(
    cloud: Running, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    case = CASES[name]
    case.prepare(cloud, tmp_path, monkeypatch)
    found = run("plan", written(tmp_path, case.cluster))
    told = [line for line in found.stdout.splitlines() if line.startswith(("refused: ", "note: "))]
    assert len(told) == 1, found.stdout
    assert found.exit_code == 2


@pytest.mark.parametrize("command", ["apply", "destroy"])
def test_nothing_is_bought_or_deleted_that_nobody_agreed_to(cloud: Running, tmp_path: Path, command: str) -> None:
    where = written(tmp_path, {})
    if command == "destroy":
        assert run("apply", where, "--yes").exit_code == 0
    before = kinds(cloud)
    found = run(command, where)
    assert (found.exit_code, kinds(cloud)) == (2, before)
    assert "there is nobody to ask: add --yes" in found.stderr
    told = "new: USD/hour 4.68, USD/month 3417" if command == "apply" else "to delete, "
    assert told in found.stdout


@contextmanager
def interrupts() -> Iterator[None]:
    """Ctrl-C is heard here, whatever workers of pytest-xdist do."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


def pressed(cloud: Running) -> Callable[[], None]:
    """Ctrl-C, of a client that goes on to be heard."""

    def press() -> None:
        cloud.script.dead = False
        os.kill(os.getpid(), signal.SIGINT)

    return press


@pytest.mark.parametrize("number", [1, 4, 20, 34, 40, 60, 75, 90, 110])
def test_ctrl_c_at_any_moment_keeps_what_is_there(cloud: Running, tmp_path: Path, number: int) -> None:
    where = written(tmp_path, {})
    cloud.script.kill = pressed(cloud)
    cloud.script.fail(at=number, how=How.KILL_AFTER)
    with interrupts():
        found = run("apply", where, "--yes")
    assert found.exit_code == 130, found.output
    assert "interrupted; what was made is kept, and the same command goes on from there" in found.stderr
    assert "Traceback" not in found.output
    cloud.script.kill = None
    cloud.script.revive()
    assert run("apply", where, "--yes").exit_code == 0
    assert {count for (_, name), count in kinds(cloud).items() if name} == {1}
    assert run("plan", where).exit_code == 0


@pytest.mark.parametrize("number", [1, 20, 60])
def test_ctrl_c_during_a_destroy_goes_on_as_well(cloud: Running, tmp_path: Path, number: int) -> None:
    where = written(tmp_path, {})
    assert run("apply", where, "--yes").exit_code == 0
    cloud.script.kill = pressed(cloud)
    cloud.script.fail(at=len(cloud.log) + number, how=How.KILL_AFTER)
    with interrupts():
        found = run("destroy", where, "--yes", "--delete-data")
    assert found.exit_code == 130, found.output
    assert "the same command goes on from there" in found.stderr
    cloud.script.kill = None
    cloud.script.revive()
    assert run("destroy", where, "--yes", "--delete-data").exit_code == 0
    assert cloud.live() == []
