"""`engate call`: one hook of a plugin against an account, without an installation: its pages, and the calls that it made. It only reads."""

from __future__ import annotations

import argparse
import sys
from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import aclosing
from pathlib import Path
from typing import Any, cast

import msgspec

from engate import boundary
from engate.calls import Exchange
from engate.clock import SystemClock
from engate.context import Context
from engate.doing import current, naming
from engate.errors import Invalid
from engate.hidden import Hidden
from engate.hooks import ROLES, Connection, Erp
from engate.http import Services, Transport
from engate.model import Check, Page, Query
from engate.plugins import Manifest, discover
from engate.settings import load, secret_fields
from engate.specs import SPECS, implemented_by
from engate.testing.connect import CountingJournal, MemoryTokens
from engate.text import Text
from engate.transcript import about, printed, readable, taken
from engate_api.commands.settings_file import read_settings
from engate_api.loop import run

BASICS = ("test_connection", "identity", "learn")
BY_KEY = {"read_order": "the shop's key of the order", "list_choices": "the kind of choice", "read_choices": "the kind of choice"}
"""Hooks that take one argument, and what it is."""
WIDE = 160
"""Characters of an item that are shown."""


def main(argv: list[str]) -> int:
    asked = argparse.ArgumentParser(prog="engate call", description="One hook of a plugin that reads, its pages, and the calls it made.")
    asked.add_argument("platform", help="a platform that is installed")
    asked.add_argument("hook", help="list_…, read_…, test_connection, identity or learn")
    asked.add_argument("key", nargs="?", help="of read_order: the order's key; of list_choices and read_choices: the kind")
    asked.add_argument(
        "--settings", type=Path, required=True, metavar="FILE", help='TOML or JSON; "env:NAME" is taken from the environment'
    )
    asked.add_argument("--keys", help="only these, separated by commas")
    asked.add_argument("--since", help="the platform's own watermark")
    asked.add_argument("--cursor", help="where to go on: what a page said")
    asked.add_argument("--scope", default="", help="the branch or company")
    asked.add_argument("--pages", type=int, default=1, help="how many at most (default: 1)")
    asked.add_argument("--json", action="store_true", help="each item as a line of JSON, on stdout; all else on stderr")
    asked.add_argument("-v", "--verbose", action="store_true", help="what was said in each call")
    given = asked.parse_args(argv)
    manifest = _manifest(given.platform)
    _check(manifest, given)
    values = read_settings(given.settings)
    names = [field.name for field in msgspec.structs.fields(manifest.settings)]
    unknown = next((name for name in values if name not in names), None)
    if unknown is not None:
        raise Invalid(
            Text(f"{manifest.name} não tem o ajuste '{unknown}'.", f"{manifest.name} has no setting '{unknown}'."),
            Text(f"Há: {', '.join(names)}.", f"There are: {', '.join(names)}."),
            where=unknown,
        )
    return run(_call(manifest, given, values))


def _manifest(key: str) -> Manifest:
    found = discover()
    platform = found.get(key)
    if platform is not None and platform.manifest is not None:
        return platform.manifest
    why = f" ({platform.failure})" if platform is not None else ""
    there = ", ".join(sorted(name for name, each in found.items() if each.manifest is not None))
    raise Invalid(
        Text(f"A plataforma '{key}' não está instalada{why}.", f"Platform '{key}' is not installed{why}."),
        Text(f"Instaladas: {there}.", f"Installed: {there}."),
        where="platform",
    )


def _check(manifest: Manifest, given: argparse.Namespace) -> None:
    """Whether the hook is one that reads, and that this platform has."""
    hook, role = given.hook, manifest.connection_class()
    offered = implemented_by(role, ROLES)
    reads = [*(name for name in sorted(offered) if SPECS[name].pages or name == "read_order"), *BASICS]
    choices = Text(f"Pode ser: {', '.join(reads)}.", f"It can be: {', '.join(reads)}.")
    if hook not in SPECS and hook not in BASICS:
        raise Invalid(Text(f"Não há hook '{hook}'.", f"There is no hook '{hook}'."), choices, where="hook")
    if hook in SPECS and not (SPECS[hook].pages or hook == "read_order"):
        raise Invalid(
            Text(f"{hook} escreve na plataforma, ou procura o que o engate escreveu: engate call só lê.",
                 f"{hook} writes to the platform, or looks for what engate wrote: engate call only reads."),
            Text("Para experimentá-lo: engate conformance em uma conta de testes, ou uma integração ativada com um piloto de poucos SKUs.",
                 "To try it: engate conformance on a test account, or an integration that is activated with a pilot of a few SKUs."),
            where="hook",
        )  # fmt: skip
    if hook not in reads:
        raise Invalid(
            Text(f"O plugin de {manifest.name} não tem {hook}.", f"{manifest.name}'s plugin has no {hook}."), choices, where="hook"
        )
    if (hook in BY_KEY) != (given.key is not None):
        what = BY_KEY.get(hook)
        raise Invalid(
            Text(f"{hook} pede mais uma palavra.", f"{hook} takes one more word: {what}.")
            if what
            else Text(f"{hook} não pede '{given.key}'.", f"{hook} takes no '{given.key}'."),
            Text(f"engate call {manifest.key} {hook}{' CHAVE' if what else ''} --settings …",
                 f"engate call {manifest.key} {hook}{' KEY' if what else ''} --settings …"),
            where="key",
        )  # fmt: skip


