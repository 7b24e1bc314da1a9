"""The scanners of others: each in a virtual environment of its own, because their dependencies don't agree.

Each gets a pod beside our objects that breaks their rules; one that doesn't complain about it isn't working.
"""

import json
import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from gpuyard.doors import yamlio
from tests.conftest import ROOT
from tests.scan.finding import Finding, Report
from tests.scan.objects import Objects, named

__all__ = ["actionlint", "checkov", "schemas", "trivy", "yamllint", "zizmor"]

TOOLS = ROOT / ".tools" / "scan"
CANARY: Mapping[str, Any] = {
    "apiVersion": "v1",
    "kind": "Pod",
    "metadata": {"name": "canary", "namespace": "canary"},
    "spec": {
        "hostNetwork": True,
        "containers": [{"name": "main", "image": "canary", "securityContext": {"privileged": True}}],
    },
}
# A workflow and a pipeline that break the rules of those who read them.
BAD_WORKFLOW = """\
on: pull_request_target
jobs:
  canary:
    runs-on: ubuntu-24.04
    step: []
    steps: [{uses: actions/checkout@main}, {run: "echo ${{ nothing.at.all }}"}]
"""
BAD_PIPELINE = "canary: {script: [true], rules: 7}\n"
# One object of these kinds turns a check on for all objects of a run, whatever their kind.
QUOTAS = frozenset({"ResourceQuota", "LimitRange"})


def checkov(objects: Objects, folder: Path) -> Report:
    """One run per shape or case: a policy of one must not excuse a pod of another."""
    runs: dict[str, dict[str, list[Any]]] = {}
    for group, found in objects.items():
        runs.setdefault("/".join(group.split("/")[:2]), {})[group] = found
    with ThreadPoolExecutor(max_workers=2) as pool:
        found = pool.map(lambda run: _checkov(folder / str(run[0]), run[1]), enumerate(runs.values()))
        findings = [finding for each in found for finding in each]
    return Report(f"checkov {_version('checkov', 'checkov')}", _count(objects), findings)


def _checkov(root: Path, groups: Objects) -> Iterator[Finding]:
    names = _write(root, groups)
    argv = ["--skip-download", "--framework", "kubernetes", "--compact", "-o", "json", "--soft-fail"]
    report = json.loads(_run("checkov", "checkov", *argv, "-d", str(root)))
    failed = report["results"]["failed_checks"]
    read = {each["file_path"].removeprefix("/") for each in [*failed, *report["results"]["passed_checks"]]}
    missed = {path for path, name in names.items() if "/Deployment/" in name or "/Job/" in name} - read
    if missed or report["summary"]["parsing_errors"]:
        raise SystemExit(f"checkov did not read all of {', '.join(groups)}: {', '.join(sorted(missed))}")
    found = [
        Finding(each["check_id"], names[each["file_path"].removeprefix("/")], each["check_name"]) for each in failed
    ]
    return _without_canary("checkov", "CKV_K8S_16", found)


def trivy(objects: Objects, registries: Sequence[str], folder: Path) -> Report:
    """Misconfigurations by the checks inside the program; `registries` are those that the stack trusts."""
    data = folder / "data"
    data.mkdir(parents=True)
    (data / "data.json").write_text(json.dumps({"ksv0125": {"trusted_registries": list(registries)}}))
    findings: list[Finding] = []
    for part in ("quotas", "others"):
        chosen = {
            group: [obj for obj in found if (obj["kind"] in QUOTAS) == (part == "quotas")]
            for group, found in objects.items()
        }
        root = folder / part
        names = _write(root, chosen)
        argv = ["config", "--quiet", "--skip-check-update", "--skip-version-check", "--disable-telemetry"]
        argv += ["--format", "json", "--config-data", str(data), str(root)]
        results = json.loads(_run("trivy", "trivy", *argv))["Results"]
        if missed := set(names) - {result["Target"] for result in results}:
            raise SystemExit(f"trivy did not read {', '.join(sorted(missed))}")
        found = [
            Finding(each["ID"], names[result["Target"]], each["Message"])
            for result in results
            for each in result.get("Misconfigurations", ())
        ]
        findings += _without_canary("trivy", "KSV-0017", found)
    version = _run("trivy", "trivy", "--version").split()[1]
    return Report(f"trivy {version}", _count(objects), findings)


def zizmor(workflows: Sequence[Path]) -> Report:
    """Workflows and actions; without network, so that what it says depends on them alone."""
    argv = ["--offline", "--no-progress", "--no-exit-codes", "--format", "json"]
    with _canary("canary.yml", BAD_WORKFLOW) as bad:
        found = json.loads(_run("lint", "zizmor", *argv, *map(str, (*workflows, bad))))
        findings = _without(bad, "zizmor", [Finding(each["ident"], _workflow(each), each["desc"]) for each in found])
    return Report(f"zizmor {_version('lint', 'zizmor')}", f"{len(workflows)} workflows", findings)


