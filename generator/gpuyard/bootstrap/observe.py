"""What is there: everything of the stack, found by its tags, in as few requests as there are kinds."""

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from functools import partial
from typing import TypeVar

from gpuyard.bootstrap import standard
from gpuyard.bootstrap.elsewhere import STORES, first_domains, lost_clusters, missing_stores, remaining
from gpuyard.bootstrap.families import KINDS
from gpuyard.bootstrap.parts.identity import COMPARTMENT
from gpuyard.bootstrap.resource import RESOURCE, STACK, Found, Kind, Place
from gpuyard.bootstrap.waiting import all_done
from gpuyard.doors.oci import Cloud, Refused
from gpuyard.errors import InputError, Problem, ToolError, nearest
from gpuyard.project.load import Project
from gpuyard.project.oraclecloud import Infrastructure
from gpuyard.project.stack import Cluster, Stack

__all__ = ["Observed", "infrastructure", "observe", "regions", "together", "whose"]

_THREADS = 8
T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class Observed:
    """What was found, and where was looked."""

    home: str
    """Name of the home region."""
    parent: str
    """OCID of the compartment's parent."""
    compartment: str | None
    """OCID; None: there is none yet."""
    domains: Mapping[str, tuple[str, ...]]
    """By region."""
    namespace: str
    """Of Object Storage; empty: it was not needed."""
    ours: Mapping[str, Found]
    """By resource."""
    others: tuple[Found, ...]
    """Of the same kinds, in the same places."""
    joined: Mapping[str, Found] = field(default_factory=dict)
    """Clusters that somebody else made, by their names in the stack; one that cannot be read is not among them."""

    def cluster(self, name: str) -> Found | None:
        """The one that the stack has by this name, whoever made it."""
        return self.joined.get(name) or self.ours.get(f"{name}/cluster")


def infrastructure(project: Project) -> Infrastructure:
    """What the stack says of it; InputError where it says too little for a bootstrap."""
    stack, file = project.stack, project.stack.file
    problems = []
    if stack.oci is None:
        message = "spec.oci is missing: bootstrap needs a compartment, such as oci: {compartment: gpu-clusters}"
        problems.append(Problem(project.at(file, "spec", key=True), message))
    for index, cluster in enumerate(stack.clusters):
        if cluster.region is None:
            where = project.at(file, "spec", "clusters", index)
            problems.append(Problem(where, f"spec.clusters[{index}].region is missing: bootstrap needs it"))
    if problems or stack.oci is None:
        raise InputError(problems)
    return stack.oci


def regions(stack: Stack) -> tuple[str, ...]:
    """Of its clusters, once each."""
    return tuple(dict.fromkeys(cluster.region for cluster in stack.clusters if cluster.region))


def together(calls: Iterable[Callable[[], T]]) -> list[T]:
    """What several calls give, made in parallel; in their order."""
    with ThreadPoolExecutor(_THREADS) as pool:
        return all_done([pool.submit(call) for call in calls])


def observe(cloud: Cloud, stack: Stack, oci: Infrastructure, files: Collection[str] | None = None) -> Observed:
    """Everything in the stack's compartment, in the regions of its clusters and in those of clusters that it had.

    File storage is listed by availability domain: with `files`, the clusters that need some, only as far as it takes.
    """
    subscribed = list(cloud.listed("identity", "list_region_subscriptions", tenancy_id=cloud.tenancy))
    home = next(each["regionName"] for each in subscribed if each["isHomeRegion"])
    known = {each["regionName"] for each in subscribed}
    if missing := [region for region in regions(stack) if region not in known]:
        raise ToolError(*(_unsubscribed(each, known) for each in missing))
    parent = oci.parent or cloud.tenancy
    compartments = _compartments(cloud, oci, home, parent)
    ours = [each for each in compartments if each.tags.get(STACK) == stack.name]
    compartment = oci.compartment if oci.adopted else next((each.id for each in ours), None)
    domains = dict(together(partial(_domains, cloud, region) for region in regions(stack)))
    namespace = str(cloud.call("object_storage", "get_namespace", region=regions(stack)[0]).data) if oci.bucket else ""
    found = list(compartments)
    if compartment:
        places = {region: Place(region, compartment, domains[region], namespace) for region in regions(stack)}
        near = places if files is None else first_domains(stack, places)
        found += _all(cloud, home, places, near, partial(remaining, stack, places, near, files or ()))
        if lost := sorted(lost_clusters(stack.name, found, known) - places.keys()):
            domains |= dict(together(partial(_domains, cloud, region) for region in lost))
            there = {each: Place(each, compartment, domains[each]) for each in lost}
            found += _all(cloud, "", there, there)
        found += _stores(cloud, missing_stores(stack.name, found, oci), places, sorted(known))
    return Observed(
        home=home,
        parent=parent,
        compartment=compartment,
        domains=domains,
        namespace=namespace,
        ours=_by_resource([each for each in found if _is_ours(each, stack)]),
        others=tuple(each for each in found if not _is_ours(each, stack)),
        joined={name: each for name, each in together(_joined(cloud, stack)) if each},
    )


