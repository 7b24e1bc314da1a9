"""The keys, one a line in the Secret, become the file that vLLM reads with --config."""

import json
import os
import sys

secret, target = sys.argv[1:]
with open(secret, encoding="utf-8") as file:
    keys = [line.strip() for line in file if line.strip()]
if not keys:
    sys.exit("the Secret of the API key holds no key")
if not all(key.isascii() and key.isprintable() and key[0] != "-" for key in keys):
    sys.exit("the Secret of the API key holds a key that is not printable ASCII or begins with a dash")
os.umask(0o077)
with open(target + ".new", "w", encoding="utf-8") as file:
    file.write("api-key: " + json.dumps(keys) + "\n")
os.replace(target + ".new", target)
