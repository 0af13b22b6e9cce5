"""Integrations: an ERP connection coupled to a storefront connection, with options, pair mapping and flows."""

from __future__ import annotations

import asyncio
from typing import Annotated, Any, Literal

import msgspec
import sqlalchemy as sa
from litestar import delete, get, patch, post
from litestar.di import NamedDependency
from litestar.params import FromPath, JSONBody, QueryParameter

from engate.domain import mails
from engate.domain.flows import FLOWS
from engate.domain.mapping import PairMapping, removed
from engate.domain.options import Options, resting, touched
from engate.logs import say, say_after
from engate.model import Choice
from engate.operations import links, trigger
from engate.operations.scope import Scope
from engate.settings import json_schema
from engate.smtp import MailServer
from engate.store import archive, config, lanes, mail_server, runs
from engate.store.audit import Act
from engate.store.tables import integration
from engate.sync import stock
from engate.text import Text
from engate.views import configured
from engate.views.configured import Integration
from engate_api import choices
from engate_api.auth import Caller, admin, operator, reader
from engate_api.changing import changing
from engate_api.installation import Installation
from engate_api.integration import check_mapping, converted, options_of, shown
from engate_api.problems import FieldError, Refused, documented
from engate_api.requests import Cursor, Id, Items, Limit, Name, Number, Word, confirmed, cursor_of, known, window
from engate_api.rows import mapping_of
from engate_api.seen import seen
from engate_api.waiting import until_ended

OpenOrders = Annotated[Literal["archive", "forget"] | None, QueryParameter(name="open_orders")]
Seconds = Annotated[float, msgspec.Meta(ge=0.1, le=31_536_000)]


class NewIntegration(msgspec.Struct, forbid_unknown_fields=True):
    """`options`, `mapping`: see GET /integrations/schema."""

    name: Name
    erp_connection: Number
    storefront_connection: Number
    options: dict[str, Any] = {}
    mapping: dict[str, Any] = {}


class IntegrationChanges(msgspec.Struct, forbid_unknown_fields=True):
    """`options`: the fields given are changed. `mapping`: the kinds given are replaced; rows that would go are named in `remove`
    ("payments/125"). One row at a time: PUT and DELETE /integrations/{id}/mapping/{kind}/{key}."""

    name: Name | msgspec.UnsetType = msgspec.UNSET
    options: dict[str, Any] = {}
    mapping: dict[str, Any] = {}
    remove: Annotated[list[str], msgspec.Meta(max_length=1000)] = []


class FlowChanges(msgspec.Struct, forbid_unknown_fields=True):
    """`every`, `full_every`: seconds; null = the flow's default."""

    enabled: bool | msgspec.UnsetType = msgspec.UNSET
    every: Seconds | None | msgspec.UnsetType = msgspec.UNSET
    full_every: Seconds | None | msgspec.UnsetType = msgspec.UNSET


class Schemas(msgspec.Struct):
    options: dict[str, Any]
    mapping: dict[str, Any]
    mail_server: dict[str, Any]


@get(
    "/integrations/schema", summary="JSON Schemas of options, mapping and the mail server", guards=[reader], responses=documented(401, 403)
)
async def get_schemas() -> Schemas:
    return Schemas(json_schema(Options), json_schema(PairMapping), json_schema(MailServer))


@get("/integrations", summary="Integrations of the tenant", guards=[reader], responses=documented(400, 401, 403))
async def list_integrations(
    installation: NamedDependency[Installation], caller: NamedDependency[Caller], limit: Limit = 50, cursor: Cursor = None
) -> Items[Integration]:
    at = window(limit, cursor)
    ids = await installation.store.viewing(lambda c: configured.integration_ids(c, caller.tenant_id, at))
    found = [await shown(installation, caller, id) for id in ids.items]
    return Items(await seen(installation, caller, found, lambda _: ()), cursor_of(ids.next))


@post("/integrations", summary="Couple an ERP to a storefront", guards=[admin], responses=documented(400, 401, 403, 404, 409, 422, 502))
async def create_integration(
    installation: NamedDependency[Installation], caller: NamedDependency[Caller], data: JSONBody[NewIntegration]
) -> Integration:
    options, mapping = options_of(data.options), mapping_of(data.mapping)
    now = installation.now()

    def create(c: sa.Connection) -> int:
        _can_write(c, caller, options, data.options)
        new = config.NewIntegration(data.name, data.erp_connection, data.storefront_connection, options, mapping)
        return config.create_integration(c, caller.tenant_id, new, now)

    id = await changing(installation, caller, Act("integration.created", int), create)
    try:
        await check_mapping(installation, caller, id, mapping, data.mapping)
    except BaseException:
        gone = Act("integration.deleted", id, asked={"refused": "mapping"})
        await asyncio.shield(changing(installation, caller, gone, lambda c: config.delete_integration(c, caller.tenant_id, id)))
        raise
    say("integration_made", by=caller.key_id, tenant=caller.tenant_id, integration=id, name=data.name)
    return await shown(installation, caller, id)


