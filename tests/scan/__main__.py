"""Scan, print one table, and fail on everything that exemptions.toml doesn't explain."""

import itertools
import sys
import tempfile
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path, PurePosixPath

from gpuyard.project.ci import Ci, Extra, Pipeline, pipeline_files
from tests.conftest import ROOT, write_tree
from tests.scan import objects, ours, scanners
from tests.scan.finding import Exemption, Finding, Report, exemptions

EXEMPTIONS = Path(__file__).with_name("exemptions.toml")
WORKFLOWS = (*sorted((ROOT / ".github" / "workflows").glob("*.y*ml")),)
ACTIONS = (ROOT / "action.yml",)
INSTALL = (
    "index",
    "https://pypi.example.com/simple",
    "git+https://git.example.com/a/b@v1",
    f"https://files.example.com/gpuyard-1-py3-none-any.whl#sha256={'0' * 64}",
)


def reports(folder: Path) -> list[Report]:
    """What every scanner says about the demo."""
    resolved, tree = objects.demo()
    repository = folder / "repository"
    write_tree(repository, tree)
    found = objects.everything(resolved, tree, repository)
    generated = [repository / path for path in tree if path.suffix == ".yaml" and "templates" not in path.parts]
    started = _started(folder / "started")
    github, gitlab = (list(each) for each in started)
    workflows = [*WORKFLOWS, *github]
    return [
        scanners.checkov(found, folder / "checkov"),
        scanners.trivy(found, resolved.stack.policy.registries, folder / "trivy"),
        ours.pod_security(found),
        ours.schemas(found),
        scanners.zizmor([*workflows, *ACTIONS]),
        scanners.actionlint(workflows),
        scanners.schemas({"github-workflows": workflows, "github-actions": ACTIONS, "gitlab-ci": gitlab}),
        scanners.yamllint(generated, repository),
        ours.secrets(tree),
    ]


def _started(folder: Path) -> tuple[list[Path], list[Path]]:
    """Each different file that `gpuyard init` writes, of GitHub and of GitLab, for all that can be asked for."""
    found: dict[Ci, dict[str, Path]] = {ci: {} for ci in Ci}
    extras = [frozenset(some) for count in range(len(Extra) + 1) for some in itertools.combinations(Extra, count)]
    places = (PurePosixPath(), PurePosixPath("teams/gpu"))
    for number, (ci, some, install, place) in enumerate(itertools.product(Ci, extras, INSTALL, places)):
        tree = pipeline_files(Pipeline(ci, some, install), place, "main")
        write_tree(folder / str(number), tree)
        for path, text in tree.items():
            found[ci].setdefault(text, folder / str(number) / path)
    return [*found[Ci.GITHUB].values()], [*found[Ci.GITLAB].values()]


def table(found: Sequence[Report], known: Sequence[Exemption]) -> str:
    """One row a scanner: what it looked at, what is new, what is explained, by id."""
    rows = [("scanner", "looked at", "findings", "exempt", "exempt by id")]
    for report in found:
        exempt = [each for each in report.findings if _explained(each, known)]
        new = len(report.findings) - len(exempt)
        rows.append((report.scanner, report.looked, str(new), str(len(exempt)), _by_id(exempt)))
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows
    )


def _explained(finding: Finding, known: Iterable[Exemption]) -> bool:
    return any(exemption.covers(finding) for exemption in known)


def _by_id(findings: Iterable[Finding]) -> str:
    return ", ".join(f"{rule} {count}" for rule, count in sorted(Counter(each.id for each in findings).items())) or "-"


def main() -> int:
    """0: nothing but what is explained; 1: something else, which is printed."""
    known = exemptions(EXEMPTIONS)
    with tempfile.TemporaryDirectory(prefix="gpuyard-scan-") as folder:
        found = reports(Path(folder))
    findings = [finding for report in found for finding in report.findings]
    lines = [table(found, known)]
    new = sorted(each for each in findings if not _explained(each, known))
    stale = [each for each in known if not any(map(each.covers, findings))]
    lines += [f"{each.id}  {each.where}: {each.message}" for each in new]
    lines += [f"{each.id}  {each.objects}: covers nothing; remove it from {EXEMPTIONS.name}" for each in stale]
    sys.stdout.write("\n".join(lines) + "\n")
    return 1 if new or stale else 0


if __name__ == "__main__":
    sys.exit(main())
