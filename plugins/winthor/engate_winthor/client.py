"""Calls to WinThor: pages that lose no row, single rows, the ERP's own time."""

from collections.abc import AsyncIterator, Callable, Mapping
from datetime import datetime
from typing import Any, Generic, NamedTuple, TypeVar
from urllib.parse import parse_qsl

import msgspec

from engate import Answered, Context, Http, Response, Text, Unavailable, stamps
from engate.paging import Fetched, Numbered
from engate_winthor import endpoints
from engate_winthor.endpoints import Paged
from engate_winthor.rows import Rows
from engate_winthor.session import Login
from engate_winthor.settings import Settings, zone

T = TypeVar("T")
GROUPS = ("winthor",)
"""One group for all calls: no rates are documented, and one host stands behind all services, so a 429 of one is a 429 of all."""
_NONE: Mapping[str, object] = {}
EMPTY = "1900-01-01"
"""How WinThor writes "never"."""


class Envelope(msgspec.Struct, Generic[T]):
    """`items` has no default: an error object answered with 200 must not read as an empty list."""

    items: list[T]
    has_next: bool | None = msgspec.field(name="hasNext", default=None)


class Part(NamedTuple, Generic[T]):
    """One page of rows. `cursor`: where to go on; `now`: the ERP's local time; `whole`: nothing can have slipped between pages."""

    rows: list[T]
    cursor: str | None
    now: str
    whole: bool


class Client:
    """One connection's calls. `guarded` carries the session; `open` has none (health)."""

    def __init__(self, context: Context) -> None:
        settings: Settings = context.settings
        self.settings, self.clock = settings, context.clock
        self.contract, names = endpoints.load(settings.contract)
        self.rows = Rows(names)
        self.zone = zone(settings.timezone)
        self.login = Login(settings, self.contract.login, context.clock)
        options: dict[str, Any] = {"at_once": settings.at_once, "timeout": settings.timeout}
        self.guarded: Http = context.http(settings.base_url, auth=self.login, **options)
        self.open: Http = context.http(settings.base_url, **options)

    # ---- lists ----

    async def pages(
        self, call: Paged, kind: type[T], key: Callable[[T], str], params: Mapping[str, object] = _NONE, *, cursor: str | None = None
    ) -> AsyncIterator[Part[T]]:
        """Every page of a list, from `cursor` on. `key` identifies a row; its parts are split by "-" or a space."""

        async def fetch(page: int, size: int) -> Fetched[T]:
            response = await self._get(call, page, size, params)
            rows, more = self._decode(response, kind)
            return Fetched(rows, more, response.body, response)

        async for part in Numbered(fetch, key, self.settings.page_size).pages(cursor):
            yield Part(part.rows, part.cursor, self.now(part.answer), part.whole)

    async def all(self, call: Paged, kind: type[T], key: Callable[[T], str], params: Mapping[str, object] = _NONE) -> list[T]:
        """A short list as a whole."""
        return [row async for part in self.pages(call, kind, key, params) for row in part.rows]

    async def _get(self, call: Paged, page: int, size: int, params: Mapping[str, object]) -> Response:
        asked: dict[str, object] = dict(parse_qsl(call.fixed))
        asked.update({name: value for name, value in params.items() if name and value is not None})
        if call.order:
            asked["order"] = call.order
        asked[call.page], asked[call.size] = page, size
        return await self.guarded.call("GET", call.path, groups=GROUPS, params=asked)

    def _decode(self, response: Response, kind: type[T]) -> tuple[list[T], bool | None]:
        """(rows, whether there is a next page) of an envelope or a bare array, which does not say."""
        if response.status == 204:
            return [], False
        page: Envelope[T] | list[T] = response.json(Envelope[kind] | list[kind])
        return (page.items, page.has_next) if isinstance(page, Envelope) else (page, None)

    # ---- single things ----

    async def one(self, path: str, kind: type[T], params: Mapping[str, object], operation: str = "") -> list[T]:
        """What a single call answers: an object, or a list or envelope of them; [] where there is none (404)."""
        response = await self.guarded.call("GET", path, groups=GROUPS, params=params, operation=operation, expect=(404,))
        if response.status == 404 and response.html:
            raise _not_running(operation or path)
        if response.status in (204, 404) or response.body.strip() in (b"", b"null", b"{}"):
            return []
        shape = response.json(dict[str, msgspec.Raw] | list[msgspec.Raw])
        if isinstance(shape, dict) and "items" not in shape:
            return [response.json(kind)]
        return self._decode(response, kind)[0]

    async def send(self, method: str, path: str, body: object, *, safe: bool) -> Response:
        """A write. Money goes as JSON numbers with all their places, which is what WinThor reads."""
        content = _ENCODER.encode(body)
        try:
            return await self.guarded.call(method, path, groups=GROUPS, content=content, safe=safe, media="")
        except Answered as error:
            if error.status == 404 and error.body.lstrip()[:1] == b"<":
                raise _not_running(path) from None
            raise

    # ---- time ----

    def now(self, response: Response) -> str:
        """The ERP's local time when it answered (its `Date` header), as it writes it."""
        return self.local(response.date or self.clock.now())

    def local(self, moment: datetime) -> str:
        return moment.astimezone(self.zone).replace(tzinfo=None).isoformat(timespec="seconds")

    def instant(self, stamp: str | None) -> datetime | None:
        """One of the ERP's local stamps as an instant; None for none."""
        tidy = stamp_of(stamp)
        return datetime.fromisoformat(tidy).replace(tzinfo=self.zone) if tidy else None

    def since(self, mark: str | None, overlap: float) -> str | None:
        """A watermark, `overlap` seconds earlier, as `lastChange` wants it."""
        return stamps.earlier(mark, overlap, self.zone)


def _not_running(path: str) -> Unavailable:
    """A 404 in HTML comes from Jetty, of a service that is stopped or being updated. It does not say that what was asked for is absent."""
    return Unavailable(
        Text(f"O serviço do WinThor não está no ar ({path}).", f"The WinThor service is not running ({path})."),
        Text("Inicie ou atualize o serviço na rotina 801/812.", "Start or update the service in routine 801/812."),
    )


def watermark(changed: list[str | None], now: str) -> str | None:
    """The newest change of a page; `now`: the ERP's."""
    return stamps.newest(map(stamp_of, changed), now)


def stamp_of(stamp: str | None) -> str:
    return stamps.tidy(stamp, EMPTY)


_ENCODER = msgspec.json.Encoder(decimal_format="number")
