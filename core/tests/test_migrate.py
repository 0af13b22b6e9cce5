"""Migrations: on an empty database they make what tables.py says, on both databases; nothing is lost on the way; only one runs at once."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Generator
from pathlib import Path
from typing import Any

import msgspec
import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy.exc import DBAPIError

from engate.domain.mapping import PairMapping
from engate.errors import Invalid
from engate.store import migrate
from engate.store.db import Store
from engate.store.tables import metadata

NEXT = '''"""A release later: a column to a table that others point to, made NOT NULL."""
import sqlalchemy as sa
from alembic import op

revision = "9001"
down_revision = "{before}"


def upgrade() -> None:
    with op.batch_alter_table("tenant", recreate="{recreate}") as table:
        table.add_column(sa.Column("plan", sa.String(10), server_default="free", nullable=False))
'''
NOW = 1_790_000_000.0


@pytest.fixture(params=["sqlite", "postgresql"])
def urls(request: pytest.FixtureRequest, new_database: Callable[..., str]) -> list[str]:
    """Two empty databases of one kind."""
    return [new_database(request.param) for _ in range(2)]


@pytest.fixture
def stores(urls: list[str]) -> Generator[list[Store]]:
    made = [Store(url) for url in urls]
    yield made
    for store in made:
        store.close()


@pytest.fixture
def store(stores: list[Store]) -> Store:
    return stores[0]


def schema(store: Store) -> list[str]:
    """Everything the database itself says of its schema, but the version table."""
    with store.read() as c:
        if store.sqlite:
            rows = c.exec_driver_sql("SELECT type, name, tbl_name, coalesce(sql, '') FROM sqlite_master").all()
            said = [f"{row[0]} {row[1]} {row[2]} {_sorted(row[3])}" for row in rows]
        else:
            said = ["|".join(str(value) for value in row) for statement in _CATALOG for row in c.exec_driver_sql(statement)]
    return sorted(line for line in said if "alembic_version" not in line)


def _sorted(sql: str) -> str:
    """A CREATE TABLE with its columns and constraints in order of text: SQLite keeps the statement as it was written. A table that was
    made anew has its name in quotes and an empty default in brackets."""
    sql = re.sub(
        r", (\w+ (?:DOUBLE|BOOLEAN|BIGINT|INTEGER|BLOB|VARCHAR)\b)", r",\n\1", sql
    )  # a column that was added stands in the line of the one before
    lines = [re.sub(r"\s+", " ", line).strip().rstrip(",").replace('"', "").replace("('')", "''") for line in sql.splitlines()]
    return " ; ".join(sorted(line for line in lines if line))


_CATALOG = (
    """SELECT c.relname, a.attname, format_type(a.atttypid, a.atttypmod), a.attnotnull, a.attgenerated, a.attidentity,
              pg_get_expr(d.adbin, d.adrelid)
       FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid LEFT JOIN pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
       WHERE c.relnamespace = 'public'::regnamespace AND c.relkind = 'r' AND a.attnum > 0 AND NOT a.attisdropped""",
    """SELECT conrelid::regclass, conname, pg_get_constraintdef(oid) FROM pg_constraint WHERE connamespace = 'public'::regnamespace""",
    "SELECT tablename, indexname, indexdef FROM pg_indexes WHERE schemaname = 'public'",
    """SELECT c.relname, a.attname, l.collname FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid
       JOIN pg_collation l ON l.oid = a.attcollation
       WHERE c.relnamespace = 'public'::regnamespace AND c.relkind = 'r' AND a.attnum > 0""",
    "SELECT tgrelid::regclass, pg_get_triggerdef(oid) FROM pg_trigger WHERE NOT tgisinternal",
    "SELECT proname, prosrc FROM pg_proc WHERE pronamespace = 'public'::regnamespace",
)


def test_an_empty_database_gets_what_tables_py_says(stores: list[Store]) -> None:
    upgraded, made = stores
    migrate.upgrade(upgraded)
    metadata.create_all(made.engine)
    assert schema(upgraded) == schema(made), "tables.py and the migrations differ: write a revision (see engate/store/migrate.py)"
    with upgraded.read() as c:
        # on SQLite, Alembic takes the default '' for a change; the lines above saw every default
        options = {"compare_type": True, "compare_server_default": not upgraded.sqlite}
        assert compare_metadata(MigrationContext.configure(c, opts=options), metadata) == []


def test_the_comparison_sees_a_difference(stores: list[Store]) -> None:
    """Of each sort that matters: a computed column, an index, a default, a foreign key's action."""
    one, two = stores
    for store, expression, default, action in ((one, "a + 1", "1", "CASCADE"), (two, "a + 2", "2", "SET NULL")):
        other = sa.MetaData()
        sa.Table("up", other, sa.Column("id", sa.Integer, primary_key=True))
        sa.Table(
            "t",
            other,
            sa.Column("a", sa.Integer, server_default=default),
            sa.Column("b", sa.Integer, sa.Computed(expression, persisted=True)),
            sa.Column("up_id", sa.Integer, sa.ForeignKey("up.id", ondelete=action)),
            sa.Index("ix_t", "a" if store is one else "b"),
        )
        other.create_all(store.engine)
    differing = "\n".join(sorted(set(schema(one)) ^ set(schema(two))))
    for sign in (r"a \+ 1", "SET NULL", "ix_t", r"\b2\b"):
        assert re.search(sign, differing), differing


