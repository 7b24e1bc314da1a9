"""What several test modules need: golden trees, the real programs, projects on disk."""

import os
import shutil
import signal
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any

import pytest

from gpuyard.catalogue.shapes import catalogue
from gpuyard.catalogue.shippedchart import shipped_charts
from gpuyard.doors.helm import Embedded
from gpuyard.project.load import parse
from gpuyard.project.starter import starter
from gpuyard.render import render
from gpuyard.resolve import Resolved, resolve
from gpuyard.tree import Tree

if TYPE_CHECKING:
    from tests.oci.fixture import Running

# Helm and promtool are Go, and collect often what little they throw away; a process learns it when it starts, such as
# each worker of pytest-xdist.
os.environ.setdefault("GOGC", "400")

# Ctrl-C is ignored below a shell's background job, and by every child of such a process; tests interrupt theirs.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

# What one test has compiled isn't what another one finds.
os.environ["GPUYARD_COMPILE_CACHE"] = "off"

ROOT = Path(__file__).resolve().parents[1]
GOLDEN = ROOT / "tests" / "golden"


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--update-golden", action="store_true", help="rewrite tests/golden")


def pytest_sessionfinish(session: pytest.Session, exitstatus: int) -> None:
    """In CI a skipped test is a failure: something that should be installed isn't."""
    reporter = session.config.pluginmanager.get_plugin("terminalreporter")
    if os.environ.get("CI") and reporter is not None and reporter.stats.get("skipped") and exitstatus == 0:
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


def pytest_terminal_summary(terminalreporter: Any) -> None:
    """Of `make crash`: what came of the kills, by the scene in which they were, and the matrix of bootstraps."""
    if os.environ.get("GPUYARD_CRASH") != "all":
        return
    from tests.crashtable import lines

    reports = [report for outcome in ("passed", "failed") for report in terminalreporter.stats.get(outcome, ())]
    for line in lines(reports):
        terminalreporter.write_line(line)
    told = [dict(report.user_properties).get("crash") for report in reports]
    if found := [each for each in told if isinstance(each, Mapping)]:
        terminalreporter.write_line("")
        for row in crash_table(found):
            terminalreporter.write_line(row)


def crash_table(found: Iterable[Mapping[str, Any]]) -> list[str]:
    """Scene, kills, and in how many of them the branch was as before or as after; the last row has the sums."""
    rows = [[each["scene"], each["kills"], each["before"], each["after"]] for each in found]
    rows.append(["together", *(sum(row[part] for row in rows) for part in (1, 2, 3))])
    heads = ["scene", "kills", "as before", "as after"]
    return [f"{row[0]:<44}{row[1]:>8}{row[2]:>12}{row[3]:>12}" for row in [heads, *rows]]


@pytest.fixture
def oci_cloud() -> Iterator["Running"]:
    """An Oracle Cloud on this machine: tests/oci/README.md."""
    from tests.oci.fixture import running  # the SDK takes half a second, which other tests need not wait

    with running() as cloud:
        yield cloud
        assert [each for each in cloud.log if each.code == "LoopbackFault"] == []


@pytest.fixture(scope="session")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Counter[tuple[str, str]]:
    """What there is after a bootstrap of tests/ociruns.py in which nothing went wrong."""
    from tests.oci.fixture import running
    from tests.ociruns import Runs, kinds

    with running() as cloud:
        Runs(cloud, tmp_path_factory.mktemp("whole")).apply()
        return kinds(cloud)


@pytest.fixture
def assert_golden(pytestconfig: pytest.Config) -> Callable[[str, Tree], None]:
    """Compare a tree with tests/golden/<name>; with --update-golden, rewrite it."""

    def check(name: str, tree: Tree) -> None:
        root = GOLDEN / name
        if pytestconfig.getoption("--update-golden"):
            shutil.rmtree(root, ignore_errors=True)
            write_tree(root, tree)
        files = (path for path in root.rglob("*") if path.is_file())
        found = {PurePosixPath(path.relative_to(root)): path.read_text(encoding="utf-8") for path in files}
        assert sorted(map(str, tree)) == sorted(map(str, found))
        for path, text in tree.items():
            assert text == found[path], path

    return check


def write_tree(root: Path, tree: Tree) -> None:
    """A tree as plain files."""
    for path, text in tree.items():
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_text(text, encoding="utf-8")


def gathered(root: Path, shape: str) -> Path:
    """A kustomization of everything that runs on a shape."""
    folders = sorted(file.parent for file in (root / "overlays" / shape).rglob("kustomization.yaml"))
    where = root / f"all-{shape}"
    where.mkdir(exist_ok=True)
    lines = [f"- ../{folder.relative_to(root)}\n" for folder in folders]
    (where / "kustomization.yaml").write_text("".join(["resources:\n", *lines]), encoding="utf-8")
    return where


def demo_sources(engine: str = "flux") -> dict[str, bytes]:
    """stack.yaml as `gpuyard init` writes it, and every shipped blueprint."""
    blueprints = {file.name: file.read_text(encoding="utf-8") for file in sorted((ROOT / "blueprints").glob("*.yaml"))}
    repository = {"url": "https://git.example.com/demo/gitops", "branch": "main"}
    tree = starter("demo", repository, catalogue().values(), blueprints, engine)
    wanted = ("stack.yaml", "blueprints/")
    return {str(path): text.encode() for path, text in tree.items() if str(path).startswith(wanted)}


@pytest.fixture(scope="session")
def demo() -> Resolved:
    return resolve(parse(demo_sources()))


@pytest.fixture(scope="session")
def demo_tree(demo: Resolved) -> Tree:
    return render(demo, shipped_charts(), Embedded(shipped_charts()))


@pytest.fixture(scope="session")
def demo_path(demo_tree: Tree, tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("demo")
    write_tree(root, demo_tree)
    return root


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A directory with stack.yaml and the shipped blueprints, not yet a Git repository."""
    root = tmp_path / "gitops"
    for name, data in demo_sources().items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(data)
    return root


def _program(name: str) -> Path:
    found = shutil.which(name, path=f"{ROOT / '.tools'}:{ROOT / '.venv/bin'}:{os.environ['PATH']}")
    if found is None:
        pytest.skip(f"{name} is not here; `make tools` installs it")
    return Path(found)


@pytest.fixture(scope="session")
def helm_binary() -> Path:
    return _program("helm")


@pytest.fixture(scope="session")
def chart_testing_path() -> str:
    """A PATH with ct, and with what it runs."""
    folders = {str(_program(name).parent): None for name in ("ct", "helm", "yamale", "yamllint", "git")}
    return os.pathsep.join([*folders, os.environ["PATH"]])


@pytest.fixture(scope="session")
def kubectl() -> Path:
    return _program("kubectl")


@pytest.fixture(scope="session")
def promtool() -> Path:
    return _program("promtool")
