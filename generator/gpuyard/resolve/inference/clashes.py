"""Names that the chart, the blueprint or the stack has given already, and what else Kubernetes would refuse."""

import posixpath
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from gpuyard.catalogue.flagrules import check_args
from gpuyard.catalogue.shippedchart import chart_defaults
from gpuyard.catalogue.variables import content
from gpuyard.doors.schema import Breach
from gpuyard.doors.yamlio import Path
from gpuyard.errors import meant
from gpuyard.project.objects import made_for
from gpuyard.resolve.inference import podnames, query
from gpuyard.resolve.inference.build import build
from gpuyard.resolve.inference.elsewhere import KEYS
from gpuyard.resolve.inference.podnames import CONTAINERS, PATHS, POD, VOLUMES
from gpuyard.resolve.inference.server import Server
from gpuyard.resolve.inference.values import CHART, environment
from gpuyard.resolve.overrides import at
from gpuyard.resolve.site import Site

__all__ = ["find"]

Values = Mapping[str, Any]

_INTERVAL = ("podMonitor", "intervalSeconds")


def find(values: Values, server: Server, site: Site) -> Iterator[Breach]:
    """Each at its place among the values."""
    yield from _variables(values, server, site)
    yield from _pod(values, server.spec.serving.files)
    yield from _scaling(values)
    yield from _strategy(values)
    yield from _objects(values.get("extraObjects", ()), site)


def _variables(values: Values, server: Server, site: Site) -> Iterator[Breach]:
    """What serving.env may not have, extraEnv may not either; the computed ones come first."""
    released, unsafe = build(server.blueprint, site).released, server.spec.serving.unsafe
    own, computed = server.options.env, environment(server, site)
    places = {name: ".".join(map(str, server.options.path("env", name)[1:-1])) for name in own}
    seen = {name: places.get(name, "spec.network.proxy of the stack") for name in computed}
    for index, each in enumerate(values.get("extraEnv", ())):
        if index >= len(computed):
            path: Path = ("extraEnv", index, "name")
            yield from _twice(path, each["name"], seen, "is a variable of {} already; keep one")
            found = check_args({}, [each["name"]], unsafe, server.version, released=released)
            yield from (Breach(path, f"{each['name']}: {message}") for _, message in found)
            texts = content(each["name"], each["value"], server.version) if "value" in each else ()
            yield from (Breach(("extraEnv", index, "value"), message) for message in texts)
        seen.setdefault(each["name"], "extraEnv")


def _pod(values: Values, files: Iterable[str]) -> Iterator[Breach]:
    taken = dict.fromkeys(VOLUMES, "the chart")
    for index, each in enumerate(values.get("extraVolumes", ())):
        message = "is the name of a volume of {} already; choose another"
        yield from _twice(("extraVolumes", index, "name"), each["name"], taken, message)
        taken.setdefault(each["name"], "extraVolumes")
    volumes = [*podnames.volumes(values), *(name for name, by in taken.items() if by == "extraVolumes")]
    containers = dict.fromkeys(CONTAINERS, "the chart")
    for key in ("initContainers", "extraContainers"):
        for index, each in enumerate(values.get(key, ())):
            message = "is the name of a container of {} already; choose another"
            yield from _twice((key, index, "name"), each["name"], containers, message)
            containers.setdefault(each["name"], key)
            yield from _mounts((key, index, "volumeMounts"), each.get("volumeMounts", ()), {}, volumes)
            yield from _own_variables((key, index, "env"), each.get("env", ()))
    paths = {**dict.fromkeys(PATHS, "the chart"), **dict.fromkeys(files, "serving.files")}
    mounts = values.get("extraVolumeMounts", ())
    yield from _mounts(("extraVolumeMounts",), mounts, paths, volumes)
    for index, each in enumerate(mounts):
        for file in files:
            if file.startswith(f"{posixpath.normpath(each['mountPath'])}/"):
                message = f"holds {file} of serving.files, which would be mounted into it; choose another path for one"
                yield Breach(("extraVolumeMounts", index, "mountPath"), message)
    for field in values.get("extraPodSpec", {}).keys() - POD:
        own = {str(path[1]): words for path, words in KEYS.items() if path[:1] == ("extraPodSpec",)}
        if field not in own and (near := meant(field, {*POD, *own})):
            hint = own.get(near, f"did you mean {near}?")
            yield Breach(("extraPodSpec", field), f"is not a field of a pod; {hint}", key=True)


