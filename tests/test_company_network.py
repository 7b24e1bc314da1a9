"""Company networks: mirrors with a login, a private CA, a proxy, a Prometheus that asks who it is."""

import json
import re
import subprocess
from importlib import resources
from pathlib import Path, PurePosixPath
from typing import Any

import pytest
from click.testing import CliRunner

from gpuyard.catalogue.platform import catalogue
from gpuyard.catalogue.shippedchart import shipped_charts
from gpuyard.cli.main import cli
from gpuyard.doors import yamlio
from gpuyard.doors.helm import Embedded
from gpuyard.project.load import parse
from gpuyard.render import render
from gpuyard.render.kustomize import objects as manifests
from gpuyard.render.prerequisites import commands, stack_commands
from gpuyard.render.required import required
from gpuyard.resolve import resolve
from gpuyard.tree import Tree
from tests.conftest import ROOT
from tests.projects import STACK, chart_values, problems, resolved, sources

Object = dict[str, Any]

MIRROR = {"registry": "oci://registry.example.com/charts", "registrySecret": "mirror"}
IMAGES = {
    "mirrors": {name: "registry.example.com/hub" for name in ("docker.io", "ghcr.io", "quay.io", "registry.k8s.io")},
    "pullSecrets": ["mirror", "second"],
}
POLICY = {"registries": ["registry.example.com"]}
WHOLE = {"platform": {**MIRROR, "kuberay": {"enabled": True}}, "images": IMAGES, "policy": POLICY}


def tree(stack: dict[str, Any], spec: dict[str, Any] | None = None) -> Tree:
    return render(resolved(spec or {}, stack), shipped_charts(), Embedded(shipped_charts()))


def objects(stack: dict[str, Any], *kinds: str) -> dict[str, Object]:
    """Of the engine's, by kind and name."""
    return {
        f"{each['kind']}/{each['metadata']['name']}": each
        for path, text in tree(stack).items()
        if path.parts[0] in ("platform", "clusters") and path.name != "kustomization.yaml"
        for each in yamlio.parse_manifests(text)
        if each["kind"] in kinds
    }


def needed(stack: dict[str, Any], spec: dict[str, Any] | None = None) -> dict[tuple[str, str, str], tuple[str, ...]]:
    """Keys of what clusters must have, by namespace, kind and name."""
    return {(each.namespace, each.kind, each.name): each.keys for each in required(resolved(spec or {}, stack), "phx")}


def readme(stack: dict[str, Any]) -> str:
    return tree(stack)[PurePosixPath("README.md")]


def at(values: Any, path: str) -> Any:
    for key in path.split("."):
        values = values[key]
    return values


# --- charts from a mirror with a login -----------------------------------------------------------------------


def test_every_chart_is_pulled_with_the_login_of_its_namespace() -> None:
    sources = objects(WHOLE, "OCIRepository", "HelmRepository")
    assert set(sources) == {f"OCIRepository/{each.chart}" for each in resolved({}, WHOLE).releases}
    assert len(sources) == 4
    assert all(each["spec"]["secretRef"] == {"name": "mirror"} for each in sources.values())
    found = needed({"platform": MIRROR})
    assert {namespace for namespace, kind, name in found if name == "mirror"} == {"keda", "monitoring"}
    assert set(found.values()) >= {(".dockerconfigjson",)}


def test_a_mirror_without_a_login_needs_none() -> None:
    sources = objects({"platform": {"registry": MIRROR["registry"]}}, "OCIRepository")
    assert sources
    assert not any("secretRef" in each["spec"] for each in sources.values())
    assert not any(name == "mirror" for *_, name in needed({"platform": {"registry": MIRROR["registry"]}}))


def test_a_login_of_no_mirror_is_refused() -> None:
    assert problems({}, {"platform": {"registrySecret": "mirror"}}) == [
        "spec.platform.registrySecret: only applies to charts from a mirror; add registry: oci://host/path, or remove "
        "it"
    ]
    assert problems({}, {"platform": {**MIRROR, "registrySecret": "Not A Secret"}}) == [
        'spec.platform.registrySecret is "Not A Secret"; must be the name of a Secret'
    ]


