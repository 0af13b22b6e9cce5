"""`engate services`: a real PostgreSQL and a real Valkey for scale mode on one machine, until it is stopped."""

from __future__ import annotations

import argparse
import signal
import sys
import threading
from pathlib import Path

from engate.errors import EngateError
from engate.testing.services import ServiceUnavailable, postgres, valkey
from engate.text import Text
from engate_api.settings import from_environment


def main(argv: list[str]) -> int:
    """One that ends by itself is started again, on the same port."""
    parser = argparse.ArgumentParser(prog="engate services", description="Prints the two settings of scale mode, then runs until stopped.")
    parser.add_argument("--folder", type=Path, default=from_environment().data / "services", help="PostgreSQL's data stay there")
    given = parser.parse_args(argv)
    stopped = threading.Event()

    def stop(_number: int, _frame: object) -> None:
        stopped.set()

    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, stop)
    try:
        with postgres(given.folder / "postgres", said=_say) as database, valkey(given.folder / "valkey", said=_say) as redis:
            print(f"export ENGATE_DATABASE_URL='{database}'", flush=True)
            print(f"export ENGATE_REDIS_URL='{redis}'", flush=True)
            stopped.wait()
    except ServiceUnavailable as error:
        raise EngateError(Text(f"Não foi possível: {error}", f"Not possible: {error}"), code="no_service") from None
    return 0


def _say(line: str) -> None:
    print(f"engate services: {line}", file=sys.stderr, flush=True)
