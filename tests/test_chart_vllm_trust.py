"""charts/vllm: certificate authorities of one's own, in addition to the public ones, in every pod that calls others."""

import shutil
import ssl
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.chart.rendering import CHART, case, objects

SCRIPT = CHART / "files" / "trust.py"
VARIABLES = ("SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "AWS_CA_BUNDLE")
PUBLIC = "-----BEGIN CERTIFICATE-----\n(public)\n-----END CERTIFICATE-----"


def pods(**changes: Any) -> dict[str, Any]:
    found = objects(case("shared-cache", **changes)).values()
    return {each["kind"]: each["spec"]["template"]["spec"] for each in found if each["kind"] in ("Deployment", "Job")}


@pytest.mark.parametrize(
    ("given", "source"),
    [
        ({"configMap": "site"}, {"configMap": {"name": "site", "items": [{"key": "ca.crt", "path": "ca.crt"}]}}),
        (
            {"configMap": "", "secret": "site", "key": "b.pem"},
            {"secret": {"secretName": "site", "items": [{"key": "b.pem", "path": "ca.crt"}]}},
        ),
    ],
)
def test_server_and_download_read_one_file_with_all(given: dict[str, str], source: dict[str, Any]) -> None:
    found = pods(ca={"key": "ca.crt", **given})
    assert set(found) == {"Deployment", "Job"}
    for pod in found.values():
        first, main = pod["initContainers"][0], pod["containers"][0]
        assert {"name": "ca", **source} in pod["volumes"]
        assert first["name"] == "trust"
        target = first["args"][1]
        assert {"name": "ca", "mountPath": str(Path(first["args"][0]).parent), "readOnly": True} in first[
            "volumeMounts"
        ]
        assert {"name": "trust", "mountPath": str(Path(target).parent)} in first["volumeMounts"]
        assert {"name": "trust", "mountPath": str(Path(target).parent), "readOnly": True} in main["volumeMounts"]
        variables = {each["name"]: each.get("value") for each in main["env"]}
        assert {name: variables.get(name) for name in VARIABLES} == dict.fromkeys(VARIABLES, target)


def test_without_any_nothing_is_said_of_them() -> None:
    for pod in pods(ca={"configMap": "", "secret": ""}).values():
        assert "trust" not in [each["name"] for each in (*pod.get("initContainers", ()), *pod["volumes"])]
        assert not set(VARIABLES) & {each["name"] for each in pod["containers"][0]["env"]}


def test_another_file_can_be_named() -> None:
    pod = pods(extraEnv=[{"name": "SSL_CERT_FILE", "value": "/etc/site/all.pem"}])["Deployment"]
    assert [each["value"] for each in pod["containers"][0]["env"] if each["name"] == "SSL_CERT_FILE"] == [
        "/etc/site/all.pem"
    ]


# --- the script ----------------------------------------------------------------------------------------------


@pytest.fixture
def authority(tmp_path: Path) -> str:
    openssl = shutil.which("openssl")
    if openssl is None:
        pytest.skip("openssl is not here")
    key = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", tmp_path / "key")
    command = [openssl, "req", "-x509", "-new", *key, "-days", "30", "-subj", "/CN=site", "-out", tmp_path / "crt"]
    subprocess.run(command, check=True, capture_output=True)
    return (tmp_path / "crt").read_text()


def run(folder: Path, given: bytes) -> subprocess.CompletedProcess[str]:
    """As in the pod, with a public file of a test's own."""
    (folder / "certifi.py").write_text(f"def where():\n    return {str(folder / 'public.pem')!r}\n")
    (folder / "public.pem").write_text(PUBLIC)
    (folder / "given").write_bytes(given)
    command = [sys.executable, SCRIPT, folder / "given", folder / "all.pem"]
    return subprocess.run(command, capture_output=True, text=True, env={"PYTHONPATH": str(folder)})


def test_both_are_in_the_file(tmp_path: Path, authority: str) -> None:
    assert run(tmp_path, f"# Größe\n{authority}{authority}".encode()).returncode == 0
    text = (tmp_path / "all.pem").read_text(encoding="utf-8")
    assert text == f"{PUBLIC}\n# Größe\n{authority}{authority}"
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.load_verify_locations(cadata=text.partition("Größe")[2])
    assert len(context.get_ca_certs()) == 1  # the same twice


@pytest.mark.parametrize(
    "given",
    [
        b"",
        b"\n",
        b"hello",
        b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n",
        b"\x30\x82\xff",
        "é".encode(),
    ],
)
def test_what_is_no_certificate_stops_the_pod_with_a_word(tmp_path: Path, given: bytes) -> None:
    done = run(tmp_path, given)
    assert done.returncode == 1
    assert "the site's certificate authorities holds no certificate in PEM" in done.stderr
    assert "Traceback" not in done.stderr
    assert not (tmp_path / "all.pem").exists()
