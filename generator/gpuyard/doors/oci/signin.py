"""Who asks OCI: the ways and files of the OCI CLI."""

import base64
import configparser
import json
import os
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from gpuyard.doors.oci.endpoints import relayed
from gpuyard.errors import ToolError, nearest, one_line

__all__ = ["AUTHS", "Login", "Session", "sign_in"]

AUTHS = (
    "api_key", "security_token", "instance_principal", "instance_obo_user", "resource_principal",
    "oke_workload_identity",
)  # fmt: skip
"""As `oci --auth` has them."""
_OF_A_FILE = ("api_key", "security_token", "instance_obo_user")
_PLACES = {
    "instance_principal": "on an instance of OCI",
    "resource_principal": "in a function or job of OCI",
    "oke_workload_identity": "in a pod of an OKE cluster",
}
_NO_KEY = "is not there; correct the path, or make a key with `oci setup keys`"
_KEYS = "correct key_file there, or set pass_phrase to the passphrase of the key"
_REFRESH = 600
"""Seconds before its end at which a session is refreshed."""


@dataclass(frozen=True, slots=True)
class Login:
    """How to sign in; what is empty is the profile's, or the environment's."""

    auth: str = "api_key"
    profile: str = "DEFAULT"
    file: str = "~/.oci/config"
    region: str = ""


@dataclass(frozen=True, slots=True)
class Session:
    """What a client of the SDK is made with; `renew` keeps the signer valid, and is called before each request."""

    config: Mapping[str, Any]
    signer: Any
    tenancy: str
    region: str
    renew: Callable[[], None]


def sign_in(login: Login) -> Session:
    """A session of it; ToolError says what is missing and how to make it."""
    if find_spec("oci") is None:
        raise ToolError("Oracle's SDK is not installed: pip install 'gpuyard[oci]'")
    made = _from_file(login) if login.auth in _OF_A_FILE else _from_place(login)
    _check_region(made.region)
    return made


def _nothing() -> None:
    pass


def _from_file(login: Login) -> Session:
    import oci

    file = Path(login.file).expanduser()
    try:
        config = oci.config.from_file(str(file), login.profile)
    except oci.exceptions.ConfigFileNotFound as error:
        raise ToolError(
            f"there is no OCI configuration {file}; make one with `oci setup config`, or set --auth"
        ) from error
    except oci.exceptions.ProfileNotFound as error:
        raise ToolError(f"{file} has no profile {login.profile}; {nearest(login.profile, _profiles(file))}") from error
    except oci.exceptions.InvalidKeyFilePath as error:
        path = _key_file(file, login.profile)
        raise ToolError(f"{file}, profile {login.profile}: key_file {path} {_NO_KEY}") from error
    except (oci.exceptions.ClientError, configparser.Error, UnicodeDecodeError, OSError) as error:
        raise ToolError(f"{file}: is no OCI configuration: {_said(error)}; make one with `oci setup config`") from error
    config["region"] = login.region or os.environ.get("OCI_REGION") or config.get("region") or ""
    if login.auth == "security_token":
        return _of_token(config, file, login.profile)
    if login.auth == "instance_obo_user":
        return _of_shell(config, file, login.profile)
    try:
        oci.config.validate_config(config)
        signer = oci.signer.Signer.from_config(config)
    except oci.exceptions.InvalidConfig as error:
        hint = "; for a session token add --auth security_token" if config.get("security_token_file") else ""
        raise ToolError(f"{file}, profile {login.profile}: {_wrong(error)}; correct it there{hint}") from error
    except (oci.exceptions.ClientError, OSError, ValueError) as error:
        raise ToolError(f"{file}, profile {login.profile}: the key cannot be read: {_said(error)}; {_KEYS}") from error
    return Session(config, signer, config["tenancy"], config["region"], _nothing)


def _of_shell(config: Mapping[str, Any], file: Path, profile: str) -> Session:
    """In Oracle's Cloud Shell: its machine, in the name of the user whose token is in a file."""
    import oci

    try:
        token = Path(config["delegation_token_file"]).expanduser().read_text(encoding="utf-8").strip()
    except (KeyError, OSError, UnicodeDecodeError) as error:
        why = (
            "there is no delegation_token_file"
            if isinstance(error, KeyError)
            else f"its token cannot be read: {_said(error)}"
        )
        raise ToolError(
            f"{file}, profile {profile}: {why}; --auth instance_obo_user is for Oracle's Cloud Shell"
        ) from error
    try:
        signer = oci.auth.signers.InstancePrincipalsDelegationTokenSigner(delegation_token=token)
    except Exception as error:  # whatever the place makes it raise
        raise ToolError(f"--auth instance_obo_user does not work here: {_said(error)}") from error
    tenancy, region = str(config.get("tenancy") or signer.tenancy_id), str(config["region"])
    return Session({"region": region, "tenancy": tenancy}, signer, tenancy, region, _nothing)


def _profiles(file: Path) -> list[str]:
    lines = file.read_text(encoding="utf-8", errors="replace").splitlines()
    return [line.strip()[1:-1] for line in lines if line.strip().startswith("[") and line.strip().endswith("]")]


def _key_file(file: Path, profile: str) -> str:
    parser = configparser.ConfigParser(interpolation=None)
    parser.read(file)
    return parser[profile]["key_file"]


