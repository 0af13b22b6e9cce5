"""Every table. Instants are seconds since 1970 (UTC) as doubles; documents are msgpack, compressed where it helps (`store.blobs`)."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import sqlalchemy as sa
from sqlalchemy import event

from engate.local import BRASILIA

metadata = sa.MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "fk": "fk_%(table_name)s_%(column_0_name)s",
        "pk": "pk_%(table_name)s",
    }
)


class Exact(sa.types.TypeDecorator[Decimal]):
    """An exact decimal: SQLite has no such type and would store a float."""

    impl = sa.Numeric
    cache_ok = True

    def load_dialect_impl(self, dialect: sa.Dialect) -> sa.types.TypeEngine[Any]:
        return dialect.type_descriptor(sa.String(40) if dialect.name == "sqlite" else sa.Numeric(18, 6))

    def process_bind_param(self, value: Decimal | None, dialect: sa.Dialect) -> Any:
        return format(value, "f") if value is not None and dialect.name == "sqlite" else value

    def process_result_value(self, value: Any, dialect: sa.Dialect) -> Decimal | None:
        return Decimal(value) if value is not None else None


NULLABLE = sa.JSON(none_as_null=True)
"""None is stored as NULL, not as the text `null`, which conditions could not find."""
Id = sa.BigInteger().with_variant(sa.Integer, "sqlite")
Key = sa.String(200).with_variant(sa.String(200, collation="C"), "postgresql")
"""A platform's key. In byte order on both databases: keys that begin with "100" are then one range of an index, whatever the language."""


def _id() -> sa.Column[int]:
    """SQLite reuses the highest id after a delete unless the table has `sqlite_autoincrement`. Tables whose ids people or processes
    remember have it."""
    return sa.Column("id", Id, primary_key=True)


def _tenant() -> sa.Column[int]:
    return sa.Column("tenant_id", Id, sa.ForeignKey("tenant.id", ondelete="CASCADE"), nullable=False)


def _integration(*, primary_key: bool = False) -> sa.Column[int]:
    return sa.Column("integration_id", Id, sa.ForeignKey("integration.id", ondelete="CASCADE"), nullable=False, primary_key=primary_key)


def _at(name: str, *, nullable: bool = True) -> sa.Column[float]:
    return sa.Column(name, sa.Double, nullable=nullable)


def _where(index: sa.Index, condition: str) -> sa.Index:
    """A partial index, only of the rows that queries need: smaller, and unchanged when other rows change."""
    for dialect in ("sqlite", "postgresql"):
        index.dialect_options[dialect]["where"] = sa.text(condition)
    return index


tenant = sa.Table(
    "tenant", metadata, _id(),
    sa.Column("name", sa.String(200), nullable=False, unique=True),
    _at("created_at", nullable=False),
    sa.Column("zone", sa.String(40), nullable=False, server_default=BRASILIA),  # of its people's times
    sqlite_autoincrement=True,
)  # fmt: skip

api_key = sa.Table(
    "api_key", metadata, _id(), _tenant(),
    sa.Column("name", sa.String(200), nullable=False),
    sa.Column("role", sa.String(10), nullable=False),  # admin | operator | read
    sa.Column("hash", sa.LargeBinary, nullable=False, unique=True),  # SHA-256 of a 256-bit random key: no salt needed
    sa.Column("start", sa.String(12), nullable=False),  # its first characters, to recognise it in lists
    _at("created_at", nullable=False), _at("revoked_at"), _at("used_at"),
    sqlite_autoincrement=True,
)  # fmt: skip

installation = sa.Table(
    "installation", metadata,
    sa.Column("name", sa.String(40), primary_key=True),  # "key_hash", "secret_check"
    sa.Column("value", sa.LargeBinary, nullable=False),
)  # fmt: skip

connection = sa.Table(
    "connection", metadata, _id(), _tenant(),
    sa.Column("name", sa.String(200), nullable=False),
    sa.Column("platform", sa.String(60), nullable=False),
    sa.Column("role", sa.String(10), nullable=False),
    sa.Column("settings", sa.JSON, nullable=False),  # without secrets
    sa.Column("revision", sa.Integer, nullable=False, server_default="1"),
    sa.Column("identity", sa.String(300), nullable=False, server_default=""),
    sa.Column("checks", NULLABLE),  # the last test, line by line
    _at("tested_at"),
    sa.Column("passed", sa.Boolean, nullable=False, server_default=sa.false()),
    sa.Column("passed_revision", sa.Integer),  # the last revision that passed a test: lanes do not work with another one
    sa.Column("health", sa.String(20), nullable=False, server_default="ok"),  # ok | degraded | reauth_required
    sa.Column("health_cause", NULLABLE),  # {code, text, hint}
    sa.Column("facts", NULLABLE),  # what the plugin learnt of the account
    sa.Column("learned", sa.Integer, nullable=False, server_default="0"),  # raised when the facts change
    _at("probed_at"),
    sa.Column("door", sa.Integer, nullable=False, server_default="1"),  # part of the door's address: raising it changes the address
    sa.Column("calls_us", sa.Boolean, nullable=False, server_default=sa.false()),  # nothing works before the platform's first call
    _at("contacted_at"),  # when the platform last called and was answered, to the minute
    _at("calls_until"),  # until then every call is kept
    _at("created_at", nullable=False),
    sa.UniqueConstraint("tenant_id", "name"),
    sqlite_autoincrement=True,
)  # fmt: skip

