"""Splitting a storefront order into the parts that become ERP orders: rules before import, mapping, money exact to the cent. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import ROUND_DOWN, Decimal
from math import ceil
from types import MappingProxyType

from engate.domain.mapping import PairMapping, PaymentRow
from engate.domain.reasons import Reason, own
from engate.local import money
from engate.model import CENT, Order, OrderItem, OrderPart, PartItem, Payment, valid_document
from engate.text import Text

BRAZIL = "BRA"
NO_PAYMENT = Payment("", "sem pagamento", Decimal(0))
ITEM_UNMAPPED = "order.item_unmapped"


def split(
    order: Order, mapping: PairMapping, skus: Mapping[str, str], chosen: Mapping[str, str] = MappingProxyType({})
) -> list[OrderPart] | Reason:
    """The parts, or why the order cannot be imported yet; never only some parts. `skus`: what an item is named by -> ERP key; `chosen`:
    warehouse -> the branch that serves it now, where several could (else the first)."""
    unmapped = next((item for item in order.items if item.named not in skus), None)
    if unmapped is not None:
        return _unmapped(unmapped)
    if order.delivery.country == BRAZIL and order.buyer.document and not valid_document(order.buyer.document):
        return own(
            "buyer.document", order.key,
            Text("O CPF ou CNPJ do comprador está errado (dígitos verificadores não conferem).",
                 "The buyer's CPF or CNPJ is wrong (its check digits do not fit)."),
            Text("Confirme o documento com o cliente e corrija o pedido na loja; nada foi enviado ao ERP.",
                 "Confirm the document with the buyer and fix the order in the shop; nothing was sent to the ERP."),
        )  # fmt: skip
    residue = _residue(order)
    if isinstance(residue, Reason):
        return residue
    payment = _payment(order, mapping)
    if isinstance(payment, Reason):
        return payment
    branch_of = _branch_of(mapping, chosen)
    nowhere = next((item for item in order.items if warehouse_of(item, mapping) not in branch_of), None)
    if nowhere is not None:
        return own(
            "mapping.warehouse", f"shop/{nowhere.warehouse}",
            Text(f"O depósito '{nowhere.warehouse}' da loja não está mapeado para uma filial.",
                 f"Storefront warehouse '{nowhere.warehouse}' is not mapped to a branch."),
            Text("Mapeie o depósito em 'Filiais e depósitos' da integração.",
                 "Map the warehouse in the integration's 'Branches and warehouses'."),
        )  # fmt: skip
    return _made(order, by_branch(order, mapping, skus, chosen), residue, payment, mapping)


def by_branch(
    order: Order, mapping: PairMapping, skus: Mapping[str, str], chosen: Mapping[str, str] = MappingProxyType({})
) -> dict[str, list[PartItem]]:
    """Branch -> what it delivers, for items whose SKU and branch are known: an order that waits for something else holds its units too."""
    branch_of = _branch_of(mapping, chosen)
    found: dict[str, list[PartItem]] = {}
    for item in order.items:
        branch = branch_of.get(warehouse_of(item, mapping))
        if branch is not None and item.named in skus:
            found.setdefault(branch, []).append(PartItem(item.line, skus[item.named], item.quantity, item.price))
    return found


def _branch_of(mapping: PairMapping, chosen: Mapping[str, str]) -> dict[str, str]:
    return {row.warehouse: row.branch for row in reversed(mapping.warehouses)} | dict(chosen)


def _unmapped(item: OrderItem) -> Reason:
    if not item.sku:
        return own(
            ITEM_UNMAPPED, f"reference/{item.reference}",
            Text(f"O ERP não tem o código {item.reference} do item '{item.name}'.",
                 f"The ERP has no code {item.reference}, which item '{item.name}' carries."),
            Text("Confira o código no ERP e no pedido da loja; depois peça o reenvio do pedido.",
                 "Check the code in the ERP and in the shop's order; then ask for a retry of the order."),
        )  # fmt: skip
    return own(
        ITEM_UNMAPPED, f"sku/{item.sku}",
        Text(f"O item '{item.name}' (SKU {item.sku} da loja) não está ligado a um item do ERP.",
             f"Item '{item.name}' (storefront SKU {item.sku}) is not linked to an ERP item."),
        Text("Ligue o SKU em 'Ligações' da integração; todos os pedidos que o esperam entram em seguida.",
             "Link the SKU in the integration's 'Links'; every order that waits for it enters then."),
    )  # fmt: skip


def warehouse_of(item: OrderItem, mapping: PairMapping) -> str:
    """The shop's warehouse that serves the item; where the shop does not tell it, the first that is mapped."""
    return item.warehouse or (mapping.warehouses[0].warehouse if mapping.warehouses else "")


def _made(order: Order, shares: dict[str, list[PartItem]], residue: Decimal, payment: PaymentRow, mapping: PairMapping) -> list[OrderPart]:
    """One part for each branch. Freight, interest and discounts of the order are divided in proportion to the goods."""
    carrier = next((row.carrier for row in mapping.carriers if row.shipping == order.shipping), "")
    sums = [sum((item.value for item in items), Decimal(0)) for items in shares.values()]
    freights = share(order.freight, sums)
    interests = share(order.interest, sums)
    discounts = share(residue, sums)
    parts: list[OrderPart] = []
    for index, (branch, items) in enumerate(shares.items()):
        reference = order.key if len(shares) == 1 else f"{order.key}/{index + 1}"
        total = sums[index] + freights[index] + interests[index] - discounts[index]
        parts.append(
            OrderPart(
                reference,
                order,
                branch,
                tuple(items),
                freights[index],
                discounts[index],
                interests[index],
                total,
                payment.charge,
                payment.terms,
                carrier,
            )
        )
    return parts


