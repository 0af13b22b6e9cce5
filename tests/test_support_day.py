"""A support desk's day, as docs/operations.md tells it in Portuguese: each command is run, and what it says is what stands there."""

from __future__ import annotations

import re
import shutil
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import NamedTuple

import pytest
from tests.support.tour import bash, serving, steps, text

DAY = re.compile(r"^## Um dia de atendimento$(.*?)(?=^## |\Z)", re.MULTILINE | re.DOTALL)
EXAMPLE = re.compile(r"(Com o engate parado:\n\n)?^```bash\n(.*?)^```\n(?:```text\n(.*?)^```$)?", re.MULTILINE | re.DOTALL)
SECONDS = 60


class Example(NamedTuple):
    """`answer`: what it says, "…" for what differs from time to time; "": nothing is said of it."""

    script: str
    answer: str
    stopped: bool


def examples() -> Iterator[Example]:
    found = DAY.search(text("docs/operations.md"))
    assert found
    for stopped, script, answer in EXAMPLE.findall(found[1]):
        yield Example(script, answer, bool(stopped))


def as_pattern(answer: str) -> re.Pattern[str]:
    return re.compile("\n".join(".*".join(re.escape(piece) for piece in line.split("…")) for line in answer.splitlines()) + r"\s*")


@pytest.mark.skipif(shutil.which("curl") is None or shutil.which("bash") is None, reason="no curl or bash")
@pytest.mark.timeout(400)
def test_the_day_goes_as_it_is_told(tmp_path: Path) -> None:
    *doing, _ = steps("README.md")
    kept = tmp_path / "kept"
    keep = f"\n{{ export -p; declare -f; }} > {kept}\n"
    with ExitStack() as server:
        exports = server.enter_context(serving(tmp_path))
        soon = "api -X PATCH $ENGATE/integrations/$ID/flows/fulfilment -d '{\"every\": 1}'"
        begun = bash(f"set -ea -o pipefail\n{exports}\n" + "\n".join([*doing, soon, *_until_loaded()]) + keep, tmp_path)
        assert begun.returncode == 0, begun.stdout + begun.stderr
        for each in examples():
            if each.stopped:
                server.close()
            _said(each, f"set -a\nsource {kept}\n{each.script}{keep}", tmp_path)
            if each.stopped:
                again = server.enter_context(serving(tmp_path))
                kept.write_text(kept.read_text() + again)


def _until_loaded() -> list[str]:
    at = "api $ENGATE/integrations/$ID"
    return [
        f'while {at}/runs | grep -q \'"state":"\\(reading\\|pushing\\)"\'; do sleep 0.3; done',
        f"until {at}/summary | grep -q '\"moving\":0'; do sleep 0.3; done",
    ]


def _said(each: Example, script: str, folder: Path) -> None:
    """What follows from a change takes its moments: who asks asks again. A command that changes something is said once, with no answer."""
    deadline = time.monotonic() + SECONDS
    pattern = as_pattern(each.answer)
    while True:
        done = bash(script, folder)
        if not each.answer or pattern.fullmatch(done.stdout):
            assert done.returncode == 0, f"{each.script}\n{done.stdout}{done.stderr}"
            return
        assert time.monotonic() < deadline, f"{each.script}\nsays:\n{done.stdout}{done.stderr}\ninstead of:\n{each.answer}"
        time.sleep(0.3)
