"""What people read: Portuguese first, English beside it."""

from __future__ import annotations

import unicodedata

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


NO_TEXT = Text("", "")


def squeezed(words: str) -> str:
    """Only letters and digits, in upper case and without accents: "João da Silva" and "JOAO DA SILVA", 111.222.333-44 and 11122233344."""
    apart = unicodedata.normalize("NFKD", words)
    return "".join(letter for letter in apart if letter.isalnum()).upper()
