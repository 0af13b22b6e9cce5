"""`engate sandbox <platform>`: a platform's sandbox as a process of its own; and all of them beside a server."""

from __future__ import annotations

import argparse
import asyncio
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.metadata import entry_points

from engate.testing.sandbox import serve

GROUP = "engate.sandboxes"


def main(argv: list[str]) -> int:
    installed = entry_points(group=GROUP)
    parser = argparse.ArgumentParser(
        prog="engate sandbox", description="Prints its address on the first line; /_sandbox/describe says how to reach it."
    )
    parser.add_argument("platform", choices=sorted(installed.names))
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=0, help="0: any free one")
    parser.add_argument("--limits", choices=("on", "off"), default="on", help="the platform's own rate limits")
    parser.add_argument("--with-stdin", action="store_true", help="end when standard input does: a child that outlives nobody")
    given = parser.parse_args(argv)
    if given.with_stdin:
        threading.Thread(target=_end_with_stdin, daemon=True).start()
    asyncio.run(serve(installed[given.platform].load()(limits=given.limits == "on"), given.host, given.port))
    return 0


def _end_with_stdin() -> None:
    sys.stdin.buffer.read()
    os._exit(0)  # nothing to save: a sandbox lives in memory


@contextmanager
def beside() -> Iterator[list[tuple[str, str]]]:
    """Every installed sandbox as a child process; yields (platform, address). They end with us, in whatever way we end."""
    children: list[subprocess.Popen[str]] = []
    found: list[tuple[str, str]] = []
    try:
        for name in sorted(entry_points(group=GROUP).names):
            child = subprocess.Popen(
                [sys.executable, "-m", "engate_api.cli", "sandbox", name, "--with-stdin"],
                stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, start_new_session=True,
            )  # fmt: skip
            children.append(child)
            assert child.stdout is not None
            found.append((name, child.stdout.readline().strip() or "did not start"))
        yield found
    finally:
        for child in children:
            assert child.stdin is not None
            child.stdin.close()
        for child in children:
            child.wait(10)
            assert child.stdout is not None
            child.stdout.close()
