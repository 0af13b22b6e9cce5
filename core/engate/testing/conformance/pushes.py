"""Checks of every `push_*` hook: a repeat has no second effect, a refusal is definite, and a missing permission is told as such."""

from __future__ import annotations

from contextlib import suppress
from decimal import Decimal
from typing import Any

from engate.errors import EngateError, Forbidden, Rejected
from engate.model import Batch, Brand, Category, Image, Item, Price, Product, Query, Sku, StockLevel
from engate.model.kinds import KINDS, Kind
from engate.plugins import implemented
from engate.testing.conformance.trial import ALWAYS, Check, Trial
from engate.testing.facts import Fault
from engate.testing.goods import gtin

KINDS_OF_HOOK: dict[str, Kind] = {kind.push_hook: kind for kind in KINDS.values()}
IN_ORDER = ("category", "brand", "product", "sku", "image", "price", "stock")
COUNT = 3
RICE, GOOD = Category("100", "Arroz"), Brand("5", "Marca Boa")
OWN = "engate-conformance"
"""Key and name of things made in a real shop: its own things are never written to."""


class Goods:
    """A category, a brand and a few products of one SKU each, and the shop's keys of what it has of them."""

    def __init__(self, warehouse: str, category: Category = RICE, brand: Brand = GOOD) -> None:
        numbers = range(1, COUNT + 1)
        self.docs: dict[str, list[Any]] = {
            "category": [category],
            "brand": [brand],
            "product": [Product(f"P{n}", f"Produto {n}", f"Descrição {n}", RICE.key, GOOD.key, show_without_stock=True) for n in numbers],
            "sku": [
                Sku(f"S{n}", f"P{n}", f"Produto {n} UN", gtin(n), weight_kg=Decimal("1.5"), height_cm=Decimal(10), width_cm=Decimal(20),
                    length_cm=Decimal(30))
                for n in numbers
            ],
            "image": [Image(f"S{n}/0", f"S{n}", f"https://img.example/{n}.jpg", f"produto-{n}") for n in numbers],
            "price": [Price(f"S{n}", f"S{n}", Decimal("10.00") + n) for n in numbers],
            "stock": [StockLevel(f"S{n}/1", f"S{n}", "1", Decimal(10 + n)) for n in numbers],
        }  # fmt: skip
        self.remote: dict[tuple[str, str], str] = {}
        self._warehouse = warehouse

    def batch(self, kind: Kind, *, again: bool = False) -> Batch[Any]:
        """`again`: as after a crash: the effect is unknown, and engate has no key of the shop."""
        return Batch([self._item(kind, doc, again) for doc in self.docs[kind.name]])

    def _item(self, kind: Kind, doc: Any, again: bool) -> Item[Any]:
        named = {name: self.remote.get((of, key)) for name, of, key in (kind.refs(doc) if kind.refs else ())}
        if kind.parent is not None and kind.parent_kind is not None:
            named[kind.parent_kind] = self.remote.get((kind.parent_kind, kind.parent(doc)))
        if kind.name == "stock":
            named["warehouse"] = self._warehouse
        return Item(doc.key, doc, refs={name: remote for name, remote in named.items() if remote}, uncertain=again)


def goods_of(trial: Trial) -> Goods:
    if trial.live:
        return Goods("", Category(OWN, OWN), Brand(OWN, OWN))
    rows = trial.sandbox.describe().choices.get("warehouses", {})
    return Goods(next((str(row["warehouse"]) for row in rows.values()), ""))


async def push(trial: Trial, goods: Goods, kind: Kind, *, again: bool = False) -> Batch[Any]:
    batch = goods.batch(kind, again=again)
    await getattr(trial.connection, kind.push_hook)(batch)
    for key, outcome in batch.outcomes.items():
        if outcome.state == "accepted" and outcome.remote:
            goods.remote[kind.name, key] = outcome.remote
    return batch


async def stocked(trial: Trial, *, up_to: str = "stock") -> Goods:
    """A shop that has accepted every kind up to and including `up_to`."""
    goods = goods_of(trial)
    for name in IN_ORDER[: IN_ORDER.index(up_to) + 1]:
        if KINDS[name].push_hook in implemented(type(trial.connection)):
            _all_accepted(await push(trial, goods, KINDS[name]))
    return goods


