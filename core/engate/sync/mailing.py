"""Letters to buyers: put into the outbox in the transaction in which the order reaches the state that they tell, and sent from there.

An order gets at most one letter of each kind. Its text is made when it is sent, so the stored row holds no data of the buyer.
"""

from __future__ import annotations

from datetime import datetime
from email.utils import format_datetime
from typing import Any, NamedTuple

import sqlalchemy as sa

from engate import smtp
from engate.domain import mails, reasons
from engate.domain.mails import What
from engate.domain.orders import Stored
from engate.domain.reasons import Reason
from engate.domain.snapshot import Snapshot
from engate.errors import AuthFailed, EngateError, Rejected, Unavailable, Unknown
from engate.personal import mask_email
from engate.secrets import Vault
from engate.smtp import Letter, MailServer, valid_address
from engate.store import mail_server, orders, outbox
from engate.store.db import Store
from engate.store.mail_server import Kept
from engate.store.orders import Line, OrderRow
from engate.store.outbox import Message, Target
from engate.sync.work import SliceContext
from engate.text import Text

MAIL, BUYERS = "mail", "buyers"
NAMES: dict[str, Text] = {"shipped": Text("envio", "shipping"), "delivered": Text("entrega", "delivery")}
NO_SERVER = AuthFailed(
    Text("Não há servidor de e-mail configurado.", "There is no mail server."),
    Text("Configure o servidor de e-mail: o que espera sai sozinho.", "Configure the mail server: what waits goes by itself."),
    code="mail.no_server",
)
TOGETHER = 4
"""Letters of one tenant under way at a time in one process: a server that hangs takes no more slots than this."""


def owe(c: sa.Connection, work: SliceContext, order: Stored, state: str) -> None:
    """Puts the letter about this state into the outbox, if the option is on and the state holds for the whole order."""
    what = next((each for each in mails.WHATS if each == state), None)
    if what is None or not mails.wanted(work.snapshot.options, what) or (what == "shipped" and not mails.all_shipped(order)):
        return
    if not orders.mail_owed(c, order.id, what, work.now()):
        return
    if not valid_address(order.doc.buyer.email):
        orders.note(c, work.order_row(order.id), _impossible(what), work.now())
        return
    message = Message(Target(work.integration_id, MAIL, BUYERS), f"{what}/{order.key}", {"what": what, "order": order.key})
    outbox.write(c, work.tenant_id, [message], work.now())


def _impossible(what: str) -> Line:
    name = NAMES[what]
    return Line(
        "mail_impossible",
        Text(
            f"E-mail de {name.pt}: o pedido não tem um endereço de e-mail válido.",
            f"E-mail of {name.en}: the order has no valid e-mail address.",
        ),
    )


class Mailman(NamedTuple):
    """Writes and sends the letters of one integration."""

    store: Store
    vault: Vault
    snapshot: Snapshot

    def line(self, c: sa.Connection, row: Any, line: Line, now: float) -> None:
        """Notes the outcome of a letter in its order's timeline."""
        id = orders.id_of(c, self.snapshot.id, row.payload["order"])
        if id is not None:
            orders.note(c, OrderRow(self.snapshot.tenant_id, self.snapshot.id, id), line, now)


class Ready(NamedTuple):
    """A letter, and the server that takes it."""

    kept: Kept
    letter: Letter


async def post(mailman: Mailman, row: Any, at: datetime) -> Line | None:
    """Sends the letter of this outbox row. Returns the line for the order's timeline, or None. Raises `AuthFailed` where a person has to
    correct the server's settings, and other errors where a later try may succeed."""
    ready = await mailman.store.reading(lambda c: _ready(c, mailman, row, at))
    if not isinstance(ready, Ready):
        return ready
    name, to = NAMES[row.payload["what"]], mask_email(ready.letter.to)
    try:
        await smtp.send(ready.kept.server, ready.letter)
    except Rejected as error:
        text = Text(
            f"E-mail de {name.pt} não entregue a {to}. {error.text.pt}", f"E-mail of {name.en} not delivered to {to}. {error.text.en}"
        )
        return Line("mail_refused", text)
    except Unknown as error:
        if row.error != str(error):
            raise
        # not tried a third time: a server that takes letters and never answers would get the same one for days
        text = Text(
            f"E-mail de {name.pt} a {to}: o servidor o recebeu duas vezes e não respondeu; não se sabe se chegou.",
            f"E-mail of {name.en} to {to}: the server got it twice and did not answer; nobody knows whether it arrived.",
        )
        return Line("mail_unknown", text)
    except AuthFailed as error:
        if not await mailman.store.writing(lambda c, error=error: mail_server.refused(c, mailman.snapshot.tenant_id, ready.kept, error)):
            raise Unavailable(error.text, error.hint, code="mail.not_taken") from None  # another server has been configured meanwhile
        raise
    return Line("mailed", Text(f"E-mail de {name.pt} enviado a {to}.", f"E-mail of {name.en} sent to {to}."))


