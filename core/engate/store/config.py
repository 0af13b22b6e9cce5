"""Tenants, keys, connections, integrations: what people configure. Every query is scoped to its tenant through `mine`."""

from __future__ import annotations

import secrets as random
from collections.abc import Iterable
from hashlib import sha256
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

import msgspec
import sqlalchemy as sa

from engate import local
from engate.domain.flows import FLOWS
from engate.domain.mapping import PairMapping
from engate.domain.options import Options, resting
from engate.domain.snapshot import Snapshot
from engate.errors import Invalid
from engate.model import Check
from engate.plugins import Manifest
from engate.secrets import Vault, place_of
from engate.settings import Secret, load, secret_fields
from engate.store import health
from engate.store.asleep import IS_ASLEEP
from engate.store.db import insert
from engate.store.tables import api_key, connection, delivery, flow, installation, integration, run, secret, tenant, token
from engate.text import Text

S = sa.Select[Any]
KEY_PREFIX = "eng_"


class NotFound(Invalid):
    code = "not_found"


def not_found(what_pt: str, what_en: str) -> NotFound:
    return NotFound(Text(f"{what_pt} não existe.", f"No such {what_en}."), Text("Confira o id na lista.", "Check the id in the list."))


def mine(table: sa.Table, tenant_id: int, *where: sa.ColumnElement[bool]) -> S:
    """The only way to select what belongs to a tenant."""
    return sa.select(table).where(table.c.tenant_id == tenant_id, *where)


# ---- tenants and keys ----


def new_key() -> str:
    return KEY_PREFIX + random.token_urlsafe(32)


def hashed(key: str) -> bytes:
    return sha256(key.encode()).digest()


def installation_key(c: sa.Connection, given: str | None) -> str | None:
    """Makes the installation key, or takes it from the environment. Returns it only if it was made now: print it once."""
    known = c.execute(sa.select(installation.c.value).where(installation.c.name == "key_hash")).scalar()
    if known is not None and given is None:
        return None
    key = given or new_key()
    s = insert(c, installation).values(name="key_hash", value=hashed(key))
    c.execute(s.on_conflict_do_update(index_elements=["name"], set_={"value": s.excluded.value}))
    return None if given else key


def is_installation_key(c: sa.Connection, key: str) -> bool:
    known = c.execute(sa.select(installation.c.value).where(installation.c.name == "key_hash")).scalar()
    return known is not None and random.compare_digest(known, hashed(key))


def create_tenant(c: sa.Connection, name: str, now: float, zone: str = local.BRASILIA) -> tuple[int, str]:
    """Makes a tenant. Returns (id, its first admin key, which is shown once)."""
    local.zone(zone)
    if c.execute(sa.select(tenant.c.id).where(tenant.c.name == name)).first():
        raise Invalid(
            Text(f"Já existe um tenant '{name}'.", f"A tenant '{name}' exists already."),
            Text("Escolha outro nome. Se o tenant é seu e a chave se perdeu, peça uma nova a quem administra o engate.",
                 "Choose another name. If the tenant is yours and its key is lost, ask whoever runs engate for a new one."),
            where="name", code="name_taken",
        )  # fmt: skip
    id = c.execute(sa.insert(tenant).values(name=name, zone=zone, created_at=now).returning(tenant.c.id)).scalar_one()
    _, key = create_key(c, id, "admin", "admin", now)
    return id, key


def zone_of(c: sa.Connection, tenant_id: int) -> ZoneInfo:
    """The time zone in which the tenant's people read times."""
    return local.zone(c.execute(_ZONE, {"of_id": tenant_id}).scalar_one())


_ZONE = sa.select(tenant.c.zone).where(tenant.c.id == sa.bindparam("of_id"))


def set_zone(c: sa.Connection, tenant_id: int, zone: str) -> None:
    local.zone(zone)
    c.execute(sa.update(tenant).where(tenant.c.id == tenant_id).values(zone=zone))


def create_key(c: sa.Connection, tenant_id: int, name: str, role: str, now: float) -> tuple[int, str]:
    key = new_key()
    id = c.execute(
        sa.insert(api_key)
        .values(tenant_id=tenant_id, name=name, role=role, hash=hashed(key), start=key[:8], created_at=now)
        .returning(api_key.c.id)
    ).scalar_one()
    return id, key


