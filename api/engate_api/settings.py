"""What an installation is told by its environment."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import TypeVar

import msgspec

from engate.address import wrong_base
from engate.errors import Invalid
from engate.sync.runner import SLOTS
from engate.sync.work import Windows
from engate.text import Text

T = TypeVar("T")


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """`redis_url` set = scale mode: this process runs no lanes, workers do. URLs and key are secret: never print this."""

    data: Path
    database_url: str
    redis_url: str | None = None
    installation_key: str | None = None
    windows: Windows = Windows()
    slots: int = SLOTS
    log_level: str = "INFO"
    public_url: str | None = None

    @property
    def sqlite(self) -> bool:
        return self.database_url.startswith("sqlite")

    @property
    def key_file(self) -> Path | None:
        """Where the secret key may be made: only beside a SQLite database."""
        return self.data / "secret.key" if self.sqlite else None

    def __repr__(self) -> str:
        return f"Settings(data={self.data})"


def from_environment(environment: Mapping[str, str] = os.environ) -> Settings:
    """From ENGATE_DATA, _DATABASE_URL, _REDIS_URL, _INSTALLATION_KEY, _WINDOWS (JSON), _SLOTS, _PUBLIC_URL and
    _LOG_LEVEL."""
    data = Path(environment.get("ENGATE_DATA") or "data").absolute()
    return Settings(
        data=data,
        database_url=environment.get("ENGATE_DATABASE_URL") or f"sqlite:///{data}/engate.db",
        redis_url=environment.get("ENGATE_REDIS_URL") or None,
        installation_key=environment.get("ENGATE_INSTALLATION_KEY") or None,
        windows=_decoded("ENGATE_WINDOWS", environment.get("ENGATE_WINDOWS") or "{}", Windows),
        slots=_decoded("ENGATE_SLOTS", environment.get("ENGATE_SLOTS") or str(SLOTS), int),
        log_level=(environment.get("ENGATE_LOG_LEVEL") or "INFO").upper(),
        public_url=_public(environment.get("ENGATE_PUBLIC_URL") or None),
    )


def _public(url: str | None) -> str | None:
    """Without a slash at its end."""
    wrong = wrong_base(url) if url is not None else None
    if url is not None and "?" in url:
        wrong = Text("O endereço não pode ter '?'.", "The address must not hold a '?'.")
    if wrong is not None:
        raise Invalid(Text(f"ENGATE_PUBLIC_URL: {wrong.pt}", f"ENGATE_PUBLIC_URL: {wrong.en}"), where="ENGATE_PUBLIC_URL")
    return url.rstrip("/") if url is not None else None


def _decoded(name: str, text: str, kind: type[T]) -> T:
    try:
        return msgspec.json.decode(text, type=kind)
    except msgspec.DecodeError as error:
        raise Invalid(Text(f"{name} inválida: {error}", f"Bad {name}: {error}"), where=name) from None
