"""The protocol of the Olist API v2: the path names a service, fields come in a form, every answer has status 200.

Contract: olist FACTS, section 1 (call, envelope, error codes).
"""

from __future__ import annotations

import hmac
from collections.abc import Mapping
from datetime import datetime
from hashlib import sha256
from typing import Any, NamedTuple
from urllib.parse import parse_qsl

import msgspec

from engate import Asked, Reply
from engate.answers import NOT_JSON
from engate.shapes import is_object

NO_TOKEN, BAD_TOKEN, MALFORMED, TOO_MANY, MISSING = 1, 2, 3, 6, 10
NOTHING, NO_PAGE, DUPLICATE, INVALID, NOT_FOUND, RETRY = 20, 23, 30, 31, 32, 35
"""`codigo_erro`."""
NUL = b"\\u0000"
"""As JSON writes it."""
DONE, WRONG, REFUSED = "3", "2", "1"
"""`status_processamento`: done; the fields are wrong; not worked on."""


class Refused(Exception):
    """A refusal: its code and its texts go to the caller."""

    def __init__(self, code: int, *texts: str) -> None:
        super().__init__(code)
        self.code, self.texts = code, texts


class Call(NamedTuple):
    """One call. `service`: its name without `.php`. `fields`: a document in one is JSON text, or an object where the body was JSON."""

    service: str
    fields: Mapping[str, Any]
    at: datetime

    def text(self, name: str) -> str:
        given = self.fields.get(name)
        said = str(given).strip() if given is not None else ""
        if "\0" in said:
            raise Refused(INVALID, f"{name}: caractere nulo")  # no database that we use has room for it
        return said

    def document(self, name: str) -> Mapping[str, Any]:
        """`pedido={"pedido": {...}}`; also without the wrap, which some clients leave out."""
        given = self.fields.get(name)
        if given is None or given == "":
            raise Refused(MISSING, f"parâmetro {name} não informado")
        if isinstance(given, str):
            try:
                given = msgspec.json.decode(given)
            except NOT_JSON:
                raise Refused(MALFORMED, f"{name} não é um JSON válido") from None
        inner = given.get(name, given) if is_object(given) else None
        if not is_object(inner):
            raise Refused(MALFORMED, f"{name} não é um objeto")
        if NUL in msgspec.json.encode(inner):
            raise Refused(INVALID, f"{name} tem um caractere nulo")
        return inner

    def raw(self, name: str) -> bytes:
        """The document of a field, as bytes."""
        given = self.fields.get(name) or ""
        return given.encode() if isinstance(given, str) else msgspec.json.encode(given)

    def number(self, name: str = "id") -> int:
        given = self.text(name)
        if not given:
            raise Refused(MISSING, f"parâmetro {name} não informado")
        if not given.isascii() or not given.isdigit() or len(given) > 15:
            raise Refused(NOT_FOUND, "registro não localizado")
        return int(given)

    @property
    def page(self) -> int:
        given = self.text("pagina") or "1"
        if not given.isascii() or not given.isdigit() or len(given) > 9 or int(given) < 1:
            raise Refused(NO_PAGE, "a página informada não existe")
        return int(given)


def read(asked: Asked) -> Call:
    """Fields of the body count before those of the address."""
    service = asked.path.strip("/").removeprefix("api2/").removesuffix(".php").lower()
    fields: dict[str, Any] = dict(asked.query)
    try:
        if "json" in asked.headers.get("content-type", ""):
            given: object = msgspec.json.decode(asked.body) if asked.body else {}
            if not is_object(given):
                raise Refused(MALFORMED, "o corpo não é um objeto")
            fields |= given
        else:
            fields |= dict(parse_qsl(asked.body.decode(), keep_blank_values=True, errors="strict"))
    except (ValueError, *NOT_JSON):
        raise Refused(MALFORMED, "o corpo não pode ser lido") from None
    return Call(service, fields, asked.at)


def allowed(call: Call, token: str) -> None:
    """Refuses a call without the token. Digests are compared, in constant time, so the time tells nothing of the token."""
    given = call.text("token")
    if not given:
        raise Refused(NO_TOKEN, "token não informado")
    if not hmac.compare_digest(sha256(given.encode()).digest(), sha256(token.encode()).digest()):
        raise Refused(BAD_TOKEN, "token inválido ou não encontrado")


def answered(said: Mapping[str, Any], limit: int) -> Reply:
    return _reply({"status_processamento": DONE, "status": "OK", **said}, limit, carries=True)


def refused(why: Refused, limit: int) -> Reply:
    processed = WRONG if why.code == INVALID else REFUSED
    said = {"status_processamento": processed, "status": "Erro", "codigo_erro": why.code, "erros": [{"erro": text} for text in why.texts]}
    return _reply(said, limit, carries=False)


def _reply(said: Mapping[str, Any], limit: int, *, carries: bool) -> Reply:
    body = msgspec.json.encode({"retorno": said})
    return Reply(200, body, "application/json; charset=utf-8", {"x-limit-api": str(limit)}, carries)
