"""The fields of a WinThor order that may differ by sales channel. A field that a row leaves out is as the connection's settings say."""

from typing import Annotated, Literal

import msgspec

from engate import Rejected, Text, field
from engate.model import OrderPart


class OrderFields(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A bonus sale (type 5) is no choice of a channel: it needs the charge BNF and payment terms of type B."""

    seller: Annotated[
        str,
        field(
            "Vendedor (RCA)",
            "Seller (RCA)",
            "Código do RCA dos pedidos, só dígitos; clientes novos continuam no RCA da conexão.",
            "Code of the orders' RCA, digits only; new customers stay with the connection's.",
            pattern=r"^[0-9]*$",
        ),
    ] = ""
    sale_origin: Annotated[
        Literal["", "F", "W", "R", "T"],
        field(
            "Origem da venda",
            "Origin of the sale",
            "F: força de vendas; W: web; R e T: outras do WinThor; vazio: a da conexão",
            "F: sales force; W: web; R and T: others of WinThor; empty: the connection's",
        ),
    ] = ""
    sale_type: Annotated[
        Literal[0, 1, 7, 8],
        field(
            "Tipo de venda",
            "Type of the sale",
            "Condição de venda: 1 normal, 7 venda futura, 8 entrega; 0: a da conexão",
            "1 normal, 7 future sale, 8 delivery; 0: the connection's",
        ),
    ] = 0


def asked(part: OrderPart) -> OrderFields:
    """The mapped fields of a part, read before anything is sent: a part may be older than this version of the plugin."""
    try:
        return msgspec.convert(part.fields, OrderFields)
    except msgspec.ValidationError as error:
        raise Rejected(
            Text(
                f"O WinThor não aceita os dados que o canal deste pedido traz: {error}",
                f"WinThor does not take what the channel of this order brings: {error}",
            ),
            Text("Corrija 'Canais de venda' na integração e reenvie.", "Fix the integration's 'Sales channels', then retry."),
            code="order.fields",
        ) from None
