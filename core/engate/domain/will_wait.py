"""What will wait because it is not mapped: shown when an integration goes live, before orders wait. Pure."""

from __future__ import annotations

from collections.abc import Collection

from engate.domain.channels import Fields, wrong
from engate.domain.mapping import KINDS, PairMapping
from engate.text import Text


def texts(mapping: PairMapping, flows: Collection[str], order_fields: Fields) -> list[Text]:
    """Texts of what will wait. `flows`: those that run; `order_fields`: what the ERP asks for with each order."""
    found: list[Text] = []
    if not mapping.warehouses and ("stock" in flows or "orders" in flows):
        what = Text("O estoque e os pedidos vão esperar: nenhuma filial está mapeada para um depósito da loja.",
                    "Stock and orders will wait: no branch is mapped to a warehouse of the shop.")  # fmt: skip
        found.append(_filled_in(what, "warehouses"))
    if not mapping.payments and "orders" in flows:
        what = Text("Os pedidos vão esperar: nenhuma forma de pagamento da loja tem cobrança no ERP.",
                    "Orders will wait: no payment form of the shop has a charge in the ERP.")  # fmt: skip
        found.append(_filled_in(what, "payments"))
    asked = asked_of_all(mapping, order_fields)
    if asked is not None and "orders" in flows:
        what = Text(
            f"Pedidos de um canal sem linha vão esperar: o ERP pede {asked.pt}.",
            f"Orders of a channel without a row will wait: the ERP asks for {asked.en}.",
        )
        found.append(_filled_in(what, "channels"))
    return found


def asked_of_all(mapping: PairMapping, order_fields: Fields) -> Text | None:
    """Titles of the order fields that the ERP requires, where no row is for all channels and buyers; else None."""
    if order_fields is None or any(row.channel == "" and row.buyers == "all" for row in mapping.channels):
        return None
    faults = wrong({}, order_fields)
    return Text(", ".join(each.title.pt for each in faults), ", ".join(each.title.en for each in faults)) if faults else None


def _filled_in(what: Text, kind: str) -> Text:
    title = KINDS[kind].title
    return Text(f"{what.pt} Preencha '{title.pt}' da integração.", f"{what.en} Fill in the integration's '{title.en}'.")
