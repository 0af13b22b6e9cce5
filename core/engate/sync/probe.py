"""The probe: a lane for each side of an integration that keeps the platform calling our address."""

from __future__ import annotations

import asyncio
from typing import Any, cast

import sqlalchemy as sa
import structlog

from engate.errors import AuthFailed, EngateError
from engate.hooks import Connection
from engate.model import Check
from engate.store import health, runs
from engate.store.health import Trouble
from engate.store.tables import connection
from engate.sync import door
from engate.sync.work import Later, Work
from engate.text import Text

SIDES = ("erp", "storefront")
SECONDS = 60.0
"""That the plugin has for it."""
log = structlog.get_logger("engate.probe")


async def probe_slice(work: Work, side: str) -> Later:
    """What fails shows as the connection's health, in the words of the line; it is tried again sooner than the next day."""
    id = work.snapshot.sides[SIDES.index(side)][0]
    row = await work.store.reading(lambda c: c.execute(sa.select(connection).where(connection.c.id == id)).one())
    account = await work.registry.connection(id)
    checks = await installed(account, work.registry.door_of(row))
    failed = next((check for check in checks if not check.ok), None)
    if failed is None:
        return Later(due=work.now() + work.windows.probe_every)
    trouble = Trouble(id, runs.error_of(EngateError(failed.text, failed.hint, code=failed.name)))
    await work.store.durably(lambda c: health.met(c, work.claim.id, trouble))
    log.warning("probe_failed", connection=id, line=failed.name, error=failed.text.en)
    return Later(due=work.now() + work.windows.probe_again, through=False)


async def installed(account: Connection, url: str | None) -> list[Check]:
    """The platform calls us at this address now, or the line that says why not. Nothing where there is no door or no address."""
    if url is None or not door.has_door(type(account)):
        return []
    try:
        async with asyncio.timeout(SECONDS):
            return _lines(await account.install_webhooks(url))
    except AuthFailed:
        raise
    except Exception as error:
        return [as_line("webhooks", error)]


def as_line(name: str, error: Exception) -> Check:
    """What was raised, as a line of a test."""
    if isinstance(error, EngateError):
        return Check(error.code, False, error.text, error.hint)
    if isinstance(error, TimeoutError):
        text = Text(f"A plataforma não respondeu em {SECONDS:.0f} s.", f"The platform did not answer within {SECONDS:.0f} s.")
        return Check("timeout", False, text, Text("Verifique o endereço.", "Check the address."))
    log.error("probe_broke", line=name, exc_info=error)
    text = Text(f"O plugin falhou ({type(error).__name__}).", f"The plugin failed ({type(error).__name__}).")
    return Check("plugin_fault", False, text, Text("Veja o log do engate.", "See engate's log."))


def _lines(given: object) -> list[Check]:
    lines = cast("list[Any]", given if isinstance(given, list) else [given])
    if not all(isinstance(line, Check) for line in lines):
        raise TypeError("a list of Check is expected")
    return lines
