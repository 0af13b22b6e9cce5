"""Values that must not be readable in a stored call: secrets, sessions, and the forms in which they are sent."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Iterable, Iterator
from html import escape
from urllib.parse import quote, quote_plus

MASK = "***"
WHOLE = 4
"""Characters: a shorter secret is searched only as a whole word, because it is part of many other words."""
PIECE = 12
"""Fewest characters of a part of a session, or a line of a key, that is secret by itself."""
SHORTEST = 8
"""Fewest characters of a learnt value (a header, a session) that can be a credential: "true" is none."""
MOST_LEARNT = 60


class Hidden:
    """The hidden values of one connection. `secrets`: as configured."""

    def __init__(self, secrets: Iterable[str] = ()) -> None:
        self._configured = tuple(secrets)
        self._learnt: tuple[str, ...] = ()
        self._pattern: re.Pattern[str] | None = None
        self.longest = 0
        self._make()

    def learn(self, values: Iterable[str]) -> None:
        """Hides credentials and sessions that are used from now on; recent old ones stay hidden."""
        new = [piece for value in values for piece in _pieces(value) if piece not in self._learnt]
        if new:
            self._learnt = (*self._learnt, *new)[-MOST_LEARNT:]
            self._make()

    def out_of(self, text: str) -> str:
        return self._pattern.sub(MASK, text) if self._pattern is not None else text

    def _make(self) -> None:
        known = (*(piece for value in self._configured for piece in (value, *_lines(value))), *self._learnt)
        forms = sorted({form for value in known if value for form in _forms(value)}, key=len, reverse=True)
        words = (re.escape(form) if len(form) >= WHOLE else rf"(?<!\w){re.escape(form)}(?!\w)" for form in forms)
        self.longest = len(forms[0]) if forms else 0
        self._pattern = re.compile("|".join(words), re.IGNORECASE) if forms else None


def _pieces(value: str) -> Iterator[str]:
    """The value itself, what follows its scheme ("Bearer"), and the parts of one that a plugin has composed."""
    if len(value) >= SHORTEST:
        yield value
        yield from (part for part in re.split(r"[\s|;,:\"{}]+", value) if len(part) >= PIECE and part != value)


def _lines(value: str) -> Iterator[str]:
    return (line for line in value.splitlines() if len(line) >= PIECE and line != value)


def _forms(value: str) -> Iterator[str]:
    """The value's forms in a body, in a URL and in a header."""
    yield value
    for encoded in (json.dumps(value, ensure_ascii=False), json.dumps(value)):
        yield encoded[1:-1]
        yield encoded[1:-1].replace("/", "\\/")
    for unchanged in ("", "/"):
        yield quote(value, safe=unchanged)
        yield quote_plus(value, safe=unchanged)
    yield escape(value)
    yield base64.b64encode(value.encode()).decode()
