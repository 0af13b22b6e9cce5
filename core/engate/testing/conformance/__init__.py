"""What every plugin must hold, whatever its platform: checks made from a plugin and its sandbox, run by the plugin's own tests.

    @pytest.mark.parametrize("case", conformance.cases(manifest, AcmeSandbox), ids=str)
    async def test_conformance(case: conformance.Case) -> None:
        await case.run()

A case drives the plugin over real HTTP and raises AssertionError in words. Only the hooks that the plugin offers are checked.
"""

from __future__ import annotations

from collections.abc import Set

from engate.model.kinds import KINDS
from engate.plugins import Manifest, implemented
from engate.testing.conformance import imports, pushes, readings, sends, texts
from engate.testing.conformance.trial import Case, Check
from engate.testing.goods import goods
from engate.testing.sandbox import Sandbox
from engate.testing.world import Seed

__all__ = ["Case", "cases"]

ROWS = 230
"""Products of the seed: more than two pages of what platforms usually give."""

LISTS = tuple(kind.list_hook for kind in KINDS.values())
KEYED = tuple(KINDS[name].list_hook for name in ("product", "sku", "image", "price", "stock"))
STAMPED = tuple(KINDS[name].list_hook for name in ("product", "sku", "price", "stock"))

TABLE: tuple[tuple[tuple[str, ...], dict[str, Check]], ...] = (
    (LISTS, {"resumes": readings.resumes}),
    (KEYED, {"keys": readings.by_key}),
    (STAMPED, {"stamps": readings.stamps}),
    (("list_products", "list_stock", "read_order_events"), readings.FAULTS),
    (("read_order_events",), sends.EVENTS),
    (pushes.HOOKS, pushes.CHECKS),
    (("import_order",), imports.CHECKS),
    (("list_fulfilment",), {"stamps": imports.stamps}),
    (("send_handling", "send_invoice", "send_tracking", "send_delivery", "send_cancellation"), sends.CHECKS),
)


def cases(manifest: Manifest, sandbox: type[Sandbox], seed: Seed | None = None, typed: Set[str] = frozenset()) -> list[Case]:
    """Every check that this plugin's hooks ask for. `seed`: what the ERP's sandbox holds, by default 230 products. `typed`: names of the
    platform's that people type as they are, which texts may quote."""
    offered = implemented(manifest.connection_class())
    given = seed or goods(ROWS)
    found = [
        Case(name, hook, check, manifest, sandbox, given)
        for hooks, checks in TABLE
        for hook in hooks
        if hook in offered
        for name, check in checks.items()
    ]
    return [*found, Case("words", "texts", texts.in_words(typed), manifest, sandbox, given)]
