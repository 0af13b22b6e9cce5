"""`make mutants`: disables the guard behind each trap in turn; a test of that trap has to turn red.

    .venv/bin/python tests/mutants.py [WORD ...]

A word is `core`, `api` or the name of a plugin's folder (all traps that stand there), a trap's id, or how ids begin; without one all of
them run. `make mutants P="vtex mail.once"` hands on what P holds.

Works in copies of the tree, one a process, so nothing here is ever changed. First the tests run with every guard in place: where they
are not green, a red one would prove nothing. Exit code 1 where a mutant survives, is no valid Python, or breaks the run itself.
"""

from __future__ import annotations

import argparse
import os
import re
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from queue import SimpleQueue
from typing import NamedTuple

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from tests.mutated import flat, mutated  # noqa: E402
from tests.trap import Table, Trap, tables  # noqa: E402

DISTRIBUTIONS = ("core", "api", *(f"plugins/{path.name}" for path in sorted((ROOT / "plugins").iterdir()) if path.is_dir()), "demo")
PACKAGES = ("engate", "engate_api", *(p.parent.name for d in DISTRIBUTIONS[2:] for p in sorted((ROOT / d).glob("*/__init__.py"))))
LEFT_OUT = shutil.ignore_patterns(".git", ".venv*", "data", "dist", "benchmarks", ".*_cache", ".hypothesis", "__pycache__")
TEST_SECONDS = 30  # one test; a mutant that makes a loop endless is killed by it
RUN_SECONDS = 120
RED = 1  # pytest's exit code where tests failed
FAILED = re.compile(r"^FAILED \S*?([^/\s]+::\w+)", re.MULTILINE)
SHOW_WHERE = "import importlib, sys; print(*(importlib.import_module(name).__file__ for name in sys.argv[1:]), sep='\\n')"


class Result(NamedTuple):
    trap: Trap
    verdict: str  # "killed" | "SURVIVED" | "BROKEN"
    seconds: float
    by: str = ""
    output: str = ""

    def line(self) -> str:
        by = f" by {self.by}" if self.by else ""
        return f"{self.verdict} {self.trap.id}{by} in {self.seconds:.1f} s"


