"""The pair mapping: which of the ERP's choices stands for which of the storefront's, in rows.

A kind of rows is declared once: as a field of `PairMapping` (which fields identify a row, which flows it touches) and as the struct of its
rows (which side each value belongs to, and which kind of choices lists it there). The JSON Schema that the API serves holds all of it, and
code that checks, finds, adds or removes rows uses `KINDS`.
"""

from __future__ import annotations

from collections.abc import Mapping
from itertools import zip_longest
from typing import Annotated, Any, Literal, NamedTuple

import msgspec

from engate.fields import Field, fields_in, title_of
from engate.model import FieldValue
from engate.settings import called, field, json_schema
from engate.text import Text

ERP = msgspec.Meta(extra_json_schema={"x-side": "erp"})
SHOP = msgspec.Meta(extra_json_schema={"x-side": "storefront"})


def _rows(*unique: tuple[str, ...], flows: tuple[str, ...]) -> msgspec.Meta:
    """`unique`: groups of fields whose values together must be unique; the first group is a row's key. `flows`: what a change touches."""
    return msgspec.Meta(extra_json_schema={"x-unique": [list(names) for names in unique], "x-flows": list(flows)})


class WarehouseRow(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A branch and its warehouse. Several branches may share a warehouse, which offers their sum."""

    branch: Annotated[str, field("Filial do ERP", "ERP branch", choices="branches", min_length=1), ERP]
    warehouse: Annotated[str, field("Depósito da loja", "Storefront warehouse", choices="warehouses", min_length=1), SHOP]


class PaymentRow(msgspec.Struct, frozen=True, omit_defaults=True, forbid_unknown_fields=True):
    """A payment form and its charge. Several forms may share a charge."""

    form: Annotated[
        str,
        field(
            "Forma de pagamento da loja",
            "Storefront payment form",
            "Vazio: pedidos sem pagamento (total zero)",
            "Empty: orders without a payment",
            choices="payments",
        ),
        SHOP,
    ]
    charge: Annotated[str, field("Cobrança do ERP", "ERP charge", choices="charges", min_length=1), ERP]
    terms: Annotated[
        str,
        field(
            "Plano de pagamento do ERP",
            "ERP payment terms",
            "Vazio: só se o ERP não tem planos de pagamento",
            "Empty: only where the ERP has no payment terms",
            choices="terms",
        ),
        ERP,
    ] = ""
    import_when: Annotated[
        Literal["paid", "placed"],
        field("Importar quando", "Import when"),
        called(paid=("pago", "paid"), placed=("ao fechar, a prazo", "placed, on terms")),
    ] = "paid"


class CarrierRow(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    shipping: Annotated[str, field("Forma de entrega da loja", "Storefront shipping method", choices="shippings", min_length=1), SHOP]
    carrier: Annotated[str, field("Transportadora do ERP", "ERP carrier", choices="carriers", min_length=1), ERP]


class PriceListRow(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A price table and its price list, one to one: two tables of one list would overwrite each other."""

    table: Annotated[str, field("Tabela de preço do ERP", "ERP price table", choices="price_tables", min_length=1), ERP]
    list: Annotated[
        str,
        field(
            "Lista de preço da loja",
            "Storefront price list",
            "Ou a política comercial, onde a loja a chama assim",
            "Or the trade policy, where the shop calls it so",
            choices="price_lists",
            min_length=1,
        ),
        SHOP,
    ]


def as_channel(channel: str) -> str:
    """The form in which channels are compared. People type them, because no shop lists them."""
    return channel.strip().casefold()


class ChannelRow(msgspec.Struct, frozen=True, omit_defaults=True, forbid_unknown_fields=True):
    """Order fields for the orders of a channel. `engate.domain.channels` chooses an order's row."""

    fields: Annotated[
        Mapping[str, FieldValue],
        field(
            "Campos do pedido no ERP",
            "Fields of the order in the ERP",
            "O que este ERP pede com cada pedido. A linha vale inteira: o que ela não traz não vem de outra",
            "What this ERP wants with each order. A row counts whole: what it leaves out comes from no other",
        ),
        ERP,
    ]
    channel: Annotated[
        str,
        field(
            "Canal de venda da loja",
            "Storefront sales channel",
            "Como os pedidos o trazem (maiúsculas não importam); vazio: todo canal sem linha própria",
            "As orders tell it (capitals do not matter); empty: every channel that has no row of its own",
            max_length=100,
        ),
        SHOP,
    ] = ""
    buyers: Annotated[
        Literal["all", "contributor"],
        field(
            "Compradores",
            "Buyers",
            "Contribuintes do ICMS: quem tem inscrição estadual no pedido da loja",
            "ICMS contributors: whoever has a state inscription in the shop's order",
        ),
        called(all=("todos", "all"), contributor=("contribuintes do ICMS", "ICMS contributors")),
    ] = "all"

    def __post_init__(self) -> None:
        msgspec.structs.force_setattr(self, "channel", as_channel(self.channel))


class PairMapping(msgspec.Struct, frozen=True, omit_defaults=True, forbid_unknown_fields=True):
    """Every kind of rows."""

    warehouses: Annotated[
        tuple[WarehouseRow, ...],
        field("Filiais e depósitos", "Branches and warehouses"),
        _rows(("branch",), flows=("warehouses", "stock", "orders")),
    ] = ()
    payments: Annotated[tuple[PaymentRow, ...], field("Pagamentos", "Payments"), _rows(("form",), flows=("orders",))] = ()
    carriers: Annotated[tuple[CarrierRow, ...], field("Transportadoras", "Carriers"), _rows(("shipping",), flows=("orders",))] = ()
    price_lists: Annotated[
        tuple[PriceListRow, ...], field("Listas de preço", "Price lists"), _rows(("table",), ("list",), flows=("prices",))
    ] = ()
    channels: Annotated[
        tuple[ChannelRow, ...], field("Canais de venda", "Sales channels"), _rows(("buyers", "channel"), flows=("orders",))
    ] = ()


class Kind(NamedTuple):
    """One kind of rows, as it is declared above."""

    name: str
    title: Text
    fields: dict[str, Field]
    unique: tuple[tuple[str, ...], ...]

    @property
    def key(self) -> tuple[str, ...]:
        """The fields by which a row is found. Only the last of them may be empty or hold a slash."""
        return self.unique[0]

    def key_of(self, row: msgspec.Struct) -> str:
        """The row's key as used in URLs: "125", "contributor/b2b", "all"."""
        return "/".join(filter(None, (getattr(row, name) for name in self.key)))

    def of_key(self, key: str) -> dict[str, str]:
        return dict(zip_longest(self.key, key.split("/", len(self.key) - 1), fillvalue=""))


def _declared() -> dict[str, Kind]:
    defs = json_schema(PairMapping)["$defs"]
    found: dict[str, Kind] = {}
    for name, about in defs[PairMapping.__name__]["properties"].items():
        row = defs[about["items"]["$ref"].rpartition("/")[2]]
        found[name] = Kind(name, title_of(about, name), fields_in(row["properties"]), tuple(tuple(names) for names in about["x-unique"]))
    return found


KINDS = _declared()


def with_row(mapping: PairMapping, kind: str, key: str, row: Any | None) -> PairMapping:
    """The mapping with this row in place of the one with the key, or at the end; `row` None: without it."""
    rows = list(getattr(mapping, kind))
    at = next((index for index, each in enumerate(rows) if KINDS[kind].key_of(each) == key), len(rows))
    rows[at : at + 1] = [] if row is None else [row]
    return msgspec.structs.replace(mapping, **{kind: tuple(rows)})


def removed(before: PairMapping, after: PairMapping) -> list[tuple[str, str]]:
    """(kind, key) of the rows that `before` has and `after` has not."""
    kept = {name: {kind.key_of(row) for row in getattr(after, name)} for name, kind in KINDS.items()}
    return [(name, key) for name, kind in KINDS.items() for row in getattr(before, name) if (key := kind.key_of(row)) not in kept[name]]


def sharing(mapping: PairMapping) -> dict[str, tuple[str, ...]]:
    """Warehouse -> its branches in the order of the mapping, only for warehouses that several branches share."""
    found: dict[str, list[str]] = {}
    for row in mapping.warehouses:
        found.setdefault(row.warehouse, []).append(row.branch)
    return {warehouse: tuple(branches) for warehouse, branches in found.items() if len(branches) > 1}
