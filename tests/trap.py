"""What one trap is, and where they stand: beside what they guard, so that a folder that is added or taken away brings or takes its own.

`tests/traps.py` of a distribution holds them, or where they are many the modules of `tests/traps/`; each module has its rows in `TRAPS`.
"""

from __future__ import annotations

import runpy
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parent.parent
DISTRIBUTIONS = ("plugins/*", "*")


class Trap(NamedTuple):
    """`guard` stands exactly once in `file`, whatever its white space (`tests/mutated.py`); with `disabled` in its place one of `tests`
    (node ids, with all parameters or one) turns red.

    The tests drive the plugin over HTTP against a platform that behaves as the facts say, never the guarding function itself.
    """

    id: str
    words: str
    file: str
    guard: str
    disabled: str
    tests: tuple[str, ...]


class Table(NamedTuple):
    module: str  # its path from the root, with slashes
    words: str  # its docstring
    traps: tuple[Trap, ...]

    @property
    def place(self) -> str:
        """The name of the distribution's folder: `core`, `api`, `vtex`."""
        first, second, *_ = self.module.split("/")
        return second if first == "plugins" else first


def tables(root: Path = ROOT) -> list[Table]:
    """Every module of traps below this folder, the plugins' first."""
    paths = [
        path
        for folder in DISTRIBUTIONS
        for path in sorted([*root.glob(f"{folder}/tests/traps.py"), *root.glob(f"{folder}/tests/traps/*.py")])
    ]
    modules = {path.relative_to(root).as_posix(): runpy.run_path(str(path)) for path in paths}
    return [Table(path, module["__doc__"], module["TRAPS"]) for path, module in modules.items()]
