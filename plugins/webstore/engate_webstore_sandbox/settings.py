"""How this store is set: what people type into its panel, and what the stand-in may be told to do otherwise than it would."""

from __future__ import annotations

from typing import Annotated, Any, Literal

import msgspec

STORE = "48231"
TOKEN = "token-v2-da-loja-48231-no-sandbox"  # noqa: S105  # of the stand-in alone
Seconds = Annotated[float, msgspec.Meta(ge=0)]


class Settings(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """Routines (`..._every`) rest at 0 and while no `url` is known."""

    # what is typed into the panel
    url: str = ""  # base of the ERP's API: services are one path segment below it
    token: str = TOKEN
    store: str = STORE
    cnpj: str = ""  # of the company, as stock webhooks must tell it; "": not compared
    ecommerce: int = 0  # its idEcommerce; 0: not compared

    # how it asks
    php: Literal["documented", "always", "never"] = "documented"
    body: Literal["form", "json"] = "form"
    signed: Literal["body", "query"] = "body"  # where the token goes
    wrap: bool = True  # pedido={"pedido": {...}}, as the official layout; else the order itself
    pace: bool = True  # keeps to the limit that x-limit-api tells
    at_once: Annotated[int, msgspec.Meta(ge=1)] = 1  # calls at the same time, while the limit allows (a quarter of it)
    tries: Annotated[int, msgspec.Meta(ge=1)] = 4
    pause: Seconds = 1.0  # before the second try; doubled for each further one

    # what it fetches
    products_every: Seconds = 0.0
    changes_every: Seconds = 0.0
    levels_every: Seconds = 0.0
    stock: Literal["available", "physical", "off"] = "available"  # of products that it fetches; off: by webhook alone
    variations: Literal["each", "parent"] = "each"  # each: asks for every variation, for its GTIN and name

    # what it hands in and asks about
    push_at_once: bool = True  # what happens to an order goes out when it happens
    orders_every: Seconds = 0.0  # what the ERP has not confirmed goes out again
    states_every: Seconds = 0.0
    customer: Literal["inside", "before"] = "inside"  # before: contatos.pesquisa, contato.incluir, then the order
    look_first: bool = False  # pedidos.pesquisa by numeroEcommerce before an order is handed in
    item_by: Literal["codigo", "id_produto"] = "codigo"

    # how it answers stock webhooks
    unmapped: Annotated[int, msgspec.Meta(ge=200, le=599)] = 404
    stock_says: dict[str, Any] = msgspec.field(default_factory=lambda: {"status": "OK"})  # of what it has taken
    echoes: bool = False  # a refusal quotes the address that was called, as pages of errors do
    stock_answers: tuple[str, ...] = ()  # of the next ones, in turn: a status as "400", or "error" (an error with 200)

    def __post_init__(self) -> None:
        for answer in self.stock_answers:
            if answer != "error" and not (answer.isascii() and answer.isdigit() and 200 <= int(answer) <= 599):  # noqa: PLR2004
                raise ValueError(f"stock_answers: {answer} is neither a status nor error")

    def told(self) -> dict[str, Any]:
        """Without the token."""
        return {name: value for name, value in msgspec.to_builtins(self).items() if name != "token"}


def merged(settings: Settings, given: dict[str, Any], *, strict: bool = True) -> Settings:
    """Raises msgspec.ValidationError (a ValueError) naming what is wrong. Not `strict`: values may be words, as in name=value."""
    return msgspec.convert({**msgspec.to_builtins(settings), **given}, Settings, strict=strict)
