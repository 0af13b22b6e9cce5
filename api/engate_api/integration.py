"""What several routes need of an integration: its view, the flows that it offers, and the checks of options and mapping."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any, TypeVar

import msgspec
import sqlalchemy as sa

from engate.domain import mails
from engate.domain.flows import FLOWS, offered
from engate.domain.mapping import PairMapping
from engate.domain.options import Options
from engate.errors import EngateError, Invalid
from engate.fields import wrong
from engate.hooks import Storefront
from engate.plugins import Coupling
from engate.settings import fields_of
from engate.store import config
from engate.text import Text
from engate.views import configured
from engate.views.configured import Integration
from engate_api import choices
from engate_api.auth import Caller
from engate_api.installation import Installation
from engate_api.rows import once

S = TypeVar("S", bound=msgspec.Struct)


def options_of(values: dict[str, Any]) -> Options:
    """Raises `Invalid` where the values are not valid options."""
    options = converted(values, Options, "options")
    mails.check(options)
    return options


async def shown(installation: Installation, caller: Caller, id: int) -> Integration:
    await installation.store.viewing(lambda c: config.integration_row(c, caller.tenant_id, id))
    can = await flows_offered(installation, id)
    now = installation.now()
    return await installation.store.viewing(lambda c: configured.one_integration(c, caller.tenant_id, id, can, now))


async def flows_offered(installation: Installation, id: int) -> dict[str, Text | None]:
    """Why each flow is not offered, None where it is; a platform that is gone offers nothing."""
    try:
        return offered(await installation.registry.coupling(id))
    except EngateError as error:
        return dict.fromkeys(FLOWS, error.text)


async def check_mapping(installation: Installation, caller: Caller, id: int, mapping: PairMapping, names: Collection[str]) -> None:
    """`names`: the kinds of mapping that changed."""
    if not names:
        return

    def rows(c: sa.Connection) -> tuple[Any, Any]:
        row = config.integration_row(c, caller.tenant_id, id)
        return config.connection_row(c, caller.tenant_id, row.erp_id), config.connection_row(c, caller.tenant_id, row.storefront_id)

    once(mapping)
    erp, storefront = await installation.store.viewing(rows)
    if "channels" in names and mapping.channels:
        choices.check_fields(mapping, installation.registry.manifest(erp.platform))
    if erp.passed or storefront.passed:
        coupling: Coupling = await installation.registry.coupling(id)
        await choices.check(coupling, mapping, names, {"erp": erp.passed, "storefront": storefront.passed})


def converted(values: dict[str, Any], kind: type[S], where: str) -> S:
    try:
        return msgspec.convert(values, kind)
    except msgspec.ValidationError as error:
        fault = wrong(fields_of(kind), values, error)
        raise Invalid(
            Text(f"Valor inválido: {fault.text.pt}.", f"Bad value: {fault.text.en}."),
            Text("Veja GET /integrations/schema.", "See GET /integrations/schema."),
            where=".".join(filter(None, (where, fault.where))),
        ) from None


async def id_form(installation: Installation, caller: Caller, id: int) -> str:
    """What the ids of this integration's shop look like. "" where its plugin is not installed."""

    def platform(c: sa.Connection) -> str:
        return config.connection_row(c, caller.tenant_id, config.integration_row(c, caller.tenant_id, id).storefront_id).platform

    found = installation.registry.platforms.get(await installation.store.viewing(platform))
    made = found.manifest.connection_class() if found is not None and found.manifest is not None else None
    return made.id_form if made is not None and issubclass(made, Storefront) else ""
