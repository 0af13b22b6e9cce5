"""`engate new-plugin`: what it writes is clean, works, and is red only where the author has to write."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from tests.test_import_rules import violations

from engate.domain.flows import FLOWS
from engate.specs import SPECS
from engate.version import VERSION
from engate_api.cli import main

ROOT = Path(__file__).resolve().parent.parent
LONG = "acme_and_a_very_long_name_here"
NAMED = {"erp": LONG, "storefront": "red"}
"""What is written must not depend on the length of a name, nor on what the templates call theirs."""
WRITTEN = {"erp": {"list_brands"}, "storefront": {"push_brands"}}


@contextmanager
def checkout(folder: Path, role: str) -> Iterator[Path]:
    """As a checkout of engate is, with this one plugin in it."""
    name = NAMED[role]
    (folder / "plugins").mkdir()
    (folder / "pyproject.toml").write_text((ROOT / "pyproject.toml").read_text("utf-8") + f'extraPaths = ["plugins/{name}"]\n', "utf-8")
    (folder / ".venv").symlink_to(sys.prefix)
    (folder / "core").symlink_to(ROOT / "core")
    assert main(["new-plugin", name, "--role", role, "--into", str(folder / "plugins")]) == 0
    yield folder


@pytest.fixture(scope="module", params=["erp", "storefront"])
def made(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, Path]]:
    with checkout(tmp_path_factory.mktemp("checkout"), request.param) as folder:
        yield request.param, folder


def run(folder: Path, *command: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(map(str, (folder / "plugins").iterdir()))}
    return subprocess.run(
        [sys.executable, "-m", *command], cwd=folder, env=environment, capture_output=True, text=True, timeout=120, check=False
    )


@pytest.mark.timeout(180)
@pytest.mark.parametrize("command", ["ruff format --check --no-cache plugins", "ruff check --no-cache plugins", "basedpyright plugins"])
def test_make_check_passes_on_it(made: tuple[str, Path], command: str) -> None:
    _, folder = made
    ran = run(folder, *command.split())
    assert ran.returncode == 0, ran.stdout + ran.stderr


def test_its_types_are_told_to_who_imports_it(made: tuple[str, Path]) -> None:
    """Installed in a checkout, strict types ask for it."""
    role, folder = made
    packages = sorted((folder / "plugins" / NAMED[role]).glob("engate_*"))
    assert len(packages) == 2 and all((package / "py.typed").exists() for package in packages)


def test_the_import_rules_hold_in_it(made: tuple[str, Path]) -> None:
    _, folder = made
    assert violations(folder) == []


@pytest.mark.timeout(180)
def test_its_tests_are_red_only_where_the_author_has_to_write(made: tuple[str, Path]) -> None:
    role, folder = made
    name = NAMED[role]
    ran = run(folder, "pytest", "-q", "-p", "no:cacheprovider", f"plugins/{name}")
    own = {spec.name for spec in SPECS.values() if spec.role.__name__.lower() == role}
    wanted = {hook for flow in FLOWS.values() for hook in flow.needs} & own - WRITTEN[role]
    red = set(re.findall(r"^FAILED \S+::(\S+)", ran.stdout, re.MULTILINE))
    assert red == {f"test_is_written[{hook}]" for hook in wanted}, ran.stdout + ran.stderr
    passed = re.search(r"(\d+) passed", ran.stdout)
    assert passed is not None and int(passed[1]) >= 4 and "error" not in ran.stdout.splitlines()[-1]
    hook = sorted(wanted)[0]
    assert f"write {hook} in engate_{name}/{role}.py" in ran.stdout


def test_it_says_of_itself_what_every_distribution_says(made: tuple[str, Path]) -> None:
    """tests/test_installed.py holds all of them to it."""
    role, folder = made
    core, own = (tomllib.loads((path / "pyproject.toml").read_text("utf-8")) for path in (ROOT / "core", folder / "plugins" / NAMED[role]))
    assert own["project"]["version"] == VERSION
    for said in ("license", "requires-python", "authors", "keywords", "classifiers"):
        assert own["project"][said] == core["project"][said], said
    assert own["project"]["entry-points"] == {
        "engate.platforms": {NAMED[role]: f"engate_{NAMED[role]}:manifest"},
        "engate.sandboxes": {NAMED[role]: f"engate_{NAMED[role]}_sandbox:{_class_of(NAMED[role])}Sandbox"},
    }


def test_it_lists_every_hook_of_its_role_as_it_is_written(made: tuple[str, Path]) -> None:
    role, folder = made
    source = (folder / "plugins" / NAMED[role] / f"engate_{NAMED[role]}" / f"{role}.py").read_text("utf-8")
    listed = set(re.findall(r"^    # (?:async )?def (\w+)\(self", source, re.MULTILINE))
    assert listed | WRITTEN[role] == {spec.name for spec in SPECS.values() if spec.role.__name__.lower() == role}
    assert role != "storefront" or "    # async def read_order(self, key: str) -> Order\n" in source
    assert "acme" not in source.lower().replace(LONG, "").replace(_class_of(LONG).lower(), "")


def test_nothing_of_it_is_left_half_made(tmp_path: Path) -> None:
    assert main(["new-plugin", "red", "--role", "erp", "--into", str(tmp_path)]) == 0
    assert [path.name for path in tmp_path.iterdir()] == ["red"]


def test_what_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """Each with what to do, and nothing is written."""
    into = ["--role", "erp", "--into", str(tmp_path)]
    for name, word in (("Red", "my_erp"), ("1red", "my_erp"), ("red__blue", "my_erp"), ("../red", "my_erp"), ("r" * 31, "my_erp"),
                       ("red_sandbox", "my_erp"), ("api", "installed"), ("winthor", "installed")):  # fmt: skip
        assert main(["new-plugin", name, *into]) == 1, name
        assert word in capsys.readouterr().err, name
    assert list(tmp_path.iterdir()) == []
    (tmp_path / "red").mkdir()
    (tmp_path / "red" / "mine").write_text("kept")
    assert main(["new-plugin", "red", *into]) == 1
    assert "already" in capsys.readouterr().err
    assert [path.name for path in tmp_path.rglob("*")] == ["red", "mine"]
    monkeypatch.chdir(tmp_path)
    assert main(["new-plugin", "blue", "--role", "erp"]) == 1
    assert "--into" in capsys.readouterr().err
    with pytest.raises(SystemExit):
        main(["new-plugin", "blue"])
    assert "--role" in capsys.readouterr().err


def test_it_names_the_commands_to_run_next(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "plugins").mkdir()
    shutil.copy(ROOT / "Makefile", tmp_path)
    monkeypatch.chdir(tmp_path)
    assert main(["new-plugin", "red", "--role", "storefront"]) == 0
    said = capsys.readouterr().out
    for command in ("make .venv", "-m pytest plugins/red", "make check", "plugins/red/engate_red/storefront.py"):
        assert command in said, command
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    assert main(["new-plugin", "blue", "--role", "erp", "--into", "elsewhere"]) == 0
    assert "pip install" in capsys.readouterr().out


def _class_of(name: str) -> str:
    return "".join(word.capitalize() for word in name.split("_"))