secret = sa.Table(
    "secret", metadata,
    sa.Column("connection_id", Id, sa.ForeignKey("connection.id", ondelete="CASCADE"), primary_key=True),
    sa.Column("field", sa.String(60), primary_key=True),
    sa.Column("key_id", sa.String(16), nullable=False),
    sa.Column("sealed", sa.LargeBinary, nullable=False),
)  # fmt: skip

token = sa.Table(
    "token", metadata,
    sa.Column("connection_id", Id, sa.ForeignKey("connection.id", ondelete="CASCADE"), primary_key=True),
    sa.Column("generation", sa.Integer, nullable=False, server_default="0"),
    sa.Column("sealed", sa.LargeBinary),
    _at("expires_at"),
    sa.Column("lease", sa.String(40)),
    sa.Column("lease_until", sa.Double, nullable=False, server_default="0"),  # real time
)  # fmt: skip

integration = sa.Table(
    "integration", metadata, _id(), _tenant(),
    sa.Column("name", sa.String(200), nullable=False),
    sa.Column("erp_id", Id, sa.ForeignKey("connection.id"), nullable=False),
    sa.Column("storefront_id", Id, sa.ForeignKey("connection.id"), nullable=False),
    sa.Column("active", sa.Boolean, nullable=False, server_default=sa.false()),
    sa.Column("options", sa.JSON, nullable=False),
    sa.Column("mapping", sa.JSON, nullable=False),
    sa.Column("pilot", NULLABLE),  # the only SKUs that are pushed; null: all
    sa.Column("revision", sa.Integer, nullable=False, server_default="1"),
    _at("go_live_at"), _at("activated_at"), _at("created_at", nullable=False),
    sa.Column("shop", sa.String(400)),  # the storefront account whose events it reads since it went live; unique in the installation
    _at("deleted_at"),  # archived: only its open orders go on
    sa.UniqueConstraint("tenant_id", "name"),
    sa.UniqueConstraint("shop"),
    sqlite_autoincrement=True,
)  # fmt: skip
_where(sa.Index("ix_integration_storefront", integration.c.storefront_id, unique=True), "deleted_at IS NULL")

flow = sa.Table(
    "flow", metadata,
    _integration(primary_key=True),
    sa.Column("name", sa.String(30), primary_key=True),
    sa.Column("enabled", sa.Boolean, nullable=False, server_default=sa.true()),
    sa.Column("every", sa.Double),  # seconds between delta readings; null: the default of the flow
    sa.Column("full_every", sa.Double),
    _at("read_at"), _at("full_at"),  # when the last reading (the last full one) was complete
    sa.Column("cause_id", Id, sa.ForeignKey("cause.id", ondelete="SET NULL")),
)  # fmt: skip

reading = sa.Table(
    "reading", metadata,
    _integration(primary_key=True),
    sa.Column("kind", sa.String(20), primary_key=True),
    sa.Column("scope", sa.String(60), primary_key=True),
    sa.Column("watermark", sa.String(60)),  # of the last complete reading; the ERP's own string
    sa.Column("ahead", sa.String(60)),  # the newest stamp seen by the reading under way
    sa.Column("full", sa.Boolean, nullable=False, server_default=sa.false()),
    sa.Column("only", NULLABLE),  # keys; null: all
    sa.Column("cursor", sa.String(400)),  # where it goes on
    sa.Column("under_way", sa.Boolean, nullable=False, server_default=sa.false()),
    sa.Column("run_id", Id),
    sa.Column("entities", sa.BigInteger, nullable=False, server_default="0"),
    sa.Column("total", sa.BigInteger),  # of the list under way, by the platform's smallest count
    sa.Column("known", sa.BigInteger),  # entities of the last full reading that was whole
    sa.Column("short", sa.BigInteger),  # of the last full one that was too short to be believed
    _at("started_at"),
)  # fmt: skip

