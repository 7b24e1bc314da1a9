"""A model's own files, config.json and safetensors, as the facts of a model file."""

from gpuyard.catalogue.checkpoint.facts import Given, Read, read_facts
from gpuyard.catalogue.checkpoint.files import Checkpoint, open_checkpoint

__all__ = ["Checkpoint", "Given", "Read", "open_checkpoint", "read_facts"]
