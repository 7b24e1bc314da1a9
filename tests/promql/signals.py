"""Scenes of the scaling signals and what KEDA must read in each; None: nothing, so that it holds."""

from dataclasses import dataclass

from tests.promql.promtool import Scene, Series
from tests.promql.series import PODS, engine, others, servers

__all__ = ["NAMES", "SCENES", "scenes"]

NAMES = ("concurrency", "queue", "ttft", "kv")
_TOKENS = "0+15x40"
_P95 = 0.9875  # inside the bucket from 0.75 to 1 s


@dataclass(frozen=True)
class _Signals:
    """One state of the cluster at a time, and the value of every signal."""

    name: str
    series: Series
    expected: dict[str, float | None]
    time: str = "9m"


def _expect(
    concurrency: float | None, queue: float | None, ttft: float | None, kv: float | None
) -> dict[str, float | None]:
    return dict(zip(NAMES, (concurrency, queue, ttft, kv), strict=True))


_ONE = servers("7x40", "2x40", "0.5x40", _TOKENS)
_NOBODY = _expect(None, None, None, None)
_IDLE = _expect(0, 0, 0, 0)
_ENDED = servers("7x8 stale", "2x8 stale", "0.5x8 stale", "0+15x8 stale")
_WITHOUT_WAITING = {key: values for key, values in _ONE.items() if "num_requests_waiting" not in key}
_WITHOUT_TOKENS = {key: values for key, values in _ONE.items() if "time_to_first_token" not in key}

SCENES = [
    _Signals("idle since the start", servers("0x40", "0x40", "0x40", "0x40"), _IDLE),
    _Signals("idle after work", servers("0x40", "0x40", "0x40", "900x40"), _IDLE),
    _Signals("scraped once", servers("0", "0", "0", "0"), _IDLE, time="0m"),
    _Signals("no request yet, so no histogram", _WITHOUT_TOKENS, _expect(9, 2, 0, 0.5)),
    _Signals("one pod", _ONE, _expect(9, 2, _P95, 0.5)),
    _Signals("two pods", servers("7x40", "2x40", "0.5x40", _TOKENS, pods=2), _expect(18, 4, _P95, 1)),
    _Signals("two idle pods", servers("0x40", "0x40", "0x40", "0x40", pods=2), _IDLE),
    _Signals("two engines", servers("7x40", "2x40", "0.5x40", _TOKENS, engines=2), _expect(18, 4, _P95, 0.5)),
    _Signals(
        "two pods of two engines",
        servers("7x40", "2x40", "0.5x40", _TOKENS, pods=2, engines=2),
        _expect(36, 8, _P95, 1),
    ),
    _Signals(
        "engines that differ",
        {
            **engine(PODS[0], "0", "16x40", "3x40", "0.9x40", _TOKENS),
            **engine(PODS[0], "1", "0x40", "0x40", "0.1x40", "0x40"),
        },
        _expect(19, 3, _P95, 0.5),
    ),
    _Signals(
        "one pod of two is gone",
        {**engine(PODS[1], "0", "9x8 stale", "5x8 stale", "0.9x8 stale", "0+15x8 stale"), **_ONE},
        _expect(9, 2, _P95, 0.5),
    ),
    _Signals("nothing is scraped", {}, _NOBODY),
    _Signals("the scrape fails", _ENDED, _NOBODY),
    _Signals("the scrape fails since a moment", _ENDED, _expect(None, None, _P95, None), time="3m"),
    _Signals(
        "the job went, in the look-back", servers("7x8", "2x8", "0.5x8", "0+15x8"), _expect(9, 2, 0, 0.5), time="6m"
    ),
    _Signals("the job went, after the look-back", servers("7x8", "2x8", "0.5x8", "0+15x8"), _NOBODY),
    _Signals("a metric is missing", _WITHOUT_WAITING, _expect(None, None, _P95, 0.5)),
]
_GATEWAY = 'envoy_cluster_upstream_rq_active{{cluster="assistant",pod="{}"}}'
_UPSTREAM = [
    ("no pod, nothing at the gateway", Series(), 0.0),
    ("idle", {_GATEWAY.format("a"): "0x40"}, 0.0),
    ("two gateways", {_GATEWAY.format("a"): "4x40", _GATEWAY.format("b"): "1x40"}, 5.0),
    ("another model", {_GATEWAY.format("a").replace("assistant", "chat"): "4x40"}, 0.0),
]


def scenes(signal: str, query: str) -> list[Scene]:
    """Every scene, with busy neighbours beside it that mustn't count."""
    if signal == "upstream":  # the user's own query: here there is no pod to be blind about
        return [Scene(name, series, [(query, "9m", {"{}": value})]) for name, series, value in _UPSTREAM]
    neighbours = others(servers("100x40", "50x40", "0.9x40", "0+150x40", pods=2, engines=2))
    found = []
    for scene in SCENES:
        value = scene.expected[signal]
        answer = (query, scene.time, {} if value is None else {"{}": value})
        found.append(Scene(scene.name, {**neighbours, **scene.series}, [answer]))
    return found
