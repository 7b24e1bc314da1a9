"""The plan of a bootstrap: read, compared and checked; what is printed is what `apply` carries out."""

from collections.abc import Sequence
from dataclasses import dataclass

from gpuyard.bootstrap.adoption import adopted
from gpuyard.bootstrap.checks import Check
from gpuyard.bootstrap.desired import desired, shares_files
from gpuyard.bootstrap.difference import Action, Change, difference
from gpuyard.bootstrap.elsewhere import stored
from gpuyard.bootstrap.fleet import fleets
from gpuyard.bootstrap.footing import check_footing
from gpuyard.bootstrap.handover.steps import Handover
from gpuyard.bootstrap.joining import joined
from gpuyard.bootstrap.observe import Observed, infrastructure, observe
from gpuyard.bootstrap.offers import offered, versions
from gpuyard.bootstrap.preflight import preflight
from gpuyard.bootstrap.reservation import reservations
from gpuyard.catalogue.oracle import oracle
from gpuyard.catalogue.shapes import HOURS_A_MONTH
from gpuyard.doors.oci import Cloud
from gpuyard.errors import MissingError, nearest
from gpuyard.project.load import Project
from gpuyard.resolve import Resolved

__all__ = ["Cost", "Plan", "plan", "targeted"]

_WRITES = (Action.CREATE, Action.UPDATE, Action.REPLACE, Action.DELETE)


@dataclass(frozen=True, slots=True)
class Cost:
    """USD at list price of a date."""

    per_hour: float
    date: str

    @property
    def per_month(self) -> float:
        """Of 730 hours."""
        return self.per_hour * HOURS_A_MONTH


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """All changes, and what was found before."""

    stack: str
    changes: tuple[Change, ...]
    checks: tuple[Check, ...]
    observed: Observed
    handover: tuple[Handover, ...] = ()
    """By cluster, where the stack is handed over to its engine."""

    @property
    def idle(self) -> bool:
        """Whether there is nothing to do, in clusters neither."""
        return not self.writes and not any(each.writes for each in self.handover)

    @property
    def writes(self) -> tuple[Change, ...]:
        """The changes that are some."""
        return tuple(change for change in self.changes if change.action in _WRITES)

    @property
    def refused(self) -> tuple[Check, ...]:
        """Why nothing may be written."""
        handed = [Check("handover", f"{each.cluster}: {text}", fatal=True) for each in self.handover
                  for text in each.problems]  # fmt: skip
        return (*(check for check in self.checks if check.fatal), *handed)

    @property
    def cost(self) -> Cost:
        """Of everything that the stack asks for."""
        return _cost([change for change in self.changes if change.resource])

    @property
    def added(self) -> Cost:
        """Of what is new."""
        return _cost([change for change in self.changes if change.action is Action.CREATE])


def _cost(changes: Sequence[Change]) -> Cost:
    hour = sum(change.resource.usd_per_hour for change in changes if change.resource)
    return Cost(hour, oracle().prices.date)


def plan(cloud: Cloud, project: Project, resolved: Resolved) -> Plan:
    """Of a stack; asks OCI, and writes nothing."""
    stack, oci = resolved.stack, infrastructure(project)
    files = {cluster.name: shares_files(resolved, cluster) for cluster in stack.clusters}
    observed = observe(cloud, stack, oci, [name for name, needed in files.items() if needed])
    check_footing(cloud, stack, oci, observed)
    fleet = {cluster.name: fleets(resolved, cluster) for cluster in stack.clusters}
    kubernetes = versions(cloud, stack, observed)
    regions = offered(cloud, stack, observed, kubernetes, fleet)
    found = adopted(cloud, stack, observed.compartment)
    reserved = reservations(cloud, stack, observed)
    guests = joined(cloud, stack, observed, fleet, files)
    given = {name: each.parts for name, each in found.items()}
    wanted = desired(
        resolved,
        oci,
        home=observed.home,
        parent=observed.parent,
        regions=regions,
        versions=kubernetes,
        given=given,
        reserved=reserved,
        lodgings={name: each.lodging for name, each in guests.items() if each.lodging},
        stored=stored(observed.ours),
    )
    changes = difference(wanted, observed.ours)
    checks = [Check("addresses", text, fatal=True) for each in found.values() for text in each.problems]
    checks += [Check("cluster", text, fatal=True) for each in guests.values() for text in each.problems]
    checks += [Check("cluster", text) for each in guests.values() for text in each.notes]
    checks += preflight(cloud, stack, observed, changes, fleet, reserved)
    return Plan(stack=stack.name, changes=changes, checks=tuple(checks), observed=observed)


def targeted(plan: Plan, targets: Sequence[str]) -> Plan:
    """Only what is named (a whole cluster by its name), and what has to be there before it."""
    resources = {change.id: change.resource for change in plan.changes if change.resource}
    kept: set[str] = set()
    for target in targets:
        named = [each.id for each in plan.changes if each.id == target or each.id.startswith(f"{target}/")]
        if not named:
            listed = "`gpuyard bootstrap plan` lists them all"
            raise MissingError(f"no resource is called {target}; {nearest(target, resources, listed=listed)}")
        pending = named
        while pending:
            name = pending.pop()
            if name not in kept:
                kept.add(name)
                resource = resources.get(name)
                pending += resource.needs if resource else ()
    changes = tuple(change for change in plan.changes if change.id in kept)
    return Plan(stack=plan.stack, changes=changes, checks=plan.checks, observed=plan.observed)
