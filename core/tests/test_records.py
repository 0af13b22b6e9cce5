"""Records: what should be, what is, and everything that may happen between the two. On both databases."""

from __future__ import annotations

import threading
from collections.abc import Generator
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal
from typing import Any

import pytest
import sqlalchemy as sa
from core.tests.beside import waits_or_done
from core.tests.orders_made import order
from sqlalchemy import event

from engate.domain import reasons
from engate.domain.digests import digest
from engate.domain.reasons import Reason
from engate.errors import Rejected
from engate.model import Brand, Category, PartItem, Price, Product, Sku, StockLevel
from engate.model.common import Problem
from engate.model.kinds import KINDS
from engate.operations import trigger
from engate.store import desired, families, links, moved, orders, pushes, units
from engate.store.db import Store
from engate.store.desired import Decided, Part, Wanted
from engate.store.pushes import Claimed, Settled, Wish
from engate.store.rows import RecordSet
from engate.store.tables import cause, connection, integration, link, metadata, record, tenant
from engate.text import Text

NOW = 1000.0


def of(kind: str) -> RecordSet:
    return RecordSet(1, 1, kind)


@pytest.fixture
def store(database: str) -> Generator[Store]:
    made = Store(database)
    metadata.create_all(made.engine)
    with made.write() as c:
        c.execute(sa.insert(tenant).values(id=1, name="t", created_at=0))
        for id, role in ((1, "erp"), (2, "storefront")):
            c.execute(sa.insert(connection).values(id=id, tenant_id=1, name=role, platform="p", role=role, settings={}, created_at=0))
        c.execute(
            sa.insert(integration).values(id=1, tenant_id=1, name="i", erp_id=1, storefront_id=2, options={}, mapping={}, created_at=0)
        )
    yield made
    made.close()


def wanted(doc: Any, reason: Reason | None = None) -> Wanted:
    kind = {Brand: "brand", Category: "category", Product: "product", Sku: "sku", StockLevel: "stock", Price: "price"}[type(doc)]
    parent = KINDS[kind].parent
    return Wanted(doc.key, parent(doc) if parent else None, doc, digest(doc, {}), reason, 0.0)


def want(store: Store, kind: str, *docs: Any, reason: Reason | None = None, now: float = NOW) -> int:
    with store.write() as c:
        return desired.want(c, of(kind), [wanted(doc, reason) for doc in docs], run_id=1, now=now)


def claim(store: Store, kind: str, *, now: float = NOW, unknown_after: float = 30.0, limit: int = 100) -> list[Claimed]:
    """Claims and marks as sent, as a push does."""
    with store.write() as c:
        rows = pushes.claim(c, 1, KINDS[kind], Wish(limit, now, now - unknown_after))
        pushes.mark_sent(c, [(row.id, digest(row.doc, {}), row.want) for row in rows], now)
    return rows


def accept(store: Store, kind: str, rows: list[Claimed], remote: str = "r") -> None:
    with store.write() as c:
        settled = [
            Settled(row.id, row.key, digest(row.doc, {}), row.doc, f"{remote}-{row.key}", row.remote is not None, "ok", None, True)
            for row in rows
        ]
        pushes.accept(c, of(kind), settled, NOW)


def refuse(store: Store, kind: str, rows: list[Claimed], words: str = "no") -> None:
    reason = reasons.of_error(Rejected(Text(words, words), code="shop.no"))
    with store.write() as c:
        pushes.wait_for(c, of(kind), [(row.id, reason) for row in rows], NOW, answered=True)


def states(store: Store) -> dict[str, str]:
    with store.read() as c:
        return {row.key: row.state for row in c.execute(sa.select(record.c.key, record.c.state))}


def causes_of(store: Store) -> dict[str, str]:
    """record key -> the code it waits for"""
    with store.read() as c:
        rows = c.execute(sa.select(record.c.key, cause.c.code).join(cause, record.c.cause_id == cause.c.id))
        return {row.key: row.code for row in rows}


def brand(name: str = "n", key: str = "b") -> Brand:
    return Brand(key, name)


def test_the_life_of_a_record(store: Store) -> None:
    assert want(store, "brand", brand()) == 1
    assert states(store) == {"b": "to_send"}
    rows = claim(store, "brand")
    assert [(row.key, row.uncertain, row.have_doc) for row in rows] == [("b", False, None)]
    assert states(store) == {"b": "sent"} and claim(store, "brand") == []
    accept(store, "brand", rows)
    assert states(store) == {"b": "settled"} and claim(store, "brand") == []


