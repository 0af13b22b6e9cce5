"""The door: the address that platforms call, without an API key. A part of the address is a secret; see `engate.door`. Nothing here may
log it, so no error reaches the handlers that log a path."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from typing import Any

from litestar import HttpMethod, Request, Response, route
from litestar.di import NamedDependency
from litestar.exceptions import ClientException
from litestar.params import FromPath

from engate.door import Asked
from engate.errors import EngateError
from engate.logs import say
from engate.sync import door
from engate.sync.desk import OpenDesk
from engate_api.installation import Installation

MOST_BODY = 2 * 1024 * 1024
BODY_SECONDS = 10.0
"""That a caller may take to send a body."""
METHODS = [HttpMethod.GET, HttpMethod.POST, HttpMethod.PUT, HttpMethod.PATCH, HttpMethod.DELETE, HttpMethod.HEAD, HttpMethod.OPTIONS]
LATER = ("database", "slow", "not_live")
"""Errors that pass by themselves: a 503, so that the platform calls again."""
BELOW = "/in/{connection:str}/{name:str}"


@route(
    [BELOW, BELOW + "/{rest:path}"],
    http_method=METHODS,
    exclude_from_auth=True,
    include_in_schema=False,
    request_max_body_size=None,
)
async def knock(
    request: Request[Any, Any, Any],
    installation: NamedDependency[Installation],
    connection: FromPath[str],
    name: FromPath[str],
    rest: FromPath[str] = "",
) -> Response[bytes]:
    """404 whatever is wrong with the address, before anything of the call is read."""
    id = int(connection) if connection.isdecimal() and connection.isascii() and len(connection) < 16 else 0
    try:
        row = await installation.store.glancing(lambda c: door.find(c, installation.vault, id, name))
        account = await installation.registry.connection(row.id, glance=True) if row is not None else None
        if account is None or not door.has_door(type(account)):
            return _empty(404)
        body = await _body(request)
        if body is None:
            return _empty(413)
        desk = OpenDesk(installation.registry, row, _asked(request, rest, body, installation.clock.now()))
        try:
            reply = await door.answer(account, desk.asked, desk)
        except Exception as error:
            reply = door.excuse(account, desk.asked, _status(id, error))
        finally:
            for woken in desk.woken:
                await installation.dispatch.wake(woken)
    except TimeoutError:
        return _empty(408)
    except ClientException:
        return _empty(400)  # the client closed the connection before it had sent the whole body
    except Exception as error:
        return _empty(_status(id, error))
    return Response(reply.body, status_code=reply.status, media_type=reply.content_type, headers=dict(reply.headers))


def _status(connection: int, error: Exception) -> int:
    """The reason of a failure goes to the log only."""
    if isinstance(error, EngateError):
        say("door_failed", connection=connection, code=error.code, error=error.text.en)
        return 503 if error.code in LATER else 500
    say("door_broke", connection=connection, error=type(error).__name__, exc_info=error)
    return 500


def _empty(status: int) -> Response[bytes]:
    return Response(b"", status_code=status, media_type="text/plain")


def _asked(request: Request[Any, Any, Any], rest: str, body: bytes, now: datetime) -> Asked:
    headers: dict[str, str] = {}
    for raw_name, raw_value in request.scope["headers"]:
        name, value = raw_name.decode("latin-1").lower(), raw_value.decode("latin-1")
        headers[name] = f"{headers[name]}, {value}" if name in headers else value
    query = {key: str(value) for key, value in request.query_params.multi_items()}
    return Asked(request.method, rest.removeprefix("/"), query, headers, body, now.astimezone(UTC))


async def _body(request: Request[Any, Any, Any]) -> bytes | None:
    """The bytes as they came; None as soon as they are too many, and no more of them is read."""
    said = request.headers.get("content-length", "")
    if said.isdecimal() and int(said) > MOST_BODY:
        return None
    found = bytearray()
    async with asyncio.timeout(BODY_SECONDS):
        async for chunk in request.stream():
            found += chunk
            if len(found) > MOST_BODY:
                return None
    return bytes(found)


ROUTES = [knock]
