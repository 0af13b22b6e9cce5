"""Every error as application/problem+json: what happened, in both languages, and what to do next. Never a secret, never a traceback."""

from __future__ import annotations

import sqlite3
from http import HTTPStatus
from typing import Any

import msgspec
import sqlalchemy.exc
from litestar import Request, Response
from litestar.exceptions import HTTPException
from litestar.handlers import HTTPRouteHandler
from litestar.openapi.datastructures import ResponseSpec

from engate.errors import NO_HINT, CapabilityMissing, EngateError, Invalid, RateLimited
from engate.fields import translated
from engate.logs import say
from engate.store.broken import broken, lasts, shortly
from engate.text import Text
from engate_api import parameters
from engate_api.bodies import EMPTY, SEND_JSON, Unread, is_object

MEDIA = "application/problem+json"


class FieldError(msgspec.Struct, frozen=True):
    """One field that cannot be accepted: its path, and why. `detail` is Portuguese."""

    where: str
    detail: str
    detail_en: str

    @classmethod
    def of(cls, where: str, text: Text) -> FieldError:
        return cls(where, text.pt, text.en)


class Problem(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """RFC 9457, with a stable `code`, both languages, and a hint. `detail` and `hint` are Portuguese."""

    type: str
    title: str
    status: int
    code: str
    detail: str
    detail_en: str
    hint: str
    hint_en: str
    errors: list[FieldError] | msgspec.UnsetType = msgspec.UNSET


class Refused(EngateError):
    """A request that cannot be served as things stand, with the HTTP status that says so."""

    def __init__(self, status: int, code: str, text: Text, hint: Text = NO_HINT, *, errors: list[FieldError] | None = None) -> None:
        super().__init__(text, hint, code=code)
        self.status, self.errors = status, errors


NEEDED = Text("é preciso enviar de novo", "has to be sent again")
STATUS_OF_CODE = {
    "not_found": 404,
    "name_taken": 409,
    "in_use": 409,
    "shop_taken": 409,
    "nothing_to_replay": 409,
    "not_live": 409,
    "secret_key": 500,
    "platform_missing": 409,
    "database": 503,
}
Said = tuple[str, Text, Text]
"""(code, what happened, what to do)."""
TEXTS: dict[int, Said] = {
    400: ("bad_request", Text("Requisição inválida.", "Bad request."), Text("Corrija os campos apontados.", "Fix the fields named here.")),
    401: (
        "no_key",
        Text("Chave ausente, desconhecida ou revogada.", "The key is missing, unknown or revoked."),
        Text("Envie Authorization: Bearer <chave>.", "Send Authorization: Bearer <key>."),
    ),
    403: (
        "forbidden",
        Text("Esta chave não pode fazer isso.", "This key may not do that."),
        Text("Use uma chave com o papel necessário.", "Use a key with the role it needs."),
    ),
    404: ("no_route", Text("Endereço desconhecido.", "No such address."), Text("Veja /schema.", "See /schema.")),
    405: ("no_method", Text("Método não aceito aqui.", "Method not allowed here."), Text("Veja /schema.", "See /schema.")),
    413: ("too_large", Text("Corpo grande demais.", "The body is too large."), Text("Divida em partes.", "Split it.")),
}
INTERNAL = (
    "internal",
    Text("Erro interno do engate.", "engate failed."),
    Text("Tente de novo; se persistir, veja o log.", "Try again; if it lasts, see the log."),
)
DOCUMENTED = {
    400: "Malformed or outside the schema",
    401: "No valid key",
    403: "The key's role does not allow it",
    404: "No such thing for this tenant",
    409: "Not as things stand now",
    422: "Cannot be accepted",
    502: "The platform failed or refused",
    503: "Not ready",
}


def documented(*statuses: int) -> dict[int, ResponseSpec]:
    """For a handler's `responses`."""
    return {
        status: ResponseSpec(data_container=Problem, description=DOCUMENTED[status], media_type=MEDIA, generate_examples=False)  # type: ignore[arg-type]
        for status in {400, *statuses}  # a parameter that no route knows is refused by each
    }


def _answer(status: int, said: Said, errors: list[FieldError] | None = None, headers: dict[str, str] | None = None) -> Response[Problem]:
    code, text, hint = said
    problem = Problem(
        type="about:blank",
        title=HTTPStatus(status).phrase,
        status=status,
        code=code,
        detail=text.pt,
        detail_en=text.en,
        hint=hint.pt,
        hint_en=hint.en,
        errors=errors if errors else msgspec.UNSET,
    )
    return Response(problem, status_code=status, media_type=MEDIA, headers=headers)


def of_engate(_request: Request[Any, Any, Any], error: EngateError) -> Response[Problem]:
    """engate's own errors: input (4xx), or what a platform did (502)."""
    headers = None
    errors: list[FieldError] | None = None
    if isinstance(error, Refused):
        status, errors = error.status, error.errors
    elif error.code in STATUS_OF_CODE:
        status = STATUS_OF_CODE[error.code]
    elif isinstance(error, Invalid):
        status = 422
    elif isinstance(error, CapabilityMissing):
        status = 409
    else:
        status = 502
        if isinstance(error, RateLimited) and error.retry_after is not None:
            headers = {"Retry-After": str(max(1, round(error.retry_after)))}
    if isinstance(error, Invalid) and error.where:
        errors = [FieldError.of(error.where, error.text)]
    return _answer(status, (error.code, error.text, error.hint), errors, headers)


def of_http(request: Request[Any, Any, Any], error: HTTPException) -> Response[Problem]:
    """litestar's own: no route, no key, a body outside its schema."""
    status = error.status_code
    if status in (401, 403):
        say("key_refused", method=request.method, path=request.url.path[:200], code=TEXTS[status][0])
    if status >= 500:
        return _answer(status, INTERNAL)
    said = TEXTS.get(status, ("refused", Text(HTTPStatus(status).phrase, HTTPStatus(status).phrase), Text("", "")))
    errors: list[FieldError] = []
    if isinstance(error.extra, list):
        errors = [_of_field(request, each) for each in error.extra if is_object(each)]
        if errors == [FieldError.of("body", EMPTY)]:
            said = (said[0], EMPTY, SEND_JSON)
    elif isinstance(error, Unread):
        errors, said = [FieldError.of("body", error.text)], ("bad_request", error.text, error.hint)
    return _answer(status, said, errors, error.headers)


def _of_field(request: Request[Any, Any, Any], extra: dict[str, Any]) -> FieldError:
    """A parameter or a field of the body, with the values that it can have where these are few."""
    source = extra.get("source", "")
    source, key, message = str(getattr(source, "value", source)), str(extra.get("key", "")), str(extra.get("message", ""))
    text = translated(message)
    if (source, key) == ("body", "data"):  # the body as a whole: litestar's own name for it, which is all that it says of none
        return FieldError.of(source, EMPTY if message == "'data'" else text)
    handler = dict(request.scope).get("route_handler")
    kind = None
    if isinstance(handler, HTTPRouteHandler):
        field = parameters.of(handler).get(key)
        if source == "body":
            kind = parameters.in_body(handler, key)
        elif field is not None:
            key, kind = parameters.called(field, key), field.annotation
    if values := parameters.values(kind):
        text = Text(f"{text.pt}. Há: {', '.join(values)}", f"{text.en}. There are: {', '.join(values)}")
    return FieldError.of(".".join(filter(None, (source, key))), text)


def of_conflict(_request: Request[Any, Any, Any], _error: sqlalchemy.exc.IntegrityError) -> Response[Problem]:
    text = Text("Outra requisição mudou isso ao mesmo tempo.", "Another request changed this at the same time.")
    return _answer(409, ("conflict", text, Text("Leia de novo e repita.", "Read it again and repeat.")))


def of_data(_request: Request[Any, Any, Any], _error: sqlalchemy.exc.DataError) -> Response[Problem]:
    text = Text("Um valor tem caracteres que o banco não aceita.", "A value holds characters the database does not accept.")
    return _answer(422, ("bad_value", text, Text("Retire caracteres de controle.", "Remove control characters.")))


def of_database(request: Request[Any, Any, Any], error: Exception) -> Response[Problem]:
    """The database is down, locked, full, damaged or too slow: 503. An invalid statement is a fault of engate: 500."""
    found = broken(error)
    if found is None and isinstance(error, sqlalchemy.exc.ProgrammingError | sqlite3.ProgrammingError):
        return of_anything(request, error)
    say("database_failed", method=request.method, path=request.url.path, error=type(error).__name__, said=shortly(error))
    if found is not None and lasts(found):
        return _answer(503, (found.code, found.text, found.hint))
    text = Text("O banco de dados não atendeu agora.", "The database could not serve this now.")
    hint = Text("Tente de novo em instantes; se continuar, veja /ready.", "Try again in a moment; if it lasts, see /ready.")
    return _answer(503, ("database", text, hint))


def of_anything(request: Request[Any, Any, Any], error: Exception) -> Response[Problem]:
    """A fault of engate. The traceback goes to the log, not into the answer."""
    say("request_broke", method=request.method, path=request.url.path, exc_info=error)
    return _answer(500, INTERNAL)


HANDLERS: dict[Any, Any] = {
    EngateError: of_engate,
    HTTPException: of_http,
    sqlalchemy.exc.IntegrityError: of_conflict,
    sqlalchemy.exc.DataError: of_data,
    sqlalchemy.exc.DBAPIError: of_database,
    sqlite3.Error: of_database,
    sqlalchemy.exc.TimeoutError: of_database,
    Exception: of_anything,
}
