"""`--env-file`: the file that systemd reads is read the same way by a command that is typed, whatever stands in it."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from api.tests.conftest import migrated
from api.tests.test_cli import environment

from engate.errors import Invalid
from engate_api.env_file import read
from engate_api.environment import parser, told

LINES = {
    "A=plain": "plain",
    "A=": "",
    "  A = in blanks \t": "in blanks",
    "A=p$HOME#s`id`;\"w'": "p$HOME#s`id`;\"w'",
    "A=a=b": "a=b",
    "A=a\\ b\\\\c": "a b\\c",
    "A=kept\\ ": "kept ",
    "A=two\\\nlines": "twolines",
    "A='a $b \"c\" #d\\e'": 'a $b "c" #d\\e',
    "A=\"a $b 'c' #d\"": "a $b 'c' #d",
    'A="a\\"b\\\\c\\$d\\`e\\nf"': 'a"b\\c$d`e\\nf',
    'A="two\\\nlines"': "twolines",
    "A='a'\"b\" c": "abc",
    "A=caf\u00e9": "caf\u00e9",
    "export A=x": None,
    "A": None,
    "A='never-ended": None,
    'A="never-ended': None,
    "1A=x": None,
    "=x": None,
}
"""As systemd.exec(5) and its source tell it; None: it would leave that out, or take more than one sees."""


@pytest.mark.parametrize(("line", "value"), LINES.items())
def test_a_line_is_what_systemd_makes_of_it(tmp_path: Path, line: str, value: str | None) -> None:
    file = tmp_path / "env"
    file.write_text(f"# a remark: it's one\n\n; another\nBEFORE=1\n{line}\n", "utf-8")
    if value is not None:
        assert read(file) == {"BEFORE": "1", "A": value}
        return
    with pytest.raises(Invalid) as caught:
        read(file)
    assert f"{file}, line 5" in caught.value.text.en and caught.value.where == "--env-file"
    assert "never-ended" not in caught.value.text.en  # it may be a password


def test_a_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    (tmp_path / "binary").write_bytes(b"A=\xff\xfe")
    for file in (tmp_path / "none", tmp_path, tmp_path / "binary"):
        with pytest.raises(Invalid) as caught:
            read(file)
        assert str(file) in caught.value.text.en and caught.value.hint.pt


def test_a_variable_that_there_is_not_is_told_those_that_there_are(tmp_path: Path) -> None:
    file = tmp_path / "env"
    file.write_text("ENGATE_DATABSE_URL=postgresql+psycopg://engate:very-secret@db/engate\n")
    before = dict(os.environ)
    with pytest.raises(Invalid) as caught:
        told(parser("engate x", "x"), ["--env-file", str(file)])
    assert "ENGATE_DATABSE_URL" in caught.value.text.en and "ENGATE_DATABASE_URL" in caught.value.hint.en
    assert "very-secret" not in f"{caught.value.text}{caught.value.hint}" and dict(os.environ) == before


@pytest.mark.trap("engine.env-file-alone")
def test_a_command_is_told_by_its_file_alone(tmp_path: Path) -> None:
    """Whatever the shell still holds; and it is the data folder with a blank and a `$` in its name."""
    data, file = tmp_path / "da $HOME ta", tmp_path / "env"
    data.mkdir()
    (data / "engate.db").write_bytes(migrated())
    file.write_text(f"# ours\nENGATE_DATA={data}\n")
    shell = environment(tmp_path / "other", ENGATE_REDIS_URL="redis://127.0.0.1:1/0")
    command = [sys.executable, "-m", "engate_api.cli", "backup", str(tmp_path / "made.backup"), "--env-file", str(file)]
    ran = subprocess.run(command, env=shell, capture_output=True, text=True, timeout=60, check=False)
    assert ran.returncode == 0, ran.stderr
    assert (tmp_path / "made.backup").stat().st_size and not (tmp_path / "other").exists()