def revoke_key(c: sa.Connection, tenant_id: int, id: int, now: float) -> None:
    """Raises Invalid for the last admin key: nobody could make another. The tenant is locked: two keys may revoke each other at once."""
    c.execute(sa.select(tenant.c.id).where(tenant.c.id == tenant_id).with_for_update())
    live = c.execute(mine(api_key, tenant_id, api_key.c.revoked_at.is_(None))).all()
    found = next((row for row in live if row.id == id), None)
    if found is None:
        raise not_found("Chave", "key")
    if found.role == "admin" and sum(row.role == "admin" for row in live) == 1:
        raise Invalid(
            Text("É a última chave de administrador.", "It is the last admin key."),
            Text("Crie outra chave de administrador antes.", "Make another admin key first."),
            code="in_use",
        )
    c.execute(sa.update(api_key).where(api_key.c.id == id).values(revoked_at=now))


def recovery_key(c: sa.Connection, tenant_id: int, name: str, now: float) -> tuple[int, str]:
    """Makes an admin key for a tenant that has lost its own. Returns (id, key)."""
    if c.execute(sa.select(tenant.c.id).where(tenant.c.id == tenant_id)).first() is None:
        raise not_found("Tenant", "tenant")
    return create_key(c, tenant_id, name, "admin", now)


def who(c: sa.Connection, key: str) -> Any | None:
    """(id, tenant_id, name, role) of a key that was not revoked, else None."""
    found = sa.select(api_key.c.id, api_key.c.tenant_id, api_key.c.name, api_key.c.role).where(
        api_key.c.hash == hashed(key), api_key.c.revoked_at.is_(None)
    )
    return c.execute(found).first()


# ---- connections ----


class Given(NamedTuple):
    """What a person enters about an account on a platform: settings and secrets together."""

    manifest: Manifest
    values: dict[str, Any]


class NewConnection(NamedTuple):
    name: str
    given: Given


def create_connection(c: sa.Connection, vault: Vault, tenant_id: int, new: NewConnection, now: float) -> int:
    """Makes a connection; returns its id. Secrets are stored apart, sealed."""
    name, (manifest, values) = new
    load(manifest.settings, values)
    _free_name(c, connection, tenant_id, name)
    plain, sealed = _apart(manifest, values)
    id = c.execute(
        sa.insert(connection)
        .values(tenant_id=tenant_id, name=name, platform=manifest.key, role=manifest.role, settings=plain, created_at=now)
        .returning(connection.c.id)
    ).scalar_one()
    _seal(c, vault, tenant_id, id, sealed)
    return id


def update_connection(c: sa.Connection, vault: Vault, tenant_id: int, id: int, given: Given) -> None:
    """Changed settings or secrets: a new revision that must be tested again; the session is forgotten. None removes a setting or secret."""
    manifest, changes = given
    row = connection_row(c, tenant_id, id)
    merged = {**row.settings, **open_secrets(c, vault, tenant_id, id), **changes}
    values = {key: value for key, value in merged.items() if value is not None}
    load(manifest.settings, values)
    plain, _ = _apart(manifest, values)
    _, sealed = _apart(manifest, {key: value for key, value in changes.items() if value is not None})
    c.execute(
        sa.update(connection)
        .where(connection.c.id == id)
        .values(
            settings=plain, revision=connection.c.revision + 1, passed=False, tested_at=None, checks=None, health=health.OK,
            health_cause=None, facts=None, learned=connection.c.learned + 1, probed_at=None,
        )
    )  # fmt: skip
    c.execute(sa.delete(token).where(token.c.connection_id == id))
    gone = [key for key, value in changes.items() if value is None]
    c.execute(sa.delete(secret).where(secret.c.connection_id == id, secret.c.field.in_(gone)))
    _seal(c, vault, tenant_id, id, sealed)


def connection_row(c: sa.Connection, tenant_id: int, id: int) -> Any:
    row = c.execute(mine(connection, tenant_id, connection.c.id == id)).first()
    if row is None:
        raise not_found("Conexão", "connection")
    return row


