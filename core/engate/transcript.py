"""A call as people read it later: short, without secrets, and without data of a buyer that could not be found again. Pure.

During a call only references and a few thousand bytes are taken (`taken`); the rest is done later, elsewhere (`readable`).
A buyer is found again by the order that the call was about, and erased with it. A call that is about no single order and may name buyers (a
list of orders, a test of the account) is kept without its bodies if it ended well, and masked if it did not.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, NamedTuple, cast
from urllib.parse import unquote, unquote_plus

import msgspec

from engate.answers import Response
from engate.calls import Exchange, Outcome
from engate.doing import Doing
from engate.errors import EngateError
from engate.hidden import Hidden
from engate.logs import masked, without_secrets
from engate.model import Batch, Item, Query
from engate.model.kinds import KINDS, Kind

MOST = 2048
"""Characters kept of a request, and of an answer."""
LOOKED_AT = 4096
"""Bytes of them that are read, so that a secret of which a part would be shown is whole in them."""
SEARCHED = 65_536
"""Bytes of a request that are searched for the records it names."""
MOST_RECORDS = 50
"""Most records stored for a call."""
MOST_PATH, MOST_ERROR, MOST_HEADERS, MOST_HEADER = 1000, 600, 12, 120

KIND_OF: Mapping[str, Kind] = {hook: kind for kind in KINDS.values() for hook in (kind.list_hook, kind.push_hook, kind.check_hook)}
CATALOGUE = frozenset((*KIND_OF, "list_choices", "read_choices", "read_listing"))
"""Hooks whose calls name no buyer."""
LISTS_ORDERS = frozenset({"find_order", "list_fulfilment", "read_orders", "read_order_events"})
"""Hooks that may read other orders than the one they are called for."""
HARMLESS = re.compile(r"content-type|date|retry-after|(?:x-)?(?:\w+-)?(?:request|correlation|trace)-id|(?:x-)?rate-?limit[\w-]*")
"""Headers of an answer that are kept: they identify the call at the platform, or tell rates."""
TEXTUAL = re.compile(r"json|xml|text|html|csv|form-urlencoded|graphql|javascript")


class About(NamedTuple):
    """What a call was made for, as far as known. `asked`: the hook's first argument."""

    hook: str = ""
    integration_id: int | None = None
    order: str | None = None
    asked: object = None

    @property
    def may_name_buyers(self) -> bool:
        """Whether it may name other buyers than that of its order, which could not be found again."""
        return self.hook in LISTS_ORDERS or (self.order is None and self.hook not in CATALOGUE)


class Ended(NamedTuple):
    """How the call ended, without the error object, which would keep its frames and the whole answer in memory."""

    outcome: Outcome
    code: str
    text: str

    @classmethod
    def of(cls, exchange: Exchange) -> Ended:
        error = exchange.error
        if isinstance(error, EngateError):
            return cls(exchange.outcome, error.code, error.text.en)
        return cls(exchange.outcome, "cancelled" if error is not None else "", "")


class Taken(NamedTuple):
    """A call to be kept, as it was when it ended. `sizes`: of its whole bodies, of which `exchange` holds the beginning.
    `example`: one of many that went well."""

    at: float
    about: About
    exchange: Exchange
    sizes: tuple[int, int]
    example: bool
    ended: Ended

    @property
    def weight(self) -> int:
        content, response = self.exchange.call.content, self.exchange.response
        return (len(content) if isinstance(content, bytes) else 0) + (len(response.body) if response is not None else 0)


class Said(msgspec.Struct, frozen=True):
    """The content of a call: everything that may hold data of a buyer."""

    path: str = ""
    error: str = ""
    request: str = ""
    answer: str = ""
    headers: dict[str, str] = {}


class Line(NamedTuple):
    """A call as it is kept. `error`: the code of its error; `records`: (kind, key) of what it was about."""

    at: float
    integration_id: int | None
    hook: str
    method: str
    operation: str
    status: int
    outcome: Outcome
    error: str
    ms: int
    attempt: int
    order: str | None
    records: tuple[tuple[str, str], ...]
    said: Said
    example: bool


# ---- during the call ----


def about(doing: Doing | None) -> About:
    return About(doing.hook, doing.integration_id, doing.order, doing.asked) if doing is not None else About()


def taken(exchange: Exchange, about: About, at: float, *, example: bool) -> Taken:
    """The call with its bodies cut to what is read later. Bodies that must not be kept are dropped at once."""
    call, response = exchange.call, exchange.response
    content = call.content if isinstance(call.content, bytes) else b""
    sizes = len(content), len(response.body) if response is not None else 0
    quiet = exchange.outcome == "ok" and (about.may_name_buyers or exchange.login)
    exchange.call = msgspec.structs.replace(call, content=b"" if quiet or exchange.login else content[:SEARCHED])
    if response is not None:
        exchange.response = Response(response.status, response.headers, b"" if quiet else response.body[:LOOKED_AT])
    ended, exchange.error = Ended.of(exchange), None
    return Taken(at, about, exchange, sizes, example, ended)


# ---- afterwards ----