@get("/integrations/{id:int}", summary="One integration", guards=[reader], responses=documented(400, 401, 403, 404))
async def get_integration(installation: NamedDependency[Installation], caller: NamedDependency[Caller], id: Id) -> Integration:
    [found] = await seen(installation, caller, [await shown(installation, caller, id)], lambda _: ())
    return found


@patch(
    "/integrations/{id:int}",
    summary="Change options or mapping; what they touch is decided anew",
    guards=[operator],
    responses=documented(400, 401, 403, 404, 409, 422, 502),
)
async def change_integration(
    installation: NamedDependency[Installation], caller: NamedDependency[Caller], id: Id, data: JSONBody[IntegrationChanges]
) -> Integration:
    row = await installation.store.viewing(lambda c: config.integration_row(c, caller.tenant_id, id))
    mapping = mapping_of({**row.mapping, **data.mapping})
    options_of({**row.options, **data.options})
    await check_mapping(installation, caller, id, mapping, data.mapping)
    _agreed(msgspec.convert(row.mapping, PairMapping), mapping, data.remove)
    now = installation.now()

    def change(c: sa.Connection) -> None:
        fresh = config.integration_row(c, caller.tenant_id, id, to_change=True)
        _agreed(msgspec.convert(fresh.mapping, PairMapping), mapping_of({**fresh.mapping, **data.mapping}), data.remove)
        if data.name is not msgspec.UNSET:
            config.rename(c, integration, caller.tenant_id, id, data.name)
        _can_write(c, caller, options_of({**fresh.options, **data.options}), data.options)
        flows: set[str] = set()
        values: dict[str, Any] = {}
        for field, kind, given in (("options", Options, data.options), ("mapping", PairMapping, data.mapping)):
            before = msgspec.convert(getattr(fresh, field), kind)
            after = converted({**getattr(fresh, field), **given}, kind, field)
            if before != after:
                values[field] = msgspec.to_builtins(after)
                flows |= touched(kind, before, after)
        scope = Scope.of(c, caller.tenant_id, id, now)
        if values:
            config.update_integration(c, caller.tenant_id, id, **values)
            trigger.changed(scope, flows)
        what = ", ".join([*(["name"] if data.name is not msgspec.UNSET else []), *sorted(values)])
        say_after(c, "integration_changed", by=caller.key_id, tenant=caller.tenant_id, integration=id, what=what)
        rested, rests = (resting(msgspec.convert(each, Options)) for each in (fresh.options, values.get("options", fresh.options)))
        for flow in rests - rested:
            runs.switched_off(c, id, flow, now)
        trigger.ask(scope, rests ^ rested)

    await changing(installation, caller, Act("integration.changed", id), change)
    await installation.dispatch.wake(id)
    return await shown(installation, caller, id)


@patch(
    "/integrations/{id:int}/flows/{flow:str}",
    summary="Switch a flow, or its schedule",
    guards=[operator],
    responses=documented(400, 401, 403, 404, 422),
)
async def change_flow(
    installation: NamedDependency[Installation], caller: NamedDependency[Caller], id: Id, flow: FromPath[Name], data: JSONBody[FlowChanges]
) -> Integration:
    known(flow, FLOWS, "flow")
    given = {name: getattr(data, name) for name in ("enabled", "every", "full_every")}
    values = {name: value for name, value in given.items() if value is not msgspec.UNSET}
    now = installation.now()

    def change(c: sa.Connection) -> None:
        scope = Scope.of(c, caller.tenant_id, id, now)
        config.update_integration(c, caller.tenant_id, id)
        if values:
            config.set_flow(c, id, flow, **values)
            if values.get("enabled") is False:
                runs.switched_off(c, id, flow, now)
            trigger.ask(scope, [flow])
        if "enabled" in values and flow in stock.SAYING:
            trigger.changed(scope, [stock.STOCK.flow])
        if "enabled" in values and flow == "images":
            trigger.changed(scope, ["products"])  # whether people hear of SKUs without an image
        say_after(c, "integration_changed", by=caller.key_id, tenant=caller.tenant_id, integration=id, what=f"flow {flow}")

    await changing(installation, caller, Act("integration.changed", id), change)
    await installation.dispatch.wake(id)
    return await shown(installation, caller, id)


@get(
    "/integrations/{id:int}/choices",
    summary="What a mapping can name, on both sides",
    guards=[reader],
    responses=documented(400, 401, 403, 404, 409, 502),
)
async def get_choices(installation: NamedDependency[Installation], caller: NamedDependency[Caller], id: Id) -> dict[str, list[Choice]]:
    await installation.store.viewing(lambda c: config.integration_row(c, caller.tenant_id, id))
    coupling = await installation.registry.coupling(id)
    kinds = choices.kinds(coupling)
    found = await asyncio.gather(*(choices.read(coupling, kind, side) for kind, side in kinds.items()))
    return dict(zip(kinds, found, strict=True))


