"""A buyer's rights (LGPD): all that is stored of one, and taking it out. Each request does some, and says where the next goes on."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
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
from engate.store import buyers, upkeep, whose
from engate.store.audit import Act
from engate.store.buyers import ERASED_AT_ONCE
from engate.store.whose import DELIVERIES, ORDERS, TOLD, Held, Kept, Spot, Whom
from engate.text import Text, squeezed
from engate.views import buyers as views
from engate.views.buyers import BuyersDelivery, BuyersOrder
from engate_api.auth import Caller, admin
from engate_api.changing import changing
from engate_api.installation import Installation
from engate_api.problems import documented
from engate_api.requests import bad_cursor

LOOKS = 20
"""How many times one request looks: at up to 10,000 rows, about a second's work."""
CLEANING = 10.0
"""Seconds for which one waits until the files are made anew; after that it goes on by itself."""


class Buyer(msgspec.Struct, forbid_unknown_fields=True):
    """By document (CPF or CNPJ), by e-mail address, or both: what either of them is on is theirs. `cursor`: the `next_cursor` of the
    answer before."""

    document: Annotated[str, msgspec.Meta(max_length=20)] = ""
    email: Annotated[str, msgspec.Meta(max_length=LONGEST_ADDRESS)] = ""
    cursor: Annotated[str, msgspec.Meta(max_length=100)] | None = None


class OrderRef(msgspec.Struct):
    integration: int
    key: str


class Exported(msgspec.Struct):
    """`elsewhere`: who else holds data of the buyer. `next_cursor`: there is more, ask with it as `cursor`; null: that was everything."""

    orders: list[BuyersOrder]
    deliveries: list[BuyersDelivery]
    elsewhere: Text
    next_cursor: str | None = None


class Erased(msgspec.Struct):
    """`erased`: orders that are without their buyer now. `under_way`: those that still need one, untouched: ask again when they are over.
    `deliveries`: how many were emptied. `not_taken`: orders that came while nobody listened and stand in their deliveries alone, untouched:
    replay those; they go after 30 days. `next_cursor`: there is more, ask with it as `cursor`; null: that was everything.
    `cleaned`: nothing of it is left in the database's files; false at the end: they are being made anew. `elsewhere`: who else holds it."""

    erased: list[OrderRef]
    under_way: list[OrderRef]
    deliveries: int
    not_taken: int
    cleaned: bool
    elsewhere: Text
    next_cursor: str | None = None


class Walk:
    """Through everything of a tenant in which something of a buyer may stand; `next`: where the next request goes on, None at the end."""

    def __init__(self, installation: Installation, whom: Whom, cursor: str | None) -> None:
        self._installation, self._whom = installation, whom
        self.next = _spot(cursor) if cursor is not None else None
        self.is_first = cursor is None

    async def finds(self) -> AsyncIterator[tuple[Spot, list[Any]]]:
        view, now = self._installation.store.viewing, self._installation.now()
        spots = await view(lambda c: whose.spots(c, self._whom.tenant_id))
        at = self.next if self.next is not None else spots[0] if spots else None
        looks, found = 0, 0
        while at is not None and looks < LOOKS and found < whose.FOUND:
            if (at.what, at.of) not in {(each.what, each.of) for each in spots}:
                raise bad_cursor("cursor")
            some = await view(lambda c, at=at: whose.look(c, self._whom, at, now))
            if some.found:
                yield at, some.found
            looks, found = looks + 1, found + len(some.found)
            at = at._replace(after=some.after) if some.after is not None else _behind(spots, at)
        self.next = at

    @property
    def next_cursor(self) -> str | None:
        return f"{self.next.what}.{self.next.of}.{self.next.after}" if self.next is not None else None


def _spot(cursor: str) -> Spot:
    what, _, rest = cursor.partition(".")
    of, _, after = rest.partition(".")
    if what not in (ORDERS, TOLD, DELIVERIES) or not (of.isdecimal() and after.isdecimal()):
        raise bad_cursor("cursor")
    return Spot(what, int(of), int(after) & (2**62 - 1))


def _behind(spots: list[Spot], at: Spot) -> Spot | None:
    """The spot that follows this one; None at the end."""
    here = spots.index(at._replace(after=0))
    return spots[here + 1] if here + 1 < len(spots) else None


