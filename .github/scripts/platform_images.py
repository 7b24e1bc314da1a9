"""Render the platform's own charts, and compare the images in them with generator/gpuyard/catalogue/platform/.

    helm pull --untar -d charts oci://ghcr.io/prometheus-community/charts/kube-prometheus-stack --version 88.5.3
    python .github/scripts/platform_images.py charts

`charts` holds a folder per chart, as its project publishes it; a chart that it lacks is named and not compared. Each
is rendered as it is, with every registry mirrored, with every image pinned, and with both.
"""

import json
import re
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

from gpuyard.catalogue.platform import Release, catalogue
from gpuyard.doors import yamlio
from gpuyard.project.stack import Component, Platform
from gpuyard.resolve.releases import releases

REFERENCE = re.compile(
    r"(?:--[-a-z]+=)?([-a-z0-9.]+\.[a-z]+(?::[0-9]+)?/[-a-z0-9._/]+:[-\w.]+(?:@sha256:[0-9a-f]{64})?)"
)
COMPONENTS = {release.component: Component(True, None) for release in catalogue()}
EVERYTHING = Platform(None, False, COMPONENTS, None, "monitoring", {})
MIRRORS = {name: f"mirror.example.com:5000/{name}" for name in ("docker.io", "ghcr.io", "quay.io", "registry.k8s.io")}


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


def rendered(chart: Path, release: Release) -> set[str]:
    """Image references in the objects of a release."""
    done = subprocess.run(
        ["helm", "template", release.chart, str(chart), "-n", release.namespace, "--kube-version", "1.34.0", "-f", "-"],
        input=json.dumps(release.values),
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        sys.exit(f"{release.chart}: {done.stderr.strip()}")
    texts = [text for each in yamlio.parse_manifests(done.stdout) for text in strings(each)]
    return {found[1] for text in texts if (found := REFERENCE.fullmatch(text))}


def compared(charts: Path, mirrors: Mapping[str, str], locked: Mapping[str, str]) -> int:
    """How many charts differ from the catalogue; what differs is printed."""
    wrong = 0
    for release in releases(EVERYTHING, mirrors=mirrors, locked=locked):
        if not (charts / release.chart).is_dir():
            print(f"{release.chart} {release.version}: not in {charts}")
            continue
        metadata = yamlio.load_data((charts / release.chart / "Chart.yaml").read_text("utf-8"))
        if metadata["version"] != release.version:
            sys.exit(f"{charts / release.chart} is {metadata['version']}, and the catalogue has {release.version}")
        found, known = rendered(charts / release.chart, release), {str(image) for image in release.images or ()}
        state = "as the catalogue says" if found == known else f"differs: {sorted(found ^ known)}"
        print(f"{release.chart} {release.version}: {len(found)} images, {state}")
        wrong += found != known
    return wrong


def main(charts: Path) -> int:
    """All four ways; the exit code."""
    names = [image.upstream for each in releases(EVERYTHING, mirrors={}, locked={}) for image in each.images or ()]
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
