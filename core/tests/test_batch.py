"""A batch as push hooks use it: every item has its own outcome."""

from __future__ import annotations

from engate.errors import PluginFault
from engate.model import Batch, Brand, Item


async def test_an_item_that_breaks_the_plugin_does_not_keep_the_others() -> None:
    batch = Batch([Item(key, Brand(key, key)) for key in ("a", "b", "c")])

    async def push(item: Item[Brand]) -> str:
        return "1" if item.key != "b" else str(int("no number"))

    await batch.each(push, at_once=1)
    assert {key: outcome.state for key, outcome in batch.outcomes.items()} == {"a": "accepted", "b": "unknown", "c": "accepted"}
    assert isinstance(batch.outcomes["b"].error, PluginFault)
