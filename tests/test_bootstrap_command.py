"""`gpuyard bootstrap` and `gpuyard token` as users call them, against the cloud of tests/oci."""

import base64
import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest
from click.testing import CliRunner, Result

from gpuyard.cli.main import cli
from gpuyard.doors import yamlio
from gpuyard.doors.oci.endpoints import ENDPOINT
from gpuyard.project.load import parse
from gpuyard.render.engines.fluxfolder import beside
from tests.conftest import ROOT
from tests.gittools import git
from tests.oci.credentials import USER, new_key
from tests.oci.faults import How
from tests.oci.fixture import TENANCY, Running
from tests.ociruns import SPEC, Runs, kinds, stack
from tests.projects import STACK, merged, sources

FILES = sources(SPEC, stack())


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A stack with one cluster, in a directory."""
    for name, data in FILES.items():
        (tmp_path / "gitops" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "gitops" / name).write_bytes(data)
    return tmp_path / "gitops"


@pytest.fixture
def environment(oci_cloud: Running, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Mapping[str, str]:
    """Of a user of the cloud, for whom nothing takes long."""
    oci_cloud.pace = 0
    found = oci_cloud.environment(tmp_path / "oci")
    for key, value in found.items():
        monkeypatch.setenv(key, value)
    return found


def run(command: str, *arguments: str, text: str | None = None) -> Result:
    """Infrastructure alone: the hand-over has tests of its own."""
    own = ("--no-handover",) if command in ("plan", "apply") else ()
    arguments = (command, *arguments, *own)
    return CliRunner().invoke(cli, ["bootstrap", *arguments], input=text)


def test_from_plan_to_nothing(project: Path, environment: Mapping[str, str], oci_cloud: Running) -> None:
    """One story, since making a cluster takes seconds: plan, apply, status, facts, export, destroy."""
    where = str(project)
    planned = run("plan", where)
    assert planned.exit_code == 2
    assert re.search(r"^\+ create  phx/vcn +VCN$", planned.stdout, re.MULTILINE)
    assert "plan: 44 to create; 0 as they should be" in planned.stdout
    assert "all of it: USD/hour 4.68, USD/month 3417 (list prices of 2026-08-14)" in planned.stdout
    assert not oci_cloud.live()

    asked = run("apply", where)
    assert (asked.exit_code, not oci_cloud.live()) == (2, True)
    assert "there is nobody to ask: add --yes" in asked.output

    log = project.parent / "log"
    applied = run("apply", where, "--yes", "--log", str(log))
    assert applied.exit_code == 0, applied.output
    assert "create phx/cluster … (usually 8 min)" in applied.stderr
    steps = [json.loads(line) for line in log.read_text(encoding="utf-8").splitlines()]
    assert [step["step"] for step in steps if step["id"] == "phx/cluster"] == ["begun", "done"]

    again = run("plan", where, "--output", "json")
    assert again.exit_code == 0
    data = json.loads(again.stdout)
    assert {change["action"] for change in data["changes"]} == {"keep"}
    assert (round(data["cost"]["usdPerHour"], 2), data["cost"]["date"]) == (4.68, "2026-08-14")
    assert data["added"]["usdPerHour"] == 0
    assert run("apply", where).stdout.endswith("up to date\n")

    status = json.loads(run("status", where, "-o", "json").stdout)
    assert {row["id"] for row in status["resources"]} >= {"phx/cluster", "phx/vcn", "compartment", "bucket"}
    assert round(status["cost"]["usdPerHour"], 2) == round(data["cost"]["usdPerHour"], 2)
    assert "phx/cluster" in run("status", where).stdout

    check_facts(project, oci_cloud)
    check_export(run("export", where))

    dry = run("destroy", where, "--dry-run")
    assert dry.exit_code == 0
    assert "stays: phx/file-system" in dry.stdout
    assert kinds(oci_cloud)["vcn", "phx/vcn"] == 1
    gone = run("destroy", where, "--yes", "--delete-data")
    assert (gone.exit_code, gone.stdout.splitlines()[-1]) == (0, "done")
    assert not oci_cloud.live()
    assert json.loads(run("destroy", where, "-o", "json").stdout)["changes"] == []


def check_facts(project: Path, cloud: Running) -> None:
    git(project, "init", "--quiet", "--initial-branch", "main")
    git(project, "add", "--all")
    git(project, "commit", "--quiet", "--message", "first")
    made = run("facts", str(project))
    assert made.exit_code == 0, made.output
    assert "clusters/phx/oci.yaml" in made.stdout
    assert git(project, "status", "--porcelain").strip() == ""
    text = (project / "clusters/phx/oci.yaml").read_text(encoding="utf-8")
    storage, facts = (yamlio.load_data(part) for part in text.split("---\n"))
    (target,) = cloud.all("mount_target")
    assert storage["metadata"]["name"] == "oci-fss"
    assert storage["parameters"]["mountTargetOcid"] == target.id
    assert json.loads(storage["parameters"]["exportOptions"])[0]["identitySquash"] == "ALL"
    (cluster,) = cloud.all("cluster")
    assert facts["data"]["cluster"] == cluster.id
    assert run("facts", str(project)).stdout == "up to date\n"


def check_export(result: Result) -> None:
    """Every reference leads to something."""
    data = json.loads(result.stdout)
    known = {f"{kind}.{name}" for kind, rows in data["resource"].items() for name in rows}
    used = set(re.findall(r"\$\{(\w+\.\w+)\.\w+\}", json.dumps(data)))
    assert used <= known
    assert {"oci_core_vcn.phx_vcn", "oci_containerengine_cluster.phx_cluster"} <= used
    pool = data["resource"]["oci_containerengine_node_pool"]["phx_pool_vm_gpu_a10_2_ad1"]
    assert pool["node_source_details"]["boot_volume_size_in_gbs"] == 200
    assert pool["node_config_details"]["size"] == 1
    assert pool["freeform_tags"]["gpuyard-stack"] == "demo"


def test_only_a_target_and_what_it_needs(project: Path, environment: Mapping[str, str], oci_cloud: Running) -> None:
    assert run("apply", str(project), "--yes", "--target", "phx/subnet-files").exit_code == 0
    made = {name for _, name in kinds(oci_cloud) if name}
    assert made == {
        "compartment", "phx/vcn", "phx/nat-gateway", "phx/service-gateway", "phx/routes-private", "phx/security-list",
        "phx/subnet-files",
    }  # fmt: skip
    wrong = run("apply", str(project), "--yes", "--target", "phx/subnet-flies")
    assert wrong.exit_code == 66
    assert "no resource is called phx/subnet-flies; did you mean phx/subnet-files?" in wrong.output


def test_a_session_token_signs_in(project: Path, environment: Mapping[str, str]) -> None:
    assert run("plan", str(project), "--auth", "security_token", "--profile", "SESSION").exit_code == 2


def test_a_stack_without_infrastructure_is_told_what_is_missing(tmp_path: Path, environment: Mapping[str, str]) -> None:
    spec = merged(STACK, {"spec": {"clusters": [{**STACK["spec"]["clusters"][0], "region": None}]}})["spec"]
    del spec["clusters"][0]["region"]
    for name, data in sources(SPEC, {"clusters": spec["clusters"]}).items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(data)
    found = run("plan", str(tmp_path))
    assert found.exit_code == 65
    assert "spec.oci is missing: bootstrap needs a compartment" in found.output
    assert "spec.clusters[0].region is missing: bootstrap needs it" in found.output


def test_killed_for_good_the_next_process_goes_on(
    project: Path, environment: Mapping[str, str], oci_cloud: Running
) -> None:
    """By the operating system, in the middle."""
    path = f"{ROOT / 'generator'}:{ROOT}"
    command = [sys.executable, "-m", "gpuyard", "bootstrap", "apply", str(project), "--yes", "--no-handover"]
    process = subprocess.Popen(
        command, env={**os.environ, "PYTHONPATH": path}, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    oci_cloud.script.kill = process.kill
    oci_cloud.script.fail("create_subnet", skip=2, how=How.KILL_AFTER)
    assert process.wait(60) == -signal.SIGKILL
    oci_cloud.script.kill = None
    oci_cloud.script.revive()
    assert run("apply", str(project), "--yes").exit_code == 0
    counts = [count for (_, name), count in kinds(oci_cloud).items() if name]
    assert set(counts) == {1}
    assert run("plan", str(project)).exit_code == 0


def test_ctrl_c_ends_the_waiting_and_the_next_run_goes_on(
    project: Path, environment: Mapping[str, str], oci_cloud: Running
) -> None:
    oci_cloud.paces = {"work_request": 10_000}
    command = [sys.executable, "-m", "gpuyard", "bootstrap", "apply", str(project), "--yes", "--no-handover"]
    path = f"{ROOT / 'generator'}:{ROOT}"
    process = subprocess.Popen(
        command,
        env={**os.environ, "PYTHONPATH": path},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stderr
    for line in process.stderr:
        if line.startswith("create phx/cluster …"):
            break
    process.send_signal(signal.SIGINT)
    said = process.communicate(timeout=60)[1]
    assert process.returncode == 130
    assert "interrupted; what was made is kept, and the same command goes on from there" in said
    assert "Traceback" not in said
    oci_cloud.paces = {}
    for work in oci_cloud.all("work_request"):
        work.reads = 0
    assert run("apply", str(project), "--yes").exit_code == 0
    assert kinds(oci_cloud)["cluster", "phx/cluster"] == 1
    assert run("plan", str(project)).exit_code == 0


def test_a_token_is_a_request_that_the_cluster_sends_on(
    environment: Mapping[str, str], oci_cloud: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = {"apiVersion": "client.authentication.k8s.io/v1beta1", "kind": "ExecCredential"}
    monkeypatch.setenv("KUBERNETES_EXEC_INFO", json.dumps(asked))
    cluster = "ocid1.cluster.oc1.phx.aaaa"
    result = CliRunner().invoke(cli, ["token", "--cluster-id", cluster, "--region", "us-phoenix-1"])
    assert result.exit_code == 0, result.output
    data = json.loads(result.stdout)
    assert (data["kind"], data["apiVersion"]) == ("ExecCredential", asked["apiVersion"])
    url = urlsplit(base64.urlsafe_b64decode(data["status"]["token"]).decode())
    assert url.path.endswith(f"/container_engine/cluster_request/{cluster}")
    shown = {key: value[0] for key, value in parse_qs(url.query).items()}
    assert f'keyId="{TENANCY}/{USER}/{new_key().fingerprint}"' in shown["authorization"]
    headers = {**shown, "host": url.netloc}
    oci_cloud.keys.verify("GET", url.path, headers, b"")


@pytest.mark.parametrize(
    ("region", "host"),
    [
        ("us-phoenix-1", "containerengine.us-phoenix-1.oraclecloud.com"),
        ("us-langley-1", "containerengine.us-langley-1.oraclegovcloud.com"),
        ("eu-frankfurt-2", "containerengine.eu-frankfurt-2.oraclecloud.eu"),
    ],
)
def test_a_token_is_for_the_realm_of_its_region(
    environment: Mapping[str, str], monkeypatch: pytest.MonkeyPatch, region: str, host: str
) -> None:
    monkeypatch.delenv(ENDPOINT)
    result = CliRunner().invoke(cli, ["token", "--cluster-id", "ocid1.cluster.oc1.x.a", "--region", region])
    token = json.loads(result.stdout)["status"]["token"]
    assert urlsplit(base64.urlsafe_b64decode(token).decode()).netloc == host


def test_a_token_is_for_a_cluster() -> None:
    result = CliRunner().invoke(cli, ["token", "--cluster-id", "phx"])
    assert result.exit_code == 2
    assert "must be the OCID of a cluster" in result.output


def test_compile_knows_the_file_of_facts() -> None:
    found = parse(FILES).stack
    assert list(beside(found, "phx", ["flux.yaml"], {"oci.yaml": "kind: ConfigMap"})) == []
    assert len(list(beside(found, "phx", ["flux.yaml"], {"other.yaml": "kind: ConfigMap"}))) == 1


@pytest.mark.parametrize(
    "arguments",
    [["--help"], ["bootstrap", "--help"], ["bootstrap", "apply", "--help"], ["token", "--help"], ["shapes"],
     ["check", "{}"], ["compile", "{}", "--no-commit"], ["diff", "{}"]],
    ids=" ".join,
)  # fmt: skip
def test_only_what_asks_oracle_imports_its_sdk(project: Path, arguments: list[str]) -> None:
    code = """
import sys
from gpuyard.cli.main import cli
try:
    cli.main(sys.argv[1:], standalone_mode=False)
finally:
    print("oci" in sys.modules)
"""
    done = subprocess.run(
        [sys.executable, "-c", code, *(each.format(project) for each in arguments)], capture_output=True, text=True,
        env={**os.environ, "PYTHONPATH": f"{ROOT / 'generator'}:{ROOT}"},
    )  # fmt: skip
    assert done.stdout.endswith("False\n"), done.stderr


def test_runs_are_of_the_same_stack(oci_cloud: Running, tmp_path: Path) -> None:
    assert Runs(oci_cloud, tmp_path).project.sources == FILES
