"""A platform's sandbox as a process of its own: `python -m engate.testing <platform> [--host H] [--port P] [--limits on|off]`.

The first line it prints is its address. It is found by entry point (group `engate.sandboxes`).
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import signal
import sys
from collections.abc import Sequence
from importlib.metadata import entry_points

from engate.testing.sandbox import Sandbox, serve

GROUP = "engate.sandboxes"


def platforms() -> list[str]:
    """The platforms that have a sandbox here."""
    return sorted(entry_points(group=GROUP).names)


def sandbox_class(platform: str) -> type[Sandbox]:
    """Raises KeyError for a platform without a sandbox."""
    return entry_points(group=GROUP)[platform].load()


def arguments(parser: argparse.ArgumentParser) -> None:
    """What the command takes, for whoever offers it under another name."""
    parser.add_argument("platform", choices=platforms())
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=0, help="0: a free one")
    parser.add_argument("--limits", choices=("on", "off"), default="on", help="off: nothing is refused by rate")


def run(options: argparse.Namespace) -> int:
    """Serves until SIGTERM or Ctrl-C."""
    sandbox = sandbox_class(options.platform)(limits=options.limits == "on")

    async def until_stopped() -> None:
        task = asyncio.current_task()
        assert task is not None
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, task.cancel)
        await serve(sandbox, options.host, options.port)

    with contextlib.suppress(asyncio.CancelledError, KeyboardInterrupt):
        asyncio.run(until_stopped())
    return 0


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m engate.testing", description="A platform's sandbox as a process of its own.")
    arguments(parser)
    return run(parser.parse_args(argv))


if __name__ == "__main__":
    sys.exit(main())