def _all_accepted(batch: Batch[Any]) -> None:
    wrong = {key: outcome for key, outcome in batch.outcomes.items() if outcome.state != "accepted"}
    assert not wrong and not batch.unreported(), f"not accepted: {wrong or batch.unreported()}"


async def twice(trial: Trial, hook: str) -> None:
    """An item that may have been applied is looked for, not made again: the same key of the shop, and the shop unchanged."""
    kind = KINDS_OF_HOOK[hook]
    goods = await stocked(trial, up_to=kind.name)
    keys, before = dict(goods.remote), trial.state()
    _all_accepted(await push(trial, goods, kind, again=True))
    assert goods.remote == keys, "the second push was given other keys: there are two of it now"
    assert trial.state() == before, "the second push changed the shop"


async def lost_answer(trial: Trial, hook: str) -> None:
    """The push was applied and the answer is lost: sent again, the thing is found and exists once."""
    kind = KINDS_OF_HOOK[hook]
    before = IN_ORDER.index(kind.name)
    goods = await stocked(trial, up_to=IN_ORDER[before - 1]) if before else goods_of(trial)
    trial.sick(Fault("reset_applied"))
    with suppress(EngateError):
        await getattr(trial.connection, hook)(goods.batch(kind))
    trial.sick()
    _all_accepted(await push(trial, goods, kind, again=True))
    keys = dict(goods.remote)
    _all_accepted(await push(trial, goods, kind, again=True))
    assert goods.remote == keys, "each time another key: there are several of it now"
    held = trial.sandbox.state()
    keyed = [sku.key for sku in held if sku.key]
    assert len(held) <= COUNT and len(set(keyed)) == len(keyed), f"of {COUNT} SKUs the shop holds {sorted(sku.key for sku in held)}"


async def listed(trial: Trial, hook: str) -> None:
    """What was pushed is in the shop's own list, by its reference."""
    goods = await stocked(trial, up_to="sku")
    found = {item.reference for page in await trial.read(hook, Query()) for item in page.items}
    missing = {sku.key for sku in goods.docs["sku"]} - found
    assert not missing, f"{sorted(missing)} were pushed and are not listed by their reference"


async def _sick(trial: Trial, hook: str, fault: Fault) -> list[EngateError]:
    """The errors of a batch in which no item may be accepted, of the call or of each item."""
    kind = KINDS_OF_HOOK[hook]
    before = IN_ORDER.index(kind.name)
    goods = await stocked(trial, up_to=IN_ORDER[before - 1]) if before else goods_of(trial)
    batch = goods.batch(kind)
    trial.sick(fault)
    errors: list[EngateError] = []
    try:
        await getattr(trial.connection, hook)(batch)
    except EngateError as error:
        errors.append(error)
    for outcome in batch.outcomes.values():
        assert outcome.state != "accepted", "accepted what the platform did not take"
        if outcome.error is not None:
            errors.append(outcome.error)
    assert errors, "nothing was said of a batch that did not go through"
    for error in errors:
        trial.hides(error)
    return errors


async def forbidden(trial: Trial, hook: str) -> None:
    errors = await _sick(trial, hook, Fault("403", times=ALWAYS))
    assert all(isinstance(error, Forbidden) for error in errors), f"a 403 ends as {type(errors[0]).__name__}"


async def html(trial: Trial, hook: str) -> None:
    await _sick(trial, hook, Fault("html", times=ALWAYS))


async def reset(trial: Trial, hook: str) -> None:
    """After a reset the effect is unknown: it must not be told as a definite refusal, which would wait for a person."""
    errors = await _sick(trial, hook, Fault("reset_applied", times=ALWAYS))
    assert not any(isinstance(error, Rejected) for error in errors), "a lost answer was taken for a refusal"


LISTING: dict[str, Check] = {"pushed": listed}
CHECKS: dict[str, Check] = {"twice": twice, "lost answer": lost_answer, "403": forbidden, "html": html, "reset": reset}
HOOKS = tuple(KINDS[name].push_hook for name in IN_ORDER)
