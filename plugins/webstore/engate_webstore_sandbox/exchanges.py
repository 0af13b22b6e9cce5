"""The ledger of exchanges: every call that was made or taken, what was sent and what came of it. Never a token."""

from __future__ import annotations

from collections import deque
from datetime import datetime
from typing import Any, Literal

import msgspec

KEPT = 20_000
MOST_SHOWN = 4_000
"""Characters of what was sent or said."""


class Exchange(msgspec.Struct, frozen=True, omit_defaults=True):
    """`service`: of the ERP ("pedido.incluir"), or ours ("estoque"). `key`: an order's key, a product's id, a page."""

    at: datetime
    service: str
    key: str
    verdict: str
    direction: Literal["out", "in"] = "out"
    status: int = 0
    code: int = 0
    errors: tuple[str, ...] = ()
    sent: str = ""
    said: str = ""


class Exchanges:
    def __init__(self) -> None:
        self.rows: deque[Exchange] = deque(maxlen=KEPT)

    def note(self, row: Exchange) -> None:
        self.rows.append(row)

    def listed(self) -> list[Exchange]:
        return list(self.rows)


def shown(held: bytes | str, token: str) -> str:
    """Cut, and without the token, whoever repeated it."""
    whole = held.decode("utf-8", "replace") if isinstance(held, bytes) else held
    return (whole.replace(token, "***") if token else whole)[:MOST_SHOWN]


def fields_shown(fields: dict[str, Any], token: str) -> str:
    return shown(msgspec.json.encode({name: value for name, value in fields.items() if name != "token"}), token)
