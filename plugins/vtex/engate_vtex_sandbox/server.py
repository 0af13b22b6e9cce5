"""The VTEX sandbox: every operation it serves, who may call it and how often."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import timedelta
from typing import ClassVar, Literal

import msgspec
from aiohttp import web

from engate.clock import ManualClock, ShiftedClock
from engate.shapes import is_object
from engate.testing.facts import Description, OrderState, Sale, Seed, SkuState
from engate.testing.sandbox import Answer, Call, Handler, Operation, Refused, Sandbox
from engate_vtex_sandbox import control
from engate_vtex_sandbox.catalog import Catalog
from engate_vtex_sandbox.changes import Changes
from engate_vtex_sandbox.feed import Feed
from engate_vtex_sandbox.hook import Hooks
from engate_vtex_sandbox.logistics import Logistics
from engate_vtex_sandbox.orders import Orders, Waits
from engate_vtex_sandbox.payments import FORMS, payment_systems
from engate_vtex_sandbox.pricing import Pricing
from engate_vtex_sandbox.rates import Rates, too_many
from engate_vtex_sandbox.rules import common as common_rules
from engate_vtex_sandbox.rules.common import KEY_HEADER
from engate_vtex_sandbox.shop import Shop
from engate_vtex_sandbox.skus import Skus
from engate_vtex_sandbox.specifications import Specifications

ACCOUNT = "lojaengate"
CATALOG, PRICING, LOGISTICS, ORDERS = "catalog", "pricing", "logistics", "orders"
EVERY_ROLE = frozenset((CATALOG, PRICING, LOGISTICS, ORDERS))
APP_KEY = f"vtexappkey-{ACCOUNT}-ENGATE"
CATALOG_KEY = f"vtexappkey-{ACCOUNT}-CATALOG"  # a key whose only role is the catalogue
TOKENS = {APP_KEY: "TOKEN-OF-THE-SANDBOX", CATALOG_KEY: "TOKEN-OF-THE-SANDBOX"}
ROLES = {APP_KEY: EVERY_ROLE, CATALOG_KEY: frozenset((CATALOG,))}
UNKNOWN = "/{unknown:.*}"


class VtexSandbox(Sandbox):
    platform: ClassVar[str] = "vtex"
    role: ClassVar[Literal["erp", "storefront"]] = "storefront"

    def __init__(
        self, *, limits: bool = True, clock: ManualClock | ShiftedClock | None = None, seed: int = 0, window_to_cancel: float = 0.0,
        index_delay: float = 240.0,
    ) -> None:  # fmt: skip
        """`window_to_cancel`: seconds a paid order stays cancellable (0: at once ready); `index_delay`: how late the list of orders is."""
        super().__init__(limits=limits, clock=clock, seed=seed)
        self.shop = Shop(ACCOUNT)
        self.rates = Rates()
        self.catalog = Catalog(self.shop, self._base_url)
        self.skus = Skus(self.shop, self.clock.now)
        self.specifications = Specifications(self.shop)
        self.pricing = Pricing(self.shop, self.clock.now, self.rates)
        self.logistics = Logistics(self.shop, self.clock.now)
        self.orders_api = Orders(
            self.logistics, self.clock.now, self._counts, self._base_url,
            Waits(timedelta(seconds=window_to_cancel), timedelta(seconds=index_delay)),
        )  # fmt: skip
        self.feed = Feed(self.clock.now, self.orders_api.settle, self.faults, self._counts)
        self.hooks = Hooks(ACCOUNT, self.clock.now, self.faults, self._counts)
        self.orders_api.feed, self.orders_api.hooks = self.feed, self.hooks
        self.changes = Changes(ACCOUNT, self.orders_api.find, self.clock.now, self.orders_api.changed, self.random)
        self.orders_api.changes = self.changes
        self.control = control.Control(self)
        control.furnish(self)
        self._groups = {operation.name: operation.group for operation in self.operations()}

    def _base_url(self) -> str:
        return self.base_url

    def _counts(self):
        return self.counts

    def application(self) -> web.Application:
        app = super().application()
        app.cleanup_ctx.append(self.hooks.pump.running)
        return app

    # ---- operations ----

    def operations(self) -> Iterable[Operation]:
        yield from self._catalog_operations()
        yield from self._pricing_operations()
        yield from self._logistics_operations()
        yield from self._order_operations()
        yield Operation("*", UNKNOWN, self._unknown)

    def _catalog_operations(self) -> Iterable[Operation]:
        catalog, skus, specs = self.catalog, self.skus, self.specifications
        pvt, system = "/api/catalog/pvt", "/api/catalog_system"
        sku = f"{pvt}/stockkeepingunit/{{skuId}}"
        product = f"{pvt}/product/{{productId}}"
        for method, path, handler, key in (
            ("GET", f"{system}/pub/category/tree/{{categoryLevels}}", catalog.category_tree, None),
            ("POST", f"{pvt}/category", catalog.create_category, _by("Name")),
            ("GET", f"{pvt}/category/{{categoryId}}", catalog.read_category, None),
            ("PUT", f"{pvt}/category/{{categoryId}}", catalog.update_category, None),
            ("POST", f"{pvt}/brand", catalog.create_brand, _by("Name")),
            ("GET", f"{pvt}/brand/{{brandId}}", catalog.read_brand, None),
            ("PUT", f"{pvt}/brand/{{brandId}}", catalog.update_brand, None),
            ("GET", f"{system}/pvt/brand/list", catalog.list_brands, None),
            ("GET", f"{system}/pvt/brand/pagedlist", catalog.page_brands, _with_query),
            ("GET", f"{system}/pvt/brand/{{brandId}}", catalog.read_brand_line, None),
            ("POST", f"{pvt}/product", catalog.create_product, _by("RefId")),
            ("GET", product, catalog.read_product, None),
            ("PUT", product, catalog.update_product, None),
            ("GET", f"{system}/pvt/products/productgetbyrefid/{{refId}}", catalog.product_by_ref, None),
            ("GET", f"{system}/pvt/products/GetProductAndSkuIds", catalog.product_and_sku_ids, _with_query),
            ("GET", f"{product}/salespolicy", catalog.product_policies, None),
            ("POST", f"{product}/salespolicy/{{tradepolicyId}}", catalog.add_policy, None),
            ("DELETE", f"{product}/salespolicy/{{tradepolicyId}}", catalog.drop_policy, None),
            ("GET", f"{system}/pvt/saleschannel/list", catalog.list_policies, None),
            ("POST", f"{pvt}/stockkeepingunit", skus.create, _by("RefId")),
            ("GET", f"{pvt}/stockkeepingunit", skus.read_by_query, _with_query),
            ("GET", sku, skus.read, None),
            ("PUT", sku, skus.update, None),
            ("GET", f"{system}/pvt/sku/stockkeepingunitidbyrefid/{{refId}}", skus.id_by_ref, None),
            ("POST", f"{system}/pub/sku/stockkeepingunitidsbyrefids", skus.ids_by_refs, _with_body),
            ("GET", f"{system}/pvt/sku/stockkeepingunitbyean/{{ean}}", skus.by_ean, None),
            ("GET", f"{system}/pvt/sku/stockkeepingunitbyid/{{skuId}}", skus.by_id, None),
            ("GET", f"{system}/pvt/sku/stockkeepingunitids", skus.all_ids, _with_query),
            ("GET", f"{sku}/ean", skus.eans, None),
            ("DELETE", f"{sku}/ean", skus.drop_eans, None),
            ("POST", f"{sku}/ean/{{ean}}", skus.add_ean, None),
            ("DELETE", f"{sku}/ean/{{ean}}", skus.drop_ean, None),
            ("GET", f"{sku}/file", skus.files, None),
            ("POST", f"{sku}/file", skus.add_file, _by("Name")),
            ("DELETE", f"{sku}/file", skus.drop_files, None),
            ("PUT", f"{sku}/file/{{skuFileId}}", skus.update_file, None),
            ("DELETE", f"{sku}/file/{{skuFileId}}", skus.drop_file, None),
            ("POST", f"{sku}/specification", specs.add_sku_value, _by("FieldId")),
            ("POST", f"{pvt}/specificationgroup", specs.create_group, _by("Name")),
            ("GET", f"{system}/pvt/specification/groupbycategory/{{categoryId}}", specs.groups_of_category, None),
            ("POST", f"{pvt}/specification", specs.create_field, _by("Name")),
            ("GET", f"{system}/pub/specification/field/listByCategoryId/{{categoryId}}", specs.fields_of_category, None),
            ("POST", f"{pvt}/specificationvalue", specs.create_value, _by("Name")),
            ("GET", f"{product}/specification", specs.product_values, None),
            ("POST", f"{product}/specification", specs.add_product_value, _by("FieldId")),
            ("PUT", f"{product}/specificationvalue", specs.put_product_values, _by("FieldName")),
        ):
            yield Operation(method, path, handler, CATALOG, key, True if handler == skus.ids_by_refs else None)

    def _pricing_operations(self) -> Iterable[Operation]:
        pricing = self.pricing
        item = f"/{ACCOUNT}/pricing/prices/{{itemId}}"
        for method, path, handler in (
            ("GET", item, pricing.read),
            ("PUT", item, pricing.put),
            ("DELETE", item, pricing.delete),
            ("GET", f"{item}/fixed", pricing.read_fixed),
            ("PATCH", f"{item}/fixed", pricing.patch_fixed),
            ("GET", f"{item}/fixed/{{priceTableId}}", pricing.read_fixed),
            ("POST", f"{item}/fixed/{{priceTableId}}", pricing.post_fixed),
            ("DELETE", f"{item}/fixed/{{priceTableId}}", pricing.delete_fixed),
            ("GET", f"{item}/computed/{{priceTableId}}", pricing.computed),
            ("GET", f"/{ACCOUNT}/pricing/tables", pricing.tables),
        ):
            yield Operation(method, path, handler, PRICING)

    def _logistics_operations(self) -> Iterable[Operation]:
        logistics = self.logistics
        pvt = "/api/logistics/pvt"
        place = f"{pvt}/inventory/skus/{{skuId}}/warehouses/{{warehouseId}}"
        for method, path, handler, key in (
            ("GET", f"{pvt}/configuration/docks", logistics.docks, None),
            ("POST", f"{pvt}/configuration/docks", logistics.put_dock, _by("id")),
            ("GET", f"{pvt}/configuration/docks/{{dockId}}", logistics.dock, None),
            ("GET", f"{pvt}/configuration/warehouses", logistics.warehouses, None),
            ("POST", f"{pvt}/configuration/warehouses", logistics.put_warehouse, _by("id")),
            ("GET", f"{pvt}/configuration/warehouses/{{warehouseId}}", logistics.warehouse, None),
            ("GET", f"{pvt}/inventory/skus/{{skuId}}", logistics.balance, None),
            ("GET", f"{pvt}/inventory/items/{{skuId}}/warehouses/{{warehouseId}}", logistics.balance_in_warehouse, None),
            ("PUT", place, logistics.put_inventory, None),
            ("PATCH", f"{place}/quantity", logistics.patch_quantity, None),
            ("GET", f"{pvt}/inventory/items/{{itemId}}/warehouses/{{warehouseId}}/dispatched", logistics.dispatched, None),
            ("GET", f"{pvt}/inventory/reservations/{{reservationId}}", logistics.reservation, None),
            ("GET", f"{pvt}/inventory/reservations/{{warehouseId}}/{{skuId}}", logistics.reservations_in_warehouse, None),
            ("GET", f"{pvt}/shipping-policies", logistics.shipping_policies, None),
            ("GET", f"{pvt}/shipping-policies/{{id}}", logistics.shipping_policy, None),
        ):
            yield Operation(method, path, handler, LOGISTICS, key)

    def _order_operations(self) -> Iterable[Operation]:
        orders, feed, hooks = self.orders_api, self.feed, self.hooks
        order = "/api/oms/pvt/orders/{orderId}"
        of_orders: tuple[tuple[str, str, Handler], ...] = (
            ("GET", order, orders.read),
            ("POST", f"{order}/start-handling", orders.start_handling),
            ("POST", f"{order}/cancel", orders.cancel),
            ("POST", f"{order}/invoice", orders.invoice),
            ("PATCH", f"{order}/invoice/{{invoiceNumber}}", orders.patch_invoice),
            ("PUT", f"{order}/invoice/{{invoiceNumber}}/tracking", orders.put_tracking),
            ("GET", f"{order}/payment-transaction", orders.payment_transaction),
        )
        changes, modified = self.changes, "/api/order-system/orders/{changeOrderId}/changes"
        of_changes: tuple[tuple[str, str, Handler], ...] = (
            ("PATCH", modified, changes.create),
            ("GET", modified, changes.history),
            ("GET", f"{modified}/{{changeRequestId}}", changes.detail),
        )
        for method, path, handler in (*of_orders, *of_changes):
            yield Operation(method, path, handler, ORDERS, self._sale_number)
        yield Operation("GET", "/api/oms/pvt/orders", orders.listing, ORDERS, _with_query)
        yield Operation("GET", "/api/orders/feed/config", feed.configuration, ORDERS)
        yield Operation("POST", "/api/orders/feed/config", feed.configure, ORDERS)
        yield Operation("DELETE", "/api/orders/feed/config", feed.unconfigure, ORDERS)
        yield Operation("GET", "/api/orders/feed", feed.read, ORDERS)
        # acknowledging an event changes nothing that anybody sees: not a write
        yield Operation("POST", "/api/orders/feed", feed.commit, ORDERS, _with_body, reads=True)
        yield Operation("GET", "/api/orders/hook/config", hooks.configuration, ORDERS)
        yield Operation("POST", "/api/orders/hook/config", hooks.configure, ORDERS)
        yield Operation("DELETE", "/api/orders/hook/config", hooks.unconfigure, ORDERS)
        yield Operation("GET", "/api/pvt/merchants/payment-systems", payment_systems, ORDERS)

    def _unknown(self, call: Call) -> Answer:
        del call
        common_rules.refuse_unknown_route()
        return Answer(404)

    def _sale_number(self, call: Call) -> str:
        order = self.orders_api.orders.get(call.params.get("orderId") or call.params["changeOrderId"])
        return str(order.number) if order is not None else call.path

    # ---- who may call, and how often ----

    def authorise(self, call: Call) -> Answer | None:
        group = self._groups[call.operation]
        try:
            common_rules.refuse_bad_key(call, TOKENS)
            if group:
                common_rules.refuse_missing_role(group, ROLES[call.headers[KEY_HEADER]])
            common_rules.refuse_missing_header(call, "Content-Type")
            common_rules.refuse_missing_header(call, "Accept")
        except Refused as refused:
            return refused.answer
        return None

    def rate(self, operation: Operation, call: Call) -> Answer | None:
        del call
        match operation.group:
            case "catalog":
                return self.rates.refuse_catalog_rate(operation)
            case "pricing":
                return self.rates.refuse_pricing_rate(operation)
            case "orders":
                return self.rates.refuse_orders_rate(operation)
            case _:
                return None

    def too_many(self, operation: Operation) -> Answer:
        return too_many({"Retry-After": "1"} if operation.group == PRICING else None)

    def refused(self, status: Literal[401, 403]) -> Answer:
        return common_rules.refusal(status).answer

    # ---- the control protocol ----

    def describe(self) -> Description:
        return Description(
            platform=self.platform,
            role=self.role,
            settings={
                "account": ACCOUNT,
                "base_url": self.base_url,
                "pricing_url": f"{self.base_url}/{ACCOUNT}",
                "payments_url": self.base_url,
                "trade_policy": str(control.POLICY),
            },
            secrets={"app_key": APP_KEY, "app_token": TOKENS[APP_KEY]},
            choices={
                "warehouses": {"main": {"warehouse": control.MAIN}, "second": {"warehouse": control.SECOND}},
                "payments": {tag: {"form": str(form.id)} for tag, form in FORMS.items()},
                "carriers": {tag: {"shipping": key} for tag, (key, _, _) in control.SHIPPING.items()},
                "price_lists": {"default": {"list": str(control.POLICY)}},
            },
            by_call={"orders_by": "hook"},
            unlimited={
                "rates": {
                    group: {"per_second": 100_000.0, "burst": 100_000.0}
                    for group in ("catalog", "catalog_endpoint", "pricing_write", "orders")
                }
            },
        )

    def seed(self, seed: Seed) -> dict[str, object]:
        return self.control.seed(seed)

    def sell(self, sales: list[Sale]) -> dict[str, str]:
        return self.control.sell(sales)

    def cancel(self, keys: list[str], reason: str) -> dict[str, object]:
        return self.control.cancel(keys, reason)

    def progress(self, to: str, keys: list[str] | None) -> dict[str, object]:
        return self.control.progress(to, keys)

    def advanced(self) -> None:
        self.orders_api.settle()
        self.hooks.pump.wake()

    def state(self) -> list[SkuState]:
        return self.control.state()

    def orders(self) -> list[OrderState]:
        return self.control.orders()

    def corrupt(self, kind: str, key: str) -> dict[str, object]:
        return self.control.corrupt(kind, key)


# ---- fault keys: the path with the body's own key ----


def _by(name: str) -> Callable[[Call], str]:
    def key(call: Call) -> str:
        try:
            body = call.json()
        except msgspec.DecodeError:
            return call.path
        return f"{call.path}|{body.get(name)}" if is_object(body) else call.path

    return key


def _with_query(call: Call) -> str:
    return f"{call.path}?{'&'.join(f'{name}={value}' for name, value in call.query.items())}"


def _with_body(call: Call) -> str:
    return f"{call.path}|{call.body.decode(errors='replace')}"
