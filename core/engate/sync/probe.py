"""The probe: what works with an account. A person asks for it as a test. A lane for each side of an integration runs it daily, learns new
facts, and keeps the platform calling engate's address."""

from __future__ import annotations

import asyncio
from typing import Any, NamedTuple, cast

import sqlalchemy as sa

from engate.doing import naming
from engate.errors import EngateError
from engate.hooks import Connection, Storefront
from engate.logs import say
from engate.model import Check
from engate.store import config, health, runs
from engate.store.health import Trouble
from engate.store.tables import connection
from engate.sync import door
from engate.sync.work import NextTurn, SliceContext
from engate.text import Text

SIDES = ("erp", "storefront")
SECONDS = 60.0
"""Time that a plugin has for each of its steps."""
MOST_FACTS, MOST_NAME, MOST_FACT = 50, 60, 200


class Tried(NamedTuple):
    """`checks`: the lines of the test. Only where all passed: `identity` (which account it is) and `facts` about it; `unlearned`: why there
    are no facts; `calls_us`: the platform does some of the work by calling engate, so it works only after the first call."""

    checks: list[Check]
    identity: str = ""
    facts: dict[str, str] | None = None
    unlearned: Check | None = None
    calls_us: bool = False


async def tried(account: Connection) -> Tried:
    """Tests an account. Changes nothing on the platform; what the plugin raises becomes a line."""
    checks: list[Check] = []
    identity = ""
    try:
        async with asyncio.timeout(SECONDS):
            with naming("test_connection"):
                checks += _lines(await account.test_connection())
            if all(check.ok for check in checks):
                with naming("identity"):
                    identity = await account.identity()
    except Exception as error:
        return Tried([*checks, as_line("test", error)])
    if not checks or not all(check.ok for check in checks):
        return Tried(checks)
    calls_us = isinstance(account, Storefront) and bool(account.served())
    try:
        async with asyncio.timeout(SECONDS):
            with naming("learn"):
                return Tried(checks, identity, _facts(await account.learn()), calls_us=calls_us)
    except Exception as error:
        say("facts_not_learnt", error=f"{type(error).__name__}: {error}")
        return Tried(checks, identity, None, as_line("facts", error), calls_us)


async def installed(account: Connection, url: str | None) -> list[Check]:
    """Has the platform call engate at this address. Returns the lines; [] where the plugin has no door or there is no address."""
    if url is None or not door.has_door(type(account)):
        return []
    try:
        async with asyncio.timeout(SECONDS):
            with naming("install_webhooks"):
                return _lines(await account.install_webhooks(url))
    except Exception as error:
        return [as_line("webhooks", error)]


def other_account(before: str, now: str) -> Check:
    return Check(
        "identity",
        False,
        Text(
            f"As credenciais são de outra conta: '{now}', antes '{before}'.",
            f"The credentials are of another account: '{now}', before '{before}'.",
        ),
        Text(
            "Integrações usam esta conexão: para outra conta, crie uma nova conexão.",
            "Integrations use this connection: make a new connection for another account.",
        ),
    )


async def probe_slice(work: SliceContext, side: str) -> tuple[NextTurn, bool]:
    """Returns (the next turn, whether something new was learnt). A line that fails shows as the connection's health.

    A probe by another integration of the connection, or a person's test, counts too."""
    id = work.snapshot.sides[SIDES.index(side)][0]
    row = await work.store.reading(lambda c: c.execute(sa.select(connection).where(connection.c.id == id)).one())
    account = await work.registry.connection(id)
    again = (row.probed_at or 0.0) + work.delays.probe_every
    checks: list[Check] = []
    learned = False
    if work.claim.trouble_of is not None or again <= work.now():
        found = await tried(account)
        checks, learned = await _looked(work, row, found)
        again = work.now() + work.delays.probe_every
    checks += await installed(account, work.registry.door_of(row))
    failed = next((check for check in checks if not check.ok), None)
    if failed is None:
        return NextTurn(due=again), learned
    trouble = Trouble(id, runs.error_of(EngateError(failed.text, failed.hint, code=failed.name)))
    await work.store.durably(lambda c: health.met(c, work.claim.id, trouble))
    say("probe_failed", connection=id, line=failed.name, error=failed.text.en)
    return NextTurn(due=work.now() + work.delays.probe_again, through=False), learned


async def _looked(work: SliceContext, row: Any, found: Tried) -> tuple[list[Check], bool]:
    """The lines to show, and whether the facts have changed."""
    checks = [*found.checks, *([found.unlearned] if found.unlearned is not None else [])]
    if found.identity and row.identity and found.identity != row.identity:
        return [*checks, other_account(row.identity, found.identity)], False
    return checks, await work.store.durably(lambda c: config.probed(c, row.id, row.revision, found.facts, work.now()))


def as_line(name: str, error: Exception) -> Check:
    """What was raised, as a line of a test."""
    if isinstance(error, EngateError):
        return Check(error.code, False, error.text, error.hint)
    if isinstance(error, TimeoutError):
        text = Text(f"A plataforma não respondeu em {SECONDS:.0f} s.", f"The platform did not answer within {SECONDS:.0f} s.")
        return Check("timeout", False, text, Text("Verifique o endereço.", "Check the address."))
    say("probe_broke", line=name, exc_info=error)
    text = Text(f"O plugin falhou ({type(error).__name__}).", f"The plugin failed ({type(error).__name__}).")
    return Check("plugin_fault", False, text, Text("Veja o log do engate.", "See engate's log."))


def _lines(given: object) -> list[Check]:
    lines = cast("list[Any]", given if isinstance(given, list) else [given])
    if not all(isinstance(line, Check) for line in lines):
        raise TypeError("a list of Check is expected")
    return lines


def _facts(given: object) -> dict[str, str]:
    facts = cast("dict[Any, Any]", given if isinstance(given, dict) else {"": given})
    for name, fact in facts.items():
        if not (isinstance(name, str) and 0 < len(name) <= MOST_NAME and isinstance(fact, str) and len(fact) <= MOST_FACT):
            raise TypeError("facts are a dict of short texts")
    if len(facts) > MOST_FACTS:
        raise TypeError(f"at most {MOST_FACTS} facts")
    return facts
