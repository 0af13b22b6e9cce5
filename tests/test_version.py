"""One version, whatever is asked for it; and the versions of Python that the project says it runs on are those that its CI tries."""

from __future__ import annotations

import re
import subprocess
import sys
import tomllib
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pytest
import yaml

from engate.version import VERSION

ROOT = Path(__file__).resolve().parent.parent
PROJECTS = [ROOT / "core", ROOT / "api", *sorted(file.parent for file in (ROOT / "plugins").glob("*/pyproject.toml")), ROOT / "demo"]
PYTHON = "Programming Language :: Python :: "


def project(folder: Path) -> dict[str, Any]:
    return tomllib.loads((folder / "pyproject.toml").read_text("utf-8"))["project"]


@pytest.mark.parametrize("folder", PROJECTS, ids=lambda folder: folder.name)
def test_every_distribution_carries_the_version_of_the_whole(folder: Path) -> None:
    """What would be built now, and what is installed here."""
    asked = [sys.executable, "-m", "hatchling", "metadata", "version"]
    built = subprocess.run(asked, cwd=folder, capture_output=True, text=True, check=True).stdout.strip()
    assert built == VERSION, f"{folder.name}/pyproject.toml: take the version from core/engate/version.py, as the others do"
    assert version(project(folder)["name"]) == VERSION, "installed at another version: make .venv"


def test_the_changelog_tells_of_this_version() -> None:
    told = re.findall(r"^## (\S+)", (ROOT / "CHANGELOG.md").read_text("utf-8"), re.MULTILINE)
    assert [each for each in told if each != "Unreleased"][0] == VERSION


def test_the_files_of_an_installation_name_this_version() -> None:
    for name in ("deploy/compose.yaml", "docs/production.md", "docs/production.pt-BR.md"):
        assert VERSION in re.findall(r"(?:engate[:/])(\d+\.\d+\.\d+)", (ROOT / name).read_text("utf-8")), name


def test_ci_tries_every_python_that_the_project_says_it_runs_on() -> None:
    said = [each.removeprefix(PYTHON) for each in project(ROOT / "core")["classifiers"] if re.fullmatch(rf"{PYTHON}3\.\d+", each)]
    jobs = yaml.safe_load((ROOT / ".github/workflows/ci.yml").read_text("utf-8"))["jobs"]
    assert jobs["test"]["strategy"]["matrix"]["python"] == said
    first, last = (tuple(map(int, each.split("."))) for each in (said[0], said[-1]))
    assert project(ROOT / "core")["requires-python"] == f">={first[0]}.{first[1]},<{last[0]}.{last[1] + 1}"
    running = f"{sys.version_info.major}.{sys.version_info.minor}"
    assert running in said, f"these tests run on Python {running}"