cause = sa.Table(
    "cause", metadata, _id(), _tenant(), _integration(),
    sa.Column("key", sa.String(200), nullable=False),
    sa.Column("code", sa.String(80), nullable=False),
    sa.Column("owner", sa.String(12), nullable=False),  # person (attention) | storefront (awaiting) | engate (waiting)
    sa.Column("text", sa.JSON, nullable=False), sa.Column("hint", sa.JSON, nullable=False),  # {pt, en}
    _at("since", nullable=False),
    sa.UniqueConstraint("integration_id", "key"),
    sa.Index("ix_cause_integration", "integration_id", "id"),
    sqlite_autoincrement=True,
)  # fmt: skip

record = sa.Table(
    "record", metadata, _id(), _tenant(), _integration(),
    sa.Column("kind", sa.String(20), nullable=False),
    sa.Column("key", Key, nullable=False),
    sa.Column("parent", Key),  # key of its parent record, which must be in the storefront first
    sa.Column("doc", sa.LargeBinary, nullable=False),  # as last read from the ERP
    sa.Column("want", sa.LargeBinary, nullable=False),  # digest of what the storefront should have
    sa.Column("have", sa.LargeBinary),  # digest of what it last accepted; null: never, or unknown
    sa.Column("have_doc", sa.LargeBinary),  # what it last accepted
    sa.Column("sent", sa.LargeBinary),  # digest under way or of unknown effect
    _at("sent_at"),
    sa.Column("answer", sa.String(300)),  # the storefront's last answer
    _at("answered_at"),
    _at("turned_at"),  # when the accepted state began to let a buyer buy, or ceased to; 12 units instead of 10 is no such turn
    sa.Column("cause_id", Id, sa.ForeignKey("cause.id", ondelete="SET NULL")),
    sa.Column("tries", sa.Integer, nullable=False, server_default="0"),
    sa.Column("not_before", sa.Double, nullable=False, server_default="0"),
    sa.Column("run_id", Id),
    _at("read_at", nullable=False),
    sa.Column("turn", sa.BigInteger, nullable=False, server_default="0"),  # number of the last decision to send it: see `Item.turn`
    sa.Column("operation_id", Id),  # its open operation of the storefront: not claimed until that is over
    sa.Column("turn_of", sa.LargeBinary),  # its digest; null: it was answered, or no longer holds; empty: it goes to a former place
    sa.Column(
        "state", sa.String(10),
        sa.Computed(
            "CASE WHEN sent IS NOT NULL THEN 'sent' WHEN cause_id IS NOT NULL THEN 'waiting' "
            "WHEN have = want THEN 'settled' ELSE 'to_send' END",
            persisted=True,
        ),
    ),
    sa.UniqueConstraint("integration_id", "kind", "key"),
    sa.Index("ix_record_state", "integration_id", "kind", "state", "id"),
    sa.Index("ix_record_parent", "integration_id", "kind", "parent"),
    _where(sa.Index("ix_record_cause", "cause_id", "kind", "id"), "cause_id IS NOT NULL"),
    sa.Index("ix_record_run", "run_id", "state"),
    _where(sa.Index("ix_record_operation", "operation_id"), "operation_id IS NOT NULL"),
)  # fmt: skip

operation = sa.Table(
    "operation", metadata, _id(), _tenant(), _integration(),
    sa.Column("kind", sa.String(20), nullable=False),
    sa.Column("ticket", sa.String(400), nullable=False),  # what the storefront calls it
    sa.Column("items", sa.LargeBinary, nullable=False),  # what was sent, to check its outcome
    _at("started_at", nullable=False), _at("until", nullable=False),  # `until`: it is given up then
    sa.Index("ix_operation_integration", "integration_id"),
    sqlite_autoincrement=True,
)  # fmt: skip
"""Open operations. The due time of its lane says when each is checked next."""

record_count = sa.Table(
    "record_count", metadata,
    _integration(primary_key=True),
    sa.Column("kind", sa.String(20), primary_key=True),
    sa.Column("run_id", Id, primary_key=True, autoincrement=False),  # 0: of no run
    sa.Column("n", sa.BigInteger, nullable=False),
    sa.Index("ix_record_count_run", "run_id"),
)  # fmt: skip
"""How many records there are, of each kind and of each run. Triggers below keep it, so it is always exact.
States are not counted here: the few unsettled records are counted by `ix_record_state`."""

_UP = """INSERT INTO record_count (integration_id, kind, run_id, n) VALUES (NEW.integration_id, NEW.kind, coalesce(NEW.run_id, 0), 1)
  ON CONFLICT (integration_id, kind, run_id) DO UPDATE SET n = record_count.n + 1;"""
_DOWN = """UPDATE record_count SET n = n - 1
  WHERE integration_id = OLD.integration_id AND kind = OLD.kind AND run_id = coalesce(OLD.run_id, 0);"""
