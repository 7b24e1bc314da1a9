"""What is allowed in a blueprint of this kind and still worth saying."""

from collections.abc import Iterator

from gpuyard.catalogue.flagrules import deprecations, passed_on
from gpuyard.doors.yamlio import show_path
from gpuyard.project.blueprint import Blueprint
from gpuyard.project.kinds.inference import Inference
from gpuyard.resolve import exposure, network
from gpuyard.resolve.inference import adapters, build, hostmemory, longcontext, offline, sources
from gpuyard.resolve.inference.options import Options, every
from gpuyard.resolve.inference.server import Server
from gpuyard.resolve.site import Site

__all__ = ["notes", "of_server"]


def notes(blueprint: Blueprint[Inference], site: Site) -> Iterator[str]:
    """One line each, whatever the shape."""
    yield from exposure.notes(blueprint, site.stack)
    yield from dict.fromkeys(note for options in every(blueprint) for note in _of_options(blueprint, options, site))
    yield from adapters.notes(blueprint)
    yield from build.notes(blueprint)


def _of_options(blueprint: Blueprint[Inference], options: Options, site: Site) -> Iterator[str]:
    """One line each, on flags and variables."""
    yield from network.notes(blueprint.file, options.texts, site.stack)
    for path, name in offline.named(options):
        if path[0] == "speculative-config":
            yield f"{blueprint.file}: {name} takes GPU memory that the fit does not count"
    runs = build.build(blueprint, site)
    passed = passed_on(options.args, options.env, runs.version, released=runs.released)
    for place, message in (*deprecations(options.args, runs.version), *passed):
        yield f"{blueprint.file}: {show_path(options.path(*place))}: {message}"


def of_server(server: Server) -> Iterator[str]:
    """One line each, on its shape."""
    file, spare = server.blueprint.file, server.spec.rollout.spare_gpus
    if spare and not server.surge:
        yield (
            f"{file}: {spare} spare GPUs are too few for a replica on "
            f"{server.shape.name} ({server.gpus} GPUs), so an old one stops before a new one starts"
        )
    for connector in hostmemory.uncounted(server.args):
        yield f"{file}: {connector} of kv-transfer-config may take memory of the node that is not counted"
    yield from sources.notes(file, server.model, server.source)
    yield from longcontext.notes(file, server.model)
