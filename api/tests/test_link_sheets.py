"""Links as a spreadsheet, over HTTP: taken out, filled in, given back, with a report of every line that was left out."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from api.tests.doors import Doored
from api.tests.test_served import fetch, served

from engate.domain import sheet

HEAD = "Código ERP;Nome;ID na loja"


async def sent(house: Doored, lines: list[str], kind: str = "sku", **query: str) -> Any:
    body = "\r\n".join([HEAD, *lines]).encode("cp1252")
    answer = await house.client.post(
        f"/integrations/{house.id}/links.csv",
        params={"kind": kind, **query},
        headers={"authorization": f"Bearer {house.key}", "content-type": "text/csv"},
        content=body,
    )
    assert answer.status_code == 200, answer.text
    return answer.json()


async def taken_out(house: Doored) -> list[list[str]]:
    answer = await house.client.get(f"/integrations/{house.id}/links.csv", headers={"authorization": f"Bearer {house.key}"})
    assert answer.status_code == 200 and answer.headers["content-type"] == "text/csv; charset=utf-8"
    head, *rows = answer.content.decode("utf-8-sig").splitlines()
    assert head == HEAD
    names = [row.split(";")[1] for row in rows]
    return [[line.key, name, line.remote] for line, name in zip(sheet.read(answer.content), names, strict=True)]


async def test_a_sheet_is_taken_out_filled_in_and_given_back(tmp_path: Path) -> None:
    async with served(tmp_path) as house:
        assert await fetch(house)
        rows = await taken_out(house)
        assert len(rows) == 2 and all(name and not remote for _, name, remote in rows)
        ids = {key: house.shop.ids["sku", key] for key, *_ in rows}
        (one, *_), (two, *_) = rows
        asked = [f"{one};x;{ids[one]}", f"{two};;", "N-1;;5"]
        looked = await sent(house, asked, check="true")
        assert (looked["lines"], looked["linked"], looked["unchanged"], looked["empty"], looked["refused"]) == (3, 1, 0, 1, 1)
        assert [remote for *_, remote in await taken_out(house)] == ["", ""], "only looked at"
        done = await sent(house, asked)
        assert (done["linked"], done["empty"], done["refused"]) == (1, 1, 1)
        [wrong] = done["wrong"]
        assert (wrong["line"], wrong["key"]) == (4, "N-1") and "O ERP não tem 'N-1'" in wrong["text"]["pt"]
        again = await sent(house, [f"{one};x;{ids[one]}", f"{two};;{ids[two]}"])
        assert (again["unchanged"], again["linked"], again["refused"]) == (1, 1, 0)
        assert {key: remote for key, _, remote in await taken_out(house)} == ids
        await house.until(lambda: _told(house, set(ids)))


async def _told(house: Doored, keys: set[str]) -> bool:
    """Stock, which waited for the links, is in the shop."""
    return {key.partition("/")[0] for kind, key in house.shop.ids if kind == "stock"} >= keys or await _settled(house, keys)


async def _settled(house: Doored, keys: set[str]) -> bool:
    rows = (await house.api("GET", f"/integrations/{house.id}/records?kind=stock&limit=500"))["items"]
    return keys <= {row["parent"] for row in rows if row["state"] == "settled"}


@pytest.mark.trap("engine.id-form")
async def test_an_id_stands_for_one_record_and_a_record_stands_once(tmp_path: Path) -> None:
    async with served(tmp_path) as house:
        (one, *_), (two, *_) = await taken_out(house)
        report = await sent(house, [f"{one};;900", f"{two};;900", f"{one};;901", f"{'9' * 201};;902", "a\x00b;;903"])
        said = [wrong["text"]["pt"] for wrong in report["wrong"]]
        assert report["linked"] == 1 and [wrong["line"] for wrong in report["wrong"]] == [6, 3, 4, 5]
        assert "não se imprime" in said[0] and "já está na linha 2" in said[1] and "já está na linha 2" in said[2] and "200" in said[3]
        name = await sent(house, [f"{two};;Arroz 5 kg"])
        assert name["linked"] == 0 and name["wrong"][0]["text"]["pt"] == "'Arroz 5 kg' não é um ID desta loja."
        refused = await house.api("PUT", f"/integrations/{house.id}/links/sku/{two}", {"remote": "Arroz 5 kg"}, status=422)
        assert refused["errors"][0]["where"] == "remote"
        other = await sent(house, [f"{two};;900"])
        assert other["linked"] == 0 and f"já está ligado a '{one}'" in other["wrong"][0]["text"]["pt"]


async def test_what_is_no_sheet_and_a_kind_without_one_are_refused(tmp_path: Path) -> None:
    async with served(tmp_path, live=False) as house:
        path, headers = f"/integrations/{house.id}/links.csv", {"authorization": f"Bearer {house.key}"}
        assert (await house.client.post(path, headers=headers, content=b"\x00\x01")).status_code == 422
        assert (await house.client.get(path, params={"kind": "price"}, headers=headers)).status_code == 422
