"""`gpuyard bootstrap`: the infrastructure on Oracle Cloud, planned, made, shown and taken away."""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import click

from gpuyard.cli import options
from gpuyard.cli.handingover import handed_over, kubeconfig
from gpuyard.cli.login import signed_in
from gpuyard.cli.output import emit_data, emit_json, on_error, progress, say
from gpuyard.cli.steplog import reporting

if TYPE_CHECKING:
    from gpuyard.bootstrap.handover.allclusters import Gifts, Handing
    from gpuyard.bootstrap.planning import Plan
    from gpuyard.doors.oci import Cloud, Login
    from gpuyard.project.load import Project
    from gpuyard.resolve import Resolved

    GiftsOf = Callable[[Login, list[str]], Gifts]

__all__ = ["command"]

_IMAGE = "docker.io/library/busybox:1.37.0"
_WAIT = 900
_CHANGES = 2
"""Exit code of a plan with changes."""
_target = click.option(
    "--target",
    "targets",
    multiple=True,
    metavar="ID",
    help="Only this resource or cluster and what it needs; repeatable.",
)
_yes = click.option("--yes", is_flag=True, help="Do not ask before money is spent or something is deleted.")
_log = click.option(
    "--log", type=click.Path(dir_okay=False, path_type=Path), metavar="FILE", help="Append each step to FILE, as JSON."
)


@click.group("bootstrap", epilog="Example: gpuyard bootstrap plan gitops")
def command() -> None:
    """Make what the clusters of a stack need on Oracle Cloud: network, OKE, node pools, storage, policies."""


@command.command("plan", epilog="Example: gpuyard bootstrap plan gitops --output json")
@options.directory
@_target
@handed_over
@options.output
@signed_in
def plan(directory: Path, targets: tuple[str, ...], gifts: "GiftsOf | None", as_json: bool, login: "Login") -> None:
    """Show what `apply` would do and what it costs; nothing is written. Ends with 2 if there is something to do."""
    from gpuyard.cli.changeset import plan_data, plan_lines

    with _cloud(login) as cloud:
        found, _ = _planned(cloud, *_project(directory), targets, login, gifts)
    if as_json:
        emit_json({"ok": True, "error": None, **plan_data(found)})
    else:
        say(*plan_lines(found))
    if not found.idle:
        click.get_current_context().exit(_CHANGES)


@command.command("apply", epilog="Example: gpuyard bootstrap apply gitops")
@options.directory
@_target
@handed_over
@click.option(
    "--wait",
    type=click.IntRange(0),
    default=_WAIT,
    show_default=True,
    metavar="SECONDS",
    help="How long to wait until the engines follow the stack.",
)
@_yes
@_log
@click.option("--push", is_flag=True, help="Push the commit that moves a blueprint; a hand-over pushes without it.")
@options.output
@signed_in
def apply(
    directory: Path,
    targets: tuple[str, ...],
    gifts: "GiftsOf | None",
    wait: int,
    yes: bool,
    log: Path | None,
    push: bool,
    as_json: bool,
    login: "Login",
) -> None:
    """Carry out the plan. Interrupted or failed, the same command goes on from where it was.

    Where Oracle has no host for a blueprint and its author lists other shapes, the next of them is committed to
    stack.yaml: the same command then goes on with that one.

    Then it commits what the clusters have to know of their infrastructure, compiles, pushes, installs Flux or Argo CD
    where it is not there yet, and waits until it follows the stack; --no-handover ends before that.
    """
    from gpuyard.bootstrap.observe import infrastructure, observe
    from gpuyard.cli.changeset import plan_data, plan_lines
    from gpuyard.cli.handingover import check_committable, finish
    from gpuyard.cli.moving import Moving, carry_out

    with _cloud(login) as cloud:
        project, resolved = _project(directory)
        found, hand = _planned(cloud, project, resolved, targets, login, gifts)
        if as_json:
            on_error(lambda: plan_data(found))
        else:
            say(*plan_lines(found))
        if hand:
            check_committable(hand.project, directory)
        if not found.idle and not found.refused and not yes:
            _ask("Carry out this plan?")
        with reporting(log) as report:
            carry_out(cloud, found, report, Moving(directory, project, resolved, push))
        if hand:
            stack, oci = hand.project.stack, infrastructure(hand.project)
            observed = observe(cloud, stack, oci) if found.writes else found.observed
            plans = hand.plan(observed) if found.writes else found.handover  # new clusters had nothing to ask
            finish(hand, plans, directory, observed, wait, lambda line: say(line, err=True))
    if as_json:
        emit_json({"ok": True, "error": None, **plan_data(found)})
    else:
        say("up to date" if found.idle else "done")


@command.command("destroy", epilog="Example: gpuyard bootstrap destroy gitops --dry-run")
@options.directory
@click.option("--dry-run", is_flag=True, help="Only show what would be deleted, and what stays.")
@click.option("--delete-data", is_flag=True, help="Delete file systems, volumes, buckets and repositories, too.")
@_yes
@_log
@options.output
@signed_in
def destroy(
    directory: Path, dry_run: bool, delete_data: bool, yes: bool, log: Path | None, as_json: bool, login: "Login"
) -> None:
    """Delete everything that carries the stack's name, and what its clusters made; data stays unless it is asked for.

    First the clusters, so that no controller makes anew what is deleted after them. Shows what it would delete and
    asks; interrupted or failed, the same command goes on.
    """
    from gpuyard.bootstrap.destroy import destroy as carry_out
    from gpuyard.bootstrap.destroy import removal
    from gpuyard.cli.changeset import removal_data, removal_lines
    from gpuyard.pipeline import load

    with _cloud(login) as cloud:
        progress("asking Oracle Cloud")
        found = removal(cloud, load(directory), data=delete_data)
        if as_json:
            on_error(lambda: removal_data(found))
        else:
            say(*removal_lines(found))
        if found.changes and not dry_run:
            if not yes:
                _ask("Delete all this?")
            with reporting(log) as report:
                carry_out(cloud, found, report)
    if as_json:
        emit_json({"ok": True, "error": None, **removal_data(found)})
    elif found.changes and not dry_run:
        say("done")


