"""What the routes share: ids, names, cursors, and lists cut into pages."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterable
from datetime import date, datetime, time, timedelta
from typing import Annotated, Any, Generic, TypeVar
from zoneinfo import ZoneInfo

import msgspec
from litestar import Request
from litestar.params import PathParameter, QueryParameter

from engate.errors import Invalid
from engate.text import Text
from engate.views.paging import Rows, Window
from engate_api import parameters
from engate_api.problems import FieldError, Refused

T = TypeVar("T")

Id = Annotated[int, PathParameter(ge=1, le=2**53)]
Limit = Annotated[int, QueryParameter(ge=1, le=500, description="Items a page")]
Cursor = Annotated[str | None, QueryParameter(max_length=100, description="`next_cursor` of the page before")]
Word = Annotated[str | None, QueryParameter(min_length=1, max_length=200)]
CauseId = Annotated[int | None, QueryParameter(name="cause", ge=1, le=2**53)]
Moment = Annotated[str | None, QueryParameter(max_length=40, description="A day (2026-11-27) or an instant with its offset")]
OrderState = Annotated[str | None, QueryParameter(name="state", min_length=1, max_length=20)]
Name = Annotated[str, msgspec.Meta(min_length=1, max_length=200, pattern=r"^[^\x00-\x1f]*\S[^\x00-\x1f]*$")]
Number = Annotated[int, msgspec.Meta(ge=1, le=2**53)]


class Items(msgspec.Struct, Generic[T]):
    """One page; `next_cursor` null at the end."""

    items: list[T]
    next_cursor: str | None = None


def window(limit: Limit = 50, cursor: Cursor = None) -> Window:
    if cursor is None:
        return Window(limit)
    try:
        return Window(limit, int(base64.urlsafe_b64decode(cursor.encode("ascii") + b"==").decode("ascii")) & (2**62 - 1))
    except (ValueError, binascii.Error):
        raise bad_cursor("query.cursor") from None


def bad_cursor(where: str) -> Refused:
    text = Text("Cursor inválido.", "Bad cursor.")
    hint = Text("Use next_cursor da página anterior, sem mudanças.", "Use the last page's next_cursor, unchanged.")
    return Refused(400, "bad_cursor", text, hint, errors=[FieldError.of(where, text)])


def items(rows: Rows[T]) -> Items[T]:
    return Items(rows.items, cursor_of(rows.next))


def cursor_of(id: int | None) -> str | None:
    return None if id is None else base64.urlsafe_b64encode(str(id).encode()).decode().rstrip("=")


def only_known(request: Request[Any, Any, Any]) -> None:
    """Refuses a parameter of the query that the route does not have: a filter that is misspelt would answer everything."""
    handler = request.route_handler
    if not handler.resolve_include_in_schema() or handler.opt.get("exclude_from_auth"):
        return
    names = parameters.in_query(handler)
    unknown = sorted(name for name in request.query_params if name not in names)
    if unknown:
        text = Text(f"Parâmetro desconhecido: {unknown[0][:80]}.", f"Unknown parameter: {unknown[0][:80]}.")
        hint = (
            Text(f"Esta consulta conhece: {', '.join(names)}.", f"This query knows: {', '.join(names)}.")
            if names
            else Text("Esta consulta não tem parâmetros.", "This query has no parameters.")
        )
        raise Refused(400, "unknown_parameter", text, hint, errors=[FieldError.of(f"query.{unknown[0][:80]}", text)])


def moment(given: str | None, zone: ZoneInfo, where: str, *, end: bool = False) -> float | None:
    """An instant with its offset, or a day in this zone: where it begins, or (`end`) where it is over."""
    if given is None:
        return None
    try:
        if len(given) == len("2026-11-27"):
            day = date.fromisoformat(given) + timedelta(days=1 if end else 0)
            return datetime.combine(day, time.min, zone).timestamp()
        at = datetime.fromisoformat(given)
    except (ValueError, OverflowError):
        at = None
    if at is None or at.tzinfo is None:
        raise Invalid(
            Text(f"'{given[:40]}' não é uma data.", f"'{given[:40]}' is no date."),
            Text("Envie 2026-11-27, ou 2026-11-27T08:00:00-03:00.", "Send 2026-11-27, or 2026-11-27T08:00:00-03:00."),
            where=where,
        )
    return at.timestamp()


def confirmed(given: str | None, name: str) -> None:
    """An act that cannot be undone needs the integration's name as confirmation."""
    if given != name:
        raise Refused(
            409,
            "confirm",
            Text("Confirme com o nome exato da integração.", "Confirm with the integration's exact name."),
            Text("Repita com ?confirm=<nome>.", "Repeat with ?confirm=<name>."),
        )


def known(name: str, among: Iterable[str], where: str) -> None:
    """A name out of a fixed set; `Invalid` lists the set."""
    names = list(among)
    if name not in names:
        raise Invalid(
            Text(f"'{name}' não existe.", f"There is no '{name}'."),
            Text(f"Válidos: {', '.join(names)}.", f"Valid: {', '.join(names)}."),
            where=where,
        )
