"""What is published names no machine it was made on: no absolute path, no package index, no tool."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
# Written with gaps, so that this file does not find itself.
BANNED: dict[str, re.Pattern[str]] = {
    "an absolute path of a machine": re.compile(r"(?<![\w.}/:-])/(?:wor[k]|roo[t]|hom[e]|op[t]|User[s]|mn[t]|tm[p]|privat[e])/\w"),
    "a package index": re.compile(
        r"pyp[i]|pythonhoste[d]|npmj[s]|deb\.debia[n]|artifactor[y]|--(?:extra-)?index-ur[l] ?[=h]|devp[i]", re.I
    ),
    "a tool": re.compile(r"claud[e]|anthropi[c]|chat ?gp[t]|opena[i]\b|copilo[t]|\bgemin[i]\b|\bLL[M]s?\b|language mode[l]|\bA[I] ", re.I),
    "the making": re.compile(
        r"(?<!user-)(?<!user_)\b(?:sub)?agen[t]s?\b(?!\s*=)|\bhelper session|(?:this|earlier|previous|next) sessio[n]", re.I
    ),
}
LIKENESSES = {
    "an absolute path of a machine": ["see /wor" + "k/x/y", '"/hom' + 'e/me/.venv"', "cd /roo" + "t/a"],
    "a package index": ["https://pyp" + "i.org/simple", "files.pythonhoste" + "d.org", "--index-ur" + "l https://x"],
    "a tool": ["made with Claud" + "e", "by an A" + "I assistant", "asked Chat" + "GPT"],
    "the making": ["the agen" + "t wrote", "in an earlier sessio" + "n"],
}
FINE = [
    "PostgreSQL run by /root's owner", "/integrations/{id}/work/x", "GET /tmp", "User-Agent: x", "a session at the platform", "https://x.org/opt/a",
    "#!/usr/bin/env bash", "--no-emit-index-url", "the session", "failing", "said",
]  # fmt: skip


def tracked() -> list[Path]:
    try:
        listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, check=True).stdout
    except (FileNotFoundError, subprocess.CalledProcessError):
        pytest.skip("not a git checkout")
    return [ROOT / name for name in listed.decode().split("\0") if name and (ROOT / name).is_file()]


def found_in(text: str) -> list[str]:
    return [f"{what}: {hit[0]!r}" for what, pattern in BANNED.items() for hit in pattern.finditer(text)]


def test_nothing_tracked_names_where_it_was_made() -> None:
    files = tracked()
    assert len(files) > 100
    found: list[str] = []
    for file in files:
        name = file.relative_to(ROOT).as_posix()
        lines = [name, *file.read_bytes().decode("utf-8", "replace").splitlines()]
        found += [f"{name}:{number}: {hit}" for number, line in enumerate(lines) for hit in found_in(line)]
    assert found == []


def test_the_lock_holds_hashes_and_no_address() -> None:
    lines = (ROOT / "requirements.lock").read_text("utf-8").splitlines()
    assert [line for line in lines if "://" in line or line.startswith("-")] == []
    pinned = [line for line in lines if re.match(r"\w", line)]
    assert len(pinned) > 20
    assert sum("--hash=sha256:" in line for line in lines) >= len(pinned)


@pytest.mark.parametrize(("what", "text"), [(what, text) for what, texts in LIKENESSES.items() for text in texts])
def test_each_is_recognised(what: str, text: str) -> None:
    assert any(hit.startswith(what) for hit in found_in(text))


@pytest.mark.parametrize("text", FINE)
def test_what_only_looks_like_it_passes(text: str) -> None:
    assert found_in(text) == []
