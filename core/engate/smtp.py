"""Mail over SMTP: the settings of a tenant's server, and the only place that imports a mail library.

The error's type shows the reason. `AuthFailed`: the server's settings, which a person must correct. `Rejected`: this buyer's address, where
no retry helps. After any other error a later try may succeed.
"""

from __future__ import annotations

import re
import ssl
from contextlib import suppress
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP
from typing import Annotated, Literal, NamedTuple

import aiosmtplib
import msgspec

from engate.errors import AuthFailed, EngateError, Invalid, Rejected, Unavailable, Unknown
from engate.personal import mask_email
from engate.settings import Secret, called, field
from engate.text import Text

TIMEOUT = 20.0
"""Seconds for each step of the conversation except the last."""
TAKING = 300.0
"""Seconds for the server's answer to the letter itself: some servers scan it first, and a shorter wait would send it twice (RFC 5321,
4.5.3.2.6, asks for even more)."""
LONGEST_ADDRESS = 254
NO_SUCH_ADDRESS = ("5.1.1", "5.1.2", "5.1.3", "5.1.6", "5.1.10")
"""Enhanced statuses of a recipient that does not exist (RFC 3463, 7505). A bare 550 may be about the server's own rules."""
BAD_SENDER = ("5.1.7", "5.1.8")
"""Statuses of a sender that the server refuses; many check it only when a recipient is named."""


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
            max_length=LONGEST_ADDRESS,
        ),
    ]  # fmt: skip
    port: Annotated[int, field("Porta", "Port", ge=1, le=65535, host=True)] = 587
    security: Annotated[
        Literal["starttls", "tls", "none"],
        field(
            "Segurança", "Security",
            "Sem criptografia só vai quem não tem usuário e senha",
            "Without encryption only where there is no user and password",
            host=True,
        ),
        called(
            starttls=("STARTTLS (em geral porta 587)", "STARTTLS (mostly port 587)"),
            tls=("TLS (em geral porta 465)", "TLS (mostly port 465)"),
            none=("Sem criptografia", "Not encrypted"),
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
            max_length=LONGEST_ADDRESS,
        ),
    ] = ""  # fmt: skip

    def __post_init__(self) -> None:
        for name in ("sender", "reply_to"):
            address = getattr(self, name)
            if not valid_address(address) and (address or name == "sender"):
                raise Invalid(*no_address(address), where=name)
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
    """A letter to one person. `id`: the same for each sending of the letter, so that mail systems can drop a second one; `name`: the
    sender's name."""

    to: str
    name: str
    subject: str
    body: str
    id: str
    date: str


def valid_address(address: str) -> bool:
    """Whether a letter can be sent there: "ana@exemplo.com.br"."""
    labels = address.rpartition("@")[2].split(".")
    if not address.isascii() or len(address) > LONGEST_ADDRESS or len(labels) < 2 or not all(labels):
        return False
    try:
        Address(addr_spec=address)
    except Exception:  # the standard library's parser raises IndexError and others for invalid addresses
        return False
    return True


def no_address(address: str) -> tuple[Text, Text]:
    """(what is wrong, what to do)"""
    return (
        Text(f"'{address[:100]}' não é um endereço de e-mail.", f"'{address[:100]}' is no e-mail address."),
        Text("Escreva-o como 'ana@exemplo.com.br', sem acentos.", "Write it like 'ana@example.com', without accents."),
    )


def message(server: MailServer, letter: Letter) -> EmailMessage:
    made = EmailMessage()
    made["From"] = Address(_line(letter.name), addr_spec=server.sender)
    made["To"] = Address(addr_spec=letter.to)
    if server.reply_to:
        made["Reply-To"] = Address(addr_spec=server.reply_to)
    made["Subject"] = _line(letter.subject)
    made["Date"] = letter.date
    made["Message-ID"] = f"<{letter.id}@{server.sender.rpartition('@')[2]}>"
    made["Auto-Submitted"] = "auto-generated"  # prevents out-of-office answers
    made.set_content(letter.body, cte="quoted-printable")
    return made


def _line(text: str) -> str:
    """The text as one header line: a buyer's name must not begin another header."""
    return " ".join("".join(c if c.isprintable() else " " for c in text).split())


async def send(server: MailServer, letter: Letter) -> None:
    """Returns when the server has taken it. Raises `AuthFailed`, `Rejected`, `Unavailable`, or `Unknown`: it may have taken it."""
    client = aiosmtplib.SMTP(
        hostname=server.host,
        port=server.port,
        username=server.user or None,
        password=server.password.reveal() or None,
        use_tls=server.security == "tls",
        start_tls=server.security == "starttls",
        timeout=TIMEOUT,
    )
    body = message(server, letter).as_bytes(policy=SMTP)
    taking = False
    try:
        await client.connect()
        await client.mail(server.sender)
        await client.rcpt(letter.to)
        taking = True
        await client.data(body, timeout=TAKING)
    except (aiosmtplib.SMTPException, OSError, TimeoutError) as error:
        # the library's error may hold the letter
        raise (_unanswered(error) if taking else None) or _said(error, letter.to) from None
    else:
        with suppress(aiosmtplib.SMTPException, OSError, TimeoutError):  # the server has the letter, however the session ends
            await client.quit()
    finally:
        client.close()


