"""`engate services`: a real PostgreSQL and a real Valkey for scale mode on one machine, until it is stopped."""

from __future__ import annotations

import argparse
import signal
import threading
from pathlib import Path

from engate.testing.services import postgres, valkey
from engate_api.settings import from_environment


def main(argv: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="engate services", description="Prints the two settings of scale mode, then runs until stopped.")
    parser.add_argument("--folder", type=Path, default=from_environment().data / "services", help="PostgreSQL's data stay there")
    given = parser.parse_args(argv)
    stopped = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stopped.set())
    with postgres(given.folder / "postgres") as database, valkey(given.folder / "valkey") as redis:
        print(f"export ENGATE_DATABASE_URL='{database}'", flush=True)
        print(f"export ENGATE_REDIS_URL='{redis}'", flush=True)
        stopped.wait()
    return 0