@delete(
    "/integrations/{id:int}",
    summary="Forget an integration and all it knows",
    guards=[admin],
    responses=documented(400, 401, 403, 404, 409),
)
async def delete_integration(
    installation: NamedDependency[Installation],
    caller: NamedDependency[Caller],
    id: Id,
    confirm: Word = None,
    open_orders: OpenOrders = None,
) -> None:
    """Nothing changes on the platforms. `open_orders`, where there are any: `archive` keeps them going until they end (an integration of
    the same two accounts that is activated later takes them over), `forget` leaves them to people."""
    row, left = await installation.store.viewing(
        lambda c: (config.integration_row(c, caller.tenant_id, id), archive.open_of(c, id))
    )  # fmt: skip
    confirmed(confirm, row.name)
    if any(left) and open_orders is None:
        raise _still_open(left)
    stopping = Act("integration.stopping", id)
    await changing(installation, caller, stopping, lambda c: links.stop(Scope.of(c, caller.tenant_id, id, installation.now())))
    await installation.dispatch.wake(id)
    await until_ended(installation, lambda c: lanes.cancelling(c, id))
    now = installation.now()

    def end(c: sa.Connection) -> None:
        if any(archive.open_of(c, id)) and open_orders == "archive":
            scope = Scope.of(c, caller.tenant_id, id, now)
            archive.put_away(c, caller.tenant_id, id, now)
            trigger.wake_all(scope, ("orders", "fulfilment"))
        else:
            config.delete_integration(c, caller.tenant_id, id)

    orders = open_orders if any(left) else None
    await changing(installation, caller, Act("integration.deleted", id, asked={"open_orders": orders} if orders else None), end)
    await installation.store.cleaning()
    say("integration_deleted", by=caller.key_id, tenant=caller.tenant_id, integration=id, orders=orders)
    await installation.dispatch.wake(id)


def _still_open(left: archive.Open) -> Refused:
    return Refused(
        409,
        "open_orders",
        Text(
            f"Há pedidos em aberto: {left.orders} não terminados ({left.parts_in_erp} já no ERP), {left.unread} ainda não lidos, "
            f"{left.tasks} tarefas.",
            f"There are open orders: {left.orders} not over ({left.parts_in_erp} in the ERP), {left.unread} not read yet, "
            f"{left.tasks} tasks.",
        ),
        Text(
            "Repita com &open_orders=archive para que sigam até o fim, ou &open_orders=forget para cuidar deles à mão.",
            "Repeat with &open_orders=archive to let them go on until they end, or &open_orders=forget to take care of them by hand.",
        ),
        errors=[FieldError.of(name, Text(str(count), str(count))) for name, count in left._asdict().items() if count],
    )


def _agreed(before: PairMapping, after: PairMapping, agreed: list[str]) -> None:
    """A list that is sent without some of its rows takes them away: only if whoever sends it says so, row by row."""
    gone = [f"{kind}/{key}" for kind, key in removed(before, after)]
    unsaid = [each for each in gone if each not in agreed]
    if unsaid:
        names = ", ".join(f'"{each}"' for each in gone)
        raise Refused(
            409,
            "mapping_rows_gone",
            Text(f"O mapeamento perderia: {', '.join(unsaid)}.", f"The mapping would lose: {', '.join(unsaid)}."),
            Text(
                f'Para incluir ou mudar uma linha: PUT .../mapping/{{kind}}/{{key}}. Para retirar estas, repita com "remove": [{names}].',
                f'To add or change a row: PUT .../mapping/{{kind}}/{{key}}. To take these away, repeat with "remove": [{names}].',
            ),
            errors=[FieldError.of(f"mapping.{each.replace('/', '.', 1)}", Text("seria retirada", "would be removed")) for each in unsaid],
        )


def _can_write(c: sa.Connection, caller: Caller, options: Options, given: dict[str, Any]) -> None:
    """Refuses options that switch e-mails to buyers on where the tenant has no mail server."""
    switched = [f"mail_{what}" for what in mails.WHATS if given.get(f"mail_{what}") and mails.wanted(options, what)]
    if switched and not mail_server.exists(c, caller.tenant_id):
        raise Refused(
            422,
            "no_mail_server",
            Text("Não há servidor de e-mail configurado.", "There is no mail server."),
            Text("Um administrador o configura antes (servidor de e-mail).", "An administrator configures it first (mail server)."),
            errors=[FieldError.of(f"options.{name}", Text("sem servidor de e-mail", "without a mail server")) for name in switched],
        )


# ---- shared with activation, mapping and mail ----


ROUTES = [
    get_schemas,
    list_integrations,
    create_integration,
    get_integration,
    change_integration,
    change_flow,
    get_choices,
    delete_integration,
]
