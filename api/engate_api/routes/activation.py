"""Going live, stopping, and asking for a load."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal

import msgspec
import sqlalchemy as sa
from litestar import post
from litestar.di import NamedDependency
from litestar.params import JSONBody

from engate.domain import will_wait
from engate.domain.flows import FLOWS, offered
from engate.domain.mapping import PairMapping
from engate.errors import Invalid
from engate.logs import say
from engate.model import Query
from engate.operations import trigger
from engate.operations.scope import Scope
from engate.plugins import Coupling, closing
from engate.store import archive, config
from engate.store.audit import Act
from engate.text import Text
from engate.views import configured
from engate.views.configured import Integration
from engate_api.auth import Caller, admin, operator
from engate_api.changing import changing
from engate_api.installation import Installation
from engate_api.integration import check_mapping, flows_offered, shown
from engate_api.problems import Refused, documented
from engate_api.requests import Id, known

SkuKey = Annotated[str, msgspec.Meta(min_length=1, max_length=200)]


class Activation(msgspec.Struct, forbid_unknown_fields=True):
    """`pilot`: ERP keys of the only SKUs to push; `everything`: all of them. `go_live_at`: orders placed before are ignored."""

    pilot: Annotated[list[SkuKey], msgspec.Meta(min_length=1, max_length=1000)] | None = None
    everything: bool = False
    go_live_at: Annotated[datetime, msgspec.Meta(tz=True)] | None = None


class Activated(msgspec.Struct):
    """`adopted`: orders taken over from a deleted integration of the same two accounts. `waits`: what waits because nobody mapped it."""

    status: str
    pilot: list[str] | None
    runs: list[int]
    adopted: int
    waits: list[Text]


class Resync(msgspec.Struct, forbid_unknown_fields=True):
    """`flows`: all that this pair offers, if left out. `skus`: only these (ERP keys)."""

    flows: Annotated[list[str], msgspec.Meta(min_length=1, max_length=20)] | None = None
    skus: Annotated[list[SkuKey], msgspec.Meta(min_length=1, max_length=1000)] | None = None
    mode: Literal["full", "delta"] = "full"


class Started(msgspec.Struct):
    runs: list[int]


@post(
    "/integrations/{id:int}/activate",
    summary="Go live: load everything once, then follow both sides",
    status_code=200,
    guards=[admin],
    responses=documented(400, 401, 403, 404, 409, 422, 502),
)
async def activate_integration(
    installation: NamedDependency[Installation], caller: NamedDependency[Caller], id: Id, data: JSONBody[Activation]
) -> Activated:
    """On a storefront that is not empty say what to touch: a `pilot` of SKUs first, or `everything`.

    To widen a pilot, activate again with `everything`. After a pause only what changed meanwhile is read.
    """
    row = await installation.store.viewing(lambda c: _connected(c, caller.tenant_id, id))
    if data.everything and data.pilot:
        raise Invalid(Text("Envie 'pilot' ou 'everything', não ambos.", "Send 'pilot' or 'everything', not both."), where="pilot")
    coupling = await installation.registry.coupling(id)
    await check_mapping(installation, caller, id, msgspec.convert(row.mapping, PairMapping), row.mapping)
    pilot = data.pilot
    if pilot is None and not data.everything:
        if row.activated_at is not None:
            pilot = row.pilot  # active before: the pilot of then still counts
        elif not await _is_empty(coupling):
            raise _pilot_needed()
    go_live_at = data.go_live_at.timestamp() if data.go_live_at else None
    now = installation.now()

    def go(c: sa.Connection) -> tuple[list[int], int, list[Text]]:
        snapshot = config.snapshot(c, id)
        assert snapshot is not None
        flows = [name for name, why in offered(coupling).items() if why is None and name in snapshot.enabled]
        adopted = archive.adopt(c, caller.tenant_id, id, now)
        runs = trigger.activate(Scope.of(c, caller.tenant_id, id, now), trigger.Activation(flows, pilot, go_live_at))
        return runs, adopted, will_wait.texts(snapshot.mapping, flows, coupling.order_fields)

    def asked(made: tuple[list[int], int, list[Text]]) -> dict[str, object]:
        runs, adopted, _ = made
        return {"runs": runs, "adopted_orders": adopted}

    act = Act("integration.activated", id, asked=asked)
    runs, adopted, waits = await changing(installation, caller, act, go)
    say("integration_activated", by=caller.key_id, tenant=caller.tenant_id, integration=id, count=adopted or None)
    await installation.dispatch.wake(id)
    after = await shown(installation, caller, id)
    return Activated(after.status, after.pilot, runs, adopted, waits)


@post(
    "/integrations/{id:int}/deactivate",
    summary="Stop pushing and importing; events are still taken in",
    status_code=200,
    guards=[operator],
    responses=documented(400, 401, 403, 404),
)
async def deactivate_integration(installation: NamedDependency[Installation], caller: NamedDependency[Caller], id: Id) -> Integration:
    act = Act("integration.deactivated", id)
    await changing(installation, caller, act, lambda c: trigger.deactivate(Scope.of(c, caller.tenant_id, id, installation.now())))
    say("integration_deactivated", by=caller.key_id, tenant=caller.tenant_id, integration=id)
    await installation.dispatch.wake(id)
    return await shown(installation, caller, id)


@post(
    "/integrations/{id:int}/resync",
    summary="Ask for a load now",
    status_code=202,
    guards=[operator],
    responses=documented(400, 401, 403, 404, 409, 422),
)
async def start_resync(
    installation: NamedDependency[Installation], caller: NamedDependency[Caller], id: Id, data: JSONBody[Resync]
) -> Started:
    """Orders and fulfilment are looked at without a run of their own."""
    stands = await installation.store.viewing(lambda c: configured.why_not(c, caller.tenant_id, id))
    if stands is not None:
        raise Refused(409, *stands)
    flows = await _wanted(installation, caller, id, data.flows)
    loads = [name for name in flows if name in trigger.LOADS]
    now = installation.now()

    def start(c: sa.Connection) -> list[int]:
        scope = Scope.of(c, caller.tenant_id, id, now)
        trigger.ask(scope, [name for name in flows if name not in trigger.LOADS])
        return trigger.resync(scope, trigger.Resync(loads, data.mode == "full", data.skus))

    asked = {"flows": flows, "mode": data.mode, **({"skus": data.skus} if data.skus else {})}
    runs = await changing(installation, caller, Act("integration.resynced", id, asked=asked), start)
    await installation.dispatch.wake(id)
    return Started(runs)


async def _wanted(installation: Installation, caller: Caller, id: int, asked: list[str] | None) -> list[str]:
    """The flows to run, in the order of a load; one that cannot run is refused with the reason."""
    can = await flows_offered(installation, id)
    integration = await shown(installation, caller, id)
    enabled = {flow.name for flow in integration.flows if flow.enabled}
    if asked is None:
        return [name for name, why in can.items() if why is None and name in enabled]
    for name in asked:
        known(name, FLOWS, "flows")
        why = can[name] or (None if name in enabled else Text(f"A carga '{name}' está desligada.", f"The flow '{name}' is switched off."))
        if why is not None:
            hint = Text("Veja 'flows' na integração.", "See 'flows' of the integration.")
            raise Invalid(why, hint, where="flows", code="not_offered")
    return [name for name in FLOWS if name in asked]


def _connected(c: sa.Connection, tenant_id: int, id: int) -> Any:
    """The integration's row, if both its connections passed their test."""
    row = config.integration_row(c, tenant_id, id)
    untested = [each for each in (config.connection_row(c, tenant_id, i) for i in (row.erp_id, row.storefront_id)) if not each.passed]
    if untested:
        names = ", ".join(each.name for each in untested)
        raise Refused(
            409,
            "not_connected",
            Text(f"Conexão sem teste aprovado: {names}.", f"Connection without a passed test: {names}."),
            Text("Rode POST /connections/{id}/test e corrija o que ele apontar.", "Run POST /connections/{id}/test and fix what it names."),
        )
    return row


async def _is_empty(coupling: Coupling) -> bool:
    """Whether the shop has no SKU yet. A shop that cannot be listed counts as not empty."""
    if not coupling.can("read_listing"):
        return False
    async with closing(coupling.storefront.read_listing(Query())) as pages:
        async for page in pages:
            return not page.items and not page.broken
    return True


def _pilot_needed() -> Refused:
    return Refused(
        409,
        "pilot_needed",
        Text("A loja já tem produtos: diga o que a carga pode tocar.", "The shop has products already: say what the load may touch."),
        Text(
            'Envie {"pilot": ["SKU do ERP", ...]} para começar com alguns, ou {"everything": true} para todos.',
            'Send {"pilot": ["ERP SKU key", ...]} to begin with some, or {"everything": true} for all.',
        ),
    )


ROUTES = [activate_integration, deactivate_integration, start_resync]
