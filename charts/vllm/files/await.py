# Without an end: a Job that is mended late still finds its pods waiting, and the rollout's deadline reports it.
import os, sys, time
marker, every = sys.argv[1], int(sys.argv[2])
said = time.monotonic() - every
while not os.path.exists(marker):
    if time.monotonic() - said >= every:
        said = time.monotonic()
        print("the weights are not in the cache yet: look at the download Job; if it is complete, the cache was"
              " emptied since: delete the Job, so that it is made again", file=sys.stderr, flush=True)
    time.sleep(2)
