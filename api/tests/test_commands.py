"""Commands that other distributions bring: each is a folder here, as an author's is once it is installed."""

from __future__ import annotations

import sys
from collections.abc import Callable, Generator
from pathlib import Path

import pytest

from engate_api.cli import main

GREET = "import sys\n\n\ndef main(argv):\n    print('greetings', *argv)\n    return 7\n"
Install = Callable[..., None]


@pytest.fixture
def install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Generator[Install]:
    monkeypatch.syspath_prepend(str(tmp_path))

    def made(distribution: str, commands: dict[str, str], **modules: str) -> None:
        about = tmp_path / f"{distribution.replace('-', '_')}-1.dist-info"
        about.mkdir()
        (about / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {distribution}\nVersion: 1\nSummary: what {distribution} does\n")
        (about / "entry_points.txt").write_text("\n".join(["[engate.commands]", *(f"{name} = {at}" for name, at in commands.items())]))
        for name, source in modules.items():
            (tmp_path / f"{name}.py").write_text(source)

    yield made
    for name in [name for name, module in sys.modules.items() if str(getattr(module, "__file__", None)).startswith(f"{tmp_path}/")]:
        del sys.modules[name]


def test_it_is_listed_with_what_its_distribution_says_and_runs(install: Install, capsys: pytest.CaptureFixture[str]) -> None:
    install("acme-tools", {"greet": "acme_greet:main"}, acme_greet=GREET)
    assert main(["--help"]) == 0
    assert "  greet        what acme-tools does (acme-tools)\n" in capsys.readouterr().out
    assert main(["greet", "--loud", "you"]) == 7
    assert capsys.readouterr().out == "greetings --loud you\n"


@pytest.mark.parametrize(
    ("at", "source", "said"),
    [
        ("acme_broken:main", "import nothing_of_that_name\n", "ModuleNotFoundError: No module named 'nothing_of_that_name'"),
        ("acme_broken:main", "raise RuntimeError('no licence')\n", "RuntimeError: no licence"),
        ("acme_broken:main", "def other(): ...\n", "AttributeError: module 'acme_broken' has no attribute 'main'"),
        ("acme_broken:main", "main = 3\n", "TypeError: acme_broken:main is no function"),
        ("acme_gone:main", "", "ModuleNotFoundError: No module named 'acme_gone'"),
        ("not a place", "", "AttributeError"),
    ],
)
def test_a_broken_one_is_named_with_its_distribution_and_harms_no_other(
    install: Install, capsys: pytest.CaptureFixture[str], at: str, source: str, said: str
) -> None:
    install("acme-broken", {"break": at}, acme_broken=source)
    install("acme-tools", {"greet": "acme_greet:main"}, acme_greet=GREET)
    assert main(["--help"]) == 0
    listed = capsys.readouterr().out
    assert all(f"  {name} " in listed for name in ("serve", "greet", "break"))
    assert main(["greet"]) == 7
    capsys.readouterr()
    assert main(["break"]) == 1
    told = capsys.readouterr().err
    assert "acme-broken" in told and said in told and "acme-tools" not in told


def test_two_of_one_name_are_refused_with_both_names(install: Install, capsys: pytest.CaptureFixture[str]) -> None:
    install("acme-tools", {"greet": "acme_greet:main", "wave": "acme_greet:main"}, acme_greet=GREET)
    install("other-tools", {"greet": "acme_greet:main"})
    assert main(["greet"]) == 1
    said = capsys.readouterr()
    assert "acme-tools" in said.err and "other-tools" in said.err and said.out == ""
    assert main(["--help"]) == 0
    [line] = [line for line in capsys.readouterr().out.splitlines() if line.startswith("  greet ")]
    assert "acme-tools" in line and "other-tools" in line
    assert main(["wave"]) == 7


def test_what_engate_has_itself_stays_its_own(
    install: Install, capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ENGATE_DATA", str(tmp_path / "data"))
    install("acme-tools", {"backup": "acme_greet:main"}, acme_greet=GREET)
    assert main(["backup", str(tmp_path / "file")]) == 1  # there is no database yet
    said = capsys.readouterr()
    assert str(tmp_path / "data") in said.err and "greetings" not in said.out
    assert main(["--help"]) == 0
    own, theirs = [line for line in capsys.readouterr().out.splitlines() if line.startswith("  backup ")]
    assert "acme-tools" not in own and "refused" in theirs and "acme-tools" in theirs and "engate-api" in theirs