_EMPTY = """DELETE FROM record_count
  WHERE integration_id = OLD.integration_id AND kind = OLD.kind AND run_id = coalesce(OLD.run_id, 0) AND n = 0;"""
COUNTING = {
    "sqlite": (
        f"CREATE TRIGGER record_count_insert AFTER INSERT ON record BEGIN\n  {_UP}\nEND",
        f"CREATE TRIGGER record_count_delete AFTER DELETE ON record BEGIN\n  {_DOWN}\n  {_EMPTY}\nEND",
        "CREATE TRIGGER record_count_update AFTER UPDATE OF run_id ON record WHEN OLD.run_id IS NOT NEW.run_id BEGIN\n"
        f"  {_DOWN}\n  {_EMPTY}\n  {_UP}\nEND",
    ),
    # once for each statement: one that adds 500 rows counts once
    "postgresql": (
        """CREATE FUNCTION record_count_insert() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
  INSERT INTO record_count (integration_id, kind, run_id, n)
  SELECT integration_id, kind, coalesce(run_id, 0), count(*) FROM added GROUP BY 1, 2, 3
  ON CONFLICT (integration_id, kind, run_id) DO UPDATE SET n = record_count.n + excluded.n;
  RETURN NULL;
END $$""",
        """CREATE FUNCTION record_count_delete() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
  UPDATE record_count c SET n = c.n - gone.n
  FROM (SELECT integration_id, kind, coalesce(run_id, 0) AS run_id, count(*) AS n FROM removed GROUP BY 1, 2, 3) gone
  WHERE c.integration_id = gone.integration_id AND c.kind = gone.kind AND c.run_id = gone.run_id;
  DELETE FROM record_count WHERE n = 0 AND integration_id IN (SELECT integration_id FROM removed);
  RETURN NULL;
END $$""",
        f"""CREATE FUNCTION record_count_update() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
  {_DOWN}
  {_EMPTY}
  {_UP}
  RETURN NULL;
END $$""",
        "CREATE TRIGGER record_count_insert AFTER INSERT ON record REFERENCING NEW TABLE AS added "
        "FOR EACH STATEMENT EXECUTE FUNCTION record_count_insert()",
        "CREATE TRIGGER record_count_delete AFTER DELETE ON record REFERENCING OLD TABLE AS removed "
        "FOR EACH STATEMENT EXECUTE FUNCTION record_count_delete()",
        "CREATE TRIGGER record_count_update AFTER UPDATE OF run_id ON record FOR EACH ROW "
        "WHEN (OLD.run_id IS DISTINCT FROM NEW.run_id) EXECUTE FUNCTION record_count_update()",
    ),
}


def _count(_target: object, c: sa.Connection, **_: object) -> None:
    for statement in COUNTING[c.dialect.name]:
        c.exec_driver_sql(statement)


event.listen(record, "after_create", _count)

link = sa.Table(
    "link", metadata, _id(), _tenant(), _integration(),
    sa.Column("kind", sa.String(20), nullable=False),
    sa.Column("key", Key, nullable=False),
    sa.Column("remote", Key, nullable=False),
    sa.Column("more", Key, nullable=False, server_default=""),  # a second key of the same thing, where the storefront has two
    sa.Column("origin", sa.String(10), nullable=False),  # engate | unfinished | listed | person: see `links.Origin`
    _at("at", nullable=False),
    sa.UniqueConstraint("integration_id", "kind", "key"),
    sa.Index("ix_link_remote", "integration_id", "kind", "remote"),
    sa.Index("ix_link_kind", "integration_id", "kind", "id"),
)  # fmt: skip

run = sa.Table(
    "run", metadata, _id(), _tenant(), _integration(),
    sa.Column("flow", sa.String(30), nullable=False),
    sa.Column("trigger", sa.String(12), nullable=False),  # schedule | request | activation | options | webhook
    sa.Column("full", sa.Boolean, nullable=False, server_default=sa.false()),
    sa.Column("only", NULLABLE),  # kind -> keys; null: all
    sa.Column("state", sa.String(10), nullable=False),  # reading | pushing | done | failed | cancelled
    _at("started_at", nullable=False), _at("ended_at"),
    sa.Column("entities", sa.BigInteger, nullable=False, server_default="0"),  # read so far
    sa.Column("changed", sa.BigInteger, nullable=False, server_default="0"),  # of these, to be pushed anew
    sa.Column("pushed", sa.BigInteger, nullable=False, server_default="0"),  # accepted by the storefront
    sa.Column("error", NULLABLE),
    sa.Index("ix_run_integration", "integration_id", "id"),
    sa.Index("ix_run_flow", "integration_id", "flow", "id"),
    sqlite_autoincrement=True,
)  # fmt: skip