def _scaling(values: Values) -> Iterator[Breach]:
    """What the chart refuses, too, and can't say where."""
    window, interval = (
        at(values, path) or at(chart_defaults(CHART), path)
        for path in (("autoscaling", "ttft", "windowSeconds"), _INTERVAL)
    )
    if at(values, ("autoscaling", "signal")) in ("ttft", "composite") and window < 4 * interval:
        message = (
            f"{interval} is more than a quarter of autoscaling.ttft.windowSeconds, {window}, so that no rate is known"
        )
        yield Breach(_INTERVAL, message)
    auth: Path = ("autoscaling", "prometheus", "auth")
    if at(values, (*auth, "mode")) not in (None, "none") and not at(values, (*auth, "secret")):
        yield Breach((*auth, "secret"), "is missing; name the Secret with the credentials")


def _strategy(values: Values) -> Iterator[Breach]:
    """One that Kubernetes refuses, and one that would wait for its own volume."""
    given = values.get("strategy") or {}
    rolling = given.get("rollingUpdate")
    if given.get("type") == "Recreate" and rolling is not None:
        yield Breach(("strategy", "type"), "Recreate does not go with rollingUpdate; set rollingUpdate: null")
    amounts = [str(at(rolling, (name,))) for name in ("maxSurge", "maxUnavailable")]
    for name, amount in zip(("maxSurge", "maxUnavailable"), amounts, strict=True):
        if amount.startswith("-"):
            yield Breach(("strategy", "rollingUpdate", name), f"is {amount}; must be at least 0")
    if set(amounts) <= {"0", "0%"}:
        message = "replaces no pod with maxSurge and maxUnavailable both 0, which Kubernetes refuses; raise one"
        yield Breach(("strategy", "rollingUpdate"), message)
    block = at(values, ("cache", "kind")) == "block"
    if block and given and given.get("type") != "Recreate" and amounts[0] not in ("0", "0%"):
        message = (
            "a new pod would wait for the block volume, which the old one holds; use type: Recreate, or maxSurge: 0"
        )
        yield Breach(("strategy",), message)


def _mounts(path: Path, mounts: Iterable[Values], taken: dict[str, str], volumes: Iterable[str]) -> Iterator[Breach]:
    for index, each in enumerate(mounts):
        where = posixpath.normpath(each["mountPath"])
        message = "has a volume of {} already; choose another path"
        yield from _twice((*path, index, "mountPath"), where, taken, message)
        taken.setdefault(where, str(path[0]))
        if each["name"] not in set(volumes):
            near = meant(each["name"], volumes)
            hint = f"did you mean {near}? If not, " if near else ""
            more = "add one of another name" if each["name"] in VOLUMES else "add it"
            message = f"{each['name']} is not a volume of the pod; {hint}{more} to extraVolumes"
            yield Breach((*path, index, "name"), message)


def _own_variables(path: Path, variables: Iterable[Values]) -> Iterator[Breach]:
    seen: dict[str, str] = {}
    for index, each in enumerate(variables):
        yield from _twice((*path, index, "name"), each["name"], seen, "is a variable of {} already; keep one")
        seen[each["name"]] = "this container"


def _twice(path: Path, name: str, seen: Mapping[str, str], message: str) -> Iterator[Breach]:
    if name in seen:
        yield Breach(path, f"{name} {message.format(seen[name])}")


def _objects(objects: Iterable[Values], site: Site) -> Iterator[Breach]:
    """What would replace another object, or land where nobody looks for it."""
    stack = site.stack
    maps = [f"ConfigMap/{stack.name}-{each}" for each in ("dashboard", "scripts")]
    own = (f"ResourceQuota/{stack.named('gpus')}", *maps, f"PrometheusRule/{stack.name}-alerts")
    taken = dict.fromkeys(own, "the stack")
    for index, each in enumerate(objects):
        path: Path = ("extraObjects", index)
        kind, metadata = each["kind"], each["metadata"]
        name = f"{kind}/{metadata['name']}"
        if models := site.blueprints & set(made_for(kind, metadata["name"])):
            taken[name] = f"the model {min(models)}"
        yield from _twice((*path, "metadata", "name"), name, taken, "is an object of {} already; give it another name")
        taken.setdefault(name, "extraObjects")
        if kind == "Namespace":
            yield Breach((*path, "kind"), "Namespace would be deleted with the model, and all that is in it; remove it")
        if kind == "Secret" and (each.get("data") or each.get("stringData")):
            message = "Secret would put its content into Git; create it in the cluster, or use an ExternalSecret"
            yield Breach((*path, "kind"), message)
        yield from (Breach((*path, *inside), message) for inside, message in query.wrong(each))
        if (given := metadata.get("namespace")) not in (None, stack.namespace):
            message = f"{given} is not the namespace of the models, {stack.namespace}, where all objects go; remove it"
            yield Breach((*path, "metadata", "namespace"), message)
