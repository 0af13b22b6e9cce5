"""Times and money as operators read them, in their own time zone."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from engate.errors import Invalid
from engate.text import Text

BRASILIA = "America/Sao_Paulo"
"""The default zone of a tenant."""


def zone(name: str) -> ZoneInfo:
    """A time zone by its name."""
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise Invalid(
            Text(f"Fuso horário desconhecido: {name!r}.", f"Unknown time zone: {name!r}."),
            Text("Use um nome como America/Sao_Paulo ou America/Manaus.", "Use a name like America/Sao_Paulo or America/Manaus."),
            where="zone",
        ) from None


def when(at: datetime, zone: ZoneInfo) -> Text:
    here = at.astimezone(zone)
    return Text(f"{here:%d/%m/%Y} às {here:%H:%M}", f"{here:%Y-%m-%d %H:%M}")


def money(amount: Decimal) -> Text:
    """An amount in reais as text."""
    english = f"{amount:,.2f}"
    portuguese = english.translate(str.maketrans(",.", ".,"))
    return Text(f"R$ {portuguese}", f"R$ {english}")
