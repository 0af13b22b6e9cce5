"""Global ids: `gid://shopify/<Type>/<integer>`."""

from __future__ import annotations

import re

from engate_shopify_sandbox.errors import refuse

FIRST = 7_900_000_000_000
"""Numbers are far beyond 32 bits, as they are in a shop of today."""
_GID = re.compile(r"gid://shopify/([A-Za-z]+)/([0-9]+|[0-9a-f-]{36})(\?[^ ]*)?")


def gid(kind: str, number: object) -> str:
    return f"gid://shopify/{kind}/{number}"


def kind_of(key: str) -> str:
    """The type inside a global id; refuses what is none."""
    found = _GID.fullmatch(key)
    if found is None:
        raise refuse("RESOURCE_NOT_FOUND", f"Invalid global id '{key}'")
    return found[1]


def number_of(key: str) -> int:
    found = _GID.fullmatch(key)
    assert found is not None and found[2].isdigit(), key
    return int(found[2])
