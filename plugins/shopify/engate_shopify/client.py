"""Calls to the shop: one address, one text with its variables. Each answer says how many points are left."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from datetime import timedelta
from typing import Any, TypeVar
from urllib.parse import urlsplit

import msgspec

from engate import (
    AuthFailed,
    Context,
    EngateError,
    Forbidden,
    Http,
    Meter,
    RateLimited,
    Rejected,
    Response,
    Text,
    Token,
    Unavailable,
    Unknown,
)
from engate.clock import Clock
from engate_shopify.operations import Operation
from engate_shopify.settings import VERSION, ShopifySettings

T = TypeVar("T")
POINTS = "points"
"""The one budget of an app in a shop."""
LOGIN = "/admin/oauth/access_token"
EARLY = timedelta(minutes=5)
"""How long before its end a session is renewed."""


# ---- what an answer says ----


class Status(msgspec.Struct):
    most: float = msgspec.field(name="maximumAvailable")
    left: float = msgspec.field(name="currentlyAvailable")
    restore: float = msgspec.field(name="restoreRate")


class Cost(msgspec.Struct):
    status: Status = msgspec.field(name="throttleStatus")
    spent: float | None = msgspec.field(name="actualQueryCost", default=None)
    asked: float | None = msgspec.field(name="requestedQueryCost", default=None)


class Extensions(msgspec.Struct):
    cost: Cost | None = None


class Details(msgspec.Struct):
    code: str | None = None
    request: str | None = msgspec.field(name="requestId", default=None)


class Failure(msgspec.Struct):
    message: str = ""
    extensions: Details | None = None

    @property
    def code(self) -> str:
        return (self.extensions and self.extensions.code) or ""


class Envelope(msgspec.Struct):
    data: dict[str, Any] | None = None
    errors: list[Failure] | str | None = None
    extensions: Extensions | None = None

    @property
    def failures(self) -> list[Failure]:
        return [Failure(self.errors)] if isinstance(self.errors, str) else self.errors or []


def meter(answer: Response) -> Meter | None:
    """The bucket after this call. Every answer that cost points says it."""
    said: Envelope = answer.json(Envelope)
    if said.extensions is None or said.extensions.cost is None:
        return None
    cost = said.extensions.cost
    refused = any(failure.code == "THROTTLED" for failure in said.failures)
    return Meter(cost.status.most, cost.status.left, cost.status.restore, cost.spent, refused, cost.asked)


def judge(answer: Response) -> EngateError | None:
    """Shopify refuses with a 200: `errors` beside or instead of `data`. What stands in `userErrors` is the caller's to read."""
    if answer.status == 402:
        return Unavailable(
            Text("A loja está congelada (402).", "The shop is frozen (402)."),
            Text("Regularize o plano da loja na Shopify.", "Settle the shop's plan at Shopify."),
            code="shop.frozen",
        )
    if answer.status != 200:
        return None
    failures = answer.json(Envelope).failures
    if not failures:
        return None
    first = failures[0]
    for code, made in ERRORS.items():
        if found := next((failure for failure in failures if failure.code == code), None):
            return made(found, answer)
    return Rejected(
        Text(f"A Shopify recusou a chamada: {first.message}", f"Shopify refused the call: {first.message}"),
        Text("Corrija o que a mensagem aponta e reenvie.", "Fix what the message names, then retry."),
        code=f"shopify.{first.code.lower() or 'error'}",
    )


def _throttled(failure: Failure, answer: Response) -> EngateError:
    del failure, answer
    return RateLimited(Text("Limite de chamadas da Shopify.", "Shopify's rate limit."))


def _denied(failure: Failure, answer: Response) -> EngateError:
    del answer
    return Forbidden(
        Text(f"O app não tem permissão: {failure.message}", f"The app has no permission: {failure.message}"),
        Text(
            "Dê ao app o escopo (ou o acesso a dados protegidos) que a mensagem pede e reinstale-o.",
            "Grant the app the scope (or the access to protected data) that the message asks for, and install it again.",
        ),
        operation=failure.message[:100],
    )


def _too_dear(failure: Failure, answer: Response) -> EngateError:
    """A query over Shopify's limit for one query. A retry would cost the same again, so it is refused."""
    del answer
    return Rejected(
        Text(f"Consulta cara demais: {failure.message}", f"Query too expensive: {failure.message}"),
        Text("Avise o autor do plugin.", "Tell the plugin's author."),
        code="shopify.cost",
    )


def _broke(failure: Failure, answer: Response) -> EngateError:
    request = (failure.extensions and failure.extensions.request) or answer.headers.get("x-request-id", "")
    return Unknown(
        Text(f"Erro interno da Shopify (pedido {request}).", f"Internal error at Shopify (request {request})."),
        Text("O engate confere antes de reenviar.", "engate looks before sending again."),
    )


ERRORS: Mapping[str, Callable[[Failure, Response], EngateError]] = {
    "THROTTLED": _throttled,
    "ACCESS_DENIED": _denied,
    "MAX_COST_EXCEEDED": _too_dear,
    "INTERNAL_SERVER_ERROR": _broke,
}


