"""charts/vllm for somebody who installs it without gpuyard: the package, what Helm says after it, and `helm test`."""

import json
import subprocess
import sys
import tarfile
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import helm_python
import pytest
import yaml

from tests.chart.rendering import CASES, CHART, ROOT, case, objects

Spec = dict[str, Any]


def helm(binary: Path, *argv: str | Path) -> str:
    done = subprocess.run([str(part) for part in (binary, *argv)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


# --- the package --------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def package(helm_binary: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("package")
    helm(helm_binary, "package", CHART, "--destination", folder)
    (found,) = folder.iterdir()
    return found


def test_the_package_says_how_it_is_used(package: Path, helm_binary: Path) -> None:
    assert helm(helm_binary, "show", "readme", package).strip() == (CHART / "README.md").read_text("utf-8").strip()


def test_the_package_holds_what_is_needed_and_no_more(package: Path) -> None:
    with tarfile.open(package) as archive:
        names = {name.removeprefix("vllm/") for name in archive.getnames()}
        licence = archive.extractfile("vllm/LICENSE")
        assert licence is not None
        assert licence.read() == (ROOT / "LICENSE").read_bytes()
    assert {"README.md", "values.schema.json", "files/test.py", "icon.svg", "templates/NOTES.txt"} <= names
    assert not any(name.startswith("ci/") for name in names)


def test_its_page_in_a_catalogue_is_complete() -> None:
    metadata = yaml.safe_load((CHART / "Chart.yaml").read_text("utf-8"))
    assert {"description", "home", "icon", "sources", "keywords", "maintainers", "kubeVersion"} <= set(metadata)
    assert (ROOT / metadata["icon"].partition("/main/")[2]).is_file()
    notes = {key: yaml.safe_load(text) for key, text in metadata["annotations"].items()}
    assert notes["artifacthub.io/license"] == "Apache-2.0"
    image = yaml.safe_load((CHART / "values.yaml").read_text("utf-8"))["image"]
    assert notes["artifacthub.io/images"] == [
        {"name": "vllm-openai", "image": f"{image['repository']}:v{metadata['appVersion']}"}
    ]
    assert image["tag"] == f"v{metadata['appVersion']}"
    for link in notes["artifacthub.io/links"]:
        assert link["url"].startswith("https://")


def test_the_first_command_that_anybody_types_works(helm_binary: Path) -> None:
    """A Service called vllm would set VLLM_PORT in other pods, which vLLM takes for its own variable."""
    written = helm(helm_binary, "template", "vllm", CHART)
    found = {obj["kind"]: obj["metadata"]["name"] for obj in yaml.safe_load_all(written) if obj}
    assert found["Service"] == found["Deployment"] == "vllm-server"


# --- NOTES --------------------------------------------------------------------------------------------------


def notes(name: str, **changes: Any) -> str:
    rendered = helm_python.Chart.load(CHART).render(case(name, **changes), name="release", namespace="inference")
    return str(rendered["vllm/templates/NOTES.txt"])


@pytest.mark.parametrize("name", CASES)
def test_notes_say_where_it_is_and_when(name: str) -> None:
    found, said = objects(case(name)), notes(name)
    service, deployment = found["Service"], found["Deployment"]["spec"]
    address = f"http://{service['metadata']['name']}.inference:{service['spec']['ports'][0]['port']}/v1"
    assert address in said
    assert f"--timeout {deployment['progressDeadlineSeconds']}s" in said
    assert f"port-forward service/{service['metadata']['name']} 8000:{service['spec']['ports'][0]['port']}" in said
    assert ("Authorization: Bearer" in said) is bool(case(name).get("apiKey"))
    job = found.get("download-Job", {"metadata": {"name": "none"}})["metadata"]["name"]
    assert (f"logs job/{job} " in said) is (name == "shared-cache")


@pytest.mark.parametrize(
    ("changes", "closed"),
    [
        ({}, True),
        ({"clientNamespaces": ["a"]}, False),
        ({"clientCidrs": ["10.0.0.0/8"]}, False),
        ({"extraIngress": [{}]}, False),
        ({"enabled": False}, False),
    ],
)
def test_notes_say_that_nobody_may_ask_yet(changes: Spec, closed: bool) -> None:
    assert ("No other pod may send requests yet" in notes("default", networkPolicy=changes)) is closed


GATEWAY: Spec = {"httpRoute": {"enabled": True, "parentRefs": [{"name": "a"}], "hostnames": ["a.com", "b.com"]}}
INGRESS: Spec = {"ingress": {"enabled": True, "host": "a.com", "tlsSecret": "tls"}}
KEY: Spec = {"apiKey": {"secret": "key"}}
REACHED = "Whoever reaches it may use it"


@pytest.mark.parametrize(
    ("changes", "words", "absent"),
    [
        ({}, "http://release-vllm.inference:8000/v1.\n", REACHED),
        (GATEWAY, "http://release-vllm.inference:8000/v1, and through the Gateway at a.com/v1, b.com/v1.\n", "Ingress"),
        (GATEWAY, REACHED, "No other pod"),
        (GATEWAY | KEY, "Authorization: Bearer $KEY", REACHED),
        (INGRESS, "8000/v1, and through the Ingress at https://a.com/v1.\n", "Gateway"),
        ({"ingress": {"enabled": True, "host": "a.com", "plainHttp": True}}, "at http://a.com/v1.\n", "Gateway"),
        ({"service": {"type": "NodePort"}}, "release-vllm --output jsonpath='{.spec.ports[0].nodePort}'", "status."),
        ({"service": {"type": "NodePort"}}, "that of any node, and this port", "loadBalancer"),
        ({"service": {"type": "LoadBalancer"}}, "jsonpath='{.status.loadBalancer.ingress[0]}'", "any node"),
        ({"service": {"type": "LoadBalancer"}}, REACHED, "any node"),
    ],
)
def test_notes_say_how_it_is_reached(changes: Spec, words: str, absent: str) -> None:
    inside: Spec = {"networkPolicy": {"clientNamespaces": ["gateway"]}}
    said = notes("default", **changes, **inside)
    assert words in said
    assert absent not in said


def test_notes_name_what_lets_others_in() -> None:
    assert "in networkPolicy.clientNamespaces.\n" in notes("default")
    said = notes("default", service={"type": "LoadBalancer"})
    assert "networkPolicy.clientNamespaces, and the networks of clients outside of the cluster in .clientCidrs." in said


def test_notes_say_why_a_pod_may_stay_pending() -> None:
    resource = {"count": 2, "resource": "nvidia.com/gpu.shared"}
    assert "no node has 2 free nvidia.com/gpu.shared" in notes("default", gpu=resource)
    assert "Pending" not in notes("default", gpu={"count": 0})


# --- helm test ----------------------------------------------------------------------------------------------


class Server(BaseHTTPRequestHandler):
    """Answers as vLLM does; /v1 asks for the key."""

    def do_GET(self) -> None:
        allowed = self.path == "/health" or self.headers.get("Authorization") in self.server.keys  # type: ignore[attr-defined]
        self.send_response(200 if allowed else 401)
        self.end_headers()
        if self.path == "/v1/models" and allowed:
            self.wfile.write(json.dumps({"data": [{"id": "chat"}, {"id": "adapter"}]}).encode())

    def log_message(self, *_: Any) -> None: ...


@pytest.fixture
def server() -> Iterator[Any]:
    found = HTTPServer(("127.0.0.1", 0), Server)
    thread = threading.Thread(target=found.serve_forever)
    thread.start()
    yield found
    found.shutdown()
    thread.join()
    found.server_close()


def asked(server: Any, name: str, key: str = "") -> subprocess.CompletedProcess[str]:
    """Run the test's own command."""
    container = objects(case("default"))["test-Pod"]["spec"]["containers"][0]
    assert container["command"][0] == "python3"
    argv = [sys.executable, *container["command"][1:], f"http://127.0.0.1:{server.server_port}", name, key]
    return subprocess.run(argv, capture_output=True, text=True, check=False, timeout=30)


@pytest.mark.parametrize("name", ["chat", "adapter"])
def test_helm_test_finds_the_model(name: str, server: Any) -> None:
    server.keys = {None}
    done = asked(server, name)
    assert (done.returncode, done.stdout) == (0, "models: chat, adapter\n")


def test_helm_test_fails_where_the_model_has_another_name(server: Any) -> None:
    server.keys = {None}
    done = asked(server, "docs")
    assert (done.returncode, done.stderr) == (1, "docs is not among them\n")


@pytest.mark.parametrize(("keys", "code"), [("s3cret\nold\n", 0), ("wrong\n", 1)])
def test_helm_test_shows_the_first_key(keys: str, code: int, server: Any, tmp_path: Path) -> None:
    server.keys = {"Bearer s3cret"}
    (tmp_path / "key").write_text(keys)
    assert asked(server, "chat", str(tmp_path / "key")).returncode == code


def test_helm_test_asks_this_server_and_is_a_hook() -> None:
    found = objects(case("shared-cache"))
    pod = found["test-Pod"]
    assert pod["metadata"]["annotations"]["helm.sh/hook"] == "test"
    assert pod["spec"]["restartPolicy"] == "Never"
    assert pod["spec"]["containers"][0]["args"] == ["http://chat:80", "llama-3.1-8b", "/etc/api-key/api-key"]
    assert pod["spec"]["volumes"][0]["secret"]["secretName"] == "chat-api-key"
    assert objects(case("default"))["test-Pod"]["spec"]["containers"][0]["args"][2] == ""
    assert "test-Pod" not in objects(case("default", tests={"enabled": False}))
