"""The servers of a demo: two sandboxes, the API and its workers, as child processes on free loopback ports.

Each runs under `engate.testing.watchdog`, so that it ends when the demo ends, however that happens. What a server prints goes to a log in
the demo's folder, which is removed at the end.
"""

from __future__ import annotations

import base64
import os
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Generator, Mapping
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Literal, get_args

import msgspec

from engate.testing import services, watchdog
from engate_demo.web import Refused, Web

START_SECONDS = 60
STOP_SECONDS = 25  # the watchdog kills after 20
WINDOWS: Mapping[str, float] = {
    "unknown_after": 2.0,
    "retry_first": 0.2,
    "retry_most": 5.0,
    "invoice_retry": 1.0,
    "settles_within": 2.0,
    "look_pause": 0.3,
    "orders_again": 5.0,
}
"""Short delays (engate.sync.work.Delays), so that real time is enough."""
API = "api"
COMMAND = (sys.executable, "-m", "engate_api.cli")


class NotStarted(Exception):
    """A server ended, or did not say its address; the text holds the end of its log."""


@dataclass(frozen=True)
class Child:
    """A running server. `pid` is the server's own: whoever wants to see it die kills that. `again` starts it once more."""

    name: str
    pid: int
    log: Path
    watchdog: subprocess.Popen[str]
    again: Callable[[], Child]

    def running(self) -> bool:
        return self.watchdog.poll() is None

    def tail(self, lines: int = 15) -> str:
        return "\n".join(self.log.read_text(errors="replace").splitlines()[-lines:])

    def stop(self) -> None:
        if self.watchdog.stdin is not None:
            self.watchdog.stdin.close()
        try:
            self.watchdog.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self.watchdog.kill()
            self.watchdog.wait()
        if self.watchdog.stdout is not None:
            self.watchdog.stdout.close()


Events = Literal["told", "called", "asked"]
EVENTS: tuple[Events, ...] = get_args(Events)


@dataclass(frozen=True)
class Plan:
    """What is started. `workers` 0: embedded, the API runs everything; else scale mode with so many workers. `events`: platforms that
    call engate are "told" its address; those that may be asked as well call it where it is "called"; "asked": engate only asks."""

    erp: str
    storefront: str
    limits: bool = True
    workers: int = 0
    events: Events = "told"
    keep: bool = False


@dataclass
class Servers:
    """Everything that runs. `database` and `redis` are URLs in scale mode, else "". Addresses are base URLs."""

    folder: Path
    erp: str
    storefront: str
    api: str
    installation_key: str
    database: str = ""
    redis: str = ""
    children: list[Child] = field(default_factory=list)

    def workers(self) -> list[Child]:
        return [child for child in self.children if child.name.startswith("worker-")]

    def restart(self, name: str) -> None:
        """A server that has ended, once more. Raises NotStarted."""
        at = next(nth for nth, child in enumerate(self.children) if child.name == name)
        self.children[at] = self.children[at].again()
        if name == API:
            _wait_ready(self.children[at], self.api)

    def check(self) -> None:
        """Raises NotStarted when a server other than a worker has ended: nothing would ever happen again."""
        for child in self.children:
            if not child.name.startswith("worker-") and not child.running():
                raise NotStarted(f"{child.name} has ended:\n{child.tail()}")


