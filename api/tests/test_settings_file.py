"""The file of settings that commands read which reach a platform without an installation."""

from __future__ import annotations

from pathlib import Path

import pytest

from engate.errors import Invalid
from engate_api.commands.settings_file import read_settings


def test_toml_and_json_say_the_same_and_the_environment_holds_the_secret(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SHOP_TOKEN", "very-secret")
    toml, json = tmp_path / "a.toml", tmp_path / "a.json"
    toml.write_text('base_url = "https://x"\nbranches = ["1", "env:SHOP_TOKEN"]\ntoken = "env:SHOP_TOKEN"\n[cost]\nsku = 2.5\n')
    json.write_text('{"base_url": "https://x", "branches": ["1", "env:SHOP_TOKEN"], "token": "env:SHOP_TOKEN", "cost": {"sku": 2.5}}')
    told = {"base_url": "https://x", "branches": ["1", "very-secret"], "token": "very-secret", "cost": {"sku": 2.5}}
    assert read_settings(toml) == read_settings(json) == told


@pytest.mark.parametrize(
    ("name", "content", "says"),
    [
        ("a.yaml", "x: 1", ".toml or .json"),
        ("a.toml", 'token = "very-secret\n', "line 1"),
        ("a.json", '{"token": "very-secret"', "JSON"),
        ("a.json", '["very-secret"]', "object of settings"),
        ("a.toml", 'token = "env:NOT_SET_ANYWHERE"', "NOT_SET_ANYWHERE"),
        ("missing.toml", None, "cannot be read"),
    ],
)
def test_what_cannot_be_read_is_said_without_a_value(tmp_path: Path, name: str, content: str | None, says: str) -> None:
    file = tmp_path / name
    if content is not None:
        file.write_text(content)
    with pytest.raises(Invalid) as caught:
        read_settings(file)
    said = f"{caught.value.text.en} {caught.value.hint.en}"
    assert says in said and "very-secret" not in said and caught.value.hint.pt
