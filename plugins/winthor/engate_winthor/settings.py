"""What a WinThor connection asks of the person who registers it."""

from typing import Annotated, Literal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import msgspec

from engate import Invalid, Secret, Text, called, field
from engate_winthor import endpoints

PasswordCase = Literal["upper", "as_is"]
AuthScheme = Literal["bearer", "bare"]
CustomerPolicy = Literal["create", "default_customer"]


class Settings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Codes are WinThor's own, as text. `price_branch` "" is the first branch: products, packagings and prices are read for it."""

    base_url: Annotated[
        str,
        field(
            "Endereço do WTA",
            "WTA address",
            "Endereço e porta, sem caminho: http://wta.minhaempresa.com.br:8180",
            "Host and port, without a path: http://wta.mycompany.com.br:8180",
            host=True,
            url=True,
            min_length=1,
        ),
    ]
    login: Annotated[str, field("Usuário do WTA", "WTA user", min_length=1)]
    password: Annotated[Secret, field("Senha do WTA", "WTA password")]
    branches: Annotated[
        tuple[Annotated[str, msgspec.Meta(min_length=1)], ...],
        field(
            "Filiais",
            "Branches",
            "Códigos das filiais que vendem pela loja.",
            "Codes of the branches that sell in the shop.",
            min_length=1,
        ),
    ]
    password_case: Annotated[
        PasswordCase,
        field(
            "Maiúsculas/minúsculas da senha",
            "Case of the password",
            "Usual: a senha vira maiúscula antes do MD5. Tentar as duas formas pode bloquear o usuário.",
            "Usual: the password is upper-cased before MD5. Trying both may lock the user.",
        ),
        called(upper=("Em maiúsculas", "In upper case"), as_is=("Como digitada", "As typed")),
    ] = "upper"  # noqa: S105
    auth_scheme: Annotated[
        AuthScheme,
        field(
            "Forma do token",
            "Form of the token",
            "Como o token vai no cabeçalho.",
            "How the token stands in the header.",
        ),
        called(bearer=("'Bearer <token>'", "'Bearer <token>'"), bare=("Só o token", "The token alone")),
    ] = "bearer"
    timezone: Annotated[str, field("Fuso horário do ERP", "The ERP's time zone")] = "America/Sao_Paulo"

    seller: Annotated[
        str,
        field(
            "Vendedor (RCA)",
            "Seller (RCA)",
            "Código do RCA dos pedidos e clientes da loja.",
            "Code of the RCA of the shop's orders and customers.",
            pattern=r"^[0-9]+$",
        ),
    ] = "1"
    square: Annotated[str, field("Praça de novos clientes", "Region ('praça') of new customers", pattern=r"^[0-9]+$")] = "1"
    activity: Annotated[str, field("Ramo de atividade de novos clientes", "Activity of new customers", pattern=r"^[0-9]+$")] = "1"
    city: Annotated[
        str,
        field(
            "Cidade padrão de novos clientes",
            "Default city of new customers",
            "Só se o ERP não achar a cidade pelo CEP: código da cidade no WinThor.",
            "Only if the ERP does not find the city by its zip code: the city's code in WinThor.",
            pattern=r"^[0-9]*$",
        ),
    ] = ""
    customer_policy: Annotated[
        CustomerPolicy,
        field(
            "Clientes",
            "Customers",
            "Cadastrar: quem ainda não existe, e nunca altera quem existe. Cliente padrão: todo pedido vai nele.",
            "Register: who does not exist yet, and never changes who does. Default customer: every order goes under that one.",
        ),
        called(create=("Cadastrar", "Register"), default_customer=("Cliente padrão", "Default customer")),
    ] = "create"
    default_customer: Annotated[str, field("Cliente padrão", "Default customer", pattern=r"^[0-9]*$")] = ""
    sale_origin: Annotated[Literal["F", "W", "R", "T"], field("Origem da venda", "Origin of the sale", "W: web", "W: web")] = "W"
    sale_type: Annotated[
        int, field("Tipo de venda", "Type of the sale", "Condição de venda: 1 normal, 8 entrega", "1 normal, 8 delivery", ge=1)
    ] = 1
    accept_without_tax: Annotated[
        bool,
        field("Aceitar pedido sem tributação", "Accept an order without a tax figure"),
    ] = False

    price_branch: Annotated[
        str,
        field(
            "Filial de preço e cadastro",
            "Branch of prices and records",
            "Filial para a qual se leem produtos, embalagens e preços; vazio: a primeira.",
            "The branch for which products, packagings and prices are read; empty: the first one.",
        ),
    ] = ""
    price_region: Annotated[
        str,
        field(
            "Região de preço",
            "Price region",
            "Vazio: a região que o ERP usa para a filial (parâmetros 4257/2832).",
            "Empty: the region that the ERP uses for the branch (parameters 4257/2832).",
        ),
    ] = ""
    image_url: Annotated[
        str,
        field(
            "Endereço das imagens",
            "Address of the images",
            "Modelo com {code}, {ean} ou {sku}: https://imagens.minhaempresa.com.br/{code}.jpg. O WinThor não serve imagens.",
            "Template with {code}, {ean} or {sku}: https://images.mycompany.com.br/{code}.jpg. WinThor serves no images.",
            url=True,
        ),
    ] = ""

    settles_within: Annotated[
        float,
        field(
            "Segundos até um pedido sem resposta se definir",
            "Seconds until an order without an answer is decided",
            "Depois disso, um pedido que não aparece no ERP não foi criado.",
            "After that, an order that is not in the ERP was not created.",
            ge=0,
        ),
    ] = 120.0
    fulfilment_days: Annotated[int, field("Dias de pedidos acompanhados", "Days of orders that are followed", ge=2, le=365)] = 60
    page_size: Annotated[int, field("Linhas por página", "Rows a page", ge=1, le=1000)] = 500
    at_once: Annotated[int, field("Chamadas simultâneas", "Calls at once", ge=1, le=64)] = 8
    timeout: Annotated[float, field("Segundos até desistir de uma resposta", "Seconds until an answer is given up", ge=1, le=300)] = 60.0
    contract: Annotated[
        dict[str, str],
        field(
            "Ajustes do contrato",
            "Overrides of the contract",
            'Caminhos, parâmetros e campos que diferem nesta instalação, por exemplo {"orders.path": "/outro/caminho"}.',
            'Paths, parameters and fields that differ in this installation, for example {"orders.path": "/other/path"}.',
        ),
    ] = {}

    def __post_init__(self) -> None:
        """A mistake is told to the person who saves the settings."""
        zone(self.timezone)
        endpoints.load(self.contract)

    @property
    def main_branch(self) -> str:
        """The branch whose products, packagings and prices are read."""
        return self.price_branch or self.branches[0]


def zone(name: str) -> ZoneInfo:
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError):
        raise Invalid(
            Text(f"Fuso horário desconhecido: {name!r}.", f"Unknown time zone: {name!r}."),
            Text("Use um nome como America/Sao_Paulo.", "Use a name like America/Sao_Paulo."),
            where="timezone",
        ) from None
