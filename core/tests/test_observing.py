"""Which extensions are there, by name."""

from __future__ import annotations

from importlib.metadata import EntryPoint

import pytest

from engate.hooks import Observer
from engate.observers import GROUP, LONGEST_NAME, NotToldError, Observers, discover


class Sales(Observer):
    async def on_order_imported(self, order: str, erp_keys: list[str], event: str) -> None:
        raise NotImplementedError


class Old(Observer):
    """As it was before events had a name."""

    async def on_attention(self, what: str, cause: str) -> None:  # pyright: ignore[reportIncompatibleMethodOverride]
        raise NotImplementedError


def entry(name: str, what: str = "Sales") -> EntryPoint:
    return EntryPoint(name, f"{__name__}:{what}", GROUP)


def test_each_is_known_by_the_name_of_its_entry_point() -> None:
    found = Observers(discover([entry("a"), entry("b")]))
    assert found.of("on_order_imported") == ["a", "b"] and found.of("on_run_finished") == []


@pytest.mark.trap("engine.outbox-names")
def test_a_name_that_is_taken_is_refused() -> None:
    [(name, found)] = discover([entry("a"), entry("a", "Later")]).items()
    assert (name, type(found)) == ("a", Sales)


class Later(Sales):
    """Of another distribution."""


@pytest.mark.parametrize(
    "broken", [entry("a", "Old"), entry("a", "entry"), entry("a", "missing"), entry("a" * (LONGEST_NAME + 1))], ids=str
)
def test_one_that_cannot_be_told_harms_no_other(broken: EntryPoint) -> None:
    assert list(discover([broken, entry("good")])) == ["good"]


async def test_one_that_is_not_there_has_not_taken_it_and_one_that_wants_no_more_has() -> None:
    found = Observers({"a": Sales()})
    await found.tell("a", "on_run_finished", {"run": 1, "flow": "stock", "counts": {}, "event": "1/run/1"})
    with pytest.raises(NotToldError, match="not installed"):
        await found.tell("b", "on_run_finished", {})
    with pytest.raises(NotToldError, match="NotImplementedError"):
        await found.tell("a", "on_order_imported", {"order": "1", "erp_keys": [], "event": "1/imported/1/1/2"})
