"""charts/vllm: what all objects have in common; alone and in an umbrella, with both backends of Helm."""

import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import helm_python
import pytest
import yaml

from tests.chart.rendering import CASES, CHART, case, objects, text

Spec = dict[str, Any]


def run(*argv: str | Path) -> str:
    done = subprocess.run([str(part) for part in argv], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def read(manifests: str) -> list[Spec]:
    found = [obj for obj in yaml.load_all(manifests, yaml.CSafeLoader) if obj is not None]
    return sorted(found, key=lambda obj: (obj["kind"], obj["metadata"]["name"]))


# --- craft --------------------------------------------------------------------------------------------------


def test_lint_of_the_bare_chart(helm_binary: Path) -> None:
    run(helm_binary, "lint", "--strict", CHART)


TEMPLATES = sorted(path for path in (CHART / "templates").rglob("*") if path.is_file())


TOGETHER = {"download.yaml": 3, "scaledobject.yaml": 2}
"""Objects that make no sense apart; every other file is about one."""


@pytest.mark.parametrize("path", TEMPLATES, ids=lambda path: str(path.name))
def test_templates_are_short_and_pure(path: Path) -> None:
    """What holds a pod, and is read from top to bottom, and definitions may be longer than what makes one object."""
    template = path.read_text("utf-8")
    longest = {"deployment.yaml": 200}.get(path.name, 150 if path.suffix == ".tpl" else 60)
    assert len(template.splitlines()) < longest
    for word in ("lookup", "rand", "Capabilities", "tpl ", "now", "genCA", "htpasswd", "uuidv4", "env "):
        assert not re.search(rf"[({{|-]\s*\.?{re.escape(word)}", template), word
    assert all(name.startswith("vllm.") for name in re.findall(r'define "([^"]*)"', template))
    if path.suffix == ".yaml" and path.name != "extraobjects.yaml":
        assert template.count("\nkind: ") == template.count("\n---") + 1 == TOGETHER.get(path.name, 1)


def test_every_definition_is_used() -> None:
    everything = "".join(path.read_text("utf-8") for path in TEMPLATES)
    defined = set(re.findall(r'define "([^"]*)"', everything))
    assert defined == set(re.findall(r'include "([^"]*)"', everything))


def test_no_text_stands_bare() -> None:
    """Only an enumeration may, and what others quote."""
    harmless = {".Values.service.type", ".Values.fullnameOverride"}
    for path in TEMPLATES:
        if path.name in {"_check.tpl", "NOTES.txt"}:
            continue
        bare = re.findall(r"\{\{-? \$?(?:\.root)?(\.Values[\w.]*) -?\}\}", path.read_text("utf-8"))
        assert set(bare) <= harmless, path.name


def test_no_object_says_which_chart_or_namespace_it_is_of() -> None:
    """A version of the chart that changes nothing in a pod must not replace it."""
    for name in CASES:
        assert "helm.sh/chart" not in text(case(name))
        assert "namespace" not in {key for obj in objects(case(name)).values() for key in obj["metadata"]}


def test_the_same_values_give_the_same_bytes() -> None:
    for name in CASES:
        assert text(case(name)) == text(case(name))


# --- names and labels ---------------------------------------------------------------------------------------


def test_selectors_for_ever() -> None:
    found = objects(case("shared-cache"), name="inference")
    selector = {"app.kubernetes.io/name": "chat", "app.kubernetes.io/instance": "inference"}
    assert found["Deployment"]["spec"]["selector"] == {"matchLabels": selector}
    assert found["Service"]["spec"]["selector"] == selector
    assert found["PodDisruptionBudget"]["spec"]["selector"] == {"matchLabels": selector}


@pytest.mark.parametrize("name", CASES)
def test_labels(name: str) -> None:
    tag = case(name).get("image", {}).get("tag", "v0.32.0")
    for key, obj in objects(case(name)).items():
        if key.startswith("extra-"):
            continue  # just as they were given
        labels = {label.removeprefix("app.kubernetes.io/"): value for label, value in obj["metadata"]["labels"].items()}
        assert {"name", "instance", "component"} <= labels.keys()
        assert (labels["managed-by"], labels["version"]) == ("Helm", tag)
        assert (labels.get("team"), labels.get("part-of")) == (
            ("search", "inference") if name == "shared-cache" else (None, None)
        )


@pytest.mark.parametrize(("tag", "version"), [("a" * 62 + ".b", "a" * 62), ("_nightly-", "nightly"), ("0.32", "0.32")])
def test_the_version_is_a_label_whatever_the_tag(tag: str, version: str) -> None:
    labels = objects(case("default", image={"tag": tag}))["Deployment"]["metadata"]["labels"]
    assert labels["app.kubernetes.io/version"] == version


@pytest.mark.parametrize(
    ("release", "values", "name"),
    [
        ("chat", {}, "chat-vllm"),
        ("my-vllm", {}, "my-vllm"),
        ("chat", {"nameOverride": "model"}, "chat-model"),
        ("chat", {"nameOverride": "chat"}, "chat"),
        ("chat", {"fullnameOverride": "other"}, "other"),
        ("vllm", {}, "vllm-server"),
        ("a" * 53, {}, "a" * 46),
    ],
)
def test_names_as_helm_create_makes_them(release: str, values: Spec, name: str) -> None:
    found = objects(values, name=release)
    for kind in (
        "Deployment",
        "Service",
        "ServiceAccount",
        "PodDisruptionBudget",
        "NetworkPolicy",
    ):
        assert found[kind]["metadata"]["name"] == name


@pytest.mark.parametrize("word", ["no", "null", "true", "y", "on", "off"])
def test_a_name_stays_a_text(word: str) -> None:
    values = case("shared-cache", fullnameOverride=word, nameOverride=word)
    found = objects(values, name=word)
    names = [obj["metadata"]["name"] for obj in found.values()]
    assert all(isinstance(name, str) for name in names)
    assert found["ScaledObject"]["spec"]["scaleTargetRef"]["name"] == word
    labels = [value for obj in found.values() for value in obj["metadata"]["labels"].values()]
    assert all(isinstance(value, str) for value in labels)


def test_accounts() -> None:
    account = objects(case("shared-cache"))["ServiceAccount"]
    assert account["metadata"]["name"] == "chat-server"
    assert account["automountServiceAccountToken"] is False
    found = objects(case("volume"))
    assert "ServiceAccount" not in found
    assert found["Deployment"]["spec"]["template"]["spec"]["serviceAccountName"] == "default"


# --- in an umbrella -----------------------------------------------------------------------------------------


@pytest.fixture
def umbrella(tmp_path: Path) -> Path:
    root = tmp_path / "inference"
    shutil.copytree(CHART, root / "charts" / "vllm")
    version = yaml.safe_load((CHART / "Chart.yaml").read_text("utf-8"))["version"]
    dependencies = [
        {"name": "vllm", "version": version, "alias": alias, "condition": f"{alias}.enabled"}
        for alias in ("chat", "docs", "draft")
    ]
    metadata = {"apiVersion": "v2", "name": "inference", "version": "1.0.0", "dependencies": dependencies}
    (root / "Chart.yaml").write_text(yaml.safe_dump(metadata))
    values = {
        "global": {"anything": True},
        "chat": {"enabled": True, **case("shared-cache")},
        "docs": {"enabled": True, "replicas": 2},
        "draft": {"enabled": False},
    }
    (root / "values.yaml").write_text(yaml.safe_dump(values))
    return root


def test_one_alias_a_model(umbrella: Path, helm_binary: Path) -> None:
    found = read(run(helm_binary, "template", "inference", umbrella, "--namespace", "inference"))
    deployments = {obj["metadata"]["name"]: obj for obj in found if obj["kind"] == "Deployment"}
    assert set(deployments) == {"chat", "inference-docs"}
    selectors = [tuple(obj["spec"]["selector"]["matchLabels"].values()) for obj in deployments.values()]
    assert sorted(selectors) == [("chat", "inference"), ("docs", "inference")]
    names = [(obj["kind"], obj["metadata"]["name"]) for obj in found]
    assert len(set(names)) == len(names)
    alone = read(text(case("shared-cache"), name="inference"))
    assert [obj for obj in found if obj["metadata"]["labels"]["app.kubernetes.io/name"].startswith("chat")] == alone


def test_both_backends_agree_about_an_umbrella(umbrella: Path, helm_binary: Path) -> None:
    embedded = helm_python.Chart.load(umbrella).render({}, name="inference", namespace="inference")
    written = "\n---\n".join(text for path, text in embedded.items() if not path.endswith("NOTES.txt"))
    assert read(written) == read(run(helm_binary, "template", "inference", umbrella, "--namespace", "inference"))


@pytest.mark.parametrize("typo", [{"chat": {"replica": 2}}, {"chat": {"gpu": {"counts": 2}}}])
def test_a_typo_under_an_alias_is_refused(umbrella: Path, typo: Spec) -> None:
    with pytest.raises(helm_python.HelmError, match="not allowed"):
        helm_python.Chart.load(umbrella).render(typo, name="inference", namespace="inference")


@pytest.mark.parametrize("name", CASES)
def test_both_backends_agree(name: str, helm_binary: Path) -> None:
    values = CHART / "ci" / f"{name}-values.yaml"
    written = run(helm_binary, "template", "release", CHART, "--namespace", "inference", "--values", values)
    assert read(written) == read(text(case(name)))
