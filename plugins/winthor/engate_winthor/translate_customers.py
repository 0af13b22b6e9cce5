"""The buyer as a WinThor customer: fields cleaned and cut to WinThor's lengths. What did not fit is handed back as notes."""

import re
from typing import Any

from engate import Rejected, Text
from engate.model import Order, inscribed, valid_document
from engate_winthor.endpoints import ConsumerBody, CustomerBody
from engate_winthor.settings import Settings

BRAZIL = 1058
ORIGIN = "VT"
EXEMPT = "ISENTO"
NO_NUMBER = "S/N"


def document(value: str) -> str:
    """A CPF or CNPJ without punctuation. Letters stay: a CNPJ may hold them since July 2026."""
    return re.sub(r"[^0-9A-Z]", "", value.upper())


def inscription(stated: str) -> str:
    """A state inscription as WinThor's records hold it: whoever has none, however that is written, is exempt."""
    return document(stated) if inscribed(stated) else EXEMPT


def is_document(value: str) -> bool:
    """Whether this is a whole, valid CPF or CNPJ. One digit repeated (111.111.111-11) passes the check digits and is nobody's."""
    return valid_document(value) and len(set(value)) > 1


def digits(value: str) -> str:
    return re.sub(r"\D", "", value)


def phone(value: str) -> str:
    """Area code and number; the country code 55 is not kept in WinThor."""
    found = digits(value)
    return found[2:] if len(found) > 11 and found.startswith("55") else found


def punctuated(value: str) -> str:
    """A document as people write it: some installations look customers up only in this form."""
    if len(value) == 11:
        return f"{value[:3]}.{value[3:6]}.{value[6:9]}-{value[9:]}"
    return f"{value[:2]}.{value[2:5]}.{value[5:8]}/{value[8:12]}-{value[12:]}"


class Fitted:
    """Cuts texts to WinThor's lengths and keeps what was cut: nothing a buyer wrote disappears."""

    def __init__(self) -> None:
        self.notes: list[str] = []

    def __call__(self, label: str, value: str, length: int) -> str:
        tidy = re.sub(r"\s+", " ", value).strip()
        if len(tidy) > length:
            self.notes.append(f"{label}: {tidy}")
        return tidy[:length].rstrip()


def customer_body(order: Order, charge: str, names: CustomerBody, settings: Settings) -> tuple[dict[str, Any], list[str]]:
    """(a new customer, notes of what did not fit). Raises `Rejected` where a mandatory field has no value: none is invented."""
    buyer, to, fit = order.buyer, order.delivery, Fitted()
    who = document(buyer.document)
    street = fit("Endereço", to.street, 40)
    number = fit("Número", to.number or NO_NUMBER, 6)
    district = fit("Bairro", to.district, 40)
    name = fit("Nome", (buyer.company_name if buyer.company else "") or buyer.name, 60)
    email = fit("E-mail", buyer.email, 100)
    called = fit("Telefone", phone(buyer.phone), 13)
    zip_code = digits(to.zip_code)
    for value, field, pt, en in (
        (name, "name", "nome", "name"), (street, "street", "endereço", "street"), (district, "district", "bairro", "district"),
        (zip_code, "zip_code", "CEP", "zip code"), (email, "email", "e-mail", "e-mail"),
    ):  # fmt: skip
        if not value:
            raise _missing(field, pt, en)
    made: dict[str, Any] = {
        names.name: name,
        names.trade_name: fit("Fantasia", buyer.name if buyer.company else name, 40) if buyer.company else name[:40].rstrip(),
        names.document: who,
        names.inscription: fit("Inscrição estadual", inscription(buyer.state_inscription), 15),
        names.billing_street: street,
        names.billing_number: number,
        names.billing_zip: zip_code,
        names.billing_phone: called,
        names.district: district,
        names.commercial_street: street,
        names.commercial_number: number,
        names.commercial_zip: zip_code,
        names.commercial_phone: called,
        names.complement: fit("Complemento", to.complement, 80),
        names.city_id: int(settings.city) if settings.city else None,
        names.city: to.city,
        names.state: to.state,
        names.email: email,
        names.square: int(settings.square),
        names.seller: int(settings.seller),
        names.activity: int(settings.activity),
        names.country: BRAZIL,
        names.origin: ORIGIN,
        names.billing: charge,
        names.corporate: len(who) == 14,
        names.contributor: buyer.contributor,
        names.final_consumer: not buyer.contributor,
    }
    return {field: value for field, value in made.items() if field and value not in (None, "")}, fit.notes


def consumer(order: Order, names: ConsumerBody) -> dict[str, Any]:
    """The buyer of an order that goes under the default customer."""
    buyer, to = order.buyer, order.delivery
    made = {
        names.document: document(buyer.document),
        names.name: buyer.name,
        names.email: buyer.email,
        names.street: to.street,
        names.number: to.number or NO_NUMBER,
        names.complement: to.complement,
        names.district: to.district,
        names.city: to.city,
        names.state: to.state,
        names.zip_code: digits(to.zip_code),
        names.phone: phone(buyer.phone),
    }
    return {field: value for field, value in made.items() if field and value}


def delivery_note(order: Order) -> str:
    """The place of delivery, as a note of the order: the customer's record may name another place, and is never changed."""
    to = order.delivery
    place = ", ".join(
        part
        for part in (f"{to.street}, {to.number or NO_NUMBER}", to.complement, to.district, f"{to.city}/{to.state}")
        if part.strip(" ,/")
    )
    receiver = f", a/c {to.receiver}" if to.receiver and to.receiver != order.buyer.name else ""
    return f"Entrega: {place}, CEP {digits(to.zip_code)}{receiver}"


def _missing(field: str, pt: str, en: str) -> Rejected:
    return Rejected(
        Text(
            f"O comprador não tem {pt}, que o WinThor exige para cadastrar o cliente.",
            f"The buyer has no {en}, which WinThor demands of a new customer.",
        ),
        Text(
            "Complete o dado na loja, ou cadastre o cliente na rotina 302, e reenvie.",
            "Complete it in the shop, or register the customer in routine 302, then retry.",
        ),
        code=f"customer.{field}",
    )