def _ready(c: sa.Connection, mailman: Mailman, row: Any, at: datetime) -> Ready | Line | None:
    """The letter to send. A line or None where nothing is to be sent any more: the option is off, or the order has gone on."""
    snapshot, what = mailman.snapshot, row.payload["what"]
    order = orders.load(c, snapshot.id, row.payload["order"])
    if order is None or not mails.wanted(snapshot.options, what):
        return None
    cancelled = "cancelled" in (order.state, order.doc.state)
    if cancelled or (row.tries and order.state == "delivered" != what):
        return _overtaken(what, "cancelled" if cancelled else order.state)
    if not valid_address(order.doc.buyer.email):
        return _impossible(what)
    kept = mail_server.kept(c, mailman.vault, snapshot.tenant_id)
    if kept is None and snapshot.archived:
        return None  # an archived integration gets no new server
    if kept is None:
        raise NO_SERVER
    if kept.refused is not None:
        raise AuthFailed(kept.refused.text, kept.refused.hint, code=kept.refused.code)
    id = mailman.vault.name(f"mail/{snapshot.id}/{what}/{order.key}")
    return Ready(kept, letter_of(snapshot, order, what, Sending(id, at)))


def _overtaken(what: str, state: str) -> Line:
    name, now = NAMES[what], Text("cancelado", "cancelled") if state == "cancelled" else Text("entregue", "delivered")
    return Line(
        "mail_dropped",
        Text(
            f"E-mail de {name.pt} não enviado: não saiu a tempo, e o pedido já está {now.pt}.",
            f"E-mail of {name.en} not sent: it did not go in time, and the order is {now.en} by now.",
        ),
    )


class Sending(NamedTuple):
    id: str
    at: datetime


def letter_of(snapshot: Snapshot, order: Stored, what: What, sending: Sending) -> Letter:
    shop = snapshot.options.mail_shop or snapshot.name
    made = mails.render(mails.template_of(snapshot.options, what), mails.words_of(order, shop))
    return Letter(order.doc.buyer.email, shop, made.subject, made.body, sending.id, format_datetime(sending.at))


def reason_of(error: EngateError) -> Reason:
    """Why letters do not go out: one cause for each error code, with the text of its first error."""
    owner = "person" if isinstance(error, AuthFailed) else "engate"
    one = error.code == "mail.recipient"
    text = Text(
        f"{'Há e-mails que não saem' if one else 'E-mails aos clientes não saem'}. {error.text.pt}",
        f"{'Some e-mails' if one else 'E-mails to buyers'} do not go out. {error.text.en}",
    )
    return reasons.own(error.code, MAIL, text, error.hint, owner)


def changed(c: sa.Connection, tenant_id: int) -> list[tuple[int, list[int]]]:
    """The tenant's integrations, each with the ids of the causes that its letters wait for."""
    return [(row.id, outbox.causes_of(c, row.id, MAIL)) for row in mail_server.integrations_of(c, tenant_id)]


TEST = "Teste do engate"
TEST_BODY = """Este e-mail confirma que o engate consegue escrever aos seus clientes.
"""


async def try_out(server: MailServer, to: str, id: str, at: datetime) -> EngateError | None:
    """Sends a test letter. Returns the error, or None if the server accepted it."""
    try:
        await smtp.send(server, Letter(to, "engate", TEST, TEST_BODY, id, format_datetime(at)))
    except EngateError as error:
        return error
    return None
