"""What git, DNS, SemVer or Kubernetes would refuse is refused where it is written; what they take is taken."""

from typing import Any

import pytest

from gpuyard.doors import yamlio
from gpuyard.errors import InputError
from gpuyard.project.load import parse
from tests.projects import BLUEPRINT, STACK, Values, merged, problems, with_token

LABEL, LONG = "a" * 64, "a." * 150
HOSTS = (
    ["1.2.3.4", f"{LABEL}.example.com", "a..b", "a-.b", "-a.b", "a", "a.1", LONG],
    ["chat.example.com", f"{'a' * 63}.b", "1a.b"],
)
SUBDOMAINS = (["a..b", "a.-b", "a-.b", "-a", "a.", ".a", "A", "a_b", "a" * 254], ["a", "a.b-c.d", "1a", "a" * 253])
NAMESPACES = (["a..b", "a.b", "-a", "a-", "A", LABEL], ["a", "a-b", "a" * 63])
BRANCHES = (
    ["a..b", "x.lock", "a//b", "a/.b", "a/b.lock/c", "a/", "a.", "HEAD", "-a", "a/-b", "a b", "a~b"],
    ["main", "release/1.2", "a.b", "a-b"],
)
VERSIONS = (
    ["1.2.3-..", "1.2.3-", "1.2.3-a..b", "1.2.3-01", "1.2", "01.2.3"],
    ["1.2.3", "1.2.3-rc.1", "1.2.3-0a", "1.2.3-a-b.0"],
)
GATEWAY = {"name": "public", "namespace": "gateways"}
INGRESS = {"className": "nginx", "namespace": "ingress", "plainHttp": True}
OF_STACK: dict[str, tuple[tuple[list[str], list[str]], Values]] = {
    "repository.branch": (BRANCHES, {}),
    "version": (VERSIONS, {}),
    "namespace": (NAMESPACES, {}),
    "gateway.name": (SUBDOMAINS, {"gateway": GATEWAY}),
    "gateway.namespace": (NAMESPACES, {"gateway": GATEWAY}),
    "gateway.listener": (SUBDOMAINS, {"gateway": GATEWAY}),
    "ingress.className": (SUBDOMAINS, {"ingress": INGRESS}),
    "ingress.namespace": (NAMESPACES, {"ingress": INGRESS}),
    "ingress.tlsSecret": (SUBDOMAINS, {"ingress": INGRESS}),
    "storage.fss": (SUBDOMAINS, {}),
    "storage.block": (SUBDOMAINS, {}),
    "storage.nvme": (SUBDOMAINS, {}),
    "scheduling.runtimeClass": (SUBDOMAINS, {}),
    "scheduling.priorityClass": (SUBDOMAINS, {}),
    "vllm.image": ((["a..b/c", "a-.b/c", "a"], ["docker.io/acme/vllm", "registry.example.com:5000/a/b"]), {}),
    "repository.url": ((["https://a..b/c", "https://-a/c", "ssh://git@a..b/c"], ["https://git.example.com/a/b"]), {}),
}  # fmt: skip
OF_BLUEPRINT: dict[str, tuple[tuple[list[str], list[str]], Values]] = {
    "expose.host": (HOSTS, {}),
    "expose.tlsSecret": (SUBDOMAINS, {"expose": {"host": "a.example.com"}}),
    "expose.apiKey.secret": (SUBDOMAINS, {"expose": {"host": "a.example.com", "apiKey": {"key": "k"}}}),
    "model.credentials.secret": (SUBDOMAINS, {"model": {"credentials": {"key": "k"}}}),
    "priorityClass": (SUBDOMAINS, {}),
    "storage.cache.size": ((["99999Ti", "10000Ti", "0Gi", "1.5Gi", "10", "10G", "9999999Gi"], ["100Gi", "2Ti"]), {}),
}


def nested(path: str, value: Any) -> Values:
    for key in reversed(path.split(".")):
        value = {key: value}
    return dict(value)


def refused(blueprint: Values, stack: Values) -> list[str]:
    files = {
        "stack.yaml": yamlio.dump(stack).encode(),
        "blueprints/chat.yaml": yamlio.dump(with_token(blueprint)).encode(),
    }
    try:
        return [problem.message for problem in parse(files).problems]
    except InputError as error:
        return [problem.message for problem in error.problems]


@pytest.mark.parametrize("key", OF_STACK)
def test_a_key_of_the_stack(key: str) -> None:
    (wrong, right), more = OF_STACK[key]
    for value in (*wrong, *right):
        stack = merged(merged(STACK, {"spec": more}), {"spec": nested(key, value)})
        found = [each for each in refused(BLUEPRINT, stack) if each.startswith(f"spec.{key}")]
        assert bool(found) == (value in wrong), (value, found)


@pytest.mark.parametrize("key", OF_BLUEPRINT)
def test_a_key_of_a_blueprint(key: str) -> None:
    (wrong, right), more = OF_BLUEPRINT[key]
    for value in (*wrong, *right):
        blueprint = merged(merged(BLUEPRINT, {"spec": more}), {"spec": nested(key, value)})
        found = [each for each in refused(blueprint, STACK) if each.startswith(f"spec.{key}")]
        assert bool(found) == (value in wrong), (value, found)


@pytest.mark.parametrize("name", ["default", "kubernetes", "a..b", "a_b", "1a", "a" * 41, "vllm-x", "a-download"])
def test_the_name_of_a_blueprint(name: str) -> None:
    assert refused(merged(BLUEPRINT, {"metadata": {"name": name}}), STACK)
    assert (
        not refused(
            merged(BLUEPRINT, {"metadata": {"name": f"b{name.strip('_.')[:20]}".replace("_", "").replace(".", "")}}),
            STACK,
        )
        or "download" in name
    )


@pytest.mark.parametrize(
    ("flag", "value"),
    [
        *(
            (flag, value)
            for flag in ("dtype", "quantization", "limit-mm-per-prompt")
            for value in ([[]], [{}], [], {"a": []})
        ),
        *(("seed", value) for value in (2**53, -(2**53), 2**64, 1.5)),
    ],
)
def test_a_flag_that_the_chart_or_vllm_would_refuse(flag: str, value: Any) -> None:
    assert problems({"serving": {"args": {flag: value}}})
