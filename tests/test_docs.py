"""The documentation against the code: every hook has its section, every link leads somewhere, every setting and command is named."""

from __future__ import annotations

import inspect
import re
import runpy
import subprocess
import sys
from pathlib import Path

import pytest

from engate import model
from engate.domain.flows import FLOWS
from engate.hooks import ROLES
from engate.testing.facts import Fault
from engate_api.cli import COMMANDS
from engate_api.commands.added import added

ROOT = Path(__file__).resolve().parent.parent
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").glob("*.md")])
SECTION = re.compile(r"^### `(\w+)`\n\n```python\n(.+)\n```\n\n(.+)", re.MULTILINE)


def hooks() -> dict[str, str]:
    """Every hook and its signature as one reads it in the source."""
    found: dict[str, str] = {}
    for role in ROLES:
        for name, spec in vars(role).items():
            if hasattr(spec, "engate_spec"):
                word = "async def" if inspect.iscoroutinefunction(spec) else "def"
                found[name] = f"{word} {name}{inspect.signature(spec)}".replace("'", "")
    return found


def test_every_hook_has_its_section_and_every_section_its_hook() -> None:
    text = (ROOT / "docs/hooks.md").read_text("utf-8")
    sections = {name: signature for name, signature, _ in SECTION.findall(text)}
    assert sections == hooks()
    assert len(re.findall("^### ", text, re.MULTILINE)) == len(sections), "a heading without signature or text"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_lead_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\(([^)#]+)\)", page.read_text("utf-8")):
        assert target.startswith("https://") or (page.parent / target).exists(), target


def test_the_page_of_refusals_is_fresh() -> None:
    generate = runpy.run_path(str(ROOT / "docs/generate.py"))
    assert generate["refused"]() == (ROOT / "docs/refusals.md").read_text("utf-8"), "docs/refusals.md is stale: make docs"


def test_the_reference_is_fresh_and_says_something_of_every_field() -> None:
    generate = runpy.run_path(str(ROOT / "docs/generate.py"))
    page = generate["reference"].page()
    assert page == (ROOT / "docs/reference.md").read_text("utf-8"), "docs/reference.md is stale: make docs"
    for kind in (model.Product, model.OrderPart, model.Invoice, Fault):
        rows = page.split(f"### {kind.__name__}\n", 1)[1].split("\n### ")[0]
        assert all(f"| `{field}` |" in rows for field in kind.__struct_fields__), kind
    assert all(f"`{name}`" in page for flow in FLOWS.values() for name in (*flow.needs, *flow.uses))


def test_every_hook_has_an_example_that_is_the_code_which_tests_run() -> None:
    page = runpy.run_path(str(ROOT / "docs/generate.py"))["examples"].page()
    assert page == (ROOT / "docs/examples.md").read_text("utf-8"), "docs/examples.md is stale: make docs"
    shown = {name for name in hooks() if f"def {name}(" in page}
    assert {name for name in hooks() if name not in shown} == {"check_warehouses", "check_categories", "check_brands", "check_images"}


def test_the_example_plugin_works(tmp_path: Path) -> None:
    """The plugin of docs/plugin-author.md, written into a folder as it stands there, passes its own tests."""
    files = re.findall(r"^```python\n# (\S+)\n(.*?)^```$", (ROOT / "docs/plugin-author.md").read_text("utf-8"), re.MULTILINE | re.DOTALL)
    assert len(files) == 7
    for name, source in files:
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(source, "utf-8")
    (tmp_path / "pytest.ini").write_text("[pytest]\nasyncio_mode = auto\nasyncio_default_fixture_loop_scope = function\npythonpath = .\n")
    ran = subprocess.run([sys.executable, "-m", "pytest", "-q", "tests"], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert "4 passed" in ran.stdout


def test_operations_names_every_command() -> None:
    text = (ROOT / "docs/operations.md").read_text("utf-8")
    assert set(re.findall(r"`engate ([\w-]+)", text)) == COMMANDS.keys() | added().keys()


EXAMINED = {"F": 9, "T": 16, "W": 6, "R": 17, "S": 7, "V": 8, "U": 11}
"""What an examination found: so many rows of each letter."""


def test_the_roadmap_names_every_row_of_the_examination_and_tests_that_there_are() -> None:
    """`…::name` is of the file that was named before."""
    text = (ROOT / "docs/roadmap.md").read_text("utf-8")
    rows = re.findall(r"^\| ([FTWRSVU]\d+(?:, [FTWRSVU]\d+)*) \| done", text, re.MULTILINE)
    named = {row for each in rows for row in each.split(", ")}
    assert named == {f"{letter}{number}" for letter, last in EXAMINED.items() for number in range(1, last + 1)}
    file = ""
    for path, test in re.findall(r"`(…|[\w/]+\.py)(?:::(test_\w+))?`", text):
        file = (ROOT / path).read_text("utf-8") if path != "…" else file
        assert not test or f"def {test}(" in file, f"{path} has no {test}"
