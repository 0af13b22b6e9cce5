"""The demo: it passes on a small catalogue, and it fails, naming what is wrong, when something is."""

from __future__ import annotations

import copy
import dataclasses
import os
import re
import signal
import subprocess
import sys
import threading
import time
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import NamedTuple

import msgspec
import pytest
from msgspec.structs import replace
from stdnum.br import cnpj, cpf

from engate.testing.facts import OrderState, Sale, SalePayment, SkuState
from engate_demo import checks, goods
from engate_demo.catalog import Catalog, Listed, Skus
from engate_demo.command import Outcome, play, tell
from engate_demo.driver import Demo, Tour, check
from engate_demo.processes import Plan
from engate_demo.progress import Lines
from engate_demo.steps import STEPS

PAIR = Plan("winthor", "vtex", limits=False)
TOUR = Tour(orders=12, cancelled_in_shop=5, cancelled_in_erp=7, prices=3, stocks=3, patience=45)
_NOW = datetime(2026, 3, 2, 12, tzinfo=UTC)
SKUS = 90  # 45 products: of every thing that can be missing in the ERP, one


class Played(NamedTuple):
    """A demo that nobody disturbed, the folder it worked in, and the same two sides compared again after one stock and one order were
    spoiled behind everybody's back."""

    outcome: Outcome
    folder: Path
    spoiled: dict[str, str]
    compared: Outcome


@pytest.fixture(scope="module")
def passed() -> Played:
    """Servers take seconds to start: one demo for all tests that look at one of this pair."""
    found: list[Played] = []

    def ended(demo: Demo, outcome: Outcome) -> None:
        undisturbed = copy.deepcopy(outcome)
        spoiled = spoil(demo)
        demo.problems.clear()
        check(demo)
        found.append(Played(undisturbed, demo.servers.folder, spoiled, outcome))

    play(PAIR, goods.generated(SKUS), TOUR, Lines(), ended=ended)
    return found[0]


def spoil(demo: Demo) -> dict[str, str]:
    """What was spoiled: its kind and key."""
    demo.resync("settling", "delta", ["stock"])  # what the orders left behind
    sku = next(sku.key for sku in demo.shop_skus() if sku.visible)
    demo.shop.post("/_sandbox/corrupt", {"kind": "stock", "key": sku})
    part = next(order for order in demo.erp.get("/_sandbox/orders", list[OrderState]) if order.phase == "delivered")
    demo.erp.post("/_sandbox/corrupt", {"kind": "order", "key": part.key})
    return {"sku": sku, "order": part.storefront_key.partition("/")[0]}


@pytest.mark.timeout(180)
def test_a_small_catalogue_and_twelve_orders_go_both_ways(passed: Played) -> None:
    outcome = passed.outcome
    assert outcome.problems == []
    assert outcome.exit_code == 0
    report = outcome.report
    assert report.pair == "winthor/vtex"
    catalog = report.catalog
    assert set(catalog.attention) == {"link.category", "link.brand"}
    assert catalog.skus_in_erp == catalog.skus_visible + catalog.awaiting + sum(catalog.attention.values())
    assert catalog.skus_in_erp >= SKUS > catalog.skus_visible > 0
    orders = report.orders
    assert (orders.placed, orders.in_erp, orders.duplicated_in_erp) == (12, 12, 0)
    assert (orders.cancelled, orders.delivered) == (3, 9)  # 5 and 10 in the shop, 7 in the ERP
    assert (orders.invoiced, orders.tracked) == (9, 9)
    assert orders.duplicated_events >= 12
    assert orders.timeouts_injected >= 1
    assert report.delta.changed == report.delta.pushed >= 6
    assert 0 < report.delta.writes <= report.delta.changed
    assert report.unchanged_resync.writes == 0
    assert report.unchanged_resync.read >= catalog.skus_in_erp + catalog.products_in_erp
    assert list(report.seconds) == ["start", *(step.name for step in STEPS), "total"]