# --- images from a mirror with a login -----------------------------------------------------------------------


def test_every_chart_with_images_says_where_it_takes_pull_secrets() -> None:
    assert all(bool(release.pull_secrets_at) == bool(release.known.images) for release in catalogue())


def test_pull_secrets_reach_every_chart_and_every_namespace() -> None:
    found = resolved({}, WHOLE)
    for release in found.releases:
        if release.pull_secrets_at:
            assert at(release.values, release.pull_secrets_at) == [{"name": "mirror"}, {"name": "second"}]
    namespaces = {namespace for namespace, _, name in needed(WHOLE) if name == "second"}
    assert namespaces == {"keda", "kuberay", "monitoring", "inference"}


def test_public_images_are_pulled_without() -> None:
    """Only where a mirror stands for one of them: nobody should make Secrets that nothing reads."""
    partly = {"images": {"mirrors": {"ghcr.io": "registry.example.com/hub"}, "pullSecrets": ["mirror"]}}
    found = {release.chart: release.pull_secrets for release in resolved({}, partly).releases}
    assert found == {"keda": ("mirror",), "kube-prometheus-stack": (), "prometheus-operator-crds": ()}
    assert {namespace for namespace, _, name in needed(partly) if name == "mirror"} == {"keda", "inference"}
    values = {release.chart: release.values for release in resolved({}, partly).releases}
    assert values["kube-prometheus-stack"] == {each.chart: each for each in catalogue()}["kube-prometheus-stack"].values


