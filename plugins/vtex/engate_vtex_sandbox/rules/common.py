"""Rules of every API: headers, keys, roles, bodies, required fields and their types."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime
from typing import Any, Literal

import msgspec

from engate.shapes import is_array, is_object
from engate.testing.sandbox import Call, Refused
from engate_vtex_sandbox import refusals

INT32 = 2**31 - 1

KEY_HEADER = "X-VTEX-API-AppKey"
TOKEN_HEADER = "X-VTEX-API-AppToken"  # noqa: S105
SPAN = re.compile(r"(\d+\.)?\d{2}:[0-5]\d:[0-5]\d")  # dd.hh:mm:ss, days optional


def refuse_missing_header(call: Call, name: str) -> None:
    """The schemas mark Content-Type and Accept required on every call, GET included."""
    if name not in call.headers:
        raise refusals.error(400, "1", f"The header {name} is required")


def refuse_bad_key(call: Call, tokens: Mapping[str, str]) -> None:
    token = tokens.get(call.headers.get(KEY_HEADER, ""))
    if token is None or token != call.headers.get(TOKEN_HEADER):
        raise refusal(401)


def refuse_missing_role(role: str, roles: frozenset[str]) -> None:
    if role not in roles:
        raise refusal(403)


def refusal(status: Literal[401, 403]) -> Refused:
    """Of a key that is wrong, or that has no role for this."""
    return refusals.error(status, "1", "Unauthorized access" if status == 401 else "The credentials are not enabled to access the service.")


def refuse_unknown_route() -> None:
    raise refusals.error(404, "1", "No such route")


def document(call: Call) -> dict[str, Any]:
    """The body as an object; 400 when there is none, it is no JSON, or another type."""
    value = decoded(call)
    if not is_object(value):
        raise refusals.message(400, "The request body must be an object")
    return value


def listing(call: Call) -> list[Any]:
    """The body as an array; 400 as for `document`."""
    value = decoded(call)
    if not is_array(value):
        raise refusals.message(400, "The request body must be an array")
    return value


def decoded(call: Call) -> Any:
    try:
        return call.json()
    except msgspec.DecodeError as failure:
        raise refusals.message(400, "The request body is not JSON") from failure


def refuse_absent(body: Mapping[str, Any], *names: str) -> None:
    """A required field may be null only where `refuse_type` says so."""
    absent = [name for name in names if name not in body]
    if absent:
        raise refusals.message(400, f"Required: {', '.join(absent)}")


def refuse_type(body: Mapping[str, Any], kind: type | tuple[type, ...], *names: str) -> None:
    """`kind` of every field that is present and not null; a boolean is no number."""
    for name in names:
        value = body.get(name)
        if value is None:
            continue
        if not isinstance(value, kind) or (isinstance(value, bool) and kind is not bool):
            raise refusals.message(400, f"{name} has the wrong type")


def refuse_null(body: Mapping[str, Any], *names: str) -> None:
    for name in names:
        if name in body and body[name] is None:
            raise refusals.message(400, f"{name} must not be null")


def whole(call: Call, name: str) -> int:
    """A path or query parameter that is an integer; 400 otherwise."""
    text = call.params.get(name) or call.query.get(name, "")
    if not text.isascii() or not text.isdigit():
        raise refusals.message(400, f"{name} must be an integer")
    return int(text)


def instant(text: object) -> datetime | None:
    """An ISO 8601 date and time, or None when it is none."""
    if not isinstance(text, str) or "T" not in text:
        return None
    try:
        return datetime.fromisoformat(text)
    except ValueError:
        return None
