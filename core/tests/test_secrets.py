"""Settings and secrets: what is typed is checked, what is secret never shows, what is sealed stays in its place."""

from __future__ import annotations

import base64
import threading
from pathlib import Path
from typing import Annotated

import msgspec
import pytest

from engate.errors import Invalid
from engate.secrets import ENVIRONMENT, Vault, place_of
from engate.settings import Secret, field, json_schema, load, secret_fields
from engate.store.db import Store
from engate.store.tables import metadata, tenant
from engate.store.vault import open_vault


class Settings(msgspec.Struct):
    address: Annotated[str, field("Endereço", "Address", "Com https", "With https", min_length=3)]
    password: Annotated[Secret, field("Senha", "Password")]
    second: Secret | None = None
    rate: Annotated[float, field("Taxa", "Rate", gt=0)] = 1.0


def test_a_secret_never_shows() -> None:
    loaded = load(Settings, {"address": "https://x", "password": "s3cr3t", "second": "s3cr3t2"})
    assert loaded.password.reveal() == "s3cr3t"
    shown = f"{loaded} {loaded!r} {loaded.password} {[loaded.password]!r} {loaded.password!s:>20} {msgspec.structs.asdict(loaded)}"
    assert "s3cr3t" not in shown
    with pytest.raises(TypeError):
        msgspec.json.encode(loaded)


def test_the_schema_says_what_is_secret() -> None:
    schema = json_schema(Settings)["$defs"]["Settings"]["properties"]
    assert schema["password"]["format"] == "password" and schema["password"]["writeOnly"]
    assert schema["address"]["title"] == "Endereço" and schema["address"]["x-title-en"] == "Address"
    assert secret_fields(Settings) == {"password", "second"}


@pytest.mark.parametrize(
    ("values", "where"),
    [
        ({"password": "s3cr3t"}, "address"), ({"address": "x", "password": "s3cr3t"}, "address"),
        ({"address": "https://x", "password": 7}, "password"), ({"address": "https://x", "password": "s3cr3t", "rate": 0}, "rate"),
    ],
)  # fmt: skip
def test_a_wrong_setting_is_named_and_its_value_is_not(values: dict[str, object], where: str) -> None:
    with pytest.raises(Invalid) as caught:
        load(Settings, values)
    assert caught.value.where == where
    assert "s3cr3t" not in f"{caught.value} {caught.value.text} {caught.value.hint}"


class Places(msgspec.Struct):
    address: Annotated[str, field("Endereço", "Address", host=True, url=True)]
    other: Annotated[str, field("Outro", "Other", url=True)] = ""


@pytest.mark.trap("engine.settings-address")
@pytest.mark.parametrize("name", ["address", "other"])
@pytest.mark.parametrize(
    "wrong", ["file:///etc/passwd", "ftp://x", "host:80", "//host", "http://", "http://user:s3cr3t@host", "http://a b"]
)
def test_an_address_is_http_and_names_a_host(name: str, wrong: str) -> None:
    good = {"address": "https://erp.example:8180", "other": "http://x"}
    assert load(Places, good).other == "http://x" and load(Places, {"address": "http://[::1]:80/base"}).other == ""
    with pytest.raises(Invalid) as caught:
        load(Places, good | {name: wrong})
    assert caught.value.where == name and caught.value.hint.pt
    assert "s3cr3t" not in f"{caught.value} {caught.value.text} {caught.value.hint}"


def test_what_is_sealed_opens_only_in_its_place_and_with_its_key() -> None:
    vault = Vault(b"k" * 32)
    sealed = vault.seal(b"s3cr3t", place_of(1, 2, "password"))
    assert b"s3cr3t" not in sealed and vault.seal(b"s3cr3t", place_of(1, 2, "password")) != sealed
    assert vault.open(sealed, place_of(1, 2, "password")) == b"s3cr3t"
    for place in (place_of(2, 2, "password"), place_of(1, 3, "password"), place_of(1, 2, "token")):
        with pytest.raises(Invalid):
            vault.open(sealed, place)
    with pytest.raises(Invalid):
        Vault(b"x" * 32).open(sealed, place_of(1, 2, "password"))
    with pytest.raises(Invalid):
        vault.open(sealed[:-1] + bytes([sealed[-1] ^ 1]), place_of(1, 2, "password"))


@pytest.fixture
def no_key(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    monkeypatch.delenv(ENVIRONMENT, raising=False)
    return monkeypatch


def furnished(url: str) -> Store:
    store = Store(url)
    metadata.create_all(store.engine)
    return store


def test_a_key_file_is_made_once_for_an_empty_sqlite_database(tmp_path: Path, sqlite_database: str, no_key: pytest.MonkeyPatch) -> None:
    store = furnished(sqlite_database)
    file = tmp_path / "key"
    sealed = open_vault(store, file).seal(b"x", "p")
    assert file.stat().st_mode & 0o077 == 0
    assert open_vault(store, file).open(sealed, "p") == b"x"
    assert [path.name for path in tmp_path.glob(".key-*")] == []
    store.close()


def test_no_key_is_made_where_there_is_data(tmp_path: Path, sqlite_database: str, no_key: pytest.MonkeyPatch) -> None:
    store = furnished(sqlite_database)
    with store.write() as c:
        c.execute(tenant.insert().values(name="t", created_at=0))
    with pytest.raises(Invalid) as caught:
        open_vault(store, tmp_path / "key")
    assert caught.value.code == "secret_key" and not (tmp_path / "key").exists()
    store.close()


def test_no_key_file_is_made_for_postgresql(tmp_path: Path, postgres_database: str, no_key: pytest.MonkeyPatch) -> None:
    store = furnished(postgres_database)
    with pytest.raises(Invalid):
        open_vault(store, tmp_path / "key")
    store.close()


def test_a_wrong_key_is_told_at_start(tmp_path: Path, sqlite_database: str, no_key: pytest.MonkeyPatch) -> None:
    store = furnished(sqlite_database)
    no_key.setenv(ENVIRONMENT, base64.b64encode(b"a" * 32).decode())
    open_vault(store, None)
    no_key.setenv(ENVIRONMENT, base64.b64encode(b"b" * 32).decode())
    with pytest.raises(Invalid) as caught:
        open_vault(store, None)
    assert caught.value.code == "secret_key"
    for wrong in ("not base64!", base64.b64encode(b"short").decode()):
        no_key.setenv(ENVIRONMENT, wrong)
        with pytest.raises(Invalid):
            open_vault(store, None)
    store.close()


def test_processes_that_start_together_agree_on_one_key(tmp_path: Path, sqlite_database: str, no_key: pytest.MonkeyPatch) -> None:
    store = furnished(sqlite_database)
    ids: list[str] = []
    errors: list[Exception] = []
    start = threading.Barrier(4)

    def begin() -> None:
        start.wait()
        try:
            ids.append(open_vault(store, tmp_path / "key").key_id)
        except Exception as error:
            errors.append(error)

    threads = [threading.Thread(target=begin) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not errors and len(set(ids)) == 1 and len(ids) == 4
    store.close()
