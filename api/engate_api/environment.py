"""Every variable of the environment that an installation is told by: what it is for, and what counts where it is not set. `--help` and
docs/production.md show this table; `settings` reads the values."""

from __future__ import annotations

import argparse
import os
from pathlib import Path
from typing import NamedTuple

import msgspec

from engate.errors import Invalid
from engate.secrets import ENVIRONMENT as SECRET_KEY
from engate.sync.runner import SLOTS
from engate.sync.work import Delays
from engate.text import Text
from engate_api import env_file
from engate_api.settings import CALLS_DAYS, KEEP_BUYERS_DAYS, START_WAIT, Settings, from_environment

_DELAYS = ", ".join(f"`{field.name}`" for field in msgspec.structs.fields(Delays))


class Variable(NamedTuple):
    """`default`: what it is where it is not set; "": nothing, or what `text` says. `secret`: it holds a password or a key."""

    text: Text
    default: str = ""
    secret: bool = False


VARIABLES: dict[str, Variable] = {
    "ENGATE_DATA": Variable(
        Text("pasta de dados: banco SQLite, chave, trava, cópias que uma restauração guarda",
             "the data folder: SQLite database, secret key, lock, copies that a restore keeps"),
        "./data",
    ),
    "ENGATE_DATABASE_URL": Variable(
        Text("modo de escala: `postgresql+psycopg://usuário:senha@servidor/banco`; sem ela, SQLite na pasta de dados",
             "scale mode: `postgresql+psycopg://user:password@host/database`; without it SQLite in the data folder"),
        secret=True,
    ),
    "ENGATE_REDIS_URL": Variable(
        Text("modo de escala: `redis://servidor:6379/0`, ou `rediss://` com TLS; a API então não trabalha nas filas, os workers sim",
             "scale mode: `redis://host:6379/0`, or `rediss://` with TLS; then the API runs no lanes, workers do"),
        secret=True,
    ),
    SECRET_KEY: Variable(
        Text("chave das credenciais: base64 de 32 bytes, a mesma em todos os processos; com PostgreSQL é obrigatória, com SQLite "
             "nasce um arquivo ao lado do banco",
             "the key of the credentials: base64 of 32 bytes, the same for every process; with PostgreSQL it must be set, with SQLite a "
             "file is made beside the database"),
        secret=True,
    ),
    "ENGATE_INSTALLATION_KEY": Variable(
        Text("troca a chave da instalação (a que só cria tenants); sem ela, uma é criada e mostrada no primeiro início",
             "replaces the installation key (which only creates tenants); without it one is made and shown at the first start"),
        secret=True,
    ),
    "ENGATE_PUBLIC_URL": Variable(
        Text("endereço pelo qual as plataformas chegam ao engate (`https://engate.example.com`); sem ele nenhuma é avisada para chamar",
             "the address at which platforms reach engate (`https://engate.example.com`); without it no platform is told to call"),
    ),
    "ENGATE_SLOTS": Variable(
        Text("de 2 a 1024: filas em que cada processo trabalha ao mesmo tempo; o último quarto só atende pedidos",
             "2 to 1024: lanes that a process works on at once; the last quarter serve only orders"),
        str(SLOTS),
    ),
    "ENGATE_DELAYS": Variable(
        Text(f"JSON: quanto esperar pelas coisas, em segundos: {_DELAYS}", f"JSON: how long to wait for things, in seconds: {_DELAYS}"),
        "{}",
    ),
    "ENGATE_START_WAIT": Variable(
        Text("segundos que um início espera por PostgreSQL e Redis, com uma linha a cada poucos segundos",
             "seconds that a start waits for PostgreSQL and Redis, with a line every few seconds"),
        f"{START_WAIT:g}",
    ),
    "ENGATE_KEEP_BUYERS_DAYS": Variable(
        Text("de 30 a 36500: depois de tantos dias um pedido terminado perde os dados do comprador (LGPD)",
             "30 to 36,500: after so many days an order that is over loses its buyer"),
        str(KEEP_BUYERS_DAYS),
    ),
    "ENGATE_CALLS_DAYS": Variable(
        Text("de 0 a 90: dias em que ficam guardadas as chamadas às plataformas (`GET /calls`); 0: nenhuma é guardada",
             "0 to 90: days for which calls of platforms are kept (`GET /calls`); 0: none is kept"),
        str(CALLS_DAYS),
    ),
    "ENGATE_CALLS": Variable(
        Text('"some": as que não deram certo, as de pedidos e exemplos das outras; "all": todas, para quem desenvolve',
             '"some": those that did not end well, those about orders, and examples of the others; "all": every one, for developing'),
        "some",
    ),
    "ENGATE_LOG_LEVEL": Variable(
        Text("`DEBUG`, `INFO`, `WARNING`, `ERROR` ou `CRITICAL`; vai para stderr",
             "`DEBUG`, `INFO`, `WARNING`, `ERROR` or `CRITICAL`; to stderr"),
        "INFO",
    ),
    "ENGATE_LOG_FORMAT": Variable(
        Text("`text`, ou `json`: um objeto JSON por linha", "`text`, or `json`: one JSON object a line"),
        "text",
    ),
}  # fmt: skip


def parser(command: str, words: str) -> argparse.ArgumentParser:
    """The parser of a command that reads settings from the environment. Its help names every variable."""
    width = max(map(len, VARIABLES))
    lines = ["environment:"]
    for name, variable in VARIABLES.items():
        default = f" (default: {variable.default})" if variable.default else ""
        lines.append(f"  {name:{width}}  {variable.text.en.replace('`', '')}{default}")
    made = argparse.ArgumentParser(
        prog=command, description=words, epilog="\n".join(lines), formatter_class=argparse.RawDescriptionHelpFormatter
    )
    made.add_argument(
        "--env-file", type=Path, metavar="FILE", help="the variables below from this file alone, read as systemd reads its EnvironmentFile"
    )
    return made


def told(parser: argparse.ArgumentParser, argv: list[str]) -> tuple[argparse.Namespace, Settings]:
    """The parsed command line, and the settings: from the file that it names, else from the environment."""
    given = parser.parse_args(argv)
    if given.env_file is not None:
        _take(given.env_file)
    return given, from_environment()


def _take(file: Path) -> None:
    """With a file, engate's variables in the shell do not count: a rehearsal must not reach the real database."""
    values = env_file.read(file)
    unknown = sorted(name for name in values if name.startswith(OURS) and name not in VARIABLES)
    if unknown:
        raise Invalid(
            Text(f"{file}: não há variável {unknown[0]}.", f"{file}: there is no variable {unknown[0]}."),
            Text(f"Há: {', '.join(VARIABLES)}.", f"There are: {', '.join(VARIABLES)}."),
            where="--env-file", code="env_file",
        )  # fmt: skip
    for name in [name for name in os.environ if name.startswith(OURS)]:
        del os.environ[name]
    os.environ.update(values)


OURS = "ENGATE_"
