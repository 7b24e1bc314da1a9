"""One file of the public certificate authorities and the site's own: who is told of a file trusts no other."""

import ssl
import sys

import certifi

own, target = sys.argv[1:]
try:
    ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_verify_locations(cafile=own)
except ssl.SSLError as error:
    sys.exit(f"the ConfigMap or Secret with the site's certificate authorities holds no certificate in PEM: {error}")
with open(target, "wb") as both:
    for name in (certifi.where(), own):
        with open(name, "rb") as file:
            both.write(file.read().rstrip() + b"\n")
