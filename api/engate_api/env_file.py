"""A file of settings, read as systemd reads its `EnvironmentFile`: a shell would make something else of a `$`, a `#` or a quote in it."""

from __future__ import annotations

import re
from pathlib import Path

from engate.errors import Invalid
from engate.text import Text

LINE = re.compile(
    r"""[^\S\n]*(?:
        [#;][^\n]*
      | (?P<name>[A-Za-z_]\w*)[^\S\n]*=
        (?P<quoted>(?:[^\S\n]*(?:'[^']*'|"(?:[^"\\]|\\.)*"))*)
        [^\S\n]*(?P<plain>(?:(?!['"])(?:\\.|[^\\\n])+)?)
      |
    )(?:\n|\Z)""",
    re.VERBOSE | re.DOTALL,
)
QUOTED = re.compile(r"""'(?P<single>[^']*)'|"(?P<double>(?:[^"\\]|\\.)*)\"""", re.DOTALL)
PIECE = re.compile(r"\\.|.", re.DOTALL)


def read(file: Path) -> dict[str, str]:
    """Its variables. What systemd would leave out with a warning is refused by its line; the line is not repeated, it may hold a secret."""
    try:
        text = file.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        why = error.strerror if isinstance(error, OSError) else "UTF-8"
        raise Invalid(
            Text(f"O arquivo {file} não pode ser lido: {why}", f"The file {file} cannot be read: {why}"),
            Text("Confira o caminho; o usuário que roda o comando precisa poder ler o arquivo.",
                 "Check the path; the user who runs the command has to be able to read the file."),
            where="--env-file", code="env_file",
        ) from None  # fmt: skip
    found: dict[str, str] = {}
    at = 0
    while at < len(text):
        line = LINE.match(text, at)
        if line is None:
            raise _wrong(file, text.count("\n", 0, at) + 1)
        if line["name"]:
            found[line["name"]] = _unquoted(line["quoted"]) + _unescaped(line["plain"])
        at = line.end()
    return found


def _wrong(file: Path, number: int) -> Invalid:
    return Invalid(
        Text(f"{file}, linha {number}: não é NOME=valor.", f"{file}, line {number}: it is not NAME=value."),
        Text("Sem export; comentários em linha própria, com #; aspas que se abrem se fecham.",
             "Without export; comments on a line of their own, with #; a quote that is opened is closed."),
        where="--env-file", code="env_file",
    )  # fmt: skip


def _unquoted(pieces: str) -> str:
    """Single quotes keep everything as written. Within double quotes a backslash escapes four characters."""
    return "".join(
        each["single"] if each["single"] is not None else re.sub(r'\\(?:(["\\`$])|\n)', lambda one: one[1] or "", each["double"])
        for each in QUOTED.finditer(pieces)
    )


def _unescaped(plain: str) -> str:
    """Outside quotes a backslash escapes the next character and joins lines. Blanks at the end are dropped."""
    pieces = PIECE.findall(plain)
    while pieces and pieces[-1].isspace():
        pieces.pop()
    return "".join(piece[-1] for piece in pieces if piece != "\\\n")
