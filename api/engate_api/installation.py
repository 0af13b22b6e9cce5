"""One installation as the routes see it: the store, the vault, the registry of connections, a clock and the dispatch."""

from __future__ import annotations

import fcntl
import os
import socket
from dataclasses import dataclass, field
from pathlib import Path

from engate.clock import Clock
from engate.errors import Invalid
from engate.metrics import Metrics
from engate.secrets import Vault
from engate.store.db import Store
from engate.store.engines import file_of
from engate.store.migrate import upgrade
from engate.sync.calls import Calls
from engate.sync.registry import Registry
from engate.text import Text
from engate_api.dispatch import Dispatch
from engate_api.settings import Settings
from engate_api.tempered import Tempered


@dataclass(eq=False, repr=False)
class Installation:
    """Made by the lifespan (or by a worker that is watched), handed to the routes."""

    settings: Settings
    store: Store
    vault: Vault
    registry: Registry
    clock: Clock
    dispatch: Dispatch
    metrics: Metrics
    new_key: str | None = None  # the installation key, if it was made just now: to be printed once
    worker: str | None = None  # its name, where this process is a worker of scale mode
    calls: Calls | None = None  # None: no call is kept
    tempered: Tempered = field(init=False)
    keys_noted: dict[int, float] = field(default_factory=dict[int, float], init=False)  # key id -> when its use was noted (real time)

    def __post_init__(self) -> None:
        self.tempered = Tempered(self.store)

    def now(self) -> float:
        return self.clock.now().timestamp()


def process_name() -> str:
    """Machine and process. Short enough for the columns that hold it (60), also with the 13 characters by which a lease is longer."""
    return f"{socket.gethostname()[:36]}/{os.getpid()}"


def open_store(settings: Settings) -> Store:
    """The database, its schema brought to this version. Makes the data folder where there is none."""
    settings.data.mkdir(mode=0o700, parents=True, exist_ok=True)
    _is_there(settings)
    store = Store(settings.database_url)
    try:
        upgrade(store)
    except BaseException:
        store.close()
        raise
    return store


def _is_there(settings: Settings) -> None:
    """Refuses to start where there is a key and no database: the file was lost or emptied, and a new one would hide that."""
    file, key = file_of(settings.database_url), settings.key_file
    if file is None or key is None or not key.exists() or (file.exists() and file.stat().st_size):
        return
    raise Invalid(
        Text(f"A chave {key} está aí, mas o banco {file} não existe ou está vazio.",
             f"The key {key} is there, but the database {file} is missing or empty."),
        Text("Restaure o último backup: engate restore ARQUIVO. Para começar do zero, mova a chave para outro lugar.",
             "Restore the last backup: engate restore FILE. To begin anew, move the key elsewhere."),
        code="database_gone",
    )  # fmt: skip


class FolderLock:
    """Two processes must not run the lanes of one data folder: the second is refused. The system frees the lock when the process ends."""

    def __init__(self, data: Path) -> None:
        data.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._file = os.open(data / "engate.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(self._file)
            raise Invalid(
                Text(f"Outro processo do engate já usa a pasta {data}.", f"Another engate process already uses the folder {data}."),
                Text(
                    "Pare o outro processo, ou use outra pasta em ENGATE_DATA. Para vários processos: PostgreSQL e Redis.",
                    "Stop the other process, or set another folder in ENGATE_DATA. For several processes: PostgreSQL and Redis.",
                ),
                code="folder_in_use",
            ) from None

    def release(self) -> None:
        os.close(self._file)