def open_secrets(c: sa.Connection, vault: Vault, tenant_id: int, id: int) -> dict[str, str]:
    rows = c.execute(sa.select(secret.c.field, secret.c.sealed).where(secret.c.connection_id == id))
    return {row.field: vault.open(row.sealed, place_of(tenant_id, id, row.field)).decode() for row in rows}


def new_address(c: sa.Connection, tenant_id: int, id: int) -> None:
    """Gives the connection another address for the platform's calls. The old one no longer works."""
    connection_row(c, tenant_id, id)
    c.execute(sa.update(connection).where(connection.c.id == id).values(door=connection.c.door + 1))


def delete_connection(c: sa.Connection, tenant_id: int, id: int) -> None:
    connection_row(c, tenant_id, id)
    used = (
        c.execute(sa.select(integration.c.name).where((integration.c.erp_id == id) | (integration.c.storefront_id == id))).scalars().all()
    )
    if used:  # also by an archived one: its open orders need the connection
        raise Invalid(
            Text(f"A conexão é usada por: {', '.join(used)}.", f"The connection is used by: {', '.join(used)}."),
            Text("Exclua antes essas integrações.", "Delete those integrations first."),
            code="in_use",
        )
    c.execute(sa.delete(connection).where(connection.c.id == id))


class Tested(NamedTuple):
    """The result of a connection's test. `identity`: the account, if it was told; `calls_us`: the platform does some of the work by calling
    engate, so an integration is installed only after its first call."""

    checks: list[Check]
    identity: str = ""
    calls_us: bool = False


def tested(c: sa.Connection, id: int, revision: int, found: Tested, now: float) -> bool:
    """Stores the result of a test if the connection is still as it was tested. Returns whether it passed."""
    passed = bool(found.checks) and all(check.ok for check in found.checks)
    values: dict[str, Any] = {"checks": msgspec.to_builtins(found.checks), "tested_at": now, "passed": passed}
    if passed:
        values["calls_us"] = found.calls_us
    if found.identity:
        values["identity"] = found.identity
    if passed:
        values |= {"health": health.OK, "health_cause": None, "passed_revision": revision, "probed_at": now}
        health.passed(c, id)
    c.execute(sa.update(connection).where(connection.c.id == id, connection.c.revision == revision).values(**values))
    return passed


def probed(c: sa.Connection, id: int, revision: int, facts: dict[str, str] | None, now: float) -> bool:
    """Notes that the connection was probed. `facts`: what was learnt (None: nothing). Returns whether the facts have changed."""
    mine = (connection.c.id == id) & (connection.c.revision == revision)
    c.execute(sa.update(connection).where(mine).values(probed_at=now))
    before = c.execute(sa.select(connection.c.facts).where(mine).with_for_update()).first()
    if facts is None or before is None or facts == (before.facts or {}):
        return False
    c.execute(sa.update(connection).where(mine).values(facts=facts, learned=connection.c.learned + 1))
    return True


def _apart(manifest: Manifest, values: dict[str, Any]) -> tuple[dict[str, Any], dict[str, str]]:
    names = secret_fields(manifest.settings)
    plain = {key: value for key, value in values.items() if key not in names}
    sealed = {key: value.reveal() if isinstance(value, Secret) else value for key, value in values.items() if key in names}
    return plain, sealed


def _seal(c: sa.Connection, vault: Vault, tenant_id: int, id: int, values: dict[str, str]) -> None:
    for field, value in values.items():
        s = insert(c, secret).values(
            connection_id=id, field=field, key_id=vault.key_id, sealed=vault.seal(value.encode(), place_of(tenant_id, id, field))
        )
        c.execute(
            s.on_conflict_do_update(
                index_elements=["connection_id", "field"], set_={"key_id": s.excluded.key_id, "sealed": s.excluded.sealed}
            )
        )


def _free_name(c: sa.Connection, table: sa.Table, tenant_id: int, name: str) -> None:
    if c.execute(mine(table, tenant_id, table.c.name == name)).first():
        raise Invalid(
            Text(f"O nome '{name}' já é usado.", f"The name '{name}' is taken."),
            Text("Escolha outro nome, ou mude antes o nome de quem já o usa.", "Choose another name, or rename the one that has it first."),
            where="name", code="name_taken",
        )  # fmt: skip


