"""Mail over SMTP: the settings of a tenant's server, and the only place that imports a mail library.

An error says whose it is. `AuthFailed`: the server's settings, which a person must mend. `Rejected`: this buyer's address, which no retry
helps. Anything else may get through later.
"""

from __future__ import annotations

import asyncio
from email.headerregistry import Address
from email.message import EmailMessage
from typing import Annotated, Literal, NamedTuple

import aiosmtplib
import msgspec

from engate.errors import AuthFailed, EngateError, Invalid, Rejected, Unavailable
from engate.settings import Secret, field
from engate.text import Text

TIMEOUT = 20.0
"""Seconds for each step of the conversation."""
WHOLE = 60.0
"""Seconds for all of it."""
LONGEST_ADDRESS = 254
ADDRESS = r"^[^\s@<>,;:\"]+@[^\s@<>,;:\"]+\.[^\s@<>,;:\"]+$"
LOGIN = (530, 534, 535, 538)
"""Replies to a login that the server does not accept."""
BAD_ADDRESS = "5.1."
"""How the enhanced status of an address that does not exist begins (RFC 3463). A bare 550 may be about the server's own rules."""


def _none() -> Secret:
    return Secret("")


class MailServer(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A tenant's mail server."""

    host: Annotated[
        str,
        field(
            "Servidor", "Server", "Como smtp.seuprovedor.com.br", "Like smtp.yourprovider.com",
            host=True, pattern=r"^[A-Za-z0-9]([A-Za-z0-9.-]*[A-Za-z0-9])?$", max_length=253,
        ),
    ]  # fmt: skip
    sender: Annotated[
        str,
        field(
            "Remetente", "Sender", "O endereço que os clientes veem", "The address that buyers see",
            pattern=ADDRESS, max_length=LONGEST_ADDRESS,
        ),
    ]  # fmt: skip
    port: Annotated[int, field("Porta", "Port", ge=1, le=65535, host=True)] = 587
    security: Annotated[
        Literal["starttls", "tls", "none"],
        field(
            "Segurança", "Security",
            "starttls: em geral porta 587; tls: em geral porta 465; none: sem criptografia, só sem usuário e senha",
            "starttls: mostly port 587; tls: mostly port 465; none: not encrypted, only without user and password",
            host=True,
        ),
    ] = "starttls"  # fmt: skip
    user: Annotated[
        str, field("Usuário", "User", "Vazio: o servidor não pede login", "Empty: the server asks for no login", max_length=200)
    ] = ""
    password: Annotated[Secret, field("Senha", "Password")] = msgspec.field(default_factory=_none)
    reply_to: Annotated[
        str,
        field(
            "Responder para", "Reply to", "Vazio: o remetente", "Empty: the sender",
            pattern=rf"{ADDRESS}|^$", max_length=LONGEST_ADDRESS,
        ),
    ] = ""  # fmt: skip

    def __post_init__(self) -> None:
        if self.security == "none" and self.user:
            raise Invalid(
                Text("Usuário e senha não seguem sem criptografia.", "User and password do not travel unencrypted."),
                Text("Use starttls ou tls, ou deixe o usuário vazio.", "Use starttls or tls, or leave the user empty."),
                where="security",
            )
        if bool(self.user) != bool(self.password):
            raise Invalid(
                Text("Usuário e senha vão juntos.", "User and password go together."),
                Text("Informe os dois, ou nenhum.", "Give both, or neither."),
                where="password",
            )


class Letter(NamedTuple):
    """What one person is sent. `id`: the same whenever the same letter is sent, so that mail systems can drop a second one; `name`: whom it
    shows as its sender."""

    to: str
    name: str
    subject: str
    body: str
    id: str
    date: str


def valid_address(address: str) -> bool:
    try:
        parsed = Address(addr_spec=address)
    except Exception:  # the parser of the standard library raises IndexError and others on what is no address
        return False
    return bool(parsed.username) and "." in parsed.domain and address.isascii() and len(address) <= LONGEST_ADDRESS


def message(server: MailServer, letter: Letter) -> EmailMessage:
    made = EmailMessage()
    made["From"] = Address(_line(letter.name), addr_spec=server.sender)
    made["To"] = Address(addr_spec=letter.to)
    if server.reply_to:
        made["Reply-To"] = Address(addr_spec=server.reply_to)
    made["Subject"] = _line(letter.subject)
    made["Date"] = letter.date
    made["Message-ID"] = f"<{letter.id}@{server.sender.rpartition('@')[2]}>"
    made["Auto-Submitted"] = "auto-generated"  # no out-of-office answers to it
    made.set_content(letter.body, cte="quoted-printable")
    return made


def _line(text: str) -> str:
    """A header is one line: a buyer's name must not begin another."""
    return " ".join("".join(c if c.isprintable() else " " for c in text).split())


async def send(server: MailServer, letter: Letter) -> None:
    """Returns when the server has taken it. Raises `AuthFailed`, `Rejected` or `Unavailable`."""
    try:
        async with asyncio.timeout(WHOLE):
            await aiosmtplib.send(
                message(server, letter),
                sender=server.sender,
                recipients=[letter.to],
                hostname=server.host,
                port=server.port,
                username=server.user or None,
                password=server.password.reveal() or None,
                use_tls=server.security == "tls",
                start_tls=server.security == "starttls",
                timeout=TIMEOUT,
            )
    except (aiosmtplib.SMTPException, OSError, TimeoutError) as error:
        raise _said(error) from None  # the library's error may hold what was sent


def _said(error: Exception) -> EngateError:
    match error:
        case aiosmtplib.SMTPRecipientsRefused(recipients=[first, *_]):
            return _refused(first.code, first.message)
        case aiosmtplib.SMTPAuthenticationError() if error.code in LOGIN:
            return AuthFailed(
                _with(Text("O servidor de e-mail recusou o login", "The mail server refused the login"), error.code, error.message),
                Text("Corrija usuário e senha do servidor de e-mail.", "Mend the mail server's user and password."),
            )
        case aiosmtplib.SMTPSenderRefused() if error.code >= 500:
            return AuthFailed(
                _with(Text("O servidor de e-mail recusou o remetente", "The mail server refused the sender"), error.code, error.message),
                Text("Corrija o remetente, ou autorize-o no servidor de e-mail.", "Mend the sender, or allow it in the mail server."),
            )
        case aiosmtplib.SMTPResponseException():
            text = _with(
                Text("O servidor de e-mail não aceitou a mensagem", "The mail server did not accept the message"), error.code, error.message
            )
        case TimeoutError() | aiosmtplib.SMTPTimeoutError():
            text = Text("O servidor de e-mail não respondeu a tempo.", "The mail server did not answer in time.")
        case _:
            text = Text("Não foi possível falar com o servidor de e-mail.", "The mail server could not be spoken to.")
    return Unavailable(text, LATER, code="mail.not_taken")


LATER = Text(
    "O engate tenta de novo sozinho; se durar, confira o servidor de e-mail.",
    "engate tries again by itself; if it lasts, check the mail server.",
)


def _refused(code: int, words: str) -> EngateError:
    if code >= 500 and BAD_ADDRESS in words[:20]:
        return Rejected(
            _with(Text("O servidor de e-mail recusou o endereço", "The mail server refused the address"), code, words), code="mail.address"
        )
    text = _with(Text("O servidor de e-mail não aceitou o destinatário", "The mail server did not accept the recipient"), code, words)
    return Unavailable(text, LATER, code="mail.not_taken")


def _with(text: Text, code: int, words: str) -> Text:
    said = f"{code} {_line(words)}"[:160]
    return Text(f"{text.pt}: {said}", f"{text.en}: {said}")