class Heard:
    """The calls of one connection: implements `engate.calls.Listener`."""

    def __init__(self, secrets: Iterable[str]) -> None:
        self._hidden, self._lines = Hidden(secrets), list[Any]()

    def hide(self, *secrets: str) -> None:
        self._hidden.learn(secrets)

    def ended(self, exchange: Exchange) -> None:
        self._lines.append(taken(exchange, about(current()), SystemClock().now().timestamp(), example=False))

    def shown(self, *, bodies: bool) -> list[str]:
        return [text for line in self._lines for text in printed(readable(line, self._hidden), bodies=bodies)]


async def _call(manifest: Manifest, given: argparse.Namespace, values: dict[str, object]) -> int:
    settings = load(manifest.settings, values)
    heard = Heard(str(values[name]) for name in secret_fields(manifest.settings) if values.get(name))
    aside = sys.stderr if given.json else sys.stdout
    async with Transport() as transport:
        services = Services(
            account=manifest.key, clock=SystemClock(), transport=transport, tokens=MemoryTokens(), journal=CountingJournal(), calls=heard
        )
        try:
            connection = manifest.connection_class()(Context(settings, services))
            with naming(given.hook):
                if given.hook in SPECS and SPECS[given.hook].pages:
                    await _pages(connection, given)
                else:
                    await _answer(connection, given)
        finally:
            calls = heard.shown(bodies=given.verbose)
            print("\n".join(["", f"{len(calls)} lines of calls:" if given.verbose else "calls:", *calls]), file=aside)
    return 0


async def _pages(connection: Connection, given: argparse.Namespace) -> None:
    keys = tuple(key.strip() for key in given.keys.split(",") if key.strip()) if given.keys is not None else None
    asked = given.key if given.hook in BY_KEY else Query(given.since, given.cursor, given.scope, keys)
    told: AsyncIterator[Page[Any]] = getattr(connection, given.hook)(asked)
    together = connection.together.get(given.hook, frozenset()) if isinstance(connection, Erp) else frozenset[str]()
    left = given.pages
    aside = sys.stderr if given.json else sys.stdout
    async with aclosing(cast("Any", told)) as pages:
        async for page in pages:
            received = boundary.page(given.hook, SPECS[given.hook].answer, page, together)
            for part in (received, *received.brought.values()):
                _print(part.items, json=given.json)
                for broken in part.broken:
                    print(f"! {broken.key or '?'}: {broken.problem.text.en}", file=aside)
            about_it: dict[str, object] = {"cursor": page.cursor, "watermark": page.watermark, "total": page.total}
            about_it |= {name: len(part.items) for name, part in received.brought.items()}
            said = "".join(f", {name} {value!r}" for name, value in about_it.items() if value is not None)
            print(f"-- a page of {len(received.items)} items{said}", file=aside)
            left -= 1
            if left <= 0:
                return
    print("-- that was all", file=aside)


async def _answer(connection: Connection, given: argparse.Namespace) -> None:
    hook = getattr(connection, given.hook)
    answer = await (hook(given.key) if given.hook in BY_KEY else hook())
    if given.hook in SPECS:
        answer = boundary.answer(given.hook, SPECS[given.hook].answer, answer)
    _print(cast("list[Any]", answer) if isinstance(answer, list) else [answer], json=given.json)


def _print(items: Sequence[Any], *, json: bool) -> None:
    for item in items:
        print(msgspec.json.encode(item).decode() if json else _line(item))


def _line(item: Any) -> str:
    """The fields that differ from their defaults, shortened."""
    if isinstance(item, Check):
        return f"{'ok' if item.ok else 'NO':3} {item.name}: {item.text.en} {item.hint.en}".rstrip()
    if not isinstance(item, msgspec.Struct):
        return str(item)
    fields = msgspec.structs.fields(type(item))
    said = " ".join(f"{each.name}={_short(getattr(item, each.name))}" for each in fields if getattr(item, each.name) != each.default)
    return said if len(said) <= WIDE else f"{said[: WIDE - 1]}…"


def _short(value: Any) -> str:
    if isinstance(value, str):
        return repr(value) if " " in value or not value else value
    return msgspec.json.encode(value).decode()
