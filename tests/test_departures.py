"""What a cluster loses with a change."""

import pytest

from gpuyard.review.departures import departures
from gpuyard.review.placed import Claim, Consequence, Placed, Placements

CLAIM = Claim("block", "oci-bv", 50)
CHAT, DOCS = Placed("a10", "models", CLAIM), Placed("h100", "models", None)
KEPT = "the volume claim chat-cache is kept and still billed; to delete it: `kubectl delete pvc chat-cache -n models`"
LEAVES = "iad leaves the stack: nothing is deleted there, and what runs keeps running until you remove it"


@pytest.mark.parametrize(
    ("before", "after", "said"),
    [
        ({}, {"phx": {"chat": CHAT}}, []),
        ({"phx": {"chat": CHAT}}, {"phx": {"chat": Placed("h100", "models", None)}, "iad": {}}, []),
        (
            {"phx": {"docs": DOCS, "chat": CHAT}},
            {"phx": {}},
            [
                Consequence("phx", "chat", f"chat is deleted from phx; {KEPT}"),
                Consequence("phx", "docs", "docs is deleted from phx"),
            ],
        ),
        (
            {"phx": {"docs": DOCS}, "iad": {"chat": CHAT, "docs": DOCS}},
            {"phx": {"chat": CHAT}},
            [Consequence("iad", None, LEAVES), Consequence("phx", "docs", "docs is deleted from phx")],
        ),
        ({"iad": {}}, {}, [Consequence("iad", None, LEAVES)]),
        (
            {"iad": {"docs": DOCS}, "phx": {"docs": DOCS}},
            {"iad": {}, "phx": {"docs": DOCS}},
            [Consequence("iad", "docs", "docs is deleted from iad")],
        ),
        # The claim is where the blueprint was, wherever the stack's others go.
        (
            {"phx": {"chat": CHAT}},
            {"phx": {"docs": Placed("h100", "elsewhere", None)}},
            [Consequence("phx", "chat", f"chat is deleted from phx; {KEPT}")],
        ),
    ],
)
def test_what_leaves(before: Placements, after: Placements, said: list[Consequence]) -> None:
    assert list(departures(before, after)) == said
