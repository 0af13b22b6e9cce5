"""Every refusal of the sandbox. A rule is one small function that raises `Refused` with WinThor's own answer, or returns None.

Callers use them as `rules.name(...)` and go on with the same values, so a rule can be switched off alone to see whether a test notices.
Sources: FACTS sections 2 (login), 3 (conventions), 5, 6 (branch), 8 (customers), 9 (orders), 10 (invoice); cancel: TOTVS OpenAPI.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from datetime import datetime
from decimal import Decimal
from typing import Any, NoReturn

from engate.shapes import is_array, is_object
from engate.testing.sandbox import Answer, Refused

MAX_PAGE_SIZE = 1000
_STAMP = re.compile(r"\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}", re.ASCII)
_DIGITS = re.compile(r"[0-9]+", re.ASCII)
_CPF = re.compile(r"[0-9]{11}", re.ASCII)
_CNPJ = re.compile(r"[0-9A-Z]{12}[0-9]{2}", re.ASCII)

SALE_ORIGINS = ("F", "W", "R", "T")
SALE_TYPES = ("1", "5", "7", "8")
BONUS = "5"


def problem(code: str, message: str, detail: str = "", details: list[dict[str, str]] | None = None) -> dict[str, object]:
    """The error model of TOTVS's APIs."""
    body: dict[str, object] = {"code": code, "message": message, "detailedMessage": detail or message}
    if details:
        body["details"] = details
    return body


def refuse(status: int, code: str, message: str, detail: str = "", details: list[dict[str, str]] | None = None) -> NoReturn:
    raise Refused(Answer(status, problem(code, message, detail, details)))


def _bad_parameter(name: str, message: str) -> NoReturn:
    refuse(400, "PARAMETER_INVALID", message, f"{name}: {message}")


# ---- login (FACTS 2) ----


def _unauthenticated(description: str) -> NoReturn:
    raise Refused(Answer(401, {"code": "AUTHENTICATION_FAILED", "description": description}))


def session_ended() -> Refused:
    """As for a token that somebody else's login ended."""
    return Refused(Answer(401, {"code": "AUTHENTICATION_FAILED", "description": "Authentication credentials are not valid"}))


def credentials_right(right: bool) -> None:
    if not right:
        _unauthenticated("Authentication failed: invalid user or password")


def token_given(token: str) -> None:
    if not token:
        _unauthenticated("Authentication credentials not found in the request")


def token_known(known: bool) -> None:
    if not known:
        _unauthenticated("Authentication credentials are not valid")


def token_alive(expires: float, now: float) -> None:
    if now >= expires:
        _unauthenticated("Authentication credentials have expired")


# ---- conventions (FACTS 3) ----


def page_number(name: str, value: str) -> None:
    if not _DIGITS.fullmatch(value) or int(value) < 1:
        _bad_parameter(name, "a página começa em 1")


def page_size(name: str, value: str) -> None:
    if not _DIGITS.fullmatch(value) or not 1 <= int(value) <= MAX_PAGE_SIZE:
        _bad_parameter(name, f"o tamanho da página vai de 1 a {MAX_PAGE_SIZE}")


def date_time(name: str, value: str) -> None:
    """Exactly YYYY-MM-DDTHH:MM:SS, a moment that exists, without a zone."""
    if _STAMP.fullmatch(value):
        try:
            datetime.fromisoformat(value)
        except ValueError:
            pass
        else:
            return
    _bad_parameter(name, "data inválida: use AAAA-MM-DDTHH:MM:SS")


def branch_given(value: str) -> None:
    if not value.strip(" ,"):
        _bad_parameter("branchId", "o parâmetro branchId é obrigatório")


def one_of(name: str, value: str, allowed: Collection[str]) -> None:
    if value not in allowed:
        _bad_parameter(name, f"valor inválido: {value}")


def parameter_given(name: str, value: str | None) -> None:
    if not value:
        _bad_parameter(name, f"o parâmetro {name} é obrigatório")