@pytest.mark.timeout(180)
def test_the_result_is_one_object_or_the_same_counts_in_lines(passed: Played, capsys: pytest.CaptureFixture[str]) -> None:
    outcome = passed.outcome
    tell(outcome, as_json=True)
    printed = msgspec.json.decode(capsys.readouterr().out)
    assert list(printed) == [
        "pair", "catalog", "orders", "delta", "unchanged_resync", "requests", "rate_limited", "refused", "bulk_operations",
        "slices_by_worker", "seconds",
    ]  # fmt: skip
    assert list(printed["catalog"]) == ["products_in_erp", "skus_in_erp", "skus_visible", "awaiting", "attention"]
    assert list(printed["orders"]) == [
        "placed", "duplicated_events", "lost_events", "timeouts_injected", "in_erp", "duplicated_in_erp", "invoiced", "tracked",
        "delivered", "cancelled",
    ]  # fmt: skip
    assert list(printed["delta"]) == ["changed", "pushed", "writes"]
    assert list(printed["unchanged_resync"]) == ["read", "writes"]
    assert sum(printed["slices_by_worker"].values()) > 0
    tell(outcome, as_json=False)
    lines = capsys.readouterr().out.splitlines()
    assert [line.partition(":")[0] for line in lines] == list(printed)
    assert f"skus_visible {outcome.report.catalog.skus_visible}," in lines[1]


@pytest.mark.timeout(180)
def test_nothing_is_left_running_or_lying_about(passed: Played) -> None:
    assert not passed.folder.exists()
    assert _commands_of(passed.folder) == []


@pytest.mark.timeout(180)
def test_one_spoiled_stock_and_one_spoiled_order_are_named(passed: Played, capsys: pytest.CaptureFixture[str]) -> None:
    spoiled, outcome = passed.spoiled, passed.compared
    assert outcome.exit_code == 1
    assert len([problem for problem in outcome.problems if f"SKU {spoiled['sku']}: stock" in problem]) == 1
    assert any(f"order {spoiled['order']}: the storefront says delivered" in problem for problem in outcome.problems)
    assert [problem for problem in outcome.problems if spoiled["sku"] not in problem and spoiled["order"] not in problem] == []
    tell(outcome, as_json=True)
    assert spoiled["sku"] in capsys.readouterr().err


LAME = """
from engate.testing.fakes import lacking
from engate.testing.fake_erp.plugin import FAKE_ERP
from engate.testing.fake_shop.plugin import FAKE_SHOP
ERP = lacking(FAKE_ERP{erp})
SHOP = lacking(FAKE_SHOP{shop})
"""
ENTRIES = """
[engate.platforms]
fake_erp = lame:ERP
fake_shop = lame:SHOP
[engate.sandboxes]
fake_erp = engate.testing.fake_erp.sandbox:FakeErpSandbox
fake_shop = engate.testing.fake_shop.sandbox:FakeShopSandbox
"""


def paid_by_pix(catalog: Catalog) -> Catalog:
    def sales(count: int, skus: Skus, now: datetime) -> list[Sale]:
        made = catalog.sales(count, skus, now)
        return [replace(sale, payments=(SalePayment("pix", sum((paid.value for paid in sale.payments), Decimal(0))),)) for sale in made]

    return dataclasses.replace(catalog, sales=sales)


def install(folder: Path, monkeypatch: pytest.MonkeyPatch, erp: str = "", shop: str = "") -> None:
    """Platforms as any author installs them: the fake pair, without what is named."""
    monkeypatch.delitem(sys.modules, "lame", raising=False)
    (folder / "lame.py").write_text(LAME.format(erp=erp, shop=shop))
    (folder / "lame-1.dist-info").mkdir()
    (folder / "lame-1.dist-info/METADATA").write_text("Metadata-Version: 2.1\nName: lame\nVersion: 1\n")
    (folder / "lame-1.dist-info/entry_points.txt").write_text(ENTRIES)
    monkeypatch.syspath_prepend(str(folder))
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(folder), str(Path(__file__).resolve().parents[1])]))


