"""`python -m tests.oci --state FILE`: the cloud as a process, which outlives its clients and itself."""

import argparse
import json
import signal
import sys
import threading
from pathlib import Path

from tests.oci.cloud import Cloud
from tests.oci.control import load, save
from tests.oci.credentials import write
from tests.oci.server import serving


def main() -> None:
    """Serve until SIGTERM; the first line says how to reach it."""
    parser = argparse.ArgumentParser(prog="python -m tests.oci", description=__doc__)
    parser.add_argument("--state", type=Path, required=True, help="file that it is kept in, made where there is none")
    parser.add_argument("--port", type=int, default=0, help="port to listen on; any free one by default")
    options = parser.parse_args()
    cloud = load(options.state) if options.state.exists() else Cloud()
    config = write(cloud, options.state.with_name(f"{options.state.name}.oci"))
    done = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: done.set())
    with serving(cloud, port=options.port, state=options.state):
        save(cloud, options.state)
        environment = {"OCI_CONFIG_FILE": str(config), "GPUYARD_OCI_ENDPOINT": f"{cloud.base}/{{region}}/{{service}}"}
        sys.stdout.write(f"{json.dumps(environment)}\n")
        sys.stdout.flush()
        done.wait()


main()
