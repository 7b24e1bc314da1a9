"""Wait for the weights, without an end: where a download is mended late, its pods still wait for it."""

import os
import sys
import time

marker, every = sys.argv[1], int(sys.argv[2])
said = time.monotonic() - every
while not os.path.exists(marker):
    if time.monotonic() - said >= every:
        said = time.monotonic()
        print(
            "the weights are not in the cache yet: look at the download Job; if it is complete, the cache was "
            "emptied since: delete the Job, so that it is made again",
            file=sys.stderr,
            flush=True,
        )
    time.sleep(2)
