"""Store the present version, as the last step before its tag: python -m tests.releases.

A version that is tagged stays as it is: what its users' clusters hold can't be rewritten either.
"""

import shutil
import subprocess

from tests.conftest import demo_sources
from tests.releases.stored import RELEASES, store, values, version

if __name__ == "__main__":
    tags = subprocess.run(["git", "tag", "--list", f"v{version()}"], capture_output=True, text=True, check=True).stdout
    if tags.strip():
        raise SystemExit(f"{version()} is released; raise the version of charts/vllm first")
    shutil.rmtree(RELEASES / version(), ignore_errors=True)
    store(version(), {**demo_sources(), **values()})
