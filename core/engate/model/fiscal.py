"""Fiscal documents (NF-e, NFC-e) as facts; the XML travels untouched."""

from __future__ import annotations

import re
from datetime import datetime
from decimal import Decimal
from typing import Literal

import msgspec

KEY = re.compile(r"\d{6}[0-9A-Z]{12}\d{26}")


class InvoiceItem(msgspec.Struct, frozen=True, omit_defaults=True):
    """One line of a note as it was invoiced. `sku`: the ERP's SKU key; several lines may have the same one."""

    sku: str
    quantity: Decimal


class Invoice(msgspec.Struct, frozen=True, omit_defaults=True):
    """One fiscal document.

    `key`: the 44-character access key of an NF-e without prefix, "" where the ERP issues plain notes (`Erp.fiscal`). `value`: the
    note's total (vNF), in reais. `issuer`: the company's CNPJ, [0-9A-Z]{14}, "" where the ERP does not say. `items`: what it invoices,
    () where the ERP does not say: then the ERP order's own items count.
    """

    key: str
    number: str
    series: str
    model: str  # "55" NF-e, "65" NFC-e
    issued_at: datetime
    value: Decimal
    issuer: str
    items: tuple[InvoiceItem, ...] = ()
    xml: str = ""
    kind: Literal["sale", "return", "other"] = "sale"
    authorised: bool = True
    production: bool = True

    @property
    def id(self) -> str:
        """Identifies the note among those of its order."""
        return self.key or f"{self.series}/{self.number}"

    @property
    def title(self) -> str:
        """The note's name for people: number and series, if it has them."""
        return "/".join(filter(None, (self.number, self.series))) or "?"


def check_digit(first43: str) -> int:
    """Modulo 11 over ASCII − 48, weights 2 to 9 from the right: holds for alphanumeric CNPJ too (NT 2025.001)."""
    total = sum((ord(c) - 48) * (2 + i % 8) for i, c in enumerate(reversed(first43)))
    rest = total % 11
    return 0 if rest < 2 else 11 - rest


def valid_key(key: str) -> bool:
    """44 characters of the right shape with a right check digit."""
    return KEY.fullmatch(key) is not None and check_digit(key[:43]) == int(key[43])
