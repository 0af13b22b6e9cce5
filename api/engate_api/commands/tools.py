"""PostgreSQL's own tools for a copy of a database: run as they should be, with the password where nobody sees it."""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
from pathlib import Path

import sqlalchemy as sa

from engate.errors import Invalid
from engate.text import Text


class Tool:
    """`pg_dump` or `pg_restore`, for the database of `url`."""

    def __init__(self, name: str, url: str, *arguments: str) -> None:
        self._name, self._url = name, sa.make_url(url)
        self._arguments = arguments

    @property
    def shown(self) -> str:
        """The command as a person may type it: the password is asked for, or taken from PGPASSWORD."""
        return shlex.join([self._name, *self._arguments, "--dbname", self._address()])

    def run(self) -> None:
        found = shutil.which(self._name)
        if found is None:
            raise Invalid(
                Text(f"{self._name} não está instalado aqui.", f"{self._name} is not installed here."),
                Text(
                    f"Instale o cliente do PostgreSQL, na versão do servidor ou mais nova, ou rode onde ele está: {self.shown}",
                    f"Install PostgreSQL's client, of the server's version or newer, or run this where it is: {self.shown}",
                ),
                code="no_tool",
            )
        password = self._url.password
        environment = {**os.environ, **({"PGPASSWORD": str(password)} if password is not None else {})}
        command = [found, *self._arguments, "--dbname", self._address()]
        ran = subprocess.run(command, env=environment, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
        if ran.returncode:
            said = (ran.stderr.strip().splitlines() or [f"exit {ran.returncode}"])[0][:300]
            raise Invalid(
                Text(f"{self._name} falhou: {said}", f"{self._name} failed: {said}"),
                Text(f"O comando foi: {self.shown}", f"The command was: {self.shown}"),
                code="tool_failed",
            )

    def _address(self) -> str:
        url = self._url
        return sa.URL.create("postgresql", url.username, None, url.host, url.port, url.database, url.query).render_as_string()


def dump(url: str, file: Path) -> Tool:
    return Tool("pg_dump", url, "--format=custom", "--no-owner", "--no-privileges", f"--file={file}")


def restore(url: str, file: Path) -> Tool:
    """All or nothing."""
    options = ("--clean", "--if-exists", "--no-owner", "--no-privileges", "--single-transaction", "--exit-on-error")
    return Tool("pg_restore", url, *options, str(file))
