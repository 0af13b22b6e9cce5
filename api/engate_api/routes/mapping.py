"""The pair mapping, row by row: a row of any kind is added, changed or removed, and the others stay."""

from __future__ import annotations

from typing import Any

import msgspec
import sqlalchemy as sa
from litestar import delete, get, put
from litestar.di import NamedDependency
from litestar.params import FromPath, JSONBody

from engate.domain.mapping import KINDS, PairMapping, with_row
from engate.domain.options import touched
from engate.errors import Invalid
from engate.logs import say_after
from engate.operations import trigger
from engate.operations.scope import Scope
from engate.store import config
from engate.store.audit import Act
from engate.text import Text
from engate_api.auth import Caller, operator, reader
from engate_api.changing import changing
from engate_api.installation import Installation
from engate_api.integration import check_mapping
from engate_api.problems import documented
from engate_api.requests import Id, Items, known
from engate_api.rows import mapping_of, once

AT = "/integrations/{id:int}/mapping/{kind:str}"
MOST = 200


@get(AT, summary="The rows of one kind of mapping", guards=[reader], responses=documented(400, 401, 403, 404, 422))
async def list_mapping_rows(
    installation: NamedDependency[Installation], caller: NamedDependency[Caller], id: Id, kind: FromPath[str]
) -> Items[dict[str, Any]]:
    """`kind`: warehouses, payments, carriers, price_lists or channels."""
    row = await installation.store.viewing(lambda c: config.integration_row(c, caller.tenant_id, id))
    known(kind, KINDS, "kind")
    mapping = msgspec.convert(row.mapping, PairMapping)
    return Items([msgspec.to_builtins(each) for each in getattr(mapping, kind)])


@put(
    AT + "/{key:path}",
    summary="Add a row of the mapping, or change the one of this key",
    guards=[operator],
    responses=documented(400, 401, 403, 404, 409, 422, 502),
)
async def put_mapping_row(
    installation: NamedDependency[Installation],
    caller: NamedDependency[Caller],
    id: Id,
    kind: FromPath[str],
    key: FromPath[str],
    data: JSONBody[dict[str, Any]],
) -> dict[str, Any]:
    """`key`: the ERP's branch, the shop's payment form or shipping method, the ERP's price table; of channels the buyers and the channel
    ("all", "contributor/b2b"). Whatever waited for it goes on."""
    before = await installation.store.viewing(lambda c: config.integration_row(c, caller.tenant_id, id))
    known(kind, KINDS, "kind")
    row = _row(kind, _key(key), data)
    name = KINDS[kind].key_of(row)
    after = with_row(msgspec.convert(before.mapping, PairMapping), kind, name, row)
    once(after)
    await check_mapping(installation, caller, id, PairMapping(**{kind: (row,)}), [kind])  # rows of other kinds may be out of date
    await _save(installation, caller, id, (kind, name, row))
    return msgspec.to_builtins(row)


@delete(
    AT + "/{key:path}",
    summary="Remove a row of the mapping; what needs it waits from now on",
    guards=[operator],
    responses=documented(400, 401, 403, 404, 422),
)
async def delete_mapping_row(
    installation: NamedDependency[Installation], caller: NamedDependency[Caller], id: Id, kind: FromPath[str], key: FromPath[str]
) -> None:
    await installation.store.viewing(lambda c: config.integration_row(c, caller.tenant_id, id))
    known(kind, KINDS, "kind")
    await _save(installation, caller, id, (kind, _key(key), None))


async def _save(installation: Installation, caller: Caller, id: int, change: tuple[str, str, Any | None]) -> None:
    """`change`: (kind, key, row or None). What is there now is changed, not what somebody saw before."""
    kind, key, row = change
    now = installation.now()

    def save(c: sa.Connection) -> None:
        stored = config.integration_row(c, caller.tenant_id, id, to_change=True)
        before = msgspec.convert(stored.mapping, PairMapping)
        if row is None and key not in {KINDS[kind].key_of(each) for each in getattr(before, kind)}:
            raise config.not_found("Linha do mapeamento", "row of the mapping")
        after = with_row(before, kind, key, row)
        once(after)
        if after != before:
            config.update_integration(c, caller.tenant_id, id, mapping=msgspec.to_builtins(after))
            trigger.changed(Scope.of(c, caller.tenant_id, id, now), touched(PairMapping, before, after))
            what = f"mapping {kind}/{key}"
            say_after(c, "integration_changed", by=caller.key_id, tenant=caller.tenant_id, integration=id, what=what)

    await changing(installation, caller, Act("integration.changed", id), save)
    await installation.dispatch.wake(id)


def _row(kind: str, key: str, data: dict[str, Any]) -> Any:
    said = KINDS[kind].of_key(key)
    other = next((name for name, value in said.items() if data.get(name, value) != value), None)
    if other is not None:
        raise Invalid(
            Text(
                f"O endereço diz '{said[other]}', o corpo diz '{data[other]}'.",
                f"The address says '{said[other]}', the body '{data[other]}'.",
            ),
            Text(
                "A chave de uma linha não muda: crie outra e exclua esta.", "A row's key does not change: make another and delete this one."
            ),
            where=other,
        )
    return getattr(mapping_of({kind: [{**data, **said}]}), kind)[0]


def _key(path: str) -> str:
    """The rest of the path: keys may hold slashes."""
    key = path.removeprefix("/")
    if not 1 <= len(key) <= MOST:
        raise config.not_found("Linha do mapeamento", "row of the mapping")
    return key


ROUTES = [list_mapping_rows, put_mapping_row, delete_mapping_row]
