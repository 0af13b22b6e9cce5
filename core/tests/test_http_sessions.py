"""The HTTP client's sessions: one login for all, and whose fault it is; answers that only the plugin can read."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta

import pytest
from core.tests.http_client import Sessions, answering, calls, client, graph, guarded
from core.tests.raw_server import Asked, raw_server, reset, say

from engate.clock import ManualClock
from engate.errors import AuthFailed, EngateError, Forbidden, RateLimited, Rejected, Unavailable, Unknown
from engate.limits import Rate

pytestmark = pytest.mark.usefixtures("no_pauses")


# ---- sessions ----


async def test_a_dead_session_is_renewed_once_however_many_calls_wait() -> None:
    alive = {"token-1"}
    auth = Sessions()
    async with raw_server(guarded(lambda asked: asked.headers["authorization"] in alive)) as server, client(server.url, auth=auth) as http:
        await asyncio.gather(*(http.call("GET", f"/{n}") for n in range(20)))
        assert auth.logins == 1
        alive.clear()
        alive.add("token-2")
        await asyncio.gather(*(http.call("POST", f"/again/{n}", body={}) for n in range(20)))
        assert auth.logins == 2 and calls(server, "/login") == 2


async def test_an_expired_session_is_renewed_before_it_is_used() -> None:
    clock = ManualClock(datetime(2026, 1, 1, tzinfo=UTC))
    auth = Sessions(lasts=timedelta(minutes=30), clock=clock)
    async with raw_server(guarded(lambda asked: True)) as server, client(server.url, auth=auth, clock=clock) as http:
        await http.call("GET", "/a")
        clock.advance(timedelta(minutes=31))
        await asyncio.gather(*(http.call("GET", "/b") for _ in range(5)))
        assert auth.logins == 2
        assert not [asked for asked in server.asked if asked.path == "/b" and asked.headers["authorization"] == "token-1"]


@pytest.mark.trap("engine.session-taken")
@pytest.mark.parametrize("method", ["GET", "POST"])
async def test_a_session_that_somebody_else_ends_again_and_again_is_not_the_credentials_fault(method: str) -> None:
    """Every login succeeds, so the credentials are good: a few more sessions with pauses, then a failure that passes."""
    auth = Sessions()
    async with raw_server(guarded(lambda asked: False)) as server, client(server.url, auth=auth) as http:
        with pytest.raises(Unavailable) as caught:
            await http.call(method, "/x", body={})
        assert auth.logins == calls(server, "/x") == 1 + 5
    assert caught.value.code == "session_taken" and "outro sistema" in caught.value.text.pt and caught.value.connection_id == 7


@pytest.mark.trap("engine.session-taken")
@pytest.mark.parametrize("taken", [1, 2, 4])
async def test_a_call_goes_through_as_soon_as_its_session_lasts(taken: int) -> None:
    auth = Sessions()

    def lasts(asked: Asked) -> bool:
        return asked.headers["authorization"] == f"token-{taken + 1}"

    async with raw_server(guarded(lasts)) as server, client(server.url, auth=auth) as http:
        await http.call("POST", "/x", body={})
        assert auth.logins == calls(server, "/x") == taken + 1


async def test_a_login_that_is_refused_when_the_session_ends_is_the_credentials_fault() -> None:
    auth, refused = Sessions(), False

    async def changed(asked: Asked, writer: asyncio.StreamWriter) -> bool:
        return say(writer, 401 if refused else 200, "{}")

    async with raw_server(changed) as server, client(server.url, auth=auth) as http:
        await http.call("GET", "/x")
        refused = True
        with pytest.raises(AuthFailed):
            await http.call("GET", "/x")
        assert calls(server, "/login") == 2


@pytest.mark.trap("engine.login-lost")
@pytest.mark.parametrize("lost", [1, 99])
async def test_a_login_whose_answer_is_lost_leaves_no_doubt_of_the_call_that_it_was_for(lost: int) -> None:
    """The order was certainly not sent: it is sent once when a login works, and may be sent later where none does."""

    async def loses(asked: Asked, writer: asyncio.StreamWriter) -> bool:
        return reset(writer) if asked.path == "/login" and calls(server, "/login") <= lost else say(writer, 200, "{}")

    async with raw_server(loses) as server, client(server.url, auth=Sessions()) as http:
        if lost == 1:
            await http.call("POST", "/orders", body={})
            assert calls(server, "/orders") == 1 and calls(server, "/login") == 2
            return
        with pytest.raises(Unavailable) as caught:
            await http.call("POST", "/orders", body={})
        assert calls(server, "/orders") == 0 and caught.value.connection_id == 7
        assert "login" in caught.value.text.en and "looks before" not in caught.value.hint.en


async def test_credentials_that_travel_with_every_call_are_tried_once() -> None:
    async with raw_server(answering(401)) as server, client(server.url, headers={"key": "segredo"}) as http:
        with pytest.raises(AuthFailed) as caught:
            await http.call("GET", "/x")
        assert len(server.asked) == 1
    assert caught.value.code == "auth_failed"


@pytest.mark.trap("engine.forbidden")
@pytest.mark.parametrize("sessions", [True, False])
@pytest.mark.parametrize("media", ["application/json", "text/html"])
async def test_a_permission_that_is_missing_is_named_and_costs_no_login(sessions: bool, media: str) -> None:
    auth = Sessions() if sessions else None

    async def forbids(asked: Asked, writer: asyncio.StreamWriter) -> bool:
        if asked.path == "/login":
            return say(writer, 200)
        return say(writer, 403, '{"message": "Falta a rotina 316", "token": "s3cr3t"}', Content_Type=media)

    async with raw_server(forbids) as server, client(server.url, auth=auth) as http:
        with pytest.raises(Forbidden) as caught:
            await http.call("PATCH", "/stock/7/quantity", operation="/stock/{sku}/quantity", body={}, safe=True)
        assert calls(server, "/stock/7/quantity") == 1 and calls(server, "/login") == (1 if sessions else 0)
    error = caught.value
    assert error.operation == "PATCH /stock/{sku}/quantity"
    assert error.operation in error.text.pt and error.operation in error.hint.pt and "s3cr3t" not in str(error.text)
    assert ("Falta a rotina 316" in error.text.pt) == (media == "application/json")
    assert error.connection_id == 7


async def test_a_refused_login_is_tried_once_and_never_leaks_the_password() -> None:
    async with raw_server(answering(401, '{"password": "segredo"}')) as server, client(server.url, auth=Sessions()) as http:
        with pytest.raises(AuthFailed) as caught:
            await http.call("GET", "/x")
        assert len(server.asked) == 1
    assert "segredo" not in str(caught.value) + str(caught.value.text) + repr(caught.value)


# ---- answers that only the plugin can read ----


@pytest.mark.trap("engine.judge")
@pytest.mark.parametrize("status", [200, 400, 403])
async def test_a_session_that_dies_inside_an_answer_is_renewed_and_the_call_goes_again(status: int) -> None:
    auth = Sessions()

    async def answer(asked: Asked, writer: asyncio.StreamWriter) -> bool:
        if asked.path == "/login":
            return say(writer, 200)
        dead = asked.headers["authorization"] == "token-1"
        return say(writer, status if dead else 200, '{"error": "UNAUTHENTICATED"}' if dead else '{"data": 1}')

    async with raw_server(answer) as server, client(server.url, auth=auth, judge=graph) as http:
        assert (await http.call("POST", "/graph", body={})).json() == {"data": 1}
        assert calls(server, "/graph") == 2 and auth.logins == 2


async def test_a_dead_session_of_credentials_that_cannot_be_renewed_is_their_fault() -> None:
    async with raw_server(answering(200, '{"error": "UNAUTHENTICATED"}')) as server, client(server.url, judge=graph) as http:
        with pytest.raises(AuthFailed):
            await http.call("POST", "/graph", body={})
        assert len(server.asked) == 1


@pytest.mark.trap("engine.judge")
async def test_throttling_inside_an_answer_stops_the_group() -> None:
    async def once(asked: Asked, writer: asyncio.StreamWriter) -> bool:
        return say(writer, 200, '{"error": "THROTTLED"}' if asked.nth == 1 else '{"data": 1}')

    async with raw_server(once) as server, client(server.url, judge=graph, rates={"graph": Rate(1000, 1000)}) as http:
        loop = asyncio.get_running_loop()
        started = loop.time()
        assert (await http.call("POST", "/graph", body={}, groups=("graph",))).json() == {"data": 1}
        assert len(server.asked) == 2 and loop.time() - started >= 0.05


@pytest.mark.parametrize(("word", "kind"), [("FORBIDDEN", Forbidden), ("NO", Rejected)])
async def test_a_no_inside_an_answer_is_raised_once(word: str, kind: type[EngateError]) -> None:
    async with raw_server(answering(200, f'{{"error": "{word}"}}')) as server, client(server.url, judge=graph) as http:
        with pytest.raises(kind) as caught:
            await http.call("GET", "/graph")
        assert len(server.asked) == 1 and caught.value.connection_id == 7


@pytest.mark.trap("engine.judge-broke")
async def test_a_judge_that_cannot_read_an_answer_leaves_a_doubt_and_never_a_second_order() -> None:
    """It raises Unavailable, which says that nothing was done: of a write whose answer nobody understands, that is not known."""
    async with raw_server(answering(200, "[1")) as server, client(server.url, judge=graph) as http:
        with pytest.raises(Unknown):
            await http.call("POST", "/order", body={})
        assert len(server.asked) == 1


@pytest.mark.trap("engine.judge-any-status")
@pytest.mark.parametrize("status", [429, 500, 503])
async def test_a_judge_sees_answers_of_every_status(status: int) -> None:
    """Some say with a 500 that the session ended (SOAP faults), or with a 429 what kind of limit it is."""
    auth = Sessions()

    async def answer(asked: Asked, writer: asyncio.StreamWriter) -> bool:
        if asked.path == "/login":
            return say(writer, 200)
        dead = asked.headers["authorization"] == "token-1"
        return say(writer, status if dead else 200, '{"error": "UNAUTHENTICATED"}' if dead else '{"data": 1}')

    async with raw_server(answer) as server, client(server.url, auth=auth, judge=graph) as http:
        assert (await http.call("POST", "/graph", body={})).json() == {"data": 1}
        assert calls(server, "/graph") == 2 and auth.logins == 2


@pytest.mark.parametrize(("status", "kind"), [(429, RateLimited), (502, Unknown)])
async def test_what_a_judge_cannot_read_of_a_gateway_means_what_its_status_says(status: int, kind: type[EngateError]) -> None:
    async with raw_server(answering(status, "busy")) as server, client(server.url, judge=graph) as http:
        with pytest.raises(kind):
            await http.call("POST", "/graph", body={})
        assert server.asked