# ---- integrations ----


class NewIntegration(NamedTuple):
    name: str
    erp_id: int
    storefront_id: int
    options: Options
    mapping: PairMapping


def _wrong_role(c: sa.Connection, tenant_id: int, given: Any, role: str) -> Invalid:
    """The error, naming the connections that could be used."""
    is_pt, is_en = ("uma loja", "a storefront") if role == "erp" else ("um ERP", "an ERP")
    pt, en = ("um ERP", "an ERP") if role == "erp" else ("uma loja", "a storefront")
    fit = [f"{row.id} ({row.name})" for row in c.execute(mine(connection, tenant_id, connection.c.role == role).order_by(connection.c.id))]
    listed = ", ".join(fit)
    return Invalid(
        Text(f"A conexão {given.id} ({given.name}) é de {is_pt}, não de {pt}.",
             f"Connection {given.id} ({given.name}) is of {is_en}, not of {en}."),
        Text(f"Use uma destas em {role}_connection: {listed}.", f"Use one of these as {role}_connection: {listed}.")
        if fit else Text(f"Crie antes a conexão de {pt}.", f"Make the connection of {en} first."),
        where=f"{role}_connection", code="wrong_role",
    )  # fmt: skip


def create_integration(c: sa.Connection, tenant_id: int, new: NewIntegration, now: float) -> int:
    name, erp_id, storefront_id, options, mapping = new
    for id, role in ((erp_id, "erp"), (storefront_id, "storefront")):
        given = connection_row(c, tenant_id, id)
        if given.role != role:
            raise _wrong_role(c, tenant_id, given, role)
    _free_name(c, integration, tenant_id, name)
    kept = integration.c.deleted_at.is_(None)
    other = c.execute(sa.select(integration.c.name).where(integration.c.storefront_id == storefront_id, kept)).scalar()
    if other is not None:
        raise Invalid(
            Text(f"A conexão {storefront_id} já é a loja da integração '{other}'.",
                 f"Connection {storefront_id} already is the storefront of integration '{other}'."),
            Text("Duas integrações dividiriam os eventos de pedidos da loja: use outra conexão ou exclua a integração.",
                 "Two integrations would share the shop's order events between them: use another connection, or delete that integration."),
            where="storefront_connection", code="in_use",
        )  # fmt: skip
    id = c.execute(
        sa.insert(integration)
        .values(
            tenant_id=tenant_id, name=name, erp_id=erp_id, storefront_id=storefront_id, options=msgspec.to_builtins(options),
            mapping=msgspec.to_builtins(mapping), created_at=now,
        )
        .returning(integration.c.id)
    ).scalar_one()  # fmt: skip
    c.execute(sa.insert(flow), [{"integration_id": id, "name": name} for name in FLOWS])
    return id


def integration_row(c: sa.Connection, tenant_id: int, id: int, *, to_change: bool = False) -> Any:
    """The row; an archived integration counts as missing. `to_change`: locks it until the transaction ends."""
    query = mine(integration, tenant_id, integration.c.id == id, integration.c.deleted_at.is_(None))
    row = c.execute(query.with_for_update() if to_change else query).first()
    if row is None:
        raise not_found("Integração", "integration")
    return row


def living_of(c: sa.Connection, storefront_id: int) -> int | None:
    """The id of this storefront connection's integration. At most one is not archived."""
    kept = integration.c.deleted_at.is_(None)
    return c.execute(sa.select(integration.c.id).where(integration.c.storefront_id == storefront_id, kept)).scalar()


def claim_shop(c: sa.Connection, tenant_id: int, id: int) -> None:
    """Makes this integration the one that reads the shop's events. Raises Invalid where another active one does; an inactive one loses it.

    A unique index keeps two from having the same shop: the second of two simultaneous claims gets a conflict."""
    row = integration_row(c, tenant_id, id)
    shop = shop_of(connection_row(c, tenant_id, row.storefront_id))
    refuse_taken(c, tenant_id, id, shop)
    c.execute(sa.update(integration).where(integration.c.shop == shop, integration.c.id != id).values(shop=None))
    c.execute(sa.update(integration).where(integration.c.id == id).values(shop=shop))


