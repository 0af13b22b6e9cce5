"""Checks of a hook that is called once for each branch or price table (`Erp.scoped`)."""

from __future__ import annotations

from datetime import timedelta
from itertools import combinations
from typing import Any

from engate.model import Query
from engate.plugins import SCOPED
from engate.testing.conformance.readings import choices_of, newest_of
from engate.testing.conformance.trial import NotTried, Trial, ended, key_of, keys_of
from engate.testing.facts import Change

Lists = dict[str, list[Any]]
"""Scope -> the pages of its list."""
MOST = 3
"""Most scopes that are read."""


async def scopes(trial: Trial, hook: str) -> None:
    """Each scope has a list of its own, with its own rows, keys, cursors and stamps."""
    lists = await _lists(trial, hook)
    _alone(lists, hook)
    if not trial.live:
        _another(lists, hook)
    if hook == "list_stock":
        await _all(trial, lists)
    await _resumes(trial, hook, lists)
    await _by_key(trial, hook, lists)
    await _since(trial, hook, lists)


async def _lists(trial: Trial, hook: str) -> Lists:
    named = [name for name in await choices_of(trial, "list_choices", SCOPED[hook]) if name][:MOST]
    asked = ["", *named] if hook == "list_prices" else named
    found = {scope: await trial.read(hook, Query(scope=scope)) for scope in asked}
    lists = {scope: pages for scope, pages in found.items() if keys_of(pages)}
    if len(lists) < 2 and trial.live:
        raise NotTried(f"there are rows of {len(lists)} of the {SCOPED[hook]}")
    assert len(lists) > 1, (
        f"of the {SCOPED[hook]} {asked} there are rows of {list(lists)} only: without two of them nobody sees whether {hook} heeds "
        "`query.scope`. The suite seeds stock in two branches; price tables besides the default one are the sandbox's own"
    )
    return lists


def _own(hook: str, scope: str, pages: list[Any]) -> None:
    """Nothing of another scope is among them."""
    of = "table" if hook == "list_prices" else "warehouse"
    strange = [item for page in pages for item in page.items if getattr(item, of) != scope]
    assert not strange, f"asked for the scope {scope!r}, {hook} gave {key_of(strange[0])}, whose {of} is {getattr(strange[0], of)!r}"


def _alone(lists: Lists, hook: str) -> None:
    for scope, pages in lists.items():
        _own(hook, scope, pages)
    for (one, pages), (other, others) in combinations(lists.items(), 2):
        both = sorted(set(keys_of(pages)) & set(keys_of(others)))
        assert not both, f"the key {both[0]} comes in the scope {one!r} and in {other!r}: a key names one row, whatever its scope is"


def _another(lists: Lists, hook: str) -> None:
    """One list that is only called by other names says the same of every SKU in all of them. (Two may be alike: the default price table has
    a name too.)"""
    amounts = [{item.sku: _amount(item) for page in pages for item in page.items} for pages in lists.values()]
    pairs = [(said, others, said.keys() & others.keys()) for said, others in combinations(amounts, 2)]
    assert any(not shared or any(said[sku] != others[sku] for sku in shared) for said, others, shared in pairs), (
        f"{hook} says the same of all SKUs in the scopes {list(lists)}: it asks for one list each time, or the sandbox holds one alone"
    )


def _amount(item: Any) -> Any:
    return item.base if hasattr(item, "base") else item.quantity


async def _all(trial: Trial, lists: Lists) -> None:
    """No scope: no branch is mapped, and every one is listed."""
    pages = await trial.read("list_stock", Query())
    if ended(pages) and all(map(ended, lists.values())):
        lost = {key for each in lists.values() for key in keys_of(each)} - set(keys_of(pages))
        assert not lost, f"without a scope {len(lost)} rows are missing that a branch has: {sorted(lost)[:3]}"


async def _resumes(trial: Trial, hook: str, lists: Lists) -> None:
    """A new process continues in the same scope."""
    for scope, pages in lists.items():
        if len(pages) < 2:
            continue
        rest = await trial.read(hook, Query(cursor=pages[0].cursor, scope=scope), trial.fresh())
        _own(hook, scope, rest)
        lost = set(keys_of(pages[1:])) - set(keys_of(rest))
        assert not lost, f"resumed after the first page of the scope {scope!r}, {len(lost)} items are missing: {sorted(lost)[:3]}"


async def _by_key(trial: Trial, hook: str, lists: Lists) -> None:
    for scope, pages in lists.items():
        key = keys_of(pages)[-1]
        for asked in lists:
            found = keys_of(await trial.read(hook, Query(keys=(key,), scope=asked)))
            wanted = [key] if asked == scope else []
            assert found == wanted, f"asked for {key}, which is of the scope {scope!r}, the scope {asked!r} gave {found[:3]}"


async def _since(trial: Trial, hook: str, lists: Lists) -> None:
    """What changes in one scope is in its next reading, and in that of no other."""
    marks = {scope: newest_of(pages) for scope, pages in lists.items()}
    [scope, *_] = lists
    item = lists[scope][-1].items[-1]
    if not trial.live:
        trial.sandbox.clock.advance(timedelta(hours=1))
        stock = {scope: 7} if hook == "list_stock" else None
        trial.sandbox.change([Change(item.sku, price=_amount(item) + 1 if stock is None else None, stock=stock)])
    for each, mark in marks.items():
        if mark is not None:
            pages = await trial.read(hook, Query(since=mark, scope=each))
            _own(hook, each, pages)
            assert trial.live or each != scope or item.sku in {row.sku for page in pages for row in page.items}, (
                f"the reading of the scope {scope!r} since {mark} does not hold what changed after it"
            )