def fill(store: Store) -> None:
    """A tenant with a connection and a secret: rows that point to rows."""
    with store.write() as c:
        c.execute(metadata.tables["tenant"].insert().values(id=1, name="Loja", created_at=NOW))
        c.execute(
            metadata.tables["connection"]
            .insert()
            .values(id=1, tenant_id=1, name="ERP", platform="p", role="erp", settings={"a": 1}, created_at=NOW)
        )
        c.execute(metadata.tables["secret"].insert().values(connection_id=1, field="password", key_id="k", sealed=b"\x00x"))


def kept(store: Store) -> list[tuple[object, ...]]:
    joined = "tenant t JOIN connection c ON c.tenant_id = t.id JOIN secret s ON s.connection_id = c.id"
    with store.read() as c:
        return [tuple(row) for row in c.exec_driver_sql(f"SELECT t.id, t.name, c.name, s.sealed FROM {joined}")]  # noqa: S608


def revision(store: Store) -> str | None:
    with store.read() as c:
        return migrate.revision(c)


def test_twice_is_harmless_and_rows_stay(store: Store) -> None:
    migrate.upgrade(store)
    first = revision(store)
    assert first is not None
    fill(store)
    before = schema(store)
    migrate.upgrade(store)
    assert (revision(store), schema(store)) == (first, before)
    assert kept(store) == [(1, "Loja", "ERP", b"\x00x")]


@pytest.fixture
def later(tmp_path: Path, store: Store) -> Path:
    """The revisions of a release to come: ours and one more. `always` on SQLite: the table is made anew, as most changes need there."""
    scripts = tmp_path / "migrations"
    shutil.copytree(migrate.SCRIPTS, scripts, ignore=shutil.ignore_patterns("__pycache__"))
    heads = {re.search(r'^revision = "(\w+)"', file.read_text(), re.M)[1] for file in (scripts / "versions").glob("*.py")}  # type: ignore[index]
    text = NEXT.format(before=max(heads), recreate="always" if store.sqlite else "never")
    (scripts / "versions" / "r9001_later.py").write_text(text)
    return scripts


def test_rows_survive_the_next_release(store: Store, later: Path) -> None:
    migrate.upgrade(store)
    fill(store)
    migrate.upgrade(store, later)
    assert revision(store) == "9001"
    assert kept(store) == [(1, "Loja", "ERP", b"\x00x")]
    with store.read() as c:
        assert c.exec_driver_sql("SELECT plan FROM tenant").scalar_one() == "free"
        if store.sqlite:
            assert c.exec_driver_sql("PRAGMA foreign_keys").scalar_one() == 1
    with store.write() as c:  # and what points to rows still does
        c.execute(sa.delete(metadata.tables["tenant"]))
    assert kept(store) == []


def test_an_upgrade_that_fails_changes_nothing(store: Store, later: Path) -> None:
    migrate.upgrade(store)
    fill(store)
    before = schema(store), revision(store)
    broken = later / "versions" / "r9001_later.py"
    broken.write_text(broken.read_text() + "    op.drop_table('nowhere')\n")
    with pytest.raises(DBAPIError):
        migrate.upgrade(store, later)
    assert (schema(store), revision(store)) == before
    assert kept(store) == [(1, "Loja", "ERP", b"\x00x")]


def test_a_database_of_a_newer_release_is_refused_untouched(store: Store, later: Path) -> None:
    migrate.upgrade(store, later)
    before = schema(store)
    with pytest.raises(Invalid) as refused:
        migrate.upgrade(store)
    assert refused.value.code == "database_newer"
    assert "9001" in refused.value.text.en
    assert (schema(store), revision(store)) == (before, "9001")