@post(
    "/buyers/export",
    summary="Everything that is stored of one buyer",
    status_code=200,
    guards=[admin],
    responses=documented(400, 401, 403, 422),
)
async def export_buyer(installation: NamedDependency[Installation], caller: NamedDependency[Caller], data: JSONBody[Buyer]) -> Exported:
    """Over all integrations of the tenant, page by page. That it was asked for stands in the audit trail; who the buyer is does not."""
    walk, view = Walk(installation, _whom(caller, data), data.cursor), installation.store.viewing
    told = Exported([], [], NOT_HERE)
    async for at, found in walk.finds():
        if at.what == ORDERS:
            told.orders += [await view(lambda c, each=each: views.whole_order(c, caller.tenant_id, each)) for each in found]
        elif at.what == TOLD:
            told.orders += [await view(lambda c, key=key, at=at: views.told_order(c, (at.of, key))) for key in found]
        else:
            told.deliveries += [views.whole_delivery(kept.row) for kept in found if kept.names or kept.needed]
    told.next_cursor = walk.next_cursor
    act = Act("buyers.exported", "", asked={"orders": len(told.orders), "deliveries": len(told.deliveries)})
    await changing(installation, caller, act, lambda _: None)
    return told


@post(
    "/buyers/erase",
    summary="Take one buyer out of every order that is over",
    status_code=200,
    guards=[admin],
    responses=documented(400, 401, 403, 422),
)
async def erase_buyer(installation: NamedDependency[Installation], caller: NamedDependency[Caller], data: JSONBody[Buyer]) -> Erased:
    """What was sold, for how much and when stays, without its buyer. It cannot be undone. Each request does some of it: ask again with its
    `next_cursor` until that is null. An answer that did not arrive is asked for again with the same cursor: nothing is done twice."""
    walk = Walk(installation, _whom(caller, data), data.cursor)
    erasing = Erasing(installation, caller)
    async for at, found in walk.finds():
        if at.what == ORDERS:
            await erasing.orders(found)
        elif at.what == TOLD:
            erasing.done.under_way += [OrderRef(at.of, key) for key in found]
        else:
            await erasing.deliveries(found)
    if walk.is_first and not erasing.said:
        await erasing.say()
    done = erasing.done
    done.next_cursor = walk.next_cursor
    done.cleaned = done.next_cursor is None and await _cleaned(installation)
    return done


class Erasing:
    """One request's share of it. `said`: the audit trail has a line of it."""

    def __init__(self, installation: Installation, caller: Caller) -> None:
        self._installation, self._caller = installation, caller
        self.done, self.said = Erased([], [], 0, 0, False, NOT_HERE), False

    async def orders(self, found: list[Held]) -> None:
        over = [each for each in found if each.over]
        left = {(each.integration_id, each.key) for each in found}
        now = self._installation.now()
        for some in [over[at : at + ERASED_AT_ONCE] for at in range(0, len(over), ERASED_AT_ONCE)]:

            def take_out(c: sa.Connection, some: list[Held] = some) -> list[tuple[int, str]]:
                buyers.soil(c, now)
                return buyers.erase(c, [each.id for each in some], now)

            places = await changing(self._installation, self._caller, Act("buyers.erased", "", asked=_erased), take_out)
            self.said = True
            self.done.erased += [OrderRef(*place) for place in places]
            left -= set(places)
        self.done.under_way += [OrderRef(*place) for place in sorted(left)]

    async def deliveries(self, found: list[Kept]) -> None:
        """Empties deliveries. One about an order that still needs its buyer stays."""
        free = [kept for kept in found if not kept.needed]
        self.done.not_taken += sum(kept.alone for kept in free)
        ids, now = [kept.row.id for kept in free if not kept.alone], self._installation.now()
        if not ids:
            return

        def take_out(c: sa.Connection) -> int:
            buyers.soil(c, now)
            return buyers.empty(c, ids)

        def asked(count: int) -> dict[str, int]:
            return {"deliveries": count}

        act = Act("buyers.erased", "", asked=asked)
        self.done.deliveries += await changing(self._installation, self._caller, act, take_out)
        self.said = True

    async def say(self) -> None:
        """Writes the audit line of a request that erased nothing."""
        under_way = [f"{each.integration}/{each.key}" for each in self.done.under_way]
        await changing(self._installation, self._caller, Act("buyers.erased", "", asked={"under_way": under_way}), lambda _: None)


def _erased(places: list[tuple[int, str]]) -> dict[str, list[str]]:
    """As the audit trail tells it: the integration and the key of each order."""
    return {"erased": [f"{id}/{key}" for id, key in places]}


async def _cleaned(installation: Installation) -> bool:
    """Whether nothing of it is left in the files. A large database takes longer than anybody waits for an answer."""
    try:
        async with asyncio.timeout(CLEANING):
            return await upkeep.clean(installation.store)
    except TimeoutError:
        return False


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


ROUTES = [export_buyer, erase_buyer]
