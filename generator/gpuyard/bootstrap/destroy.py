"""Take a stack's infrastructure away: what uses something goes before it, and data stays unless it is asked for.

The clusters go first, so that no controller makes anew what is deleted after them: load balancers, machines and mount
targets that controllers made. Policies go last, because OKE works by them until its clusters are gone.
"""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from gpuyard.bootstrap.apply import Event, Report, Step
from gpuyard.bootstrap.difference import Action, Change
from gpuyard.bootstrap.families import KINDS
from gpuyard.bootstrap.handover.vaulted import of_stack
from gpuyard.bootstrap.observe import Observed, infrastructure, observe
from gpuyard.bootstrap.parts import leftovers
from gpuyard.bootstrap.parts.identity import COMPARTMENT
from gpuyard.bootstrap.resource import RESOURCE, STACK, Found, Kind
from gpuyard.bootstrap.waiting import all_done
from gpuyard.catalogue.oracle import oracle
from gpuyard.doors.oci import Cloud
from gpuyard.errors import GpuyardError
from gpuyard.project.load import Project
from gpuyard.project.oraclecloud import Infrastructure

__all__ = ["ALL_KINDS", "Removal", "destroy", "removal"]

ALL_KINDS: Mapping[str, Kind] = {**KINDS, **{kind.name: kind for kind in leftovers.KINDS}}
_ORDER = (
    "gpu-pool", "system-pool", "cluster", "machine", "load-balancer", "network-load-balancer", "volume", "export",
    "mount-target", "file-system", "rules", "subnet", "group", "security-list", "routes",
    "service-gateway", "nat-gateway", "internet-gateway", "vcn", "repository", "bucket", "policy", COMPARTMENT,
)  # fmt: skip
_JOINED = "gpuyard did not make it; its engine, and what that applied, stay in it"
_KEPT = "the vault keeps it for the next cluster, at no cost; its deletion is scheduled in the Console"
_WITH_OTHERS = ("addon", "nodes")
"""They go with their cluster and their pools."""


@dataclass(frozen=True, slots=True)
class Removal:
    """What would be deleted, in this order, and what stays."""

    stack: str
    changes: tuple[Change, ...]
    stays: tuple[tuple[Change, str], ...]
    """And why."""


def removal(cloud: Cloud, project: Project, *, data: bool) -> Removal:
    """Of everything that carries the stack's name; asks OCI, and deletes nothing."""
    stack, oci = project.stack, infrastructure(project)
    observed = observe(cloud, stack, oci)
    found = [*observed.ours.values(), *leftovers.leftovers(cloud, observed, stack.name)]
    known = [each for each in found if each.kind not in _WITH_OTHERS]
    kept = [each for each in known if ALL_KINDS[each.kind].keeps and not data]
    stays = [(_change(each, Action.LEAVE), f"it holds data{_cost(each)}; --delete-data deletes it") for each in kept]
    listed = {each.id for each in known}
    foreign = [each for each in observed.others if KINDS[each.kind].keeps and each.id not in listed]
    stays += [(_change(each, Action.LEAVE), f"{_whose(each)}{_cost(each)}") for each in foreign]
    secrets = _secrets(cloud, stack.name, oci)
    inside = any(each.data["compartmentId"] == observed.compartment for each in (*observed.joined.values(), *secrets))
    others = _others(observed, listed)
    if (stays or inside or others) and COMPARTMENT in observed.ours:
        kept.append(observed.ours[COMPARTMENT])
        such = f", such as the {KINDS[others[0].kind].title} {others[0].name}" if others and not stays else ""
        stays.append((_change(observed.ours[COMPARTMENT], Action.LEAVE), f"it holds what stays{such}"))
    stays += [(Change(id=f"{name}/cluster", kind="cluster", action=Action.LEAVE, found=each), _JOINED)
              for name, each in observed.joined.items()]  # fmt: skip
    stays += [(_change(each, Action.LEAVE), _KEPT) for each in secrets]
    names = {each.id for each in kept}
    gone = [each for each in known if each.id not in names]
    gone.sort(key=lambda each: (_ORDER.index(each.kind), each.region, each.id))
    return Removal(stack.name, tuple(_change(each, Action.DELETE) for each in gone), tuple(stays))


def _others(observed: Observed, listed: Collection[str]) -> list[Found]:
    """What somebody else has in the compartment, and goes with nothing of ours: a VCN brings a route table along."""
    ours = {each.id for each in observed.ours.values()}
    return [
        each
        for each in observed.others
        if each.kind not in (COMPARTMENT, *_WITH_OTHERS)
        and each.id not in listed
        and not {each.data.get("vcnId"), each.data.get("clusterId"), each.parent} & ours
        and each.data.get("compartmentId") == observed.compartment
    ]


def _whose(found: Found) -> str:
    stack = found.tags.get(STACK)
    return f"it is of the gpuyard stack {stack}" if stack else "gpuyard did not make it"


def _secrets(cloud: Cloud, stack: str, oci: Infrastructure) -> list[Found]:
    """In the vault, which is somebody else's: what is taken out of one is there for days, and its name with it."""
    rows = of_stack(cloud, oci.vault, stack) if oci.vault else []
    return [Found(kind="secret", region="", data=each, tags=each["freeformTags"]) for each in rows]


def _change(found: Found, action: Action) -> Change:
    name = found.tags.get(RESOURCE) or f"{ALL_KINDS[found.kind].title} {found.name}"
    return Change(id=name, kind=found.kind, action=action, found=found)


def _cost(found: Found) -> str:
    """What it goes on to cost, as far as OCI says how large it is."""
    prices = oracle().prices
    if found.kind == "volume":
        month = (found.data.get("sizeInGBs") or 0) * prices.boot_volume_gb_month
    elif found.kind == "file-system":
        month = (found.data.get("meteredBytes") or 0) / 1e9 * prices.file_gb_month
    else:
        return ", and is billed by its size"
    return f", USD/month {month:.2f} (list prices of {prices.date})"


def destroy(cloud: Cloud, what: Removal, report: Report) -> None:
    """Kind by kind; stops after the first kind of which something could not be deleted."""
    for kind in _ORDER:
        some = [change for change in what.changes if change.kind == kind]
        if some:
            _delete(cloud, ALL_KINDS[kind], some, report)


def _delete(cloud: Cloud, kind: Kind, changes: Sequence[Change], report: Report) -> None:
    pool = ThreadPoolExecutor(8)
    try:
        work = _one(cloud, kind, report)
        results = all_done([pool.submit(work, change) for change in changes])
    except BaseException:  # Ctrl-C, or a bug
        cloud.stop()
        raise
    finally:
        pool.shutdown(cancel_futures=True)
    _raise(results)


def _one(cloud: Cloud, kind: Kind, report: Report) -> Callable[[Change], GpuyardError | None]:
    def work(change: Change) -> GpuyardError | None:
        began = cloud.clock()
        report(Event(step=Step.BEGUN, change=change))
        try:
            if change.found:
                kind.delete(cloud, kind, change.found)
        except GpuyardError as error:
            seconds = cloud.clock() - began
            report(Event(step=Step.FAILED, change=change, seconds=seconds, message=str(error)))
            return error
        report(Event(step=Step.DONE, change=change, seconds=cloud.clock() - began))
        return None

    return work


def _raise(results: Iterable[GpuyardError | None]) -> None:
    for error in results:
        if error:
            raise error
