"""How commands that ask Oracle Cloud sign in: the options and variables of the OCI CLI."""

from collections.abc import Callable
from functools import wraps
from typing import TYPE_CHECKING, Any, TypeVar

import click

if TYPE_CHECKING:
    from gpuyard.doors.oci import Login

__all__ = ["signed_in"]

F = TypeVar("F", bound=Callable[..., Any])
# As in doors/oci/signin.py, which would bring all of the door along; a test compares them.
AUTHS = (
    "api_key", "security_token", "instance_principal", "instance_obo_user", "resource_principal",
    "oke_workload_identity",
)  # fmt: skip
_OPTIONS = (
    click.option(
        "--auth", type=click.Choice(AUTHS), default="api_key", envvar="OCI_CLI_AUTH", help="As `oci --auth` has it."
    ),
    click.option(
        "--profile",
        default="DEFAULT",
        envvar="OCI_CLI_PROFILE",
        metavar="NAME",
        help="Profile of the configuration file.",
    ),
    click.option(
        "--config-file",
        default="~/.oci/config",
        envvar=["OCI_CLI_CONFIG_FILE", "OCI_CONFIG_FILE"],
        metavar="FILE",
        help="Configuration file. Default: ~/.oci/config.",
    ),
    click.option(
        "--region",
        default="",
        envvar="OCI_CLI_REGION",
        metavar="REGION",
        help="Region to sign in. Default: the profile's.",
    ),
)


def signed_in(command: F) -> F:
    """A command with these options, which gets them as `login`."""

    @wraps(command)
    def called(*, auth: str, profile: str, config_file: str, region: str, **rest: Any) -> Any:
        return command(login=_login(auth, profile, config_file, region), **rest)

    for option in reversed(_OPTIONS):
        called = option(called)
    return called  # type: ignore[return-value]  # click's options change what it is called with


def _login(auth: str, profile: str, file: str, region: str) -> "Login":
    from gpuyard.doors.oci import Login

    return Login(auth=auth, profile=profile, file=file, region=region)