@contextmanager
def running(plan: Plan) -> Generator[Servers]:
    """Starts everything, and stops it when the block ends, in the reverse order."""
    folder = Path(tempfile.mkdtemp(prefix="engate-demo-"))
    with ExitStack() as stack:
        if not plan.keep:
            stack.callback(shutil.rmtree, folder, ignore_errors=True)
        database, redis = _services(stack, folder) if plan.workers else ("", "")
        limits = "on" if plan.limits else "off"
        erp, storefront = (
            start(stack, folder, f"sandbox-{platform}", (*COMMAND, "sandbox", platform, "--limits", limits), {})
            for platform in (plan.erp, plan.storefront)
        )
        port = _free_port()
        given = os.environ if plan.workers else {}  # a database that was there before has keys of its own
        key = given.get("ENGATE_INSTALLATION_KEY") or secrets.token_urlsafe(24)
        environment = {
            "ENGATE_DATA": str(folder / "data"),
            "ENGATE_INSTALLATION_KEY": key,
            "ENGATE_SECRET_KEY": given.get("ENGATE_SECRET_KEY") or base64.b64encode(secrets.token_bytes(32)).decode(),
            "ENGATE_DELAYS": msgspec.json.encode(WINDOWS).decode(),
            "ENGATE_LOG_LEVEL": os.environ.get("ENGATE_LOG_LEVEL", "WARNING"),
            "ENGATE_DATABASE_URL": database,
            "ENGATE_REDIS_URL": redis,
            "ENGATE_PUBLIC_URL": f"http://127.0.0.1:{port}" if plan.events != "asked" else "",
        }
        environment = {name: value for name, value in environment.items() if value}
        api = start(stack, folder, API, (*COMMAND, "serve", "--port", str(port)), environment)
        servers = Servers(folder, address(erp), address(storefront), address(api), key, database, redis, [erp, storefront, api])
        _wait_ready(api, servers.api)
        for nth in range(1, plan.workers + 1):
            servers.children.append(start(stack, folder, f"worker-{nth}", (*COMMAND, "worker"), environment))
        yield servers


def start(stack: ExitStack, folder: Path, name: str, command: tuple[str, ...], environment: Mapping[str, str]) -> Child:
    """One server, stopped when the stack unwinds. Of our own settings, it sees only `environment`, which is never on a command line."""
    log = folder / f"{name}.log"
    log.touch()
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("ENGATE_")}
    order = {
        "command": command,
        "log": str(log),
        "env": None,  # the watchdog's own
        "stop": int(signal.SIGTERM),
        "user": None,
        "group": None,
        "remove": None,
    }
    keeper = subprocess.Popen(
        [sys.executable, str(Path(watchdog.__file__)), msgspec.json.encode(order).decode()],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env={**inherited, "PYTHONUNBUFFERED": "1", **environment},
        start_new_session=True,  # Ctrl-C is for the demo alone, which then stops everything in order
    )
    assert keeper.stdout is not None
    again = partial(start, stack, folder, name, command, environment)
    child = Child(name, int(keeper.stdout.readline() or 0), log, keeper, again)
    stack.callback(child.stop)
    return child


def address(child: Child) -> str:
    """The base URL on the first line that a server prints. Raises NotStarted."""
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline:
        head, ended, _ = child.log.read_text(errors="replace").partition("\n")
        if ended:
            found = head.find("http://")
            if found < 0:
                raise NotStarted(f"{child.name} did not begin with its address:\n{child.tail()}")
            return head[found:].split()[0]
        if not child.running():
            break
        time.sleep(0.02)
    raise NotStarted(f"{child.name} did not start:\n{child.tail()}")


def _wait_ready(child: Child, base: str) -> None:
    """Waits until the API is ready. Raises NotStarted."""
    deadline = time.monotonic() + START_SECONDS
    with closing(Web(base)) as web:
        while time.monotonic() < deadline and child.running():
            try:
                web.get("/ready")
                return
            except Refused:
                time.sleep(0.05)
    raise NotStarted(f"{child.name} did not become ready:\n{child.tail()}")


def _free_port() -> int:
    """Known before the API starts: its platforms are told of it."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def _services(stack: ExitStack, folder: Path) -> tuple[str, str]:
    """Database and Redis of scale mode: those of the environment, else a PostgreSQL and a Valkey of our own."""
    database = os.environ.get("ENGATE_DATABASE_URL") or stack.enter_context(services.postgres(folder / "postgres"))
    redis = os.environ.get("ENGATE_REDIS_URL") or stack.enter_context(services.valkey(folder / "valkey"))
    return database, redis
