"""`engate call`: one hook of a plugin against an account, without an installation."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from api.tests.conftest import ERP, SHOP, Box, sandbox
from tests.support.goods import goods
from tests.support.stage import side

from engate_api.cli import main


@pytest.fixture
def erp() -> Iterator[Box]:
    with sandbox(side(ERP).sandbox(limits=False)) as box:
        box.post("seed", goods(3))
        yield box


@pytest.fixture
def file(tmp_path: Path, erp: Box, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The account's settings; its secrets are in the environment."""
    said = erp.about
    for name, secret in said.secrets.items():
        monkeypatch.setenv(f"OF_{name.upper()}", secret)
    values = {**said.settings, **said.unlimited, **{name: f"env:OF_{name.upper()}" for name in said.secrets}}
    path = tmp_path / "account.json"
    path.write_text(json.dumps(values))
    return path


class Ran:
    def __init__(self, captured: pytest.CaptureFixture[str], *argv: str) -> None:
        self.status = main(["call", *argv])
        self.out, self.err = captured.readouterr()


def test_the_pages_of_a_hook_and_the_calls_that_it_made(erp: Box, file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    ran = Ran(capsys, ERP, "list_skus", "--settings", str(file), "-v")
    assert ran.status == 0, ran.err
    keys = [sku["key"] for sku in erp.get("state")]
    assert keys and all(f"key={key}" in ran.out for key in keys)
    assert "-- a page of" in ran.out and "[list_skus]" in ran.out and "ok      200" in ran.out and "        < " in ran.out
    assert [secret for secret in erp.about.secrets.values() if secret in ran.out + ran.err] == []


def test_only_some_keys_and_as_lines_of_json(erp: Box, file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    key = erp.get("state")[0]["key"]
    ran = Ran(capsys, ERP, "list_prices", "--settings", str(file), "--keys", key, "--json", "--pages", "9")
    assert ran.status == 0, ran.err
    assert {json.loads(line)["sku"] for line in ran.out.splitlines()} == {key}
    assert "-- that was all" in ran.err and "[list_prices" in ran.err


def test_a_test_of_the_account_and_a_refusal_are_shown_with_their_calls(
    erp: Box, file: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    ran = Ran(capsys, ERP, "test_connection", "--settings", str(file))
    assert ran.status == 0 and "ok  " in ran.out and "[test_connection]" in ran.out
    for name in erp.about.secrets:
        monkeypatch.setenv(f"OF_{name.upper()}", "another-secret")
    ran = Ran(capsys, ERP, "list_skus", "--settings", str(file), "-v")
    assert ran.status == 1 and "refused 401" in ran.out and "engate: " in ran.err and "another-secret" not in ran.out + ran.err


@pytest.mark.parametrize(
    ("argv", "says"),
    [
        (["nowhere", "list_skus"], ERP),
        ([ERP, "list_shoes"], "list_skus"),
        ([ERP, "import_order"], "engate conformance"),
        ([ERP, "find_order"], "only reads"),
        ([SHOP, "push_stock"], "only reads"),
        ([ERP, "read_listing"], "has no read_listing"),
        ([ERP, "list_choices"], "takes one more word"),
        ([ERP, "list_skus", "7"], "takes no '7'"),
    ],
)
def test_what_cannot_be_called_is_said_with_what_can(argv: list[str], says: str, file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    ran = Ran(capsys, *argv, "--settings", str(file))
    assert ran.status == 1 and says in ran.err


def test_a_setting_that_does_not_exist_is_said_with_those_that_do(erp: Box, file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    values: dict[str, Any] = json.loads(file.read_text())
    file.write_text(json.dumps({**values, "base_urll": "http://x"}))
    ran = Ran(capsys, ERP, "list_skus", "--settings", str(file))
    assert ran.status == 1 and "base_urll" in ran.err and "base_url," in ran.err
