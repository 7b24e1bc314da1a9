"""File storage, buckets, repositories and vaults of tests/oci, and what controllers leave behind."""

import base64
from datetime import UTC, datetime, timedelta
from typing import Any

import oci
import pytest

from tests.oci import leftovers
from tests.oci.fixture import Running
from tests.oci.site import CORE, Site, built, finished
from tests.oci.world import domains

FILES, OBJECTS = oci.file_storage.models, oci.object_storage.models
KMS, SECRETS = oci.key_management.models, oci.vault.models
ONE, TWO, _ = domains("us-ashburn-1")


def refused(call: Any, *arguments: Any, **more: Any) -> tuple[int, str]:
    """How a call is refused."""
    with pytest.raises(oci.exceptions.ServiceError) as error:
        call(*arguments, **more)
    return error.value.status, error.value.code


def shared(site: Site, domain: str = ONE) -> tuple[Any, Any]:
    """A file system, and a mount target in a domain."""
    client = site.cloud.client("file_storage")
    about = {"compartment_id": site.cloud.tenancy}
    files = client.create_file_system(FILES.CreateFileSystemDetails(**about, availability_domain=ONE)).data
    target = client.create_mount_target(
        FILES.CreateMountTargetDetails(
            **about, availability_domain=domain, subnet_id=site.subnets["files"], nsg_ids=[site.group]
        )
    ).data
    return files, target


def export(files: Any, target: Any, path: str = "/models") -> Any:
    options = [FILES.ClientOptions(source="10.0.1.0/24", access="READ_ONLY")]
    return FILES.CreateExportDetails(
        export_set_id=target.export_set_id, file_system_id=files.id, path=path, export_options=options
    )


def test_a_file_system_is_exported(oci_cloud: Running) -> None:
    site = built(oci_cloud)
    oci_cloud.pace = 0
    client, network = oci_cloud.client("file_storage"), oci_cloud.client("virtual_network")
    files, target = shared(site)
    made = client.create_export(export(files, target)).data
    assert (made.path, made.export_options[0].access, made.export_options[0].identity_squash) == (
        "/models", "READ_ONLY", "NONE")  # fmt: skip
    assert [each.id for each in client.list_exports(export_set_id=target.export_set_id).data] == [made.id]
    assert client.get_export_set(target.export_set_id).data.vcn_id == site.vcn
    assert len(network.list_private_ips(subnet_id=site.subnets["files"]).data) == 3
    assert len(network.list_network_security_group_vnics(site.group).data) == 3
    assert client.list_mount_targets(oci_cloud.tenancy, TWO).data == []
    assert refused(client.create_export, export(files, target)) == (409, "Conflict")


@pytest.mark.parametrize("name, wrong", {
    "another domain": lambda site: export(*shared(site, TWO)),
    "no path": lambda site: export(*shared(site), "models"),
}.items())  # fmt: skip
def test_an_export_that_cannot_be(oci_cloud: Running, name: str, wrong: Any) -> None:
    site = built(oci_cloud)
    oci_cloud.pace = 0
    details = wrong(site)
    assert refused(oci_cloud.client("file_storage").create_export, details) == (400, "InvalidParameter"), name


@pytest.mark.parametrize("size, possible", [(28, True), (29, True), (30, False)])
def test_a_mount_target_needs_a_subnet_of_some_size(oci_cloud: Running, size: int, possible: bool) -> None:
    site = built(oci_cloud)
    oci_cloud.pace = 0
    about = CORE.CreateSubnetDetails(compartment_id=oci_cloud.tenancy, vcn_id=site.vcn, cidr_block=f"10.0.9.0/{size}")
    site.subnets["files"] = oci_cloud.client("virtual_network").create_subnet(about).data.id
    if possible:
        shared(site)
    else:
        assert refused(shared, site) == (400, "InvalidParameter")


def test_a_mount_target_may_fail(oci_cloud: Running) -> None:
    site = built(oci_cloud)
    oci_cloud.script.turn("mount_target", "FAILED")
    _, target = shared(site)
    client = oci_cloud.client("file_storage")
    states = [client.get_mount_target(target.id).data.lifecycle_state for _ in range(3)]
    assert states == ["CREATING", "FAILED", "FAILED"]
    client.delete_mount_target(target.id)


def test_a_subnet_may_come_back(oci_cloud: Running) -> None:
    site = built(oci_cloud)
    oci_cloud.script.turn("subnet", "AVAILABLE")
    client = oci_cloud.client("virtual_network")
    client.delete_subnet(site.subnets["files"])
    states = [client.get_subnet(site.subnets["files"]).data.lifecycle_state for _ in range(2)]
    assert states == ["TERMINATING", "AVAILABLE"]
    client.delete_subnet(site.subnets["files"])


# Buckets and repositories.


