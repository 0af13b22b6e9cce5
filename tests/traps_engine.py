"""The traps of the engine itself: what would lose or double an effect, hide the truth or stop a tenant without the guard."""

from __future__ import annotations

from tests.trap import Trap

CORE = "core/engate"

ENGINE: tuple[Trap, ...] = ()