def share(amount: Decimal, weights: Sequence[Decimal]) -> list[Decimal]:
    """Splits an amount in proportion to the weights, in whole cents that sum exactly to it: the largest remainders get what is left."""
    total = sum(weights, Decimal(0))
    if total == 0:
        return [amount, *([Decimal("0.00")] * (len(weights) - 1))]
    exact = [amount * weight / total for weight in weights]
    floors = [value.quantize(CENT, rounding=ROUND_DOWN) for value in exact]
    left = int(((amount - sum(floors, Decimal(0))) / CENT).to_integral_value())
    sign = 1 if left >= 0 else -1
    order = sorted(range(len(weights)), key=lambda i: abs(exact[i] - floors[i]), reverse=True)
    for i in order[: abs(left)]:
        floors[i] += CENT * sign
    return floors


def _residue(order: Order) -> Decimal | Reason:
    """By how much the lines exceed the charged total: a discount of the whole order. Beyond the known one only rounding is accepted."""
    lines = sum((item.value for item in order.items), Decimal(0))
    stated = order.items_total + order.freight + order.interest - order.discount
    paid = sum((payment.value for payment in order.payments), Decimal(0))
    if stated != order.total or (order.payments and order.total not in (paid, paid - order.refunded)):
        return own(
            "order.totals", order.key,
            Text(f"Os totais não fecham: itens e frete somam {stated}, o pedido diz {order.total}, pago {paid}.",
                 f"The totals do not agree: items and freight are {stated}, the order says {order.total}, paid {paid}."),
            Text("Confira o pedido na loja; nada foi importado.", "Check the order in the shop; nothing was imported."),
        )  # fmt: skip
    residue = lines + order.freight + order.interest - order.total
    rounding = CENT * sum(ceil(item.quantity) for item in order.items)  # a cent for each unit or part of one
    if residue > order.discount + rounding or residue < -rounding:
        return own(
            "order.totals", order.key,
            Text(f"As linhas somam {lines}, o cobrado foi {order.total} com frete {order.freight}.",
                 f"The lines are {lines}, charged was {order.total} with freight {order.freight}."),
            Text("Confira o pedido na loja; nada foi importado.", "Check the order in the shop; nothing was imported."),
        )  # fmt: skip
    return residue


def _payment(order: Order, mapping: PairMapping) -> PaymentRow | Reason:
    """The row of the form that carries most of the value. Every form must be mapped; there is no default. An order without a payment has
    the form "", which can be mapped too."""
    rows = {row.form: row for row in mapping.payments}
    payments = order.payments or (NO_PAYMENT,)
    unmapped = next((payment for payment in payments if payment.form not in rows), None)
    if unmapped is not None:
        form, name = unmapped.form, unmapped.name
        return own(
            "mapping.payment", form,
            Text(f"A forma de pagamento '{name}' ({form}) não tem cobrança no ERP.",
                 f"Payment form '{name}' ({form}) has no charge in the ERP."),
            Text("Mapeie a forma em 'Pagamentos' da integração.", "Map the form in the integration's 'Payments'."),
        )  # fmt: skip
    return rows[leading(by_form(payments))]


def by_form(payments: Sequence[Payment]) -> dict[str, Decimal]:
    """Form -> the value paid by it."""
    found: dict[str, Decimal] = {}
    for payment in payments:
        found[payment.form] = found.get(payment.form, Decimal(0)) + payment.value
    return found


def leading(forms: Mapping[str, Decimal]) -> str:
    """The form whose charge the ERP's order gets: the one that carries most; of equal ones the first."""
    return max(forms, key=lambda form: forms[form])


def said_of_forms(order: Order, charge: str) -> Text | None:
    """For an order with several forms, which charge the ERP gets; None with fewer than two."""
    forms = by_form(order.payments)
    if len(forms) < 2:
        return None
    names = {payment.form: payment.name or payment.form for payment in order.payments}
    first = leading(forms)
    said = {form: f"{names[form]} ({money(value).pt}, {form})" for form, value in forms.items()}
    others = ", ".join(said[form] for form in forms if form != first)
    return Text(
        f"Várias formas de pagamento: o ERP recebe a cobrança {charge}, da forma de maior valor, {said[first]}. As outras: {others}.",
        f"Several payment forms: the ERP gets charge {charge}, of the form that carries most, {said[first]}. The others: {others}.",
    )


def may_enter(order: Order, mapping: PairMapping) -> bool:
    """Whether the order may enter the ERP now: it is paid and released, or placed and every form is on terms."""
    if order.state == "ready":
        return True
    rows = {row.form: row for row in mapping.payments}
    on_terms = bool(order.payments) and all(
        payment.form in rows and rows[payment.form].import_when == "placed" for payment in order.payments
    )
    return on_terms and order.state in ("received", "awaiting_payment")