def whole_number(name: str, value: str) -> None:
    if not _DIGITS.fullmatch(value):
        _bad_parameter(name, "deve ser um número inteiro")


def found(exists: bool, what: str) -> None:
    if not exists:
        refuse(404, "NOT_FOUND", f"{what} não localizado")


def body_is_object(body: object) -> None:
    if not isinstance(body, dict):
        refuse(400, "BODY_INVALID", "O corpo da requisição não é um objeto JSON")


# ---- customers (FACTS 8) ----


def customer_fields_given(data: Mapping[str, Any], mandatory: Collection[str]) -> None:
    """Every mandatory field that is missing is named, one detail each."""
    missing = [name for name in mandatory if data.get(name) in (None, "")]
    if missing:
        details = [
            {"code": "FIELD_REQUIRED", "message": f"O campo {name} é obrigatório", "detailedMessage": name}
            for name in missing
        ]  # fmt: skip
        refuse(400, "CUSTOMER_INVALID", f"Campo obrigatório não informado: {', '.join(missing)}", details=details)


def customer_field_lengths(data: Mapping[str, Any], lengths: Mapping[str, int]) -> None:
    for name, value in data.items():
        size = lengths.get(name)
        if size is not None and isinstance(value, str) and len(value) > size:
            refuse(400, "CUSTOMER_INVALID", f"O campo {name} aceita até {size} caracteres", f"ORA-12899: {name} ({len(value)} > {size})")


def customer_document(document: str) -> None:
    if not _CPF.fullmatch(document) and not _CNPJ.fullmatch(document):
        refuse(400, "CUSTOMER_INVALID", "O campo personIdentificationNumber não é um CPF ou CNPJ", "personIdentificationNumber")


def customer_origin(value: object) -> None:
    if value != "VT":
        refuse(400, "CUSTOMER_INVALID", "O campo customerOrigin deve ser VT", "customerOrigin")


def customer_city(zip_code_known: bool, city_id: object, city: object, state: object) -> None:
    """The city comes from the CEP, else from cityId, else from city and state."""
    if not zip_code_known and not city_id and not (city and state):
        refuse(400, "CUSTOMER_INVALID", "Cidade não localizada: informe um CEP válido, cityId ou city e state", "cityId")


def customer_square(known: bool, square: object) -> None:
    if not known:
        refuse(400, "CUSTOMER_INVALID", f"O campo squareId traz uma praça não cadastrada: {square}", "squareId")


def customer_seller(known: bool, seller: object) -> None:
    if not known:
        refuse(400, "CUSTOMER_INVALID", f"O campo sellerId traz um vendedor não cadastrado: {seller}", "sellerId")


def customer_may_update(allowed: bool) -> None:
    """Parameter 4532."""
    if not allowed:
        refuse(400, "CUSTOMER_EXISTS", "Cliente já cadastrado e o parâmetro 4532 não permite alteração", "personIdentificationNumber")


# ---- orders (FACTS 9) ----


def _bad_order(field: str, message: str) -> NoReturn:
    refuse(400, "ORDER_INVALID", message, f"{field}: {message}")


def order_branch_is_text(value: object) -> None:
    if not isinstance(value, str) or not value:
        _bad_order("branchId", "branchId deve ser informado como texto")


def order_branch_known(known: bool, value: object) -> None:
    if not known:
        _bad_order("branchId", f"Filial não cadastrada: {value}")


def order_warehouse_known(known: bool, value: object) -> None:
    if not known:
        _bad_order("warehouseBranchId", f"Filial retira não cadastrada: {value}")


def order_customer_known(known: bool, value: object) -> None:
    if not known:
        _bad_order("customer.id", f"Cliente não cadastrado: {value}")


def order_seller_known(known: bool, value: object) -> None:
    if not known:
        _bad_order("seller", f"Vendedor não cadastrado: {value}")


