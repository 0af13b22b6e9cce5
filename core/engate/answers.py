"""What an answer means: a definite yes or no, a missing permission, an ended session, or an unknown effect."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from datetime import datetime
from email.utils import parsedate_to_datetime
from typing import Any, TypeVar

import msgspec

from engate.errors import Answered, AuthFailed, EngateError, Forbidden, NotSent, RateLimited, Unavailable, Unknown
from engate.streams import Body
from engate.text import Text

T = TypeVar("T")
_SECRET = re.compile(
    r'("?(?:senha|password|token|access_?token|app_?token|app_?key|secret|authorization|api_?key|refresh_?token|login)"?\s*[:=]\s*)'
    r'("(?:[^"\\]|\\.)*"?|(?:bearer|basic)\s+[^\s,;&}]+|[^\s,;&}]+)',
    re.IGNORECASE,
)
_TAGS = re.compile(r"(?:<[^>]+>|\s)+")


def redacted(body: bytes, limit: int = 300) -> str:
    """A short, single-line excerpt of an answer, with everything that looks like a credential blanked."""
    text = _TAGS.sub(" ", body[:4000].decode("utf-8", "replace")).strip()
    return _SECRET.sub(r"\1***", text)[:limit]


class Headers(dict[str, str]):
    """The headers of an answer; names in any case find them. Built in one pass, because each call reads several."""

    def __init__(self, raw: Iterable[tuple[bytes, bytes]]) -> None:
        super().__init__()
        for name, value in raw:
            key, text = name.decode("latin-1").lower(), value.decode("latin-1")
            self[key] = f"{self[key]}, {text}" if key in self else text

    def get(self, name: str, default: Any = None) -> Any:
        return super().get(name.lower(), default)

    def __getitem__(self, name: str) -> str:
        return super().__getitem__(name.lower())

    def __contains__(self, name: object) -> bool:
        return isinstance(name, str) and super().__contains__(name.lower())


NOT_JSON = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)
"""What decoding a platform's JSON may raise: it is not JSON, not UTF-8, or nested too deeply."""


class Response:
    """A definite 2xx answer (or one of the statuses the caller expected)."""

    __slots__ = ("body", "headers", "status")

    def __init__(self, status: int, headers: Mapping[str, str], body: bytes) -> None:
        self.status, self.headers, self.body = status, headers, body

    def json(self, kind: type[T] | Any = Any) -> Any:
        """The body decoded as `kind`. Raises `Unavailable` for a body of another shape (the platform broke its contract)."""
        try:
            return msgspec.json.decode(self.body, type=kind)
        except NOT_JSON as error:
            raise Unavailable(
                Text(f"Resposta fora do contrato: {error}", f"Answer outside the contract: {error}"),
                Text("Tente de novo; se persistir, avise o suporte da plataforma.", "Try again; if it lasts, tell the platform's support."),
                code="contract",
            ) from None

    @property
    def html(self) -> bool:
        """Whether it is a page for people, from a proxy, a firewall or a server without the service, whatever its status."""
        return "html" in self.headers.get("content-type", "")

    @property
    def date(self) -> datetime | None:
        """The server's own clock, from its `Date` header."""
        stamp = self.headers.get("date")
        try:
            return parsedate_to_datetime(stamp) if stamp else None
        except ValueError:
            return None


class Call(msgspec.Struct, frozen=True):
    """One call as asked for, however many exchanges it takes. `safe`: repeating it has no further effect."""

    method: str
    url: Any  # parsed, as the HTTP library has it
    operation: str
    safe: bool
    groups: tuple[str, ...] = ()
    content: bytes | Body | None = None
    headers: Mapping[str, str] = {}
    expect: tuple[int, ...] = ()
    media: str = "application/json"
    cost: float = 1.0

    @property
    def name(self) -> str:
        return f"{self.method} {self.operation}"

    @property
    def again(self) -> bool:
        """Whether the body can be sent a second time."""
        return not isinstance(self.content, Body) or self.content.again

    @property
    def reads(self) -> bool:
        return self.safe and self.method in ("GET", "HEAD")


def problem(call: Call, response: Response) -> EngateError | None:
    """The error that this answer means; None: the answer is handed back. (401 concerns sessions and is not decided here.)"""
    status = response.status
    if status == 429:
        return RateLimited(
            Text(f"Limite de chamadas atingido ({call.name}).", f"Rate limit reached ({call.name})."),
            retry_after=_seconds(response.headers.get("retry-after")),
        )
    if status in call.expect:
        return None
    if 200 <= status < 300:
        fits = not response.html and call.media in response.headers.get("content-type", call.media)
        if fits or not response.body:
            return None
        return doubt(call, f"{status} {'HTML' if response.html else response.headers.get('content-type', '')[:60]}")
    if status == 403:
        return _forbidden(call, response)
    if status in (423, 425):
        return NotSent(Text(f"Recurso ocupado ({call.operation}).", f"Resource locked ({call.operation})."), code="locked")
    if status == 408 or status >= 500:
        return doubt(call, str(status))
    return Answered(call.method, call.operation, status, response.body, redacted(response.body))


