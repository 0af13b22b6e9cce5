"""One exchange with a platform, reported when it ends: the request, the answer, and whether it had an effect."""

from __future__ import annotations

from typing import Literal, Protocol

from engate.answers import Call, Response
from engate.errors import EngateError, Unavailable, Unknown
from engate.logs import say

Outcome = Literal["ok", "refused", "failed", "unknown"]
"""ok: it was answered. refused: the platform refused it. failed: no answer, certainly no effect. unknown: it may have had an effect."""


class Listener(Protocol):
    """Is told of every ended exchange of one connection, while the call waits. It must be quick."""

    def ended(self, exchange: Exchange) -> None: ...

    def hide(self, *secrets: str) -> None:
        """Credentials and sessions that the connection uses from now on, which must not be shown."""
        ...


class Exchange:
    """One attempt at a call. `seconds` None: nothing was sent. `login`: it carries credentials. `session_over`: the answer said that the
    session has ended."""

    __slots__ = ("_listener", "attempt", "call", "error", "login", "response", "seconds", "session_over")

    def __init__(self, listener: Listener | None, call: Call, attempt: int = 1, *, login: bool = False) -> None:
        self._listener, self.call, self.attempt, self.login = listener, call, attempt, login
        self.response: Response | None = None
        self.error: BaseException | None = None
        self.seconds: float | None = None
        self.session_over = False

    def __enter__(self) -> Exchange:
        return self

    def __exit__(self, _kind: object, error: BaseException | None, _trace: object) -> None:
        if self._listener is None or self.seconds is None:
            return
        self.error = error if not isinstance(error, GeneratorExit) else None
        try:
            self._listener.ended(self)
        except Exception as fault:  # a listener's fault must not fail the call
            say("call_not_kept", error=type(fault).__name__)

    @property
    def status(self) -> int:
        """0: there was no answer."""
        return self.response.status if self.response is not None else 0

    @property
    def outcome(self) -> Outcome:
        error = self.error
        if error is None:
            if self.login and self.status >= 400:
                return "refused" if self.status < 500 else "failed"
            return "refused" if self.session_over else "ok"
        if isinstance(error, Unknown):
            return "unknown"
        if not isinstance(error, EngateError):  # cancelled while it was under way
            return "failed" if self.call.reads else "unknown"
        return "failed" if self.status == 0 or isinstance(error, Unavailable) else "refused"
