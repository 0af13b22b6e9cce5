"""`engate serve`: one process with the API and, without Redis, the lanes."""

from __future__ import annotations

import argparse
import asyncio
from contextlib import ExitStack

import msgspec

from engate.clock import SystemClock
from engate.logs import configure, say
from engate.transcript import Line, printed
from engate_api.app import create_app
from engate_api.commands.sandbox import Beside, beside
from engate_api.embedded import opened
from engate_api.ending import End
from engate_api.environment import parser, told
from engate_api.loop import run
from engate_api.patience import wait_for_servers
from engate_api.server import Address, address, served
from engate_api.settings import Settings


def main(argv: list[str]) -> int:
    asked = parser("engate serve", "The API and, without Redis, the lanes.")
    asked.add_argument("--host", default="127.0.0.1")
    asked.add_argument("--port", type=int, default=8000, help="0: any free one")
    asked.add_argument("--journal", action="store_true", help="keep every call of a platform, and print it as it was made")
    asked.add_argument("--sandboxes", action="store_true", help="start every installed sandbox beside it")
    given, settings = told(asked, argv)
    configure(settings.log_level, json=settings.log_format == "json")
    at = address(given.host, given.port)
    wait_for_servers(settings)
    if given.sandboxes and settings.public_url is None:  # the sandboxes run on this machine
        settings = msgspec.structs.replace(settings, public_url=at.url)
    if given.journal:
        settings = msgspec.structs.replace(settings, calls="all", calls_days=settings.calls_days or 1)
    with ExitStack() as stack:
        return run(_serve(settings, at, stack, given))


async def _serve(settings: Settings, at: Address, stack: ExitStack, given: argparse.Namespace) -> int:
    """Stops on SIGINT and SIGTERM: no new requests, then the lanes' slices end, then the database closes."""
    async with opened(settings, SystemClock(), _print if given.journal else None) as installation:
        end = End()
        app = create_app(settings)
        app.state.installation = installation
        print(f"engate: {at.url}", flush=True)
        if installation.new_key is not None:
            print(f"installation key (shown this once, it creates tenants): {installation.new_key}", flush=True)
        # in this very process: a kill takes API and lanes together, and nobody is left behind with the folder's lock
        async with served(app, at, end.begin):
            say("serve_started", address=at.url)
            if given.sandboxes:
                running = await asyncio.to_thread(stack.enter_context, beside(at.host, at.port + 1))
                print(_reached(at.url, installation.new_key, running), flush=True)
            await end.begun()
    say("serve_ended")
    return 0


def _print(line: Line) -> None:
    for text in printed(line, bodies=True):
        print(text, flush=True)


def _reached(api: str, key: str | None, sandboxes: list[Beside]) -> str:
    """What to paste into another terminal to follow the README."""
    lines = [
        f"sandbox {each.platform}: {each.url or 'did not start'}" + (f" ({each.skus} SKUs)" if each.skus else "") for each in sandboxes
    ]
    lines += ["", "# to follow the README, paste this into another terminal:", f"export ENGATE={api}"]
    lines += [f"export {each.platform.upper()}={each.url}" for each in sandboxes]
    lines.append(f"export INSTALLATION_KEY={key}" if key else "# INSTALLATION_KEY: as printed when this data folder was new")
    return "\n".join(lines)