_SCHEDULED = sa.text("ready_at IS NOT NULL")

lane = sa.Table(
    "lane", metadata, _id(), _tenant(), _integration(),
    sa.Column("name", sa.String(230), nullable=False),  # "order/1234", "read/stock", "push/price", …
    sa.Column("prio", sa.SmallInteger, nullable=False),  # lower goes first: orders, stock, catalogue
    sa.Column("due_at", sa.Double),  # null: nothing to do; a schedule sets the next one on settle
    sa.Column("not_before", sa.Double, server_default="0", nullable=False),  # back-off: a new event does not shorten it
    sa.Column("wanted", sa.BigInteger, server_default="1", nullable=False),
    sa.Column("tries", sa.Integer, server_default="0", nullable=False),
    sa.Column("lease", sa.String(60)),
    sa.Column("lease_until", sa.Double, server_default="0", nullable=False),  # real time
    sa.Column("cancel", sa.Boolean, server_default=sa.false(), nullable=False),
    sa.Column("trouble_of", Id),  # the connection that failed this lane, until the lane gets through
    sa.Column("trouble", NULLABLE),  # {code, text, hint, cause}; `cause`: key of the cause that ends with it
    sa.Column(
        "ready_at", sa.Double,
        sa.Computed("CASE WHEN not_before > due_at THEN not_before ELSE due_at END", persisted=True),
    ),
    sa.UniqueConstraint("integration_id", "name"),
    sa.Index("ix_lane_ready", "ready_at", "integration_id"),
    sa.Index("ix_lane_first", "integration_id", "prio", "ready_at", sqlite_where=_SCHEDULED, postgresql_where=_SCHEDULED),
    sa.Index("ix_lane_lease", "lease_until"),
    sa.Index("ix_lane_trouble", "trouble_of"),
)  # fmt: skip

slice_count = sa.Table(
    "slice_count", metadata,
    sa.Column("worker", sa.String(60), primary_key=True),
    sa.Column("slices", sa.BigInteger, nullable=False),
    _at("seen_at", nullable=False),
)  # fmt: skip

inbox = sa.Table(
    "inbox", metadata, _id(), _tenant(), _integration(),
    sa.Column("key", sa.String(200), nullable=False),
    sa.Column("order_key", sa.String(200), nullable=False),
    sa.Column("raw_state", sa.String(80), nullable=False),
    _at("received_at", nullable=False), _at("handled_at"),
    sa.Column("doc", sa.LargeBinary),  # the order that the event carries; null when the event is handled
    sa.UniqueConstraint("integration_id", "key"),
    sa.Index("ix_inbox_order", "integration_id", "order_key"),
    _where(sa.Index("ix_inbox_unhandled", "integration_id", "order_key"), "handled_at IS NULL"),
)  # fmt: skip

delivery = sa.Table(
    "delivery", metadata, _id(), _tenant(),
    sa.Column("connection_id", Id, sa.ForeignKey("connection.id", ondelete="CASCADE"), nullable=False),
    sa.Column("key", sa.String(200), nullable=False),  # the platform's id of the delivery
    _at("received_at", nullable=False),
    sa.Column("method", sa.String(10), nullable=False),
    sa.Column("path", sa.String(200), nullable=False),
    sa.Column("body", sa.LargeBinary, nullable=False),  # compressed
    sa.Column("size", sa.Integer, nullable=False),  # bytes, uncompressed
    sa.Column("outcome", sa.String(10), nullable=False),  # taken | unheard (no integration is live) | refused | rejected
    sa.Column("reason", sa.String(200), nullable=False, server_default=""),
    sa.Column("about", sa.JSON, nullable=False),  # {orders: [key], changed: {kind: [key]}}
    sa.Column("times", sa.Integer, nullable=False, server_default="1"),  # how often it came
    sa.UniqueConstraint("connection_id", "key"),
    sa.Index("ix_delivery_connection", "connection_id", "id"),
    sa.Index("ix_delivery_received", "received_at"),
    sqlite_autoincrement=True,
)  # fmt: skip
"""Deliveries. Calls that did not come from the platform are one row for each reason."""

