"""Checks of a plugin's texts: in Portuguese and in English, in the words of screens (`engate.testing.words`)."""

from __future__ import annotations

import inspect
from collections.abc import Set
from pathlib import Path

from engate.testing import words
from engate.testing.conformance.trial import Check, Trial


def in_words(typed: Set[str]) -> Check:
    async def check(trial: Trial, _hook: str) -> None:
        wrong = words.faults_in(Path(inspect.getfile(type(trial.connection))).parent, typed)
        assert not wrong, "\n".join(wrong)

    return check
