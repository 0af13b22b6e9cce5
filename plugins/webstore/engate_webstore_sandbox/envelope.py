"""What the ERP answers (Olist FACTS section 1): the envelope `retorno`, lists in their three shapes, numbers and dates as text."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal, InvalidOperation
from typing import Any, Literal, NamedTuple
from zoneinfo import ZoneInfo

import msgspec

from engate.shapes import is_array, is_object

ZONE = ZoneInfo("America/Sao_Paulo")
NOTHING_FOUND, NO_SUCH_PAGE, DUPLICATE, NOT_FOUND = 20, 23, 30, 32
PASSING = frozenset((6, 11, 35, 99))
"""Of a moment: the call is made again."""
STOPPING = frozenset((1, 2, 5, 7, 8))
"""Of the account: nothing goes on before somebody has looked."""
Verdict = Literal["ok", "erro", "parcial", "http", "unreadable", "silent", "lost"]


class Said(NamedTuple):
    """How a call ended. `lost`: this side went away before the answer. `code` is codigo_erro, 0 where there is none."""

    verdict: Verdict
    status: int = 0
    code: int = 0
    errors: tuple[str, ...] = ()
    retorno: dict[str, Any] = {}

    @property
    def ok(self) -> bool:
        return self.verdict == "ok"

    @property
    def passing(self) -> bool:
        """Whether the same call may end otherwise in a moment. An answer that cannot be read is none."""
        if self.verdict == "erro":
            return self.code in PASSING
        return self.verdict in ("silent", "lost", "unreadable") or (self.verdict == "http" and (self.status == 429 or self.status >= 500))  # noqa: PLR2004

    def __str__(self) -> str:
        return f"{self.verdict} {self.code or self.status}: {'; '.join(self.errors)}"


def read(status: int, body: bytes) -> Said:
    """HTTP is 200 even on an error: what counts is `retorno.status`."""
    if status != 200:  # noqa: PLR2004
        return Said("http", status, errors=(body[:200].decode("utf-8", "replace"),))
    try:
        said = msgspec.json.decode(body)
        retorno = said["retorno"]
        word = retorno["status"]
    except (msgspec.DecodeError, KeyError, TypeError) as error:
        return Said("unreadable", status, errors=(f"{type(error).__name__}: {error}",))
    if word == "OK":
        return Said("ok", status, retorno=retorno)
    if word not in ("Erro", "Parcial"):
        return Said("unreadable", status, errors=(f"status {word!r}",))
    try:
        code, errors = code_of(retorno), errors_of(retorno)
    except (ValueError, TypeError) as error:
        return Said("unreadable", status, errors=(str(error),))
    return Said("erro" if word == "Erro" else "parcial", status, code, errors, retorno)


def code_of(held: dict[str, Any]) -> int:
    """An integer or its text."""
    code = held.get("codigo_erro") or 0
    if isinstance(code, bool) or not isinstance(code, (int, str)):
        raise ValueError(f"codigo_erro {code!r}")
    return int(code)


def errors_of(held: dict[str, Any]) -> tuple[str, ...]:
    """`erros: [{"erro": "text"}]`, or the one of them."""
    return tuple(text(row.get("erro")) for row in listed(held.get("erros")))


def listed(held: Any, inner: str = "") -> list[dict[str, Any]]:
    """A list of objects, each within `inner` where it is given. One element can come as an object, none as "" or not at all."""
    rows: list[Any] = [] if held in (None, "") else held if is_array(held) else [held]
    found: list[Any] = [row.get(inner, row) if inner and is_object(row) else row for row in rows]
    for row in found:
        if not is_object(row):
            raise ValueError(f"an object was expected, not {row!r}")
    return found


def text(held: Any) -> str:
    """Numbers are often text, and the other way round."""
    if held is None or isinstance(held, bool):
        return ""
    if isinstance(held, (str, int, float)):
        return str(held)
    raise ValueError(f"text was expected, not {held!r}")


def number(held: Any, *, most: int = 10**12) -> Decimal:
    """With a point where it has decimals. Raises ValueError."""
    try:
        found = Decimal(text(held))
    except InvalidOperation:
        raise ValueError(f"a number was expected, not {held!r}") from None
    if not found.is_finite() or abs(found) > most:
        raise ValueError(f"no number that can be: {held!r}")
    return found


def whole(held: Any) -> int:
    found = number(held)
    if found != found.to_integral_value():
        raise ValueError(f"a whole number was expected, not {held!r}")
    return int(found)


def day(at: datetime) -> str:
    return f"{at.astimezone(ZONE):%d/%m/%Y}"


def moment(at: datetime) -> str:
    return f"{at.astimezone(ZONE):%d/%m/%Y %H:%M:%S}"
