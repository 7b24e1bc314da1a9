"""Where the server's libraries write what they compile, with no more than the pod's USER and HOME."""

import subprocess
from pathlib import PurePosixPath

from tests.chart.rendering import case, server
from tests.e2e.vllm import install
from tests.e2e.vllm.server import NEEDS_VLLM

pytestmark = NEEDS_VLLM

# FlashInfer and CUDA come with a GPU only: they have Path.home()/.cache/flashinfer (flashinfer/jit/env.py) and
# ~/.nv/ComputeCache (CUDA Programming Guide, CUDA_CACHE_PATH).
_FOLDERS = """
import tempfile

import numba.misc.appdirs
import triton.knobs
import vllm.envs
from torch._inductor.runtime.cache_dir_utils import cache_dir
from vllm.v1.structured_output.utils import get_outlines_cache_path

for folder in (
    vllm.envs.VLLM_CACHE_ROOT,
    vllm.envs.VLLM_CONFIG_ROOT,
    triton.knobs.cache.dir,
    numba.misc.appdirs.user_cache_dir("numba"),
    get_outlines_cache_path(),
    cache_dir(),
    tempfile.gettempdir(),
):
    print("folder", folder)
"""


def test_everything_goes_below_the_pods_own_volumes() -> None:
    """No folder has a variable of its own; and HOME needs not exist, but for Outlines, which goes to /tmp then."""
    own = {each["name"]: each["value"] for each in server(case("default"))["env"]}
    environment = {"PATH": "/usr/bin:/bin", **{name: own[name] for name in ("USER", "HOME", "HF_HOME")}}
    command = [str(install.environment() / "bin/python"), "-I", "-c", _FOLDERS]
    done = subprocess.run(command, capture_output=True, text=True, env=environment, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    found = [line.removeprefix("folder ") for line in done.stdout.splitlines() if line.startswith("folder ")]
    assert len(found) == 7
    writable = [
        PurePosixPath(mount["mountPath"])
        for mount in server(case("default"))["volumeMounts"]
        if mount["name"] in ("home", "tmp")
    ]
    assert len(writable) == 2
    outside = [each for each in found if not any(PurePosixPath(each).is_relative_to(path) for path in writable)]
    assert outside == []
