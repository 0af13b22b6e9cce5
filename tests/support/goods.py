"""A few goods to seed an ERP with: those of the conformance suite."""

from engate.testing.goods import BUYER, goods, gtin, product, sale

__all__ = ["BUYER", "goods", "gtin", "product", "sale"]
