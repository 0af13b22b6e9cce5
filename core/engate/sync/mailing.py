"""Letters to buyers: owed in the transaction in which their order becomes what they tell of, written and sent from the outbox.

There is one of each kind for an order, ever. It is filled when it is sent, so that what is stored of it says nothing of the buyer.
"""

from __future__ import annotations

from datetime import datetime
from email.utils import format_datetime
from typing import Any, NamedTuple

import sqlalchemy as sa

from engate import smtp
from engate.errors import AuthFailed, EngateError, Rejected, Unavailable
from engate.secrets import Vault
from engate.smtp import Letter, MailServer, valid_address
from engate.store import mail_server, orders, outbox
from engate.store.db import Store
from engate.store.orders import Line, OrderRow, Stored
from engate.store.outbox import Message, Target
from engate.sync import mails
from engate.sync.mails import What
from engate.sync.work import Snapshot, Work
from engate.text import Text

MAIL, BUYERS = "mail", "buyers"
NAMES: dict[str, Text] = {"shipped": Text("envio", "shipping"), "delivered": Text("entrega", "delivery")}
NO_SERVER = AuthFailed(
    Text("Não há servidor de e-mail configurado.", "There is no mail server."),
    Text("Configure o servidor de e-mail e peça nova tentativa.", "Configure the mail server, then ask for a retry."),
    code="mail.no_server",
)


def owe(c: sa.Connection, work: Work, order: Stored, state: str) -> None:
    """The order has just become this: its buyer is to know, if the switch is on."""
    what = next((each for each in mails.WHATS if each == state), None)
    if what is None or order.state == state or not mails.wanted(work.snapshot.options, what):
        return
    if not orders.mail_owed(c, order.id, what, work.now()):
        return
    if not valid_address(order.doc.buyer.email):
        name = NAMES[what]
        text = Text(
            f"E-mail de {name.pt}: o pedido não tem um endereço de e-mail válido.",
            f"E-mail of {name.en}: the order has no valid e-mail address.",
        )
        orders.note(c, work.order_row(order.id), Line("mail_impossible", text), work.now())
        return
    message = Message(Target(work.integration_id, MAIL, BUYERS), f"{what}/{order.key}", {"what": what, "order": order.key})
    outbox.write(c, work.tenant_id, [message], work.now())


class Mailman(NamedTuple):
    """Who writes for one integration."""

    store: Store
    vault: Vault
    snapshot: Snapshot

    def line(self, c: sa.Connection, row: Any, line: Line, now: float) -> None:
        """What became of a letter, in its order's timeline."""
        id = orders.id_of(c, self.snapshot.id, row.payload["order"])
        if id is not None:
            orders.note(c, OrderRow(self.snapshot.tenant_id, self.snapshot.id, id), line, now)


class Ready(NamedTuple):
    """A letter, and the server that takes it."""

    server: MailServer
    letter: Letter


async def post(mailman: Mailman, row: Any, at: datetime) -> Line | None:
    """Sends what the row asks for; returns what the order's timeline says of it, None where nothing was to be sent (any more). Raises
    `AuthFailed` where a person has to mend the server, `Unavailable` where it may get through later."""
    ready = await mailman.store.reading(lambda c: _ready(c, mailman, row, at))
    if ready is None:
        return None
    name, to = NAMES[row.payload["what"]], _masked(ready.letter.to)
    try:
        await smtp.send(ready.server, ready.letter)
    except Rejected as error:
        text = Text(
            f"E-mail de {name.pt} não entregue a {to}. {error.text.pt}", f"E-mail of {name.en} not delivered to {to}. {error.text.en}"
        )
        return Line("mail_refused", text)
    except AuthFailed as error:
        refusal = error
        await mailman.store.writing(lambda c: mail_server.refused(c, mailman.snapshot.tenant_id, refusal))
        raise
    return Line("mailed", Text(f"E-mail de {name.pt} enviado a {to}.", f"E-mail of {name.en} sent to {to}."))


def _ready(c: sa.Connection, mailman: Mailman, row: Any, at: datetime) -> Ready | None:
    """None: the switch is off by now, or the order is gone."""
    snapshot, what = mailman.snapshot, row.payload["what"]
    order = orders.load(c, snapshot.id, row.payload["order"])
    if order is None or not mails.wanted(snapshot.options, what):
        return None
    kept = mail_server.kept(c, mailman.vault, snapshot.tenant_id)
    if kept is None:
        raise NO_SERVER
    if kept.refused is not None:
        raise AuthFailed(kept.refused.text, kept.refused.hint, code=kept.refused.code)
    id = mailman.vault.name(f"mail/{snapshot.id}/{what}/{order.key}")
    return Ready(kept.server, letter_of(snapshot, order, what, Sending(id, at)))


class Sending(NamedTuple):
    id: str
    at: datetime


def letter_of(snapshot: Snapshot, order: Stored, what: What, sending: Sending) -> Letter:
    shop = snapshot.options.mail_shop or snapshot.name
    made = mails.render(mails.template_of(snapshot.options, what), mails.words_of(order, shop))
    return Letter(order.doc.buyer.email, shop, made.subject, made.body, sending.id, format_datetime(sending.at))


def _masked(address: str) -> str:
    """Enough to recognise it by."""
    name, _, domain = address.rpartition("@")
    return f"{name[:1]}***@{domain}"


def reason_of(error: EngateError) -> Text:
    """Why letters do not go out."""
    return Text(f"E-mails aos clientes não saem. {error.text.pt}", f"E-mails to buyers do not go out. {error.text.en}")


def changed(c: sa.Connection, tenant_id: int) -> list[tuple[int, list[int]]]:
    """The tenant's integrations, each with the causes for which letters wait."""
    return [(row.id, outbox.causes_of(c, row.id, MAIL)) for row in mail_server.integrations_of(c, tenant_id)]


TEST = "Teste do engate"
TEST_BODY = """Este e-mail confirma que o engate consegue escrever aos seus clientes.
This e-mail confirms that engate can write to your buyers.
"""


async def try_out(server: MailServer, to: str, id: str, at: datetime) -> EngateError | None:
    """Sends a test letter; None: the server has taken it."""
    try:
        await smtp.send(server, Letter(to, "engate", TEST, TEST_BODY, id, format_datetime(at)))
    except (AuthFailed, Rejected, Unavailable) as error:
        return error
    return None
