"""Bulk operations: one mutation over the lines of a file. The shop runs it by itself, and it costs no points.

An item is accepted only if a line of the answer names what was written. Every other item (refused, not in the file, not in the answer) is
pushed afterwards by the calls of a small batch, so that a refusal has the same words either way.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import aclosing, suppress
from datetime import datetime
from secrets import token_hex
from typing import Any, BinaryIO, Generic, NamedTuple, Protocol, TypeVar, cast

import msgspec

from engate import AuthFailed, EngateError, Forbidden, NotSent, NotYet, RateLimited, Rejected, Text, Unavailable, Unknown
from engate.model import Batch, Item
from engate_shopify import operations as op
from engate_shopify.client import Shopify, faults_of
from engate_shopify.operations import Operation

T = TypeVar("T")
WORTH = 100
"""Items from which an operation is faster than calls: docs/decisions/bulk.md."""
MOST = 2500
"""Items of one operation."""
LOOKING = 36.0
"""Seconds of a hook that the readings before an operation may wait for points, with an empty bucket. A slice ends after 120."""
AT_A_TIME = 250
"""Items of one piece by calls."""
LARGEST = 50 * 1024 * 1024
"""Bytes of a file; Shopify takes twice as many."""
SOONEST, LATEST = 2.0, 30.0
"""Seconds until an operation is asked for again: a quarter of its age, within these."""
PATIENCE = 20.0
"""Seconds of one hook for pushing items by calls. A piece that has begun is finished."""
PORTION = 50
OPEN = ("CREATED", "RUNNING", "CANCELING")


class Load(Protocol[T]):
    """What a kind of record has to offer for an operation."""

    points: int
    """What the looks before an operation cost an item, at most."""

    def heard(self, payload: Mapping[str, Any]) -> None:
        """Takes the payload of a line without errors."""
        ...

    async def finish(self) -> None:
        """Called after the last line."""
        ...

    async def alone(self, items: Sequence[Item[T]]) -> None:
        """Pushes these items by calls."""
        ...

    async def push(self) -> None:
        """Pushes the whole batch."""
        ...


def worth(batch: Batch[Any], items: Sequence[Item[Any]], least: int | None = None) -> bool:
    """Whether so many items are worth an operation. `least`: for a kind of which one call takes many."""
    return batch.may_defer and len(items) >= (least or WORTH)


async def sending(shop: Shopify, batch: Batch[T], load: Load[T], *operations: Operation) -> None:
    """Runs a push hook. After `NotSent` nothing was sent of the items without an outcome: they are put back, and the error goes to the
    lane."""
    if batch.may_defer and load.points:
        _leave(batch, room(load.points, shop.restored))
    try:
        await _wait_in_doubt(shop, batch, operations)
        await load.push()
    except NotSent as error:
        told = unavailable(error) if isinstance(error, RateLimited) else error
        put_back(batch, batch.unreported(), told)
        raise told from None


def room(points: int, restored: float) -> int:
    """How many items can be read in time, at so many points an item and so many points restored a second."""
    return int(LOOKING * restored / points)


def _leave(batch: Batch[Any], most: int) -> None:
    """Leaves the items beyond `most` for the next push. The SKUs of a product stay together."""
    taken, last = 0, None
    for item in batch.unreported():
        product = item.refs.get("product", item.key)
        if taken >= most and product != last:
            batch.failed(item, NOT_YET)
            continue
        taken, last = taken + 1, product


async def _wait_in_doubt(shop: Shopify, batch: Batch[T], operations: Sequence[Operation]) -> None:
    """Items in doubt wait while an operation of their kind runs: if its ticket was lost, its older lines would overwrite what is pushed
    now. An operation with a text that is not ours may be of any kind."""
    doubtful = [item for item in batch.unreported() if item.uncertain]
    if not doubtful:
        return
    others = OF_LINES - {operation.text for operation in operations}
    running = (await shop.graphql(op.BULK_RUNNING))["nodes"]
    if any(one["status"] in OPEN and one["query"] not in others for one in running):
        for item in doubtful:
            batch.failed(item, IN_DOUBT)


OF_LINES = frozenset(each.text for each in (op.PRODUCTS_CREATE, op.PRODUCTS_UPDATE, op.PRODUCT_SET, op.VARIANTS_CHANGE, op.STOCK_SET_ONE))
IN_DOUBT = NotYet(
    Text(
        "Uma operação em massa da Shopify ainda pode gravar este item; o engate confere quando ela terminar.",
        "A bulk operation of Shopify may still write this item; engate looks when it is over.",
    )
)


def unavailable(error: EngateError) -> Unavailable:
    """The error as one that stops the lane for now."""
    made = Unavailable(error.text, error.hint)
    made.connection_id = error.connection_id
    return made


def put_back(batch: Batch[T], items: Sequence[Item[T]], error: NotSent) -> None:
    """These items go later, because of `error`. An item in doubt stays in doubt."""
    for item in items:
        batch.failed(item, Unknown(error.text, error.hint) if item.uncertain else error)


LATER = NotSent(
    Text("A Shopify não aceita a operação em massa agora.", "Shopify does not take the bulk operation now."),
    Text("O engate tenta de novo sozinho.", "engate tries again by itself."),
    code="bulk.later",
)


class Plan(NamedTuple, Generic[T]):
    """One operation: its items, its mutation and its lines."""

    items: Sequence[Item[T]]
    operation: Operation
    lines: Iterable[Mapping[str, Any]]


async def push(shop: Shopify, batch: Batch[T], load: Load[T], plan: Plan[T] | None) -> None:
    """Items outside the plan go by calls, before the operation begins: its ticket is stored only when the hook has ended."""
    until = time.monotonic() + PATIENCE
    inside = {item.key for item in plan.items} if plan is not None else set[str]()
    await _by_calls(batch, load, [item for item in batch.unreported() if item.key not in inside], until)
    if plan is not None and not await begin(shop, batch, plan.operation, plan.lines):
        await _by_calls(batch, load, batch.unreported(), until)


async def _by_calls(batch: Batch[T], load: Load[T], items: Sequence[Item[T]], until: float) -> None:
    """Pushes piece by piece: at least one, and no more once the time is over or a piece got no answers."""
    for start in range(0, len(items), AT_A_TIME):
        piece = items[start : start + AT_A_TIME]
        await load.alone(piece)
        if time.monotonic() >= until or not _heard(batch, piece):
            for item in items[start + AT_A_TIME :]:
                batch.failed(item, NOT_YET)
            return


def _heard(batch: Batch[T], items: Sequence[Item[T]]) -> bool:
    found = [batch.outcomes[item.key] for item in items if item.key in batch.outcomes]
    refused = any(isinstance(outcome.error, AuthFailed | Forbidden) for outcome in found)
    return not refused and any(outcome.state in ("accepted", "rejected") for outcome in found)


NOT_YET = NotYet(
    Text("O engate ainda não chegou a este item; ele vai a seguir.", "engate has not come to this item yet; it goes next."),
)


def lines(batch: Batch[T], items: Sequence[Item[T]], line: Callable[[Item[T]], Mapping[str, Any]]) -> Iterator[Mapping[str, Any]]:
    """One line for each item. An item that cannot be written is refused."""
    for item in items:
        try:
            yield line(item)
        except Rejected as error:
            batch.failed(item, error)


# ---- beginning one ----


async def begin(shop: Shopify, batch: Batch[T], operation: Operation, lines: Iterable[Mapping[str, Any]]) -> bool:
    """Whether the items without an outcome were handled: sent as an operation, or put back. False: they go by calls."""
    try:
        path = await _stage(shop, lines)
    except Unknown as error:  # nothing happens in the shop before the operation is begun
        raise unavailable(error) from None
    if path is None:
        return False
    payload = await shop.graphql(op.BULK_RUN, mutation=operation.text, path=path)
    codes = {fault.get("code") for fault in faults_of(payload)}
    if not codes:
        batch.deferred(str(payload["bulkOperation"]["id"]), SOONEST)
        return True
    if codes & PASSING and not codes & BUSY:
        put_back(batch, batch.unreported(), LATER)
        return True
    return False  # what is refused is the operation, never an item of it


async def _stage(shop: Shopify, lines: Iterable[Mapping[str, Any]]) -> str | None:
    """Uploads the lines and returns their path. Lines beyond the largest file are left out. None: the shop gave no place for them."""
    try:
        [target] = (await shop.do(op.STAGE, "bulk", input=[STAGED]))["stagedTargets"]
    except Rejected:
        return None
    form = {each["name"]: each["value"] for each in target["parameters"]}
    http, path = shop.storage(target["url"])
    with tempfile.TemporaryFile() as held:
        file = cast(BinaryIO, held)
        headers = {"content-type": write_form(file, form, lines)}
        try:
            await http.call("POST", path, operation="bulk upload", content=file, headers=headers, safe=True, media="")
        except UNSIGNED:
            return None
    return form["key"]


UNSIGNED = (AuthFailed, Forbidden, Rejected)
"""The storage refuses an upload that is signed wrong or too late. That says nothing of this account's permissions."""
STAGED = {"resource": "BULK_MUTATION_VARIABLES", "filename": "engate.jsonl", "mimeType": "text/jsonl", "httpMethod": "POST"}
BUSY = frozenset({"LIMIT_REACHED", "OPERATION_IN_PROGRESS"})
PASSING = frozenset({"INTERNAL_FILE_SERVER_ERROR", "NO_SUCH_FILE"})
"""Errors of the file, which another attempt uploads anew."""


