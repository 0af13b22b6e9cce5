"""The traps of what people read and ask for: counts, searches and lists that are exact and of one tenant alone."""

from __future__ import annotations

from tests.trap import Trap

CORE = "core/engate"

TRAPS: tuple[Trap, ...] = (
    Trap(
        "engine.counts-exact",
        "Counts that the database keeps must follow a record that another run takes over, or a run shows records that are not its own.",
        f"{CORE}/store/tables.py",
        "WHEN OLD.run_id IS NOT NEW.run_id BEGIN",
        "WHEN 0 BEGIN",
        ("core/tests/test_counts.py::test_what_is_counted_is_what_there_is[sqlite]",),
    ),
    Trap(
        "engine.views-apart",
        "A few slow views of people would hold all the threads that the lanes read with, and the engine would stand still.",
        f"{CORE}/store/db.py",
        "self._in_thread(self._viewers, self.look, work)",
        "self._in_thread(self._readers, self.look, work)",
        ("core/tests/test_upkeep.py::test_views_keep_neither_lanes_nor_glances_waiting[sqlite]",),
    ),
    Trap(
        "engine.statistics",
        "A planner that knows of no rows reads tables whole that have grown meanwhile.",
        f"{CORE}/store/upkeep.py",
        "if await store.reading(_due):",
        "if False:",
        ("core/tests/test_upkeep.py::test_whoever_keeps_them_notices_by_itself[sqlite]",),
    ),
    Trap(
        "engine.statistics-of-orders",
        "Statistics of the few lanes that a first load has make each claim read all lanes, when there are thousands.",
        f"{CORE}/store/upkeep.py",
        "for growing in due:",
        "for growing in GROUPS:",
        ("core/tests/test_upkeep.py::test_statistics_of_orders_follow_the_orders_not_the_catalogue[sqlite]",),
    ),
    Trap(
        "engine.last-admin",
        "Two admin keys that revoke each other at the same moment would leave a tenant without any.",
        f"{CORE}/store/config.py",
        "c.execute(sa.select(tenant.c.id).where(tenant.c.id == tenant_id).with_for_update())",
        "c.execute(sa.select(tenant.c.id).where(tenant.c.id == tenant_id))",
        ("api/tests/test_access.py::test_two_admin_keys_cannot_revoke_each_other",),
    ),
    Trap(
        "engine.search-own",
        "One search over all integrations: without the tenant it answers with everybody's orders and buyers.",
        f"{CORE}/views/search.py",
        "integration.c.tenant_id == tenant_id",
        "sa.true()",
        ("api/tests/test_search.py::test_another_tenants_things_are_not_found",),
    ),
    Trap(
        "engine.queue-own",
        "The work queue over all integrations would show what other tenants wait for.",
        f"{CORE}/store/config.py",
        "sa.select(integration.c.id).where(integration.c.tenant_id == tenant_id)",
        "sa.select(integration.c.id)",
        ("api/tests/test_queue.py::test_one_integration_owners_and_pages",),
    ),
    Trap(
        "engine.queue-money-first",
        "A queue by age hides the order of today, which a buyer has paid, below a hundred products that never had a category.",
        f"{CORE}/views/queue.py",
        "(-hangs.money, -hangs.orders, -hangs.skus, row.since, row.id)",
        "(row.since, row.id)",
        ("api/tests/test_queue.py::test_money_comes_before_what_waits_longer",),
    ),
    Trap(
        "engine.zone",
        "People read times in their own zone: a sentence in another is two hours off in Acre, and nobody sees it.",
        f"{CORE}/views/selling.py",
        "at = when(sold.since, zone)",
        "at = when(sold.since, ZoneInfo('America/Sao_Paulo'))",
        ("api/tests/test_titles.py::test_times_are_said_in_the_tenants_zone",),
    ),
)