def moved_shop(c: sa.Connection, tenant_id: int, id: int, shop: str) -> None:
    """Updates the integration's shop after its connection has told its account."""
    has_one = (integration.c.tenant_id == tenant_id) & (integration.c.id == id) & integration.c.shop.is_not(None)
    c.execute(sa.update(integration).where(has_one, integration.c.shop != shop).values(shop=shop))


def shop_of(row: Any, identity: str | None = None) -> str:
    """The account behind a connection, the same for all connections to it. Without a known identity, the connection itself."""
    return f"{row.platform}/{identity or row.identity or f'#{row.id}'}"


def refuse_taken(c: sa.Connection, tenant_id: int, id: int, shop: str) -> None:
    """Raises where another active integration has the shop. It is named only if it is the tenant's own."""
    other = c.execute(
        sa.select(integration.c.tenant_id, integration.c.name).where(
            integration.c.shop == shop, integration.c.active, integration.c.id != id
        )
    ).first()
    if other is None:
        return
    if other.tenant_id == tenant_id:
        text = Text(f"A integração '{other.name}' já está ativa nesta loja.", f"Integration '{other.name}' is active on this shop already.")
        hint = Text(
            "Duas dividiriam os pedidos da loja: desative aquela antes.", "Two would share the shop's orders: deactivate that one first."
        )
    else:
        text = Text(
            "Outra integração desta instalação já está ativa nesta loja.",
            "Another integration of this installation is active on this shop.",
        )
        hint = Text(
            "Duas dividiriam os pedidos da loja: fale com quem administra o engate.",
            "Two would share the shop's orders: ask whoever runs engate.",
        )
    raise Invalid(text, hint, where="storefront_connection", code="shop_taken")


def integrations_of(c: sa.Connection, tenant_id: int) -> list[int]:
    """Ids of a tenant's integrations, including archived ones."""
    return list(c.execute(sa.select(integration.c.id).where(integration.c.tenant_id == tenant_id).order_by(integration.c.id)).scalars())


def update_integration(c: sa.Connection, tenant_id: int, id: int, **values: Any) -> None:
    integration_row(c, tenant_id, id)
    c.execute(sa.update(integration).where(integration.c.id == id).values(revision=integration.c.revision + 1, **values))


_ERP, _SHOP = connection.alias("erp"), connection.alias("shop")
_STANDING = (
    sa.select(
        *(column for column in integration.columns if column.name not in ("options", "mapping")),
        _ERP.c.revision.label("erp_revision"),
        _ERP.c.health.label("erp_health"),
        _ERP.c.passed_revision.label("erp_passed"),
        _SHOP.c.revision.label("shop_revision"),
        _SHOP.c.health.label("shop_health"),
        _SHOP.c.passed_revision.label("shop_passed"),
        _ERP.c.learned.label("erp_learned"),
        _SHOP.c.learned.label("shop_learned"),
        IS_ASLEEP.label("asleep"),
    )
    .select_from(integration.join(_ERP, _ERP.c.id == integration.c.erp_id).join(_SHOP, _SHOP.c.id == integration.c.storefront_id))
    .where(integration.c.id.in_(sa.bindparam("of_ids", expanding=True)))
)
_CONFIGURED = sa.select(integration.c.id, integration.c.options, integration.c.mapping).where(integration.c.id == sa.bindparam("of_id"))
_FLOWS = sa.select(flow).where(flow.c.integration_id == sa.bindparam("of_id"))


def standing(c: sa.Connection, ids: Iterable[int]) -> dict[int, Any]:
    """What `renewed` needs of these integrations: all but their configuration, which is large and rarely changes."""
    return {row.id: row for row in c.execute(_STANDING, {"of_ids": list(ids)})}


def renewed(known: Snapshot | None, row: Any) -> Snapshot | None:
    """A known snapshot brought up to date from `standing`; None where the configuration has changed and must be read (`snapshot`)."""
    if known is None or row is None:
        return None
    return _made(row, {name: getattr(known, name) for name in CONFIGURED}) if known.stamp[0] == row.revision else None