@pytest.mark.timeout(180)
def test_a_shop_that_shows_nothing_without_an_image_and_an_erp_without_images_are_a_refusal(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing could be bought: the load and what follows it are refused, and nothing is wrong."""
    install(tmp_path, monkeypatch, erp=', "list_images"', shop=", hides_without_image=True")
    outcome = play(Plan("fake_erp", "fake_shop", limits=False), paid_by_pix(goods.generated(20)), TOUR, Lines())
    assert outcome.problems == []
    assert outcome.report.refused["load"] == "list_images (Fake ERP does not offer it)"
    assert outcome.report.refused["sell"] == outcome.report.refused["beyond"] == "load (refused itself)"
    assert outcome.report.refused.keys() == {step.name for step in STEPS} - {"register", "check"}


@pytest.mark.timeout(180)
def test_a_step_that_a_pair_does_not_offer_is_refused_with_what_follows_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A shop that takes no tracking codes."""
    install(tmp_path, monkeypatch, shop=', "send_tracking"')
    steps = tuple(step for step in STEPS if step.name not in ("resync", "beyond"))
    outcome = play(Plan("fake_erp", "fake_shop", limits=False), paid_by_pix(goods.generated(20)), TOUR, Lines(), steps=steps)
    assert outcome.problems == []
    refused = {"ship": "send_tracking (Fake shop does not offer it)", "deliver": "ship (refused itself)"}
    assert outcome.report.refused == refused
    said = capsys.readouterr().err
    assert all(f"{step}: refused: {why}" in said for step, why in refused.items())
    assert (outcome.report.orders.invoiced, outcome.report.orders.tracked, outcome.report.orders.cancelled) == (9, 0, 3)
    assert outcome.report.orders.lost_events > 0, "the fake shop calls, and some calls were lost"


@pytest.mark.timeout(120)
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_an_interrupted_demo_stops_what_it_started(number: signal.Signals, tmp_path: Path) -> None:
    """Also when it is killed: each server ends with whoever started it."""
    code = (
        "import signal, sys; from engate_demo.command import main; "
        "signal.signal(signal.SIGINT, signal.default_int_handler); "  # who runs the tests in the background hands down that it is ignored
        "sys.exit(main())"
    )
    with subprocess.Popen(
        [sys.executable, "-c", code, "--erp", PAIR.erp, "--storefront", PAIR.storefront],
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "TMPDIR": str(tmp_path)},
    ) as demo:
        assert demo.stderr is not None
        said = iter(demo.stderr)
        assert any(line.startswith("Seeding the ERP") for line in said)
        running = _commands_of(tmp_path)
        assert len(running) == 3  # the watchdogs of two sandboxes and the API
        demo.send_signal(number)
        threading.Thread(target=lambda: list(said), daemon=True).start()
        assert demo.wait(40) == (-signal.SIGKILL if number == signal.SIGKILL else 130)
    deadline = time.monotonic() + 30
    while _commands_of(tmp_path) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert _commands_of(tmp_path) == []


def _commands_of(folder: Path) -> list[str]:
    """The command lines of running processes that name this folder."""
    found: list[str] = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            command = path.read_bytes().replace(b"\0", b" ").decode(errors="replace")
        except OSError:
            continue
        if str(folder) in command and int(path.parent.name) != os.getpid():
            found.append(command)
    return found


# ---- generated orders ----


def test_generated_orders_pay_what_they_cost() -> None:
    catalog = goods.generated(60)
    listed = {sku.ean: Listed(sku.code, sku.price) for product in catalog.seed.products for sku in product.skus}
    sales = catalog.sales(50, listed, _NOW)
    assert [sale.number for sale in sales] == list(range(1, 51))
    assert sum(len({item.sku for item in sale.items}) < len(sale.items) for sale in sales) == 1
    for sale in sales:
        total = sum(item.price * item.quantity + item.freight for item in sale.items) - sale.discount
        assert total == sum(payment.value for payment in sale.payments)
        assert cpf.is_valid(sale.buyer.document) or cnpj.is_valid(sale.buyer.document)
    assert any(sale.discount for sale in sales)
    assert any(len(sale.payments) == 2 for sale in sales)


# ---- the comparison ----


def _sku(key: str, **more: object) -> SkuState:
    base: dict[str, object] = {
        "key": key, "product": "1", "name": "UN", "product_name": "Arroz", "description": "", "ean": "789", "price": None,
        "stock": {"1": 3},
    }  # fmt: skip
    return SkuState(**(base | more))  # pyright: ignore[reportArgumentType]


@pytest.mark.parametrize(
    ("theirs", "said"),
    [
        ({"price": 2}, "price is None in the ERP and 2 in the storefront"),
        ({"name": "DZ"}, "name is UN"),
        ({"product_name": "Feijão"}, "product name is Arroz"),
        ({"description": "x"}, "description is "),
        ({"ean": ""}, "EAN is 789"),
        ({"stock": {"main": 2}}, "stock of main is 3 in the ERP and 2 in the storefront"),
        ({"stock": {}}, "stock of main is 3 in the ERP and 0 in the storefront"),
        ({"visible": False, "missing": ("no_price",)}, "is not visible in the storefront: it lacks no_price there"),
    ],
)
def test_each_difference_of_a_sku_is_named(theirs: dict[str, object], said: str) -> None:
    same = {"stock": {"main": 3}}
    assert checks.catalog_problems(checks.Sides([_sku("a")], [_sku("a", **same)], {"1": "main"})) == []
    [problem] = checks.catalog_problems(checks.Sides([_sku("a")], [_sku("a", **(same | theirs))], {"1": "main"}))
    assert problem.startswith("SKU a")
    assert said in problem


