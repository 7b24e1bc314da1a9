"""What a change does in the clusters, told before it lands."""

from dataclasses import replace

import pytest

from gpuyard.pipeline import placements_of
from gpuyard.review.consequences import consequences
from gpuyard.review.placed import Claim, Consequence, Effect, Placed, Placements, Running
from tests.projects import Values, resolved

CLAIM = Claim("fss", "oci-fss", 50)
CHAT = Placed("a10", "models", CLAIM, "0" * 16, "chat-download-1", ("hf-token",), 1560)
DOCS = Placed("h100", "models", None, "1" * 16)
KEPT = "the volume claim chat-cache is kept and still billed; to delete it: `kubectl delete pvc chat-cache -n models`"
LARGE = {"model": {"name": "llama-3.3-70b-instruct"}}


def found(before: Placements, after: Placements) -> tuple[Consequence, ...]:
    return consequences(Running(placements=before), Running(placements=after))


def told(old: Placed, new: Placed) -> list[tuple[Effect, str]]:
    """Of chat in one cluster."""
    what = found({"phx": {"chat": old}}, {"phx": {"chat": new}})
    assert {(each.cluster, each.blueprint) for each in what} <= {("phx", "chat")}
    return [(each.effect, each.message) for each in what]


def effects(old: Placed, new: Placed) -> list[Effect]:
    return [effect for effect, _ in told(old, new)]


@pytest.mark.parametrize(
    ("before", "after", "said"),
    [
        ({}, {"phx": {"chat": CHAT}}, []),
        ({"phx": {"chat": CHAT}}, {"phx": {"chat": CHAT}, "iad": {"chat": CHAT}}, []),
        (
            {"phx": {"docs": DOCS, "chat": CHAT}},
            {"phx": {}},
            [("phx", "chat", f"chat is deleted from phx; {KEPT}"), ("phx", "docs", "docs is deleted from phx")],
        ),
        (
            {"phx": {"docs": DOCS}, "iad": {"chat": CHAT, "docs": DOCS}},
            {"phx": {}},
            [
                (
                    "iad",
                    None,
                    "iad leaves the stack: nothing is deleted there, and what runs keeps running until you remove it",
                ),
                ("phx", "docs", "docs is deleted from phx"),
            ],
        ),
        # The claim is where the blueprint was, wherever the stack's others go.
        (
            {"phx": {"chat": CHAT}},
            {"phx": {"docs": replace(DOCS, namespace="elsewhere")}},
            [("phx", "chat", f"chat is deleted from phx; {KEPT}")],
        ),
    ],
)
def test_what_leaves(before: Placements, after: Placements, said: list[tuple[str, str | None, str]]) -> None:
    what = found(before, after)
    assert [(each.cluster, each.blueprint, each.message) for each in what] == said
    assert all(each.effect in (Effect.CLUSTER_LEAVES, Effect.REMOVED) for each in what)
    assert not any(each.certain_failure for each in what)


def test_pods_that_change_are_away_for_a_while() -> None:
    """Where none serves meanwhile, and both locks say which pods they mean."""
    changed = replace(CHAT, pod="2" * 16)
    assert told(CHAT, changed) == [
        (
            Effect.AWAY,
            "chat is away in phx for up to 26 minutes: the old server stops before the new one starts; "
            "scaling.min of 2 or rollout.spareGpus would keep one",
        )
    ]
    assert told(CHAT, replace(changed, away=1561))[0][1].startswith("chat is away in phx for up to 27 minutes")
    assert effects(CHAT, CHAT) == []
    assert effects(CHAT, replace(changed, away=0)) == []
    assert effects(replace(CHAT, pod=""), changed) == []
    assert effects(CHAT, replace(changed, pod="")) == []


def test_a_block_volume_leaves_no_way_to_keep_one() -> None:
    block = replace(CHAT, claim=Claim("block", "oci-bv", 50))
    [(_, message)] = told(block, replace(block, pod="2" * 16))
    assert message.endswith("the old server stops before the new one starts")


def test_another_shape() -> None:
    moved = replace(CHAT, shape="h100", pod="2" * 16)
    assert effects(CHAT, moved) == [Effect.MOVED, Effect.AWAY]
    assert told(CHAT, moved)[0][1] == "chat moves from a10 to h100 in phx"


def test_weights_that_are_copied_again() -> None:
    again = replace(CHAT, weights="chat-download-2")
    assert told(CHAT, again) == [
        (
            Effect.COPIED,
            "the weights of chat are copied in phx by Job chat-download-2; its servers run on until they are there",
        )
    ]
    assert effects(replace(CHAT, weights=""), again) == []
    assert effects(CHAT, replace(CHAT, weights="")) == []


