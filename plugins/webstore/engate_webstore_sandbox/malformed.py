"""Orders as a store in disorder sends them: each kind breaks one thing that the facts ask for, and says which errors they allow."""

from __future__ import annotations

from collections.abc import Callable
from copy import deepcopy
from typing import Any, NamedTuple
from urllib.parse import urlencode

import msgspec

from engate_webstore_sandbox import wire
from engate_webstore_sandbox.settings import Settings

NO_TOKEN, MALFORMED, NO_PARAMETER, VALIDATION, UNKNOWN = 1, 3, 10, 31, 32
SERVICE = "pedido.incluir"
Document = dict[str, Any]


def _without(*path: str) -> Callable[[Document], None]:
    def spoil(order: Document) -> None:
        _at(order, path[:-1]).pop(path[-1])

    return spoil


def _with(value: Any, *path: str) -> Callable[[Document], None]:
    def spoil(order: Document) -> None:
        _at(order, path[:-1])[path[-1]] = value

    return spoil


def _at(order: Document, path: tuple[str, ...]) -> Document:
    held = order
    for name in path:
        held = held["itens"][0]["item"] if name == "item" else held[name]
    return held


def _unknown_code(order: Document) -> None:
    _at(order, ("item",)).pop("id_produto", None)
    _at(order, ("item",))["codigo"] = "NAO-EXISTE"


class Kind(NamedTuple):
    """`codes`: of codigo_erro, those that the facts allow. Either the document is spoilt, or the bytes are."""

    codes: tuple[int, ...]
    spoil: Callable[[Document], None] | None = None
    raw: Callable[[bytes], bytes | None] | None = None  # of the document as JSON; None: the field is left out


def _half(order: bytes) -> bytes:
    return order[: len(order) // 2]


def _always(held: bytes | None) -> Callable[[bytes], bytes | None]:
    def raw(order: bytes) -> bytes | None:
        del order
        return held

    return raw


KINDS: dict[str, Kind] = {
    "no_name": Kind((VALIDATION,), _with("", "cliente", "nome")),
    "name_left_out": Kind((VALIDATION,), _without("cliente", "nome")),
    "no_customer": Kind((VALIDATION,), _without("cliente")),
    "no_items": Kind((VALIDATION,), _with([], "itens")),
    "no_description": Kind((VALIDATION,), _without("item", "descricao")),
    "no_unit": Kind((VALIDATION,), _without("item", "unidade")),
    "no_quantity": Kind((VALIDATION,), _without("item", "quantidade")),
    "no_price": Kind((VALIDATION,), _without("item", "valor_unitario")),
    "unknown_code": Kind((VALIDATION, UNKNOWN), _unknown_code),
    "bad_date": Kind((VALIDATION,), _with("31/02/2026", "data_pedido")),
    "date_of_another_kind": Kind((VALIDATION,), _with("2026-11-27", "data_pedido")),
    "bad_number": Kind((VALIDATION,), _with("dez reais", "item", "valor_unitario")),
    "comma": Kind((VALIDATION,), _with("10,50", "item", "valor_unitario")),
    "negative_quantity": Kind((VALIDATION,), _with("-1", "item", "quantidade")),
    "bad_state": Kind((VALIDATION,), _with("quase pronto", "situacao")),
    "long_number": Kind((VALIDATION,), _with("9" * 51, "numero_pedido_ecommerce")),
    "broken_json": Kind((MALFORMED,), raw=_half),
    "broken_xml": Kind((MALFORMED,), raw=_always(b"<pedido><cliente><nome>Maria</cliente>")),
    "not_utf8": Kind((MALFORMED,), raw=_always(b'{"pedido":{"obs":"Jo\xe3o"}}')),
    "list": Kind((MALFORMED, VALIDATION), raw=_always(b"[]")),
    "empty_document": Kind((MALFORMED, NO_PARAMETER), raw=_always(b"")),
    "no_document": Kind((NO_PARAMETER,), raw=_always(None)),
}
EMPTY_BODY, AMPERSAND = "empty_body", "ampersand"
WHOLE: dict[str, tuple[int, ...]] = {EMPTY_BODY: (NO_TOKEN, NO_PARAMETER), AMPERSAND: (MALFORMED, VALIDATION)}
"""Kinds of the whole body. An `&` that is not encoded ends the field."""


def codes() -> dict[str, tuple[int, ...]]:
    """Every kind, and the errors that the facts allow."""
    return {**{name: kind.codes for name, kind in KINDS.items()}, **WHOLE}


def built(settings: Settings, order: Document, name: str) -> wire.Sent:
    """Raises ValueError where there is no such kind. What is spoilt as bytes goes as a form, whatever the settings say."""
    if name == EMPTY_BODY:
        return wire.Sent(wire.address(settings, SERVICE), wire.FORM, b"")
    if name == AMPERSAND:
        return _ampersand(settings, order)
    kind = KINDS.get(name)
    if kind is None:
        raise ValueError(f"malformed: no kind {name}; there are {', '.join(codes())}")
    given = deepcopy(order)
    if kind.spoil is not None:
        kind.spoil(given)
    document = {"pedido": given} if settings.wrap else given
    if kind.raw is None:
        return wire.built(settings, SERVICE, {"pedido": document})
    return _form(settings, kind.raw(msgspec.json.encode(document)))


def _form(settings: Settings, document: bytes | None) -> wire.Sent:
    fields: dict[str, Any] = {"token": settings.token, "formato": "JSON"}
    if document is not None:
        fields["pedido"] = document
    return wire.Sent(wire.address(settings, SERVICE), wire.FORM, urlencode(fields).encode())


def _ampersand(settings: Settings, order: Document) -> wire.Sent:
    given = deepcopy(order)
    given["cliente"]["nome"] = "Silva & Filhos"
    document = msgspec.json.encode({"pedido": given} if settings.wrap else given)
    head = urlencode({"token": settings.token, "formato": "JSON"}).encode()
    return wire.Sent(wire.address(settings, SERVICE), wire.FORM, head + b"&pedido=" + document.replace(b" ", b"+"))
