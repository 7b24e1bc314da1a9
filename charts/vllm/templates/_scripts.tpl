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

{{- define "vllm.downloadScript" -}}
import json, os, sys
from huggingface_hub import snapshot_download
wanted, ignore, marker = sys.argv[1:]
paths = []
for name, revision in json.loads(wanted):
    paths.append(snapshot_download(name, revision=revision or None, ignore_patterns=json.loads(ignore)))
    print(paths[-1], flush=True)
os.makedirs(os.path.dirname(marker), exist_ok=True)
with open(marker + ".new", "w", encoding="utf-8") as file:
    file.write("\n".join(paths) + "\n")
os.replace(marker + ".new", marker)
{{- end }}

{{- define "vllm.awaitScript" -}}
import os, sys, time
marker, seconds = sys.argv[1], int(sys.argv[2])
end = time.monotonic() + seconds
while not os.path.exists(marker):
    if time.monotonic() > end:
        sys.exit(f"the weights aren't in the cache after {seconds} s: look at the download Job")
    time.sleep(2)
{{- end }}