def test_a_secret_for_charts_and_images_is_made_once(kubectl: Path, tmp_path: Path) -> None:
    """Each command, as a new cluster's owner types it, is one that kubectl takes."""
    found = resolved({}, WHOLE)
    lines = list(stack_commands(found, "phx"))
    assert len(lines) == len(set(lines))
    assert [line.rpartition(" ")[2] for line in lines if "create namespace" in line] == [
        "inference",
        "monitoring",
        "keda",
        "kuberay",
    ]
    (line,) = (line for line in lines if "--namespace keda" in line and " mirror " in line)
    (tmp_path / "FILE").write_text(json.dumps({"auths": {"registry.example.com": {"auth": "eDp5"}}}))
    arguments = line.removeprefix("kubectl --context phx ").split()
    done = subprocess.run(
        [kubectl, *arguments, "--dry-run=client", "-o", "json"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=True,
    )
    made = json.loads(done.stdout)
    assert (made["type"], list(made["data"])) == ("kubernetes.io/dockerconfigjson", [".dockerconfigjson"])
    assert made["metadata"]["namespace"] == "keda"


# --- a certificate authority of the site's own ---------------------------------------------------------------

CA = {"network": {"ca": {"configMap": "corp-ca"}}}
HTTPS = {"platform": {"prometheus": {"enabled": False, "address": "https://prom.corp.example.com", "namespace": "obs"}}}


def test_every_source_of_flux_trusts_it() -> None:
    mirrored = {**CA, "platform": {"registry": MIRROR["registry"]}}
    for stack in (CA, mirrored):
        sources = objects(stack, "OCIRepository", "HelmRepository")
        assert len(sources) == 3
        assert all(each["spec"]["certSecretRef"] == {"name": "corp-ca"} for each in sources.values())
        found = {place: keys for place, keys in needed(stack).items() if place[2] == "corp-ca" and place[1] == "Secret"}
        assert found == {
            (namespace, "Secret", "corp-ca"): ("ca.crt",) for namespace in ("flux-system", "monitoring", "keda")
        }


def test_flux_takes_login_and_authorities_of_git_from_one_secret() -> None:
    def git(**repository: Any) -> tuple[Any, Any]:
        stack = {**CA, "repository": {"url": "https://git.example.com/x", **repository}}
        spec = objects(stack, "GitRepository")["GitRepository/demo"]["spec"]
        name = spec.get("secretRef", {}).get("name")
        return name, needed(stack).get(("flux-system", "Secret", str(name)))

    assert git() == ("corp-ca", ("ca.crt",))
    assert git(secret="git") == ("git", ("username", "password", "ca.crt"))  # noqa: S106 - a name
    assert git(url="ssh://git@git.example.com/x", secret="git") == ("git", ("identity", "known_hosts"))  # noqa: S106
    assert git(url="http://git.svc/x", insecure=True) == (None, None)


def test_a_mirror_that_speaks_plainly_shows_no_certificate() -> None:
    sources = objects({**CA, "platform": {"registry": MIRROR["registry"], "insecure": True}}, "OCIRepository")
    assert not any("certSecretRef" in each["spec"] for each in sources.values())


@pytest.mark.parametrize(
    ("given", "volume"),
    [
        ({"configMap": "corp-ca"}, {"configMap": {"name": "corp-ca", "items": [{"key": "ca.crt", "path": "ca.crt"}]}}),
        (
            {"secret": "corp-ca", "key": "bundle.pem"},
            {"secret": {"secretName": "corp-ca", "items": [{"key": "bundle.pem", "path": "ca.crt"}]}},
        ),
    ],
)
def test_keda_trusts_it_where_it_asks_by_https(given: dict[str, str], volume: Object) -> None:
    stack = {**HTTPS, "network": {"ca": given}}
    (keda,) = (each for each in resolved({}, stack).releases if each.chart == "keda")
    assert keda.values["volumes"]["keda"] == {
        "extraVolumes": [{"name": "site-ca", **volume}],
        "extraVolumeMounts": [{"name": "site-ca", "mountPath": "/custom/ca", "readOnly": True}],
    }
    kind = "Secret" if "secret" in given else "ConfigMap"
    assert given.get("key", "ca.crt") in needed(stack)["keda", kind, "corp-ca"]
    plain = {**stack, "platform": {"prometheus": {**HTTPS["platform"]["prometheus"], "address": "http://prom.obs.svc"}}}
    for other in (plain, CA):
        (keda,) = (each for each in resolved({}, other).releases if each.chart == "keda")
        assert "volumes" not in keda.values


@pytest.mark.parametrize(
    ("given", "kind"), [({"configMap": "corp-ca"}, "ConfigMap"), ({"secret": "corp-ca", "key": "b.pem"}, "Secret")]
)
def test_models_and_downloads_trust_it(given: dict[str, str], kind: str) -> None:
    stack = {"network": {"ca": given}}
    values = chart_values({}, stack)
    assert values["ca"] == {"key": "ca.crt", **given}
    assert values["scripts"] == {"configMap": "demo-scripts"}
    assert needed(stack)["inference", kind, "corp-ca"] == (given.get("key", "ca.crt"),)
    # A server that runs no other script of the chart mounts this one, too.
    alone = {"model": {"name": "qwen3-8b"}, "storage": {"cache": {"kind": "block"}}, "scaling": {"max": 1}}
    assert "scripts" not in chart_values(alone)
    assert chart_values(alone, stack)["scripts"] == {"configMap": "demo-scripts"}
    assert "ca" not in chart_values({})
    assert problems({"values": {"ca": {"secret": "x"}}}) == [
        "spec.values.ca: set spec.network.ca in stack.yaml instead"
    ]


def test_values_that_take_them_away_are_told() -> None:
    own = {"values": {"volumes": {"keda": {"extraVolumes": []}}, "imagePullSecrets": []}}
    stack = {**WHOLE, **CA, "platform": {**HTTPS["platform"], "keda": own}}
    told = "\n".join(resolved({}, stack).notes)
    for path, value in (("volumes.keda.extraVolumes", "site-ca"), ("imagePullSecrets", "mirror")):
        assert f"spec.platform.keda.values.{path} replaces the computed [" in told
        assert value in told


def test_a_keda_of_the_cluster_s_own_has_to_trust_it() -> None:
    words = "- KEDA that trusts the authorities in ConfigMap `corp-ca`, because it asks Prometheus by https"
    own = {"platform": {**HTTPS["platform"], "keda": {"enabled": False}}}
    assert words in readme({**CA, **own})
    assert words not in readme({**CA, **HTTPS})
    assert words not in readme(own)


@pytest.mark.parametrize(
    ("ca", "words"),
    [
        ({"secret": "a", "configMap": "b"}, "spec.network.ca.configMap: conflicts with secret, a; keep one of the two"),
        ({"key": "ca.crt"}, "spec.network.ca: does not say where the certificates are; add configMap: NAME or secret"),
        ({"secret": "A/B"}, 'spec.network.ca.secret is "A/B"; must be the name of a Secret'),
        ({"configMap": "A/B"}, 'spec.network.ca.configMap is "A/B"; must be the name of a ConfigMap'),
        ({"secret": "a", "key": "../x"}, "must be a key of a Secret or ConfigMap: "),
        ("./ca.pem", "spec.network.ca"),
        ({"secret": "a", "file": "./ca.pem"}, "spec.network.ca.file is not known; known keys: secret, configMap, key"),
    ],
)
def test_an_authority_that_is_none(ca: Any, words: str) -> None:
    found = problems({}, {"network": {"ca": ca}})
    assert any(words in each for each in found), found


# --- a proxy -------------------------------------------------------------------------------------------------

PROXY = {"https": "http://proxy.example.com:3128", "no": [".corp.example.com", "10.0.0.0/8"], "secret": "proxy"}
WITHOUT = ".corp.example.com,10.0.0.0/8,localhost,127.0.0.1,.svc,.cluster.local,169.254.169.254,.inference"


def proxied(**more: Any) -> dict[str, Any]:
    return {"network": {"proxy": {**PROXY, **more}, "egress": [{"cidr": "10.0.7.9/32", "port": 3128}]}}


def variables(spec: dict[str, Any], stack: dict[str, Any]) -> dict[str, Any]:
    return {each["name"]: each.get("value") for each in chart_values(spec, stack)["extraEnv"]}


def rendered(spec: dict[str, Any], stack: dict[str, Any]) -> list[Object]:
    found = resolved(spec, stack)
    return manifests(found, found.workloads[0], Embedded(shipped_charts()))


def test_servers_and_downloads_know_the_proxy_in_both_spellings() -> None:
    wanted = {"HTTPS_PROXY": PROXY["https"], "https_proxy": PROXY["https"], "NO_PROXY": WITHOUT, "no_proxy": WITHOUT}
    assert variables({}, proxied()) == wanted
    pods = [
        each["spec"]["template"]["spec"] for each in rendered({}, proxied()) if each["kind"] in ("Job", "Deployment")
    ]
    assert len(pods) == 2
    for pod in pods:
        names = {each["name"]: each.get("value") for each in pod["containers"][0]["env"]}
        assert wanted.items() <= names.items()
    both = variables({}, proxied(http="http://10.0.7.9:3128"))
    assert both["http_proxy"] == both["HTTP_PROXY"] == "http://10.0.7.9:3128"


def test_a_blueprint_may_have_a_proxy_of_its_own() -> None:
    """In whatever spelling: some programs would read the other one first."""
    own = {"serving": {"env": {"https_proxy": "http://other.example.com:3128"}}}
    found = variables(own, proxied())
    assert found == {"https_proxy": "http://other.example.com:3128", "NO_PROXY": WITHOUT, "no_proxy": WITHOUT}
    values = {"values": {"extraEnv": [{"name": "HTTPS_PROXY", "value": "http://third.example.com:3128"}]}}
    assert problems(values, proxied()) == [
        "spec.values.extraEnv[0].name: HTTPS_PROXY is a variable of spec.network.proxy of the stack already; keep one"
    ]
    more = {"values": {"extraEnv": [{"name": "TEAM", "value": "search"}]}}
    assert variables(more, proxied())["TEAM"] == "search"


def notes(spec: dict[str, Any], stack: dict[str, Any]) -> list[str]:
    return [note for note in resolved(spec, stack).notes if "NetworkPolicy blocks" in note]


def test_a_proxy_by_its_address_is_let_out() -> None:
    rule = {"cidr": "10.0.7.9/32", "port": 3128}
    for url, cidr in (("http://10.0.7.9:3128", "10.0.7.9/32"), ("http://[fd12::9]:3128", "fd12::9/128")):
        stack = {"network": {"proxy": {"https": url, "http": url}}}
        assert chart_values({}, stack)["networkPolicy"]["egress"] == [{"cidr": cidr, "port": 3128}]
        assert notes({}, stack) == []
    listed = {"network": {"proxy": {"https": "http://10.0.7.9:3128"}, "egress": [rule]}}
    assert chart_values({}, listed)["networkPolicy"]["egress"] == [rule]


def test_a_proxy_by_its_name_is_let_out_by_the_stack_s_owner() -> None:
    assert notes({}, proxied()) == []
    (note,) = notes({}, {"network": {"proxy": PROXY}})
    assert note == (
        "stack.yaml: HTTPS_PROXY is proxy.example.com, port 3128, which the NetworkPolicy blocks; list its addresses "
        "with port: 3128 in stack.yaml as spec.network.egress"
    )


def test_a_mirror_behind_the_proxy_needs_no_rule_of_its_own() -> None:
    def told(url: str) -> list[str]:
        spec = {"serving": {"env": {"HF_ENDPOINT": url}, "unsafe": ["HF_ENDPOINT"]}}
        return notes(spec, proxied())

    assert told("https://hf.example.org:8443") == []
    assert len(told("https://hf.corp.example.com:8443")) == 1
    assert len(told("http://hf.example.org:8080")) == 1  # the proxy is for https


def test_flux_reaches_git_and_charts_through_it() -> None:
    mirrored = {**proxied(), "platform": {"registry": "oci://registry.example.org/charts"}}
    sources = objects(mirrored, "OCIRepository", "GitRepository")
    assert len(sources) == 4
    assert all(each["spec"]["proxySecretRef"] == {"name": "proxy"} for each in sources.values())
    found = needed(mirrored)
    assert {place: keys for place, keys in found.items() if place[2] == "proxy"} == {
        (namespace, "Secret", "proxy"): ("address",) for namespace in ("flux-system", "monitoring", "keda")
    }


def test_what_is_inside_is_reached_without() -> None:
    """And an ssh repository, for which an HTTP proxy is of no use."""
    inside = {
        "platform": {"registry": "oci://10.1.2.3:5000/charts"},
        "repository": {"url": "https://git.corp.example.com/x"},
    }
    sources = objects({**proxied(), **inside}, "OCIRepository", "GitRepository")
    assert not any("proxySecretRef" in each["spec"] for each in sources.values())
    assert not any(name == "proxy" for *_, name in needed({**proxied(), **inside}))
    ssh = {"repository": {"url": "ssh://git@git.example.org/x", "secret": "git"}}
    assert "proxySecretRef" not in objects({**proxied(), **ssh}, "GitRepository")["GitRepository/demo"]["spec"]


def test_what_flux_cannot_be_told_is_said() -> None:
    """A HelmRepository has no proxySecretRef; without a Secret, no source has."""
    words = (
        "source-controller with `HTTPS_PROXY=http://proxy.example.com:3128` (and `NO_PROXY=.svc,.cluster.local`) in "
        "its environment, by which it reaches "
    )
    assert f"{words}kedacore.github.io\n" in readme(proxied())
    without = {"network": {"proxy": {"https": PROXY["https"]}}}
    assert f"{words}git.example.com, ghcr.io, kedacore.github.io\n" in readme(without)
    assert "HTTPS_PROXY" not in readme({})


@pytest.mark.parametrize(
    ("proxy", "words"),
    [
        ({"https": "proxy.example.com:3128"}, "must be http://host:port, without a user and a password"),
        ({"https": "http://user:word@proxy.example.com:3128"}, "a URL with a password"),
        ({"https": "http://user@proxy.example.com:3128"}, "must be http://host:port, without a user and a password"),
        ({"https": "socks5://proxy.example.com"}, "must be http://host:port"),
        (
            {"https": "http://proxy.example.com:99999"},
            "spec.network.proxy.https: http://proxy.example.com:99999 has no",
        ),
        ({"https": "http://169.254.169.254:80"}, "spec.network.proxy.https: 169.254.169.254/32 holds addresses of"),
        ({"no": [".x"]}, "spec.network.proxy.https is missing; add it"),
        ({"https": PROXY["https"], "no": ["*"]}, "must be a host, a domain such as .example.com"),
        ({"https": PROXY["https"], "no": ["a,b"]}, "must be a host, a domain such as .example.com"),
        ({"https": PROXY["https"], "secret": "a/b"}, "must be the name of a Secret"),
        ({"htps": PROXY["https"]}, "spec.network.proxy.htps is not known; did you mean https?"),
    ],
)
def test_a_proxy_that_is_none(proxy: dict[str, Any], words: str) -> None:
    found = problems({}, {"network": {"proxy": proxy}})
    assert any(words in each for each in found), found


# --- Prometheus ----------------------------------------------------------------------------------------------

OWN = {"platform": {"prometheus": {"enabled": False, "address": "http://prom.obs.svc:9090"}}}


def test_what_the_installed_prometheus_lacks_is_said_with_the_values_that_bring_it() -> None:
    text = readme({"storage": {"block": "fast"}}).partition("## The installed Prometheus")[2].partition("\n## ")[0]
    more = yamlio.load_data(text.partition("```yaml\n")[2].partition("```")[0])
    assert "in `monitoring`" in text
    stack = {**more, "storage": {"block": "fast"}}
    (release,) = (each for each in resolved({}, stack).releases if each.service)
    spec = at(release.values, "prometheus.prometheusSpec")
    assert at(spec, "storageSpec.volumeClaimTemplate.spec.storageClassName") == "fast"
    assert spec["ruleSelectorNilUsesHelmValues"] is False
    assert at(release.values, "grafana.enabled") is True
    assert "## The installed Prometheus" not in readme(stack)
    assert "## The installed Prometheus" not in readme(OWN)


def test_what_the_alerts_need_of_another_prometheus_is_said() -> None:
    words = readme(OWN).partition("Before its first sync it needs:")[2].partition("###")[0]
    assert (
        "kube-state-metrics that shows the conditions of ScaledObjects ([by this configuration](https://github.com/"
        in words
    )
    assert "KEDA 2.20" not in words
    own_keda = {"platform": {**OWN["platform"], "keda": {"enabled": False}}}
    assert "KEDA 2.20 or newer, whose operator's metrics Prometheus scrapes" in readme(own_keda)
    docs = (ROOT / "docs" / "company-networks.md").read_text(encoding="utf-8")
    block = docs.partition("## A Prometheus of your own")[2].partition("```yaml\n")[2].partition("```")[0]
    (ours,) = (release for release in catalogue() if release.service)
    assert yamlio.load_data(block) == {"kube-state-metrics": ours.values["kube-state-metrics"]}
    metrics = {"kube_customresource_scaledobject_status_condition", "keda_scaler_http_requests_total"}
    expressions = (resources.files("gpuyard") / "catalogue" / "alerts.yaml").read_text(encoding="utf-8")
    assert all(metrics <= set(re.findall(r"\w+", text)) for text in (expressions, docs))


def asking(address: str = "https://prom.corp.example.com", **more: Any) -> dict[str, Any]:
    given = {"enabled": False, "address": address, "namespace": "obs", **more}
    return {"platform": {"prometheus": given}}


SCALED = {"scaling": {"min": 1, "max": 4}}


@pytest.mark.parametrize(
    ("auth", "mode", "secrets"),
    [
        ({"bearer": {"secret": "prom"}}, "bearer", {"bearerToken": "token"}),
        ({"bearer": {"secret": "prom", "key": "bearerToken"}}, "bearer", {"bearerToken": "bearerToken"}),
        ({"basic": {"secret": "prom"}}, "basic", {"username": "username", "password": "password"}),
        ({"basic": {"secret": "prom", "usernameKey": "user"}}, "basic", {"username": "user", "password": "password"}),
        ({"tls": {"secret": "prom"}}, "tls", {"cert": "tls.crt", "key": "tls.key"}),
        ({"tls": {"secret": "prom", "certKey": "cert", "keyKey": "key"}}, "tls", {"cert": "cert", "key": "key"}),
    ],
)
def test_keda_shows_prometheus_who_asks(auth: dict[str, Any], mode: str, secrets: dict[str, str]) -> None:
    made = {each["kind"]: each for each in rendered(SCALED, asking(auth=auth))}
    targets = made["TriggerAuthentication"]["spec"]["secretTargetRef"]
    assert targets == [{"parameter": name, "name": "prom", "key": key} for name, key in secrets.items()]
    for trigger in made["ScaledObject"]["spec"]["triggers"]:
        assert trigger["metadata"]["authModes"] == mode
        assert "unsafeSsl" not in trigger["metadata"]
        assert trigger["authenticationRef"] == {"name": made["TriggerAuthentication"]["metadata"]["name"]}
    assert set(needed(asking(auth=auth), SCALED)["inference", "Secret", "prom"]) == set(secrets.values())


def test_a_prometheus_that_asks_nobody_needs_nothing() -> None:
    made = {each["kind"]: each for each in rendered(SCALED, asking())}
    assert "TriggerAuthentication" not in made
    assert not any(
        {"authModes", "unsafeSsl"} & set(each["metadata"]) for each in made["ScaledObject"]["spec"]["triggers"]
    )
    fixed = {"scaling": {"min": 2, "max": 2}}
    assert ("inference", "Secret", "prom") not in needed(asking(auth={"bearer": {"secret": "prom"}}), fixed)


def test_no_certificate_is_left_unchecked_unless_that_is_asked_for() -> None:
    def unchecked(**more: Any) -> set[str | None]:
        made = {each["kind"]: each for each in rendered(SCALED, asking(**more))}
        return {each["metadata"].get("unsafeSsl") for each in made["ScaledObject"]["spec"]["triggers"]}

    assert unchecked(insecure=True) == unchecked(insecure=True, auth={"bearer": {"secret": "prom"}}) == {"true"}
    assert unchecked(address="http://prom.obs.svc", insecure=True, auth={"bearer": {"secret": "prom"}}) == {None}


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"auth": {}}, "spec.platform.prometheus.auth has 0 keys; must have at least 1"),
        ({"auth": {"bearer": {"secret": "a"}, "basic": {"secret": "b"}}}, "auth has 2 keys; must have at most 1"),
        ({"auth": {"bearer": {}}}, "auth.bearer.secret is missing; add it"),
        ({"auth": {"bearer": {"secret": "a", "kay": "b"}}}, "auth.bearer.kay is not known; did you mean key?"),
        ({"auth": {"bearer": {"secret": "a", "key": "../b"}}}, "must be a key of a Secret"),
        ({"auth": {"bearer": "aaaaaa"}}, "spec.platform.prometheus.auth.bearer"),
        (
            {"auth": {"bearer": {"secret": "a"}}, "address": "http://prom.obs.svc"},
            "spec.platform.prometheus.auth: its credentials would be readable on the way; use https://",
        ),
        (
            {"auth": {"tls": {"secret": "a"}}, "address": "http://prom.obs.svc", "insecure": True},
            "spec.platform.prometheus.auth.tls: a client certificate needs https://",
        ),
        (
            {"address": "http://prom.obs.svc", "insecure": True},
            "spec.platform.prometheus.insecure: changes nothing for http:// without auth; remove it",
        ),
        (
            {"auth": {"tls": {"secret": "a"}}, "insecure": True},
            "spec.platform.prometheus.insecure: KEDA checks the certificate of a server that it shows its own",
        ),
    ],
)
def test_an_authentication_that_is_none(given: dict[str, Any], words: str) -> None:
    found = problems({}, asking(**given))
    assert any(words in each for each in found), found


