"""What is allowed in a blueprint of this kind and still worth saying."""

from collections.abc import Iterator

from gpuyard.catalogue.flagrules import deprecations, passed_on
from gpuyard.doors.yamlio import show_path
from gpuyard.project.blueprint import Blueprint
from gpuyard.project.kinds.inference import Inference
from gpuyard.resolve import exposure, monitoring
from gpuyard.resolve.inference import (
    adapters,
    alternatives,
    build,
    drafts,
    hatch,
    hostmemory,
    longcontext,
    query,
    reaching,
    references,
    scaling,
    sources,
    storage,
    unread,
    weights,
)
from gpuyard.resolve.inference.gpumemory import pooling
from gpuyard.resolve.inference.options import Options, every
from gpuyard.resolve.inference.server import Server
from gpuyard.resolve.overrides import Values
from gpuyard.resolve.site import Site

__all__ = ["notes", "of_server"]


def notes(blueprint: Blueprint[Inference], site: Site) -> Iterator[str]:
    """One line each, whatever the shape."""
    yield from exposure.notes(blueprint, site.stack)
    version = build.build(blueprint, site).version
    both = (note for options in every(blueprint, version) for note in _of_options(blueprint, options, site))
    yield from dict.fromkeys(both)
    yield from adapters.notes(blueprint)
    yield from query.notes(blueprint, build.build(blueprint, site))
    yield from build.notes(blueprint)


def _of_options(blueprint: Blueprint[Inference], options: Options, site: Site) -> Iterator[str]:
    """One line each, on flags and variables."""
    runs = build.build(blueprint, site)
    passed = passed_on(options.given, options.env, runs.version, released=runs.released)
    for place, message in (*deprecations(options.given, runs.version), *passed):
        yield f"{blueprint.file}: {show_path(options.path(*place))}: {message}"


def _of_alerts(server: Server, site: Site, values: Values) -> Iterator[str]:
    """What is promised and not measured, and alerts of others that take a start for an outage."""
    if server.spec.slo.ttft and pooling(server.args):
        yield "spec.slo.ttft is not measured: a model that answers with an embedding or a score has no first token"
    longest = scaling.arrival(values, server)
    if names := list(monitoring.impatient(site.stack, longest)):
        yield (
            f"a start may take {longest} s, which the installed alerts {', '.join(names)} call an outage; give them "
            "a longer `for` in spec.platform.prometheus.values.customRules of the stack"
        )


def of_server(server: Server, site: Site, values: Values) -> Iterator[str]:
    """One line each, on its shape; `values` are what the chart gets."""
    file, spare = server.blueprint.file, server.spec.rollout.spare_gpus
    if spare and not server.surge:
        yield (
            f"{file}: {spare} spare GPUs are too few for a replica on "
            f"{server.shape.name} ({server.gpus} GPUs), so an old one stops before a new one starts"
        )
    here = f"{server.blueprint.name} on {server.shape.name}"
    own = hatch.layers(server.blueprint, server.shape.name)
    yield from (f"{here}: {each}" for each in unread.notes(own, values, server.shape.resource))
    yield from (f"{here}: {each}" for each in alternatives.notes(server.fit, server.steps))
    yield from (f"{file}: {each}" for each in drafts.notes(server.fit.settings.draft))
    yield from (f"{here}: {each}" for each in weights.notes(server.model, server.args, server.fit.settings.tensor))
    yield from (f"{here}: {each}" for each in _of_alerts(server, site, values))
    if hostmemory.configured_elsewhere(server.args, server.options.env):
        yield f"{file}: LMCACHE_CONFIG_FILE may let LMCache take memory of the node that is not counted"
    for connector in hostmemory.uncounted(server.args):
        yield f"{file}: {connector} of kv-transfer-config may take memory of the node that is not counted"
    yield from reaching.notes(server, site, values)
    yield from storage.notes(server, tuple(references.claims(values)))
    yield from sources.notes(file, server.model, server.source)
    yield from longcontext.notes(file, server.model)
