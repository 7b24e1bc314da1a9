"""Which model a blueprint means, and where its weights are."""

import re
from collections.abc import Iterator

from gpuyard.catalogue import models
from gpuyard.catalogue.models import Model
from gpuyard.errors import nearest
from gpuyard.fit.budget import Origin
from gpuyard.project.blueprint import Blueprint
from gpuyard.project.kinds.inference import Inference, ModelRef
from gpuyard.project.parts import SecretKey
from gpuyard.project.stack import Stack
from gpuyard.resolve.inference import longcontext
from gpuyard.resolve.inference.options import Options
from gpuyard.resolve.inference.server import Bucket, Source
from gpuyard.resolve.problems import Problems
from gpuyard.resolve.site import Site

__all__ = ["check_token", "find", "named", "notes"]

Path = tuple[str | int, ...]

_BOTH = (
    "conflicts with architecture: keep name for the facts of that model, whose context ropeScaling extends, "
    "or architecture for facts of your own"
)
_OWN = "`gpuyard models` lists it, and `gpuyard model add` adds a model of your own"
_MIRROR = "HF_ENDPOINT"
_READ_WITH_CREDENTIALS = (Origin.HF, Origin.OCI)


def find(
    blueprint: Blueprint[Inference], reference: ModelRef, path: Path, site: Site, problems: Problems
) -> tuple[Model, Source] | None:
    """The model that a reference names and the source of its weights; None when a problem was noted."""
    model = named(blueprint, reference, path, site, problems)
    if model and reference.rope_scaling:
        model = longcontext.extended(blueprint, model, reference.rope_scaling, path, problems)
    if model is None:
        return None
    address = reference.source or _home(model)
    if address is None:
        problems.add(
            blueprint.file,
            path,
            "has no source for its weights; add source: hf://organisation/model@commit",
        )
        return None
    kind = Origin(address.partition("://")[0])
    before = len(problems.found)
    _check(blueprint, reference, path, kind, problems)
    bucket = _bucket(blueprint, reference, path, site.stack, problems) if kind is Origin.OCI else None
    if len(problems.found) > before:
        return None
    return model, _source(address, kind, bucket, _credentials(blueprint, reference, kind))


def check_token(
    blueprint: Blueprint[Inference], options: Options, model: Model, source: Source, path: Path, problems: Problems
) -> None:
    """Nobody gets a gated model without a token; from a mirror, somebody may."""
    if _needs_token(model, source) and _MIRROR not in options.env:
        problems.add(
            blueprint.file,
            path,
            f"{model.name} is gated: only accounts that accepted its license can download it; "
            "add credentials: {secret: …, key: …}, the Secret that holds your token",
        )


def notes(file: str, model: Model, source: Source) -> Iterator[str]:
    """Weights that may change, and a mirror that may ask for a token."""
    if source.kind is Origin.HF and source.revision is None:
        commit = model.revision if source.repository == model.repository else None
        yield (
            f"{file}: hf://{source.repository} is not pinned: a later download may bring other weights; write source: "
            f"hf://{source.repository}@{commit or f'<commit>, one of https://huggingface.co/{source.repository}/commits'}"
        )
    if _needs_token(model, source):
        yield (
            f"{file}: {model.name} is gated, and the mirror in {_MIRROR} may require a token: "
            "if it does, add model.credentials"
        )


def _needs_token(model: Model, source: Source) -> bool:
    """Whether Hugging Face refuses the weights: a gated model's own repository, without a token."""
    home = source.kind is Origin.HF and source.repository == model.repository
    return model.gated and source.credentials is None and home


def named(
    blueprint: Blueprint[Inference], reference: ModelRef, path: Path, site: Site, problems: Problems
) -> Model | None:
    """The model that a name stands for, or of given facts; None when a problem was noted."""
    if reference.architecture is not None:
        if reference.name is not None:
            problems.add(blueprint.file, (*path, "name"), _BOTH)
            return None
        breaches = list(models.impossible(reference.architecture))
        if "flags" in reference.architecture:
            breaches.append((("flags",), "is for entries of the catalogue; write flags under serving.args"))
        for place, message in breaches:
            problems.add(blueprint.file, (*path, "architecture", *place), message)
        return None if breaches else models.model_from(reference.architecture)
    if reference.name is None:
        problems.add(blueprint.file, path, "names no model; add name (a catalogue entry) or architecture (its facts)")
        return None
    if reference.name not in site.models:
        if reference.name not in site.broken_models:
            near = nearest(reference.name, site.models, listed=_OWN)
            problems.add(blueprint.file, (*path, "name"), f"{reference.name} is not in the catalogue; {near}")
        return None
    return site.models[reference.name]


def _home(model: Model) -> str | None:
    """Where the model's own facts say that its weights are."""
    if model.repository is None:
        return None
    return f"hf://{model.repository}" + (f"@{model.revision}" if model.revision else "")


def _check(blueprint: Blueprint[Inference], reference: ModelRef, path: Path, kind: Origin, problems: Problems) -> None:
    """Keys that don't go with the source's kind would be read by nobody."""
    if reference.credentials and kind not in _READ_WITH_CREDENTIALS:
        message = f"{kind}:// is read from a volume claim and needs no credentials; remove them"
        problems.add(blueprint.file, (*path, "credentials"), message, key=True)
    if reference.region and kind is not Origin.OCI:
        problems.add(blueprint.file, (*path, "region"), "only applies to an oci:// source; remove it", key=True)
    if kind is Origin.OCI and _credentials(blueprint, reference, kind) is None:
        problems.add(
            blueprint.file,
            path,
            "a bucket is read with a customer secret key; name the Secret and the key that hold an AWS credentials "
            "file for it: credentials: {secret: …, key: credentials}",
        )


def _credentials(blueprint: Blueprint[Inference], reference: ModelRef, kind: Origin) -> SecretKey | None:
    """The reference's own; a variant from the same kind of source uses the blueprint's."""
    whole = blueprint.spec.model
    same = (whole.source or "hf://").startswith(f"{kind}://")
    return reference.credentials or (whole.credentials if same else None)


def _bucket(
    blueprint: Blueprint[Inference], reference: ModelRef, path: Path, stack: Stack, problems: Problems
) -> Bucket | None:
    """oci://bucket@namespace/folder, as its S3 endpoint calls it."""
    regions = sorted({cluster.region for cluster in stack.clusters if cluster.region})
    region = reference.region or (regions[0] if len(regions) == 1 else None)
    if region is None:
        known = f"the clusters are in {', '.join(regions)}" if regions else "no cluster of the stack has a region"
        problems.add(blueprint.file, path, f"needs the region of its bucket ({known}); add region: …")
        return None
    found = re.fullmatch(r"oci://([^@]+)@([^/]+)(/.*)?", reference.source or "")
    if found is None:  # the schema has checked the form
        return None
    bucket, namespace, folder = found.groups("")
    endpoint = f"https://{namespace}.compat.objectstorage.{region}.oraclecloud.com"
    return Bucket(f"s3://{bucket}{folder}", endpoint, region)


def _source(address: str, kind: Origin, bucket: Bucket | None, credentials: SecretKey | None) -> Source:
    """The schema has checked the form."""
    repository = revision = claim = folder = None
    rest = address.partition("://")[2]
    if kind is Origin.HF:
        repository, _, revision = rest.partition("@")
    elif kind is not Origin.OCI:
        claim, _, folder = rest.partition("/")
    return Source(kind, repository, revision or None, claim, folder or None, bucket, credentials)
