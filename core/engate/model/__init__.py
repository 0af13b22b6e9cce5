"""Pure data: what travels between ERP and storefront."""

from engate.model.catalog import Brand, Category, Image, Price, Product, Sku, StockLevel, Warehouse
from engate.model.common import Batch, Check, Choice, Item, Outcome, Page, Problem, Query
from engate.model.fiscal import Invoice, check_digit, valid_key
from engate.model.orders import (
    Absent,
    Address,
    Buyer,
    ErpItem,
    ErpOrder,
    ErpState,
    Found,
    Imported,
    Listing,
    Order,
    OrderEvent,
    OrderItem,
    OrderPart,
    PartItem,
    PartRef,
    Payment,
    ShopOrderRef,
    ShopState,
    Tracking,
    Unsure,
)
from engate.model.quantity import CENT, is_whole, plain, whole_units, worth

__all__ = [
    "Absent", "Address", "Batch", "Brand", "Buyer", "Category", "Check", "Choice", "ErpItem", "ErpOrder", "ErpState", "Found", "Image",
    "Imported", "Invoice", "Item", "Listing", "Order", "OrderEvent", "OrderItem", "OrderPart", "Outcome", "Page", "PartItem", "PartRef",
    "Payment", "Price", "Problem", "Product", "Query", "ShopOrderRef", "ShopState", "Sku", "StockLevel", "Tracking", "Unsure", "Warehouse",
    "CENT", "check_digit", "is_whole", "plain", "valid_key", "whole_units", "worth",
]  # fmt: skip