def readable(one: Taken, hidden: Hidden) -> Line:
    exchange, about = one.exchange, one.about
    call, response, ended = exchange.call, exchange.response, one.ended
    headers: Mapping[str, str] = response.headers if response is not None else {}
    content = call.content if isinstance(call.content, bytes) else b""
    path = call.url.raw_path.decode("ascii", "replace")
    records = _records(about, f"{unquote(path)}\n{_decoded(content)}" if about.asked is not None else "")

    def clean(text: str) -> str:
        text = without_secrets(hidden.out_of(text))
        return masked(text) if about.may_name_buyers else text

    said = Said(
        clean(_plain(path, hidden))[:MOST_PATH],
        clean(ended.text)[:MOST_ERROR] if response is None else "",  # else the answer tells it
        _shown(_Body(content, one.sizes[0], _media(call.headers)), hidden, clean),
        _shown(_Body(response.body, one.sizes[1], headers.get("content-type", "")), hidden, clean) if response is not None else "",
        dict([(name, clean(value)[:MOST_HEADER]) for name, value in headers.items() if HARMLESS.fullmatch(name)][:MOST_HEADERS]),
    )
    return Line(
        one.at, about.integration_id, about.hook, call.method, masked(clean(call.operation))[:200], exchange.status, ended.outcome,
        ended.code[:80], round((exchange.seconds or 0.0) * 1000), exchange.attempt, about.order, records, said, one.example,
    )  # fmt: skip


def _plain(path: str, hidden: Hidden) -> str:
    """The path, unquoted if it holds a secret: a URL may be quoted in many ways."""
    unquoted = unquote_plus(path)
    return unquoted if hidden.out_of(unquoted) != unquoted else path


class _Body(NamedTuple):
    """`content`: the beginning of it; `media`: its type."""

    content: bytes
    size: int
    media: str


def _media(headers: Mapping[str, str]) -> str:
    return next((value for name, value in headers.items() if name.lower() == "content-type"), "application/json")


def _shown(body: _Body, hidden: Hidden, clean: Any) -> str:
    if not body.size:
        return ""
    if not body.content or not TEXTUAL.search(body.media):
        return f"({body.size} bytes{f', {body.media[:60]}' if body.media else ''})"
    seen = body.content[:LOOKED_AT]
    text: str = clean(_decoded(seen))
    if len(seen) < body.size:  # the cut end may be the beginning of a secret
        text = text[: max(0, min(MOST, len(text) - hidden.longest))]
    return text if len(seen) == body.size and len(text) <= MOST else f"{text[:MOST]}… ({body.size} bytes)"


def _decoded(content: bytes) -> str:
    try:
        return content.decode("utf-8")
    except UnicodeDecodeError:
        text = content.decode("utf-8", "replace")
        return text if text.count("\ufffd") <= 1 else content.decode("latin-1")  # one is a character that was cut in two


def _records(about: About, text: str) -> tuple[tuple[str, str], ...]:
    """The records of a batch that the request names, by the ERP's key or the shop's; all of them where it names none."""
    kind = KIND_OF.get(about.hook)
    if kind is None:
        return ()
    if isinstance(about.asked, Query):
        return tuple((kind.name, key) for key in (about.asked.keys or ())[:MOST_RECORDS])
    if not isinstance(about.asked, Batch):
        return ()
    items = cast("Batch[Any]", about.asked).items
    named = [item for item in items if _names(text, item.key) or _names(text, item.remote)] if len(items) > 1 else items
    return tuple(dict.fromkeys(each for item in (named or items)[:MOST_RECORDS] for each in _of(kind, item)))


def _of(kind: Kind, item: Item[Any]) -> Iterator[tuple[str, str]]:
    """The item's record and its parent: a search for a SKU also finds calls about its price."""
    yield kind.name, item.key
    if kind.parent_kind is not None and kind.parent is not None:
        yield kind.parent_kind, kind.parent(item.want)


def _names(text: str, key: str | None) -> bool:
    """Whether the text holds the key as a whole word: 123 does not name 12."""
    at = text.find(key) if key else -1
    while key and at >= 0:
        end = at + len(key)
        if not (text[at - 1 : at].isalnum() or text[end : end + 1].isalnum()):
            return True
        at = text.find(key, at + 1)
    return False


# ---- on a terminal ----


def printed(line: Line, *, bodies: bool) -> Iterable[str]:
    """A call as one line, with its content below it."""
    what = ", ".join(f"{kind} {key}" for kind, key in line.records[:3]) + ("…" if len(line.records) > 3 else "")
    where = " ".join(each for each in (line.hook, f"order {line.order}" if line.order is not None else "", what) if each)
    again = f" (attempt {line.attempt})" if line.attempt > 1 else ""
    made_for = f"  [{where}]" if where else ""
    yield f"{line.outcome:7} {line.status or '-':>3} {line.ms:6d} ms  {line.method} {line.said.path}{again}{made_for}"
    if line.said.error:
        yield f"        ! {line.said.error}"
    if bodies:
        yield from (
            f"        {sign} {' '.join(text.split())}" for sign, text in ((">", line.said.request), ("<", line.said.answer)) if text
        )
