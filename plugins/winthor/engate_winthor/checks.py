"""The connection test, the identity of the company, and which hooks the settings leave without a source."""

from collections.abc import Mapping

import msgspec

from engate import EngateError, Rejected, Text
from engate.model import Check
from engate_winthor import translate
from engate_winthor.client import Client
from engate_winthor.listing import branches
from engate_winthor.rows import BranchRow, text
from engate_winthor.search import NO_REFERENCE, SEARCH_DAYS, OrderSearch
from engate_winthor.settings import Settings
from engate_winthor.translate_customers import document


async def run(client: Client, search: OrderSearch) -> list[Check]:
    """The connection test: one line for each thing that must work. It changes nothing."""
    checks = [await _health(client, name, path) for name, path in msgspec.structs.asdict(client.contract.health).items()]
    client.login.refused.forget()
    try:
        await client.login.login(client.open)
    except EngateError as error:
        return [*checks, Check("login", False, error.text, error.hint)]
    checks.append(Check("login", True, Text("Login aceito.", "Login accepted.")))
    try:
        known = {text(row.id): row for row in await branches(client)}
    except EngateError as error:
        return [*checks, Check("branches", False, error.text, error.hint)]
    checks += [_branch(branch, known.get(branch)) for branch in client.settings.branches]
    return [*checks, await _orders(client, search)]


async def _orders(client: Client, search: OrderSearch) -> Check:
    """Whether an order that was sent can be found again. Where it cannot, no order may be sent."""
    try:
        listed = await search.listed(client.settings.branches, SEARCH_DAYS)
    except EngateError as error:
        return Check("orders", False, error.text, error.hint)
    if listed.blind:
        return Check(
            "orders",
            False,
            NO_REFERENCE,
            Text(
                "Sem ela nenhum pedido entra. Atualize o serviço na rotina 801 ou informe o campo em 'order.reference' dos ajustes do "
                "contrato.",
                "Without it no order enters. Update the service in routine 801, or name the field as 'order.reference' in the contract "
                "overrides.",
            ),
        )
    return Check("orders", True, Text("Os pedidos podem ser consultados.", "Orders can be looked for."))


async def _health(client: Client, service: str, path: str) -> Check:
    """A service that is up answers plain text. One that is down answers a page of Jetty, sometimes with status 200."""
    name = f"service.{service}"
    try:
        answer = await client.open.plain("GET", path)
    except EngateError as error:
        return Check(name, False, error.text, error.hint)
    page = "html" in answer.headers.get("content-type", "") or answer.body.lstrip()[:1] == b"<"
    if answer.status == 200 and not page:
        return Check(name, True, Text(f"Serviço {service} no ar.", f"Service {service} is up."))
    return Check(
        name,
        False,
        Text(f"Serviço {service} não responde ({answer.status}).", f"Service {service} does not answer ({answer.status})."),
        Text("Instale ou inicie o serviço na rotina 801/812 do WinThor.", "Install or start the service in WinThor's routine 801/812."),
    )


def _branch(branch: str, row: BranchRow | None) -> Check:
    if row is None:
        return Check(
            f"branch.{branch}",
            False,
            Text(f"A filial {branch} não existe no WinThor.", f"Branch {branch} does not exist in WinThor."),
            Text("Corrija as filiais da conexão.", "Fix the branches of the connection."),
        )
    return Check(
        f"branch.{branch}", True, Text(f"Filial {branch}: {translate.branch_name(row)}.", f"Branch {branch}: {translate.branch_name(row)}.")
    )


async def identity(client: Client) -> str:
    """The first eight characters of the main branch's CNPJ: they name the company, whatever address or user it is reached by."""
    main = client.settings.main_branch
    for row in await branches(client):
        if text(row.id) == main and (found := document(text(row.document))):
            return f"CNPJ {found[:8]}"
    raise Rejected(
        Text(
            f"A filial {main} não existe no WinThor ou não tem CNPJ.",
            f"Branch {main} is not in WinThor or has no CNPJ.",
        ),
        Text("Confira as filiais da conexão e a rotina de filiais.", "Check the connection's branches and WinThor's branch record."),
        code="branch.unknown",
    )


def unavailable(settings: Settings) -> Mapping[str, Text]:
    if not settings.image_url:
        return {
            "list_images": Text(
                "O WinThor não serve imagens: preencha 'Endereço das imagens' na conexão.",
                "WinThor serves no images: fill in 'Address of the images' in the connection.",
            )
        }
    if not any(place in settings.image_url for place in ("{code}", "{ean}", "{sku}")):
        return {
            "list_images": Text(
                "O endereço das imagens precisa de {code}, {ean} ou {sku}: sem isso todo produto teria a mesma imagem.",
                "The image address needs {code}, {ean} or {sku}: without one, every product would have the same image.",
            )
        }
    return {}
