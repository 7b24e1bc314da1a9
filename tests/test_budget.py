from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gpuyard.catalogue.models import catalogue
from gpuyard.fit.budget import Origin, load_budget

SMALL = catalogue()["llama-3.1-8b-instruct"]


def test_a_small_model_from_the_hub() -> None:
    budget = load_budget(SMALL, shutdown_timeout=300)
    assert (budget.download, budget.load, budget.floor) == (161, 17, 300)
    assert budget.start == 720
    assert budget.grace == 330
    assert budget.sync_timeout == 900 + (330 + 720) + 60
    assert budget.assumptions[0] == "16.1 GB from hf at 100 MB/s, once for all GPUs: 161 s"


def test_replicas_end_and_start_one_after_the_other() -> None:
    """Each old one has its time to finish requests, and each new one its start; a node is waited for once."""
    budget = load_budget(SMALL, replicas=3, shutdown_timeout=300)
    assert budget.sync_timeout == 900 + 3 * (330 + 720) + 60
    longer = load_budget(SMALL, replicas=3, shutdown_timeout=1800, start=1200, schedule=60)
    assert longer.sync_timeout == 60 + 3 * (15 + 1800 + 15 + 1200) + 60


def test_a_start_reads_the_weights_and_then_brings_them_to_the_gpu() -> None:
    """Both take long, so that neither is lost in whole minutes: (400 + 600 + 300) x 1.5 s are 32.5 of them."""
    budget = load_budget(replace(SMALL, weights_bytes=600 * 10**9), kind=Origin.NVME, shutdown_timeout=300)
    assert (budget.download, budget.load, budget.floor) == (400, 600, 300)
    assert budget.start == 33 * 60


def test_what_the_author_says_wins() -> None:
    budget = load_budget(SMALL, shutdown_timeout=300, start=1000, schedule=60)
    assert (budget.start, budget.schedule) == (1000, 60)
    assert budget.assumptions[-1] == "the blueprint says 1000 s instead"


def test_an_unknown_source_is_a_bug() -> None:
    with pytest.raises(ValueError, match="'tape' is not a valid Origin"):
        load_budget(SMALL, shutdown_timeout=300, kind="tape")


@given(st.integers(10**8, 10**12), st.integers(10**8, 10**12), st.sampled_from(Origin), st.integers(1, 8))
def test_more_bytes_never_get_less_time(first: int, second: int, kind: Origin, replicas: int) -> None:
    less, more = (
        load_budget(replace(SMALL, weights_bytes=size), kind=kind, replicas=replicas, shutdown_timeout=300)
        for size in sorted((first, second))
    )
    assert less.start <= more.start
    assert less.sync_timeout <= more.sync_timeout


@given(st.integers(10**6, 10**12), st.sampled_from(Origin), st.integers(1, 10**5), st.integers(1, 8))
def test_every_timeout_holds_what_it_waits_for(size: int, kind: Origin, rate: int, replicas: int) -> None:
    budget = load_budget(
        replace(SMALL, weights_bytes=size), kind=kind, mb_per_second=rate, replicas=replicas, shutdown_timeout=300
    )
    assert budget.start >= budget.download + budget.load + budget.floor
    assert budget.sync_timeout >= budget.grace + budget.schedule + budget.start
    assert budget.sync_timeout >= 30