def throttled(call: Call) -> RateLimited:
    """The answer's own count shows too few credits: nothing was done."""
    return RateLimited(Text(f"Limite de chamadas atingido ({call.name}).", f"Rate limit reached ({call.name})."))


def dearer(call: Call, asked: float | None) -> Call:
    """The call with the cost that its refusal told, where that is more than was thought: with its old cost it would be refused again."""
    return msgspec.structs.replace(call, cost=asked) if asked is not None and asked > call.cost else call


LOOKS = Text("O engate confere antes de reenviar.", "engate looks before sending again.")


def doubt(call: Call, what: str) -> Unavailable | Unknown:
    """The effect of the call is unknown; only a safe call certainly changed nothing."""
    if call.reads:
        return Unavailable(Text(f"Plataforma indisponível ({what} em {call.name}).", f"Platform unavailable ({what} at {call.name})."))
    return Unknown(
        Text(f"Sem resposta certa da plataforma ({what} em {call.name}).", f"No certain answer from the platform ({what} at {call.name})."),
        LOOKS,
    )


def too_slow(call: Call, seconds: float) -> Unavailable | Unknown:
    """The deadline has passed. The platform may have sent a byte every few seconds, so that no timeout of a single read applied."""
    text = Text(
        f"A plataforma demorou demais: {call.name} não terminou em {seconds:g} s.",
        f"The platform was too slow: {call.name} did not end within {seconds:g} s.",
    )
    hint = Text("Veja na plataforma por que o serviço está lento.", "See on the platform why the service is slow.")
    return Unavailable(text, hint, code="too_slow") if call.reads else Unknown(text, LOOKS, code="too_slow")


def too_large(call: Call, most: int) -> Unavailable | Unknown:
    """The answer is too large: the rest is not read."""
    text = Text(
        f"A resposta a {call.name} é grande demais: mais de {most / 2**20:g} MB.",
        f"The answer to {call.name} is too large: more than {most / 2**20:g} MB.",
    )
    hint = Text(
        "Peça menos de uma vez (linhas por página da conexão) ou avise o suporte da plataforma.",
        "Ask for less at a time (the connection's rows a page), or tell the platform's support.",
    )
    return Unavailable(text, hint, code="too_large") if call.reads else Unknown(text, LOOKS, code="too_large")


def unreachable(call: Call) -> Unavailable:
    return Unavailable(
        Text(f"Sem conexão com a plataforma ({call.name}).", f"No connection to the platform ({call.name})."),
        Text("Verifique o endereço e se o serviço está no ar.", "Check the address and whether the service is up."),
        code="unreachable",
    )


def refused(call: Call, status: int) -> AuthFailed:
    """Credentials sent with every call were refused: there is no session to renew."""
    return AuthFailed(
        Text(
            f"A plataforma recusou as credenciais ({status} em {call.name}).",
            f"The platform refused the credentials ({status} at {call.name}).",
        ),
        Text("Renove as credenciais da conexão.", "Renew the connection's credentials."),
    )


def no_session(error: Unknown) -> Unavailable:
    """The outcome of a login is unknown."""
    hint = Text("Verifique se o login da plataforma está no ar.", "Check whether the platform's login is up.")
    return Unavailable(error.text, hint, code=error.code if error.code != Unknown.code else None)


def sent_once(call: Call) -> NotSent:
    """The call was refused, and its body cannot be sent a second time."""
    return NotSent(
        Text(f"A sessão terminou antes de {call.name}: o envio recomeça.", f"The session ended before {call.name}: it is sent anew.")
    )


def session_taken(call: Call) -> Unavailable:
    """The login works, so the credentials are good: another login keeps ending the session."""
    return Unavailable(
        Text(
            f"O login é aceito, mas a sessão não se mantém ({call.name}): outro sistema usa o mesmo usuário.",
            f"The login is accepted but the session does not last ({call.name}): another system uses the same user.",
        ),
        Text(
            "Crie na plataforma um usuário só para o engate e troque o da conexão.",
            "Create a user for engate alone on the platform, and change the connection's.",
        ),
        code="session_taken",
    )


def _forbidden(call: Call, response: Response) -> Forbidden:
    said = "" if response.html else redacted(response.body, 200)
    return Forbidden(
        Text(
            f"A plataforma não permite {call.name} a este usuário{': ' + said if said else '.'}",
            f"The platform does not allow this account {call.name}{': ' + said if said else '.'}",
        ),
        Text(
            f"Dê ao usuário ou à chave da conexão, na plataforma, a permissão para {call.name}.",
            f"Grant the connection's user or key, on the platform, the permission for {call.name}.",
        ),
        operation=call.name,
    )


def _seconds(value: str | None) -> float | None:
    try:
        return max(0.0, float(value)) if value else None
    except ValueError:
        return None
