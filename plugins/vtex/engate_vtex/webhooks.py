"""The order hook: VTEX calls engate at every change of an order. What the order is, is read from its document.

A hook has no signature. VTEX repeats the headers it was given, so one of them holds a secret.
"""

from __future__ import annotations

import hmac
from typing import Any
from urllib.parse import urlsplit

import msgspec

from engate import Asked, Desk, EngateError, Reply, Text
from engate.answers import NOT_JSON
from engate.model import Check
from engate_vtex import endpoints as at
from engate_vtex import translate_orders as translate
from engate_vtex.client import Vtex
from engate_vtex.settings import VtexSettings

SECRET = "key"  # noqa: S105  # the name of a header
"""The one header that VTEX's schema knows by name, and requires."""
MADE_BY = {"x-made-by": "engate"}
PING = {"hookConfig": "ping"}


def secret(settings: VtexSettings) -> str:
    """The secret of the hook, derived from the key's token: nobody has to type it, and a new token makes a new secret."""
    return hmac.digest(settings.app_token.reveal().encode(), f"order hook of {settings.account.lower()}".encode(), "sha256").hex()


async def answer(settings: VtexSettings, asked: Asked, desk: Desk) -> Reply:
    try:
        body = msgspec.json.decode(asked.body, type=dict[str, Any])
    except NOT_JSON:
        body = {}
    if body == PING:
        return Reply(200)  # it says nothing, and no document says that the headers come with it
    if not hmac.compare_digest(secret(settings).encode(), asked.headers.get(SECRET, "").encode()):
        return await desk.refuse("signature")
    event = translate.notified(body)
    if event is None:
        return await desk.refuse("content")
    await desk.deliver(event.key, [event])
    return Reply(200)


async def config(vtex: Vtex) -> dict[str, Any] | None:
    return await vtex.find(at.HOOK_CONFIG)


def is_ours(held: dict[str, Any]) -> bool:
    """Whether an engate made the hook, with this token or an earlier one."""
    return _headers(held).items() >= MADE_BY.items()


def is_right(vtex: Vtex, held: dict[str, Any] | None) -> bool:
    """Whether the hook tells all that is needed, with the present secret."""
    return held is not None and translate.tells_all(held) and _headers(held).get(SECRET) == secret(vtex.settings)


def _headers(held: dict[str, Any]) -> dict[str, str]:
    """The hook's headers, by their names in lower case."""
    return {name.lower(): value for name, value in translate.inner(translate.inner(held, "hook"), "headers").items()}


async def calls_us(vtex: Vtex) -> bool:
    """Whether orders come by hook: the settings say so, and VTEX has ours. VTEX deletes a hook that sent nothing for three days."""
    return vtex.settings.orders_by == "hook" and is_right(vtex, await config(vtex))


async def install(vtex: Vtex, url: str) -> list[Check]:
    """Makes the hook that calls this address where orders come by hook; else deletes ours."""
    try:
        held = await config(vtex)
        if vtex.settings.orders_by == "feed":
            if held is not None and is_ours(held):
                await vtex.call(at.HOOK_DROP, expect=(404,))
            return []
        if urlsplit(url).scheme != "https" and not url.startswith("http://127.0.0.1"):
            return [NOT_SAFE]
        if held is not None and not is_ours(held):
            return [SOMEBODY_ELSES]
        if held is None or held["hook"].get("url") != url or not is_right(vtex, held):
            await vtex.call(at.HOOK_CONFIGURE, body=translate.hook_config(url, {SECRET: secret(vtex.settings), **MADE_BY}))
    except EngateError as error:
        return [Check("hook", False, error.text, error.hint)]
    return [Check("hook", True, Text("Hook de pedidos instalado.", "Order hook installed."))]


NOT_SAFE = Check(
    "hook",
    False,
    Text("A VTEX só chama endereços https.", "VTEX calls https addresses only."),
    Text(
        "Dê ao engate um endereço público com https, ou escolha 'Feed' na conexão. Até lá o engate lê o feed.",
        "Give engate a public https address, or choose 'Feed' in the connection. Until then engate reads the feed.",
    ),
)
SOMEBODY_ELSES = Check(
    "hook",
    False,
    Text("Esta chave já tem um hook de pedidos de outro sistema.", "This key has an order hook of another system already."),
    Text(
        "Crie uma chave só para o engate: o hook pertence à chave. Até lá o engate lê o feed.",
        "Create a key for engate alone: the hook belongs to the key. Until then engate reads the feed.",
    ),
)
