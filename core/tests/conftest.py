"""What the tests of the core share."""

from __future__ import annotations

import pytest


@pytest.fixture
def no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    """Retries at once: the pauses are not what these tests are about."""
    monkeypatch.setattr("engate.http._pause", lambda *_: 0.0)
