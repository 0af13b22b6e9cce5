"""What people read: Portuguese first, English beside it."""

from __future__ import annotations

import msgspec


class Text(msgspec.Struct, frozen=True):
    """One message in both languages."""

    pt: str
    en: str

    def filled(self, **values: object) -> Text:
        """The same text with its {names} filled in."""
        return Text(self.pt.format(**values), self.en.format(**values))

    def __str__(self) -> str:
        return f"{self.pt} / {self.en}"
