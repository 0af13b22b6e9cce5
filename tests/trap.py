"""What one trap is: a row of `tests/traps.py` (the platforms') or `tests/traps_engine.py` (the engine's own guards)."""

from __future__ import annotations

from typing import NamedTuple


class Trap(NamedTuple):
    """`guard` stands exactly once in `file`; with `disabled` in its place one of `tests` (node ids, with all parameters or one) turns red.

    The tests drive the plugin over HTTP against a platform that behaves as the facts say, never the guarding function itself.
    """

    id: str
    words: str
    file: str
    guard: str
    disabled: str
    tests: tuple[str, ...]
