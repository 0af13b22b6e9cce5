"""Options of an integration: what a tenant may decide, each with the flows it touches (`x-flows` in its JSON Schema)."""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec

from engate.settings import field, json_schema


def _touching(*flows: str) -> msgspec.Meta:
    """A change of this field makes these flows stale."""
    return msgspec.Meta(extra_json_schema={"x-flows": list(flows)})


New = Literal["create", "placeholder"]


class Options(msgspec.Struct, frozen=True, omit_defaults=True, forbid_unknown_fields=True):
    """What the tenant decides about the flows."""

    new_categories: Annotated[
        New,
        field(
            "Categorias novas",
            "New categories",
            "create: cria na loja; placeholder: produtos vão para a categoria inativa 'Integração' até alguém os classificar",
            "create: made in the shop; placeholder: products go to the inactive category 'Integração' until somebody classifies them",
        ),
        _touching("categories", "products"),
    ] = "create"
    new_brands: Annotated[
        New,
        field(
            "Marcas novas",
            "New brands",
            "create: cria na loja; placeholder: usa a marca inativa 'Integração'",
            "create: made in the shop; placeholder: uses the inactive brand 'Integração'",
        ),
        _touching("brands", "products"),
    ] = "create"
    brand_for_all: Annotated[
        str,
        field(
            "Marca para todos",
            "One brand for all",
            "Marca dos produtos que não têm marca no ERP; vazio: nenhuma",
            "The brand of products that have none in the ERP; empty: none",
            max_length=100,
        ),
        _touching("brands", "products"),
    ] = ""
    default_weight_grams: Annotated[
        int,
        field(
            "Peso padrão (g)",
            "Default weight (g)",
            "Usado quando o ERP não informa o peso; 0: o SKU fica em atenção",
            "Used where the ERP has no weight; 0: the SKU gets attention",
            ge=0,
        ),
        _touching("products"),
    ] = 0
    overwrite_enriched: Annotated[
        bool,
        field(
            "Sobrescrever textos da loja",
            "Overwrite the shop's texts",
            "Se verdadeiro, nome e descrição do ERP substituem o que a loja enriqueceu",
            "If true, the ERP's name and description replace what the shop enriched",
        ),
        _touching("products"),
    ] = True
    stock_buffer: Annotated[
        int,
        field(
            "Reserva de segurança",
            "Safety buffer",
            "Unidades que nunca são oferecidas, por SKU e depósito",
            "Units never offered, per SKU and warehouse",
            ge=0,
        ),
        _touching("stock"),
    ] = 0
    branch_of_order: Annotated[
        Literal["first", "stock"],
        field(
            "Filial do pedido",
            "Branch of an order",
            "Onde várias filiais formam um depósito da loja. first: a primeira do mapeamento; stock: a primeira que tem tudo",
            "Where several branches are one warehouse of the shop. first: the first of the mapping; stock: the first that has all of it",
        ),
        _touching("orders"),
    ] = "first"
    silence_hours: Annotated[
        int,
        field(
            "Silêncio da loja (h)",
            "Silence of the shop (h)",
            "De uma loja que chama o engate: depois de tantas horas sem contato a integração aparece com problema; 0: nunca",
            "Of a shop that calls engate: after so many hours without contact the integration shows as degraded; 0: never",
            ge=0,
            le=720,
        ),
        _touching(),
    ] = 6
    cancel_while_picking: Annotated[
        Literal["ask", "accept"],
        field(
            "Cancelamento em separação",
            "Cancellation while picking",
            "ask: pede decisão do operador; accept: cancela no ERP",
            "ask: an operator decides; accept: cancelled in the ERP",
        ),
        _touching("orders"),
    ] = "ask"
    invoiced_above_charge: Annotated[
        Literal["ask", "loss"],
        field(
            "Faturado acima do cobrado",
            "Invoiced above the charge",
            "Item pesado a mais, por exemplo. ask: a nota espera a decisão do operador; loss: a loja assume a diferença",
            "A heavier item, for example. ask: the note waits for an operator; loss: the shop bears the difference",
        ),
        _touching("orders"),
    ] = "ask"


def touched(kind: type[msgspec.Struct], before: msgspec.Struct, after: msgspec.Struct) -> frozenset[str]:
    """The flows that a change of options or mapping makes stale."""
    found: set[str] = set()
    schema = json_schema(kind)
    for name, about in schema["$defs"][kind.__name__]["properties"].items():
        if getattr(before, name) != getattr(after, name):
            found.update(about.get("x-flows", ()))
    return frozenset(found)
