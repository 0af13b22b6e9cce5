"""The base of every sandbox: the faults that a client meets, over real HTTP, and what the ledger says of them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable, Iterable
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import ClassVar, Literal

import aiohttp
import pytest

from engate.clock import ManualClock
from engate.testing.facts import Fault, FaultKind
from engate.testing.sandbox import Answer, Call, Operation, Sandbox


class Shelf(Sandbox):
    """A platform of two operations."""

    platform: ClassVar[str] = "shelf"
    role: ClassVar[Literal["erp", "storefront"]] = "erp"
    stored = 0

    def operations(self) -> Iterable[Operation]:
        return (Operation("GET", "/things", self._list), Operation("POST", "/things", self._add))

    def authorise(self, call: Call) -> None:
        del call

    def _list(self, call: Call) -> Answer:
        del call
        return Answer(body=[1, 2, 3])

    def _add(self, call: Call) -> Answer:
        del call
        self.stored += 1
        return Answer(body={"id": self.stored})


@asynccontextmanager
async def shelf(*faults: Fault) -> AsyncGenerator[tuple[Shelf, aiohttp.ClientSession]]:
    async with Shelf().listening() as sandbox, aiohttp.ClientSession(sandbox.base_url) as http:
        sandbox.faults.set(faults)
        yield sandbox, http


async def _until(holds: object) -> None:
    assert callable(holds)
    async with asyncio.timeout(10):
        while not holds():  # noqa: ASYNC110  # the server is not told to tell us
            await asyncio.sleep(0.01)


@pytest.mark.parametrize("kind", ["401", "403"])
async def test_a_session_or_a_permission_is_refused_and_nothing_is_done(kind: FaultKind) -> None:
    async with shelf(Fault(kind, "POST /things")) as (sandbox, http):
        async with http.post("/things") as answer:
            assert (answer.status, answer.content_type) == (int(kind), "application/json")
        assert sandbox.stored == 0
        async with http.post("/things") as answer:
            assert answer.status == 200  # once for each key
        ledger = sandbox.counts.report()
    assert ledger.injected == {kind: 1}
    assert ledger.by_operation == {"POST /things": {kind: 1, "200": 1}}
    assert ledger.writes == {"POST /things": 1}


async def test_an_answer_drips_byte_by_byte_until_the_client_leaves() -> None:
    async with shelf(Fault("drip", "POST /things", milliseconds=30)) as (sandbox, http):
        async with http.post("/things") as answer:
            assert answer.status == 200 and answer.content_length == len(b'{"id":1}')
            assert await answer.content.readexactly(1) == b"{"
            assert await answer.content.readexactly(3) == b'"id'
            assert sandbox.counts.in_flight["POST /things"] == 1
            answer.close()
        await _until(lambda: not sandbox.counts.in_flight["POST /things"])
        assert sandbox.stored == 1
        assert sandbox.counts.aborted == {"POST /things": 1} and sandbox.counts.writes == {"POST /things": 1}


async def test_a_huge_answer_goes_on_until_the_client_leaves() -> None:
    async with shelf(Fault("huge", megabytes=1)) as (sandbox, http):
        async with http.get("/things") as answer:
            assert answer.content_length is None
            got = await answer.content.readexactly(2**20 + 4096)
            assert got.strip() == b"["
            answer.close()
        await _until(lambda: not sandbox.counts.in_flight["GET /things"])
        assert sandbox.counts.aborted == {"GET /things": 1}
        async with http.get("/things") as answer:
            assert await answer.json() == [1, 2, 3]


async def test_a_server_that_hangs_answers_nothing_until_the_client_leaves() -> None:
    async with shelf(Fault("hang")) as (sandbox, http):
        with pytest.raises(TimeoutError):
            async with http.post("/things", timeout=aiohttp.ClientTimeout(0.2)):
                pass
        await _until(lambda: not sandbox.counts.in_flight["POST /things"])
        assert sandbox.stored == 0 and sandbox.counts.aborted == {"POST /things": 1} and not sandbox.counts.writes


async def test_a_sandbox_that_stops_does_not_wait_for_its_endless_answers() -> None:
    async with aiohttp.ClientSession() as http:
        async with Shelf().listening() as sandbox:
            sandbox.faults.set([Fault("hang")])
            waiting = asyncio.create_task(http.post(f"{sandbox.base_url}/things").__aenter__())
            await _until(lambda: sandbox.counts.in_flight["POST /things"])
        with pytest.raises(aiohttp.ClientError):
            await waiting


class Errand(Shelf):
    """A platform that does more when it is told to, and shows more."""

    def _readers(self) -> dict[str, Callable[[], object]]:
        return {**super()._readers(), "stored": lambda: self.stored}

    def _writers(self) -> dict[str, Callable[[bytes], object]]:
        return {**super()._writers(), "fetch": self._fetch}

    async def _fetch(self, body: bytes) -> object:
        await asyncio.sleep(0)
        self.stored += int(body)
        return {"fetched": int(body)}


async def test_a_platform_has_verbs_of_its_own_beside_those_of_all() -> None:
    async with Errand().listening() as sandbox, aiohttp.ClientSession(sandbox.base_url) as http:
        async with http.post("/_sandbox/fetch", data=b"2") as answer:
            assert (answer.status, await answer.json()) == (200, {"fetched": 2})
        async with http.post("/_sandbox/fetch", data=b"two") as answer:
            assert answer.status == 422
        async with http.get("/_sandbox/stored") as answer:
            assert await answer.json() == 2
        async with http.get("/_sandbox/health") as answer:
            assert await answer.json() == {"platform": "shelf", "role": "erp"}
        assert sandbox.counts.requests == 0


class Desk(Sandbox):
    """A platform of one address: the body says what is asked, "read-..." reads."""

    platform: ClassVar[str] = "desk"
    role: ClassVar[Literal["erp", "storefront"]] = "erp"

    def operations(self) -> Iterable[Operation]:
        def word(call: Call) -> str:
            return call.body.decode()

        yield Operation(
            "POST", "/desk", lambda call: Answer(body=call.operation), key=word, reads=lambda call: word(call).startswith("read-"),
            named=lambda call: f"POST desk {word(call)}",
        )  # fmt: skip

    def authorise(self, call: Call) -> Answer | None:
        return Answer(401) if call.operation == "POST desk steal" else None


async def test_one_address_of_many_operations_is_counted_and_hit_by_their_names() -> None:
    async with Desk().listening() as sandbox, aiohttp.ClientSession(sandbox.base_url) as http:
        sandbox.faults.set([Fault("500", "POST desk write-a")])
        seen: list[object] = []
        for word in ("read-a", "write-b", "write-a", "write-a", "steal"):
            async with http.post("/desk", data=word.encode()) as answer:
                seen.append(await answer.json() if answer.status == 200 else answer.status)
    assert seen == ["POST desk read-a", "POST desk write-b", 500, "POST desk write-a", 401]
    ledger = sandbox.counts.report()
    assert ledger.by_operation == {
        "POST desk read-a": {"200": 1}, "POST desk write-b": {"200": 1}, "POST desk write-a": {"500": 1, "200": 1},
        "POST desk steal": {"401": 1},
    }  # fmt: skip
    assert ledger.writes == {"POST desk write-b": 1, "POST desk write-a": 1}
    assert ledger.in_flight == {}


async def test_the_date_header_is_the_sandboxs_clock() -> None:
    """Plugins take watermarks from it."""
    clock = ManualClock(datetime(2026, 3, 1, 12, 0, 5, tzinfo=UTC))
    async with Shelf(clock=clock).listening() as sandbox, aiohttp.ClientSession(sandbox.base_url) as http:
        async with http.get("/things") as answer:
            assert answer.headers.getall("Date") == ["Sun, 01 Mar 2026 12:00:05 GMT"]
        clock.advance(timedelta(hours=1))
        async with http.get("/things") as answer:
            assert answer.headers["Date"] == "Sun, 01 Mar 2026 13:00:05 GMT"
