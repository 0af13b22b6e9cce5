"""The shapes in which the platform says no. Bodies the contract does not document are marked in README.md: no caller may rely on them."""

from __future__ import annotations

from engate.testing.sandbox import Answer, Refused


def message(status: int, text: str) -> Refused:
    """Catalog and Pricing: the body is not documented."""
    return Refused(Answer(status, {"Message": text}))


def error(status: int, code: str, text: str) -> Refused:
    """Orders, Logistics and authentication: the documented error object (start-handling 401 and 409)."""
    return Refused(Answer(status, {"error": {"code": code, "message": text, "exception": None}}))


def plain(status: int, text: str) -> Refused:
    return Refused(Answer(status, text, content_type="text/plain"))


def empty(status: int) -> Refused:
    return Refused(Answer(status))