def actionlint(workflows: Sequence[Path]) -> Report:
    """Workflows by GitHub's own rules: keys, expressions, types, contexts; no other program looks at their scripts."""
    program = shutil.which("actionlint")
    if program is None:
        raise SystemExit("there is no actionlint on PATH; `make scan` builds it")
    argv = [program, "-no-color", "-shellcheck=", "-pyflakes=", "-format", "{{json .}}", *map(str, workflows)]
    with _canary("canary.yml", BAD_WORKFLOW) as bad:
        done = subprocess.run([*argv, bad], capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL)
        if done.returncode not in {0, 1}:
            raise SystemExit(f"actionlint failed with {done.returncode}: {done.stderr.strip()[-2000:]}")
        found = json.loads(done.stdout or "[]")
        each_found = [
            Finding(f"actionlint/{each['kind']}", _named(Path(each["filepath"])), each["message"]) for each in found
        ]
        findings = _without(bad, "actionlint", each_found)
    version = subprocess.run([program, "-version"], capture_output=True, text=True, check=True).stdout.split()[0]
    return Report(f"actionlint {version}", f"{len(workflows)} workflows", findings)


def schemas(files: Mapping[str, Sequence[Path]]) -> Report:
    """Files of CI systems by the schemas that their makers publish, as check-jsonschema carries them."""
    findings: list[Finding] = []
    for name, found in files.items():
        with _canary("canary.yml", BAD_PIPELINE) as bad:
            argv = ["--builtin-schema", f"vendor.{name}", "--output-format", "json", *map(str, (*found, bad))]
            report = json.loads(_run("lint", "check-jsonschema", *argv, fails=(1,)))
            every = [*report.get("errors", ()), *report.get("parse_errors", ())]
            named = [Finding(f"schema/{name}", _named(Path(each["filename"])), each["message"]) for each in every]
            findings += _without(bad, "check-jsonschema", named)
    counted = f"{sum(map(len, files.values()))} files"
    return Report(f"check-jsonschema {_version('lint', 'check-jsonschema')}", counted, findings)


def yamllint(files: Sequence[Path], root: Path) -> Report:
    """Generated YAML, by yamllint.yaml beside this file."""
    argv = ["-f", "parsable", "-c", str(Path(__file__).with_name("yamllint.yaml")), *map(str, files)]
    findings = []
    for line in _run("lint", "yamllint", *argv, fails=(1,)).splitlines():
        place, _, message = line.partition(": ")
        where = Path(place.split(":", 1)[0]).relative_to(root)
        findings.append(Finding(f"yamllint/{message.rpartition('(')[2].rstrip(')')}", str(where), message))
    return Report(f"yamllint {_version('lint', 'yamllint')}", f"{len(files)} files", findings)


def _workflow(finding: Mapping[str, Any]) -> str:
    key = finding["locations"][0]["symbolic"]["key"]
    return _named(Path(next(iter(key.values()))["verbatim_path"]))


def _named(path: Path) -> str:
    found = path.resolve()
    return str(found.relative_to(ROOT)) if found.is_relative_to(ROOT) else found.name


def _write(root: Path, groups: Objects) -> dict[str, str]:
    """One object a file; what each file holds, by its path below the root."""
    names = {"canary.yaml": "canary"}
    root.mkdir(parents=True)
    (root / "canary.yaml").write_text(yamlio.dump(CANARY))
    for group, found in groups.items():
        for number, obj in enumerate(found):
            path = Path(group) / f"{number}.yaml"
            (root / group).mkdir(parents=True, exist_ok=True)
            (root / path).write_text(yamlio.dump(obj), encoding="utf-8")
            names[str(path)] = named(group, obj)
    return names


@contextmanager
def _canary(name: str, text: str) -> Iterator[Path]:
    """A file that is wrong, for one run."""
    with tempfile.TemporaryDirectory(prefix="gpuyard-canary-") as folder:
        file = Path(folder) / name
        file.write_text(text, encoding="utf-8")
        yield file


def _without(canary: Path, scanner: str, findings: Sequence[Finding]) -> list[Finding]:
    kept = [finding for finding in findings if finding.where != canary.name]
    if len(kept) == len(findings):
        raise SystemExit(f"{scanner} said nothing about a file that is wrong; it does not work here")
    return kept


def _without_canary(scanner: str, rule: str, findings: Sequence[Finding]) -> Iterator[Finding]:
    if not any(finding.where == "canary" and finding.id == rule for finding in findings):
        raise SystemExit(f"{scanner} said nothing about a privileged container; it does not work here")
    return (finding for finding in findings if finding.where != "canary")


def _count(objects: Objects) -> str:
    return f"{sum(map(len, objects.values()))} objects"


def _version(environment: str, package: str) -> str:
    lines = (Path(__file__).parent / "requirements" / f"{environment}.txt").read_text(encoding="utf-8").split()
    return next(line.partition("==")[2] for line in lines if line.startswith(f"{package}=="))


def _run(environment: str, program: str, *arguments: str, fails: tuple[int, ...] = ()) -> str:
    argv = [str(TOOLS / environment / "bin" / program), *arguments]
    done = subprocess.run(argv, capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL)
    if done.returncode not in {0, *fails}:
        raise SystemExit(f"{program} failed with {done.returncode}: {done.stderr.strip()[-2000:]}")
    return done.stdout
