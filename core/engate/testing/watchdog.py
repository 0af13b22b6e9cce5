"""Runs one server for as long as its parent lives: `python watchdog.py '<json>'`, with a pipe from the parent as stdin.

The JSON: `command` (list), `log` (path), `env` (dict), `stop` (signal number), `user` and `group` (ids, or null), `remove` (path or
null). The server's pid is printed as one line. When stdin ends, because the parent closed it or died in whatever way, the server gets
`stop` and, after 20 s, SIGKILL; then the folder `remove` is deleted. The exit status is the server's. Uses the standard library alone.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import threading
from pathlib import Path
from types import FrameType

STOP_SECONDS = 20


def main() -> int:
    order = json.loads(sys.argv[1])
    for name in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(name, do_nothing)  # the pipe alone decides; unlike SIG_IGN, a handler is not inherited by the server
    with Path(order["log"]).open("ab") as log:
        server = subprocess.Popen(
            order["command"],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            env=order["env"],
            cwd="/",
            user=order["user"],
            group=order["group"],
            extra_groups=None if order["user"] is None else [],
        )
    print(server.pid, flush=True)
    left = threading.Event()

    def stop_when_left() -> None:
        while os.read(0, 1024):
            pass
        left.set()
        server.send_signal(order["stop"])
        try:
            server.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            server.kill()

    threading.Thread(target=stop_when_left, daemon=True).start()
    status = server.wait()
    if left.is_set() and order["remove"]:  # a server that ended by itself may be started again on the same folder
        shutil.rmtree(order["remove"], ignore_errors=True)
    return status


def do_nothing(number: int, frame: FrameType | None) -> None:
    """A signal handler."""


if __name__ == "__main__":
    sys.exit(main())
