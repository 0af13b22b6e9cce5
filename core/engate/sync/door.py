"""The door of a connection: its address, who may come in, and what a plugin answers."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Mapping
from hmac import compare_digest
from typing import Any, cast

import sqlalchemy as sa

from engate import boundary
from engate.door import Asked, Reply
from engate.errors import Unavailable
from engate.hooks import Connection
from engate.secrets import Vault
from engate.store import deliveries
from engate.sync.desk import HOOK, OpenDesk
from engate.text import Text

SECONDS = 5.0
"""Time that a plugin has for its answer: platforms wait no longer."""
MOST_REPLY = 8 * 1024 * 1024
"""Bytes: a page of products may be large."""
_NAME = re.compile(r"[A-Za-z0-9-]{1,60}")
_PLAIN = re.compile(r"[^\x00-\x1f\x7f]{0,1000}")
OURS = ("connection", "content-length", "transfer-encoding", "content-type")


def name_of(vault: Vault, row: Any) -> str:
    """The part of a connection's address that only its platform knows. Raising `row.door` changes it."""
    return vault.name(f"{row.tenant_id}/{row.id}/{row.door}")


def address(vault: Vault, public_url: str, row: Any) -> str:
    return f"{public_url}/in/{row.id}/{name_of(vault, row)}"


def has_door(cls: type[Connection]) -> bool:
    return cls.answer is not Connection.answer


def find(c: sa.Connection, vault: Vault, id: int, name: str) -> Any | None:
    """The row of the connection that is called. None whatever is wrong, after the same time."""
    row = deliveries.door_of(c, id)
    right = name_of(vault, row) if row is not None else vault.name("nobody")
    return row if compare_digest(right.encode(), name.encode(errors="replace")) and row is not None else None


async def answer(connection: Connection, asked: Asked, desk: OpenDesk) -> Reply:
    """The plugin's answer, checked; its effects are on disk. Raises what the plugin raises, and Unavailable where it takes too long."""
    limit = asyncio.timeout(SECONDS)
    try:
        async with limit:
            given: object = await connection.answer(asked, desk)
    except TimeoutError:
        if not limit.expired():
            raise
        text = Text(f"O plugin não respondeu em {SECONDS:.0f} s.", f"The plugin did not answer within {SECONDS:.0f} s.")
        raise Unavailable(text, code="slow") from None
    wrong = _wrong(given)
    if wrong is not None:
        raise boundary.fault(HOOK, *wrong)
    assert isinstance(given, Reply)
    await desk.close(given)
    return given


def excuse(connection: Connection, asked: Asked, status: int) -> Reply:
    """The answer where the plugin gave none: its own error words (`broke`), else the bare status."""
    try:
        given: object = connection.broke(asked)
    except Exception:  # the plugin failed before
        given = None
    return given if isinstance(given, Reply) and _wrong(given) is None else Reply(status)


def _wrong(given: object) -> tuple[str, str, Text] | None:
    """(field, value, what was expected) where this answer cannot be given."""
    if not isinstance(given, Reply):
        return "", type(given).__name__, boundary.as_is("Reply")
    status, body, kind, headers = cast("tuple[Any, ...]", (given.status, given.body, given.content_type, given.headers))
    if type(status) is not int or not 200 <= status <= 599:
        return "status", repr(status)[:80], Text("200 a 599", "200 to 599")
    if not isinstance(body, bytes) or len(body) > MOST_REPLY:
        return "body", type(body).__name__, Text(f"até {MOST_REPLY} bytes", f"at most {MOST_REPLY} bytes")
    if not isinstance(kind, str) or not _PLAIN.fullmatch(kind):
        return "content_type", repr(kind)[:80], Text("uma linha", "one line")
    if not isinstance(headers, Mapping):
        return "headers", type(headers).__name__, boundary.as_is("Mapping")
    for name, value in cast("Mapping[Any, Any]", headers).items():
        fits = isinstance(name, str) and isinstance(value, str) and _NAME.fullmatch(name) and _PLAIN.fullmatch(value)
        if not fits or name.lower() in OURS:
            return (
                f"headers.{str(name)[:40]}",
                "***",
                Text("um cabeçalho de uma linha que não seja nosso", "a header of one line, not ours"),
            )
    return None
