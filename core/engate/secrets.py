"""Secrets at rest: AES-GCM with a key id, bound to their place (tenant, connection, field) so that a row cannot be moved.

The key comes from the environment (ENGATE_SECRET_KEY, base64 of 32 bytes). Only for SQLite with an empty database a key file is made beside
it. Losing the key loses the stored credentials.
"""

from __future__ import annotations

import base64
import binascii
import os
import secrets
import tempfile
from hashlib import sha256
from hmac import digest
from pathlib import Path

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from engate.errors import Invalid
from engate.text import Text

ENVIRONMENT = "ENGATE_SECRET_KEY"
BYTES = 32


class Vault:
    """Seals and opens secrets with one key."""

    def __init__(self, key: bytes) -> None:
        self._cipher = AESGCM(key)
        self._names = digest(key, b"engate address", "sha256")
        self.key_id = sha256(b"engate key id" + key).hexdigest()[:16]

    def seal(self, value: bytes, place: str) -> bytes:
        nonce = os.urandom(12)
        return nonce + self._cipher.encrypt(nonce, value, place.encode())

    def open(self, sealed: bytes, place: str) -> bytes:
        try:
            return self._cipher.decrypt(sealed[:12], sealed[12:], place.encode())
        except InvalidTag:
            raise _bad_key(Text("Segredo guardado com outra chave.", "The secret was stored with another key.")) from None

    def name(self, of: str) -> str:
        """43 characters derived with the key: always the same, and not to be guessed without the key."""
        return base64.urlsafe_b64encode(digest(self._names, of.encode(), "sha256")).decode().rstrip("=")


def place_of(tenant_id: int, connection_id: int, field: str) -> str:
    return f"{tenant_id}/{connection_id}/{field}"


def key_of(key_file: Path | None, *, may_make: bool) -> bytes:
    """The key from the environment or the file. `may_make`: makes one where there is none."""
    given = os.environ.get(ENVIRONMENT)
    if given:
        return _decoded(os.fsencode(given), ENVIRONMENT)
    if key_file is not None and key_file.exists():
        return _decoded(key_file.read_bytes(), str(key_file))
    if key_file is None or not may_make:
        raise _bad_key(Text(f"Defina {ENVIRONMENT}.", f"Set {ENVIRONMENT}."))
    # written whole beside its place, then linked: a half key is never read, and a second process does not replace it
    made = base64.b64encode(secrets.token_bytes(BYTES)).decode()
    with tempfile.NamedTemporaryFile("w", dir=key_file.parent, prefix=".key-", delete=False) as file:
        file.write(made)
        file.flush()
        os.fsync(file.fileno())
    try:
        os.link(file.name, key_file)
    except FileExistsError:
        made = key_file.read_text()
    finally:
        Path(file.name).unlink()
    return _decoded(made.encode(), str(key_file))


def _decoded(text: bytes, where: str) -> bytes:
    try:
        key = base64.b64decode(text.strip(), validate=True)
    except binascii.Error:
        key = b""
    if len(key) != BYTES:
        raise _bad_key(Text(f"A chave em {where} não são {BYTES} bytes em base64.", f"The key in {where} is not {BYTES} bytes in base64."))
    return key


def _bad_key(text: Text) -> Invalid:
    hint = Text(
        f"Use em {ENVIRONMENT} a chave com que a instalação começou (guardada à parte do backup; engate restore: --key ARQUIVO).",
        f"Put the key the installation began with into {ENVIRONMENT} (it is kept apart from the backup; engate restore: --key FILE).",
    )
    return Invalid(text, hint, code="secret_key")