call = sa.Table(
    "call", metadata, _id(), _tenant(),
    sa.Column("connection_id", Id, sa.ForeignKey("connection.id", ondelete="CASCADE"), nullable=False),
    sa.Column("integration_id", Id, sa.ForeignKey("integration.id", ondelete="CASCADE")),  # null: none, as in a test of the account
    _at("at", nullable=False),  # when it ended
    sa.Column("hook", sa.String(40), nullable=False),  # "": of none
    sa.Column("method", sa.String(10), nullable=False),
    sa.Column("operation", sa.String(200), nullable=False),  # the path's template
    sa.Column("status", sa.Integer, nullable=False),  # 0: no answer
    sa.Column("outcome", sa.String(8), nullable=False),  # ok | refused | failed | unknown
    sa.Column("error", sa.String(80), nullable=False, server_default=""),  # the code of its error
    sa.Column("ms", sa.Integer, nullable=False),
    sa.Column("attempt", sa.Integer, nullable=False),
    sa.Column("order_key", Key),  # the shop's key of the order it was about
    sa.Column("example", sa.Integer, nullable=False),  # 1: an example, deleted first where there are too many
    sa.Column("said", sa.LargeBinary, nullable=False),  # path, request, answer: everything that may name a buyer
    # each index alone gives the calls of a list, newest first
    sa.Index("ix_call_tenant", "tenant_id", "id", "outcome", "at"),
    sa.Index("ix_call_connection", "connection_id", "id", "tenant_id", "outcome", "at"),
    sa.Index("ix_call_integration", "integration_id", "id", "tenant_id", "outcome", "at"),
    _where(sa.Index("ix_call_order", "tenant_id", "order_key", "id"), "order_key IS NOT NULL"),
    _where(sa.Index("ix_call_example", "tenant_id", "id"), "example = 1"),
    sa.Index("ix_call_at", "at"),
    sqlite_autoincrement=True,
)  # fmt: skip
"""The journal of calls, kept for some days."""

call_record = sa.Table(
    "call_record", metadata,
    sa.Column("tenant_id", Id, primary_key=True, autoincrement=False),
    sa.Column("kind", sa.String(20), primary_key=True),
    sa.Column("key", Key, primary_key=True),
    sa.Column("call_id", Id, sa.ForeignKey("call.id", ondelete="CASCADE"), primary_key=True, autoincrement=False),
    sa.Index("ix_call_record_call", "call_id"),
)  # fmt: skip
"""The records that a call was about."""

outbox = sa.Table(
    "outbox", metadata, _id(), _tenant(), _integration(),
    sa.Column("kind", sa.String(12), nullable=False),  # observer | mail
    sa.Column("target", sa.String(200), nullable=False),  # an observer's name, or "buyers"
    sa.Column("key", sa.String(320), nullable=False),  # what it tells of; unique for a target
    sa.Column("payload", sa.JSON, nullable=False),
    _at("since", nullable=False),  # its age counts from here: the event, or a person's retry
    _at("due_at", nullable=False),
    sa.Column("tries", sa.Integer, nullable=False, server_default="0"),  # that failed
    sa.Column("error", sa.String(300), nullable=False, server_default=""),  # of the last try
    _at("sent_at"),
    sa.Column("cause_id", Id, sa.ForeignKey("cause.id", ondelete="SET NULL")),  # why it has not been told
    _at("given_up_at"),  # with a cause: not tried any more until a person asks for a retry
    sa.UniqueConstraint("integration_id", "kind", "target", "key"),
    sqlite_autoincrement=True,
)  # fmt: skip
"""The outbox: messages, written in the transaction of the step that they tell of. Sent ones are kept for some days."""
_where(
    sa.Index("ix_outbox_unsent", outbox.c.integration_id, outbox.c.kind, outbox.c.target, outbox.c.due_at, outbox.c.id),
    "sent_at IS NULL AND (given_up_at IS NULL OR cause_id IS NULL)",
)
_where(sa.Index("ix_outbox_sent", outbox.c.sent_at), "sent_at IS NOT NULL")
_where(sa.Index("ix_outbox_cause", outbox.c.cause_id), "cause_id IS NOT NULL")

mail_server = sa.Table(
    "mail_server", metadata,
    sa.Column("tenant_id", Id, sa.ForeignKey("tenant.id", ondelete="CASCADE"), primary_key=True, autoincrement=False),
    sa.Column("settings", sa.JSON, nullable=False),  # without the password
    sa.Column("key_id", sa.String(16), nullable=False),
    sa.Column("password", sa.LargeBinary),  # sealed; null: none
    sa.Column("revision", sa.Integer, nullable=False, server_default="1"),
    sa.Column("refused", NULLABLE),  # {code, text, hint}: why it refused; no try before a person has changed or tested it
)  # fmt: skip
"""The server that sends a tenant's letters to buyers."""

