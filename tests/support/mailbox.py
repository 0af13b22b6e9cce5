"""A real mail server of a test, on loopback: what it takes, and how it refuses."""

from __future__ import annotations

import asyncio
import email
import ipaddress
import ssl
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from email.message import EmailMessage
from email.policy import default
from pathlib import Path
from typing import Any

from aiosmtpd.smtp import SMTP, AuthResult, LoginPassword
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

HOST = "127.0.0.1"
USER, PASSWORD = "loja", "s3nha-do-correio"


class Mailbox:
    """`to`: its reply to a recipient ("{to}" in it: the address), `data`: to a letter ("": it takes it). `slow`: seconds before it does.
    `drops`: it takes a letter and ends the call unanswered.
    `hangs`: it answers no recipient while this is set. `calls`: recipients that it was asked about; `logins`: logins that were tried."""

    def __init__(self) -> None:
        self.letters: list[EmailMessage] = []
        self.to = self.data = ""
        self.drops = False
        self.slow = 0.0
        self._goes_on = asyncio.Event()
        self._goes_on.set()
        self.calls = self.logins = self.port = 0

    @property
    def hangs(self) -> bool:
        return not self._goes_on.is_set()

    @hangs.setter
    def hangs(self, hangs: bool) -> None:
        if hangs:
            self._goes_on.clear()
        else:
            self._goes_on.set()

    # the names are aiosmtpd's
    async def handle_RCPT(self, _server: Any, _session: Any, envelope: Any, address: str, _options: Any) -> str:
        self.calls += 1
        await self._goes_on.wait()
        if self.to:
            return self.to.replace("{to}", address)
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server: Any, _session: Any, envelope: Any) -> str:
        if self.data:
            return self.data
        await asyncio.sleep(self.slow)
        made = email.message_from_bytes(envelope.content, policy=default)
        assert isinstance(made, EmailMessage)
        self.letters.append(made)
        if self.drops:
            server.transport.abort()
        return "250 OK"

    def authenticate(self, _server: Any, _session: Any, _envelope: Any, _mechanism: str, data: Any) -> AuthResult:
        self.logins += 1
        assert isinstance(data, LoginPassword)
        known = (data.login.decode(), data.password.decode()) == (USER, PASSWORD)
        return AuthResult(success=known, handled=False)

    def settings(self, **more: Any) -> dict[str, Any]:
        return {"host": HOST, "port": self.port, "security": "none", "sender": "loja@exemplo.com.br", **more}

    def bodies(self) -> list[str]:
        return [letter.get_content().replace("\r\n", "\n") for letter in self.letters]


@asynccontextmanager
async def mailbox(certificate: ssl.SSLContext | None = None) -> AsyncGenerator[Mailbox]:
    """With a certificate it takes letters over STARTTLS alone, from who logs in."""
    box = Mailbox()

    def serve() -> SMTP:
        if certificate is None:
            return SMTP(box, hostname="mail.test")
        return SMTP(
            box, hostname="mail.test", tls_context=certificate, require_starttls=True, auth_required=True, authenticator=box.authenticate
        )

    server = await asyncio.get_running_loop().create_server(serve, HOST, 0)
    box.port = server.sockets[0].getsockname()[1]
    try:
        yield box
    finally:
        box.hangs = False
        server.close()


def certificate(folder: Path) -> tuple[ssl.SSLContext, Path]:
    """(for the server, the file by which it is trusted) of a certificate for loopback."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "mail.test")])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address(HOST))]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    there, secret = folder / "mail.pem", folder / "mail.key"
    there.write_bytes(made.public_bytes(serialization.Encoding.PEM))
    secret.write_bytes(key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()))
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(there, secret)
    return context, there
