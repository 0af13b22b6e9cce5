"""The shop's payment forms, and the operation of the Payments Gateway API that lists them (README.md: outside the contract's files)."""

from __future__ import annotations

from typing import NamedTuple

from engate.testing.sandbox import Answer, Call


class Form(NamedTuple):
    id: int
    name: str
    group: str


# By the neutral tag of a sale. 2, 6 and 125 stand in the examples of the orders schema.
FORMS = {
    "pix": Form(125, "Pix", "instantPayment"),
    "boleto": Form(6, "Boleto Bancário", "bankInvoice"),
    "credit_card": Form(2, "Visa", "creditCard"),
    "debit_card": Form(10, "Visa Electron", "debitCard"),
    "voucher": Form(16, "Vale", "giftCard"),
}


def payment_systems(call: Call) -> Answer:
    del call
    return Answer(200, [
        {
            "id": form.id, "name": form.name, "connectorId": 0, "requiresDocument": False, "groupName": form.group, "isCustom": False,
            "isSelfAuthorized": False, "allowInstallments": form.group == "creditCard", "isAvailable": True, "description": None,
        }
        for form in FORMS.values()
    ])  # fmt: skip
