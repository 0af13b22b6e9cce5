"""Causes as people see them: what waits, why, and what to do."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import msgspec

from engate import titles
from engate.store.desired import UNREADABLE as SPOILT
from engate.text import NO_TEXT, Text
from engate.views.paging import instant


class Cause(msgspec.Struct):
    """`owner`: who can end it: person (attention) | storefront (awaiting) | engate (waiting). `title`: the code in words."""

    id: int
    code: str
    owner: str
    text: Text
    hint: Text
    since: datetime | None
    title: Text = NO_TEXT
    owner_title: Text = NO_TEXT

    def __post_init__(self) -> None:
        self.title, self.owner_title = titles.cause(self.code), titles.state(titles.OWNERS, self.owner)


UNREADABLE = Cause(0, SPOILT.code, SPOILT.owner, SPOILT.text, SPOILT.hint, None)
"""Shown for a stored document that cannot be read (any more), whether or not a lane has found that."""


def shown_doc(doc: msgspec.Struct | None) -> dict[str, Any] | None:
    """The document with the field names of the model, whatever names it is stored under."""
    if doc is None:
        return None
    names = {field.encode_name: field.name for field in msgspec.structs.fields(doc)}
    stored: dict[str, Any] = msgspec.to_builtins(doc)
    return {names.get(name, name): value for name, value in stored.items()}


def shown(row: Any) -> Cause:
    return Cause(row.id, row.code, row.owner, Text(**row.text), Text(**row.hint), instant(row.since))