def test_a_bucket_is_made_once_and_deleted_empty(oci_cloud: Running) -> None:
    client = oci_cloud.client("object_storage")
    namespace = client.get_namespace().data
    details = OBJECTS.CreateBucketDetails(name="models", compartment_id=oci_cloud.tenancy, freeform_tags={"stack": "a"})
    made = client.create_bucket(namespace, details)
    assert (made.data.public_access_type, made.data.etag) == ("NoPublicAccess", made.headers["etag"])
    assert refused(client.create_bucket, namespace, details) == (409, "BucketAlreadyExists")
    client.put_object(namespace, "models", "chat/config.json", b"{}")
    assert client.get_object(namespace, "models", "chat/config.json").data.content == b"{}"
    assert [each.name for each in client.list_objects(namespace, "models", prefix="chat/").data.objects] == [
        "chat/config.json"
    ]
    assert client.list_objects(namespace, "models", prefix="x").data.objects == []
    assert refused(client.delete_bucket, namespace, "models") == (409, "BucketNotEmpty")
    client.delete_object(namespace, "models", "chat/config.json")
    versioned = OBJECTS.UpdateBucketDetails(versioning="Enabled")
    assert refused(client.update_bucket, namespace, "models", versioned, if_match="x") == (412, "NoEtagMatch")
    client.update_bucket(namespace, "models", versioned, if_match=made.headers["etag"])
    assert client.get_bucket(namespace, "models").data.versioning == "Enabled"
    client.delete_bucket(namespace, "models")
    assert refused(client.get_bucket, namespace, "models") == (404, "BucketNotFound")
    assert refused(client.get_bucket, "another", "models") == (404, "NamespaceNotFound")
    assert client.list_buckets(namespace, oci_cloud.tenancy).data == []


def test_a_repository_has_one_name(oci_cloud: Running) -> None:
    client, models = oci_cloud.client("artifacts"), oci.artifacts.models
    details = models.CreateContainerRepositoryDetails(compartment_id=oci_cloud.tenancy, display_name="vllm/vllm-openai")
    made = client.create_container_repository(details).data
    assert (made.is_public, made.lifecycle_state) == (False, "AVAILABLE")
    assert refused(client.create_container_repository, details) == (409, "NotAuthorizedOrResourceAlreadyExists")
    said = client.list_container_repositories(oci_cloud.tenancy, display_name="vllm/vllm-openai").data
    assert [each.id for each in said.items] == [made.id]
    oci_cloud.things[made.id].has["imageCount"] = 2
    assert client.get_container_repository(made.id).data.image_count == 2
    client.delete_container_repository(made.id)
    states = [client.get_container_repository(made.id).data.lifecycle_state for _ in range(2)]
    assert states == ["DELETING", "DELETED"]


# Keys and secrets.


def token(cloud: Running) -> tuple[Any, Any, Any]:
    """A secret, with its vault and key."""
    vaults = cloud.client("kms_vault")
    about = {"compartment_id": cloud.tenancy}
    vault = vaults.create_vault(KMS.CreateVaultDetails(**about, display_name="v", vault_type="DEFAULT")).data
    keys = cloud.client("kms_management", service_endpoint=vault.management_endpoint)
    shape = KMS.KeyShape(algorithm="AES", length=32)
    key = keys.create_key(KMS.CreateKeyDetails(**about, display_name="k", key_shape=shape)).data
    content = SECRETS.Base64SecretContentDetails(content=base64.b64encode(b"hf_x").decode())
    details = SECRETS.CreateSecretDetails(
        **about, key_id=key.id, vault_id=vault.id, secret_name="hf-token", secret_content=content
    )
    return vault, key, cloud.client("vaults").create_secret(details).data


def test_a_secret_is_read_back_where_it_may_be(oci_cloud: Running) -> None:
    oci_cloud.pace = 0
    vault, _, secret = token(oci_cloud)
    assert not hasattr(secret, "secret_content")
    bundle = oci_cloud.client("secrets").get_secret_bundle(secret.id).data
    assert base64.b64decode(bundle.secret_bundle_content.content) == b"hf_x"
    content = SECRETS.Base64SecretContentDetails(content=base64.b64encode(b"hf_y").decode())
    oci_cloud.client("vaults").update_secret(secret.id, SECRETS.UpdateSecretDetails(secret_content=content))
    bundle = oci_cloud.client("secrets").get_secret_bundle_by_name("hf-token", vault.id).data
    assert (bundle.version_number, base64.b64decode(bundle.secret_bundle_content.content)) == (2, b"hf_y")
    assert "hf_y" not in str(oci_cloud.live())


