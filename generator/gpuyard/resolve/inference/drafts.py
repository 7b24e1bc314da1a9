"""What proposes tokens for the model to verify, and the GPU memory that it takes."""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

from gpuyard.catalogue.flagvalues import amount, mapping
from gpuyard.catalogue.models import Attention, Model, catalogue
from gpuyard.fit import Draft
from gpuyard.project.blueprint import Blueprint
from gpuyard.project.kinds.inference import Inference
from gpuyard.resolve.inference import sources
from gpuyard.resolve.inference.options import Options
from gpuyard.resolve.problems import Problems
from gpuyard.resolve.site import Site

__all__ = ["FLAGS", "check", "config", "find", "notes"]

Args = Mapping[str, Any]

FLAGS = {"spec-method": "method", "spec-model": "model", "spec-tokens": "num_speculative_tokens"}
_WITHOUT_WEIGHTS = ("ngram", "[ngram]", "ngram_gpu", "suffix", "extract_hidden_states", "custom_class")
_HEADS = ("eagle", "eagle3", "medusa", "mlp_speculator", "dflash", "dspark")
"""Small heads on the model's own hidden states."""


def config(args: Args) -> Mapping[str, Any] | None:
    """What the flags say, in any of their forms; None: nothing is proposed."""
    found = dict(mapping(args.get("speculative-config")) or {})
    found |= {key: args[flag] for flag, key in FLAGS.items() if flag in args}
    return found or None


def find(args: Args, model: Model, own: Model | None) -> Draft | None:
    """The draft; `own` are the facts that the blueprint gives of it."""
    if (given := config(args)) is None:
        return None
    method, name = str(given.get("method") or ""), str(given.get("model") or "")
    tokens = int(amount(given.get("num_speculative_tokens"))) or 1
    divided = int(amount(given.get("draft_tensor_parallel_size"))) or None
    draft = Draft(name or method, tokens, tensor=divided)
    if facts := own or _known(name):
        return replace(draft, weights=facts.loaded_bytes, attention=facts.attention)
    if not _small(method, name) or _without_weights(method, name):
        return draft  # of unknown size, which `check` reports, or of none
    layer = replace(model.attention, layers=1, window=None, state=None)
    if _within(method, name):
        assumed = f"{method}: its layer is among the model's weights, and has a KV cache of its own"
        return replace(draft, attention=layer, assumed=assumed)
    weights = _head_bytes(model)
    assumed = f"the draft {draft.name} takes {weights / 1e9:.1f} GB and the KV cache of one layer"
    return replace(draft, weights=weights, attention=layer, assumed=assumed)


def check(blueprint: Blueprint[Inference], options: Options, site: Site, problems: Problems) -> Model | None:
    """The facts that the blueprint gives of the draft; a model of which nobody knows the size is reported."""
    own = None
    if reference := blueprint.spec.serving.draft:
        own = sources.named(blueprint, reference, ("spec", "serving", "draft"), site, problems)
        if config(options.args) is None:
            message = "no flag asks for a draft; add speculative-config to args, or remove it"
            problems.add(blueprint.file, ("spec", "serving", "draft"), message, key=True)
        return own
    given = config(options.args) or {}
    method, name = str(given.get("method") or ""), str(given.get("model") or "")
    if name and not _known(name) and not _small(method, name):
        message = (
            f"the GPU memory of the draft {name} is not known; name its entry of the catalogue as "
            "serving.draft: {name: …}, or give its facts as serving.draft: {architecture: …}"
        )
        flag = "spec-model" if "spec-model" in options.args else "speculative-config"
        problems.add(blueprint.file, options.path("args", flag), message)
    return own


def notes(draft: Draft | None) -> Iterator[str]:
    """What was assumed of its size."""
    if draft and draft.assumed:
        yield f"speculative decoding: counted as if {draft.assumed}" if draft.weights else draft.assumed


def _known(name: str) -> Model | None:
    return next((each for each in catalogue().values() if name in (each.name, each.repository)), None)


def _without_weights(method: str, name: str) -> bool:
    return method in _WITHOUT_WEIGHTS or (not method and name in _WITHOUT_WEIGHTS)


def _within(method: str, name: str) -> bool:
    """Multi-token prediction, which comes with the model's own weights unless another name is given."""
    return not name and (method.endswith("mtp") or method in ("", "dspark"))


def _small(method: str, name: str) -> bool:
    """A head of at most a layer, by its method or, as vLLM goes, by its name."""
    heads = method in _HEADS or "mtp" in method or "eagle" in name.lower()
    return heads or _without_weights(method, name) or _within(method, name)


def _head_bytes(model: Model) -> int:
    """One layer as the model's own, what joins three hidden states, and one table of the vocabulary, in 16 bits."""
    attention: Attention = model.attention
    width = attention.hidden
    projected = 2 * (attention.heads + attention.kv_heads) * attention.head_dim
    mlp = 3 * (model.intermediate or 4 * width)
    return 2 * width * (projected + mlp + 3 * width + attention.vocabulary)