audit = sa.Table(
    "audit", metadata, _id(), _tenant(),
    _at("at", nullable=False),
    sa.Column("key_id", Id),  # null: the installation key. No foreign keys: lines stay when their things are deleted
    sa.Column("key_name", sa.String(200), nullable=False),
    sa.Column("role", sa.String(12), nullable=False),
    sa.Column("what", sa.String(40), nullable=False),  # of `store.audit.ACTS`: "connection.changed"
    sa.Column("thing", sa.String(240), nullable=False),  # its id or key
    sa.Column("name", sa.String(300), nullable=False),  # its name then
    sa.Column("integration_id", Id),
    sa.Column("changes", sa.JSON, nullable=False),  # [{field, before, after, secret}]
    sa.Index("ix_audit_tenant", "tenant_id", "id"),
    sa.Index("ix_audit_at", "at"),
    sqlite_autoincrement=True,
)  # fmt: skip
"""The audit trail, written in the transaction of each change."""

told_key = sa.Table(
    "told_key", metadata,
    _integration(primary_key=True),
    sa.Column("kind", sa.String(20), primary_key=True),
    sa.Column("key", Key, primary_key=True),
    sa.Column("run_id", Id),  # the run that reads it; null: none yet
    _at("at", nullable=False),
)  # fmt: skip
"""Keys that the ERP said have changed, until they have been read."""

order = sa.Table(
    "shop_order", metadata, _id(), _tenant(), _integration(),
    sa.Column("key", Key, nullable=False),
    sa.Column("state", sa.String(20), nullable=False),  # the least advanced live part's
    sa.Column("shop_state", sa.String(20), nullable=False),
    sa.Column("raw_state", sa.String(80), nullable=False),
    sa.Column("doc", sa.LargeBinary, nullable=False),
    sa.Column("total", sa.Numeric(14, 2), nullable=False),
    sa.Column("was_ready", sa.Boolean, nullable=False, server_default=sa.false()),
    sa.Column("charged", sa.Numeric(14, 2)),  # what the buyer paid when the parts were made; null: no parts yet
    sa.Column("refunded_before", sa.Numeric(14, 2), nullable=False, server_default="0"),  # what the shop had refunded by then
    _at("refusal_sent_at"),  # when the shop was told that a requested cancellation comes too late
    sa.Column("cause_id", Id, sa.ForeignKey("cause.id", ondelete="SET NULL")),
    sa.Column("told_cause", Id),  # the cause that people were last told of, until it is over; its row may be deleted
    _at("placed_at", nullable=False), _at("read_at", nullable=False), _at("created_at", nullable=False), _at("changed_at", nullable=False),
    sa.Column("channel", sa.String(100), nullable=False, server_default=""),  # as the shop tells it
    _at("mail_shipped_at"), _at("mail_delivered_at"),  # when the letter was put into the outbox: at most one of each
    _at("erased_at"),  # when its buyer was erased: later data is stored without a buyer too
    sa.UniqueConstraint("integration_id", "key"),
    # each index alone gives the orders of a list: a small tenant's are not searched among a large one's
    sa.Index("ix_shop_order_newest", "integration_id", "id", "cause_id", "channel"),
    sa.Index("ix_shop_order_state", "integration_id", "state", "id", "cause_id"),
    sa.Index("ix_shop_order_placed", "integration_id", "placed_at", "id", "cause_id", "channel"),
    _where(sa.Index("ix_shop_order_waiting", "integration_id", "id", "cause_id", "channel"), "cause_id IS NOT NULL"),
    _where(sa.Index("ix_shop_order_cause", "cause_id"), "cause_id IS NOT NULL"),
    _where(sa.Index("ix_shop_order_held", "placed_at"), "erased_at IS NULL"),
)  # fmt: skip

order_cause = sa.Table(
    "order_cause", metadata, _id(),
    sa.Column("order_id", Id, sa.ForeignKey("shop_order.id", ondelete="CASCADE"), nullable=False),
    sa.Column("cause_id", Id, sa.ForeignKey("cause.id", ondelete="CASCADE"), nullable=False),
    sa.UniqueConstraint("order_id", "cause_id"),
    sa.Index("ix_order_cause_cause", "cause_id", "id"),
)  # fmt: skip
"""All causes that each order, or a letter of it, has waited for: their words may name its buyer. The first to wait has the lowest id."""