def snapshot(c: sa.Connection, id: int) -> Snapshot | None:
    """One integration as a slice of work needs it; None when it is gone. (By id: lanes belong to an integration, not to a caller.)"""
    row = standing(c, [id]).get(id)  # read first: an old revision with a newer configuration is noticed, the reverse would not be
    said = c.execute(_CONFIGURED, {"of_id": id}).first()
    return _made(row, _configured(c, said)) if row is not None and said is not None else None


def _made(row: Any, configured: dict[str, Any]) -> Snapshot:
    return Snapshot(
        id=row.id,
        tenant_id=row.tenant_id,
        name=row.name,
        active=row.active,
        pilot=tuple(row.pilot) if row.pilot is not None else None,
        go_live_at=row.go_live_at,
        sides=((row.erp_id, row.erp_revision), (row.storefront_id, row.shop_revision)),
        stamp=(row.revision, row.erp_revision, row.shop_revision),
        connected=row.erp_passed == row.erp_revision and row.shop_passed == row.shop_revision,
        refused=health.REFUSED in (row.erp_health, row.shop_health),
        listens=row.shop is not None,
        archived=row.deleted_at is not None,
        asleep=row.asleep,
        learned=(row.erp_learned, row.shop_learned),
        **configured,
    )


CONFIGURED = ("options", "mapping", "every", "full_every", "enabled")


def _configured(c: sa.Connection, row: Any) -> dict[str, Any]:
    flows = {f.name: f for f in c.execute(_FLOWS, {"of_id": row.id})}
    options = msgspec.convert(row.options, Options)
    on = (name for name in FLOWS if name not in flows or flows[name].enabled)
    return {
        "options": options,
        "mapping": msgspec.convert(row.mapping, PairMapping),
        "every": {name: (flows[name].every if name in flows else None) or f.every for name, f in FLOWS.items()},
        "full_every": {name: (flows[name].full_every if name in flows else None) or f.full_every for name, f in FLOWS.items()},
        "enabled": frozenset(on) - resting(options),
    }


def status_of(integration_row: Any, erp: Any, storefront: Any) -> str:
    """The status that users see."""
    if not (erp.passed and storefront.passed):
        return "Não conectada"
    if storefront.calls_us and storefront.contacted_at is None:
        return "Não instalada"
    return "Ativa" if integration_row.active else "Inativa"


def set_flow(c: sa.Connection, integration_id: int, name: str, **values: Any) -> None:
    s = insert(c, flow).values(integration_id=integration_id, name=name, **values)
    c.execute(s.on_conflict_do_update(index_elements=["integration_id", "name"], set_=values))


def flows_waiting_for(c: sa.Connection, integration_id: int, cause_id: int) -> list[str]:
    """Names of the flows that point to this cause."""
    found = sa.select(flow.c.name).where(flow.c.integration_id == integration_id, flow.c.cause_id == cause_id)
    return list(c.execute(found).scalars())


def rename(c: sa.Connection, table: sa.Table, tenant_id: int, id: int, name: str) -> None:
    """A connection's or an integration's name: unique within its tenant."""
    if c.execute(mine(table, tenant_id, table.c.id == id, table.c.name == name)).first() is None:
        _free_name(c, table, tenant_id, name)
        c.execute(sa.update(table).where(table.c.tenant_id == tenant_id, table.c.id == id).values(name=name))


def delete_integration(c: sa.Connection, tenant_id: int, id: int) -> None:
    """Deletes the integration and all its rows. Nothing changes on the platforms."""
    row = integration_row(c, tenant_id, id)
    health.gone(c, id)
    c.execute(sa.delete(integration).where(integration.c.id == id))
    forget_deliveries(c, row.storefront_id)


def forget_deliveries(c: sa.Connection, storefront_id: int) -> None:
    """Deletes the deliveries of a shop that no integration has any more."""
    used = sa.select(integration.c.id).where(integration.c.storefront_id == storefront_id)
    c.execute(sa.delete(delivery).where(delivery.c.connection_id == storefront_id, ~used.exists()))


def open_runs(c: sa.Connection, integration_id: int) -> bool:
    """Whether a run is still reading or pushing."""
    going = sa.select(run.c.id).where(run.c.integration_id == integration_id, run.c.state.in_(("reading", "pushing")))
    return c.execute(going.limit(1)).first() is not None
