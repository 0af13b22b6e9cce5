"""Checks of every connection, whatever it offers: it tells whether it works, which account it is, and facts about it."""

from __future__ import annotations

from typing import Any

from engate.specs import SPECS
from engate.testing.conformance.trial import Check, Trial

MOST = 200
"""Characters of a fact."""


async def lines(trial: Trial, hook: str) -> None:
    """The test of the connection passes, line by line, in both languages; no line shows a secret."""
    found = await trial.connection.test_connection()
    assert found, "a test without a line says nothing"
    for check in found:
        said = (check.text.pt, check.text.en, check.hint.pt, check.hint.en)
        assert not trial.shows(" ".join(said)), f"the line {check.name} shows a secret"
        assert check.text.pt and check.text.en, f"the line {check.name} lacks its words in one language"
        assert check.ok, f"{check.name}: {check.text.en} {check.hint.en}".strip()


async def same(trial: Trial, hook: str) -> None:
    """The identity is the same each time, also in a new process."""
    fresh = trial.fresh()
    names = {await connection.identity() for connection in (trial.connection, trial.connection, fresh)}
    assert len(names) == 1 and all(isinstance(name, str) and name for name in names), f"it says of itself {sorted(map(str, names))}"


async def facts(trial: Trial, hook: str) -> None:
    """Facts are short texts, and `unavailable` names existing hooks."""
    learnt: Any = await trial.connection.learn()
    wrong = [name for name, value in learnt.items() if not (isinstance(name, str) and isinstance(value, str) and len(value) <= MOST)]
    assert not wrong, f"these facts are no short texts: {wrong}"
    assert not trial.shows(" ".join(learnt.values())), "a fact shows a secret"
    unknown = sorted(trial.connection.unavailable().keys() - SPECS.keys())
    assert not unknown, f"unavailable() names what is no hook: {unknown}"


CHECKS: dict[str, dict[str, Check]] = {"test_connection": {"lines": lines}, "identity": {"same": same}, "learn": {"facts": facts}}
