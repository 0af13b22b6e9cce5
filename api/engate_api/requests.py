"""What the routes share: ids, names, cursors, and lists cut into pages."""

from __future__ import annotations

import base64
import binascii
from typing import Annotated, Generic, TypeVar

import msgspec
from litestar.params import PathParameter, QueryParameter

from engate.errors import Invalid
from engate.store.views.paging import Rows, Window
from engate.text import Text
from engate_api.problems import FieldError, Refused

T = TypeVar("T")

Id = Annotated[int, PathParameter(ge=1, le=2**53)]
Limit = Annotated[int, QueryParameter(ge=1, le=500, description="Items a page")]
Cursor = Annotated[str | None, QueryParameter(max_length=100, description="`next_cursor` of the page before")]
Word = Annotated[str | None, QueryParameter(min_length=1, max_length=200)]
OrderState = Annotated[str | None, QueryParameter(name="state", min_length=1, max_length=20)]
Name = Annotated[str, msgspec.Meta(min_length=1, max_length=200, pattern=r"^[^\x00-\x1f]*\S[^\x00-\x1f]*$")]
Number = Annotated[int, msgspec.Meta(ge=1, le=2**53)]


class Items(msgspec.Struct, Generic[T]):
    """One page; `next_cursor` null at the end."""

    items: list[T]
    next_cursor: str | None = None


def window(limit: int, cursor: str | None) -> Window:
    if cursor is None:
        return Window(limit)
    try:
        return Window(limit, int(base64.urlsafe_b64decode(cursor.encode("ascii") + b"==").decode("ascii")) & (2**62 - 1))
    except (ValueError, binascii.Error):
        text = Text("Cursor inválido.", "Bad cursor.")
        hint = Text("Use next_cursor da página anterior, sem mudanças.", "Use the last page's next_cursor, unchanged.")
        raise Refused(400, "bad_cursor", text, hint, errors=[FieldError("query.cursor", text.pt)]) from None


def items(rows: Rows[T]) -> Items[T]:
    return Items(rows.items, cursor_of(rows.next))


def cursor_of(id: int | None) -> str | None:
    return None if id is None else base64.urlsafe_b64encode(str(id).encode()).decode().rstrip("=")


def confirmed(given: str | None, name: str) -> None:
    """What cannot be undone is asked for with the integration's name."""
    if given != name:
        raise Refused(
            409,
            "confirm",
            Text("Confirme com o nome exato da integração.", "Confirm with the integration's exact name."),
            Text("Repita com ?confirm=<nome>.", "Repeat with ?confirm=<name>."),
        )


def known(name: str, among: object, where: str) -> None:
    """A name out of a fixed set; `Invalid` lists the set."""
    names = list(among)  # type: ignore[call-overload]
    if name not in names:
        raise Invalid(
            Text(f"'{name}' não existe.", f"There is no '{name}'."),
            Text(f"Válidos: {', '.join(names)}.", f"Valid: {', '.join(names)}."),
            where=where,
        )
