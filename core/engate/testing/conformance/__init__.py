"""Checks that every plugin must pass, whatever its platform: made from a plugin and its sandbox, and run by the plugin's own tests.

    @pytest.mark.parametrize("case", conformance.cases(manifest, AcmeSandbox), ids=str)
    async def test_conformance(case: conformance.Case) -> None:
        await case.run()

A case calls the plugin over real HTTP and raises AssertionError with an explanation. Only the hooks that the plugin offers are checked.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from engate.hooks import Erp
from engate.model.kinds import KINDS
from engate.plugins import Manifest, implemented
from engate.testing.conformance import basics, imports, pushes, readings, scopes, sends, texts
from engate.testing.conformance import seed as seeded
from engate.testing.conformance.trial import Boxed, Case, Check, NotTried, Place
from engate.testing.facts import Seed
from engate.testing.sandbox import Sandbox

__all__ = ["Boxed", "Case", "NotTried", "cases", "cases_at"]

LISTS = tuple(kind.list_hook for kind in KINDS.values())
KEYED = tuple(KINDS[name].list_hook for name in ("product", "sku", "image", "price", "stock"))
STAMPED = tuple(KINDS[name].list_hook for name in ("product", "sku", "price", "stock"))
SENDS = ("send_handling", "send_invoice", "send_tracking", "send_delivery", "send_cancellation")

TABLE: tuple[tuple[tuple[str, ...], dict[str, Check]], ...] = (
    (("list_choices", "read_choices"), {"choices": readings.choices}),
    (LISTS, {"resumes": readings.resumes}),
    (KEYED, {"keys": readings.by_key, "killed": readings.killed}),
    (STAMPED, {"since": readings.since, "stamps": readings.stamps, "meanwhile": readings.meanwhile}),
    (("list_products", "list_stock", "read_order_events"), readings.FAULTS),
    (("read_listing",), pushes.LISTING),
    (("read_order_events",), sends.EVENTS),
    (("read_orders",), sends.LISTED),
    (("read_order",), sends.ORDERS),
    (pushes.HOOKS, pushes.CHECKS),
    (("import_order",), imports.CHECKS),
    (("list_fulfilment",), {"stamps": imports.stamps}),
    (SENDS, sends.CHECKS),
)


def cases(
    manifest: Manifest, sandbox: type[Sandbox], seed: Seed | None = None, settings: Mapping[str, object] = MappingProxyType({})
) -> list[Case]:
    """Every check for this plugin's hooks, each on its own sandbox. `seed`: what the ERP's holds (default `conformance.seed`: 430
    products). `settings`: of the connection, besides what the sandbox describes: a plugin with pages of more than 200 rows needs smaller
    ones, else its lists have one page and nothing is resumed."""
    return cases_at(manifest, Boxed(sandbox, seed or seeded.seed(), settings))


def cases_at(manifest: Manifest, place: Place) -> list[Case]:
    connection = manifest.connection_class()
    offered = implemented(connection)
    rows = [((hook,), checks) for hook, checks in basics.CHECKS.items()]
    by_scope = tuple(connection.scoped) if issubclass(connection, Erp) else ()
    found = [
        Case(name, hook, check, manifest, place)
        for hooks, checks in (*rows, *TABLE, (by_scope, {"scopes": scopes.scopes}))
        for hook in hooks
        if hook in offered or hook in basics.CHECKS
        for name, check in checks.items()
    ]
    return [*found, Case("words", "texts", texts.in_words(manifest.typed), manifest, place)]
