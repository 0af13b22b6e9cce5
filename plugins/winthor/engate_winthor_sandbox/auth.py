"""Login of winthor-ferramenta-gateway: MD5 of the password in upper-case hex for a JWT that lives 14,400 s and cannot be renewed."""

from __future__ import annotations

import base64
import hashlib
import hmac
import random
from dataclasses import dataclass

import msgspec

from engate.testing.sandbox import Answer, Call, LedgerCounts
from engate_winthor_sandbox import rules
from engate_winthor_sandbox.wire import ErpTime, body_of

LIFETIME = 14_400  # seconds


def _part(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


@dataclass(slots=True)
class Account:
    """How this installation is reached. `upper_cased`: the password is hashed in upper case; `invoice_window`: seconds of its clock."""

    login: str = "INTEGRACAO"
    password: str = "Senha-do-wta"  # noqa: S105  the sandbox's own, told by `describe`
    upper_cased: bool = True
    invoice_window: float = 2.0


class Sessions:
    def __init__(self, time: ErpTime, counts: LedgerCounts, randomness: random.Random, account: Account) -> None:
        self.time = time
        self.counts = counts
        self.user = account.login
        self.password = account.password
        self.upper_cased = account.upper_cased
        self._key = randomness.randbytes(32)
        self._alive: dict[str, int] = {}  # token -> exp
        self._serial = 0

    def expected(self) -> str:
        """What `senha` must be."""
        password = self.password.upper() if self.upper_cased else self.password
        return hashlib.md5(password.encode(), usedforsecurity=False).hexdigest().upper()

    def check(self, authorization: str) -> None:
        """`Bearer <token>`, or the bare token as several integrators send it."""
        token = authorization.removeprefix("Bearer ").strip()
        rules.token_given(token)
        expires = self._alive.get(token)
        rules.token_known(expires is not None)
        rules.token_alive(expires or 0, self.time.now().timestamp())

    def _issue(self) -> str:
        now = int(self.time.now().timestamp())
        self._serial += 1
        claims = {"sub": self.user, "iat": now, "exp": now + LIFETIME, "jti": str(self._serial)}
        signed = f"{_part(msgspec.json.encode({'alg': 'HS256', 'typ': 'JWT'}))}.{_part(msgspec.json.encode(claims))}"
        token = f"{signed}.{_part(hmac.digest(self._key, signed.encode(), 'sha256'))}"
        self._alive[token] = now + LIFETIME
        return token

    def end_all(self) -> None:
        """Every session ends, as after a restart of the gateway."""
        self._alive.clear()

    # ---- operations ----

    def login(self, call: Call) -> Answer:
        body = body_of(call)
        right = body.get("login") == self.user and hmac.compare_digest(str(body.get("senha")).encode(), self.expected().encode())
        self.counts.effects["logins" if right else "logins_refused"] += 1
        rules.credentials_right(right)
        return Answer(body={"accessToken": self._issue()}, wrote=False)

    def logged_in(self, call: Call) -> Answer:
        """Answers only who carries a living token: the others are refused before."""
        del call
        return Answer(body={"logado": True})

    def logout(self, call: Call) -> Answer:
        self._alive.pop(call.headers.get("Authorization", "").removeprefix("Bearer ").strip(), None)
        return Answer(body={"logado": False}, wrote=False)
