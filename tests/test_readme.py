"""The READMEs tell the truth: their five steps lead a new user to products in the shop, both hold the same commands, and the capability
table is the code's."""

from __future__ import annotations

import re
import runpy
import shutil
import time
from collections.abc import Generator
from pathlib import Path

import pytest
from tests.support.tour import BLOCK, LOAD_SECONDS, ROOT, bash, serving, steps, text

READMES = ("README.md", "README.pt-BR.md")
ORDER = re.compile(r"^## An order, there and back$(.*?)^## ", re.MULTILINE | re.DOTALL)


def test_both_hold_the_same_commands() -> None:
    english, portuguese = (BLOCK.findall(text(name)) for name in READMES)
    assert english == portuguese
    assert [line.split("#")[0].strip() for line in english[0].splitlines()] == ["make demo", "make test"]
    for name in READMES:
        assert re.findall(r"^\*\*(\d)\. ", text(name), re.MULTILINE) == ["1", "2", "3", "4", "5"]
        assert len(steps(name)) == 7


def test_the_capability_table_is_the_codes() -> None:
    generate = runpy.run_path(str(ROOT / "docs/generate.py"))
    for name, language in generate["READMES"].items():
        assert generate["rendered"](text(name), language) == text(name), f"{name} is stale: make docs"


def test_a_stale_table_is_seen() -> None:
    generate = runpy.run_path(str(ROOT / "docs/generate.py"))
    stale = text("README.md").replace("(`stock`) | ✓ |", "(`stock`) | – |")
    assert stale != text("README.md")
    assert generate["rendered"](stale, "en") == text("README.md")


@pytest.fixture
def exports(tmp_path: Path) -> Generator[str]:
    """The lines that `engate serve --sandboxes` says to paste."""
    with serving(tmp_path) as said:
        yield said


@pytest.mark.skipif(shutil.which("curl") is None or shutil.which("bash") is None, reason="no curl or bash")
@pytest.mark.timeout(300)
def test_the_five_steps_bring_products_to_the_shop(exports: str, tmp_path: Path) -> None:
    *doing, looking = steps("README.md")
    kept = tmp_path / "kept"
    done = bash(f"set -ea -o pipefail\n{exports}\n" + "\n".join(doing) + f"\n{{ export -p; declare -f; }} > {kept}\n")
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.count('"passed":true') == 2, done.stdout
    deadline = time.monotonic() + LOAD_SECONDS
    while True:
        seen = bash(f"set -e -o pipefail\nsource {kept}\n{looking}")
        assert seen.returncode == 0, seen.stdout + seen.stderr
        visible = re.search(r"^(\d+) visible$", seen.stdout, re.MULTILINE)
        assert visible, seen.stdout
        if int(visible[1]) > 0 and f'"settled": {visible[1]}' in seen.stdout:
            break
        assert time.monotonic() < deadline, seen.stdout
        time.sleep(0.5)
    assert seen.stdout.splitlines()[0] == "Ativa"
    assert int(visible[1]) > 0
    assert '"code":"link.category"' in seen.stdout  # and what waits says why
    _an_order_goes_there_and_back(kept)


def _an_order_goes_there_and_back(kept: Path) -> None:
    """By the blocks of the README; what is read every half minute is read at once."""
    found = ORDER.search(text("README.md"))
    assert found
    selling, looking = BLOCK.findall(found[1])
    soon = "api -X PATCH $ENGATE/integrations/$ID/flows/fulfilment -d '{\"every\": 1}'"
    sold = bash(f"set -ea -o pipefail\nsource {kept}\n{soon}\n{selling}\nexport -p > {kept}.sold\n")
    assert sold.returncode == 0, sold.stdout + sold.stderr
    deadline = time.monotonic() + LOAD_SECONDS
    while '"state":"invoiced"' not in (seen := bash(f"set -e -o pipefail\nsource {kept}\nsource {kept}.sold\n{looking}")).stdout:
        assert time.monotonic() < deadline, seen.stdout + seen.stderr
        time.sleep(0.5)
    assert '"seller":"2"' in seen.stdout or '"seller": "2"' in seen.stdout, seen.stdout
