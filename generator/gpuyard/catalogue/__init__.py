"""What we know, as data: models, GPU shapes, versions of vLLM, charts of the platform, and what we ship ourselves."""