def test_another_namespace() -> None:
    """There, everything is made anew, and what was made by others isn't there."""
    elsewhere = replace(CHAT, namespace="llm")
    assert told(CHAT, elsewhere) == [
        (
            Effect.AWAY,
            "chat is away in phx until a new server has started in namespace llm: the one in models is deleted, and "
            "so is its address chat.models.svc",
        ),
        (Effect.COPIED, "the weights of chat are copied in phx by Job chat-download-1 into a new volume claim"),
        (Effect.BILLED, f"chat in phx: {KEPT}"),
        (
            Effect.MISSING,
            "chat in phx needs the Secret hf-token, which nothing needed in namespace llm before: "
            "`kubectl create secret generic hf-token -n llm …`, with the keys that README.md lists",
        ),
    ]


def test_secrets_that_are_newly_needed() -> None:
    more = replace(CHAT, secrets=("chat-key", "hf-token"))
    assert effects(CHAT, more) == [Effect.MISSING]
    assert "Secret chat-key," in told(CHAT, more)[0][1]
    # Another one needs it there already, or a new one comes.
    before, after = {"phx": {"chat": CHAT}}, {"phx": {"chat": CHAT, "docs": replace(DOCS, secrets=("hf-token",))}}
    assert found(before, after) == ()
    (missing,) = found({"phx": {}}, {"phx": {"chat": CHAT}})
    assert (missing.effect, missing.cluster, missing.blueprint) == (Effect.MISSING, "phx", "chat")
    # An older lock doesn't say what was needed.
    assert found({"phx": {"chat": replace(CHAT, pod="", secrets=())}}, {"phx": {"chat": CHAT}}) == ()


def test_a_claim_that_is_given_up_is_still_billed() -> None:
    assert told(CHAT, replace(CHAT, claim=None)) == [(Effect.BILLED, f"chat in phx: {KEPT}")]
    assert told(replace(CHAT, claim=None), CHAT) == []


def placements(spec: Values, stack: Values | None = None) -> Placements:
    return placements_of(resolved(spec, stack), {})


@pytest.mark.parametrize(
    ("old", "new", "start", "key"),
    [
        (
            LARGE,
            {},
            "cannot shrink from 300Gi to 50Gi; set chat's storage.cache.size to 300Gi, or name a claim of your own in ",
            ("blueprint", "spec", "storage", "cache", "size"),
        ),
        ({}, LARGE, None, ()),
        ({}, {}, None, ()),
        (
            {"scaling": {"max": 1}},
            {"scaling": {"max": 1}, "storage": {"cache": {"kind": "block"}}},
            "cannot change from fss to block; set chat's storage.cache.kind back to fss, or name a claim of your own ",
            ("blueprint", "spec", "storage", "cache", "kind"),
        ),
        ({"storage": {"cache": {"size": "1Ti"}}}, {"storage": {"cache": {"size": "1024Gi"}}}, None, ()),
    ],
)
def test_what_a_claim_refuses(old: Values, new: Values, start: str | None, key: tuple[str, ...]) -> None:
    refused = [each for each in found(placements(old), placements(new)) if each.certain_failure]
    assert len(refused) == (start is not None)
    for each in refused:
        assert each.message.startswith(f"chat in phx: its volume claim chat-cache {start}"), each.message
        assert (each.effect, each.key) == (Effect.REFUSED, key)


def test_another_storage_class() -> None:
    (refused,) = found(placements({}), placements({}, {"storage": {"fss": "other"}}))
    start = "chat in phx: its volume claim chat-cache cannot change from oci-fss to other; set spec.storage.fss of the "
    assert refused.message.startswith(start)
    assert refused.key == ("stack", "spec", "storage", "fss")


def test_in_another_namespace_it_is_another_claim() -> None:
    assert Effect.REFUSED not in {
        each.effect for each in found(placements(LARGE), placements({}, {"namespace": "llm"}))
    }


def test_each_cluster_refuses_for_itself() -> None:
    """Whatever the shape: the claim of a blueprint has one name in a cluster."""

    def chat(shape: str, gib: int) -> Placed:
        return Placed(shape, "inference", Claim("fss", "oci-fss", gib))

    before = {"iad": {"chat": chat("a10", 100)}, "phx": {"chat": chat("a10", 100), "docs": chat("a10", 100)}}
    after = {"iad": {"chat": chat("a10", 100)}, "phx": {"chat": chat("h100", 50), "docs": chat("h100", 200)}}
    refused = [(each.cluster, each.blueprint) for each in found(before, after) if each.certain_failure]
    assert refused == [("phx", "chat")]
