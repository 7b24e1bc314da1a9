"""The hand-over of every cluster of a stack: planned with what the user gave, and carried out one after the other."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any

from gpuyard.bootstrap.clusterapi import Token, hint, open_cluster
from gpuyard.bootstrap.factfile import fact_files
from gpuyard.bootstrap.handover.arrival import awaited
from gpuyard.bootstrap.handover.carry import carry_out
from gpuyard.bootstrap.handover.givensecrets import Named, given_values
from gpuyard.bootstrap.handover.policyengine import is_policy_only
from gpuyard.bootstrap.handover.sight import look
from gpuyard.bootstrap.handover.steps import Handover, Move, compared, unasked
from gpuyard.bootstrap.handover.vaulted import check, deploy_key
from gpuyard.bootstrap.handover.wishes import Given, Site, Wishes, wishes
from gpuyard.bootstrap.observe import Observed
from gpuyard.catalogue.calico import calico
from gpuyard.catalogue.engines import Manifests, manifests
from gpuyard.doors import yamlio
from gpuyard.doors.kubernetes import Kubernetes
from gpuyard.doors.oci import Cloud
from gpuyard.errors import MissingError, StoppedError, ToolError
from gpuyard.project.load import Project
from gpuyard.project.oraclecloud import Vault
from gpuyard.render.required import required
from gpuyard.resolve import Resolved
from gpuyard.tree import FACTS
from gpuyard.tree import cluster as folder

__all__ = ["Gifts", "Handing", "handing"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Gifts:
    """What the user gives for it."""

    token: Token
    kubeconfigs: Mapping[str, Path] = field(default_factory=dict)
    secrets: Mapping[Named, str] = field(default_factory=dict)
    known_hosts: Path | None = None
    manifests: Path | None = None
    calico: Path | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Handing:
    """Everything that a hand-over needs to know but what is in the clusters."""

    cloud: Cloud
    project: Project
    resolved: Resolved
    gifts: Gifts
    manifests: Manifests
    given: Given = field(repr=False)
    known_hosts: str
    calico: Sequence[Mapping[str, Any]] = ()
    vault: Vault | None = None

    def plan(self, observed: Observed) -> tuple[Handover, ...]:
        """Of every cluster; one that cannot be asked is planned as if it had nothing."""
        return tuple(self._planned(each.name, observed) for each in self.resolved.stack.clusters)

    def _planned(self, cluster: str, observed: Observed) -> Handover:
        wanted = wishes(self._site(cluster, observed))
        if observed.cluster(cluster) is None and cluster not in self.gifts.kubeconfigs:
            return unasked(cluster, wanted)
        try:
            return compared(cluster, wanted, look(self._api(cluster, observed), wanted.looked_for))
        except StoppedError:
            raise
        except ToolError as error:
            return unasked(cluster, wanted, f"{error}{hint(error)}")

    def carry_out(
        self, plan: Handover, observed: Observed, tell: Callable[[Move], object], key: Callable[[str], object]
    ) -> None:
        """Do what is missing in a cluster; `key` hears of the public half of its deploy key as soon as it is there."""
        cluster = plan.cluster
        api = self._api(cluster, observed)
        stack = self.resolved.stack.name
        kept = partial(deploy_key, self.cloud, self.vault, stack, cluster) if self.vault else None
        carry_out(api, plan, stack, tell, self.cloud.pause, kept)
        with_key = [move.wish for move in plan.moves if move.wish.private_key]
        if public := plan.public_key or compared(cluster, Wishes(tuple(with_key)), look(api, with_key)).public_key:
            key(public)

    def follow(self, cluster: str, observed: Observed, seconds: float, tell: Callable[[str], object]) -> str:
        """Wait until the engine follows the repository; empty: it does."""
        return awaited(self._api(cluster, observed), self.resolved.stack, seconds, tell, self.cloud.pause)

    def _api(self, cluster: str, observed: Observed) -> Kubernetes:
        which = next(each for each in self.resolved.stack.clusters if each.name == cluster)
        return open_cluster(self.cloud, which, observed, self.gifts.kubeconfigs, self.gifts.token)

    def _site(self, cluster: str, observed: Observed) -> Site:
        facts: list[dict[str, Any]] = []
        if observed.cluster(cluster):
            stack = self.resolved.stack
            one = replace(stack, clusters=tuple(each for each in stack.clusters if each.name == cluster))
            facts = yamlio.parse_manifests(fact_files(one, self.project.sites, observed)[folder(cluster) / FACTS])
        return Site(
            resolved=self.resolved,
            cluster=cluster,
            manifests=self.manifests,
            given=self.given,
            known_hosts=self.known_hosts,
            facts=facts,
            calico=self.calico,
        )


def handing(cloud: Cloud, project: Project, resolved: Resolved, gifts: Gifts) -> Handing:
    """With all that is given read, so that what is wrong with it is said before anything is made."""
    needed = [each for cluster in resolved.stack.clusters for each in required(resolved, cluster.name)]
    ours = partial(manifests, resolved.stack.engine.value)
    vault = resolved.stack.oci.vault if resolved.stack.oci else None
    if vault:
        check(cloud, vault)
    return Handing(
        cloud=cloud,
        project=project,
        resolved=resolved,
        gifts=gifts,
        manifests=_manifests(gifts.manifests) if gifts.manifests else ours(),
        given=given_values(gifts.secrets, needed, cloud, vault),
        known_hosts=_text(gifts.known_hosts) if gifts.known_hosts else "",
        calico=_calico(gifts.calico) if gifts.calico else (),
        vault=vault,
    )


def _manifests(file: Path) -> Manifests:
    """The user's own, at whatever version."""
    return Manifests("", (), _objects(file, "`flux install --export` writes such a file"))


def _calico(file: Path) -> tuple[Mapping[str, Any], ...]:
    """The project's manifest, at whatever version."""
    hint = f"{calico().manifest} is such a file"
    objects = _objects(file, hint)
    if not is_policy_only(objects):
        raise ToolError(f"{file}: is not the manifest of Calico that only enforces NetworkPolicy; {hint}")
    return objects


def _objects(file: Path, hint: str) -> tuple[Mapping[str, Any], ...]:
    try:
        objects = [each for each in yamlio.parse_manifests(_text(file)) if each]
    except ValueError as error:
        raise ToolError(f"{file}: is no YAML: {error}") from error
    if not objects or not all(_is_object(each) for each in objects):
        raise ToolError(f"{file}: has something else than Kubernetes objects; {hint}")
    return tuple(objects)


def _is_object(each: Any) -> bool:
    return isinstance(each, Mapping) and bool(each.get("apiVersion") and each.get("kind") and each.get("metadata"))


def _text(file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise MissingError(f"{file}: cannot be read: {error}") from error
