"""What the API is about: every route under one subject, which is its tag in the OpenAPI document."""

from __future__ import annotations

from types import ModuleType
from typing import Any, NamedTuple

from litestar.handlers import HTTPRouteHandler

from engate_api.routes import (
    activation,
    audit,
    buyers,
    calls,
    connections,
    deliveries,
    door,
    integrations,
    keys,
    link_sheets,
    links,
    mail,
    mapping,
    operations,
    orders,
    platforms,
    readiness,
    runs,
    search,
    summary,
    tenants,
)


class Subject(NamedTuple):
    """Modules whose routes belong together, in the order in which somebody new meets them."""

    name: str
    words: str
    modules: tuple[ModuleType, ...]

    @property
    def routes(self) -> list[HTTPRouteHandler]:
        return [route for module in self.modules for route in module.ROUTES]


SUBJECTS = (
    Subject("Access", "Tenants and their keys. The installation key makes tenants; a tenant's admin makes keys.", (tenants, keys)),
    Subject("Platforms", "What is installed, and what an account on it needs.", (platforms,)),
    Subject("Connections", "Accounts on platforms: settings, secrets that go in and never come out, tests.", (connections,)),
    Subject(
        "Integrations",
        "An ERP coupled to a storefront: options, flows, going live, loads on request.",
        (integrations, readiness, activation),
    ),
    Subject("Mapping", "Which of the ERP's choices stands for which of the storefront's, row by row.", (mapping,)),
    Subject("Links", "Which thing of the ERP is which of the storefront, one by one or by spreadsheet.", (links, link_sheets)),
    Subject("Orders", "Where orders are, what stands open, and trying again.", (orders,)),
    Subject("What waits", "Where all stands, what waits and for whom, why a product is not on the site.", (summary, search)),
    Subject("Runs", "Loads: what was read, changed and accepted; stopping one.", (runs,)),
    Subject("E-mails", "The server over which buyers are written to, and what letters will look like.", (mail,)),
    Subject("Deliveries", "What platforms told by themselves, and looking again at it.", (deliveries,)),
    Subject("Calls", "What was asked of platforms and what they answered, for whoever looks for a fault.", (calls,)),
    Subject("Audit", "Who changed what, when, from what to what.", (audit,)),
    Subject("Buyers", "Personal data: everything of one buyer, told or erased (LGPD).", (buyers,)),
    Subject("Running it", "Alive, ready, measured, and who works. Those without a key are for the machine's own network.", (operations,)),
)
UNLISTED: list[Any] = door.ROUTES
"""What platforms call: at addresses of their own, in no document."""