def test_tables_that_no_release_made_are_refused(store: Store) -> None:
    metadata.create_all(store.engine)
    with pytest.raises(Invalid) as refused:
        migrate.upgrade(store)
    assert refused.value.code == "database_foreign"


START = """
import sys
import time
from engate.store.db import Store
from engate.store.migrate import upgrade
from engate.store.tables import tenant

print("ready", flush=True)
sys.stdin.readline()
store = Store(sys.argv[1])
upgrade(store)
with store.write() as c:
    c.execute(tenant.insert().values(name=sys.argv[2], created_at=0))
store.close()
"""


def test_processes_that_start_at_once_share_one_upgrade(urls: list[str]) -> None:
    """Each of three makes the schema or finds it made, and can write then."""
    command = [sys.executable, "-c", START, urls[0]]
    pipe = subprocess.PIPE
    started = [subprocess.Popen([*command, f"tenant {nth}"], stdin=pipe, stdout=pipe, stderr=pipe, text=True) for nth in range(3)]
    for process in started:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
    for process in started:
        assert process.stdin is not None
        process.stdin.write("go\n")
        process.stdin.flush()
    said = [process.communicate(timeout=50)[1] for process in started]
    assert [process.returncode for process in started] == [0] * 3, said
    store = Store(urls[0])
    try:
        with store.read() as c:
            assert c.exec_driver_sql("SELECT count(*) FROM tenant").scalar_one() == 3
    finally:
        store.close()


def test_accounts_of_what_is_live_are_looked_after_from_this_release_on(store: Store, tmp_path: Path) -> None:
    """Within a day of the upgrade; what never went live, or was deleted, is left alone."""
    before = tmp_path / "before"
    shutil.copytree(migrate.SCRIPTS, before, ignore=shutil.ignore_patterns("__pycache__", "r000[4-9]*", "r001*"))
    migrate.upgrade(store, before)
    fill(store)
    with store.write() as c:
        shops = [{"id": id, "tenant_id": 1, "name": f"shop {id}", "platform": "p", "role": "storefront"} for id in (2, 3, 4)]
        c.execute(metadata.tables["connection"].insert(), [{**shop, "settings": {}, "created_at": NOW} for shop in shops])
        pairs = ((1, 2, NOW, None), (2, 3, None, None), (3, 4, NOW, NOW))
        for id, shop, activated_at, deleted_at in pairs:
            about = {"id": id, "tenant_id": 1, "name": f"pair {id}", "erp_id": 1, "storefront_id": shop, "options": {}, "mapping": {}}
            stamps = {"created_at": NOW, "activated_at": activated_at, "deleted_at": deleted_at}
            c.execute(metadata.tables["integration"].insert().values(**about, **stamps))
    began = time.time()
    migrate.upgrade(store)
    with store.read() as c:
        lanes = c.exec_driver_sql("SELECT integration_id, name, due_at, wanted FROM lane ORDER BY name").all()
    assert [(row.integration_id, row.name) for row in lanes] == [(1, "probe/erp"), (1, "probe/storefront")]
    assert all(began <= row.due_at <= began + 90_000 and row.wanted == 1 for row in lanes)


OLD_MAPPING = {
    "warehouses": [{"branch": "1", "warehouse": "main"}],
    "payments": [{"form": "pix", "billing": "PIX", "plan": "1"}, {"form": "terms", "billing": "BK", "plan": "2", "import_when": "placed"}],
    "price_tables": [{"table": "T2", "policy": "p2"}],
}
NEW_MAPPING = {
    "warehouses": [{"branch": "1", "warehouse": "main"}],
    "payments": [{"form": "pix", "charge": "PIX", "terms": "1"}, {"form": "terms", "charge": "BK", "terms": "2", "import_when": "placed"}],
    "price_lists": [{"table": "T2", "list": "p2"}],
}


