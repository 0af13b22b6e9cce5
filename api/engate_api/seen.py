"""What a key sees of buyers: an operator everything, a key that only reads what it needs to recognise an order by."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import TypeVar

from engate import personal
from engate.store.views import buyers
from engate.text import Text
from engate_api.auth import RANK, Caller
from engate_api.installation import Installation
from engate_api.problems import Refused

T = TypeVar("T")
Place = tuple[int, str]
"""The integration, and the shop's key of an order."""


async def seen(installation: Installation, caller: Caller, views: Sequence[T], orders: Callable[[T], Iterable[Place]]) -> list[T]:
    """These views as the caller may see them. `orders`: those that each tells of."""
    if RANK[caller.role] >= RANK["operator"]:
        return list(views)
    places = {place for view in views for place in orders(view)}
    known = await installation.store.viewing(lambda c: buyers.of_orders(c, caller.tenant_id, places))
    return [personal.shown(view, personal.words_of(known[place] for place in orders(view) if place in known)) for view in views]


def in_the_open(asked: str | None) -> None:
    """Refuses in an address what belongs into a body: proxies and browsers keep addresses."""
    if asked is not None and personal.names_somebody(asked):
        raise Refused(
            422,
            "personal_in_address",
            Text("CPF, CNPJ e e-mail não vão no endereço da consulta.", "A CPF, CNPJ or e-mail does not go into the address of a request."),
            Text('Envie no corpo: POST /search {"q": "..."}.', 'Send it in a body: POST /search {"q": "..."}.'),
        )
