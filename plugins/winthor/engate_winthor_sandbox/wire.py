"""How WinThor's services speak: ERP local time, the list envelope, paging, flags; and `Table`, rows whose pages are slices."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Mapping
from datetime import datetime
from decimal import Decimal
from email.utils import format_datetime
from typing import Any, Generic, NamedTuple, Protocol, TypeVar
from zoneinfo import ZoneInfo

import msgspec

from engate.clock import Clock
from engate.testing.sandbox import Answer, Call
from engate_winthor_sandbox import rules

EMPTY_DATE = "1900-01-01T00:00:00"  # how the API writes "no date"
ZONE = "America/Sao_Paulo"
STAMP = "%Y-%m-%dT%H:%M:%S"

MAX_CACHED = 64  # listings a table remembers

Query = Mapping[str, str]


class ErpTime:
    """The sandbox clock as the ERP reads it: local time of its zone, to the second, written without the zone."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self.zone = ZoneInfo(ZONE)

    def now(self) -> datetime:
        return self._clock.now()

    def local(self) -> datetime:
        return self._clock.now().astimezone(self.zone)

    def stamp(self) -> str:
        return self.local().strftime(STAMP)

    def http_date(self) -> str:
        return format_datetime(self._clock.now(), usegmt=True)


class Row(Protocol):
    """What a `Table` holds: its own last change stamp and a slot for its JSON, dropped whenever the row changes."""

    last_change: str
    raw: bytes | None

    def encode(self) -> bytes: ...


R = TypeVar("R", bound=Row)


def encoded(row: Row) -> bytes:
    if row.raw is None:
        row.raw = row.encode()
    return row.raw


class Table(Generic[R]):
    """Rows by an immutable, sortable key. Listings come in key order from cached views, so that a page is a slice.

    A view depends on which rows exist and on their flags, not on their numbers: `put` and `reshaped` drop the views, `touch` does not.
    Rows are also kept in the order of their last change (the clock only moves forward), so a changed-since read walks the tail alone.
    """

    def __init__(self) -> None:
        self.rows: dict[Any, R] = {}
        self._recent: dict[Any, R] = {}
        self._views: dict[Hashable, list[R]] = {}
        self._answers: dict[Hashable, list[R]] = {}
        self._sorted: list[tuple[Any, R]] | None = None

    def __len__(self) -> int:
        return len(self.rows)

    def put(self, key: Any, row: R) -> None:
        """Adds or replaces a row that carries its own stamp of now."""
        if key not in self.rows:
            if self._sorted is not None and (not self._sorted or self._sorted[-1][0] < key):
                self._sorted.append((key, row))  # keys given in sequence keep the order without a sort
            else:
                self._sorted = None
        else:
            self._sorted = None
        self.rows[key] = row
        self._recent.pop(key, None)
        self._recent[key] = row
        self.reshaped()

    def drop(self, key: Any) -> None:
        del self.rows[key], self._recent[key]
        self._sorted = None
        self.reshaped()

    def touch(self, key: Any, stamp: str) -> None:
        """The row changed now: its JSON is forgotten and its stamp moves."""
        row = self._recent.pop(key)
        self._recent[key] = row
        row.last_change = stamp
        row.raw = None
        if self._answers:
            self._answers.clear()

    def reshaped(self) -> None:
        """Flags that views look at have changed."""
        if self._views:
            self._views.clear()
        if self._answers:
            self._answers.clear()

    def forget_encoded(self) -> None:
        for row in self.rows.values():
            row.raw = None

    def view(self, name: Hashable, keep: Callable[[R], bool] | None) -> list[R]:
        """Every row that passes `keep`, in key order; `name` stands for `keep` in the cache."""
        found = self._views.get(name)
        if found is None:
            if self._sorted is None:
                self._sorted = sorted(self.rows.items(), key=lambda entry: entry[0])
            found = [row for _, row in self._sorted if keep is None or keep(row)]
            _remember(self._views, name, found)
        return found

    def select(self, name: Hashable, keep: Callable[[R], bool] | None, since: str | None) -> list[R]:
        """The view, cut to the rows changed at or after `since` (inclusive)."""
        if since is None or not self._recent or next(iter(self._recent.values())).last_change >= since:
            return self.view(name, keep)
        found = self._answers.get((name, since))
        if found is None:
            changed: list[tuple[Any, R]] = []
            for key in reversed(self._recent):
                row = self._recent[key]
                if row.last_change < since:
                    break
                if keep is None or keep(row):
                    changed.append((key, row))
            changed.sort(key=lambda entry: entry[0])
            found = [row for _, row in changed]
            _remember(self._answers, (name, since), found)
        return found


def _remember(cache: dict[Hashable, list[R]], name: Hashable, rows: list[R]) -> None:
    if len(cache) >= MAX_CACHED:  # filters of a changing time would fill it for ever
        cache.clear()
    cache[name] = rows


class Page(NamedTuple):
    number: int  # from 1
    size: int

    def cut(self, total: int) -> tuple[int, int]:
        start = (self.number - 1) * self.size
        return start, min(start + self.size, total)


def body_of(call: Call) -> dict[str, Any]:
    """The JSON object of a request; anything else is refused."""
    try:
        body = call.json()
    except msgspec.DecodeError:
        body = None
    rules.body_is_object(body)
    return body  # pyright: ignore


def page_of(query: Query, number: str = "page", size: str = "pageSize") -> Page:
    """`page`/`pageSize`, or the names another service gives them (winthor-venda: `pagina`/`tamanho`)."""
    asked, items = query.get(number, "1"), query.get(size, "10")
    rules.page_number(number, asked)
    rules.page_size(size, items)
    return Page(int(asked), int(items))


def since_of(query: Query, name: str = "lastChange") -> str | None:
    """The changed-since filter; it is compared as text, which the fixed format makes right."""
    value = query.get(name)
    if not value:
        return None
    rules.date_time(name, value)
    return value


def branches_of(query: Query) -> tuple[str, ...]:
    """The required comma list `branchId`."""
    value = query.get("branchId", "")
    rules.branch_given(value)
    return tuple(part.strip() for part in value.split(",") if part.strip())


def flag(query: Query, name: str) -> bool:
    """A flag of the query: the services write them "true", "S" or "Y"."""
    return query.get(name, "").lower() in ("true", "s", "y")


def paged(rows: list[R], page: Page) -> Answer:
    start, stop = page.cut(len(rows))
    return envelope((encoded(row) for row in rows[start:stop]), page, len(rows))


def envelope(items: Iterable[bytes], page: Page, total: int) -> Answer:
    """`{first, items, hasNext}` around items that are JSON already."""
    shown = list(items)
    first = b"true" if page.number == 1 else b"false"
    more = b"true" if page.number * page.size < total else b"false"
    return Answer(body=b'{"first":' + first + b',"items":[' + b",".join(shown) + b'],"hasNext":' + more + b"}", rows=len(shown))


def dumps(value: object) -> bytes:
    return msgspec.json.encode(value)


def number(value: Decimal) -> float | int:
    """A Decimal as the JSON number a Java service writes."""
    return int(value) if value % 1 == 0 else float(value)
