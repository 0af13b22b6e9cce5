"""Customers (`/api/wholesale/v1/customer`): POST is an upsert by CNPJ/CPF and state inscription; documents are read with punctuation."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from engate.testing.sandbox import Answer, Call, LedgerCounts
from engate_winthor_sandbox import rules
from engate_winthor_sandbox.company import (
    DEFAULT_ACTIVITY,
    DEFAULT_SELLER,
    SELLERS,
    SQUARES,
    Company,
    bare,
    punctuated_document,
    punctuated_phone,
    punctuated_zip,
)
from engate_winthor_sandbox.wire import ErpTime, Table, body_of, dumps, encoded, envelope, flag, page_of, paged, since_of

MANDATORY = (
    "name", "personIdentificationNumber", "stateInscription", "billingAddress", "billingZipCode", "businessDistrict",
    "commercialAddress", "commercialZipCode", "email", "squareId", "customerOrigin",
)  # fmt: skip
LENGTHS = {
    "name": 60, "personIdentificationNumber": 18, "stateInscription": 15, "billingAddress": 40, "billingZipCode": 9,
    "businessDistrict": 40, "commercialAddress": 40, "commercialZipCode": 9, "email": 100, "tradeName": 40, "deliveryZipCode": 9,
    "businessPhone": 13, "billingPhone": 13, "commercialPhone": 13, "deliveryPhone": 13, "billingAddressNumber": 6,
    "commercialAddressNumber": 6, "deliveryAddressNumber": 6, "complementBilling": 80, "complementBusiness": 80, "complementDelivery": 80,
}  # fmt: skip
DEFAULT_CUSTOMER = 1
FIRST_NUMBER = 100


class Customer:
    """PCCLIENT: what was written, with documents, CEPs and phones bare."""

    __slots__ = ("blocked", "data", "id", "last_change", "raw", "raw_short")

    def __init__(self, number: int, data: dict[str, Any], last_change: str) -> None:
        self.id = number
        self.data = data
        self.last_change = last_change
        self.blocked = False
        self.raw: bytes | None = None
        self.raw_short: bytes | None = None

    @property
    def document(self) -> str:
        return self.data["personIdentificationNumber"]

    @property
    def name(self) -> str:
        return self.data["name"]

    def encode(self) -> bytes:
        return dumps(self.shape())

    def encoded_short(self) -> bytes:
        """Without the delivery address, as a list gives it unless asked."""
        if self.raw_short is None:
            self.raw_short = dumps({name: value for name, value in self.shape().items() if not name.startswith("delivery")})
        return self.raw_short

    def shape(self) -> dict[str, Any]:
        shape = {name: _punctuated(name, value) for name, value in self.data.items()}
        return {
            "id": self.id,
            **shape,
            "active": True,
            "regionId": SQUARES.get(int(self.data["squareId"])),
            "mainClientId": self.id,
            "optionalMainClientId": None,
            "wholesalePriceUses": "N",
            "addressInfo": shape.get("commercialAddress"),
            "lastChange": self.last_change,
        }


def _punctuated(name: str, value: Any) -> Any:
    if not isinstance(value, str):
        return value
    if name == "personIdentificationNumber":
        return punctuated_document(value)
    if name.endswith("ZipCode"):
        return punctuated_zip(value)
    if name.endswith("Phone"):
        return punctuated_phone(value)
    return value


def _normalised(body: Mapping[str, Any]) -> dict[str, Any]:
    data = dict(body)
    for name, value in body.items():
        if isinstance(value, str) and (name == "personIdentificationNumber" or name.endswith(("ZipCode", "Phone"))):
            data[name] = bare(value)
    return data


class Customers:
    def __init__(self, time: ErpTime, counts: LedgerCounts, company: Company) -> None:
        self.time = time
        self.counts = counts
        self.company = company
        self.rows: Table[Customer] = Table()
        self._by_document: dict[tuple[str, str], int] = {}
        self._next = FIRST_NUMBER
        self._store(DEFAULT_CUSTOMER, {
            "name": "CONSUMIDOR FINAL", "personIdentificationNumber": "11144477735", "stateInscription": "ISENTO",
            "billingAddress": "RUA DA LOJA", "billingZipCode": "01310100", "businessDistrict": "CENTRO", "commercialAddress": "RUA DA LOJA",
            "commercialZipCode": "01310100", "email": "loja@example.com", "squareId": 1, "customerOrigin": "VT", "corporate": False,
        })  # fmt: skip

    def get(self, number: object) -> Customer | None:
        text = str(number)
        return self.rows.rows.get(int(text)) if text.isascii() and text.isdigit() else None

    def block(self, number: str, *, blocked: bool) -> None:
        customer = self.get(number)
        if customer is None:
            raise KeyError(f"customer {number}")
        customer.blocked = blocked

    def _store(self, number: int, data: dict[str, Any]) -> Customer:
        data.setdefault("sellerId", DEFAULT_SELLER)
        data.setdefault("activityId", DEFAULT_ACTIVITY)
        data.setdefault("countryId", 1058)
        stamp = self.time.stamp()
        customer = self.rows.rows.get(number)
        if customer is None:
            customer = Customer(number, data, stamp)
            self.rows.put(number, customer)
        else:
            self._by_document.pop((customer.document, customer.data["stateInscription"]), None)
            customer.data, customer.raw_short = data, None
            self.rows.touch(number, stamp)
            self.rows.reshaped()
        self._by_document[customer.document, data["stateInscription"]] = number
        return customer

    # ---- operations ----

    def upsert(self, call: Call) -> Answer:
        body = body_of(call)
        rules.customer_fields_given(body, MANDATORY)
        data = self._checked(body)
        number = self._by_document.get((data["personIdentificationNumber"], data["stateInscription"]))
        if number is not None:
            rules.customer_may_update(self.company.parameters.get("4532") == "S")
            self.counts.effects["customers_updated"] += 1
            return Answer(body=encoded(self._store(number, self.rows.rows[number].data | data)))
        number, self._next = self._next, self._next + 1
        self.counts.effects["customers_created"] += 1
        return Answer(201, encoded(self._store(number, data)))

    def update(self, call: Call) -> Answer:
        """Fields that are not sent stay."""
        body = body_of(call)
        customer = self.get(body.get("id"))
        rules.found(customer is not None, "Cliente")
        assert customer is not None
        data = customer.data | {name: value for name, value in body.items() if name != "id"}
        rules.customer_fields_given(data, MANDATORY)
        self.counts.effects["customers_updated"] += 1
        return Answer(body=encoded(self._store(customer.id, self._checked(data))))

    def _checked(self, body: Mapping[str, Any]) -> dict[str, Any]:
        rules.customer_field_lengths(body, LENGTHS)
        data = _normalised({name: value for name, value in body.items() if value is not None})
        rules.customer_document(data["personIdentificationNumber"])
        rules.customer_origin(data["customerOrigin"])
        zip_code = data["commercialZipCode"]
        rules.customer_city(len(zip_code) == 8 and zip_code.isdigit() and zip_code >= "01000000",
                            data.get("cityId"), data.get("city"), data.get("state"))  # fmt: skip
        rules.customer_square(_known(data["squareId"], SQUARES), data["squareId"])
        rules.customer_seller(data.get("sellerId") is None or _known(data["sellerId"], SELLERS), data.get("sellerId"))
        return data

    def read(self, call: Call) -> Answer:
        wanted = call.query.get("customerId")
        rules.parameter_given("customerId", wanted)
        customer = self.get(wanted)
        rules.found(customer is not None, "Cliente")
        return Answer(body=encoded(customer))  # pyright: ignore

    def list(self, call: Call) -> Answer:
        query = call.query
        page, since = page_of(query), since_of(query)
        kind, document = query.get("personalType", ""), bare(query.get("personIdentificationNumber", ""))
        rules.one_of("personalType", kind, ("", "J", "F"))
        length = {"J": 14, "F": 11}.get(kind)

        def keep(row: Customer) -> bool:
            return (length is None or len(row.document) == length) and (not document or row.document == document)

        rows = self.rows.select((kind, document), keep, since)
        if flag(query, "withDeliveryAddress"):
            return paged(rows, page)
        start, stop = page.cut(len(rows))
        return envelope([row.encoded_short() for row in rows[start:stop]], page, len(rows))


def _known(value: object, table: Mapping[int, object]) -> bool:
    text = str(value)
    return text.isascii() and text.isdigit() and int(text) in table
