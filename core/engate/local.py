"""Times and money as operators read them: in their own time zone, not in UTC."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from zoneinfo import ZoneInfo

from engate.text import Text

ZONE = ZoneInfo("America/Sao_Paulo")
"""Of every operator, until a tenant can say another."""


def when(at: datetime) -> Text:
    here = at.astimezone(ZONE)
    return Text(f"{here:%d/%m/%Y} às {here:%H:%M}", f"{here:%Y-%m-%d %H:%M} (Brasília)")


def money(amount: Decimal) -> Text:
    """In reais."""
    english = f"{amount:,.2f}"
    portuguese = english.translate(str.maketrans(",.", ".,"))
    return Text(f"R$ {portuguese}", f"R$ {english}")
