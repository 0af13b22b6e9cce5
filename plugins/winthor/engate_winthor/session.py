"""The login: WinThor's MD5 of the password, and how long the token lasts."""

import base64
import hashlib
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec

from engate import AuthFailed, Http, Text, Token, Unavailable, Unknown
from engate.answers import NOT_JSON
from engate.clock import Clock
from engate.refusals import Refused
from engate_winthor.endpoints import LoginNames
from engate_winthor.settings import AuthScheme, PasswordCase, Settings

MARGIN = timedelta(seconds=60)
"""A token is renewed this long before its end, so that it does not end while a call is on its way."""
COOLING = timedelta(minutes=15)
"""After a refused login nothing is tried for this long: some installations lock the user after a few wrong tries."""


class Login:
    """The `Auth` of a connection. A refused login is remembered, and answered again without asking WinThor."""

    def __init__(self, settings: Settings, names: LoginNames, clock: Clock) -> None:
        self._user, self._password = settings.login, settings.password
        self._case: PasswordCase = settings.password_case
        self._scheme: AuthScheme = settings.auth_scheme
        self._names, self._clock = names, clock
        self.refused = Refused(clock, COOLING)

    def headers(self, token: Token) -> Mapping[str, str]:
        return {"authorization": token.value if self._scheme == "bare" else f"Bearer {token.value}"}

    async def login(self, http: Http) -> Token:
        self.refused.check()
        body = {self._names.user: self._user, self._names.password: digest(self._password.reveal(), self._case)}
        try:
            answer = await http.plain("POST", self._names.path, body=body)
        except Unknown as error:
            # Whatever became of the login, the call it was for was certainly not sent.
            raise _unavailable(error.text.en) from None
        if answer.status in (400, 401, 403):
            raise self.refused.keep(_refused(answer.status))
        if answer.status != 200 or "html" in answer.headers.get("content-type", ""):
            raise _unavailable(str(answer.status))
        value = answer.json(dict[str, Any]).get(self._names.token)
        if not isinstance(value, str) or not value:
            raise _unavailable("no token")
        self.refused.forget()
        return Token(value, expiry(value, self._clock.now()))


def digest(password: str, case: PasswordCase) -> str:
    """MD5 in upper-case hex, of the password upper-cased or as typed: that is what WinThor compares."""
    text = password.upper() if case == "upper" else password
    return hashlib.md5(text.encode(), usedforsecurity=False).hexdigest().upper()


def expiry(jwt: str, now: datetime) -> datetime | None:
    """When the token ends on our clock: its own lifetime (exp − iat) from now, because the ERP's clock may be hours off; else exp."""
    try:
        payload = jwt.split(".")[1]
        claims = msgspec.json.decode(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)), type=_Claims)
    except (IndexError, ValueError, *NOT_JSON):
        return None
    if claims.exp is None:
        return None
    if claims.iat is not None:
        return now + timedelta(seconds=claims.exp - claims.iat) - MARGIN
    return datetime.fromtimestamp(claims.exp, UTC) - MARGIN


class _Claims(msgspec.Struct):
    exp: float | None = None
    iat: float | None = None


def _refused(status: int) -> AuthFailed:
    return AuthFailed(
        Text(f"O WinThor recusou o usuário ou a senha ({status}).", f"WinThor refused the user or the password ({status})."),
        Text(
            "Confira usuário e senha do WTA e a opção 'Maiúsculas/minúsculas da senha'. Não insista: o WinThor pode bloquear o usuário.",
            "Check the WTA user and password and the option 'Case of the password'. Do not try many times: WinThor may lock the user.",
        ),
    )


def _unavailable(what: str) -> Unavailable:
    return Unavailable(
        Text(
            f"O serviço de login do WinThor não respondeu como devia ({what}).",
            f"WinThor's login service did not answer as it should ({what}).",
        ),
        Text(
            "Veja na rotina 812 se o 'winthor-ferramenta-gateway' está online.",
            "See in routine 812 whether 'winthor-ferramenta-gateway' is online.",
        ),
    )
