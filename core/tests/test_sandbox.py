"""The base of every sandbox: the faults that a client meets, over real HTTP, and what the ledger says of them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Iterable
from contextlib import asynccontextmanager
from typing import ClassVar, Literal

import aiohttp
import pytest

from engate.testing.sandbox import Answer, Call, Operation, Sandbox
from engate.testing.world import Fault, FaultKind


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
        ledger = sandbox.books.report()
    assert ledger.injected == {kind: 1}
    assert ledger.by_operation == {"POST /things": {kind: 1, "200": 1}}
    assert ledger.writes == {"POST /things": 1}


async def test_an_answer_drips_byte_by_byte_until_the_client_leaves() -> None:
    async with shelf(Fault("drip", "POST /things", milliseconds=30)) as (sandbox, http):
        async with http.post("/things") as answer:
            assert answer.status == 200 and answer.content_length == len(b'{"id":1}')
            assert await answer.content.readexactly(1) == b"{"
            assert await answer.content.readexactly(3) == b'"id'
            assert sandbox.books.in_flight["POST /things"] == 1
            answer.close()
        await _until(lambda: not sandbox.books.in_flight["POST /things"])
        assert sandbox.stored == 1
        assert sandbox.books.aborted == {"POST /things": 1} and sandbox.books.writes == {"POST /things": 1}


async def test_a_huge_answer_goes_on_until_the_client_leaves() -> None:
    async with shelf(Fault("huge", megabytes=1)) as (sandbox, http):
        async with http.get("/things") as answer:
            assert answer.content_length is None
            got = await answer.content.readexactly(2**20 + 4096)
            assert got.strip() == b"["
            answer.close()
        await _until(lambda: not sandbox.books.in_flight["GET /things"])
        assert sandbox.books.aborted == {"GET /things": 1}
        async with http.get("/things") as answer:
            assert await answer.json() == [1, 2, 3]


async def test_a_server_that_hangs_answers_nothing_until_the_client_leaves() -> None:
    async with shelf(Fault("hang")) as (sandbox, http):
        with pytest.raises(TimeoutError):
            async with http.post("/things", timeout=aiohttp.ClientTimeout(0.2)):
                pass
        await _until(lambda: not sandbox.books.in_flight["POST /things"])
        assert sandbox.stored == 0 and sandbox.books.aborted == {"POST /things": 1} and not sandbox.books.writes


async def test_a_sandbox_that_stops_does_not_wait_for_its_endless_answers() -> None:
    async with aiohttp.ClientSession() as http:
        async with Shelf().listening() as sandbox:
            sandbox.faults.set([Fault("hang")])
            waiting = asyncio.create_task(http.post(f"{sandbox.base_url}/things").__aenter__())
            await _until(lambda: sandbox.books.in_flight["POST /things"])
        with pytest.raises(aiohttp.ClientError):
            await waiting