def test_an_unchanged_page_writes_nothing(store: Store) -> None:
    docs = [brand(key=f"b{n}") for n in range(700)]
    assert want(store, "brand", *docs) == 700
    statements: list[str] = []
    event.listen(store.engine, "before_cursor_execute", lambda conn, cursor, statement, *rest: statements.append(statement))
    assert want(store, "brand", *docs, now=NOW + 1) == 0
    assert statements and all(statement.lstrip().upper().startswith(("SELECT", "BEGIN")) for statement in statements)


@pytest.mark.trap("engine.same-number")
def test_the_same_number_written_otherwise_writes_nothing(store: Store) -> None:
    """An ERP that answers 5, then 5.0; 1.50, then 1.5."""
    assert want(store, "stock", StockLevel("k@1", "k", "1", Decimal(5))) == 1
    assert want(store, "price", Price("k", "k", Decimal("1.50"))) == 1
    statements: list[str] = []
    event.listen(store.engine, "before_cursor_execute", lambda *a: statements.append(a[2]))
    assert want(store, "stock", StockLevel("k@1", "k", "1", Decimal("5.000"))) == 0
    assert want(store, "price", Price("k", "k", Decimal("1.5"))) == 0
    assert statements and all(statement.startswith(("SELECT", "BEGIN")) for statement in statements)


@pytest.mark.trap("engine.exact-units")
@pytest.mark.parametrize("quantity", ["0.95", "0.000001", "100", "999999999999.999999", "0.1"])
def test_pending_units_are_kept_exactly(store: Store, quantity: str) -> None:
    with store.write() as c:
        order_id = orders.keep(c, orders.Shop(1, 1), order(), "received", NOW)
        units.reserve(c, 1, order_id, {"1": [PartItem("1", "k", Decimal(quantity), Decimal(1))]})
        assert units.pending(c, 1, ["k"]) == {("k", "1"): [(None, Decimal(quantity))]}


@pytest.mark.trap("engine.turn-grows")
def test_every_decision_has_a_greater_number_within_one_second_too(store: Store) -> None:
    with store.write() as c:
        links.linked(c, of("sku"), [("s", "77")], NOW)
    turns: list[int] = []
    for quantity in (10, 8, 10):
        want(store, "stock", StockLevel("s@1", "s", "1", Decimal(quantity)))
        rows = claim(store, "stock")
        turns += [row.numbered(digest(row.doc, {}), NOW).turn for row in rows]
        with store.read() as c:
            assert c.execute(sa.select(record.c.turn)).scalar() == turns[-1], "what the hook is given is what is stored"
        accept(store, "stock", rows)
    assert turns == [NOW, NOW + 1, NOW + 2]


def test_ten_eight_ten_is_sent_again_though_the_answer_to_eight_was_lost(store: Store) -> None:
    """10 accepted; 8 applied by the shop, but we died before we heard; the ERP says 10 again: the shop holds 8, so 10 must go."""
    with store.write() as c:
        links.linked(c, of("sku"), [("s", "77")], NOW)
    want(store, "stock", StockLevel("s@1", "s", "1", Decimal(10)))
    accept(store, "stock", claim(store, "stock"))
    assert states(store) == {"s@1": "settled"}
    want(store, "stock", StockLevel("s@1", "s", "1", Decimal(8)))
    claim(store, "stock")  # … and we die here
    want(store, "stock", StockLevel("s@1", "s", "1", Decimal(10)))
    assert claim(store, "stock", now=NOW + 29) == []  # its effect is unknown: not yet
    [again] = claim(store, "stock", now=NOW + 31)
    assert again.doc.quantity == 10 and again.uncertain


def test_data_that_changed_while_it_was_under_way_goes_again(store: Store) -> None:
    want(store, "brand", brand("v1"))
    rows = claim(store, "brand")
    want(store, "brand", brand("v2"))
    accept(store, "brand", rows)
    assert [row.doc.name for row in claim(store, "brand")] == ["v2"]


