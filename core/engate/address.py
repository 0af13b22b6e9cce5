"""Where calls may go: a client's calls never leave the origin (scheme, host, port) configured for its connection."""

from __future__ import annotations

import re
from urllib.parse import SplitResult, urlsplit

from engate.text import Text

_SCHEMES = ("http", "https")
_UNFIT = re.compile(r"[\x00-\x20\x7f\\#]")
"""Programs read control characters, spaces and backslashes in different ways; what follows a `#` would not be sent."""
_HOST = re.compile(r"[^\x00-\x20\x7f\\/?#@\[\]{}|<>^`\"%]+|\[[0-9A-Fa-f:.]+\]")


def wrong_base(url: str) -> Text | None:
    """What is wrong with an address that somebody typed; None where it can be called."""
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        return Text("O endereço não é válido.", "The address is not valid.")
    if parts.scheme not in _SCHEMES:
        return Text("O endereço deve começar com http:// ou https://.", "The address must begin with http:// or https://.")
    if "@" in parts.netloc:
        return Text("O endereço não pode conter usuário e senha (@).", "The address must not hold a user and password (@).")
    if not _is_host(parts) or port == 0:
        return Text("O endereço não tem um servidor válido.", "The address names no valid host.")
    if _UNFIT.search(url):
        return Text("O endereço contém um caractere que não pode estar nele.", "The address holds a character that cannot be in one.")
    return None


def _is_host(parts: SplitResult) -> bool:
    host = parts.netloc
    if parts.port is not None or host.endswith(":"):
        host = host.rpartition(":")[0]
    return _HOST.fullmatch(host) is not None


def wrong_path(path: str) -> Text | None:
    """What is wrong with the path of a call; None where it stays below the client's address."""
    if not path.startswith("/"):
        return Text("O caminho deve começar com '/'.", "The path must begin with '/'.")
    if path.startswith("//"):
        return Text(
            "O caminho não pode começar com '//': seria outro endereço.", "The path must not begin with '//': that is another address."
        )
    if _UNFIT.search(path):
        return Text(
            "O caminho contém espaço, '#', '\\' ou um caractere de controle.", "The path holds a space, '#', '\\' or a control character."
        )
    return None
