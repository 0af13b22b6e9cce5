"""Options of an integration, each with the flows it touches (`x-flows` in its JSON Schema)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Literal, get_args

import msgspec

from engate.model.kinds import Kind
from engate.settings import called, field, json_schema


def _touching(*flows: str) -> msgspec.Meta:
    """A change of this field makes these flows stale."""
    return msgspec.Meta(extra_json_schema={"x-flows": list(flows)})


New = Literal["create", "placeholder"]
ProductField = Literal["name", "description", "gtin", "unit", "ncm", "net_weight", "gross_weight", "height", "width", "length"]
PRODUCT_FIELDS: tuple[ProductField, ...] = get_args(ProductField)

SHIPPED = """Olá, {cliente}!

Seu pedido {pedido} foi enviado.

Transportadora: {transportadora}
Código de rastreio: {rastreio}
Acompanhe: {link}

{itens}

{loja}
"""
DELIVERED = """Olá, {cliente}!

Seu pedido {pedido} foi entregue. Obrigado pela compra!

{loja}
"""
_TEMPLATE = (
    "Palavras entre chaves são trocadas pelas do pedido: {pedido}, {cliente}, {loja}, {itens}, {total}, {nota}, {chave}, "
    "{transportadora}, {rastreio}, {link}. Uma linha cujas palavras estão todas vazias não é enviada",
    "Words in braces are replaced by the order's: {pedido}, {cliente}, {loja}, {itens}, {total}, {nota}, {chave}, "
    "{transportadora}, {rastreio}, {link}. A line whose words are all empty is left out",
)


_NEW = called(create=("Criar na loja", "Make in the shop"), placeholder=("Classificar na loja", "Classify in the shop"))


class Options(msgspec.Struct, frozen=True, omit_defaults=True, forbid_unknown_fields=True):
    """What the tenant decides about the flows."""

    new_categories: Annotated[
        New,
        field(
            "Categorias novas",
            "New categories",
            "O que fazer com as que a loja não tem. Até alguém os classificar, os produtos vão para a categoria inativa 'Integração'",
            "What to do with those that the shop lacks. Until somebody classifies them, products go to the inactive category 'Integração'",
        ),
        _NEW,
        _touching("categories", "products"),
    ] = "create"
    new_brands: Annotated[
        New,
        field(
            "Marcas novas",
            "New brands",
            "O que fazer com as que a loja não tem. Até alguém os classificar, os produtos usam a marca inativa 'Integração'",
            "What to do with those that the shop lacks. Until somebody classifies them, products use the inactive brand 'Integração'",
        ),
        _NEW,
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
    product_fields: Annotated[
        tuple[ProductField, ...],
        field(
            "Campos do produto",
            "Product fields",
            "Os que o engate envia: nome, descrição complementar, GTIN, unidade, NCM, peso líquido e bruto, altura, largura e comprimento "
            "da embalagem; os que uma loja não tem (unidade, NCM e peso líquido, em muitas) ela não recebe. Um campo desmarcado só "
            "acompanha a criação do produto na loja; depois é da loja. A uma loja que busca os produtos ele não é informado (o nome sempre "
            "é). O código vai sempre. Preço, estoque e imagens (anexos) têm cargas próprias, que se desligam.",
            "Those that engate sends: name, complementary description, GTIN, unit, NCM, net and gross weight, height, width and length of "
            "the package; what a shop has no field for (many have none for unit, NCM and net weight) it does not get. One that is not "
            "ticked goes along only when the product is created in the shop; then it is the shop's own. A shop that fetches its products "
            "is not told it (the name it always is). The code always goes. Price, stock and images (attachments) have flows of their own, "
            "which can be switched off.",
        ),
        called(
            name=("Nome", "Name"),
            description=("Descrição complementar", "Complementary description"),
            gtin=("GTIN", "GTIN"),
            unit=("Unidade", "Unit"),
            ncm=("NCM", "NCM"),
            net_weight=("Peso líquido", "Net weight"),
            gross_weight=("Peso bruto", "Gross weight"),
            height=("Altura", "Height"),
            width=("Largura", "Width"),
            length=("Comprimento", "Length"),
        ),
        _touching("products"),
    ] = PRODUCT_FIELDS
    send_preparation_days: Annotated[
        bool,
        field(
            "Enviar dias de preparação",
            "Send days of preparation",
            "Os dias que o ERP pede antes da postagem, para o prazo que a loja promete; só as lojas que têm esse campo os recebem",
            "The days that the ERP asks for before posting, for the time that the shop promises; only shops with such a field get them",
        ),
        _touching("products"),
    ] = True
    stock_sent: Annotated[
        Literal["available", "physical", "off"],
        field(
            "Estoque enviado",
            "Stock sent",
            "O saldo disponível já está sem o que o ERP reserva. O saldo físico é só para uma loja que desconta os próprios pedidos em "
            "aberto, senão ela vende o que já foi vendido; onde o ERP não o informa, vai o disponível. Com 'Nenhum' a loja cuida do "
            "próprio estoque, e o engate não o lê, não o envia e não o informa",
            "The available balance is what the ERP has not reserved. The physical one, what lies in the house, is only for a shop that "
            "takes its own open orders off, else it sells what is sold already; where the ERP does not say it, the available one goes. "
            "With 'None' the shop minds its own stock, and engate does not read, send or tell it",
        ),
        called(available=("Saldo disponível", "Available balance"), physical=("Saldo físico", "Physical balance"), off=("Nenhum", "None")),
        _touching("stock"),
    ] = "available"
    stock_buffer: Annotated[
        int,
        field(
            "Estoque de segurança",
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
            "Onde várias filiais formam um depósito da loja",
            "Where several branches are one warehouse of the shop",
        ),
        called(
            first=("A primeira do mapeamento", "The first of the mapping"),
            stock=("A primeira que tem tudo", "The first that has all of it"),
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
            "O que fazer quando a loja cancela um pedido que o ERP já separa",
            "What to do when the shop cancels an order that the ERP is picking",
        ),
        called(ask=("Um operador decide", "An operator decides"), accept=("Cancelar no ERP", "Cancel in the ERP")),
        _touching("orders"),
    ] = "ask"
    invoiced_above_charge: Annotated[
        Literal["ask", "loss"],
        field(
            "Faturado acima do cobrado",
            "Invoiced above the charge",
            "Item pesado a mais, por exemplo: a nota espera um operador, ou a loja assume a diferença",
            "A heavier item, for example: the note waits for an operator, or the shop bears the difference",
        ),
        called(ask=("Um operador decide", "An operator decides"), loss=("A loja assume", "The shop bears it")),
        _touching("orders"),
    ] = "ask"
    erp_total_cents: Annotated[
        int,
        field(
            "Diferença aceita no total do ERP",
            "Accepted difference in the ERP's total",
            "Centavos por linha em que o total do pedido no ERP pode diferir do cobrado na loja; mais que isso é pendência de uma pessoa",
            "Cents a line by which the total of an order in the ERP may differ from what the shop charged; more is a person's task",
            ge=0,
        ),
        _touching(),
    ] = 1

    mail_shipped: Annotated[
        bool,
        field(
            "E-mail de envio",
            "Shipping e-mail",
            "Escreve ao cliente, uma vez, quando o pedido inteiro foi enviado",
            "Writes to the buyer, once, when the whole order is shipped",
        ),
        _touching(),
    ] = False
    mail_shipped_subject: Annotated[
        str, field("E-mail de envio: assunto", "Shipping e-mail: subject", min_length=1, max_length=200), _touching()
    ] = "Seu pedido {pedido} foi enviado"
    mail_shipped_body: Annotated[
        str, field("E-mail de envio: texto", "Shipping e-mail: text", *_TEMPLATE, min_length=1, max_length=5000), _touching()
    ] = SHIPPED
    mail_delivered: Annotated[
        bool,
        field(
            "E-mail de entrega",
            "Delivery e-mail",
            "Escreve ao cliente, uma vez, quando o pedido inteiro foi entregue",
            "Writes to the buyer, once, when the whole order is delivered",
        ),
        _touching(),
    ] = False
    mail_delivered_subject: Annotated[
        str, field("E-mail de entrega: assunto", "Delivery e-mail: subject", min_length=1, max_length=200), _touching()
    ] = "Seu pedido {pedido} foi entregue"
    mail_delivered_body: Annotated[
        str, field("E-mail de entrega: texto", "Delivery e-mail: text", *_TEMPLATE, min_length=1, max_length=5000), _touching()
    ] = DELIVERED
    mail_shop: Annotated[
        str,
        field(
            "Nome da loja nos e-mails",
            "The shop's name in e-mails",
            "Vazio: o nome da integração",
            "Empty: the integration's name",
            max_length=100,
        ),
        _touching(),
    ] = ""


FIELDS_OF: Mapping[ProductField, tuple[tuple[str, str], ...]] = {
    "name": (("product", "name"), ("sku", "name")),
    "description": (("product", "description"),),
    "gtin": (("sku", "ean"),),
    "unit": (("product", "unit"),),
    "ncm": (("product", "ncm"),),
    "net_weight": (("product", "net_weight_kg"),),
    "gross_weight": (("sku", "weight_kg"),),
    "height": (("sku", "height_cm"),),
    "width": (("sku", "width_cm"),),
    "length": (("sku", "length_cm"),),
}
"""Product field -> (kind, field) of the model."""


def staying(options: Options) -> dict[str, frozenset[str]]:
    """Kind -> fields of the model that are not sent to a shop that has the thing already."""
    found: dict[str, set[str]] = {}
    for name in set(PRODUCT_FIELDS).difference(options.product_fields):
        for kind, held in FIELDS_OF[name]:
            found.setdefault(kind, set()).add(held)
    if not options.send_preparation_days:
        found.setdefault("product", set()).add("preparation_days")
    return {kind: frozenset(names) for kind, names in found.items()}


def empty(kind: str, doc: msgspec.Struct) -> frozenset[str]:
    """Fields that can be the shop's own and that are empty in this document."""
    return frozenset(name for held in FIELDS_OF.values() for of, name in held if of == kind and not getattr(doc, name))


def classified_in_the_shop(options: Options, kind: Kind) -> bool:
    """Whether records without an equivalent in the shop are not sent, and what refers to them goes to the placeholder until linked."""
    return bool(kind.new_ones) and getattr(options, kind.new_ones) == "placeholder"


def one_for_all(options: Options, kind: Kind) -> str:
    """The name of the record used where the ERP has none of the kind ("": no such record)."""
    return getattr(options, kind.one_for_all) if kind.one_for_all else ""


def resting(options: Options) -> frozenset[str]:
    """Flows that an option switches off, whatever their own switch says."""
    return frozenset({"stock"}) if options.stock_sent == "off" else frozenset()


def touched(kind: type[msgspec.Struct], before: msgspec.Struct, after: msgspec.Struct) -> frozenset[str]:
    """The flows that a change of options or mapping makes stale."""
    found: set[str] = set()
    schema = json_schema(kind)
    for name, about in schema["$defs"][kind.__name__]["properties"].items():
        if getattr(before, name) != getattr(after, name):
            found.update(about.get("x-flows", ()))
    return frozenset(found)