def write_form(file: BinaryIO, form: Mapping[str, str], lines: Iterable[Mapping[str, Any]]) -> str:
    """A multipart form whose last field is the file of lines; rewound. Answers its content type."""
    boundary = token_hex(16)
    for name, value in form.items():
        file.write(f'--{boundary}\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'.encode())
    file.write(
        f'--{boundary}\r\nContent-Disposition: form-data; name="file"; filename="engate.jsonl"\r\nContent-Type: text/jsonl\r\n\r\n'.encode()
    )
    encode = msgspec.json.Encoder().encode
    room = LARGEST
    for line in lines:
        encoded = encode(line) + b"\n"
        room -= len(encoded)
        if room < 0:
            break
        file.write(encoded)
    file.write(f"\r\n--{boundary}--\r\n".encode())
    file.seek(0)
    return f"multipart/form-data; boundary={boundary}"


# ---- what became of it ----


async def check(shop: Shopify, ticket: str, batch: Batch[T], load: Load[T]) -> float | None:
    """A `check_*` hook: the seconds until it is to be asked again; None: it is over."""
    state = await shop.graphql(op.BULK, id=ticket)
    if state is not None and state["status"] in OPEN:
        return _pause(shop, state)
    if state is None or state["status"] != "COMPLETED":
        _doubt(batch, state)
        return None
    if state["url"]:
        await _hear(shop, state["url"], load)
    await load.finish()
    began = time.monotonic()
    while rest := batch.unreported():
        if time.monotonic() - began > PATIENCE:
            return 0.0
        portion = rest[:PORTION]
        for item in portion:
            item.uncertain = True  # its line, or a check that broke off, may have been applied
        await load.alone(portion)
    return None