def test_what_has_a_key_is_deleted_later(oci_cloud: Running) -> None:
    oci_cloud.pace = 0
    vault, key, secret = token(oci_cloud)
    vaults, secrets = oci_cloud.client("kms_vault"), oci_cloud.client("vaults")
    keys = oci_cloud.client("kms_management", service_endpoint=vault.management_endpoint)
    now = datetime.fromisoformat(oci_cloud.now()).replace(tzinfo=UTC)
    soon = KMS.ScheduleVaultDeletionDetails(time_of_deletion=now + timedelta(days=6))
    assert refused(vaults.schedule_vault_deletion, vault.id, soon) == (400, "InvalidParameter")
    vaults.schedule_vault_deletion(vault.id, KMS.ScheduleVaultDeletionDetails(time_of_deletion=now + timedelta(days=8)))
    keys.schedule_key_deletion(key.id, KMS.ScheduleKeyDeletionDetails())
    secrets.schedule_secret_deletion(secret.id, SECRETS.ScheduleSecretDeletionDetails())
    assert {each["state"] for each in oci_cloud.live()} == {"PENDING_DELETION"}
    assert vaults.get_vault(vault.id).data.time_of_deletion == now + timedelta(days=8)
    details = SECRETS.CreateSecretDetails(
        compartment_id=oci_cloud.tenancy, key_id=key.id, vault_id=vault.id, secret_name="hf-token"
    )
    assert refused(secrets.create_secret, details)[0] == 404
    vaults.cancel_vault_deletion(vault.id)
    keys.cancel_key_deletion(key.id)
    assert refused(secrets.create_secret, details) == (409, "NotAuthorizedOrResourceAlreadyExists")
    secrets.cancel_secret_deletion(secret.id)
    assert {each["state"] for each in oci_cloud.live()} == {"ACTIVE", "ENABLED"}


def test_keys_are_of_the_vault_at_their_endpoint(oci_cloud: Running) -> None:
    client = oci_cloud.client("kms_management")
    shape = KMS.KeyShape(algorithm="AES", length=32)
    details = KMS.CreateKeyDetails(compartment_id=oci_cloud.tenancy, display_name="k", key_shape=shape)
    assert refused(client.create_key, details) == (404, "NotAuthorizedOrNotFound")


# Compute clusters, and what controllers left.


def test_a_compute_cluster_is_there_at_once(oci_cloud: Running) -> None:
    client = oci_cloud.client("compute")
    details = CORE.CreateComputeClusterDetails(compartment_id=oci_cloud.tenancy, availability_domain=ONE)
    made = client.create_compute_cluster(details).data
    assert made.lifecycle_state == "ACTIVE"
    assert [each.id for each in client.list_compute_clusters(oci_cloud.tenancy).data.items] == [made.id]
    client.delete_compute_cluster(made.id)
    assert oci_cloud.live() == []


def test_leftovers_are_found_where_they_are(oci_cloud: Running) -> None:
    site = built(oci_cloud)
    tags = {"stack": "a"}
    for network in (False, True):
        leftovers.load_balancer(oci_cloud, site.subnets["balancers"], tags=tags, network=network)
    leftovers.volume(oci_cloud, oci_cloud.tenancy, tags=tags)
    leftovers.mount_target(oci_cloud, site.subnets["files"], tags=tags)
    leftovers.machine(oci_cloud, site.subnets["workers"], tags=tags)
    ask = oci_cloud.client
    found = {
        "load balancer": ask("load_balancer").list_load_balancers(oci_cloud.tenancy).data,
        "network": ask("network_load_balancer").list_network_load_balancers(oci_cloud.tenancy).data.items,
        "volume": ask("blockstorage").list_volumes(compartment_id=oci_cloud.tenancy).data,
        "files": ask("file_storage").list_file_systems(oci_cloud.tenancy, ONE).data,
        "mount target": ask("file_storage").list_mount_targets(oci_cloud.tenancy, ONE).data,
        "machine": ask("compute").list_instances(oci_cloud.tenancy).data,
    }
    for name, things in found.items():
        assert [each.freeform_tags for each in things] == [tags], name
    addresses = ask("virtual_network").list_private_ips(subnet_id=site.subnets["balancers"]).data
    assert len(addresses) == 2
    vnic = ask("compute").list_vnic_attachments(oci_cloud.tenancy).data[0].vnic_id
    assert ask("virtual_network").get_vnic(vnic).data.subnet_id == site.subnets["workers"]


def test_a_load_balancer_goes_by_a_work_request_of_its_service(oci_cloud: Running) -> None:
    site = built(oci_cloud)
    balancer = leftovers.load_balancer(oci_cloud, site.subnets["balancers"])
    client = oci_cloud.client("load_balancer")
    id = client.delete_load_balancer(balancer.id).headers["opc-work-request-id"]
    states = [client.get_work_request(id).data.lifecycle_state for _ in range(3)]
    assert states == ["ACCEPTED", "IN_PROGRESS", "SUCCEEDED"]
    assert refused(oci_cloud.client("network_load_balancer").get_work_request, id)[0] == 404
    other = leftovers.load_balancer(oci_cloud, site.subnets["balancers"], network=True)
    client = oci_cloud.client("network_load_balancer")
    assert finished(client, client.delete_network_load_balancer(other.id)).status == "SUCCEEDED"


def test_controllers_write_security_rules(oci_cloud: Running) -> None:
    site = built(oci_cloud)
    client = oci_cloud.client("virtual_network")
    id = client.get_subnet(site.subnets["balancers"]).data.security_list_ids[0]
    before = client.get_security_list(id)
    leftovers.security_rules(oci_cloud, site.subnets["balancers"])
    after = client.get_security_list(id)
    assert len(after.data.ingress_security_rules) == len(before.data.ingress_security_rules) + 1
    assert after.headers["etag"] != before.headers["etag"]