UNANSWERED = Unknown(
    Text("O servidor de e-mail recebeu a mensagem e não respondeu.", "The mail server got the message and did not answer."),
    code="mail.unanswered",
)


def _unanswered(error: Exception) -> Unknown | None:
    """The error where the letter was sent and no answer came; else None."""
    return UNANSWERED if not isinstance(error, aiosmtplib.SMTPResponseException) else None


def _said(error: Exception, to: str) -> EngateError:
    """The error by its reason, in the server's words without the buyer's address."""
    match error:
        case aiosmtplib.SMTPRecipientRefused():
            return _refused(error.code, _masked(error.message, to))
        case aiosmtplib.SMTPAuthenticationError() if 500 <= error.code < 600:
            return _misused(
                "mail.login", Text("O servidor de e-mail recusou o login", "The mail server refused the login"),
                Text("Corrija o usuário e a senha do servidor de e-mail.", "Mend the mail server's user and password."),
                error.code, error.message,
            )  # fmt: skip
        case aiosmtplib.SMTPSenderRefused() if error.code >= 500:
            return _bad_sender(error.code, error.message)
        case aiosmtplib.SMTPResponseException():
            words = _with(
                Text("O servidor de e-mail não aceitou a mensagem", "The mail server did not accept the message"),
                error.code, _masked(error.message, to),
            )  # fmt: skip
            return Unavailable(words, LATER, code="mail.not_taken")
        case TimeoutError() | aiosmtplib.SMTPTimeoutError():
            words = Text("O servidor de e-mail não respondeu a tempo.", "The mail server did not answer in time.")
            return Unavailable(words, LATER, code="mail.not_taken")
        case _:
            return _not_spoken_to(error)


def _not_spoken_to(error: Exception) -> EngateError:
    caused = [error, error.__cause__, error.__context__]
    if any(isinstance(each, ssl.SSLCertVerificationError) for each in caused) or "CERTIFICATE_VERIFY_FAILED" in str(error):
        return AuthFailed(
            Text("O certificado do servidor de e-mail não é confiável.", "The mail server's certificate is not trusted."),
            Text("Confira o nome do servidor; o certificado deve ser dele e estar em dia.",
                 "Check the server's name; the certificate must be its own and up to date."),
            code="mail.security",
        )  # fmt: skip
    # the library's base error: the server does not offer what was asked for
    if type(error) is aiosmtplib.SMTPException or any(isinstance(each, ssl.SSLError) for each in caused) or "SSL" in str(error):
        return AuthFailed(
            Text("O servidor de e-mail não oferece esta segurança ou este login nesta porta.",
                 "The mail server does not offer this security or login on this port."),
            Text("Em geral é starttls na porta 587 ou tls na 465.", "Mostly it is starttls on port 587 or tls on 465."),
            code="mail.security",
        )  # fmt: skip
    return Unavailable(
        Text("Não foi possível falar com o servidor de e-mail.", "The mail server could not be spoken to."), LATER, code="mail.not_taken"
    )


LATER = Text(
    "O engate tenta de novo sozinho; se durar, confira o servidor de e-mail.",
    "engate tries again by itself; if it lasts, check the mail server.",
)


def _refused(code: int, words: str) -> EngateError:
    status = words.split(maxsplit=1)[0] if words.split() else ""
    if code >= 500 and status in BAD_SENDER:
        return _bad_sender(code, words)
    if code >= 500 and status in NO_SUCH_ADDRESS:
        text = Text("O servidor de e-mail recusou o endereço", "The mail server refused the address")
        return Rejected(_with(text, code, words), code="mail.address")
    text = Text("O servidor de e-mail não aceitou um destinatário", "The mail server did not accept a recipient")
    return Unavailable(_with(text, code, words), LATER, code="mail.recipient")


def _bad_sender(code: int, words: str) -> AuthFailed:
    return _misused(
        "mail.sender", Text("O servidor de e-mail recusou o remetente", "The mail server refused the sender"),
        Text("Corrija o remetente, ou autorize-o no provedor.", "Mend the sender, or allow it at the provider."), code, words,
    )  # fmt: skip


def _misused(code: str, text: Text, hint: Text, status: int, words: str) -> AuthFailed:
    """The error that a person has to correct. No letter is tried before they have tested the server."""
    return AuthFailed(_with(text, status, words), Text(f"{hint.pt} {TRY_OUT.pt}", f"{hint.en} {TRY_OUT.en}"), code=code)


TRY_OUT = Text("Depois envie um e-mail de teste: o que espera sai sozinho.", "Then send a test e-mail: what waits goes by itself.")


def _masked(words: str, to: str) -> str:
    """The words with the buyer's address masked: they are shown with the mail server."""
    return re.sub(re.escape(to), mask_email(to), words, flags=re.IGNORECASE)


def _with(text: Text, code: int, words: str) -> Text:
    said = f"{code} {_line(words)}"[:160]
    return Text(f"{text.pt}: {said}", f"{text.en}: {said}")
