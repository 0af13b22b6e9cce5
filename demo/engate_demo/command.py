"""The command `engate demo`: its arguments, its exit code, and what it prints."""

from __future__ import annotations

import argparse
import signal
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType

from engate.hooks import Storefront
from engate.plugins import discover, fetched, implemented
from engate_demo import dataset, goods
from engate_demo.catalog import Catalog
from engate_demo.driver import Demo, Tour
from engate_demo.processes import EVENTS, NotStarted, Plan, Servers, running
from engate_demo.progress import Show, show
from engate_demo.report import Report, bare_rate
from engate_demo.steps import STEPS, Side, Step, refusals
from engate_demo.steps import run as run_steps

MOST_NAMED = 20


@dataclass(frozen=True)
class Outcome:
    """`problems`: what the checks found wrong; empty where all is well."""

    report: Report
    problems: list[str] = field(default_factory=list)

    @property
    def exit_code(self) -> int:
        return 1 if self.problems else 0


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--erp", required=True, help="the ERP's platform, as GET /platforms names it")
    parser.add_argument("--storefront", required=True, help="the storefront's platform")
    parser.add_argument("--catalog", type=Path, metavar="DIR", help="a folder of the public order dataset; else goods are generated")
    parser.add_argument("--orders", type=_positive, default=50, metavar="N")
    parser.add_argument("--limits", choices=("on", "off"), default="on", help="off: no refusal by rate, the connections' rates high")
    parser.add_argument("--workers", type=int, default=0, metavar="N", help="scale mode: PostgreSQL, Redis and N worker processes")
    parser.add_argument(
        "--events",
        choices=EVENTS,
        default="told",
        help="told: platforms that call engate know its address; called: those that may do either call it; asked: engate asks them all",
    )
    parser.add_argument("--json", action="store_true", help="the result as one JSON object")
    parser.add_argument("--keep", action="store_true", help="keep everything running at the end, until Ctrl-C, and its folder for good")


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="engate demo", description="A tour: two sandboxes, one integration, checked on both sides.")
    arguments(parser)
    return run(parser.parse_args(argv))


def _positive(text: str) -> int:
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError("at least 1")
    return number


def run(options: argparse.Namespace) -> int:
    """0: all as it should be; 1: something was not, named on stderr; 130: interrupted."""
    plan = Plan(options.erp, options.storefront, options.limits == "on", options.workers, options.events, options.keep)
    try:
        catalog = dataset.read(options.catalog) if options.catalog else goods.generated()
        with _terminated():
            tour = Tour(orders=options.orders)
            return play(plan, catalog, tour, show(), ended=lambda demo, outcome: _ended(options, demo, outcome)).exit_code
    except (dataset.Missing, NotStarted) as error:
        print(error, file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("interrupted; everything was stopped", file=sys.stderr)
        return 130


def _ended(options: argparse.Namespace, demo: Demo, outcome: Outcome) -> None:
    tell(outcome, as_json=options.json)
    if options.keep:
        _keep(demo)


def play(
    plan: Plan,
    catalog: Catalog,
    tour: Tour,
    shown: Show,
    *,
    steps: Sequence[Step] = STEPS,
    after: Mapping[str, Callable[[Demo], None]] | None = None,
    ended: Callable[[Demo, Outcome], None] | None = None,
) -> Outcome:
    """One demo from start to stop. `after`: what else happens when a step is over (a test spoils something there); `ended`: what happens
    with the outcome while everything still runs."""
    began = time.monotonic()
    with ExitStack() as stack:
        with shown:
            shown.step("Starting the servers")
            servers = stack.enter_context(running(plan))
            demo = _demo(plan, servers, catalog, tour, shown)
            stack.callback(demo.close)
            demo.seconds["start"] = round(time.monotonic() - began, 1)
            for note in catalog.notes:
                shown.say(note)
            bare = bare_rate(servers.storefront)
            run_steps(demo, steps, after)
            demo.report.seconds = {**demo.seconds, "total": round(time.monotonic() - began, 1)}
            _rates(demo, bare)
        outcome = Outcome(demo.report, demo.problems)
        if ended is not None:
            ended(demo, outcome)
    return outcome


def _demo(plan: Plan, servers: Servers, catalog: Catalog, tour: Tour, shown: Show) -> Demo:
    erp, storefront = (side(platform) for platform in (plan.erp, plan.storefront))
    report = Report(f"{plan.erp}/{plan.storefront}", refused=refusals(erp, storefront))
    return Demo(servers, catalog, tour, shown, report, plan.limits, plan.events, frozenset({*erp.hooks, *storefront.hooks}), report.refused)


def side(platform: str) -> Side:
    """Raises NotStarted."""
    found = discover().get(platform)
    if found is None or found.manifest is None:
        raise NotStarted(f"{platform}: {found.failure if found else 'not installed'}")
    connection = found.manifest.connection_class()
    hides = issubclass(connection, Storefront) and connection.hides_without_image
    return Side(found.manifest.name, implemented(connection), fetched(connection), hides)


def tell(outcome: Outcome, *, as_json: bool) -> None:
    """The result on stdout, what was wrong on stderr."""
    print(outcome.report.json() if as_json else "\n".join(outcome.report.lines()))
    for problem in outcome.problems[:MOST_NAMED]:
        print(f"WRONG: {problem}", file=sys.stderr)
    if len(outcome.problems) > MOST_NAMED:
        print(f"WRONG: and {len(outcome.problems) - MOST_NAMED} more", file=sys.stderr)


def _rates(demo: Demo, bare: float) -> None:
    spent = demo.seconds.get("load")
    loading = f"; {demo.loaded_requests / spent:,.0f} a second while loading the catalogue" if spent else ""
    demo.show.say(f"this machine's bare request rate: {bare:,.0f} a second{loading}")


def _keep(demo: Demo) -> None:
    servers = demo.servers
    for name, value in (("API", servers.api), ("ERP", servers.erp), ("storefront", servers.storefront), ("folder", servers.folder)):
        demo.show.say(f"{name}: {value}")
    demo.show.say("running until Ctrl-C")
    try:
        signal.pause()
    except KeyboardInterrupt:
        return


@contextmanager
def _terminated() -> Iterator[None]:
    """SIGTERM ends the demo as Ctrl-C does, so that everything it started is stopped."""

    def interrupt(number: int, frame: FrameType | None) -> None:
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGTERM, interrupt)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
