"""Pure data: what travels between ERP and storefront."""

from engate.model.catalog import Brand, Category, Image, Price, Product, Sku, StockLevel, Warehouse
from engate.model.common import Batch, Check, Choice, Item, Outcome, Page, Problem, Query
from engate.model.documents import inscribed, valid_document
from engate.model.fiscal import Invoice, InvoiceItem, check_digit, valid_key
from engate.model.gtin import gtin
from engate.model.orders import (
    Absent,
    Address,
    Buyer,
    Cut,
    ErpItem,
    ErpOrder,
    ErpState,
    FieldValue,
    Found,
    Imported,
    Listing,
    Order,
    OrderChange,
    OrderEvent,
    OrderItem,
    OrderPart,
    PartItem,
    PartRef,
    Payment,
    Shipment,
    ShopOrderRef,
    ShopState,
    Tracking,
    Unsure,
)
from engate.model.quantity import CENT, in_cents, is_whole, plain, whole_units, worth

__all__ = [
    "Absent", "Address", "Batch", "Brand", "Buyer", "Category", "Check", "Choice", "Cut", "ErpItem", "ErpOrder", "ErpState", "FieldValue",
    "Found", "Image", "Imported", "Invoice", "InvoiceItem", "Item", "Listing", "Order", "OrderChange", "OrderEvent", "OrderItem",
    "OrderPart", "Outcome", "Page", "PartItem", "PartRef", "Payment", "Price", "Problem", "Product", "Query", "Shipment", "ShopOrderRef",
    "ShopState", "Sku", "StockLevel", "Tracking", "Unsure", "Warehouse", "CENT",
    "check_digit", "gtin", "in_cents", "inscribed", "is_whole", "plain", "valid_document", "valid_key",
    "whole_units", "worth",
]  # fmt: skip
