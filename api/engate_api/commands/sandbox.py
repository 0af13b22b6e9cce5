"""`engate sandbox <platform>`: a platform's sandbox as a process of its own; and all of them beside a server."""

from __future__ import annotations

import argparse
import os
import socket
import subprocess
import sys
import threading
from collections.abc import Generator
from contextlib import closing, contextmanager
from http import HTTPStatus
from http.client import HTTPConnection
from importlib.metadata import entry_points
from typing import Any, NamedTuple
from urllib.parse import urlsplit

import msgspec

from engate.testing.assortment import assortment
from engate.testing.sandbox import serve
from engate_api.loop import run

GROUP = "engate.sandboxes"
SKUS = 60
"""What an ERP beside `engate serve` begins with: loads in seconds under the platforms' own limits, some waiting for a person."""
CONTROL_SECONDS = 60


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
    run(serve(installed[given.platform].load()(limits=given.limits == "on"), given.host, given.port))
    return 0


def _end_with_stdin() -> None:
    sys.stdin.buffer.read()
    os._exit(0)  # nothing to save: a sandbox keeps its data in memory


class Beside(NamedTuple):
    """A sandbox that runs beside a server. `skus`: what its ERP begins with; 0 in a storefront. `url` "": it did not start."""

    platform: str
    url: str
    skus: int


@contextmanager
def beside(host: str, first_port: int) -> Generator[list[Beside]]:
    """Starts every installed sandbox as a child process, on the ports from `first_port` where they are free; each ERP with some goods in
    it. They end with this process, however it ends, and keep no data."""
    children: list[tuple[str, subprocess.Popen[str]]] = []
    try:
        for nth, name in enumerate(sorted(entry_points(group=GROUP).names)):
            address = ("--host", host, "--port", str(_if_free(host, first_port + nth)))
            child = subprocess.Popen(
                [sys.executable, "-m", "engate_api.cli", "sandbox", name, "--with-stdin", *address],
                stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, start_new_session=True,
            )  # fmt: skip
            children.append((name, child))
        yield [_stocked(name, child) for name, child in children]
    finally:
        for _, child in children:
            assert child.stdin is not None
            child.stdin.close()
        for _, child in children:
            child.wait(10)
            assert child.stdout is not None
            child.stdout.close()


def _if_free(host: str, port: int) -> int:
    """The port, or 0 (any free one) where it is in use."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except (OSError, OverflowError):
            return 0
    return port


def _stocked(platform: str, child: subprocess.Popen[str]) -> Beside:
    assert child.stdout is not None
    url = child.stdout.readline().strip()
    if not url:
        return Beside(platform, "", 0)
    if _control(url, "GET", "health")["role"] != "erp":
        return Beside(platform, url, 0)
    seed = assortment(SKUS)
    _control(url, "POST", "seed", msgspec.json.encode(seed))
    return Beside(platform, url, sum(len(product.skus) for product in seed.products))


def _control(url: str, method: str, name: str, body: bytes | None = None) -> Any:
    """What it answers by the control protocol."""
    with closing(HTTPConnection(urlsplit(url).netloc, timeout=CONTROL_SECONDS)) as connection:
        connection.request(method, f"/_sandbox/{name}", body, {"Content-Type": "application/json"})
        answer = connection.getresponse()
        said = answer.read()
    if answer.status != HTTPStatus.OK:
        raise RuntimeError(f"{url}: {name}: {answer.status} {said[:300]!r}")
    return msgspec.json.decode(said)
