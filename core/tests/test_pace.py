"""Batches: as many as the hook takes, fewer where each takes long, never a crumb."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engate import batch
from engate.sync.pace import FIRST, PROBE, SHARE, TARGET, Pace

KEY = (1, "stock")
SECONDS = st.floats(0, 600)


@given(st.integers(1, 10_000), st.lists(SECONDS, max_size=20))
def test_whatever_the_storefront_does_a_batch_is_a_sane_share_of_what_its_hook_takes(most: int, seconds: list[float]) -> None:
    pace = Pace()
    for took in seconds:
        size = pace.size(KEY, most)
        assert max(1, most // SHARE) <= size <= most
        pace.took(KEY, size, took)


@given(st.floats(0.002, 0.05))
def test_a_batch_comes_to_take_about_half_a_slice(each: float) -> None:
    pace = Pace()
    for _ in range(12):
        size = pace.size(KEY, 2_000)
        pace.took(KEY, size, size * each)
    assert TARGET * 0.8 <= pace.size(KEY, 2_000) * each <= TARGET * 1.2 or pace.size(KEY, 2_000) in (250, 2_000)


@pytest.mark.trap("engine.batch-share")
def test_one_slow_answer_does_not_cut_batches_to_a_crumb_and_they_grow_again() -> None:
    pace = Pace()
    pace.took(KEY, 250, 1.0)
    pace.took(KEY, 250, 60.0)
    assert pace.size(KEY, 250) == 31
    for _ in range(8):
        pace.took(KEY, 31, 0.1)
    assert pace.size(KEY, 250) == 250


def test_what_answered_nothing_is_asked_with_a_few_and_then_as_before() -> None:
    pace = Pace()
    assert pace.size(KEY, 250) == FIRST
    pace.took(KEY, 40, 0.1)
    pace.silent(KEY)
    assert pace.size(KEY, 250) == PROBE and pace.size(KEY, 2) == 2 and pace.size((1, "price"), 250) == FIRST
    pace.took(KEY, 5, 0.01)
    assert pace.size(KEY, 250) == 250


def test_every_runner_learns_on_its_own() -> None:
    one, other = Pace(), Pace()
    one.took(KEY, 10, 100.0)
    assert other.size(KEY, 250) == FIRST


def test_a_batch_holds_at_least_one() -> None:
    with pytest.raises(ValueError, match="at least one"):
        batch(max=0)