def test_mappings_are_kept_under_the_names_of_this_release(store: Store, tmp_path: Path) -> None:
    """Those of deleted integrations too, whose open orders go on."""
    before = tmp_path / "before"
    shutil.copytree(migrate.SCRIPTS, before, ignore=shutil.ignore_patterns("__pycache__", "r0008*", "r0009*", "r001*"))
    migrate.upgrade(store, before)
    fill(store)
    with store.write() as c:
        shops = [{"id": id, "tenant_id": 1, "name": f"shop {id}", "platform": "p", "role": "storefront"} for id in (2, 3, 4)]
        c.execute(metadata.tables["connection"].insert(), [{**shop, "settings": {}, "created_at": NOW} for shop in shops])
        for id, mapping, deleted_at in ((1, OLD_MAPPING, None), (2, OLD_MAPPING, NOW), (3, {}, None)):
            about = {"id": id, "tenant_id": 1, "name": f"pair {id}", "erp_id": 1, "storefront_id": id + 1, "options": {}}
            values = about | {"mapping": mapping, "created_at": NOW, "deleted_at": deleted_at}
            c.execute(metadata.tables["integration"].insert().values(**values))
    migrate.upgrade(store)
    integration = metadata.tables["integration"]
    with store.read() as c:
        kept = c.execute(sa.select(integration.c.mapping).order_by(integration.c.id)).scalars().all()
    assert kept == [NEW_MAPPING, NEW_MAPPING, {}]
    assert msgspec.json.decode(msgspec.json.encode(msgspec.convert(kept[0], PairMapping))) == NEW_MAPPING


def test_tenants_of_before_read_times_of_brasilia(store: Store, tmp_path: Path) -> None:
    """As they did: the zone that was everybody's."""
    before = tmp_path / "before"
    shutil.copytree(migrate.SCRIPTS, before, ignore=shutil.ignore_patterns("__pycache__", "r001*"))
    migrate.upgrade(store, before)
    fill(store)
    migrate.upgrade(store)
    with store.read() as c:
        assert set(c.execute(sa.select(metadata.tables["tenant"].c.zone)).scalars()) == {"America/Sao_Paulo"}


def row(table: str, **given: object) -> sa.Insert:
    """A row of which nothing else is known: each column that must be set has some value of its type."""
    made = metadata.tables[table]
    some: list[tuple[type[sa.types.TypeEngine[Any]], object]] = [
        (sa.Boolean, False), (sa.Integer, 1), (sa.LargeBinary, b"x"), (sa.JSON, {}), (sa.Float, NOW), (sa.Numeric, 1), (sa.String, "x"),
    ]  # fmt: skip
    needed = [
        c
        for c in made.columns
        if not c.nullable and not c.primary_key and c.server_default is None and c.computed is None and c.name not in given
    ]
    values = {c.name: next((value for kind, value in some if isinstance(c.type, kind)), "x") for c in needed}
    return made.insert().values(**(values | given))


def test_documents_and_records_are_what_they_were_though_columns_are_gone(store: Store, tmp_path: Path) -> None:
    """A note that had been sent is not sent again, and what hangs on an order still does."""
    before = tmp_path / "before"
    shutil.copytree(migrate.SCRIPTS, before, ignore=shutil.ignore_patterns("__pycache__", "r0015*", "r0016*"))
    migrate.upgrade(store, before)
    fill(store)
    with store.write() as c:
        c.execute(row("connection", id=2, tenant_id=1, name="Loja", role="storefront"))
        c.execute(row("integration", id=1, tenant_id=1, erp_id=1, storefront_id=2))
        c.execute(row("shop_order", id=1, tenant_id=1, integration_id=1, key="o1"))
        c.execute(row("part", id=1, tenant_id=1, integration_id=1, order_id=1))
        for key, sent_at in (("note/1", NOW), ("note/2", None)):
            c.execute(row("document", tenant_id=1, integration_id=1, order_id=1, part_id=1, key=key, sent_at=sent_at))
        for key in ("p1", "p2"):
            c.execute(row("record", tenant_id=1, integration_id=1, kind="product", key=key, have=b"x" if key == "p1" else None))
        for key, origin in (("p1", "made"), ("p2", "listed")):
            c.execute(row("link", tenant_id=1, integration_id=1, kind="product", key=key, remote=key, origin=origin))
    migrate.upgrade(store)
    with store.read() as c:
        assert c.exec_driver_sql("SELECT key, origin FROM link ORDER BY id").all() == [("p1", "unfinished"), ("p2", "listed")]
        assert c.exec_driver_sql("SELECT key, sent_at FROM document ORDER BY id").all() == [("note/1", NOW), ("note/2", None)]
        assert c.exec_driver_sql("SELECT key, state FROM record ORDER BY id").all() == [("p1", "settled"), ("p2", "to_send")]
    with pytest.raises(DBAPIError), store.write() as c:  # one of a key, as before
        c.execute(row("document", tenant_id=1, integration_id=1, order_id=1, part_id=1, key="note/1"))
    with store.write() as c:
        c.exec_driver_sql("DELETE FROM shop_order")
    with store.read() as c:
        assert c.exec_driver_sql("SELECT count(*) FROM document").scalar_one() == 0