def order_origin(value: object) -> None:
    if value not in SALE_ORIGINS:
        _bad_order("saleOrigin", f"Origem da venda inválida: {value}")


def order_sale_type(value: str) -> None:
    if value not in SALE_TYPES:
        _bad_order("saleType", f"Condição de venda inválida: {value}")


def order_charging_known(known: bool, value: object) -> None:
    if not known:
        _bad_order("chargingId", f"Cobrança não cadastrada: {value}")


def order_plan_known(known: bool, value: object) -> None:
    if not known:
        _bad_order("paymentPlanId", f"Plano de pagamento não cadastrado ou inativo: {value}")


def order_plan_allowed(allowed: bool, plan: object, charging: object) -> None:
    if not allowed:
        _bad_order("paymentPlanId", f"Plano de pagamento {plan} não permitido para a cobrança {charging}")


def order_bonus_terms(sale_type: str, charging: str, plan_kind: str) -> None:
    """A bonus sale needs the BNF billing code and a plan of type B (FACTS 12)."""
    if sale_type == BONUS and (charging != "BNF" or plan_kind != "B"):
        _bad_order("saleType", "Bonificação exige cobrança BNF e plano do tipo B")


def order_tax_permission_given(permissions: object) -> None:
    if not is_object(permissions) or not isinstance(permissions.get("acceptOrderWithoutTax"), bool):
        _bad_order("permissions.acceptOrderWithoutTax", "permissions.acceptOrderWithoutTax deve ser informado")


def order_has_items(items: object) -> None:
    if not is_array(items) or not items or not all(is_object(item) for item in items):
        _bad_order("listOfOrderItem", "O pedido não tem itens")


def item_product_known(known: bool, value: object) -> None:
    if not known:
        _bad_order("productSKUERPReferenceKey", f"Produto não cadastrado: {value}")


def item_product_active(active: bool, value: object) -> None:
    if not active:
        _bad_order("productSKUERPReferenceKey", f"Produto excluído: {value}")


def item_quantity_positive(quantity: Decimal) -> None:
    if quantity <= 0:
        _bad_order("quantity", "A quantidade deve ser maior que zero")


def item_quantity_whole(quantity: Decimal) -> None:
    """A packaging is sold whole."""
    if quantity % 1 != 0:
        _bad_order("quantity", "A quantidade da embalagem deve ser inteira")


def item_quantity_multiple(units: Decimal, multiple: int) -> None:
    """PCPRODUT.MULTIPLO, in base units."""
    if units % multiple != 0:
        _bad_order("quantity", f"Quantidade não é múltipla de {multiple}")


def item_price_positive(price: Decimal) -> None:
    if price <= 0:
        _bad_order("sellPrice", "O preço de venda deve ser maior que zero")


def item_taxed(taxed: bool, accepted_without: bool, value: object) -> None:
    if not taxed and not accepted_without:
        _bad_order("productSKUERPReferenceKey", f"Produto sem figura tributária na filial: {value}")


def order_found(exists: bool) -> None:
    if not exists:
        refuse(404, "ORDER_NOT_FOUND", "Pedido de Venda não Localizado")


def order_not_invoiced(invoiced: bool) -> None:
    if invoiced:
        refuse(400, "ORDER_INVOICED", "Cancelamento de Pedido Faturado", "Pedido faturado exige devolução")


def cancel_flag(value: str) -> None:
    if value not in ("true", "false"):
        _bad_parameter("sendMessageRca", "deve ser true ou false")


def cancel_item_pair(product: str | None, sequence: str | None) -> None:
    if bool(product) != bool(sequence):
        _bad_parameter("sequence", "productCode e sequence são informados juntos")


# ---- invoice (FACTS 10) ----


def invoice_reference_given(order: str, transaction: str) -> None:
    if not order and not transaction:
        _bad_parameter("orderId", "informe orderId ou transactionId")


def invoice_published(published: bool) -> None:
    if not published:
        refuse(404, "INVOICE_NOT_FOUND", "Documento fiscal não localizado")