def test_a_refusal_of_data_that_changed_meanwhile_holds_nothing_up(store: Store) -> None:
    """v1 is refused after the ERP fixed it in v2: nothing will touch v2 again, so it must not wait for that cause."""
    want(store, "brand", brand("v1"))
    rows = claim(store, "brand")
    want(store, "brand", brand("v2"))
    refuse(store, "brand", rows)
    assert states(store) == {"b": "to_send"} and causes_of(store) == {}


def test_a_refusal_stays_until_the_data_change_or_a_person_retries(store: Store) -> None:
    want(store, "brand", brand("v1"))
    refuse(store, "brand", claim(store, "brand"))
    want(store, "brand", brand("v1"))
    assert states(store) == {"b": "waiting"} and causes_of(store) == {"b": "shop.no"}
    want(store, "brand", brand("v2"))
    assert states(store) == {"b": "to_send"} and causes_of(store) == {}


def problem(code: str = "no_link") -> Problem:
    return Problem(code, Text("falta o vínculo", "link missing"), Text("vincule", "link it"))


def test_an_erp_problem_is_attention_and_ends_when_the_erp_is_fixed(store: Store) -> None:
    wrong = Product("p", "n", problems=(problem(),))
    want(store, "product", wrong, reason=reasons.of_problem(problem()))
    assert causes_of(store) == {"p": "no_link"} and claim(store, "product") == []
    want(store, "product", Product("p", "n", category="c"))
    assert states(store) == {"p": "to_send"} and causes_of(store) == {}


def test_an_erp_problem_that_is_not_in_the_digest_ends_too(store: Store) -> None:
    """Problems never count in the digest: the same digest without the problem must still release it, and with it must note it."""
    fine, wrong = Product("p", "n"), Product("p", "n", problems=(problem(),))
    want(store, "product", wrong, reason=reasons.of_problem(problem()))
    assert want(store, "product", fine) == 1 and states(store) == {"p": "to_send"}
    accept(store, "product", claim(store, "product"))
    assert want(store, "product", wrong, reason=reasons.of_problem(problem())) == 1
    assert states(store) == {"p": "waiting"}


def test_another_problem_replaces_the_first(store: Store) -> None:
    want(store, "product", Product("p", "n", problems=(problem("a"),)), reason=reasons.of_problem(problem("a")))
    want(store, "product", Product("p", "n", problems=(problem("b"),)), reason=reasons.of_problem(problem("b")))
    assert causes_of(store) == {"p": "b"}


def test_a_child_goes_when_its_parent_is_in_the_shop(store: Store) -> None:
    want(store, "sku", Sku("s", "p", "n"))
    assert claim(store, "sku") == []
    with store.write() as c:
        links.linked(c, of("product"), [("p", "remote-p")], NOW)
    assert [row.parent_remote for row in claim(store, "sku")] == ["remote-p"]


def test_a_wait_for_a_link_ends_when_the_link_appears(store: Store) -> None:
    from engate.domain.effective import missing_link

    want(store, "product", *(Product(f"p{n}", "n", category="c") for n in range(3)))
    rows = claim(store, "product")
    with store.write() as c:
        pushes.wait_for(c, of("product"), [(row.id, missing_link("category", "c")) for row in rows], NOW, answered=False)
    assert set(states(store).values()) == {"waiting"}
    with store.write() as c:
        links.linked(c, of("category"), [("c", "9")], NOW)
    assert set(states(store).values()) == {"to_send"}
    with store.read() as c:
        assert c.execute(sa.select(sa.func.count()).select_from(cause)).scalar() == 0


def test_not_sent_backs_off_and_unknown_stays_sent(store: Store) -> None:
    want(store, "brand", brand(key="certain"), brand(key="unknown"))
    rows = {row.key: row for row in claim(store, "brand")}
    with store.write() as c:
        again = [(rows["certain"].id, NOW + 5, False, "busy"), (rows["unknown"].id, NOW + 30, True, "lost")]
        pushes.again(c, again, NOW)
    assert states(store) == {"certain": "to_send", "unknown": "sent"}
    with store.read() as c:
        assert pushes.next_due(c, 1, "brand", 30.0, NOW) == NOW + 5
    assert [row.key for row in claim(store, "brand", now=NOW + 4)] == []
    assert [row.key for row in claim(store, "brand", now=NOW + 5)] == ["certain"]
    [doubt] = claim(store, "brand", now=NOW + 31)
    assert doubt.key == "unknown" and doubt.uncertain and doubt.tries == 1


