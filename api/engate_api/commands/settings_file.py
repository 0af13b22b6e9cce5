"""The file of settings of one account, for the commands that reach a platform without an installation. Names as the platform's manifest has
them, secrets among them."""

from __future__ import annotations

import os
import re
import tomllib
from pathlib import Path
from typing import Any, cast

import msgspec

from engate.answers import NOT_JSON
from engate.errors import Invalid
from engate.text import Text
from engate_api.bodies import is_object

FROM = "env:"
"""A text that begins so stands for a variable of the environment: a secret need not be in the file."""
_PLACE = re.compile(r"\(at (line \d+, column \d+|end of document)\)|\((byte \d+)\)")


def read_settings(path: Path) -> dict[str, object]:
    """TOML where the name ends in .toml, JSON where in .json. No error repeats a value: it may be a secret."""
    read = {".toml": _toml, ".json": _json}.get(path.suffix.lower())
    if read is None:
        raise _wrong(
            Text(f"{path}: não se sabe se é TOML ou JSON.", f"{path}: it cannot be told whether it is TOML or JSON."),
            Text("Use um arquivo que termine em .toml ou .json.", "Use a file whose name ends in .toml or .json."),
        )
    try:
        given = read(path.read_bytes())
    except OSError as error:
        raise _wrong(
            Text(f"O arquivo {path} não pode ser lido: {error.strerror}", f"The file {path} cannot be read: {error.strerror}"),
            Text("Confira o caminho e as permissões.", "Check the path and its permissions."),
        ) from None
    except (tomllib.TOMLDecodeError, *NOT_JSON) as error:
        place = _PLACE.search(str(error))
        at = f" ({place[1] or place[2]})" if place else ""
        form = path.suffix.lower()[1:].upper()
        raise _wrong(
            Text(f"{path}: não é {form} válido{at}.", f"{path}: no valid {form}{at}."),
            Text('Uma linha por ajuste: base_url = "https://…" em TOML, {"base_url": "https://…"} em JSON.',
                 'One line a setting: base_url = "https://…" in TOML, {"base_url": "https://…"} in JSON.'),
        ) from None  # fmt: skip
    if not is_object(given):
        raise _wrong(
            Text(f"{path}: deve ser um objeto de ajustes.", f"{path}: it must be an object of settings."),
            Text('Exemplo: {"base_url": "https://…", "password": "env:SENHA"}.',
                 'Example: {"base_url": "https://…", "password": "env:PASSWORD"}.'),
        )  # fmt: skip
    return {name: _value(path, name, value) for name, value in given.items()}


def _toml(raw: bytes) -> object:
    return tomllib.loads(raw.decode("utf-8"))


def _json(raw: bytes) -> object:
    return msgspec.json.decode(raw)


def _value(path: Path, name: str, value: Any) -> object:
    """The value, with each `env:NAME` replaced by that variable of the environment."""
    if isinstance(value, list):
        return [_value(path, name, each) for each in cast("list[Any]", value)]
    if is_object(value):
        return {key: _value(path, f"{name}.{key}", each) for key, each in value.items()}
    if not (isinstance(value, str) and value.startswith(FROM)):
        return value
    variable = value.removeprefix(FROM)
    found = os.environ.get(variable)
    if not found:
        raise Invalid(
            Text(f"{path}: {name} pede a variável de ambiente {variable}, que não está definida.",
                 f"{path}: {name} asks for the environment variable {variable}, which is not set."),
            Text(f"Defina-a antes: export {variable}=…", f"Set it first: export {variable}=…"),
            where=name, code="settings_file",
        )  # fmt: skip
    return found


def _wrong(text: Text, hint: Text) -> Invalid:
    return Invalid(text, hint, where="--settings", code="settings_file")
