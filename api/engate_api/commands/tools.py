"""Runs pg_dump, pg_restore and psql. The password goes to them by the environment, never on the command line."""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
import tempfile
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from typing import IO

import sqlalchemy as sa

from engate.errors import Invalid
from engate.text import Text

SAID = 300
"""Characters of a tool's output that an error repeats."""


def dump(url: str, file: Path) -> None:
    command = ["pg_dump", "--format=custom", "--no-owner", "--no-privileges", f"--file={file}", "--dbname", _address(url)]
    # the command as a person may type it: the password is asked for, or taken from PGPASSWORD
    shown = shlex.join(command)
    _found("pg_dump", Text(f"ou rode onde ele está: {shown}", f"or run this where it is: {shown}"))
    ran = subprocess.run(command, env=_environment(url), stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
    if ran.returncode:
        raise _failed("pg_dump", ran.stderr, Text(f"O comando foi: {shown}", f"The command was: {shown}"))


def contents(file: Path) -> list[str] | None:
    """The lines of its table of contents; None where it cannot be read from its first byte to its last."""
    for name in ("pg_restore", "psql"):
        _found(name, Text("ou restaure de uma máquina que o tem.", "or restore from a machine that has it."))
    whole = subprocess.run(["pg_restore", f"--file={os.devnull}", str(file)], stdin=subprocess.DEVNULL, capture_output=True, check=False)
    listed = subprocess.run(["pg_restore", "--list", str(file)], stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
    return None if whole.returncode or listed.returncode else listed.stdout.splitlines()


class Refill:
    """Replaces the tables by those of a dump, in one transaction."""

    def __init__(self, url: str, file: Path, entries: Iterable[str]) -> None:
        """`entries`: those lines of its contents that are wanted."""
        self._url, self._file, self._entries = url, file, list(entries)

    def run(self, before: Iterable[str], after: Iterable[str]) -> str:
        """`before`, `after`: statements in the same transaction. Returns the last line that one of them answered."""
        with (
            tempfile.NamedTemporaryFile("w", suffix=".list") as wanted,
            tempfile.TemporaryFile("w+") as answered, tempfile.TemporaryFile("w+") as wrong_in, tempfile.TemporaryFile("w+") as wrong_out,
        ):  # fmt: skip
            wanted.write("\n".join(self._entries))
            wanted.flush()
            command = ["psql", "--no-psqlrc", "--quiet", "--tuples-only", "--no-align", "--set=ON_ERROR_STOP=1"]
            with subprocess.Popen(
                [*command, "--dbname", _address(self._url)],
                env=_environment(self._url), stdin=subprocess.PIPE, stdout=answered, stderr=wrong_in,
            ) as filling:  # fmt: skip
                assert filling.stdin is not None
                whole = self._feed(filling.stdin, wanted.name, wrong_out, (list(before), list(after)))
            if filling.returncode:
                raise _failed("psql", _all(wrong_in), UNSURE if whole and filling.returncode != REFUSED else UNCHANGED)
            if not whole:
                raise _failed("pg_restore", _all(wrong_out), UNCHANGED)
            return (_all(answered).splitlines() or [""])[-1]

    def _feed(self, into: IO[bytes], wanted: str, wrong: IO[str], around: tuple[list[str], list[str]]) -> bool:
        """Whether it was fed to the end. Without the COMMIT at the end psql leaves the database as it was."""
        command = ["pg_restore", "--no-owner", "--no-privileges", f"--use-list={wanted}", "--file=-", str(self._file)]
        before, after = around
        try:
            into.write(_script("BEGIN", *before))
            into.flush()
            with subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=wrong) as reading:
                assert reading.stdout is not None
                shutil.copyfileobj(reading.stdout, into)
            if reading.returncode:
                return False
            into.write(_script("RESET search_path", *after, "COMMIT"))
            into.close()
        except BrokenPipeError:  # psql has ended, and says why
            with suppress(BrokenPipeError):
                into.close()
            return False
        return True


UNCHANGED = Text(
    "O banco ficou como estava. Se algo dele está no caminho, restaure em um banco vazio (ENGATE_DATABASE_URL).",
    "The database is as it was. If something of it is in the way, restore into an empty database (ENGATE_DATABASE_URL).",
)
UNSURE = Text(
    "A conexão caiu no fim: o banco é o de antes ou, todo Inativo, o do backup. Restaure de novo com --replace.",
    "The connection broke at the end: the database is the one before or, all inactive, the backup's. Restore again with --replace.",
)
REFUSED = 3
"""psql's exit code where the server refused a statement."""


def _script(*statements: str) -> bytes:
    return "".join(f"{statement};\n" for statement in statements).encode()


def _all(file: IO[str]) -> str:
    file.seek(0)
    return file.read()


def _found(name: str, otherwise: Text) -> None:
    if shutil.which(name) is None:
        raise Invalid(
            Text(f"{name} não está instalado aqui.", f"{name} is not installed here."),
            Text(
                f"Instale o cliente do PostgreSQL, na versão do servidor ou mais nova, {otherwise.pt}",
                f"Install PostgreSQL's client, of the server's version or newer, {otherwise.en}",
            ),
            code="no_tool",
        )


def _failed(name: str, stderr: str, hint: Text) -> Invalid:
    lines = stderr.strip().splitlines() or ["?"]
    hanging = [line for line in lines[1:] if " depends on table " in line]  # no other details: they may be rows
    said = " ".join([lines[0], *hanging[:1]])[:SAID]
    return Invalid(Text(f"{name} falhou: {said}", f"{name} failed: {said}"), hint, code="tool_failed")


def _environment(url: str) -> dict[str, str]:
    password = sa.make_url(url).password
    return {**os.environ, **({"PGPASSWORD": str(password)} if password is not None else {})}


def _address(url: str) -> str:
    made = sa.make_url(url)
    return sa.URL.create("postgresql", made.username, None, made.host, made.port, made.database, made.query).render_as_string()
