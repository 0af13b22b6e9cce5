"""A batch as push hooks use it: every item has its own outcome."""

from __future__ import annotations

import pytest

from engate.errors import AuthFailed, EngateError, Forbidden, PluginFault
from engate.model import Batch, Brand, Item
from engate.text import Text


async def test_an_item_that_breaks_the_plugin_does_not_keep_the_others() -> None:
    batch = Batch([Item(key, Brand(key, key)) for key in ("a", "b", "c")])

    async def push(item: Item[Brand]) -> str:
        return "1" if item.key != "b" else str(int("no number"))

    await batch.each(push, at_once=1)
    assert {key: outcome.state for key, outcome in batch.outcomes.items()} == {"a": "accepted", "b": "unknown", "c": "accepted"}
    assert isinstance(batch.outcomes["b"].error, PluginFault)


@pytest.mark.trap("engine.batch-stops")
@pytest.mark.parametrize("kind", [AuthFailed, Forbidden])
async def test_what_every_item_would_meet_is_met_once(kind: type[EngateError]) -> None:
    batch = Batch([Item(key, Brand(key, key)) for key in ("a", "b", "c")])
    tried: list[str] = []

    async def push(item: Item[Brand]) -> str:
        tried.append(item.key)
        raise kind(Text("não", "no"))

    await batch.each(push, at_once=1)
    assert tried == ["a"]
    assert {(outcome.state, type(outcome.error)) for outcome in batch.outcomes.values()} == {("not_sent", kind)} and not batch.unreported()


@pytest.mark.parametrize("ticket", ["", "x" * 401, "a\0b"])
def test_a_ticket_is_a_key_that_can_be_stored(ticket: str) -> None:
    with pytest.raises(ValueError, match="characters"):
        Batch([Item("a", Brand("a", "a"))]).deferred(ticket, 1)


@pytest.mark.parametrize("due", [-1, float("nan"), float("inf")])
def test_a_ticket_is_asked_for_in_a_time_to_come(due: float) -> None:
    with pytest.raises(ValueError, match="seconds"):
        Batch([Item("a", Brand("a", "a"))]).deferred("1", due)


def test_a_batch_has_one_ticket() -> None:
    batch = Batch([Item("a", Brand("a", "a"))])
    batch.deferred("1", 5)
    with pytest.raises(ValueError, match="already"):
        batch.deferred("2", 5)
    assert batch.ticket == ("1", 5.0)


def test_a_second_key_is_kept_until_the_thing_is_another() -> None:
    item = Item("a", Brand("a", "a"), remote="1", more="2")
    batch = Batch([item])
    batch.accepted(item)
    assert batch.outcomes["a"].more == "2"
    batch.accepted(item, "1", more="3")
    assert batch.outcomes["a"].more == "3"
    batch.accepted(item, "9")
    assert (batch.outcomes["a"].remote, batch.outcomes["a"].more) == ("9", "")
