"""The WinThor customer of an order: looked up by document, created where there is none, never changed."""

from engate import Answered, NotSent, Rejected, Text, Unavailable, Unknown
from engate.model import OrderPart
from engate_winthor import translate_customers as translate
from engate_winthor import translate_orders
from engate_winthor.client import Client
from engate_winthor.rows import CustomerRow, flag, id_of, text


async def customer_of(client: Client, part: OrderPart) -> tuple[str, list[str]]:
    """(customer number, notes for the order). All of it happens before the order is sent, so no failure here leaves the order in doubt."""
    if client.settings.customer_policy == "default_customer":
        if not client.settings.default_customer:
            raise Rejected(
                Text("A conexão não diz qual é o cliente padrão.", "The connection does not say which customer is the default one."),
                Text("Preencha 'Cliente padrão' na conexão.", "Fill in 'Default customer' in the connection."),
                code="customer.default",
            )
        return client.settings.default_customer, []
    if not translate.is_document(translate.document(part.order.buyer.document)):
        raise _no_document(part)  # WinThor has customers without a document, and none of them is this buyer
    found = await find(client, part)
    if found:
        return found, []
    return await create(client, part)


async def find(client: Client, part: OrderPart) -> str:
    """The number of the customer with the buyer's document; "" where none has it.

    Asked with the bare document, then with its punctuation: which of them the filter compares is not documented. A row with another
    document (the filter was ignored) is nobody's order.
    """
    who, inscription = translate.document(part.order.buyer.document), translate.inscription(part.order.buyer.state_inscription)
    names = client.contract.customers
    for asked in (who, translate.punctuated(who)):
        async for page in client.pages(names, client.rows.customer, id_of, {names.only: asked}):
            same = [row for row in page.rows if translate.document(text(row.document)) == who and text(row.id)]
            if same:
                return text(min(same, key=lambda row: _preference(row, inscription)).id)
    return ""


def _no_document(part: OrderPart) -> Rejected:
    wrong = bool(part.order.buyer.document)
    return Rejected(
        Text(
            "O CPF ou CNPJ do comprador não confere." if wrong else "O comprador não informou CPF nem CNPJ.",
            "The buyer's CPF or CNPJ does not check." if wrong else "The buyer gave neither a CPF nor a CNPJ.",
        ),
        Text(
            "Peça o CPF ou CNPJ ao comprador, corrija no pedido da loja e reenvie. Para vender sem documento, mude a conexão para o cliente"
            " padrão.",
            "Ask the buyer for the CPF or CNPJ, correct it in the shop's order, then retry. To sell without one, change the connection to"
            " the default customer.",
        ),
        code="buyer.document",
    )


def _preference(row: CustomerRow, inscription: str) -> tuple[bool, bool, int]:
    """The order of preference where one document has several records, one for each state inscription: active ones first, then those with
    the buyer's own inscription, then the oldest."""
    number = text(row.id)
    return (
        not flag(row.active, True),
        translate.inscription(text(row.inscription)) != inscription,
        int(number) if number.isdigit() else 0,
    )


async def create(client: Client, part: OrderPart) -> tuple[str, list[str]]:
    """Creates the buyer.

    POST /customer/ is an upsert by document and inscription, and both are the same each time: a repeat after a lost answer finds its
    own record and writes the same values. That is why it counts as safe to repeat, which an order never is.
    """
    made, notes = translate.customer_body(part.order, part.charge, client.contract.customer_body, client.settings)
    try:
        answer = await client.send("POST", client.contract.create_customer, made, safe=True)
    except Unknown as error:
        raise NotSent(error.text, error.hint, code="customer.unknown") from None
    except Answered as error:
        raise translate_orders.refusal(error) from None
    number = translate_orders.number(answer.body, client.contract.customer_number) or await find(client, part)
    if not number:
        raise Unavailable(
            Text("O WinThor aceitou o cliente, mas não diz o código dele.", "WinThor took the customer, but does not say its number."),
            Text(
                "Confira o cliente na rotina 302; o pedido ainda não foi enviado.",
                "Check the customer in routine 302; the order is not sent yet.",
            ),
        )
    return number, notes
