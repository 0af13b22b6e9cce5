"""GTINs (EAN, UPC) as ERPs hold them: often as numbers, which lose the zeros they begin with."""

from __future__ import annotations

from functools import lru_cache

from stdnum import ean

LOST = {7: 8, 11: 12}
"""Digits that are left of a code whose first zero was lost -> digits it had. (Of fewer, too many codes of one's own would pass.)"""


@lru_cache(maxsize=4096)  # of one SKU the plugin, the rules and the push ask one after the other, and each time costs 50 µs
def gtin(code: str) -> str:
    """The code, with the zero that a number lost where its check digit then fits; "" where it is no GTIN."""
    code = code.strip()
    if not (code.isascii() and code.isdigit()) or not code.strip("0"):
        return ""
    padded = code.zfill(LOST.get(len(code), 0))
    return padded if ean.is_valid(padded) else ""
