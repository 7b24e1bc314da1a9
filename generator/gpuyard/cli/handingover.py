"""What `gpuyard bootstrap apply` does once the infrastructure is there: facts, compile, push, engines."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from functools import partial, wraps
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from gpuyard.cli.output import progress

if TYPE_CHECKING:
    from gpuyard.bootstrap.handover.allclusters import Gifts, Handing
    from gpuyard.bootstrap.handover.steps import Handover, Move
    from gpuyard.bootstrap.observe import Observed
    from gpuyard.doors.git import Snapshot
    from gpuyard.doors.oci import Cloud, Login
    from gpuyard.project.load import Project
    from gpuyard.resolve import Resolved

__all__ = ["begin", "check_committable", "commit_facts", "finish", "handed_over", "kubeconfig"]

F = TypeVar("F", bound=Callable[..., Any])
Tell = Callable[[str], None]
_FACTS_MESSAGE = "Facts of the infrastructure\n\nWritten by gpuyard bootstrap from what is on Oracle Cloud.\n"
kubeconfig = click.option(
    "--kubeconfig",
    "kubeconfigs",
    multiple=True,
    metavar="CLUSTER=FILE",
    help="Reach a cluster by this kubeconfig, such as through a tunnel; repeatable.",
)
_FILE = click.Path(dir_okay=False, path_type=Path)
_OPTIONS = (
    click.option(
        "--handover/--no-handover", default=True, help="Install the engine and make it follow the stack. Default: do."
    ),
    kubeconfig,
    click.option(
        "--secret",
        "secrets",
        multiple=True,
        metavar="NAMESPACE/NAME/KEY=SOURCE",
        help="Value of a Secret: a file, vault:NAME, or the OCID of a secret in OCI Vault; repeatable.",
    ),
    click.option("--known-hosts", type=_FILE, metavar="FILE", help="SSH host keys of your Git host."),
    click.option(
        "--engine-manifests",
        "manifests",
        type=_FILE,
        metavar="FILE",
        help="Install the engine by these manifests. Default: those of gpuyard.",
    ),
    click.option(
        "--calico-manifests",
        "calico",
        type=_FILE,
        metavar="FILE",
        help="calico-policy-only.yaml of Calico, which enforces NetworkPolicy.",
    ),
)


def handed_over(command: F) -> F:
    """A command with these options, which gets them as `gifts`: a function of the login and the clusters, or None."""

    @wraps(command)
    def called(
        *,
        handover: bool,
        kubeconfigs: tuple[str, ...],
        secrets: tuple[str, ...],
        known_hosts: Path | None,
        manifests: Path | None,
        calico: Path | None,
        **rest: Any,
    ) -> Any:
        def gifts(login: "Login", clusters: list[str]) -> "Gifts":
            given = _gifts(login, clusters, kubeconfigs, secrets)
            return replace(given, known_hosts=known_hosts, manifests=manifests, calico=calico)

        return command(gifts=gifts if handover else None, **rest)

    for option in reversed(_OPTIONS):
        called = option(called)
    return called  # type: ignore[return-value]  # click's options change what it is called with


def _gifts(
    login: "Login",
    clusters: list[str],
    kubeconfigs: tuple[str, ...],
    secrets: tuple[str, ...],
) -> "Gifts":
    from gpuyard.bootstrap.handover.allclusters import Gifts
    from gpuyard.bootstrap.handover.givensecrets import named
    from gpuyard.cli.probing import kubeconfig_files
    from gpuyard.doors.oci import cluster_token

    try:
        sources = dict(map(named, secrets))
    except ValueError as error:
        raise click.BadParameter("must be NAMESPACE/NAME/KEY=FILE", param_hint="--secret") from error
    return Gifts(
        token=lambda cluster, region: cluster_token(replace(login, region=region), cluster),
        kubeconfigs=kubeconfig_files(kubeconfigs, clusters),
        secrets=sources,
    )


def begin(
    cloud: "Cloud", project: "Project", resolved: "Resolved", login: "Login", gifts: Callable[..., "Gifts"]
) -> "Handing":
    """With everything read that the user gave."""
    from gpuyard.bootstrap.handover.allclusters import handing

    return handing(cloud, project, resolved, gifts(login, [each.name for each in project.stack.clusters]))


@contextmanager
def _branch(project: "Project", directory: Path) -> Iterator["Snapshot"]:
    """The branch that clusters follow, as it is in the repository of the stack."""
    from gpuyard.doors import git
    from gpuyard.project.located import located

    where, stack = located(directory), project.stack
    with git.read_tree(where.top if where else directory, stack.repository.branch, stack.folder) as snapshot:
        yield snapshot


def check_committable(project: "Project", directory: Path) -> None:
    """OutputError where the facts could not be committed: better now than when everything is there."""
    from gpuyard.commit.parent import check_parent
    from gpuyard.commit.place import check_place

    check_place(project, directory)
    with _branch(project, directory) as snapshot:
        check_parent(snapshot, project.sources, directory, named=False)


def commit_facts(project: "Project", directory: Path, observed: "Observed", *, push: bool) -> str:
    """Commit clusters/<cluster>/oci.yaml; the line that says so."""
    from gpuyard.bootstrap.factfile import fact_files
    from gpuyard.commit.parent import check_parent
    from gpuyard.doors import git

    texts = fact_files(project.stack, project.sites, observed)
    with _branch(project, directory) as snapshot:
        check_parent(snapshot, project.sources, directory, named=False)
        made = git.commit(snapshot, dict(texts), message=_FACTS_MESSAGE, push=push)
    return f"commit {made.id[:12]}: {', '.join(map(str, texts))}" if made else "up to date"


def finish(
    hand: "Handing", plans: "Sequence[Handover]", directory: Path, observed: "Observed", seconds: float, tell: Tell
) -> None:
    """Commit, push, and hand over each cluster; UnfinishedError for those that are not done, after all were tried."""
    from gpuyard.bootstrap.clusterapi import hint
    from gpuyard.bootstrap.handover.unfinished import unfinished
    from gpuyard.cli.landing import land
    from gpuyard.errors import StoppedError, ToolError

    tell(f"facts: {commit_facts(hand.project, directory, observed, push=False)}")
    with _branch(hand.project, directory) as snapshot:
        has_remote = bool(snapshot.remote)
    _, lines = land(directory, push=has_remote, telling=False)
    tell(lines[-1])
    errors: dict[str, str] = {}
    for plan in plans:
        progress(f"handing over {plan.cluster}")
        try:
            hand.carry_out(plan, observed, partial(_moved, tell, plan.cluster), partial(_key, tell, hand, plan.cluster))
        except StoppedError:
            raise
        except ToolError as error:
            errors[plan.cluster] = f"{error}{hint(error)}"
    for cluster in (plan.cluster for plan in plans if plan.enters and plan.cluster not in errors):
        if why := hand.follow(cluster, observed, seconds, partial(_waits, tell, cluster)):
            errors[cluster] = why
        else:
            tell(f"{cluster}: {hand.resolved.stack.engine.product} follows the stack")
    if errors:
        raise unfinished(errors)


def _moved(tell: Tell, cluster: str, move: "Move") -> None:
    tell(f"{move.action} {cluster}: {move.wish.id}")


def _waits(tell: Tell, cluster: str, why: str) -> None:
    tell(f"{cluster}: waiting: {why}")


def _key(tell: Tell, hand: "Handing", cluster: str, public: str) -> None:
    """The public half of a deploy key, and where it goes."""
    tell(f"{cluster}: let this key read {hand.resolved.stack.repository.url}, as a deploy key without write access:")
    tell(f"  {public}")
