"""The server is healthy, and its list of models has the name that clients send."""

import json
import sys
import urllib.request

address, name, key = sys.argv[1:]
headers = {}
if key:
    with open(key, encoding="utf-8") as file:
        headers["Authorization"] = "Bearer " + file.read().split()[0]
urllib.request.urlopen(address + "/health", timeout=30).close()
with urllib.request.urlopen(urllib.request.Request(address + "/v1/models", headers=headers), timeout=30) as answer:
    names = [model["id"] for model in json.load(answer)["data"]]
print("models:", ", ".join(names))
sys.exit(0 if name in names else f"{name} is not among them")
