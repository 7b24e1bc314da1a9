"""One door for each library and each outside thing: YAML, JSON Schema, Git, Helm, HTTP. Nothing else imports them."""
