"""A buyer's rights (LGPD): everything that is stored of one, and taking it out."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any

import msgspec
import sqlalchemy as sa
from litestar import post
from litestar.di import NamedDependency
from litestar.params import JSONBody
from stdnum.br import cnpj, cpf

from engate.errors import Invalid
from engate.personal import NOT_HERE
from engate.smtp import LONGEST_ADDRESS, no_address, valid_address
from engate.store import buyers
from engate.store.audit import Act
from engate.store.buyers import ERASED_AT_ONCE, About, Held, Some, Whom
from engate.store.views import buyers as views
from engate.store.views.buyers import BuyersDelivery, BuyersOrder
from engate.text import Text, squeezed
from engate_api.auth import Caller, admin
from engate_api.changing import changing
from engate_api.installation import Installation
from engate_api.problems import documented


class Buyer(msgspec.Struct, forbid_unknown_fields=True):
    """By document (CPF or CNPJ), by e-mail address, or both: what either of them is on is theirs."""

    document: Annotated[str, msgspec.Meta(max_length=20)] = ""
    email: Annotated[str, msgspec.Meta(max_length=LONGEST_ADDRESS)] = ""


class OrderRef(msgspec.Struct):
    integration: int
    key: str


class Exported(msgspec.Struct):
    """`elsewhere`: who else holds data of the buyer."""

    orders: list[BuyersOrder]
    deliveries: list[BuyersDelivery]
    elsewhere: Text


class Erased(msgspec.Struct):
    """`erased`: orders that are without their buyer now. `under_way`: those that still need one, untouched: ask again when they are over.
    `deliveries`: how many were emptied. `cleaned`: nothing of it is left in the database's files. `elsewhere`: who else holds data."""

    erased: list[OrderRef]
    under_way: list[OrderRef]
    deliveries: int
    cleaned: bool
    elsewhere: Text


@post(
    "/buyers/export",
    summary="Everything that is stored of one buyer",
    status_code=200,
    guards=[admin],
    responses=documented(400, 401, 403, 422),
)
async def export_buyer(installation: NamedDependency[Installation], caller: NamedDependency[Caller], data: JSONBody[Buyer]) -> Exported:
    """Over all integrations of the tenant. That it was asked for stands in the audit trail; who the buyer is does not."""
    whom, view = _whom(caller, data), installation.store.viewing
    held, told = await _held(installation, whom)
    orders = [await view(lambda c, each=each: views.whole_order(c, caller.tenant_id, each)) for each in held]
    orders += [await view(lambda c, each=each: views.told_order(c, each)) for each in told]
    about = About(frozenset([each.key for each in held] + [key for _, key in told]))
    rows = await _all(installation, lambda c, after: buyers.deliveries_of(c, whom, about, after))
    act = Act("buyers.exported", "", asked={"orders": len(orders), "deliveries": len(rows)})
    await changing(installation, caller, act, lambda _: None)
    return Exported(orders, [views.whole_delivery(row) for row in rows], NOT_HERE)


@post(
    "/buyers/erase",
    summary="Take one buyer out of every order that is over",
    status_code=200,
    guards=[admin],
    responses=documented(400, 401, 403, 422),
)
async def erase_buyer(installation: NamedDependency[Installation], caller: NamedDependency[Caller], data: JSONBody[Buyer]) -> Erased:
    """What was sold, for how much and when stays, without its buyer. It cannot be undone. A large database takes a while: its files are
    made anew."""
    whom, now = _whom(caller, data), installation.now()
    held, told = await _held(installation, whom)
    over = [each for each in held if each.over]
    left = [OrderRef(each.integration_id, each.key) for each in held if not each.over] + [OrderRef(*place) for place in told]
    about = About(frozenset(each.key for each in over), frozenset(each.key for each in left))
    rows = await _all(installation, lambda c, after: buyers.deliveries_of(c, whom, about, after))
    emptied = [row.id for row in rows if row.outcome != "unheard"]  # an order that nobody took in stands there alone: it can be replayed
    done = Erased([], left, 0, False, NOT_HERE)
    for some in [over[at : at + ERASED_AT_ONCE] for at in range(0, max(len(over), 1), ERASED_AT_ONCE)]:

        def take_out(c: sa.Connection, some: list[Held] = some) -> tuple[list[tuple[int, str]], int]:
            return buyers.erase(c, [each.id for each in some], now), buyers.empty(c, emptied)

        places, count = await changing(installation, caller, Act("buyers.erased", "", asked=lambda made: _told_of(made, left)), take_out)
        done.erased += [OrderRef(*place) for place in places]
        done.deliveries += count
    meanwhile = {(each.integration_id, each.key) for each in over} - {(each.integration, each.key) for each in done.erased}
    done.under_way += [OrderRef(*place) for place in sorted(meanwhile)]
    done.cleaned = await installation.store.cleaning(whole=True)
    return done


def _told_of(made: tuple[list[tuple[int, str]], int], left: list[OrderRef]) -> dict[str, Any]:
    """What the audit trail says of it."""
    places, count = made
    keys = [f"{integration}/{key}" for integration, key in places]
    return {"erased": keys, "under_way": [f"{each.integration}/{each.key}" for each in left], "deliveries": count}


def _whom(caller: Caller, data: Buyer) -> Whom:
    document, email = squeezed(data.document), data.email.strip()
    if not document and not email:
        raise Invalid(
            Text("Diga quem é o comprador.", "Say who the buyer is."),
            Text("Envie document (CPF ou CNPJ), email, ou ambos.", "Send document (CPF or CNPJ), email, or both."),
            where="document",
        )
    if data.document and not (cpf.is_valid(document) or cnpj.is_valid(document)):
        raise Invalid(
            Text("O documento não é um CPF nem um CNPJ válido.", "The document is no valid CPF or CNPJ."),
            Text("Confira os números.", "Check its digits."),
            where="document",
        )
    if email and not valid_address(email):
        raise Invalid(*no_address(email), where="email")
    return Whom(caller.tenant_id, document, email.casefold())


async def _held(installation: Installation, whom: Whom) -> tuple[list[Held], list[tuple[int, str]]]:
    """The buyer's orders, and those that were only told of."""
    now = installation.now()
    held: list[Held] = await _all(installation, lambda c, after: buyers.orders_of(c, whom, after, now))
    told: list[tuple[int, str]] = await _all(installation, lambda c, after: buyers.untaken_of(c, whom, after))
    known = {(each.integration_id, each.key) for each in held}
    return held, sorted({place for place in told if place not in known})


async def _all(installation: Installation, look: Callable[[sa.Connection, int], Some]) -> list[Any]:
    """Looks at everything, some of it at a time."""
    found: list[Any] = []
    after: int | None = 0
    while after is not None:
        some = await installation.store.viewing(lambda c, after=after: look(c, after))
        found, after = found + some.found, some.after
    return found


ROUTES = [export_buyer, erase_buyer]
