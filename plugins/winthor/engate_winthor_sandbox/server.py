"""The sandbox: which operation of which WTA service is served by what, and who may call it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import ClassVar, Literal

from engate.clock import ManualClock, ShiftedClock
from engate.testing.facts import Change, Description, OrderState, Seed, SkuState
from engate.testing.sandbox import Answer, Call, Handler, Operation, Refused, Sandbox, by_body, by_query
from engate_winthor_sandbox import control, rules
from engate_winthor_sandbox.auth import Account
from engate_winthor_sandbox.world import World

JETTY = "<html><head><title>Error {status}</title></head><body><h2>HTTP ERROR {status}</h2><hr>Powered by Jetty://</body></html>"
LOGIN = "POST /winthor/autenticacao/v1/login"
MAX_IN_FLIGHT = 64

PURCHASES, STOCK, WHOLESALE = "/api/purchases/v1", "/api/stock-vtex/v1", "/api/wholesale/v1"


class WinthorSandbox(Sandbox):
    platform: ClassVar[str] = "winthor"
    role: ClassVar[Literal["erp", "storefront"]] = "erp"

    def __init__(
        self, *, limits: bool = True, clock: ManualClock | ShiftedClock | None = None, seed: int = 0, account: Account | None = None
    ) -> None:
        super().__init__(limits=limits, clock=clock, seed=seed)
        self.world = World(self.clock, self.counts, self.random, account or Account())

    def operations(self) -> Iterable[Operation]:
        world = self.world
        catalog, company, customers, orders = world.catalog, world.company, world.customers, world.orders
        for prefix in world.services.prefixes:
            yield Operation("GET", f"{prefix}/health", _health)
        yield Operation("POST", "/winthor/autenticacao/v1/login", world.sessions.login)
        yield Operation("GET", "/winthor/autenticacao/v1/logado", world.sessions.logged_in)
        yield Operation("POST", "/winthor/autenticacao/v1/logout", world.sessions.logout)
        yield Operation("GET", "/winthor/autenticacao/v1/logout", world.sessions.logout)

        lists: dict[str, Handler] = {
            f"{PURCHASES}/productDepartments": catalog.list_nodes("department"),
            f"{PURCHASES}/productSections": catalog.list_nodes("section"),
            f"{PURCHASES}/productCategories": catalog.list_nodes("category"),
            f"{PURCHASES}/productBrands": catalog.list_nodes("brand"),
            f"{PURCHASES}/products": catalog.list_products,
            f"{PURCHASES}/skus": catalog.list_skus,
            f"{STOCK}/available/list": world.stock.list_available,
            f"{WHOLESALE}/price/list": world.prices.list_prices,
            f"{WHOLESALE}/price/discount-policy": world.prices.list_discount_policies,
            f"{WHOLESALE}/customer/list": customers.list,
            "/winthor/precos/v1/precos-regioes": world.prices.list_region_prices,
            "/winthor/venda/v0/planos-pagamentos": company.list_plans,
            "/winthor/venda/v0/tipos-cobrancas/pdv-sync": company.list_chargings,
            "/api/branch/v1": company.list_branches,
            "/winthor/cliente/v1/regiao": company.list_regions,
        }
        for path, handler in lists.items():  # the contract writes some with a slash at the end and some without: both are taken
            yield Operation("GET", path, handler, key=_page_key)
            yield Operation("GET", f"{path}/", handler, key=_page_key)
        yield Operation("GET", f"{PURCHASES}/productDepartments/{{id}}", catalog.read_department)
        yield Operation("GET", f"{PURCHASES}/products/{{id}}", catalog.read_product)
        yield Operation("GET", f"{STOCK}/available/{{branch}}/{{product}}", world.stock.read_available)

        yield Operation("GET", f"{WHOLESALE}/customer/", customers.read, key=by_query("customerId"))
        yield Operation("POST", f"{WHOLESALE}/customer/", customers.upsert, key=by_body("personIdentificationNumber"))
        yield Operation("PUT", f"{WHOLESALE}/customer/", customers.update, key=by_body("id"))

        yield Operation("POST", f"{WHOLESALE}/orders/", orders.create, key=by_body("orderIdHube"))
        yield Operation("GET", f"{WHOLESALE}/orders/list", orders.list, key=_page_key)
        yield Operation("GET", f"{WHOLESALE}/orders/", orders.read, key=by_query("orderId"))
        yield Operation("DELETE", f"{WHOLESALE}/orders", orders.delete, key=by_query("id"))
        document = "/winthor/fiscal/v1/documentosfiscais/nfe/invoiceDocument"
        yield Operation("GET", document, world.fiscal.read_document, key=by_query("orderId", "transactionId"))

    def authorise(self, call: Call) -> Answer | None:
        """A service that is down answers before anybody asks who is calling."""
        if self.world.services.down and self.world.services.failing(call.path):
            status = self.world.services.status()
            return Answer(status, JETTY.format(status=status), content_type="text/html")
        if call.operation == LOGIN or call.path.endswith("/health"):
            return None
        try:
            self.world.sessions.check(call.headers.get("Authorization", ""))
        except Refused as refused:
            return refused.answer
        return None

    def rate(self, operation: Operation, call: Call) -> Answer | None:
        """No rate is documented; Jetty's threads are what there is."""
        del operation, call
        if sum(self.counts.in_flight.values()) <= MAX_IN_FLIGHT:
            return None
        return Answer(503, JETTY.format(status=503), content_type="text/html")

    def refused(self, status: Literal[401, 403]) -> Answer:
        """Of a user without the right to a routine nothing is documented but the error model."""
        return rules.session_ended().answer if status == 401 else Answer(403, rules.problem("FORBIDDEN", "Acesso negado"))

    def server_error(self) -> Answer:
        return Answer(500, rules.problem("INTERNAL_ERROR", "Erro interno no servidor", "java.lang.NullPointerException"))

    # ---- control ----

    def describe(self) -> Description:
        return control.describe(self.world, self.base_url)

    def seed(self, seed: Seed) -> dict[str, object]:
        return control.seed(self.world, seed)

    def change(self, changes: list[Change]) -> dict[str, object]:
        return control.change(self.world, changes)

    def cancel(self, keys: list[str], reason: str) -> dict[str, object]:
        return control.cancel(self.world, keys, reason)

    def progress(self, to: str, keys: list[str] | None) -> dict[str, object]:
        return control.progress(self.world, to, keys)

    def state(self) -> list[SkuState]:
        return control.state(self.world)

    def orders(self) -> list[OrderState]:
        return control.orders(self.world)

    def corrupt(self, kind: str, key: str) -> dict[str, object]:
        return control.corrupt(self.world, kind, key)

    # ---- the server ----

    def http_date(self) -> str:
        """The ERP's clock, which watermarks are clamped to."""
        return self.world.time.http_date()


def _health(call: Call) -> Answer:
    return Answer(body=f"{call.path.removesuffix('/health')}: UP", content_type="text/plain")


def _page_key(call: Call) -> str:
    """One page of one listing."""
    return f"{call.path}|{call.query.get('orderId') or call.query.get('page') or call.query.get('pagina') or '1'}"
