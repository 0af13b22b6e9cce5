"""The settings of an installation, from environment variables. A bad value is refused; the error names the variable, never its value."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, get_args
from urllib.parse import urlsplit

import msgspec
import sqlalchemy as sa
from sqlalchemy import exc

from engate.address import wrong_base
from engate.answers import NOT_JSON
from engate.errors import Invalid
from engate.sync.runner import SLOTS
from engate.sync.work import Delays
from engate.text import Text

POSTGRESQL = "postgresql+psycopg"
START_WAIT = 60.0
REDIS = ("redis", "rediss", "unix")
Level = Literal["DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL"]
Form = Literal["text", "json"]
Slots = Annotated[int, msgspec.Meta(ge=2, le=1024)]
"""At least two: one slot serves orders only, so with a single one no catalogue would be loaded."""
KEEP_BUYERS_DAYS = 1826
"""Five years: as long as a consumer may claim (CDC, art. 27) and the tax office may ask (CTN, art. 173 and 174)."""
Days = Annotated[int, msgspec.Meta(ge=30, le=36_500)]
CALLS_DAYS = 7
CallsDays = Annotated[int, msgspec.Meta(ge=0, le=90)]
Which = Literal["some", "all"]
Wait = Annotated[float, msgspec.Meta(ge=0, le=86400)]
RENAMED = {"ENGATE_WINDOWS": "ENGATE_DELAYS"}


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """`redis_url` set = scale mode: this process runs no lanes, workers do. URLs and key are secret: never print this.
    `start_wait`: seconds that a start waits for PostgreSQL and Redis. `keep_buyers_days`: after so many days an order that is over loses
    its buyer. `calls`: which calls of platforms are kept, "some" or "all"; `calls_days`: for how long, 0: none is."""

    data: Path
    database_url: str
    redis_url: str | None = None
    installation_key: str | None = None
    delays: Delays = Delays()
    slots: int = SLOTS
    log_level: str = "INFO"
    log_format: str = "text"
    public_url: str | None = None
    start_wait: float = START_WAIT
    keep_buyers_days: int = KEEP_BUYERS_DAYS
    calls: str = "some"
    calls_days: int = CALLS_DAYS

    @property
    def buyers_kept(self) -> float:
        """Seconds."""
        return self.keep_buyers_days * 86400.0

    @property
    def calls_kept(self) -> float:
        """Seconds."""
        return self.calls_days * 86400.0

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
    """From the variables of `environment.VARIABLES`. One that has another name now is refused: without a word its value would not count."""
    for old, new in RENAMED.items():
        if environment.get(old):
            raise Invalid(
                Text(f"{old} se chama {new} agora.", f"{old} is called {new} now."),
                Text(f"Passe o valor para {new} e retire {old}.", f"Move its value to {new} and leave {old} out."),
                where=old,
            )
    data = Path(environment.get("ENGATE_DATA") or "data").absolute()
    made = Settings(
        data=data,
        database_url=_database(environment.get("ENGATE_DATABASE_URL") or f"sqlite:///{data}/engate.db"),
        redis_url=_redis(environment.get("ENGATE_REDIS_URL") or None),
        installation_key=environment.get("ENGATE_INSTALLATION_KEY") or None,
        delays=_decoded("ENGATE_DELAYS", environment.get("ENGATE_DELAYS") or "{}", Delays),
        slots=_decoded("ENGATE_SLOTS", environment.get("ENGATE_SLOTS") or str(SLOTS), Slots),
        log_level=_one_of("ENGATE_LOG_LEVEL", (environment.get("ENGATE_LOG_LEVEL") or "INFO").upper(), Level),
        log_format=_one_of("ENGATE_LOG_FORMAT", (environment.get("ENGATE_LOG_FORMAT") or "text").lower(), Form),
        public_url=_public(environment.get("ENGATE_PUBLIC_URL") or None),
        start_wait=_decoded("ENGATE_START_WAIT", environment.get("ENGATE_START_WAIT") or str(START_WAIT), Wait),
        keep_buyers_days=_decoded("ENGATE_KEEP_BUYERS_DAYS", environment.get("ENGATE_KEEP_BUYERS_DAYS") or str(KEEP_BUYERS_DAYS), Days),
        calls=_one_of("ENGATE_CALLS", (environment.get("ENGATE_CALLS") or "some").lower(), Which),
        calls_days=_decoded("ENGATE_CALLS_DAYS", environment.get("ENGATE_CALLS_DAYS") or str(CALLS_DAYS), CallsDays),
    )
    if made.redis_url is not None and made.sqlite:
        raise Invalid(
            Text("ENGATE_REDIS_URL pede PostgreSQL: um arquivo SQLite é de um processo só.",
                 "ENGATE_REDIS_URL needs PostgreSQL: a SQLite file belongs to one process."),
            Text("Defina também ENGATE_DATABASE_URL, ou retire ENGATE_REDIS_URL.",
                 "Set ENGATE_DATABASE_URL too, or leave ENGATE_REDIS_URL out."),
            where="ENGATE_REDIS_URL",
        )  # fmt: skip
    return made


def _database(url: str) -> str:
    """SQLite in a file, or PostgreSQL by the driver that is installed."""
    try:
        made = sa.make_url(url)
    except (exc.ArgumentError, ValueError):
        made = None
    if made is not None and (
        made.drivername == POSTGRESQL or (made.drivername == "sqlite" and made.database not in (None, "", ":memory:"))
    ):
        return url
    raise Invalid(
        Text("ENGATE_DATABASE_URL não é um endereço que o engate conheça.", "ENGATE_DATABASE_URL is no address that engate knows."),
        Text(
            f"Use {POSTGRESQL}://usuário:senha@servidor/banco, ou deixe-a vazia: SQLite na pasta de dados.",
            f"Use {POSTGRESQL}://user:password@host/database, or leave it out: SQLite in the data folder.",
        ),
        where="ENGATE_DATABASE_URL",
    )


def _redis(url: str | None) -> str | None:
    try:
        if url is None or (urlsplit(url).scheme in REDIS and urlsplit(url).port != 0):
            return url
    except ValueError:
        pass
    raise Invalid(
        Text("ENGATE_REDIS_URL não é o endereço de um Redis.", "ENGATE_REDIS_URL is not the address of a Redis."),
        Text("Use redis://servidor:6379/0, ou rediss:// com TLS.", "Use redis://host:6379/0, or rediss:// with TLS."),
        where="ENGATE_REDIS_URL",
    )


def _public(url: str | None) -> str | None:
    """Without a slash at its end."""
    wrong = wrong_base(url) if url is not None else None
    if url is not None and "?" in url:
        wrong = Text("O endereço não pode ter '?'.", "The address must not hold a '?'.")
    if wrong is not None:
        raise Invalid(Text(f"ENGATE_PUBLIC_URL: {wrong.pt}", f"ENGATE_PUBLIC_URL: {wrong.en}"), where="ENGATE_PUBLIC_URL")
    return url.rstrip("/") if url is not None else None


def _one_of(name: str, given: str, choices: Any) -> str:
    known = get_args(choices)
    if given not in known:
        raise Invalid(
            Text(f"{name} não pode ser {given!r}.", f"{name} cannot be {given!r}."),
            Text(f"Use um destes: {', '.join(known)}.", f"Use one of these: {', '.join(known)}."),
            where=name,
        )
    return given


def _decoded(name: str, text: str, kind: Any) -> Any:
    try:
        return msgspec.json.decode(text, type=kind)
    except NOT_JSON as error:
        said = str(error)
    fields = ", ".join(field.name for field in msgspec.structs.fields(kind)) if isinstance(kind, type) else ""
    hint = Text(f"Nomes possíveis: {fields}.", f"Possible names: {fields}.") if "unknown field" in said else SEE
    raise Invalid(Text(f"{name} inválida: {said}", f"Bad {name}: {said}"), hint, where=name)


SEE = Text("Veja docs/production.md ou engate serve --help.", "See docs/production.md or engate serve --help.")
