"""The kind `inference`: a model server of vLLM, from a blueprint to the values of its chart."""
