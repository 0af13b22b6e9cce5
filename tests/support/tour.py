"""The READMEs' way: a server with its sandboxes, and the commands of documents, as a person would type them."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
BLOCK = re.compile(r"^```bash\n(.*?)^```$", re.MULTILINE | re.DOTALL)
STEPS = re.compile(r"<!-- five steps -->\n(.*?)<!-- /five steps -->", re.DOTALL)
START_SECONDS = 90
LOAD_SECONDS = 90


def text(name: str) -> str:
    return (ROOT / name).read_text("utf-8")


def steps(name: str) -> list[str]:
    """The blocks of the five steps, with the helpers before and the look at the result behind them."""
    found = STEPS.search(text(name))
    assert found
    return BLOCK.findall(found[1])


def environment(folder: Path) -> dict[str, str]:
    """Of an installation of its own, whose commands are found as a person's would be."""
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("ENGATE_")}
    path = f"{Path(sys.executable).parent}:{inherited['PATH']}"
    return {**inherited, "PATH": path, "ENGATE_DATA": str(folder / "data"), "PYTHONUNBUFFERED": "1"}


@contextmanager
def serving(folder: Path) -> Iterator[str]:
    """`engate serve --sandboxes`; the lines that it says to paste. In the end it stops as a person would stop it."""
    log = folder / "log"
    with log.open("w") as out:
        command = [sys.executable, "-m", "engate_api.cli", "serve", "--sandboxes", "--port", "0"]
        server = subprocess.Popen(command, env=environment(folder), stdout=out, stderr=subprocess.STDOUT)
    try:
        deadline = time.monotonic() + START_SECONDS
        while not re.search(r"INSTALLATION_KEY.*\n", log.read_text()):  # its last line
            assert server.poll() is None, log.read_text()
            assert time.monotonic() < deadline, log.read_text()
            time.sleep(0.1)
        assert re.match(r"engate: http://127\.0\.0\.1:\d+\n", log.read_text())
        yield "".join(line + "\n" for line in log.read_text().splitlines() if line.startswith("export "))
    finally:
        server.send_signal(signal.SIGTERM)
        status = server.wait(30)
    assert status == 0, log.read_text()


def bash(script: str, folder: Path | None = None) -> subprocess.CompletedProcess[str]:
    """`folder`: of the installation whose commands it runs, and where it stands."""
    env = environment(folder) if folder is not None else None
    return subprocess.run(["bash", "-c", script], capture_output=True, text=True, timeout=LOAD_SECONDS, check=False, cwd=folder, env=env)