def test_several_branches_of_one_warehouse_are_compared_by_their_sum() -> None:
    both = {"1": "main", "2": "main"}
    [ours] = [_sku("a", stock={"1": 3, "2": 4, "3": 9})]
    assert checks.catalog_problems(checks.Sides([ours], [_sku("a", stock={"main": 7})], both)) == []
    [problem] = checks.catalog_problems(checks.Sides([ours], [_sku("a", stock={"main": 3})], both))
    assert "stock of main is 7 in the ERP and 3 in the storefront" in problem
    assert checks.changed(checks.cells([ours], both), checks.cells([_sku("a", stock={"main": 7})])) == {}


def test_skus_that_only_one_side_has_are_named() -> None:
    [unknown] = checks.catalog_problems(checks.Sides([], [_sku("a")], {}))
    assert "SKU a is visible in the storefront and unknown to the ERP" in unknown
    [absent] = checks.catalog_problems(checks.Sides([_sku("a")], [], {}))
    assert "SKU a" in absent
    assert checks.catalog_problems(checks.Sides([_sku("a", missing=("weight",))], [], {})) == []


def test_skus_that_nobody_accounts_for_are_counted() -> None:
    erp = [_sku("a"), _sku("b", missing=("weight",)), _sku("c", visible=False)]
    assert checks.sum_problems(erp, 1, 0, {"sku.weight": 1}) == []
    [problem] = checks.sum_problems(erp, 1, 0, {})
    assert re.search(r"2 SKUs in the ERP, but 1 visible .* = 1; 1 SKUs lack something in the ERP: b", problem)


def _order(key: str, **more: object) -> OrderState:
    base: dict[str, object] = {"key": key, "storefront_key": key, "state": "x", "phase": "delivered", "total": 10, "items": (("a", 1, 10),)}
    return OrderState(**(base | more))  # pyright: ignore[reportArgumentType]


@pytest.mark.parametrize(
    ("erp", "said"),
    [
        ([], "order v1: it is not in the ERP"),
        ([_order("1", storefront_key="v1"), _order("2", storefront_key="v1")], "order v1 is more than once in the ERP"),
        ([_order("1", storefront_key="v1"), _order("2", storefront_key="zz")], "ERP order 2 belongs to no order of the storefront"),
        ([_order("1", storefront_key="v1", phase="invoiced")], "order v1: the storefront says delivered, the ERP invoiced"),
        ([_order("1", storefront_key="v1", total=11)], "order v1: its total is 10 in the storefront and 11 in the ERP"),
        ([_order("1", storefront_key="v1", items=(("a", 2, 10),))], "order v1: its items in the ERP are others"),
        ([_order("1", storefront_key="v1", invoices=("k",))], "order v1: the invoices of the storefront are not those of the ERP"),
    ],
)
def test_each_difference_of_an_order_is_named(erp: list[OrderState], said: str) -> None:
    problems = checks.order_problems(checks.paired([_order("v1")], erp))
    assert any(said in problem for problem in problems)


def test_the_parts_of_a_split_order_are_compared_as_one() -> None:
    shop = _order("v1", total=15, items=(("a", 1, 10), ("b", 1, 5)), invoices=("k1", "k2"))
    parts = [
        _order("1", storefront_key="v1/1", total=10, invoices=("k1",)),
        _order("2", storefront_key="v1/2", total=5, items=(("b", 1, 5),), invoices=("k2",)),
    ]
    pairs = checks.paired([shop], parts)
    assert checks.order_problems(pairs) == []
    assert checks.order_counts(pairs).in_erp == 1
    assert checks.order_counts(pairs).duplicated_in_erp == 0


def test_an_order_left_half_way_is_named() -> None:
    pairs = checks.paired([_order("v1", phase="invoiced", state="invoiced")], [_order("1", storefront_key="v1", phase="invoiced")])
    [problem] = checks.order_problems(pairs)
    assert "order v1: neither delivered nor cancelled: the storefront says invoiced" in problem


def test_what_travelled_is_compared_value_by_value() -> None:
    price, stock = ("price", "a", ""), ("stock", "a", "1")
    assert checks.travel_problems({price: 2}, {price: 2}, "delta") == []
    assert checks.travel_problems({price: 2}, {price: 3}, "delta") == ["delta: SKU a, price became 2 in the ERP and 3 in the storefront"]
    assert checks.travel_problems({price: 2}, {}, "delta") == ["delta: SKU a, price changed in the ERP and not in the storefront"]
    assert checks.travel_problems({}, {stock: 2}, "delta") == ["delta: SKU a, stock 1 changed in the storefront and not in the ERP"]