def _wrong(error: Exception) -> str:
    """The SDK's mapping of keys to what is wrong with them, as a sentence."""
    found = error.args[0] if error.args else ""
    if isinstance(found, Mapping):
        return ", ".join(f"{key} is {value}" for key, value in sorted(found.items()))
    return str(error)


def _said(error: Exception) -> str:
    """What an error of the SDK or the system says, without the page of advice that some of them bring along."""
    if isinstance(error, OSError) and error.strerror:
        return f"{error.filename}: {error.strerror}" if error.filename else error.strerror
    texts = [each for each in (*error.args, getattr(error, "message", None)) if isinstance(each, str)]
    return one_line(" ".join((texts[-1] if texts else str(error)).split())).partition(". ")[0].rstrip(".")


def _of_token(config: Mapping[str, Any], file: Path, profile: str) -> Session:
    import oci

    renewed = f"renew it with `oci session authenticate --profile-name {profile}`"
    if not config.get("security_token_file"):
        raise ToolError(f"{file}, profile {profile}: there is no security_token_file; {renewed}")
    path = Path(config["security_token_file"]).expanduser()
    try:
        token = path.read_text(encoding="utf-8").strip()
        key = oci.signer.load_private_key_from_file(config["key_file"], config.get("pass_phrase"))
    except oci.exceptions.ClientError as error:
        raise ToolError(f"{file}, profile {profile}: the key cannot be read: {_said(error)}; {_KEYS}") from error
    except (OSError, ValueError, KeyError) as error:
        raise ToolError(f"{file}, profile {profile}: the session cannot be read: {_said(error)}; {renewed}") from error
    if _left(token) <= 0:
        raise ToolError(f"the session of profile {profile} has expired; {renewed}")
    signer, lock = oci.auth.signers.SecurityTokenSigner(token, key), threading.Lock()

    def renew() -> None:
        with lock:
            _renew(signer, path, key, str(config["region"]))

    return Session(config, signer, config["tenancy"], config["region"], renew)


def _renew(signer: Any, path: Path, key: Any, region: str) -> None:
    """Have the signer use what is in the file, which others refresh, too; refresh it where it ends soon."""
    import oci
    from oci._vendor import requests  # which it signs for, and brings along

    current = signer.api_key.removeprefix("ST$")
    if _left(current) > _REFRESH:
        return
    token = path.read_text(encoding="utf-8").strip()
    if _left(token) <= _REFRESH:
        base = relayed("auth", region) or oci.regions.endpoint_for("auth", region)
        url = f"{base}/v1/authentication/refresh"
        try:
            answer = requests.post(url, json={"currentToken": token}, auth=signer, timeout=30)
            answer.raise_for_status()
            token = str(answer.json()["token"])
        except (requests.RequestException, KeyError, ValueError):
            return  # it still holds; at its end OCI refuses, and the message says what to do
        file = os.open(path, os.O_WRONLY | os.O_TRUNC | os.O_CREAT, 0o600)
        with open(file, "w", encoding="utf-8") as written:  # noqa: PTH123 - a descriptor, for its mode
            written.write(token)
    fresh = oci.auth.signers.SecurityTokenSigner(token, key)
    signer.api_key = fresh.api_key
    signer._basic_signer.reset_signer(fresh.api_key, key)
    signer._body_signer.reset_signer(fresh.api_key, key)


def _left(token: str) -> float:
    """Seconds that a JSON web token is still valid; OCI judges what cannot be read."""
    try:
        payload = token.split(".")[1]
        ends = json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))["exp"]
        return float(ends) - time.time()
    except (IndexError, KeyError, TypeError, ValueError, RecursionError):
        return _REFRESH + 1


def _from_place(login: Login) -> Session:
    """By where it runs: an instance, a function, a pod."""
    import oci

    signers = oci.auth.signers
    makers: Mapping[str, Callable[[], Any]] = {
        "instance_principal": signers.InstancePrincipalsSecurityTokenSigner,
        "resource_principal": signers.get_resource_principals_signer,
        "oke_workload_identity": signers.get_oke_workload_identity_resource_principal_signer,
    }
    try:
        signer = makers[login.auth]()
    except Exception as error:  # each signer raises what the place makes it raise: OSError, KeyError, the SDK's own
        place = _PLACES[login.auth]
        raise ToolError(f"--auth {login.auth} works only {place}, and this is none: {_said(error)}") from error
    claim = signer.get_claim("res_tenant") if hasattr(signer, "get_claim") else None
    tenancy = getattr(signer, "tenancy_id", None) or claim or ""
    region = login.region or str(getattr(signer, "region", "") or "")
    return Session({"region": region, "tenancy": tenancy}, signer, str(tenancy), region, _nothing)


def _check_region(region: str) -> None:
    """The SDK takes an unknown region for one of the first realm."""
    import oci

    if not region:
        raise ToolError("there is no region: set --region, or region in the profile")
    if not oci.regions.is_region(region) or region not in oci.regions.REGIONS:  # the first is of any spelling
        known = sorted(oci.regions.REGIONS)
        meant = oci.regions.REGIONS_SHORT_NAMES.get(region.lower(), region)
        raise ToolError(
            f"no region is called {region}; {nearest(meant, known, listed='see `oci iam region list`')}"
            " (a region that is newer than Oracle's SDK is described by OCI_REGION_METADATA)"
        )