part = sa.Table(
    "part", metadata, _id(), _tenant(), _integration(),
    sa.Column("order_id", Id, sa.ForeignKey("shop_order.id", ondelete="CASCADE"), nullable=False),
    sa.Column("no", sa.Integer, nullable=False),
    sa.Column("reference", sa.String(200), nullable=False),
    sa.Column("branch", sa.String(60), nullable=False),
    sa.Column("doc", sa.LargeBinary, nullable=False),
    sa.Column("state", sa.String(20), nullable=False),
    sa.Column("erp_key", sa.String(100)),
    sa.Column("sending", sa.Boolean, nullable=False, server_default=sa.false()),  # an import was sent, effect unknown
    _at("sent_at"),
    sa.Column("attempt", sa.Integer, nullable=False, server_default="0"),
    sa.Column("looks", sa.Integer, nullable=False, server_default="0"),
    sa.Column("erp_state", sa.String(20)),
    sa.Column("erp_doc", sa.LargeBinary),
    _at("handling_sent_at"), _at("tracking_sent_at"), _at("delivery_sent_at"), _at("cancel_sent_at"), _at("finished_at"),
    sa.Column("change", sa.LargeBinary),  # what the shop was asked to take out, because the ERP did not attend it
    sa.Column("given_back_before", sa.Numeric(14, 2), nullable=False, server_default="0"),  # refunded to the buyer before that change
    _at("change_sent_at"),  # when the shop showed the change; null with a `change`: under way or refused
    sa.Column("change_refused", NULLABLE),  # the shop's words, cleared by a person's retry
    sa.UniqueConstraint("order_id", "no"),
    sa.Index("ix_part_erp_key", "integration_id", "erp_key"),
    sa.Index("ix_part_reference", "integration_id", "reference"),
)  # fmt: skip

unit = sa.Table(
    "unit", metadata, _id(), _integration(),
    sa.Column("order_id", Id, sa.ForeignKey("shop_order.id", ondelete="CASCADE"), nullable=False),
    sa.Column("sku", sa.String(200), nullable=False),  # the ERP's key
    sa.Column("branch", sa.String(60), nullable=False),
    sa.Column("quantity", Exact, nullable=False),
    _at("freed_at"),
    sa.Index("ix_unit_sku", "integration_id", "sku"),
    sa.Index("ix_unit_order", "order_id"),
)  # fmt: skip
"""Units of stored orders that the ERP did not reserve when it was read; the stock formula subtracts them. `freed_at`: when the ERP took
the order over; readings asked for before that still subtract them."""

document = sa.Table(
    "document", metadata, _id(), _tenant(), _integration(),
    sa.Column("order_id", Id, sa.ForeignKey("shop_order.id", ondelete="CASCADE"), nullable=False),
    sa.Column("part_id", Id, sa.ForeignKey("part.id", ondelete="CASCADE"), nullable=False),
    sa.Column("key", sa.String(60), nullable=False),
    sa.Column("doc", sa.LargeBinary, nullable=False),
    _at("created_at", nullable=False), _at("sent_at"),
    sa.UniqueConstraint("part_id", "key"),
    sa.Index("ix_document_order", "order_id", "id"),
)  # fmt: skip

shipment = sa.Table(
    "shipment", metadata,
    sa.Column("part_id", Id, sa.ForeignKey("part.id", ondelete="CASCADE"), primary_key=True),
    sa.Column("key", sa.String(100), primary_key=True),
    _at("sent_at", nullable=False),
)  # fmt: skip
"""Shipments that the storefront knows."""

task = sa.Table(
    "task", metadata, _id(), _tenant(), _integration(),
    sa.Column("order_id", Id, sa.ForeignKey("shop_order.id", ondelete="CASCADE"), nullable=False),
    sa.Column("code", sa.String(80), nullable=False),
    sa.Column("amount", sa.Numeric(14, 2), nullable=False),  # reais charged and neither invoiced nor refunded; negative: too much
    sa.Column("text", sa.JSON, nullable=False), sa.Column("hint", sa.JSON, nullable=False),  # {pt, en}
    _at("opened_at", nullable=False), _at("closed_at"),
    sa.Column("closed_by", sa.String(12)),  # person | engate (the shop shows that it is settled)
    sa.Column("note", sa.String(500)),  # the person's note
    sa.UniqueConstraint("order_id", "code"),
)  # fmt: skip
"""Tasks of orders. Only a person closes one, or engate when the sums agree again."""

step = sa.Table(
    "step", metadata, _id(), _tenant(), _integration(),
    sa.Column("order_id", Id, sa.ForeignKey("shop_order.id", ondelete="CASCADE"), nullable=False),
    sa.Column("part_no", sa.Integer),
    sa.Column("name", sa.String(40), nullable=False),
    sa.Column("text", sa.JSON, nullable=False),
    _at("at", nullable=False),
    sa.Index("ix_step_order", "order_id", "id"),
)  # fmt: skip

key_index = sa.Table(
    "key_index", metadata,
    _integration(primary_key=True),
    sa.Column("key", Key, primary_key=True),  # EAN, shop id, ERP order number, note number or key, CPF/CNPJ
    sa.Column("kind", sa.String(20), primary_key=True),  # "order" or a record kind
    sa.Column("target", Key, primary_key=True),
    sa.Index("ix_key_index_target", "integration_id", "target", "kind", "key"),  # all columns, else SQLite would not use it
)  # fmt: skip
