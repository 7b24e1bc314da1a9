"""Chart.lock without a network."""

from gpuyard.render.charts.chartlock import Dependency, chart_lock, chart_yaml


def test_digest_is_helms() -> None:
    """Written by `helm dependency update` (helm 4.3.1) for this very dependency."""
    dependency = Dependency("vllm", "0.1.0", "file://../../vllm", "chat.enabled", "chat")
    lock = chart_lock([dependency])
    assert lock["dependencies"] == [{"name": "vllm", "repository": "file://../../vllm", "version": "0.1.0"}]
    assert lock["digest"] == "sha256:56213650ba710c932e721fed058e83a58cdbf54206bbdb4b4cb126647cb40902"
    assert lock["generated"] == "1970-01-01T00:00:00Z"


def test_empty_fields_are_left_out_but_for_the_repository() -> None:
    metadata = chart_yaml("inference", "1.0.0", "d", [Dependency("vllm", "0.1.0", "", "")])
    assert metadata["dependencies"] == [{"name": "vllm", "version": "0.1.0", "repository": ""}]