@command.command("status", epilog="Example: gpuyard bootstrap status gitops")
@options.directory
@click.option("--probe", is_flag=True, help="Try out each cluster with small pods, which are removed again.")
@kubeconfig
@click.option(
    "--probe-image", default=_IMAGE, show_default=True, metavar="IMAGE", help="Image with sh, httpd and wget."
)
@options.output
@signed_in
def status(
    directory: Path, probe: bool, kubeconfigs: tuple[str, ...], probe_image: str, as_json: bool, login: "Login"
) -> None:
    """List what is there of the stack, in which state, and what it costs now; reads only.

    With --probe it also asks inside of each cluster: is the engine in sync, is a NetworkPolicy enforced, can user 10001
    write to file storage.
    """
    from gpuyard.bootstrap.inventory import inventory
    from gpuyard.cli.changeset import inventory_data, inventory_lines, probe_data, probe_lines
    from gpuyard.cli.probing import answers, kubeconfig_files
    from gpuyard.pipeline import load

    project = load(directory)
    files = kubeconfig_files(kubeconfigs, [each.name for each in project.stack.clusters])
    with _cloud(login) as cloud:
        progress("asking Oracle Cloud")
        observed, found = inventory(cloud, project)
        asked = list(answers(cloud, project, observed, files, probe_image, login)) if probe else None
    if as_json:
        emit_json({"ok": True, "error": None, **inventory_data(found), **probe_data(asked)})
    else:
        say(*inventory_lines(found), *probe_lines(asked))


@command.command("export", epilog="Example: gpuyard bootstrap export gitops > main.tf.json")
@options.directory
@click.option("--format", "form", type=click.Choice(["terraform"]), default="terraform", help="Format of the results.")
@signed_in
def export(directory: Path, form: str, login: "Login") -> None:
    """Print the same resources as a configuration for Terraform (JSON syntax); nothing is written.

    It makes them anew: what `apply` has made is not imported.
    """
    from gpuyard.bootstrap.terraform import terraform

    with _cloud(login) as cloud:
        emit_data(terraform(_planned(cloud, *_project(directory), (), login, None)[0]))


@command.command("facts", epilog="Example: gpuyard bootstrap facts gitops --push")
@options.directory
@click.option("--push", is_flag=True, help="Push the branch to the remote that it tracks.")
@signed_in
def facts(directory: Path, push: bool, login: "Login") -> None:
    """Commit what each cluster has to know of its infrastructure to clusters/<cluster>/oci.yaml.

    That is a StorageClass for file storage, whose volumes share the cluster's mount target, and a ConfigMap of OCIDs.
    """
    from gpuyard.bootstrap.observe import infrastructure, observe
    from gpuyard.cli.handingover import commit_facts
    from gpuyard.commit.place import check_place
    from gpuyard.pipeline import load

    project = load(directory)
    check_place(project, directory)
    with _cloud(login) as cloud:
        progress("asking Oracle Cloud")
        observed = observe(cloud, project.stack, infrastructure(project))
    say(commit_facts(project, directory, observed, push=push))


@contextmanager
def _cloud(login: "Login") -> Iterator["Cloud"]:
    """Signed in; Ctrl-C ends all waiting, and says that the same command goes on."""
    from gpuyard.doors.oci import Cloud
    from gpuyard.errors import StoppedError

    cloud = Cloud(login)
    try:
        yield cloud
    except (KeyboardInterrupt, StoppedError) as error:
        cloud.stop()
        text = "interrupted; what was made is kept, and the same command goes on from there"
        raise StoppedError(text) from error


def _project(directory: Path) -> tuple["Project", "Resolved"]:
    """The stack, and what is placed where."""
    from gpuyard import pipeline
    from gpuyard.commit.directory import Directory
    from gpuyard.resolve import resolve

    project = pipeline.load(directory)
    return project, resolve(project, pipeline.running(Directory(directory)))


def _planned(
    cloud: "Cloud",
    project: "Project",
    resolved: "Resolved",
    targets: tuple[str, ...],
    login: "Login",
    gifts: "GiftsOf | None",
) -> tuple["Plan", "Handing | None"]:
    """The plan, and what it takes to hand over; only a part of the stack is handed over to nobody."""
    from gpuyard.bootstrap.planning import plan, targeted
    from gpuyard.cli.handingover import begin

    hand = begin(cloud, project, resolved, login, gifts) if gifts and not targets else None
    progress("asking Oracle Cloud")
    found = plan(cloud, project, resolved)
    if hand:
        progress("asking the clusters")
        found = replace(found, handover=hand.plan(found.observed))
    return (targeted(found, targets) if targets else found), hand


def _ask(question: str) -> None:
    """Before money is spent, or something is deleted."""
    if not sys.stdin.isatty():
        raise click.UsageError("there is nobody to ask: add --yes")
    click.confirm(question, abort=True, err=True)
