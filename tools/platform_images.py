"""Render the platform's own charts, and compare the images in them with generator/gpuyard/catalogue/platform/.

    helm pull --untar -d charts oci://ghcr.io/prometheus-community/charts/kube-prometheus-stack --version 88.5.3
    python tools/platform_images.py charts

`charts` holds a folder per chart, as its project publishes it; a chart that it lacks is named and not compared. Each
is rendered as it is, with every registry mirrored, with every image pinned, and with both. Where images are mirrored,
every pod must have the pull secrets.
"""

import json
import re
import subprocess
import sys
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from gpuyard.catalogue.platform import Release, catalogue
from gpuyard.doors import yamlio
from gpuyard.project.monitoringkeys import Grafana
from gpuyard.project.stack import Component, Images, Network, Platform
from gpuyard.resolve.releases import releases

REFERENCE = re.compile(
    r"(?:--[-a-z]+=)?([-a-z0-9.]+\.[a-z]+(?::[0-9]+)?/[-a-z0-9._/]+:[-\w.]+(?:@sha256:[0-9a-f]{64})?)"
)
COMPONENTS = {release.component: Component(True, grafana=Grafana("grafana")) for release in catalogue()}
EVERYTHING = Platform(insecure=False, components=COMPONENTS)
NETWORK = Network((), (), ())
STORAGE = {"block": "oci-bv"}
SECRETS = ("first", "second")
OWNERS = ("Prometheus", "Alertmanager", "ThanosRuler")
"""Kinds of which an operator makes pods, with the pods' fields in their spec."""
MIRRORS = {
    name: f"mirror.example.com:5000/{name}"
    for name in ("docker.io", "ghcr.io", "nvcr.io", "quay.io", "registry.k8s.io")
}


def strings(node: object) -> Iterator[str]:
    """Every text in an object; definitions of kinds hold examples, and no image."""
    if isinstance(node, dict):
        if node.get("kind") != "CustomResourceDefinition":
            for value in node.values():
                yield from strings(value)
    elif isinstance(node, list):
        for value in node:
            yield from strings(value)
    elif isinstance(node, str):
        yield node


def rendered(chart: Path, release: Release) -> list[dict[str, Any]]:
    """The objects of a release."""
    done = subprocess.run(
        ["helm", "template", release.chart, str(chart), "-n", release.namespace, "--kube-version", "1.34.0", "-f", "-"],
        input=json.dumps(release.values),
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        sys.exit(f"{release.chart}: {done.stderr.strip()}")
    return yamlio.parse_manifests(done.stdout)


def images(objects: Iterable[object]) -> set[str]:
    """Image references in objects."""
    texts = [text for each in objects for text in strings(each)]
    return {found[1] for text in texts if (found := REFERENCE.fullmatch(text))}


def without_secrets(objects: Iterable[dict[str, Any]]) -> list[str]:
    """What makes pods that don't name the pull secrets."""
    found = []
    for each in objects:
        spec = each.get("spec") or {}
        pod = (spec.get("template") or {}).get("spec") if each["kind"] not in OWNERS else spec
        if pod and [secret["name"] for secret in pod.get("imagePullSecrets", ())] != list(SECRETS):
            found.append(f"{each['kind']}/{each['metadata']['name']}")
    return found


def compared(charts: Path, mirrors: Mapping[str, str], locked: Mapping[str, str]) -> int:
    """How many charts differ from the catalogue; what differs is printed."""
    wrong = 0
    for release in releases(EVERYTHING, Images(mirrors, SECRETS), NETWORK, storage=STORAGE, locked=locked):
        if not (charts / release.chart).is_dir():
            print(f"{release.chart} {release.version}: not in {charts}")
            continue
        metadata = yamlio.load_data((charts / release.chart / "Chart.yaml").read_text("utf-8"))
        if metadata["version"] != release.version:
            sys.exit(f"{charts / release.chart} is {metadata['version']}, and the catalogue has {release.version}")
        objects = rendered(charts / release.chart, release)
        found, known = images(objects), {str(image) for image in release.images or ()}
        state = "as the catalogue says" if found == known else f"differs: {sorted(found ^ known)}"
        print(f"{release.chart} {release.version}: {len(found)} images, {state}")
        wrong += found != known
        if mirrors and (left_out := without_secrets(objects)):
            print(f"  without pull secrets: {', '.join(left_out)}")
            wrong += 1
    return wrong


def main(charts: Path) -> int:
    """All four ways; the exit code."""
    names = [
        image.upstream
        for each in releases(EVERYTHING, Images({}, ()), NETWORK, storage=STORAGE, locked={})
        for image in each.images or ()
    ]
    digests = {name: f"sha256:{index:064x}" for index, name in enumerate(names, 1)}
    wrong = 0
    for title, mirrors, locked in (
        ("as they are", {}, {}),
        ("mirrored", MIRRORS, {}),
        ("pinned", {}, digests),
        ("mirrored and pinned", MIRRORS, digests),
    ):
        print(f"{title}:")
        wrong += compared(charts, mirrors, locked)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