def test_the_installed_prometheus_asks_nobody() -> None:
    for given in ({"auth": {"bearer": {"secret": "a"}}}, {"insecure": True}):
        (key,) = given
        assert problems({}, {"platform": {"prometheus": given}}) == [
            f"spec.platform.prometheus.{key}: only applies where enabled is false; remove it"
        ]


# --- a source that is not ours -------------------------------------------------------------------------------


def test_a_repository_that_others_read_is_reached_by_their_secrets() -> None:
    """Charts are ours all the same."""
    network = {"ca": {"secret": "corp-ca"}, "proxy": {"https": "http://proxy.example.com:443", "secret": "proxy"}}
    stack = {"network": network, "repository": {"source": "flux-system"}}
    assert objects(stack, "GitRepository") == {}
    assert not any(namespace == "flux-system" for namespace, *_ in needed(stack))
    assert ("keda", "Secret", "corp-ca") in needed(stack)
    without = {"network": {"proxy": {"https": "http://10.0.7.9:3128"}}}
    (need,) = (line for line in readme(without).splitlines() if "by which it reaches" in line)
    assert "git.example.com" in need
    (need,) = (
        line
        for line in readme({**without, "repository": stack["repository"]}).splitlines()
        if "by which it reaches" in line
    )
    assert "git.example.com" not in need


