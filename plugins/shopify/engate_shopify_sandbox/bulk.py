"""Bulk operations (FACTS section 11): staged uploads, a mutation over the lines of a file, a query over everything; results as JSONL."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import suppress
from datetime import datetime, timedelta
from typing import Any

import msgspec
from aiohttp import web
from graphql import FieldNode, InlineFragmentNode, OperationDefinitionNode, SelectionSetNode

from engate.shapes import is_object
from engate.testing.sandbox import Answer, Call, LedgerCounts
from engate_shopify_sandbox import graph, paging
from engate_shopify_sandbox.access import Token
from engate_shopify_sandbox.context import Context
from engate_shopify_sandbox.engine import Asked, Engine
from engate_shopify_sandbox.errors import Invalid, user_error
from engate_shopify_sandbox.registry import Answers, field, mutation, query
from engate_shopify_sandbox.search import matcher
from engate_shopify_sandbox.shop import Shop

LARGEST = 100 * 1024 * 1024
CLIENT_IDENTIFIER = range(10, 256)
CONNECTIONS = 5
DEPTH = 2
KEPT = timedelta(days=7)
LIFE = {"MUTATION": timedelta(hours=24), "QUERY": timedelta(days=10)}
OPEN = ("CREATED", "RUNNING", "CANCELING")
BREATH = 20
"""So many lines in a row; then other calls are served."""
UPLOADS = "/staged-uploads/"
RESULTS = "/bulk-results/"


class Operation:
    typename = "BulkOperation"

    def __init__(self, key: str, kind: str, text: str, token: Token, now: datetime) -> None:
        self.id, self.type, self.query, self.token = key, kind, text, token
        self.created_at = now
        self.client_identifier = ""
        self.lines: list[bytes] = []
        self.out: list[bytes] = []
        self.roots = 0
        self.looks = 0
        self.finished = False  # the work; the status follows when its time has come
        self.state = "CREATED"
        self.error_code: str | None = None
        self.fail_as = ""
        self.completed_at: datetime | None = None

    @property
    def object_count(self) -> int:
        return len(self.out)

    @property
    def root_object_count(self) -> int:
        return self.roots

    @property
    def body(self) -> bytes:
        return b"".join(line + b"\n" for line in self.out)


class Bulk:
    def __init__(self, shop: Shop, engine: Engine, context: Callable[[Token], Context], counts: Callable[[], LedgerCounts]) -> None:
        self.shop, self.engine, self.context, self.counts = shop, engine, context, counts
        self.uploads: dict[str, bytes | None] = {}  # key -> what was uploaded; None: nothing yet
        self.operations: dict[str, Operation] = {}
        self._queue: asyncio.Queue[Operation] = asyncio.Queue()
        self._paused: list[Operation] = []

    # ---- the files ----

    def stage(self, filename: str) -> str:
        key = f"tmp/61000000001/bulk/{self.shop.random.getrandbits(128):032x}/{filename}"
        self.uploads[key] = None
        return key

    def upload(self, call: Call) -> Answer:
        """A multipart form whose last field is the file, as the storage behind Shopify takes it."""
        fields = list(_multipart(call))
        names = [name for name, _ in fields]
        if not fields or names[-1] != "file":
            return _xml(400, "MalformedPOSTRequest", "The file must be the last field of the form.")
        if self._expired():
            return EXPIRED
        given = {name: value.decode("utf-8", "replace") for name, value in fields[:-1]}
        key = given.get("key", "")
        if key not in self.uploads or given.get("x-goog-signature") != _signature(key):
            return _xml(403, "SignatureDoesNotMatch", "The parameters are not those that were handed out.")
        if given.get("Content-Type") not in ("text/jsonl", "application/jsonl"):
            return _xml(403, "AccessDenied", "The content type is not the one that was staged.")
        if len(fields[-1][1]) > LARGEST:
            return _xml(400, "EntityTooLarge", "The file is larger than 100 MB.")
        self.uploads[key] = fields[-1][1]
        return Answer(201, f"<PostResponse><Key>{key}</Key></PostResponse>", content_type="application/xml")

    def result(self, call: Call) -> Answer:
        """The result of an operation, whole or partial; gone after seven days."""
        if self._expired():
            return EXPIRED
        held = next((one for one in self.operations.values() if one.id.rpartition("/")[2] == call.params["number"]), None)
        if held is None or held.state in OPEN or held.completed_at is None or self.shop.now() > held.completed_at + KEPT:
            return _xml(404, "NoSuchKey", "The specified key does not exist.")
        return Answer(200, held.body, content_type="application/jsonl")

    def _expired(self) -> bool:
        left = self.shop.settings.storage_expired
        self.shop.settings.storage_expired = max(0, left - 1)
        return left > 0

    # ---- running ----

    def start(self, operation: Operation) -> Operation:
        operation.fail_as, self.shop.settings.bulk_error = self.shop.settings.bulk_error, ""
        self.shop.add(operation)
        self.operations[operation.id] = operation
        self._paused.append(operation)
        self._go_on()
        self.counts().effects["bulk_operations"] += 1
        return operation

    def _go_on(self) -> None:
        while self._paused and not self.shop.settings.bulk_paused:
            self._queue.put_nowait(self._paused.pop(0))

    def full(self, kind: str) -> bool:
        self.settle()
        return sum(one.type == kind and one.state in OPEN for one in self.operations.values()) >= self.shop.settings.bulk_most

    async def running(self, _app: web.Application) -> AsyncIterator[None]:
        """While the server listens: works off what was started, one after the other."""
        waiting = list(_drain(self._queue))
        self._queue = asyncio.Queue()
        for one in waiting:
            self._queue.put_nowait(one)
        worker = asyncio.create_task(self._work())
        yield
        worker.cancel()
        with suppress(asyncio.CancelledError):
            await worker

    async def _work(self) -> None:
        while True:
            operation = await self._queue.get()
            if operation.type == "MUTATION":
                await self._mutate(operation)
            else:
                self._ask(operation)
            operation.finished = True

    async def _mutate(self, operation: Operation) -> None:
        context = self.context(operation.token)
        half = len(operation.lines) // 2 if operation.fail_as else len(operation.lines)
        for number, line in enumerate(operation.lines[:half]):
            if operation.state in ("CANCELING", "CANCELED"):
                return
            run = self.engine.run(Asked(operation.query, msgspec.json.decode(line)), context)
            body = {name: value for name, value in run.body.items() if name != "extensions"}
            operation.out.append(msgspec.json.encode({**body, "__lineNumber": number}))
            operation.roots += 1
            if number % BREATH == BREATH - 1:
                await asyncio.sleep(0)

    def _ask(self, operation: Operation) -> None:
        with paging.unpaged():
            run = self.engine.run(Asked(operation.query), self.context(operation.token))
        if "errors" in run.body:
            operation.fail_as = "ACCESS_DENIED"
            return
        [root] = run.body["data"].values()
        operation.out = [msgspec.json.encode(row) for row in _rows(root, None)]
        operation.roots = len(root["edges"])
        if operation.fail_as:
            operation.out = operation.out[: len(operation.out) // 2]

    def settle(self) -> None:
        """Moves the status of what is done; what took too long fails, what is too old is gone."""
        self._go_on()
        now, settings = self.shop.now(), self.shop.settings
        for one in self.operations.values():
            if one.state not in OPEN:
                continue
            one.state = "RUNNING" if one.state == "CREATED" and one.looks else one.state
            late = now >= one.created_at + timedelta(seconds=settings.bulk_seconds)
            if now >= one.created_at + LIFE[one.type] and not one.finished:
                self._end(one, "FAILED", "TIMEOUT")
            elif one.state == "CANCELING":
                self._end(one, "CANCELED", None)
            elif one.finished and (late or one.looks >= settings.bulk_polls):
                self._end(one, "FAILED" if one.fail_as else "COMPLETED", one.fail_as or None)

    def _end(self, operation: Operation, state: str, error: str | None) -> None:
        operation.state, operation.error_code, operation.completed_at = state, error, self.shop.now()
        self.shop.tell("BULK_OPERATIONS_FINISH", operation)


def _drain(queue: asyncio.Queue[Operation]) -> Iterator[Operation]:
    while not queue.empty():
        yield queue.get_nowait()


def _signature(key: str) -> str:
    return key.rpartition("/")[0].rpartition("/")[2][::-1]


def _xml(status: int, code: str, message: str) -> Answer:
    return Answer(status, f"<Error><Code>{code}</Code><Message>{message}</Message></Error>", content_type="application/xml", wrote=False)


EXPIRED = _xml(403, "AccessDenied", "Invalid argument: the signature has expired.")


def _multipart(call: Call) -> Iterator[tuple[str, bytes]]:
    """(name, content) of each field, in the order they came."""
    found = re.search(r'boundary="?([^";]+)"?', call.headers.get("Content-Type", ""))
    if found is None:
        return
    for part in call.body.split(b"--" + found[1].encode())[1:-1]:
        head, _, content = part.removeprefix(b"\r\n").partition(b"\r\n\r\n")
        name = re.search(rb'name="([^"]*)"', head)
        yield (name[1].decode() if name else ""), content.removesuffix(b"\r\n")


def _rows(connection: dict[str, Any], parent: str | None) -> Iterator[dict[str, Any]]:
    """Each node a line, its connections taken out and following it as lines of their own."""
    for edge in connection["edges"]:
        node = dict(edge["node"])
        inner = {name: value for name, value in node.items() if is_object(value) and "edges" in value}
        for name in inner:
            del node[name]
        if parent is not None:
            node["__parentId"] = parent
        yield node
        for value in inner.values():
            yield from _rows(value, node["id"])


# ---- the API ----


@mutation("stagedUploadsCreate")
def stage_uploads(context: Context, _source: Any, args: dict[str, Any]) -> dict[str, Any]:
    targets: list[dict[str, Any]] = []
    for index, one in enumerate(args["input"]):
        if one["resource"] != "BULK_MUTATION_VARIABLES" or one["httpMethod"] != "POST":
            raise Invalid(user_error(f"input.{index}", "Only BULK_MUTATION_VARIABLES by POST is served here."))
        if one["mimeType"] != "text/jsonl":
            raise Invalid(user_error(f"input.{index}.mimeType", "Mime type must be text/jsonl"))
        key = context.bulk.stage(one["filename"])
        parameters = {
            "Content-Type": one["mimeType"], "success_action_status": "201", "acl": "private", "key": key,
            "x-goog-signature": _signature(key),
            "policy": "e30=",
        }  # fmt: skip
        shown = [{"name": name, "value": value} for name, value in parameters.items()]
        targets.append({"url": f"{context.host}{UPLOADS}", "resourceUrl": None, "parameters": shown})
    return {"stagedTargets": targets}


@mutation("bulkOperationRunMutation")
def run_mutation(context: Context, _source: Any, args: dict[str, Any]) -> dict[str, Any]:
    bulk, text = context.bulk, args["mutation"]
    document = graph.read(text)
    operation = document.operation(None)
    if document.errors or operation is None or operation.operation.value != "mutation" or _root(operation).startswith("bulkOperation"):
        reason = document.errors[0].message if document.errors else "one mutation is needed"
        raise Invalid(user_error("mutation", f"Failed to parse the mutation - {reason}", "INVALID_MUTATION"))
    identifier = args.get("clientIdentifier")
    if identifier is not None and len(identifier) not in CLIENT_IDENTIFIER:
        raise Invalid(user_error("clientIdentifier", "Client identifier must have 10 to 255 characters.", "INVALID_MUTATION"))
    refusal, context.shop.settings.bulk_refusal = context.shop.settings.bulk_refusal, ""
    if refusal:
        raise Invalid(user_error(None, f"The operation did not run: {refusal}", refusal))
    if bulk.full("MUTATION"):
        raise Invalid(user_error(None, "Bulk operations limit reached. Please try again later.", "LIMIT_REACHED"))
    content = bulk.uploads.get(args["stagedUploadPath"])
    if content is None:
        raise Invalid(user_error("stagedUploadPath", "The JSONL file could not be found.", "NO_SUCH_FILE"))
    lines = [line for line in content.split(b"\n") if line.strip()]
    if not lines or not all(_is_object(line) for line in lines):
        raise Invalid(user_error("stagedUploadPath", "The JSONL file is invalid.", "INVALID_STAGED_UPLOAD_FILE"))
    made = Operation(context.shop.new_id("BulkOperation"), "MUTATION", text, context.token, context.shop.now())
    made.lines, made.client_identifier = lines, identifier or ""
    return {"bulkOperation": bulk.start(made)}


def _is_object(line: bytes) -> bool:
    try:
        return isinstance(msgspec.json.decode(line), dict)
    except msgspec.DecodeError:
        return False


def _root(operation: OperationDefinitionNode) -> str:
    return graph.root_field(operation)


@mutation("bulkOperationRunQuery")
def run_query(context: Context, _source: Any, args: dict[str, Any]) -> dict[str, Any]:
    text, bulk = args["query"], context.bulk
    document = graph.read(text)
    operation = document.operation(None)
    problem = document.errors[0].message if document.errors else _problem(operation)
    if problem:
        raise Invalid(user_error("query", f"Invalid bulk query: {problem}", "INVALID"))
    if bulk.full("QUERY"):
        raise Invalid(user_error(None, "Bulk operations limit reached. Please try again later.", "LIMIT_REACHED"))
    made = Operation(context.shop.new_id("BulkOperation"), "QUERY", text, context.token, context.shop.now())
    return {"bulkOperation": bulk.start(made)}


def _problem(operation: OperationDefinitionNode | None) -> str | None:
    if operation is None or operation.operation.value != "query":
        return "one query is needed"
    if operation.variable_definitions:
        return "variables are not supported"
    roots = [node for node in operation.selection_set.selections if isinstance(node, FieldNode)]
    if len(roots) != 1:
        return "one root field is needed"
    depths = list(_connections(roots[0].selection_set, 0))
    if _edges(roots[0].selection_set) is None:
        return "the root field must be a connection with edges"
    if len(depths) + 1 > CONNECTIONS:
        return f"at most {CONNECTIONS} connections"
    if any(depth > DEPTH for depth, _ in depths):
        return f"connections are nested {DEPTH} levels deep at most"
    if not _has_id(roots[0].selection_set) and depths or any(not has for _, has in depths):
        return "every node needs its id"
    return None


def _fields(selections: SelectionSetNode | None) -> Iterator[FieldNode]:
    for node in selections.selections if selections is not None else ():
        if isinstance(node, FieldNode):
            yield node
        elif isinstance(node, InlineFragmentNode):
            yield from _fields(node.selection_set)


def _edges(selections: SelectionSetNode | None) -> FieldNode | None:
    return next((node for node in _fields(selections) if node.name.value == "edges"), None)


def _has_id(connection: SelectionSetNode | None) -> bool:
    edges = _edges(connection)
    node = next((one for one in _fields(edges.selection_set if edges else None) if one.name.value == "node"), None)
    return any(one.name.value == "id" for one in _fields(node.selection_set if node else None))


def _connections(selections: SelectionSetNode | None, depth: int) -> Iterator[tuple[int, bool]]:
    """(how deep, its nodes have their id) of every connection below."""
    for node in _fields(selections):
        inner = node.selection_set
        if inner is None:
            continue
        if _edges(inner) is not None:
            yield depth + 1, _has_id(inner)
            yield from _connections(inner, depth + 1)
        else:
            yield from _connections(inner, depth)


@mutation("bulkOperationCancel")
def cancel(context: Context, _source: Any, args: dict[str, Any]) -> dict[str, Any]:
    held: Operation | None = context.shop.find(args["id"], "BulkOperation")
    if held is None:
        raise Invalid(user_error("id", "Bulk operation does not exist", "INVALID"))
    if held.state in OPEN:
        held.state = "CANCELING"
    return {"bulkOperation": held}


@query("bulkOperation")
def bulk_operation(context: Context, _source: Any, args: dict[str, Any]) -> Any:
    return context.shop.find(args["id"], "BulkOperation")


@query("bulkOperations")
def bulk_operations(context: Context, _source: Any, args: dict[str, Any]) -> Any:
    context.bulk.settle()
    fields: Answers = {"status": lambda one: one.state, "operation_type": lambda one: one.type, "id": lambda one: one.id.rpartition("/")[2]}
    matches = matcher(args.get("query"), fields, lambda one: "")
    return paging.page([one for one in context.bulk.operations.values() if matches(one)], args)


@field("BulkOperation.status")
def status(context: Context, source: Operation, args: dict[str, Any]) -> str:
    """Each look brings it on."""
    del args
    context.bulk.settle()
    shown = source.state
    source.looks += 1
    return shown


@field("BulkOperation.fileSize")
def file_size(context: Context, source: Operation, args: dict[str, Any]) -> int | None:
    del context, args
    return len(source.body) if source.state == "COMPLETED" else None


@field("BulkOperation.url")
def url(context: Context, source: Operation, args: dict[str, Any]) -> str | None:
    del args
    return _address(context, source) if source.state == "COMPLETED" and source.out else None


@field("BulkOperation.partialDataUrl")
def partial_url(context: Context, source: Operation, args: dict[str, Any]) -> str | None:
    del args
    return _address(context, source) if source.state in ("FAILED", "CANCELED") and source.out else None


def _address(context: Context, source: Operation) -> str:
    return f"{context.host}{RESULTS}{source.id.rpartition('/')[2]}"
