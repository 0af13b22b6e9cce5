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
