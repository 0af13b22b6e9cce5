"""GTINs (EAN, UPC) as ERPs hold them: often as numbers, which lose leading zeros."""

from __future__ import annotations

from functools import lru_cache

from stdnum import ean

LOST = {7: 8, 11: 12}
"""Digits left of a code that lost its leading zero -> digits it had. (With fewer digits, too many internal codes would pass.)"""


@lru_cache(maxsize=4096)  # plugin, rules and push ask for the same SKU one after the other, at 50 µs each
def gtin(code: str) -> str:
    """The code, with a lost leading zero restored where the check digit then fits; "" where it is no GTIN."""
    code = code.strip()
    if not (code.isascii() and code.isdigit()) or not code.strip("0"):
        return ""
    padded = code.zfill(LOST.get(len(code), 0))
    return padded if ean.is_valid(padded) else ""
