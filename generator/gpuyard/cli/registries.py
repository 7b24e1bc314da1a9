"""Asks registries for the images that a merge brings: in trusted runs only, for it uses the network and logins."""

from collections.abc import Collection

from gpuyard.catalogue.images import of_hub
from gpuyard.cli.output import progress
from gpuyard.doors import registry
from gpuyard.doors.logins import Logins
from gpuyard.errors import GpuyardError, MissingError
from gpuyard.review.absent import brought, with_absent
from gpuyard.review.diff import Diff

__all__ = ["asked"]


def asked(found: Diff, plain: Collection[str] = ()) -> Diff:
    """With what their registries say; one that does not tell stops nothing."""
    absent, unsure, logins = dict[str, str](), list[str](), Logins()
    for image in brought(found):
        progress(f"asking for {image}")
        try:
            registry.look_for(of_hub(image) or image, plain=plain, logins=logins)
        except MissingError as error:
            absent[image] = str(error)
        except GpuyardError as error:
            unsure.append(f"whether there is {image} is not known: {error}")
    return with_absent(found, absent, unsure)
