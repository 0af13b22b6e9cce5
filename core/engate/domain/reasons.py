"""Why something waits: the words, the owner, and a key that is the same for everything that one fix releases."""

from __future__ import annotations

from hashlib import blake2b
from typing import NamedTuple

from engate.errors import EngateError, Owner, Rejected
from engate.model import Problem
from engate.text import Text


class Reason(NamedTuple):
    """A cause before it has a row. `key` is the same for everything that one fix releases."""

    key: str
    code: str
    owner: Owner
    text: Text
    hint: Text


AWAITED = ("own:enrichment:", "own:sku.gtin:", "own:sku.image:")
"""Prefixes of the keys of causes to which a record points although the shop has it. They block nothing: changing them sends nothing."""


def _key(origin: str, code: str, text: Text) -> str:
    return f"{origin}:{code}:{blake2b(text.pt.encode(), digest_size=6).hexdigest()}"


def of_problem(problem: Problem) -> Reason:
    """A problem of the ERP's data: found by reading, ended when a reading no longer finds it."""
    return Reason(_key("erp", problem.code, problem.text), problem.code, "person", problem.text, problem.hint)


def of_error(error: EngateError) -> Reason:
    """A refusal by the storefront (or the ERP): found by sending, ended when the data changes or a person asks for a retry."""
    owner: Owner = error.owner if isinstance(error, Rejected) else "person"
    return Reason(_key("answer", error.code, error.text), error.code, owner, error.text, error.hint)


def own(code: str, subject: str, text: Text, hint: Text, owner: Owner = "person") -> Reason:
    """engate's own reason: a missing mapping, link or rule; `subject` is what it is about ("branch/3")."""
    return Reason(f"own:{code}:{subject}"[:200], code, owner, text, hint)