# --- what a machine is told ----------------------------------------------------------------------------------


def test_check_lists_what_each_cluster_must_have(tmp_path: Path) -> None:
    more = {
        "clusters": [*STACK["spec"]["clusters"], {"name": "iad", "shapes": {"h100": "BM.GPU.H100.8"}, "blueprints": {}}]
    }
    spec = {"serving": {"env": {"PROMPT": {"configMap": "site", "key": "prompt"}}}}
    for name, text in sources(spec, {**WHOLE, **more}).items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(text)
    result = CliRunner().invoke(cli, ["check", "-o", "json", str(tmp_path)])
    found = json.loads(result.output)["prerequisites"]
    assert {
        "cluster": "phx",
        "namespace": "inference",
        "kind": "ConfigMap",
        "name": "site",
        "keys": ["prompt"],
        "purpose": "chat: environment, PROMPT",
        "command": "kubectl --context phx --namespace inference create configmap site --from-file=prompt=FILE",
    } in found
    listed = {(each["cluster"], each["namespace"], each["name"]) for each in found}
    assert ("phx", "inference", "hf-token") in listed
    assert ("iad", "keda", "mirror") in listed
    assert not any(cluster == "iad" and name in ("hf-token", "site") for cluster, _, name in listed)
    whole = resolve(parse(sources(spec, {**WHOLE, **more})))
    typed = {line for name in ("phx", "iad") for line in stack_commands(whole, name)}
    typed |= {line for each in whole.placements for line in commands(whole, each.cluster, each.workload)}
    assert {each["command"] for each in found} <= typed


# --- docs/company-networks.md --------------------------------------------------------------------------------

DOCS = (ROOT / "docs" / "company-networks.md").read_text(encoding="utf-8")


def test_the_page_s_stack_is_one() -> None:
    """Whole, and with every key that the page is about; nothing of it is left to the internet."""
    text = DOCS.partition("```yaml\n")[2].partition("```")[0]
    found = resolve(parse({**sources({}), "stack.yaml": text.encode()}))
    usual = ("pinned", "accepts no requests", "node pools need")
    assert [note for note in found.notes if not any(each in note for each in usual)] == []
    spec = yamlio.load_data(text)["spec"]
    for row in DOCS.partition("| reaches |")[2].partition("\n\n")[0].splitlines()[2:]:
        for key in re.findall(r"`([^`]+)`", row.split("|")[1]):
            assert at(spec, key), key
    assert all(image.mirror for image in found.images)
    rendered = render(found, shipped_charts(), Embedded(shipped_charts()))
    outside = [
        text
        for path, text in rendered.items()
        if path.parts[0] in ("platform", "clusters")
        and re.search(r"^ *url: (?!\S*corp.example.com)", text, re.MULTILINE)
    ]
    assert outside == []
