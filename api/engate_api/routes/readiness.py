"""Before going live: what this pair lacks."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import msgspec
import sqlalchemy as sa
from litestar import get
from litestar.di import NamedDependency

from engate.domain import will_wait
from engate.domain.flows import offered
from engate.domain.mapping import KINDS, PairMapping
from engate.domain.options import Options
from engate.errors import EngateError
from engate.model import Check
from engate.plugins import Coupling
from engate.store import config
from engate.sync import readiness
from engate.sync.readiness import Means
from engate.text import Text
from engate_api import choices
from engate_api.auth import Caller, reader
from engate_api.installation import Installation
from engate_api.integration import check_mapping
from engate_api.problems import documented
from engate_api.requests import Id

MOST_NAMED = 10


class Readiness(msgspec.Struct):
    """`ready`: every line is ok. A line that is not keeps nobody from going live but those of the connections and of a wrong mapping."""

    ready: bool
    lines: list[Check]


@get(
    "/integrations/{id:int}/readiness",
    summary="What this pair lacks, before it goes live",
    guards=[reader],
    responses=documented(400, 401, 403, 404, 409, 502),
)
async def get_readiness(installation: NamedDependency[Installation], caller: NamedDependency[Caller], id: Id) -> Readiness:
    """Asks both sides, changes nothing: connections, mapping, flows, and the first hundred of what the ERP lists of each kind, judged as a
    load would judge them. It may take some tens of seconds."""
    accounts, means = await installation.store.viewing(lambda c: _set(c, caller.tenant_id, id))
    lines = [_tested(row) for row in accounts]
    if all(line.ok for line in lines):
        coupling = await installation.registry.coupling(id)
        lines += await _mapped(installation, caller, id, means.mapping)
        lines += await _unmapped(coupling, means)
        lines += await readiness.looked(coupling, means)
    return Readiness(all(line.ok for line in lines), lines)


def _set(c: sa.Connection, tenant_id: int, id: int) -> tuple[list[Any], Means]:
    row = config.integration_row(c, tenant_id, id)
    snapshot = config.snapshot(c, id)
    assert snapshot is not None
    accounts = [config.connection_row(c, tenant_id, each) for each in (row.erp_id, row.storefront_id)]
    return accounts, Means(msgspec.convert(row.options, Options), msgspec.convert(row.mapping, PairMapping), snapshot.enabled)


def _tested(row: Any) -> Check:
    if row.passed:
        return Check("connection", True, Text(f"Conexão {row.name}: testada.", f"Connection {row.name}: tested."))
    text = Text(f"Conexão {row.name}: sem teste aprovado.", f"Connection {row.name}: without a passed test.")
    return Check(
        "connection", False, text, Text("Teste a conexão e corrija o que o teste apontar.", "Test the connection and fix what it names.")
    )


async def _mapped(installation: Installation, caller: Caller, id: int, mapping: PairMapping) -> list[Check]:
    try:
        await check_mapping(installation, caller, id, mapping, [name for name in KINDS if getattr(mapping, name)])
    except EngateError as error:
        return [Check("mapping", False, error.text, error.hint)]
    return []


async def _unmapped(coupling: Coupling, means: Means) -> list[Check]:
    """The rows of the mapping that orders and stock would wait for."""
    on = {name for name, why in offered(coupling).items() if why is None and name in means.flows}
    lines: list[Check] = []
    if "stock" in on:
        lines += await _rows_missing(coupling, means.mapping, "warehouses")
    if "orders" in on:
        lines += await _rows_missing(coupling, means.mapping, "payments")
        lines += _fields_missing(coupling, means.mapping)
    return lines


async def _rows_missing(coupling: Coupling, mapping: PairMapping, name: str) -> list[Check]:
    kind = KINDS[name]
    field = kind.fields[kind.key[0]]
    mapped = {getattr(row, field.name) for row in getattr(mapping, name)}
    listed = await choices.read(coupling, field.choices, field.side or "erp")
    left = [each for each in listed if each.key not in mapped]
    if not left:
        said = Text(f"{kind.title.pt}: linhas: {len(mapped)}.", f"{kind.title.en}: rows: {len(mapped)}.")
        return [Check(f"mapping.{name}", bool(mapped), said, Text("", "") if mapped else _fill(kind.title))]
    names = ", ".join(each.name if each.name == each.key else f"{each.key} ({each.name})" for each in left[:MOST_NAMED])
    more = f", … ({len(left)})" if len(left) > MOST_NAMED else ""
    text = Text(f"{kind.title.pt}: sem linha para {names}{more}.", f"{kind.title.en}: no row for {names}{more}.")
    return [Check(f"mapping.{name}", False, text, _fill(kind.title))]


def _fill(title: Text) -> Text:
    return Text(
        f"Preencha '{title.pt}' na integração; o que não tem linha fica pendente.",
        f"Fill in the integration's '{title.en}'; what has no row waits.",
    )


def _fields_missing(coupling: Coupling, mapping: PairMapping) -> Iterator[Check]:
    asked = will_wait.asked_of_all(mapping, coupling.order_fields)
    if asked is not None:
        title = KINDS["channels"].title
        text = Text(f"{title.pt}: o ERP exige de cada pedido: {asked.pt}.", f"{title.en}: the ERP requires of each order: {asked.en}.")
        yield Check("mapping.channels", False, text, _fill(title))


ROUTES = [get_readiness]