async def _hear(shop: Shopify, url: str, load: Load[T]) -> None:
    http, path = shop.storage(url)
    try:
        async with aclosing(http.lines("GET", path, operation="bulk result")) as lines:
            async for line in lines:
                with suppress(*GARBLED):
                    if (payload := said(line)) is not None:
                        load.heard(payload)
    except UNSIGNED as error:  # the next check is given a fresh address
        raise unavailable(error) from None


GARBLED = (msgspec.MsgspecError, UnicodeError, RecursionError, LookupError, TypeError, ValueError, AttributeError)
"""A line of another shape says nothing of its items: they go by calls."""


def said(line: bytes) -> Mapping[str, Any] | None:
    """The payload of a line that went well; None of any other."""
    row = msgspec.json.decode(line, type=dict[str, Any])
    data = row.get("data")
    if row.get("errors") or not data:
        return None
    [payload] = data.values()
    return payload if payload is not None and not faults_of(payload) else None


def _pause(shop: Shopify, state: Mapping[str, Any]) -> float:
    age = (shop.clock.now() - datetime.fromisoformat(state["createdAt"])).total_seconds()
    return min(LATEST, max(SOONEST, age / 4))


ENDED = {
    "FAILED": Text("falhou", "it failed"),
    "CANCELED": Text("foi cancelada", "it was cancelled"),
    "CANCELING": Text("está sendo cancelada", "it is being cancelled"),
    "EXPIRED": Text("expirou", "it expired"),
}


def _doubt(batch: Batch[T], state: Mapping[str, Any] | None) -> None:
    """After a failed operation the answer is incomplete: which lines were applied is only known by reading."""
    how = Text("sumiu", "it is gone") if state is None else ENDED.get(state["status"], ENDED["FAILED"])
    why = f" ({state['errorCode']})" if state is not None and state["errorCode"] else ""
    text = Text(
        f"A operação em massa da Shopify não terminou: {how.pt}{why}.", f"Shopify's bulk operation did not end well: {how.en}{why}."
    )
    for item in batch.unreported():
        batch.failed(
            item, Unknown(text, Text("O engate confere antes de reenviar.", "engate looks before sending again."), code="bulk.failed")
        )