def _unsubscribed(region: str, known: Collection[str]) -> str:
    hint = nearest(region, known)
    return f"the tenancy is not subscribed to {region}; subscribe in the Console, or change region ({hint})"


def _joined(cloud: Cloud, stack: Stack) -> list[Callable[[], tuple[str, Found | None]]]:
    return [partial(_read_cluster, cloud, each, each.oci.cluster) for each in stack.clusters if each.oci.cluster]


def _read_cluster(cloud: Cloud, cluster: Cluster, ocid: str) -> tuple[str, Found | None]:
    """Of somebody else's: one that is not there stands in nobody's way when everything else is taken away."""
    region, what = cluster.region or "", f"read the cluster of {cluster.name}"
    try:
        data = cloud.call("container_engine", "get_cluster", ocid, region=region, what=what).data
    except Refused as error:
        if error.fault.status != 404:
            raise
        return cluster.name, None
    return cluster.name, standard.found(KINDS["cluster"], region, data)


def whose(found: Found) -> str:
    """What a message says of one that is not this stack's: a VCN that gpuyard did not make."""
    stack = found.tags.get(STACK)
    return f"is of the gpuyard stack {stack}" if stack else "gpuyard did not make"


def _is_ours(found: Found, stack: Stack) -> bool:
    return found.tags.get(STACK) == stack.name and RESOURCE in found.tags


def _compartments(cloud: Cloud, oci: Infrastructure, home: str, parent: str) -> list[Found]:
    if oci.adopted:
        return []
    kind = KINDS[COMPARTMENT]
    return list(kind.find(cloud, kind, Place(home, parent), ()))


def _domains(cloud: Cloud, region: str) -> tuple[str, tuple[str, ...]]:
    rows = cloud.listed("identity", "list_availability_domains", region=region, compartment_id=cloud.tenancy)
    return region, tuple(sorted(row["name"] for row in rows))


def _all(
    cloud: Cloud,
    home: str,
    places: Mapping[str, Place],
    near: Mapping[str, Place],
    rest: Callable[[Collection[Found]], Mapping[str, Place]] = lambda found: {},
) -> list[Found]:
    """First what has tags of its own, then what is a part of something that has.

    `near`: where file storage may be; `rest`: where else, after what was found there.
    """
    tagged = [kind for kind in KINDS.values() if kind.tagged]
    wanted = [(kind, place) for kind in tagged for place in _places(kind, home, near if kind.domains else places)]
    found = _lists(cloud, wanted, ())
    far = rest(found).values()
    found += _lists(cloud, [(kind, place) for kind in tagged if kind.domains for place in far], ())
    others = [(kind, place) for kind in KINDS.values() if not kind.tagged for place in _places(kind, home, places)]
    return found + _lists(cloud, others, tuple(found))


def _lists(cloud: Cloud, wanted: Iterable[tuple[Kind, Place]], before: tuple[Found, ...]) -> list[Found]:
    rows = together(partial(_list, cloud, kind, place, before) for kind, place in wanted)
    return [each for some in rows for each in some]


def _places(kind: Kind, home: str, places: Mapping[str, Place]) -> Sequence[Place]:
    """Without `home` only what is of clusters."""
    first = next(iter(places.values()))
    if kind.name == COMPARTMENT:
        return []
    if kind.home:
        return [Place(home, first.compartment)] if home else []
    if kind.name in STORES:
        return [first] if home and (kind.name == "repository" or first.namespace) else []
    return list(places.values())


def _stores(
    cloud: Cloud, kinds: Collection[str], places: Mapping[str, Place], subscribed: Sequence[str]
) -> Iterator[Found]:
    """Where another cluster was the first of the stack when they were made."""
    first = next(iter(places.values()))
    others = [replace(first, region=region) for region in subscribed if region != first.region]
    calls = [partial(_list, cloud, KINDS[kind], place, ()) for kind in sorted(kinds) for place in others]
    for rows in together(calls):
        yield from rows


def _list(cloud: Cloud, kind: Kind, place: Place, before: tuple[Found, ...]) -> list[Found]:
    return list(kind.find(cloud, kind, place, before))


def _by_resource(found: Iterable[Found]) -> dict[str, Found]:
    """ToolError where one resource is there twice: nobody can say which of the two is meant."""
    ours: dict[str, Found] = {}
    for each in found:
        name = each.tags[RESOURCE]
        if name in ours:
            raise ToolError(
                f"{name} is there twice: {ours[name].id} and {each.id}; delete the one that nothing uses, or its tags"
            )
        ours[name] = each
    return ours
