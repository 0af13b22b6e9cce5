"""What a key sees of buyers. Operators see everything; a `read` key sees buyers masked."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import TypeVar

import sqlalchemy as sa

from engate import personal
from engate.model import Order
from engate.personal import Words
from engate.text import Text
from engate.views import buyers
from engate_api.auth import RANK, Caller
from engate_api.installation import Installation
from engate_api.problems import Refused

T = TypeVar("T")
Place = tuple[int, str]
"""The integration, and the shop's key of an order."""


async def seen(
    installation: Installation,
    caller: Caller,
    views: Sequence[T],
    orders: Callable[[T], Iterable[Place]],
    causes: Callable[[T], Iterable[int]] = lambda _: (),
) -> list[T]:
    """These views as the caller may see them. `orders`, `causes`: those that a view names. The words of a cause may name the buyer of the
    order that met it first, so buyers of all orders that waited for it are masked."""
    if RANK[caller.role] >= RANK["operator"]:
        return list(views)
    places, ids = {place for view in views for place in orders(view)}, {id for view in views for id in causes(view)}

    def known(c: sa.Connection) -> tuple[dict[Place, list[Order]], dict[int, list[Order]]]:
        return buyers.of_orders(c, caller.tenant_id, places), buyers.of_causes(c, caller.tenant_id, ids)

    by_place, by_cause = await installation.store.viewing(known)

    def words(view: T) -> Words:
        named = [*(by_place.get(place, ()) for place in orders(view)), *(by_cause[id] for id in causes(view))]
        return personal.words_of(doc for each in named for doc in each)

    return [personal.shown(view, words(view)) for view in views]


def in_the_open(asked: str | None) -> None:
    """Refuses in an address what belongs into a body: proxies and browsers keep addresses."""
    if asked is not None and personal.names_somebody(asked):
        raise Refused(
            422,
            "personal_in_address",
            Text("CPF, CNPJ e e-mail não vão no endereço da consulta.", "A CPF, CNPJ or e-mail does not go into the address of a request."),
            Text('Envie no corpo: POST /search {"q": "..."}.', 'Send it in a body: POST /search {"q": "..."}.'),
        )