def test_two_readers_of_the_same_page_at_once(store: Store) -> None:
    docs = [brand(key=f"b{n}") for n in range(300)]

    def read(n: int) -> int:
        return want(store, "brand", *(docs if n % 2 else reversed(docs)))

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(read, range(4)))
    assert len(states(store)) == 300


def test_a_page_read_while_a_push_claims_is_never_forgotten(store: Store) -> None:
    """The push decided on v1 while a reading was about to commit v2: v2 must still be owed afterwards."""
    want(store, "brand", brand("v1"))
    decided, committed = threading.Event(), threading.Event()

    def push() -> None:
        with store.write() as c:
            rows = pushes.claim(c, 1, KINDS["brand"], Wish(10, NOW, 0))
            decided.set()
            committed.wait(0.3)  # as long as a reading may take that is not made to wait
            pushes.mark_sent(c, [(row.id, digest(row.doc, {}), row.want) for row in rows], NOW)

    def read() -> None:
        decided.wait(5)
        want(store, "brand", brand("v2"))
        committed.set()

    with ThreadPoolExecutor(2) as pool:
        for future in [pool.submit(push), pool.submit(read)]:
            future.result()
    with store.read() as c:
        row: Any = c.execute(sa.select(record)).one()
    assert row.want == digest(brand("v2"), {}), "what the reading wanted was overwritten by what the push had decided before"


def test_a_page_read_while_rules_change_is_never_forgotten(store: Store) -> None:
    """Options changed: what should be is decided anew from v1, while a reading is about to commit v2."""
    want(store, "brand", brand("v1"))
    decided, committed = threading.Event(), threading.Event()

    def decide(doc: Any, read_at: float) -> Decided:
        decided.set()
        committed.wait(0.3)
        return Decided(digest(doc, {"option": "new"}), None)

    def revisit() -> None:
        with store.write() as c:
            desired.revisit(c, of("brand"), decide, Part(), NOW)

    def read() -> None:
        decided.wait(5)
        want(store, "brand", brand("v2"))
        committed.set()

    with ThreadPoolExecutor(2) as pool:
        for future in [pool.submit(revisit), pool.submit(read)]:
            future.result()
    with store.read() as c:
        row: Any = c.execute(sa.select(record)).one()
    assert row.want == digest(brand("v2"), {})


@pytest.mark.trap("engine.claimed-before-relinked")
@pytest.mark.parametrize("database", ["postgresql"], indirect=True)
def test_what_is_claimed_while_a_link_is_corrected_goes_to_the_new_place(store: Store) -> None:
    """On PostgreSQL the claim waits for the record and must not show the link of before the wait."""
    sell_one(store, "old")

    def claims() -> list[Claimed]:
        return claim(store, "price")

    with ThreadPoolExecutor(1) as beside:
        with store.write() as c:
            links.linked(c, of("sku"), [("s", "new")], NOW)
            claiming = beside.submit(claims)
            waits_or_done(store, claiming)
        assert [row.parent_remote for row in claiming.result(20)] == ["new"]


@pytest.mark.trap("engine.claimed-before-unlinked")
@pytest.mark.parametrize("database", ["postgresql"], indirect=True)
def test_a_claim_gives_others_in_the_place_of_those_whose_parents_link_is_removed(store: Store) -> None:
    """A batch that is not full counts as the last one."""
    sell_one(store, "old")
    want(store, "sku", Sku("t", "p", "t"))
    accept(store, "sku", claim(store, "sku"))
    want(store, "price", Price("t", "t", Decimal(2)))

    def claims() -> list[Claimed]:
        return claim(store, "price", limit=1)

    with ThreadPoolExecutor(1) as beside:
        with store.write() as c:
            c.execute(sa.delete(link).where(link.c.kind == "sku", link.c.key == "s"))
            moved.again(c, of("sku"), ["s"], NOW)
            claiming = beside.submit(claims)
            waits_or_done(store, claiming)
        assert [row.key for row in claiming.result(20)] == ["t"]


