"""`engate conformance`: the suite on an account, from the command line; the account is a sandbox that it reaches by its settings alone."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
from api.tests.conftest import ERP, SHOP, Box, sandbox
from tests.support.stage import side

from engate.testing.goods import goods
from engate.testing.sandbox import Sandbox
from engate.version import VERSION
from engate_api.cli import main


class Account:
    """A file of settings, and the platform behind it."""

    def __init__(self, box: Box, served_by: Sandbox, folder: Path) -> None:
        self.box, self.served_by, self.file = box, served_by, folder / "account.json"
        self.platform = box.about.platform
        self.write()

    def write(self, **values: object) -> None:
        said = self.box.about
        self.file.write_bytes(msgspec.json.encode({**said.settings, **said.unlimited, **said.secrets, **values}))

    def run(self, *more: str) -> int:
        return main(["conformance", self.platform, "--settings", str(self.file), *more])


@pytest.fixture
def erp(tmp_path: Path) -> Iterator[Account]:
    served_by = side(ERP).sandbox(limits=False)
    served_by.seed(goods(60))
    with sandbox(served_by) as box:
        yield Account(box, served_by, tmp_path)


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[Account]:
    served_by = side(SHOP).sandbox(limits=False)
    with sandbox(served_by) as box:
        yield Account(box, served_by, tmp_path)


def by_name(said: str) -> dict[str, Any]:
    return {f"{row['hook']}-{row['check']}": row for row in json.loads(said)["results"]}


def test_an_account_passes_and_the_report_names_what_was_tried(
    erp: Account, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The secret comes from the environment, and stands nowhere."""
    monkeypatch.setenv("THE_PASSWORD", erp.box.about.secrets["password"])
    erp.write(password="env:THE_PASSWORD")
    report = tmp_path / "report.md"
    writes = sum(erp.served_by.counts.writes.values())
    assert erp.run("--json", "--report", str(report)) == 0
    said = capsys.readouterr()
    rows = by_name(said.out)
    for name in (
        "test_connection-lines",
        "identity-same",
        "list_products-resumes",
        "list_products-keys",
        "list_stock-since",
        "texts-words",
    ):
        assert rows[name]["state"] == "ok", rows[name]
    assert rows["import_order-found"] == {
        "hook": "import_order", "check": "found", "state": "not tried", "why": "needs the platform's sandbox", "seconds": 0.0,
    }  # fmt: skip
    about = json.loads(said.out)["about"]
    assert about["plugin"] == f"engate-{ERP}" and about["version"] == VERSION and "list_stock" in about["hooks"]
    published = report.read_text("utf-8")
    assert "| list_products | resumes | ok |" in published and f"engate-{ERP} {VERSION}" in published and "hook API" in published
    identity = "11222333000181"
    for shown in (said.out, said.err, published):
        assert (
            erp.box.about.secrets["password"] not in shown
            and str(erp.box.about.settings["base_url"]) not in shown
            and identity not in shown
        )
    sent = {name for name in erp.served_by.counts.by_operation if not name.startswith("GET")}
    assert all("login" in name for name in sent), sent
    assert sum(erp.served_by.counts.writes.values()) - writes <= len(sent) * 2


def test_the_table_has_a_line_a_check_with_its_time(shop: Account, capsys: pytest.CaptureFixture[str]) -> None:
    assert shop.run("--pages", "1") == 0
    lines = capsys.readouterr().out.splitlines()
    assert any(line.startswith("ok") and " s  test_connection lines" in line for line in lines)
    assert any(line.startswith("not tried") and "push_brands twice" in line and line.endswith("--write") for line in lines)
    assert lines[-1].endswith("not tried") and "0 failed" in lines[-1]
    assert sum(shop.served_by.counts.writes.values()) == 0


def test_with_write_it_makes_what_it_says(shop: Account, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["conformance", "--help"])
    assert "'engate-conformance'" in capsys.readouterr().out
    assert shop.run("--write", "--json") == 0
    rows = by_name(capsys.readouterr().out)
    assert rows["push_brands-twice"]["state"] == rows["push_categories-twice"]["state"] == "ok"
    assert sum(shop.served_by.counts.writes.values()) >= 2


def test_a_failure_ends_it_with_1(erp: Account, capsys: pytest.CaptureFixture[str]) -> None:
    erp.write(password="errada-e-secreta")
    assert erp.run() == 1
    said = capsys.readouterr()
    assert "failed" in said.out and "the connection does not work" in said.out
    assert "errada-e-secreta" not in said.out + said.err


def test_what_is_refused(erp: Account, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["conformance", "nowhere", "--settings", str(erp.file)]) == 1
    assert ERP in capsys.readouterr().err
    assert main(["conformance", ERP, "--settings", str(tmp_path / "none.json")]) == 1
    assert "none.json" in capsys.readouterr().err
    erp.write(base_url="no address")
    assert erp.run() == 1
    assert "address" in capsys.readouterr().err
    erp.write()
    assert erp.run("--report", str(tmp_path / "none" / "report.md")) == 1
    assert "folder" in capsys.readouterr().err
    with pytest.raises(SystemExit):
        erp.run("--pages", "0")
