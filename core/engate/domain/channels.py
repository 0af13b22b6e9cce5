"""Order fields: what the ERP asks for besides lines and money, by the order's channel and whether the buyer is a contributor. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import msgspec

from engate.domain.mapping import ChannelRow, PairMapping, as_channel
from engate.domain.reasons import Reason, own
from engate.errors import Invalid
from engate.fields import invalid, translated
from engate.model import FieldValue, Order, OrderPart
from engate.settings import fields_of
from engate.text import Text

Fields = type[msgspec.Struct] | None
"""An ERP's `order_fields`; None: it asks for nothing."""


def row_for(order: Order, mapping: PairMapping) -> ChannelRow | None:
    """The most specific row; rows are not combined. Rows of the order's channel come before rows of every channel; within each, rows for
    contributors (if the buyer is one) before rows for all buyers."""
    rows = {(row.channel, row.buyers): row for row in mapping.channels}
    buyers = ("contributor", "all") if order.buyer.contributor else ("all",)
    return next((rows[channel, who] for channel in (as_channel(order.channel), "") for who in buyers if (channel, who) in rows), None)


ROW = Text("a linha", "the row")


class Wrong(NamedTuple):
    """An order field whose value cannot go to the ERP. `name` "": the row as a whole is wrong."""

    name: str
    title: Text
    why: Text


def wrong(given: Mapping[str, FieldValue], kind: type[msgspec.Struct]) -> list[Wrong]:
    """Why these values cannot be the ERP's order fields; [] where they can."""
    fields = fields_of(kind)
    pt = ", ".join(_listed(name, field.title.pt) for name, field in fields.items())
    en = ", ".join(_listed(name, field.title.en) for name, field in fields.items())
    unknown = Text(f"o ERP não tem este campo, tem: {pt}", f"the ERP has no such field, it has: {en}")
    found = [Wrong(name, Text(name, name), unknown) for name in given if name not in fields]
    required = [each.encode_name for each in msgspec.structs.fields(kind) if each.required]
    found += [Wrong(name, fields[name].title, Text("falta", "is missing")) for name in required if name not in given]
    return found or _unfit(given, kind)


def _unfit(given: Mapping[str, FieldValue], kind: type[msgspec.Struct]) -> list[Wrong]:
    """The first value that does not fit. A plugin's error about several values together is an error of the row."""
    fields = fields_of(kind)
    try:
        msgspec.convert(given, kind)
    except Invalid as error:
        field = fields.get(error.where)
        return [Wrong(error.where if field else "", field.title if field else ROW, error.text)]
    except msgspec.ValidationError as error:
        message, _, place = str(error).partition(" - at ")
        name = place.strip("`").removeprefix("$").lstrip(".")
        if name in fields:
            return [Wrong(name, fields[name].title, invalid(fields[name], given[name]))]
        return [Wrong("", ROW, translated(message))]
    return []


def _listed(name: str, title: str) -> str:
    return name if title == name else f"{name} ({title})"


def with_fields(parts: Sequence[OrderPart], order: Order, mapping: PairMapping, kind: Fields) -> list[OrderPart] | Reason:
    """The parts with their order fields, or why the order cannot be imported yet: never without what the ERP requires."""
    if kind is None:
        return list(parts)
    row = row_for(order, mapping)
    given: Mapping[str, FieldValue] = row.fields if row is not None else {}
    faults = wrong(given, kind)
    if faults:
        return _unmapped(order, row, faults)
    return [msgspec.structs.replace(part, fields=given) for part in parts]


def _unmapped(order: Order, row: ChannelRow | None, faults: Sequence[Wrong]) -> Reason:
    """The reason for the person who maps: which channel, which field, and where to fill it in."""
    pt = ", ".join(f"{fault.title.pt} ({fault.why.pt})" for fault in faults)
    en = ", ".join(f"{fault.title.en} ({fault.why.en})" for fault in faults)
    channel = Text(f"o canal '{order.channel}'", f"channel '{order.channel}'") if order.channel else NO_CHANNEL
    buyer = CONTRIBUTOR if order.buyer.contributor else Text("", "")
    whose = "contributor" if order.buyer.contributor else "all"
    return own(
        "mapping.channel", f"{whose}/{as_channel(order.channel)}",
        Text(f"O ERP pede dados do pedido que o mapeamento não dá para {channel.pt}{buyer.pt}: {pt}.",
             f"The ERP asks for facts of the order that the mapping does not give for {channel.en}{buyer.en}: {en}."),
        Text(f"Preencha em 'Canais de venda' da integração {_where(row).pt}. Nada foi enviado ao ERP; o pedido entra em seguida.",
             f"Fill it in under the integration's 'Sales channels' {_where(row).en}. Nothing was sent to the ERP; the order enters then."),
    )  # fmt: skip


NO_CHANNEL = Text("pedidos sem canal", "orders without a channel")
CONTRIBUTOR = Text(", comprador contribuinte do ICMS", ", a buyer who pays ICMS")


def _where(row: ChannelRow | None) -> Text:
    if row is None:
        return Text(
            "uma linha deste canal, ou uma sem canal, que vale para todos",
            "in a row of this channel, or in one without a channel, which is for all",
        )
    name = row.channel or "-"
    who = Text("contribuintes", "contributors") if row.buyers == "contributor" else Text("todos", "all")
    return Text(f"a linha usada (canal: {name}; compradores: {who.pt})", f"in the row that was taken (channel: {name}; buyers: {who.en})")