class Copy:
    """A copy of the tree whose own packages are what its tests import, not the installed ones."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        shutil.copytree(ROOT, folder, ignore=LEFT_OUT, symlinks=True)
        beside = ROOT.parent / "shared" / "contracts"
        self.environment = {
            **{name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"},
            "PYTHONPATH": os.pathsep.join(str(folder / name) for name in DISTRIBUTIONS),
            "ENGATE_CONTRACTS": os.environ.get("ENGATE_CONTRACTS") or str(beside),
        }

    def check(self) -> None:
        """Ends the run if any package would be imported from somewhere else: every mutant would survive unnoticed."""
        asked = [sys.executable, "-c", SHOW_WHERE, *PACKAGES]
        found = subprocess.run(asked, cwd=self.folder, env=self.environment, capture_output=True, text=True, check=True).stdout.split()
        for where in found:
            if not Path(where).is_relative_to(self.folder):
                raise SystemExit(f"{where} is imported instead of the copy in {self.folder}")

    def pytest(self, tests: Iterable[str], *more: str, seconds: float = RUN_SECONDS, compiled: bool = False) -> tuple[int, str]:
        """(exit code, output). `compiled`: leave byte code behind, as only the unchanged tree may."""
        command = [sys.executable, "-m", "pytest", "-q", "--tb=short", "-rfE", "-p", "no:cacheprovider", f"--timeout={TEST_SECONDS}"]
        environment = self.environment if compiled else self.environment | {"PYTHONDONTWRITEBYTECODE": "1"}
        try:
            done = subprocess.run(
                [*command, *more, *tests],
                cwd=self.folder,
                env=environment,
                capture_output=True,
                text=True,
                timeout=seconds,
                check=False,
            )
        except subprocess.TimeoutExpired:
            return -1, f"no end within {seconds} s"
        return done.returncode, done.stdout + done.stderr

    def run(self, trap: Trap) -> Result:
        started = time.perf_counter()
        path = self.folder / trap.file
        source = path.read_text("utf-8")
        mutant = mutated(source, trap.guard, trap.disabled)
        if mutant is None or mutant == flat(source):
            return Result(trap, "BROKEN", 0, output="the guard does not stand once in its file")
        try:
            compile(mutant, trap.file, "exec")
        except SyntaxError as error:
            return Result(trap, "BROKEN", 0, output=str(error))
        for stale in path.parent.glob(f"__pycache__/{path.stem}.*"):
            stale.unlink()  # byte code is told from its source by size and second alone
        path.write_text(mutant, "utf-8")
        try:
            code, output = self.pytest(trap.tests, "-x")
        finally:
            path.write_text(source, "utf-8")
        seconds = time.perf_counter() - started
        red = FAILED.search(output)
        if code == RED and red:
            return Result(trap, "killed", seconds, red[1])
        return Result(trap, "SURVIVED" if code == 0 else "BROKEN", seconds, output=output)


def choose(every: list[Table], words: list[str]) -> list[Trap]:
    """Those that stand in a place of this name or whose id begins so, each once; without words all of them."""
    return [trap for each in every for trap in each.traps if not words or each.place in words or trap.id.startswith(tuple(words))]


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(description="Disables the guard behind each trap: do the tests notice?")
    every = tables()
    places = ", ".join(dict.fromkeys(each.place for each in every))
    parser.add_argument("words", nargs="*", metavar="WORD", help=f"only these: a place ({places}), an id, or how ids begin (default: all)")
    parser.add_argument("--processes", type=int, default=os.cpu_count() or 1)
    given = parser.parse_args(arguments)
    for word in given.words:
        if not choose(every, [word]):
            parser.error(f"no trap stands in {word}, and no id begins so; the places are {places}")
    chosen = choose(every, given.words)
    started = time.perf_counter()
    with tempfile.TemporaryDirectory(prefix="engate-mutants-") as folder:
        copies = [Copy(Path(folder) / str(number)) for number in range(max(1, min(given.processes, len(chosen))))]
        copies[0].check()
        if not _green(copies, chosen):
            return 1
        results = _all(copies, chosen)
    lost = [result for result in results if result.verdict != "killed"]
    for result in lost:
        print(f"\n---- {result.line()}: {result.trap.words}\n{result.output[-3000:]}")
    print(f"{len(results) - len(lost)} of {len(results)} mutants killed in {time.perf_counter() - started:.0f} s")
    return 1 if lost else 0


def _green(copies: list[Copy], chosen: list[Trap]) -> bool:
    """The tests with every guard in place, shared out among the copies."""
    tests = sorted({test for trap in chosen for test in trap.tests})
    shares = [share for share in (tests[number :: len(copies)] for number in range(len(copies))) if share]
    with ThreadPoolExecutor(len(copies)) as pool:
        runs = list(
            pool.map(lambda pair: pair[0].pytest(pair[1], seconds=RUN_SECONDS * 8, compiled=True), zip(copies, shares, strict=False))
        )
    for code, output in runs:
        if code != 0:
            print(f"the tests are not green to begin with:\n{output[-6000:]}")
    print(f"baseline: {len(tests)} tests of {len(chosen)} traps", flush=True)
    return all(code == 0 for code, _ in runs)


def _all(copies: list[Copy], chosen: list[Trap]) -> list[Result]:
    free: SimpleQueue[Copy] = SimpleQueue()
    for copy in copies:
        free.put(copy)
    said = threading.Lock()

    def one(trap: Trap) -> Result:
        copy = free.get()
        try:
            result = copy.run(trap)
        finally:
            free.put(copy)
        with said:
            print(result.line(), flush=True)
        return result

    with ThreadPoolExecutor(len(copies)) as pool:
        return list(pool.map(one, chosen))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
