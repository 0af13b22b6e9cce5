"""The audit trail: who changed what over REST, when, from what to what. A line is written in the transaction of its change, so it exists
exactly if the change does. It stays when the changed thing is deleted. It holds no secrets, and of buyers only the keys of orders.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import sqlalchemy as sa

from engate.store.audited import SHOWN, Hidden, Shown, Thing
from engate.store.tables import audit
from engate.text import Text

KEPT = 730 * 86400.0
"""Seconds for which a line is kept: two years."""
PURGED = 500
"""Rows that one transaction deletes."""
MOST = 2_000
"""Characters kept of one value."""
MASK = "•••"

ACTS: dict[str, Text] = {
    "tenant.created": Text("Cliente do engate criado", "Tenant created"),
    "tenant.changed": Text("Cliente do engate alterado", "Tenant changed"),
    "key.created": Text("Chave criada", "Key created"),
    "key.recovered": Text("Chave de administrador recuperada", "Admin key recovered"),
    "key.revoked": Text("Chave revogada", "Key revoked"),
    "connection.created": Text("Conta configurada", "Account configured"),
    "connection.changed": Text("Conta alterada", "Account changed"),
    "connection.deleted": Text("Conta excluída", "Account deleted"),
    "connection.tested": Text("Conta testada", "Account tested"),
    "connection.readdressed": Text("Novo endereço de avisos da conta", "New address for the account's calls"),
    "connection.calls_kept": Text("Chamadas da conta guardadas por um tempo", "Every call of the account kept for a while"),
    "integration.created": Text("Integração criada", "Integration created"),
    "integration.changed": Text("Integração alterada", "Integration changed"),
    "integration.activated": Text("Integração ativada", "Integration activated"),
    "integration.deactivated": Text("Integração desativada", "Integration deactivated"),
    "integration.resynced": Text("Carga pedida", "Load asked for"),
    "integration.stopping": Text("Exclusão da integração começada", "Deletion of the integration begun"),
    "integration.deleted": Text("Integração excluída", "Integration deleted"),
    "link.changed": Text("Ligação feita à mão", "Linked by hand"),
    "link.deleted": Text("Ligação desfeita", "Link deleted"),
    "links.imported": Text("Ligações feitas por planilha", "Linked by spreadsheet"),
    "links.deleted": Text("Todas as ligações desfeitas", "All links deleted"),
    "records.retried": Text("Nova tentativa pedida", "Retry asked for"),
    "run.cancelled": Text("Carga cancelada", "Load cancelled"),
    "order.retried": Text("Nova tentativa do pedido", "Order retried"),
    "order.tasks_closed": Text("Pendências do pedido encerradas", "Tasks of the order closed"),
    "delivery.replayed": Text("Aviso da plataforma repetido", "Delivery replayed"),
    "buyers.exported": Text("Dados de um comprador exportados", "A buyer's data exported"),
    "buyers.erased": Text("Dados de um comprador apagados", "A buyer's data erased"),
    "mail_server.changed": Text("Servidor de e-mail alterado", "Mail server changed"),
    "mail_server.deleted": Text("Servidor de e-mail excluído", "Mail server deleted"),
    "mail_server.tested": Text("Servidor de e-mail testado", "Mail server tested"),
}
"""Titles of acts, as lists show them. The part before the dot is a key of `audited.SHOWN`."""
KINDS = tuple(dict.fromkeys(what.partition(".")[0] for what in ACTS))


class By(NamedTuple):
    """Who does it, by API key; `key_id` None: the installation key."""

    tenant_id: int
    key_id: int | None
    name: str
    role: str


class Act(NamedTuple):
    """What is done. `of`: the id or key of the thing, or a function that gets it from the change's result. `asked`: arguments besides the
    thing's own fields, or such a function. An act without `asked` that changes nothing leaves no line."""

    what: str
    of: Any = None
    integration_id: int | None = None
    asked: Mapping[str, Any] | Callable[[Any], Mapping[str, Any]] | None = None

    def done(self, result: Any) -> Act:
        """The act with `of` and `asked` taken from the change's result."""
        of = self.of(result) if callable(self.of) else self.of
        return self._replace(of=of, asked=self.asked(result) if callable(self.asked) else self.asked)


def before(c: sa.Connection, by: By, act: Act) -> Shown | None:
    """The thing as it is now, locked until this transaction ends. None where it does not exist (yet)."""
    return None if callable(act.of) else _shown(c, by, act)


def keep(c: sa.Connection, by: By, act: Act, was: Shown | None, now: float) -> None:
    """Writes the line of an act that is done. `was`: the thing before it."""
    shown = _shown(c, by, act)
    changes = _changes(was, shown)
    given = act.asked if not callable(act.asked) else None
    if not changes and given is None:
        return
    asked = [{"field": name, "before": None, "after": _cut(value), "secret": False} for name, value in (given or {}).items()]
    known = shown or was or Shown(str(act.of), "", act.integration_id, {})
    values = {
        "tenant_id": by.tenant_id, "at": now, "key_id": by.key_id, "key_name": by.name, "role": by.role, "what": act.what,
        "thing": known.id[:240], "name": known.name[:300], "integration_id": known.integration_id, "changes": [*asked, *changes],
    }  # fmt: skip
    c.execute(sa.insert(audit).values(**values))


def _shown(c: sa.Connection, by: By, act: Act) -> Shown | None:
    return SHOWN[act.what.partition(".")[0]](c, Thing(by.tenant_id, act.of, act.integration_id))


def _changes(was: Shown | None, shown: Shown | None) -> list[dict[str, Any]]:
    """The fields that differ. Of a thing that is new or gone, only fields that are not empty."""
    old, new = (each.fields if each is not None else {} for each in (was, shown))
    if was is not None and shown is not None:
        old, new = shown.defaults | old, shown.defaults | new
        names = [name for name in sorted(old | new) if old.get(name) != new.get(name)]
    else:
        names = [name for name, value in sorted((old | new).items()) if value not in (None, "", False, [], {})]
    return [_change(name, old.get(name), new.get(name)) for name in names]


def _change(name: str, old: Any, new: Any) -> dict[str, Any]:
    secret = isinstance(old, Hidden) or isinstance(new, Hidden)
    return {"field": name, "before": _cut(old), "after": _cut(new), "secret": secret}


def _cut(value: Any) -> Any:
    if isinstance(value, Hidden):
        return MASK
    said = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return value if len(said) <= MOST else f"{said[:MOST]}…"


def purge(c: sa.Connection, now: float) -> bool:
    """Deletes up to `PURGED` lines older than two years. True: there may be more."""
    old = sa.select(audit.c.id).where(audit.c.at < now - KEPT).order_by(audit.c.at).limit(PURGED)
    return c.execute(sa.delete(audit).where(audit.c.id.in_(old))).rowcount == PURGED
