"""`engate conformance PLATFORM --settings FILE`: the suite that a plugin is held to, on an account that is somebody's."""

from __future__ import annotations

import argparse
import sys
from datetime import UTC, datetime
from importlib.metadata import entry_points
from pathlib import Path

import msgspec

from engate.errors import Invalid
from engate.logs import configure
from engate.plugins import PLATFORMS, Manifest, discover
from engate.testing.conformance.live import PAGES, WRITES_SAID, Result, account
from engate.testing.conformance.report import About, counted, markdown
from engate.text import Text
from engate.version import VERSION
from engate_api.commands.settings_file import read_settings
from engate_api.loop import run


def main(argv: list[str]) -> int:
    parser = argparse.ArgumentParser(
        prog="engate conformance",
        description="Tries a plugin on an account, and changes nothing in it. Ends with 1 if a check failed.",
        epilog=WRITES_SAID,
    )
    parser.add_argument("platform", help="its key, as in GET /platforms")
    parser.add_argument("--settings", type=Path, required=True, metavar="FILE", help='of a connection; "env:NAME" for secrets')
    parser.add_argument("--write", action="store_true", help="also what changes the account (below)")
    parser.add_argument("--pages", type=_pages, default=PAGES, help=f"of each list (default: {PAGES})")
    parser.add_argument("--json", action="store_true", help="one JSON object in the place of the table")
    parser.add_argument("--report", type=Path, metavar="FILE.md", help="also as Markdown, to be published: it names no account")
    given = parser.parse_args(argv)
    configure("ERROR")
    manifest = _manifest(given.platform)
    values = read_settings(given.settings)
    if given.report is not None and not given.report.absolute().parent.is_dir():
        raise Invalid(
            Text(f"A pasta de {given.report} não existe.", f"The folder of {given.report} does not exist."),
            Text("Crie-a antes, ou escolha outra.", "Make it first, or choose another."),
            where="--report", code="no_folder",
        )  # fmt: skip
    about = About.of(manifest, _distribution(manifest.key), VERSION, datetime.now(UTC))
    results = run(_results(manifest, values, given))
    if given.json:
        print(msgspec.json.encode({"about": about, "results": results}).decode())
    else:
        print(", ".join(f"{count} {state}" for state, count in counted(results).items()))
    if given.report is not None:
        given.report.write_text(markdown(about, results), "utf-8")
    return 1 if any(result.state == "failed" for result in results) else 0


async def _results(manifest: Manifest, values: dict[str, object], given: argparse.Namespace) -> list[Result]:
    """Prints each result as soon as it is known: some accounts are slow."""
    found: list[Result] = []
    async with account(manifest, values, given.pages) as tried:
        async for result in tried.results(writes=given.write):
            found.append(result)
            print(_line(result), file=sys.stderr if given.json else sys.stdout, flush=True)
    return found


def _line(result: Result) -> str:
    took = f"{result.seconds:6.2f} s" if result.state != "not tried" else " " * 8
    return f"{result.state:9} {took}  {f'{result.hook} {result.check}':34} {result.why}".rstrip()


def _manifest(platform: str) -> Manifest:
    platforms = discover()
    found = platforms.get(platform)
    if found is None:
        there = ", ".join(sorted(platforms))
        raise Invalid(
            Text(f"A plataforma '{platform}' não está instalada.", f"Platform '{platform}' is not installed."),
            Text(f"Instaladas: {there}.", f"Installed: {there}."),
            where="platform", code="platform_missing",
        )  # fmt: skip
    if found.manifest is None:
        raise Invalid(
            Text(f"O plugin de '{platform}' não carrega: {found.failure}", f"The plugin of '{platform}' does not load: {found.failure}"),
            Text("Corrija o plugin e rode de novo.", "Mend the plugin, then run this again."),
            where="platform", code="platform_missing",
        )  # fmt: skip
    return found.manifest


def _distribution(platform: str) -> tuple[str, str]:
    dist = entry_points(group=PLATFORMS)[platform].dist
    return (dist.name, dist.version) if dist is not None else (platform, "?")


def _pages(given: str) -> int:
    count = int(given)
    if count < 1:
        raise argparse.ArgumentTypeError("at least 1")
    return count
