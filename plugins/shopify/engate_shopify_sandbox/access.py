"""Tokens, scopes and versions (FACTS sections 1 and 2)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any
from urllib.parse import parse_qsl

import msgspec

from engate.shapes import is_object
from engate.testing.sandbox import Answer, Call

STATIC = "shpat_sandboxenteateoktodaloja00001"
CATALOGUE_ONLY = "shpat_sandboxenteateokcatalogo0002"
CLIENT_ID = "0f1e2d3c4b5a69788796a5b4c3d2e1f0"
CLIENT_SECRET = "shpss_sandboxsegredodoaplicativo01"  # noqa: S105  # of the sandbox
LIFE = timedelta(hours=24)
EVERY_SCOPE = frozenset(
    {
        "write_products", "write_publications", "write_files", "write_inventory", "read_locations", "write_orders", "write_order_edits",
        "write_merchant_managed_fulfillment_orders", "read_returns", "read_customers", "read_companies", "read_all_orders",
    }
)  # fmt: skip
NAMES = {1: "01", 4: "04", 7: "07", 10: "10"}


@dataclass
class Token:
    scopes: frozenset[str]
    until: datetime | None = None

    def may(self, scope: str) -> bool:
        return scope in self.scopes or scope.replace("read_", "write_", 1) in self.scopes

    def handles(self) -> list[str]:
        """As `accessScopes` lists them: a write scope brings its read scope along."""
        return sorted(self.scopes | {scope.replace("write_", "read_", 1) for scope in self.scopes})


class Access:
    def __init__(self, now: Callable[[], datetime], source: Random) -> None:
        self.now = now
        self.random = source
        self.client_secret = CLIENT_SECRET
        self.old_secret = ""
        self.rotated_at = now()
        self.same_organisation = True  # client credentials work only then
        self.frozen = 0  # 402 or 423: what every call is answered
        self.granted: set[str] = set(EVERY_SCOPE)
        self.tokens = {STATIC: Token(EVERY_SCOPE), CATALOGUE_ONLY: Token(frozenset({"write_products"}))}

    def token(self, call: Call) -> Token | None:
        token = self.tokens.get(call.headers.get("X-Shopify-Access-Token", ""))
        if token is None or (token.until is not None and token.until <= self.now()):
            return None
        return token

    def revoke(self, scope: str) -> None:
        """A scope is taken from the app, and from every token of it."""
        self.granted -= {scope}
        for token in self.tokens.values():
            token.scopes -= {scope}

    def rotate(self, secret: str) -> None:
        """A new client secret; deliveries may carry the old one's signature for a while."""
        self.old_secret, self.client_secret, self.rotated_at = self.client_secret, secret, self.now()

    def exchange(self, call: Call) -> Answer:
        """POST /admin/oauth/access_token: form or JSON."""
        asked = _fields(call)
        if asked.get("grant_type") != "client_credentials":
            return Answer(400, {"error": "unsupported_grant_type"}, wrote=False)
        if asked.get("client_id") != CLIENT_ID or asked.get("client_secret") != self.client_secret:
            return Answer(400, {"error": "application_cannot_be_found"}, wrote=False)
        if not self.same_organisation:
            return Answer(400, {"error": "shop_not_permitted"}, wrote=False)
        made = f"shpat_{self.random.getrandbits(128):032x}"
        self.tokens[made] = Token(frozenset(self.granted), self.now() + LIFE)
        body = {"access_token": made, "scope": ",".join(sorted(self.granted)), "expires_in": int(LIFE.total_seconds())}
        return Answer(200, body, wrote=False)


def unauthorised() -> Answer:
    return Answer(401, {"errors": "[API] Invalid API key or access token (unrecognized login or wrong password)"}, wrote=False)


def _fields(call: Call) -> dict[str, Any]:
    if "json" in call.headers.get("Content-Type", ""):
        try:
            body = call.json()
        except msgspec.DecodeError:
            return {}
        return body if is_object(body) else {}
    return dict(parse_qsl(call.body.decode("utf-8", "replace")))


def released(now: datetime) -> list[str]:
    """The versions that are supported at an instant, oldest first: one a quarter, each for twelve months from its first day, 17:00 UTC."""
    found: list[str] = []
    for year in (now.year - 1, now.year):
        for month, name in NAMES.items():
            start = datetime(year, month, 1, 17, tzinfo=UTC)
            if start <= now < start.replace(year=year + 1):
                found.append(f"{year}-{name}")
    return found


def served(asked: str, now: datetime) -> str | None:
    """The version that answers: what is gone falls forward to the oldest one left; what never was is unknown (None)."""
    supported = released(now)
    if asked in supported or asked == "unstable":
        return asked
    year, _, month = asked.partition("-")
    if not (year.isdigit() and len(year) == len("2026") and month in NAMES.values()):
        return None
    if asked < supported[0]:
        return supported[0]
    return asked if asked == _next(supported[-1]) else None  # the release candidate


def _next(version: str) -> str:
    year, _, month = version.partition("-")
    number = int(month) + 3
    return f"{int(year) + number // 12}-{NAMES[number % 12]}" if number % 12 in NAMES else version
