"""A small synchronous JSON client for the demo's own traffic: the REST API and the sandboxes' control protocol.

The demo drives servers that run in other processes, one call after the other, so the standard library is enough; the connectors'
client (engate.http) is what is being demonstrated and stays out of the measuring.
"""

from __future__ import annotations

import http.client
import time
from typing import Any, TypeVar
from urllib.parse import urlencode, urlsplit

import msgspec

T = TypeVar("T")
SECONDS = 120.0


class Refused(Exception):
    """An answer that is not 2xx, or none at all: the text holds what was asked and what the server said to do."""


class Web:
    """Calls to one server over one kept connection. `asked_seconds`: how long the last call took."""

    def __init__(self, address: str, *, key: str = "") -> None:
        parts = urlsplit(address)
        assert parts.hostname is not None
        self.address = address
        self._connection = http.client.HTTPConnection(parts.hostname, parts.port, timeout=SECONDS)
        self._headers = {"Accept": "application/json"} | ({"Authorization": f"Bearer {key}"} if key else {})
        self.asked_seconds = 0.0

    def get(self, path: str, kind: type[T] | Any = Any, **query: object) -> Any:
        asked = {name: value for name, value in query.items() if value is not None}
        return self.call("GET", f"{path}?{urlencode(asked)}" if asked else path, kind=kind)

    def post(self, path: str, body: object = None, kind: type[T] | Any = Any) -> Any:
        return self.call("POST", path, body, kind)

    def patch(self, path: str, body: object) -> Any:
        return self.call("PATCH", path, body)

    def call(self, method: str, path: str, body: object = None, kind: Any = Any) -> Any:
        """The decoded answer, None where it is empty. A body of bytes is a sheet (CSV), any other goes as JSON. Raises Refused."""
        content = body if body is None or isinstance(body, bytes) else msgspec.json.encode(body)
        media = "text/csv" if isinstance(body, bytes) else "application/json"
        headers = self._headers if content is None else {**self._headers, "Content-Type": media}
        started = time.monotonic()
        status, answer = self._exchange(method, path, content, headers)
        self.asked_seconds = time.monotonic() - started
        if not 200 <= status < 300:
            raise Refused(f"{method} {path}: {status} {_words(answer)}")
        return msgspec.json.decode(answer, type=kind) if answer else None

    def items(self, path: str, **query: object) -> list[Any]:
        """Every item of a list, over its pages."""
        found: list[Any] = []
        cursor: str | None = None
        while True:
            page = self.get(path, **{"limit": 500, **query, "cursor": cursor})
            found += page["items"]
            cursor = page["next_cursor"]
            if cursor is None:
                return found

    def close(self) -> None:
        self._connection.close()

    def _exchange(self, method: str, path: str, content: bytes | None, headers: dict[str, str]) -> tuple[int, bytes]:
        """A kept connection that the server has closed meanwhile says so before it takes anything: that alone is tried again."""
        for last in (False, True):
            fresh = self._connection.sock is None
            try:
                self._connection.request(method, path, content, headers)
                answer = self._connection.getresponse()
                return answer.status, answer.read()
            except (http.client.RemoteDisconnected, BrokenPipeError, ConnectionResetError) as error:
                self._connection.close()
                if fresh or last:
                    raise Refused(f"{method} {path}: the server closed the connection ({type(error).__name__})") from None
            except OSError as error:
                self._connection.close()
                raise Refused(f"{method} {path}: {error}") from None
        raise AssertionError


def _words(answer: bytes) -> str:
    """What a problem says and what to do about it, else the beginning of the answer."""
    try:
        problem = msgspec.json.decode(answer)
    except msgspec.DecodeError:
        return answer[:300].decode("utf-8", "replace")
    if not isinstance(problem, dict) or "title" not in problem:
        return answer[:300].decode("utf-8", "replace")
    said = [problem.get(name) for name in ("code", "title", "detail_en", "hint_en")]
    where = [f"{error.get('where')}: {error.get('detail')}" for error in problem.get("errors") or [] if isinstance(error, dict)]
    return "; ".join(str(word) for word in [*said, *where] if word)
