"""Keys and secrets: vaults, their keys, secrets; they are never deleted, but scheduled to be."""

from datetime import datetime, timedelta
from typing import Any

from tests.oci import hooks
from tests.oci.cloud import Cloud
from tests.oci.errors import invalid, not_found, wrong_state
from tests.oci.thing import Answer, Request, Thing
from tests.oci.verbs import answer, matched

LEAST = {"vault": 7, "key": 7, "secret": 1}
"""Days until something is deleted, at least; 30 where nothing is said."""
_SERVICES = {"vault": "kms_vault", "key": "kms_management", "secret": "vaults"}


@hooks.of(hooks.BORN, "vault")
def _vault(cloud: Cloud, thing: Thing) -> None:
    base = f"{cloud.base}/{thing.region}"
    part = thing.id[-12:]
    thing.has.update(
        managementEndpoint=f"{base}/kms_management~{part}",
        cryptoEndpoint=f"{base}/kms_crypto~{part}",
        wrappingkeyId=cloud.new_id("key", thing.region),
    )


@hooks.of(hooks.CHECKS, "key")
def _check_key(cloud: Cloud, request: Request, body: dict[str, Any]) -> None:
    body["vaultId"] = _vault_of(cloud, request).id
    if body["keyShape"]["algorithm"] == "AES" and body["keyShape"]["length"] not in {16, 24, 32}:
        raise invalid("keyShape.length: AES has 16, 24 or 32 bytes")


def _vault_of(cloud: Cloud, request: Request) -> Thing:
    for each in cloud.all("vault", request.region):
        if each.id.endswith(request.part) and request.part:
            if each.state != "ACTIVE":
                cloud.tick(each)
                raise wrong_state(f"vault {each.id} is {each.state}")
            return each
    raise not_found(f"vault at this endpoint: {request.part or 'none is named'}")


@hooks.of(hooks.BORN, "key")
def _key(cloud: Cloud, thing: Thing) -> None:
    thing.has["currentKeyVersion"] = cloud.new_id("keyversion", thing.region)
    thing.has["protectionMode"] = thing.has.get("protectionMode") or "HSM"
    thing.has["algorithm"] = thing.has["keyShape"]["algorithm"]


@hooks.of(hooks.BORN, "secret")
def _secret(cloud: Cloud, thing: Thing) -> None:
    thing.note["versions"] = [thing.has.pop("secretContent", None)]
    thing.has["currentVersionNumber"] = 1


@hooks.of(hooks.AMENDED, "secret")
def _amend(cloud: Cloud, thing: Thing, body: dict[str, Any]) -> None:
    if content := body.pop("secretContent", None):
        thing.note["versions"].append(content)
        thing.has["currentVersionNumber"] = len(thing.note["versions"])


@hooks.handles("secrets", "get_secret_bundle")
def _bundle(cloud: Cloud, request: Request) -> Answer:
    return _content(cloud, cloud.find(request.target, request.region, "secret"))


@hooks.handles("secrets", "get_secret_bundle_by_name")
def _bundle_by_name(cloud: Cloud, request: Request) -> Answer:
    wanted = (request.asked("secretName"), request.asked("vaultId"))
    for each in cloud.all("secret", request.region):
        if (each.has["secretName"], each.has["vaultId"]) == wanted:
            return _content(cloud, each)
    raise not_found(f"secret {wanted[0]}")


def _content(cloud: Cloud, secret: Thing) -> Answer:
    if secret.state != "ACTIVE":
        cloud.tick(secret)
        raise wrong_state(f"secret {secret.id} is {secret.state}")
    version = secret.note["versions"][-1]
    return Answer(
        {
            "secretId": secret.id,
            "versionNumber": len(secret.note["versions"]),
            "timeCreated": cloud.now(),
            "secretBundleContent": {"contentType": "BASE64", "content": (version or {}).get("content")},
        }
    )


def _schedule(kind: str) -> hooks.Handler:
    def handler(cloud: Cloud, request: Request) -> Answer:
        thing = cloud.find(request.target, request.region, kind)
        matched(request, thing)
        if thing.ending or thing.state not in {thing.kind.ready}:
            cloud.tick(thing)
            raise wrong_state(f"{kind} {thing.id} is {thing.state}")
        now = datetime.fromisoformat(cloud.now())
        when = datetime.fromisoformat((request.body or {}).get("timeOfDeletion") or str(now + timedelta(days=30)))
        if when < now + timedelta(days=LEAST[kind]):
            raise invalid(f"timeOfDeletion: has to be {LEAST[kind]} days from now, at least")
        thing.has["timeOfDeletion"] = when.isoformat()
        thing.state = thing.kind.deleting
        cloud.go(thing, thing.kind.deleted)
        return answer(thing)

    return handler


def _cancel(kind: str) -> hooks.Handler:
    def handler(cloud: Cloud, request: Request) -> Answer:
        thing = cloud.find(request.target, request.region, kind)
        matched(request, thing)
        if thing.state != "PENDING_DELETION":
            cloud.tick(thing)
            raise wrong_state(f"{kind} {thing.id} is {thing.state}")
        thing.has.pop("timeOfDeletion")
        thing.gone, thing.purged = False, False
        thing.state = "CANCELLING_DELETION"
        cloud.go(thing, thing.kind.ready)
        return answer(thing)

    return handler


for _name, _service in _SERVICES.items():
    hooks.handles(_service, f"schedule_{_name}_deletion")(_schedule(_name))
    hooks.handles(_service, f"cancel_{_name}_deletion")(_cancel(_name))
