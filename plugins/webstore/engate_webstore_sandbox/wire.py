"""A call as it leaves: address, head and body (Olist FACTS section 1)."""

from __future__ import annotations

from typing import Any, NamedTuple
from urllib.parse import urlencode

import msgspec

from engate_webstore_sandbox.settings import Settings

BARE = frozenset(("pedido.alterar.situacao", "lista.atualizacoes.produtos", "lista.atualizacoes.estoque", "produto.obter.tags"))
"""Services that the documentation writes without `.php`."""
BATCHES = frozenset(("contato.incluir", "contato.alterar", "produto.incluir", "produto.alterar"))
"""Services that always count against the limit of batch calls."""
FORM, JSON = "application/x-www-form-urlencoded", "application/json"


class Sent(NamedTuple):
    """`content`: how the body says it is written."""

    url: str
    content: str
    body: bytes


def address(settings: Settings, service: str) -> str:
    bare = settings.php == "never" or (settings.php == "documented" and service in BARE)
    url = f"{settings.url.rstrip('/')}/{service}{'' if bare else '.php'}"
    return f"{url}?{urlencode({'token': settings.token})}" if settings.signed == "query" else url


def built(settings: Settings, service: str, fields: dict[str, Any]) -> Sent:
    """`fields`: scalars, and documents as objects. A document is JSON in one field of a form, and an object inside a JSON body."""
    head: dict[str, Any] = {"formato": "JSON"}
    if settings.signed == "body":
        head["token"] = settings.token
    given = {**head, **fields}
    if settings.body == "json":
        return Sent(address(settings, service), JSON, msgspec.json.encode(given))
    flat = {name: msgspec.json.encode(value) if isinstance(value, (dict, list)) else str(value) for name, value in given.items()}
    return Sent(address(settings, service), FORM, urlencode(flat).encode())