@pytest.mark.trap("engine.decided-before-caused")
@pytest.mark.parametrize("database", ["postgresql"], indirect=True)
def test_what_is_decided_anew_while_a_reading_finds_a_problem_is_decided_by_it(store: Store) -> None:
    """The rules no longer mind the problem, which the reading stored by the rules of before."""
    want(store, "brand", brand())

    def revisits() -> None:
        with store.write() as c:
            desired.revisit(c, of("brand"), lambda doc, read_at: Decided(digest(doc, {}), None), Part(), NOW)

    with ThreadPoolExecutor(1) as beside:
        with store.write() as c:
            desired.want(c, of("brand"), [wanted(brand(), reasons.of_problem(problem()))], run_id=1, now=NOW)
            revisiting = beside.submit(revisits)
            waits_or_done(store, revisiting)
        revisiting.result(20)
    assert states(store) == {"b": "to_send"}


@pytest.mark.trap("engine.accepted-elsewhere", "engine.second-key-elsewhere", "engine.elsewhere-still")
@pytest.mark.parametrize("product_too", [True, False])
@pytest.mark.parametrize("as_read", [True, False])
def test_what_is_accepted_at_the_old_place_says_nothing_of_the_new_one(store: Store, as_read: bool, product_too: bool) -> None:
    """A push to a thing of the shop is under way while a person links its SKU to another one, whose own texts must survive."""
    sell_one(store, "old")
    with store.write() as c:
        trigger.links_said(c, of("sku"), [("s", "old")], NOW)
    [sent] = claim(store, "sku")
    assert sent.remote == "old"
    with store.write() as c:
        trigger.links_said(c, of("sku"), [("s", "new")], NOW)
        if product_too:
            trigger.links_said(c, of("product"), [("p", "its product")], NOW)
    with store.write() as c:
        told = Settled(sent.id, "s", digest(sent.doc, {}), sent.doc, "old", True, "ok", None, as_read, more="second of old")
        pushes.accept(c, of("sku"), [told], NOW)
    [again] = claim(store, "sku")
    assert (again.remote, again.more, again.have_doc) == ("new", "", None)
    accept(store, "sku", [again._replace(key="s")])
    with store.read() as c:
        row: Any = c.execute(sa.select(record).where(record.c.kind == "sku")).one()
    assert row.state == "settled" and row.have_doc is not None


def sell_one(store: Store, remote: str) -> None:
    """The shop has the SKU under this key and is still to be told its price."""
    want(store, "product", Product("p", "p"))
    accept(store, "product", claim(store, "product"))
    want(store, "sku", Sku("s", "p", "s"))
    accept(store, "sku", claim(store, "sku"))
    with store.write() as c:
        links.linked(c, of("sku"), [("s", remote)], NOW)
    want(store, "price", Price("s", "s", Decimal(1)))


def test_sold_is_what_is_on_with_its_product_at_a_price(store: Store) -> None:
    want(store, "product", Product("p", "On"), Product("q", "Off", active=False))
    want(store, "sku", *(Sku(key, "p", key) for key in ("a", "free", "unpriced", "table")), Sku("off", "p", "off", active=False))
    want(store, "sku", Sku("below", "q", "below"))
    want(store, "price", *(Price(key, key, Decimal(key != "free")) for key in ("a", "free", "off", "below")))
    want(store, "price", Price("table@T2", "table", Decimal(1), table="T2"))
    with store.read() as c:
        skus = ["a", "free", "unpriced", "table", "off", "below", "unknown"]
        assert families.sold(c, 1, skus, {"products", "prices"}) == {"a"}
        assert families.sold(c, 1, skus, {"products"}) == {"a", "free", "unpriced", "table"}
        assert families.sold(c, 1, skus, {"prices"}) == {"a", "off", "below"}
        assert families.sold(c, 1, skus, {"stock"}) == set(skus)
        assert (families.skus_of(c, 1, ["q"]), families.sold(c, 1, [], {"prices"})) == (["below"], frozenset())


def test_the_parts_of_a_kind_name_what_they_hang_on(store: Store) -> None:
    want(store, "stock", *(StockLevel(f"{key}@1", key, "1", Decimal(1)) for key in ("a", "b", "c")))
    with store.read() as c:
        first = desired.parents(c, of("stock"), Part(limit=2))
        last = c.execute(sa.select(record.c.id).where(record.c.key == f"{sorted(first)[-1]}@1")).scalar_one()
        assert sorted([*first, *desired.parents(c, of("stock"), Part(after=last))]) == ["a", "b", "c"]
