"""Keys, connections, integrations and their flows, as people see them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

import msgspec
import sqlalchemy as sa

from engate import titles
from engate.domain.flows import FLOWS
from engate.domain.mapping import PairMapping
from engate.domain.options import Options, resting
from engate.local import when
from engate.store import config
from engate.store.tables import api_key, cause, connection, flow, integration, run, secret
from engate.text import NO_TEXT, Text
from engate.views.paging import Rows, Window, each, instant, page

WORST = ("reauth_required", "degraded", "ok")


class Key(msgspec.Struct):
    """`start`: its first characters, to recognise it; the key itself is never stored."""

    id: int
    name: str
    role: str
    start: str
    created_at: datetime | None
    used_at: datetime | None


class Health(msgspec.Struct):
    state: str  # ok | degraded | reauth_required
    reason: Text | None = None
    hint: Text | None = None


class CheckLine(msgspec.Struct):
    """One line of a connection test."""

    name: str
    ok: bool
    text: Text
    hint: Text


class Door(NamedTuple):
    """The address at which the platform of a connection calls engate, if the caller may see it; or why there is none."""

    url: str | None = None
    why_not: Text | None = None


Doors = Callable[[Any], Door]
"""Connection row -> its door."""


class Connection(msgspec.Struct):
    """`secrets_set`: which secrets are stored; none is ever shown. `webhook_url`: the address that the platform calls, a secret: shown to
    admin keys. `webhook_why_not`: why it is not told of one, though its plugin could answer. `facts`: what the plugin learnt of the
    account. `contacted_at`: when the platform last called engate and was answered, to the minute. `calls_until`: until then all
    its calls are kept (`GET /calls`)."""

    id: int
    name: str
    platform: str
    role: str
    settings: dict[str, Any]
    secrets_set: list[str]
    status: str  # tested | untested | failed
    identity: str
    checks: list[CheckLine]
    tested_at: datetime | None
    health: Health
    facts: dict[str, str]
    webhook_url: str | None
    webhook_why_not: Text | None
    contacted_at: datetime | None
    calls_until: datetime | None


class FlowView(msgspec.Struct):
    """`offered`: this pair of accounts can run it, else `why` says what is missing. `every`, `full_every`: seconds."""

    name: str
    title: Text
    offered: bool
    why: Text | None
    enabled: bool
    every: float
    full_every: float | None
    read_at: datetime | None
    full_at: datetime | None
    error: dict[str, Any] | None


class Integration(msgspec.Struct):
    """`status`: Ativa | Inativa | Não conectada | Não instalada. `pilot`: the only SKUs that are pushed, null = all."""

    id: int
    name: str
    status: str
    health: Health
    erp_connection: int
    storefront_connection: int
    options: dict[str, Any]
    mapping: dict[str, Any]
    pilot: list[str] | None
    go_live_at: datetime | None
    flows: list[FlowView]
    status_title: Text = NO_TEXT

    def __post_init__(self) -> None:
        self.status_title = titles.state(titles.INTEGRATION_STATES, self.status)


# ---- keys ----


def keys(c: sa.Connection, tenant_id: int, window: Window) -> Rows[Key]:
    mine = config.mine(api_key, tenant_id, api_key.c.revoked_at.is_(None))
    return each(page(c, mine.with_only_columns(api_key.c.id), mine, window), _key)


def _key(row: Any) -> Key:
    return Key(row.id, row.name, row.role, row.start, instant(row.created_at), instant(row.used_at))


# ---- connections ----


def connections(c: sa.Connection, tenant_id: int, window: Window, doors: Doors) -> Rows[Connection]:
    mine = config.mine(connection, tenant_id)
    return each(page(c, mine.with_only_columns(connection.c.id), mine, window), lambda row: _connection(c, row, doors(row)))


def one_connection(c: sa.Connection, tenant_id: int, id: int, doors: Doors) -> Connection:
    row = config.connection_row(c, tenant_id, id)
    return _connection(c, row, doors(row))


def _connection(c: sa.Connection, row: Any, door: Door) -> Connection:
    fields = c.execute(sa.select(secret.c.field).where(secret.c.connection_id == row.id).order_by(secret.c.field)).scalars().all()
    status = "untested" if row.tested_at is None else "tested" if row.passed else "failed"
    checks = msgspec.convert(row.checks or [], list[CheckLine])
    return Connection(
        row.id,
        row.name,
        row.platform,
        row.role,
        row.settings,
        list(fields),
        status,
        row.identity,
        checks,
        instant(row.tested_at),
        _health(row),
        row.facts or {},
        door.url,
        door.why_not,
        instant(row.contacted_at),
        instant(row.calls_until),
    )


def _worst(*found: Health) -> Health:
    return min(found, key=lambda each: WORST.index(each.state))


def _silence(storefront: Any, options: Options, zone: ZoneInfo, now: float) -> Health:
    """The health of a shop that works by calling engate: if it stops, nothing moves, and no call of engate would fail."""
    at = storefront.contacted_at
    if not (storefront.calls_us and at is not None and options.silence_hours):
        return Health("ok")
    if now - at <= options.silence_hours * HOUR:
        return Health("ok")
    last = when(datetime.fromtimestamp(at, UTC), zone)
    return Health(
        "degraded",
        Text(f"A loja não chama o engate desde {last.pt}.", f"The shop has not called engate since {last.en}."),
        Text(
            "Veja no painel da loja se o app do ERP está ligado e se o token é o desta conexão; depois fale com o suporte dela.",
            "See in the shop's panel whether the ERP's app is on and whether the token is this connection's; then ask its support.",
        ),
    )


HOUR = 3600


def _health(row: Any) -> Health:
    """The trouble of calls; else of the last test; else that a change has not been tested yet."""
    if row.health != "ok":
        said: dict[str, Any] = row.health_cause or {}
        return Health(row.health, _text(said.get("text")), _text(said.get("hint")))
    failed = next((check for check in row.checks or () if not check["ok"]), None)
    if row.tested_at is not None and not row.passed and failed is not None:
        state = "reauth_required" if failed["name"] in CREDENTIALS else "degraded"
        return Health(state, _text(failed["text"]), _text(failed["hint"]))
    if row.tested_at is None and row.revision > 1:
        return Health("degraded", CHANGED, TEST_IT)
    return Health("ok")


CREDENTIALS = ("login", "auth_failed")
"""Lines of a test that are about credentials."""
CHANGED = Text("A conexão mudou e ainda não passou em um teste.", "The connection was changed and has not passed a test since.")
TEST_IT = Text("Teste a conexão.", "Test the connection.")


def _text(said: dict[str, str] | None) -> Text | None:
    return Text(said["pt"], said["en"]) if said else None


# ---- integrations ----


def integration_ids(c: sa.Connection, tenant_id: int, window: Window) -> Rows[int]:
    mine = config.mine(integration, tenant_id, integration.c.deleted_at.is_(None))
    return each(page(c, mine.with_only_columns(integration.c.id), mine, window), lambda row: row.id)


def why_not(c: sa.Connection, tenant_id: int, id: int) -> tuple[str, Text, Text] | None:
    """(code, why, what to do) where nothing of the integration can run now; else None."""
    row = config.integration_row(c, tenant_id, id)
    if not row.active:
        text = Text("A integração não está ativa.", "The integration is not active.")
        return "inactive", text, Text("Ative a integração antes.", "Activate it first.")
    sides = [config.connection_row(c, tenant_id, each) for each in (row.erp_id, row.storefront_id)]
    for side in sides:
        said = _health(side)
        if side.passed_revision != side.revision:
            why, hint = said.reason or CHANGED, said.hint or TEST_IT
            return "not_connected", Text(f"{side.name}: {why.pt}", f"{side.name}: {why.en}"), hint
        if side.health == "reauth_required":
            why = said.reason or Text("As credenciais foram recusadas.", "The credentials were refused.")
            hint = said.hint or Text("Renove as credenciais e teste a conexão.", "Renew the credentials and test the connection.")
            return "reauth_required", Text(f"{side.name}: {why.pt}", f"{side.name}: {why.en}"), hint
    return None


def integrations_of(c: sa.Connection, tenant_id: int, connection_id: int) -> list[int]:
    """Ids of the integrations that use a connection, including archived ones, which need it until their orders end."""
    uses = (integration.c.erp_id == connection_id) | (integration.c.storefront_id == connection_id)
    return [row.id for row in c.execute(config.mine(integration, tenant_id, uses))]


def one_integration(c: sa.Connection, tenant_id: int, id: int, offered: Mapping[str, Text | None], now: float) -> Integration:
    """`offered`: flow -> None where it is offered, else why not (`engate.domain.flows.offered`)."""
    row = config.integration_row(c, tenant_id, id)
    erp, storefront = (config.connection_row(c, tenant_id, each) for each in (row.erp_id, row.storefront_id))
    options = msgspec.convert(row.options, Options)
    silence = _silence(storefront, options, config.zone_of(c, tenant_id), now) if row.active else Health("ok")
    return Integration(
        row.id,
        row.name,
        config.status_of(row, erp, storefront),
        _worst(_health(erp), _health(storefront), silence),
        row.erp_id,
        row.storefront_id,
        whole(options),
        whole(msgspec.convert(row.mapping, PairMapping)),
        row.pilot,
        instant(row.go_live_at),
        _flows(c, id, options, offered),
    )


def whole(struct: msgspec.Struct) -> dict[str, Any]:
    """Every field, including defaults: people see the values in force."""
    return {field.name: msgspec.to_builtins(getattr(struct, field.name)) for field in msgspec.structs.fields(struct)}


def _flows(c: sa.Connection, id: int, options: Options, offered: Mapping[str, Text | None]) -> list[FlowView]:
    rows = {row.name: row for row in c.execute(sa.select(flow).where(flow.c.integration_id == id))}
    errors = _errors(c, id)
    shown: list[FlowView] = []
    for name, about in FLOWS.items():
        row = rows.get(name)
        why = offered[name]
        every = (row.every if row else None) or about.every
        full_every = (row.full_every if row else None) or about.full_every
        read_at, full_at = (instant(row.read_at), instant(row.full_at)) if row else (None, None)
        enabled = (row is None or row.enabled) and name not in resting(options)
        shown.append(FlowView(name, about.title, why is None, why, enabled, every, full_every, read_at, full_at, errors.get(name)))
    return shown


def _errors(c: sa.Connection, id: int) -> dict[str, dict[str, Any]]:
    """Flow -> what stops it now: its cause, else the error of its newest run, unless that has ended well."""
    last = [sa.select(sa.func.max(run.c.id)).where(run.c.integration_id == id, run.c.flow == name).scalar_subquery() for name in FLOWS]
    newest = [each for each in c.execute(sa.select(*last)).one() if each is not None]
    failing = sa.select(run.c.flow, run.c.error).where(
        run.c.id.in_(newest), run.c.error.is_not(None), run.c.state.in_(("reading", "failed"))
    )
    found = {row.flow: row.error for row in c.execute(failing) if row.error}
    stopped = (
        sa.select(flow.c.name, cause.c.code, cause.c.text, cause.c.hint)
        .join(cause, cause.c.id == flow.c.cause_id)
        .where(flow.c.integration_id == id)
    )
    return found | {row.name: {"code": row.code, "text": row.text, "hint": row.hint} for row in c.execute(stopped)}
