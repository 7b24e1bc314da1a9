{{- /* No value is ever written into a script: texts come as arguments. */}}

{{- /* config.yaml and the keys, one a line in the Secret, become the file that vLLM reads. */}}
{{- define "vllm.apiKeyScript" -}}
import json, os, sys
config, secret, target = sys.argv[1:]
with open(secret, encoding="utf-8") as file:
    keys = [line.strip() for line in file if line.strip()]
if not keys:
    sys.exit("the API key's Secret holds no key")
if not all(key.isascii() and key.isprintable() and key[0] != "-" for key in keys):
    sys.exit("the API key's Secret holds a key that isn't printable ASCII, or begins with a dash")
with open(config, encoding="utf-8") as file:
    text = file.read()
os.umask(0o077)
with open(target + ".new", "w", encoding="utf-8") as file:
    file.write(text.rstrip("\n") + "\napi-key: " + json.dumps(keys) + "\n")
os.replace(target + ".new", target)
{{- end }}

{{- /* Without an end: a Job that is mended late still finds its pods waiting, and the rollout's deadline reports it. */}}
{{- define "vllm.awaitScript" -}}
import os, sys, time
marker, every = sys.argv[1], int(sys.argv[2])
said = time.monotonic() - every
while not os.path.exists(marker):
    if time.monotonic() - said >= every:
        said = time.monotonic()
        print("the weights aren't in the cache yet: look at the download Job; if it is complete, the cache was"
              " emptied since: delete the Job, so that it is made again", file=sys.stderr, flush=True)
    time.sleep(2)
{{- end }}