# ---- sessions ----


class Credentials:
    """The login of an app of the shop's own organisation: its id and secret give a session of 24 h."""

    def __init__(self, settings: ShopifySettings, clock: Clock) -> None:
        self._settings, self._clock = settings, clock

    async def login(self, http: Http) -> Token:
        settings = self._settings
        body = {"grant_type": "client_credentials", "client_id": settings.client_id, "client_secret": settings.client_secret.reveal()}
        answer = await http.plain("POST", LOGIN, body=body)
        if 400 <= answer.status < 429:
            raise AuthFailed(
                Text(f"A Shopify recusou o app ({answer.status}).", f"Shopify refused the app ({answer.status})."),
                Text(
                    "Confira o ID e a chave secreta; app e loja precisam ser da mesma organização.",
                    "Check the id and the secret; app and shop must belong to the same organisation.",
                ),
            )
        if answer.status != 200 or answer.html:
            raise Unavailable(Text("A Shopify não abre sessões agora.", "Shopify opens no sessions now."))
        said = answer.json(dict[str, Any])
        seconds = float(said.get("expires_in") or 86_400)
        return Token(said["access_token"], self._clock.now() + timedelta(seconds=seconds) - min(EARLY, timedelta(seconds=seconds / 2)))

    def headers(self, token: Token) -> Mapping[str, str]:
        return {"x-shopify-access-token": token.value}


# ---- calls ----


class Shopify:
    """Calls to one shop. Raises what `engate.Http.call` raises."""

    def __init__(self, context: Context) -> None:
        settings: ShopifySettings = context.settings
        self.settings, self.clock, self._context = settings, context.clock, context
        static = settings.access_token.reveal()
        self.restored = 100.0
        """Points that come back in a second: of the Standard plan, until an answer says more or less."""
        self._http = context.http(
            settings.address,
            auth=None if static else Credentials(settings, context.clock),
            headers={"x-shopify-access-token": static} if static else {},
            at_once=settings.at_once,
            judge=judge,
            meter=self._meter,
        )

    def _meter(self, answer: Response) -> Meter | None:
        told = meter(answer)
        if told is not None and told.restore:
            self.restored = told.restore
        return told

    async def answer(self, operation: Operation, **variables: Any) -> Response:
        try:
            return await self._http.call(
                "POST",
                f"/admin/api/{VERSION}/graphql.json",
                operation=f"graphql {operation.name}",
                groups=(POINTS,),
                cost=operation.asks(variables),
                body={"query": operation.text, "variables": variables},
                safe=operation.safe,
            )
        except Unknown as error:
            if operation.reads:
                raise Unavailable(error.text, error.hint, code=error.code if error.code != "unknown" else None) from None
            raise

    def storage(self, url: str) -> tuple[Http, str]:
        """A client for an address that Shopify handed out, and the path there. It carries no token: the address itself is signed."""
        there = urlsplit(url)
        return self._context.http(f"{there.scheme}://{there.netloc}"), there.path + (f"?{there.query}" if there.query else "")

    async def graphql(self, operation: Operation, **variables: Any) -> Any:
        """The value of the operation's one root field."""
        data = (await self.answer(operation, **variables)).json(Envelope).data
        if data is None or operation.name not in data:
            made = Unavailable if operation.reads else Unknown  # a mutation may have been done
            raise made(Text("Resposta fora do contrato.", "Answer outside the contract."), code="contract")
        return data[operation.name]

    async def do(self, operation: Operation, what: str, **variables: Any) -> Any:
        """A mutation; `Rejected` (code "shopify.`what`") where the payload says no."""
        payload = await self.graphql(operation, **variables)
        if faults := faults_of(payload):
            raise refused(what, faults)
        return payload

    async def pages(self, operation: Operation, **variables: Any) -> AsyncIterator[list[dict[str, Any]]]:
        """The nodes of a root connection, page by page."""
        after: str | None = None
        while True:
            found = await self.graphql(operation, after=after, **variables)
            yield found["nodes"]
            if not found["pageInfo"]["hasNextPage"]:
                return
            after = found["pageInfo"]["endCursor"]


def faults_of(payload: Mapping[str, Any] | None) -> list[dict[str, Any]]:
    """The business refusals of a payload, under whichever name it has them."""
    if payload is None:
        return [{"message": "null", "field": None}]
    return [fault for name, held in payload.items() if name.lower().endswith("usererrors") for fault in held or ()]


def refused(what: str, faults: Sequence[Mapping[str, Any]]) -> Rejected:
    said = "; ".join(f"{'.'.join(fault.get('field') or ()) or what}: {fault['message']}" for fault in faults[:3])
    return Rejected(
        Text(f"A Shopify recusou: {said}", f"Shopify refused: {said}"),
        Text("Corrija o dado que a mensagem aponta e reenvie.", "Fix the data that the message names, then retry."),
        code=f"shopify.{what}",
    )


def row_of(fault: Mapping[str, Any]) -> int | None:
    """Which entry of the input list a refusal names, if it does."""
    return next((int(part) for part in fault.get("field") or () if part.isdigit()), None)
