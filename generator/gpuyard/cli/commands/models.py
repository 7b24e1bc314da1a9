"""`gpuyard models`: the models that a blueprint can name, and where one of them fits."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from gpuyard.cli import options
from gpuyard.cli.output import emit_json, say, table

if TYPE_CHECKING:
    from gpuyard.catalogue.models import Model
    from gpuyard.cli.modelfits import Place, Wish

__all__ = ["command"]

_GIB = 1 << 30


@click.command("models", epilog="Example: gpuyard models; gpuyard models qwen3-32b --context 32768")
@click.argument("name", required=False)
@click.option(
    "--in",
    "directory",
    type=click.Path(path_type=Path),
    default=".",
    metavar="DIR",
    help="Directory of a stack, whose own models (models/*.yaml) are listed, too. Default: the current one.",
)
@click.option("--context", type=click.IntRange(256, 4194304), help="Tokens of the longest request. Default: 16384.")
@click.option("--concurrency", type=click.IntRange(1, 1024), help="Requests at once. Default: 32.")
@options.output
def command(name: str | None, directory: Path, context: int | None, concurrency: int | None, as_json: bool) -> None:
    """List the models that a blueprint can name, or say where the model NAME fits, and what a replica costs there.

    A model fits on a shape if one replica of it serves requests of the context; `tight` says that it does so with
    little room. Prices are list prices of the GPUs that the replica uses;
    Oracle bills whole nodes.
    """
    from gpuyard.cli.modelfits import Wish, known
    from gpuyard.errors import MissingError, meant

    found, wish = known(directory), Wish(context, concurrency)
    if name is None:
        _list(found, wish, as_json=as_json)
        return
    if name not in found:
        near = meant(name, found)
        hint = f"did you mean {near}?" if near else "`gpuyard models` lists them, `gpuyard model add` adds one"
        raise MissingError(f"no model is called {name}; {hint}")
    _one(*found[name], wish, as_json=as_json)


def _list(found: "dict[str, tuple[Model, str]] | Any", wish: "Wish", *, as_json: bool) -> None:
    from gpuyard.cli.modelfits import smallest

    placed = [(model, file, smallest(model, wish)) for model, file in found.values()]
    if as_json:
        emit_json([{**_facts(model, file), "smallest": place and place.as_data()} for model, file, place in placed])
        return
    heading = ("MODEL", "PARAMETERS", "WEIGHTS", "CONTEXT", "LICENCE", "SMALLEST", "GPUS", "FIT", "USD/HOUR")
    rows = [(*_row(model, file), *_smallest(place)) for model, file, place in placed]
    for line in table([heading, *rows]):
        say(line)


def _row(model: "Model", file: str) -> tuple[str, ...]:
    kind = "16 bit" if model.quantization.value == "none" else model.quantization.value
    licence = f"{model.licence or '-'}{' (gated)' if model.gated else ''}"
    return (
        f"{model.name}{f' ({file})' if file else ''}",
        f"{model.parameters / 1e9:.1f}B" if model.parameters >= 1e9 else f"{model.parameters / 1e6:.0f}M",
        kind,
        str(model.max_context),
        licence,
    )


def _smallest(place: "Place | None") -> tuple[str, ...]:
    if place is None or place.fit is None:
        return ("none", "", "", "")
    gpus = f"{place.gpus} of {place.node.gpus}"
    return (place.node.name, gpus, str(place.fit.verdict), f"{place.usd_per_hour:.2f}")


def _one(model: "Model", file: str, wish: "Wish", *, as_json: bool) -> None:
    from gpuyard.cli.modelfits import places

    found = list(places(model, wish))
    if as_json:
        emit_json({**_facts(model, file), "context": wish.length(model), "places": [each.as_data() for each in found]})
        return
    for line in table([(key, value) for key, value in _described(model, file).items() if value]):
        say(line)
    say("", f"One replica with a context of {wish.length(model)} tokens, each OCI shape by itself:", "")
    heading = ("SHAPE", "OCI SHAPE", "GPUS", "FIT", "KV TOKENS", "USD/HOUR", "USD/MONTH", "NODE/HOUR", "PRICE OF")
    for line in table([heading, *(_fit_row(each) for each in found if each.fit)]):
        say(line)
    reasons = [f"{each.node.name}: {each.reason}" for each in found if not each.fit]
    tight = [f"{each.node.name}: tight, {each.reason}" for each in found if each.fit and each.reason]
    for line in (*tight, *reasons):
        say(line)
    if model.max_context < wish.length(model) and model.attention.rope:
        say("model.ropeScaling of a blueprint extends the context of this model")


def _fit_row(place: "Place") -> tuple[str, ...]:
    from gpuyard.catalogue.shapes import HOURS_A_MONTH

    return (
        place.node.shape,
        place.node.name,
        f"{place.gpus} of {place.node.gpus}",
        str(place.fit.verdict if place.fit else ""),
        str(place.fit.kv_tokens if place.fit else ""),
        f"{place.usd_per_hour:.2f}",
        f"{place.usd_per_hour * HOURS_A_MONTH:.0f}",
        f"{place.node.price_usd_per_hour:.2f}",
        place.node.date,
    )


def _described(model: "Model", file: str) -> dict[str, str]:
    at = f"hf://{model.repository}{f'@{model.revision}' if model.revision else ''}" if model.repository else ""
    rope = model.attention.rope
    longer = ""
    if rope and rope.factor and rope.original_context:
        longer = f", or {int(rope.factor * rope.original_context)} with ropeScaling: {{factor: {rope.factor:g}}}"
    return {
        "model": model.name,
        "weights": at,
        "parameters": str(model.parameters),
        "size": f"{model.weights_bytes / _GIB:.1f} GiB"
        + (f", {model.quantization.value}" if model.quantization.value != "none" else ""),
        "context": f"{model.max_context}{longer}",
        "images": "takes images" if model.multimodal else "",
        "licence": f"{model.licence or 'not known'}{', gated: needs a token' if model.gated else ''}",
        "facts": f"{file or 'catalogue'}: {model.source}" if model.source else file or "catalogue",
        "date": model.date or "",
    }


def _facts(model: "Model", file: str) -> dict[str, Any]:
    """For a machine, by the keys of a model file."""
    return {
        "name": model.name,
        "file": file or None,
        "repository": model.repository,
        "revision": model.revision,
        "parameters": model.parameters,
        "weightsBytes": model.weights_bytes,
        "quantization": model.quantization.value,
        "maxContext": model.max_context,
        "multimodal": model.multimodal,
        "licence": model.licence,
        "gated": model.gated,
        "source": model.source,
        "date": model.date,
    }
