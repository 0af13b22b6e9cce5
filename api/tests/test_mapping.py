"""Rows of the mapping over REST: what is wrong is said of a row, in the words of its form, with what there is instead."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Annotated, Any

import msgspec
import pytest
from api.tests.conftest import Caller, House, Loaded
from api.tests.doors import doored

from engate import Invalid, Text, field
from engate.testing.fake_erp.plugin import FAKE_ERP_ASKING


@pytest.fixture
def coupled(house: House) -> tuple[Caller, str]:
    """A pair that is tested, of an ERP that asks for fields of orders."""
    admin = house.tenant("Loja")
    return admin, f"/integrations/{house.couple(admin)}"


def said(problem: Any, where: str) -> str:
    """What the problem says of this place, which it says in its text too where it is the first."""
    [detail] = [error["detail"] for error in problem["errors"] if error["where"] == where]
    assert detail in problem["detail"] or problem["errors"][0]["where"] != where
    return detail


def test_a_value_that_is_not_there_is_named_with_its_row_its_field_and_the_nearest(coupled: tuple[Caller, str]) -> None:
    admin, path = coupled
    before = admin.get(path)["mapping"]
    rows = before["payments"]
    wrong = admin.refused("PUT", f"{path}/mapping/payments/{rows[0]['form']}", 422, {"charge": "PXI", "terms": "1"})
    detail = said(wrong, "mapping.payments[0].charge")
    assert f"Pagamentos, Forma de pagamento da loja '{rows[0]['form']}': Cobrança do ERP 'PXI' não existe. Há: PIX" in detail
    english = wrong["errors"][0]["detail_en"]
    assert f"Payments, Storefront payment form '{rows[0]['form']}': ERP charge 'PXI' does not exist. There are: PIX" in english
    assert "CRED" in detail, "and the others after it"
    changed = [*rows[:1], {**rows[1], "terms": "77"}, *rows[2:]]
    detail = said(admin.refused("PATCH", path, 422, {"mapping": {"payments": changed}}), "mapping.payments[1].terms")
    assert f"'{rows[1]['form']}': Plano de pagamento do ERP '77' não existe" in detail
    assert admin.get(path)["mapping"] == before


@pytest.mark.trap("engine.terms-asked")
def test_whether_terms_may_be_left_out_follows_from_what_the_erp_lists(coupled: tuple[Caller, str]) -> None:
    admin, path = coupled
    form = admin.get(path)["mapping"]["payments"][0]["form"]
    detail = said(admin.refused("PUT", f"{path}/mapping/payments/{form}", 422, {"charge": "PIX"}), "mapping.payments[0].terms")
    assert "Plano de pagamento do ERP falta. Há: 1 (A VISTA)" in detail


async def test_an_erp_that_lists_no_terms_is_mapped_without(tmp_path: Path) -> None:
    async with doored(tmp_path) as house:
        at = f"/integrations/{house.id}/mapping/payments/voucher"
        assert "terms" in (await house.api("PUT", at, {"charge": "FREE"}, status=422))["errors"][0]["where"]
        house.erp.rows["choice-terms"] = {}
        assert await house.api("PUT", at, {"charge": "FREE"}) == {"form": "voucher", "charge": "FREE"}


@pytest.mark.parametrize(
    ("row", "where", "words"),
    [
        ({"charge": 5}, "charge", "Cobrança do ERP: '5' não serve: precisa ser um texto que não fique vazio"),
        ({"charge": ""}, "charge", "Cobrança do ERP: valor inválido: precisa ser um texto que não fique vazio"),
        ({}, "", "falta 'Cobrança do ERP' (charge)"),
        ({"billing": "PIX", "charge": "PIX"}, "", "não há um campo 'billing'. Há: form (Forma de pagamento da loja"),
        (
            {"charge": "PIX", "import_when": "never"},
            "import_when",
            "Importar quando: 'never' não serve: há: paid (pago), placed (ao fechar, a prazo)",
        ),
    ],
)
def test_a_row_that_is_none_is_named_too(coupled: tuple[Caller, str], row: Any, where: str, words: str) -> None:
    admin, path = coupled
    wrong = admin.refused("PUT", f"{path}/mapping/payments/125", 422, row)
    assert f"Pagamentos, Forma de pagamento da loja '125': {words}" in wrong["detail"] and "Payments" in wrong["detail_en"]
    assert wrong["errors"][0]["where"] == ".".join(filter(None, ("mapping.payments[0]", where)))
    listed = admin.refused("PATCH", path, 422, {"mapping": {"payments": [{"form": "125", **row}]}})
    assert words in listed["detail"]


def test_an_unknown_kind_is_answered_with_the_kinds(coupled: tuple[Caller, str]) -> None:
    admin, path = coupled
    wrong = admin.refused("PATCH", path, 422, {"mapping": {"price_tables": []}})
    assert "price_lists (Listas de preço)" in wrong["detail"]
    wrong = admin.refused("PATCH", path, 422, {"mapping": {"payments": {}}})
    assert wrong["errors"][0]["where"] == "mapping.payments"


@pytest.mark.trap("engine.mapping-once")
def test_what_may_stand_in_one_row_only(coupled: tuple[Caller, str]) -> None:
    """Two tables of one list overwrite each other's prices; of channels, buyers and channel together make a row one."""
    admin, path = coupled
    lists = [{"table": "1", "list": "1"}, {"table": "2", "list": "1"}]
    twice = admin.refused("PATCH", path, 422, {"mapping": {"price_lists": lists}, "remove": []})
    assert "Tabela de preço do ERP '2': '1' está em duas linhas" in said(twice, "mapping.price_lists[1].list")
    rows = [{"channel": "1", "fields": {"seller": "1"}}, {"channel": "1", "buyers": "all", "fields": {"seller": "2"}}]
    twice = admin.refused("PATCH", path, 422, {"mapping": {"channels": rows}})
    assert "Canal de venda da loja '1'" in said(twice, "mapping.channels[1].channel")
    rows[1]["buyers"] = "contributor"
    assert len(admin.patch(path, {"mapping": {"channels": rows}})["mapping"]["channels"]) == 2


def test_channels_come_and_go_row_by_row(coupled: tuple[Caller, str]) -> None:
    admin, path = coupled
    at = f"{path}/mapping/channels"
    keys = (("all", "", "all"), ("contributor", "", "contributor"), ("all/1", "1", "all"), ("contributor/a/b", "a/b", "contributor"))
    for key, channel, buyers in keys:
        made = admin.put(f"{at}/{key}", {"fields": {"seller": "2"}})
        assert (made.get("channel", ""), made.get("buyers", "all"), made["fields"]) == (channel, buyers, {"seller": "2"})
    assert admin.put(f"{at}/all/1", {"channel": "1", "fields": {"seller": "1"}})["fields"] == {"seller": "1"}
    assert len(admin.get(at)["items"]) == 4
    assert admin.refused("PUT", f"{at}/all/1", 422, {"channel": "2", "fields": {}})["errors"][0]["where"] == "channel"
    assert "Compradores" in admin.refused("PUT", f"{at}/some/1", 422, {"fields": {}})["detail"]
    admin.delete(f"{at}/contributor/a/b")
    admin.refused("DELETE", f"{at}/contributor/a/b", 404)
    gone = admin.refused("PATCH", path, 409, {"mapping": {"channels": []}})
    assert "channels/all/1" in gone["detail"] and "channels/contributor" in gone["hint"]


@pytest.mark.trap("engine.channel-spelling")
def test_a_channel_stands_in_one_row_however_it_is_typed(coupled: tuple[Caller, str]) -> None:
    admin, path = coupled
    rows = [{"channel": "b2b", "fields": {"seller": "1"}}, {"channel": " B2B", "fields": {"seller": "2"}}]
    twice = admin.refused("PATCH", path, 422, {"mapping": {"channels": rows}})
    assert "'b2b' está em duas linhas" in said(twice, "mapping.channels[1].channel")
    assert admin.put(f"{path}/mapping/channels/all/b2b", {"fields": {"seller": "1"}})["channel"] == "b2b"
    admin.put(f"{path}/mapping/channels/all/B2B%20", {"fields": {"seller": "2"}})
    assert admin.get(f"{path}/mapping/channels")["items"] == [{"fields": {"seller": "2"}, "channel": "b2b"}]


@pytest.mark.parametrize(
    ("fields", "name", "words"),
    [
        ({"cgo": "800"}, "cgo", "cgo: o ERP não tem este campo, tem: seller (Vendedor (RCA)), sale_origin (Origem da venda)"),
        ({"sale_type": 5}, "sale_type", "Tipo de venda: '5' não serve: há: 0, 1, 7, 8"),
        ({"sale_type": "8"}, "sale_type", "Tipo de venda: '8' veio como texto: mande o número, sem aspas"),
        ({"sale_origin": "X"}, "sale_origin", "Origem da venda: 'X' não serve: há: vazio, F, R, T, W"),
        ({"seller": "João"}, "seller", "Vendedor (RCA): 'João' não serve: precisa ser um texto. Código do RCA dos pedidos, só dígitos"),
    ],
)
def test_fields_that_the_erp_does_not_take_are_refused_by_their_title(
    coupled: tuple[Caller, str], fields: Any, name: str, words: str
) -> None:
    admin, path = coupled
    wrong = admin.refused("PUT", f"{path}/mapping/channels/contributor/1", 422, {"fields": fields})
    row = "Canais de venda, Compradores 'contribuintes do ICMS', Canal de venda da loja '1'"
    assert f"{row}: {words}" in said(wrong, f"mapping.channels[0].fields.{name}")
    assert "Vendedor (RCA), Origem da venda, Tipo de venda" in wrong["hint"]


@pytest.mark.trap("engine.field-exact")
@pytest.mark.parametrize("value", [None, ["2"], {}, 2**53 + 1])
def test_a_value_that_no_field_may_hold_is_named(coupled: tuple[Caller, str], value: Any) -> None:
    admin, path = coupled
    wrong = admin.refused("PUT", f"{path}/mapping/channels/all", 422, {"fields": {"seller": "2", "sale_type": value}})
    assert wrong["errors"][0]["where"] == "mapping.channels[0].fields.sale_type"
    assert "Compradores 'todos': Campos do pedido no ERP: 'sale_type' precisa ser um texto, um número" in wrong["detail"]


def test_the_fields_of_orders_are_shown_with_the_platform(house: House) -> None:
    shown = {each["key"]: each["order_fields_schema"] for each in house.tenant("Loja").get("/platforms")["items"]}
    assert shown[house.shop.about.platform] is None
    [asked] = shown[house.erp.about.platform]["$defs"].values()
    assert asked["properties"]["seller"]["title"] == "Vendedor (RCA)" and asked["properties"]["seller"]["x-title-en"]


def test_a_part_shows_what_it_entered_with_in_the_words_of_the_mapping(loaded: Loaded) -> None:
    doc = loaded.shown()["parts"][0]["doc"]
    rows = [(row["charge"], row["terms"]) for row in loaded.admin.get(loaded.path)["mapping"]["payments"]]
    assert (doc["charge"], doc["terms"]) in rows and not {"billing", "plan"} & doc.keys()


async def test_an_erp_that_asks_for_nothing_takes_no_rows_of_channels(tmp_path: Path) -> None:
    async with doored(tmp_path) as house:
        at = f"/integrations/{house.id}"
        wrong = await house.api("PUT", f"{at}/mapping/channels/all", {"fields": {"nature": "sale"}}, status=422)
        assert "Fake ERP não pede dados de pedidos por canal" in wrong["detail"] and "retire-a" in wrong["detail"]
        assert (await house.api("GET", at))["mapping"]["channels"] == []
        assert "natures" not in await house.api("GET", f"{at}/choices")


class Bare(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """It asks for nothing any more."""


class Choosy(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What may be left out, and fields of which only some go together."""

    nature: Annotated[str, field("Natureza de operação", "Nature of the operation", choices="natures")] = ""
    seller: Annotated[int, field("Vendedor", "Seller")] = 0

    def __post_init__(self) -> None:
        if self.seller == 3 and not self.nature:
            raise ValueError("O vendedor 3 vende só com natureza.")
        if self.seller == 4:
            raise Invalid(Text("O vendedor 4 saiu.", "Seller 4 has left."), where="seller")


async def test_an_optional_field_may_be_left_empty_and_what_a_plugin_says_of_a_row_is_told(tmp_path: Path) -> None:
    async with doored(tmp_path) as house:
        house.installation.registry.add(msgspec.structs.replace(FAKE_ERP_ASKING, order_fields=Choosy))
        house.installation.registry.forget()
        at = f"/integrations/{house.id}/mapping/channels/all"
        made = await house.api("PUT", at, {"fields": {"nature": "", "seller": 2}})
        assert made["fields"] == {"nature": "", "seller": 2}
        wrong = await house.api("PUT", at, {"fields": {"seller": 3}}, status=422)
        assert "Compradores 'todos': a linha: O vendedor 3 vende só com natureza." in wrong["detail"]
        assert wrong["errors"][0]["where"] == "mapping.channels[0].fields"
        wrong = await house.api("PUT", at, {"fields": {"seller": 4}}, status=422)
        assert "Vendedor: O vendedor 4 saiu." in wrong["detail"]
        assert wrong["errors"][0]["where"] == "mapping.channels[0].fields.seller"


async def test_a_field_that_names_choices_is_held_against_them(tmp_path: Path) -> None:
    async with doored(tmp_path) as house:
        house.installation.registry.add(FAKE_ERP_ASKING)
        house.installation.registry.forget()
        at = f"/integrations/{house.id}"
        assert {"key": "resale", "name": "resale", "active": True} in (await house.api("GET", f"{at}/choices"))["natures"]
        wrong = await house.api("PUT", f"{at}/mapping/channels/all/b2b", {"fields": {"nature": "resael"}}, status=422)
        [error] = wrong["errors"]
        assert error["where"] == "mapping.channels[0].fields.nature"
        assert "Canal de venda da loja 'b2b': Natureza de operação 'resael' não existe. Há: resale, sale" in error["detail"]
        missing = await house.api("PUT", f"{at}/mapping/channels/all/b2b", {"fields": {"seller": 3}}, status=422)
        assert "Natureza de operação: falta" in missing["detail"]
        made = await house.api("PUT", f"{at}/mapping/channels/all/b2b", {"fields": {"nature": "resale", "seller": 3}})
        assert made["fields"] == {"nature": "resale", "seller": 3}


@pytest.mark.trap("engine.mapping-once-saved")
async def test_two_rows_that_are_saved_at_once_cannot_say_the_same(tmp_path: Path) -> None:
    """Each was checked before the other stood there."""
    async with doored(tmp_path) as house:
        house.erp.rows["choice-price_tables"] = {}  # it cannot say which there are
        at = f"/integrations/{house.id}/mapping/price_lists"
        headers = {"authorization": f"Bearer {house.key}"}
        calls = [house.client.put(f"{at}/{table}", headers=headers, json={"list": "p2"}) for table in ("T1", "T2")]
        assert sorted(answer.status_code for answer in await asyncio.gather(*calls)) == [200, 422]
        assert [row["list"] for row in (await house.api("GET", at))["items"]] == ["p2"]


@pytest.mark.trap("engine.mapping-changed-only")
@pytest.mark.trap("engine.channels-changed-only")
async def test_a_kind_is_changed_though_another_is_out_of_date(tmp_path: Path) -> None:
    """The ERP has lost a charge, and its plugin a field: whoever maps a carrier need not know of it."""
    async with doored(tmp_path) as house:
        house.installation.registry.add(FAKE_ERP_ASKING)
        house.installation.registry.forget()
        at = f"/integrations/{house.id}"
        await house.api("PUT", f"{at}/mapping/channels/all", {"fields": {"nature": "sale", "seller": 3}})
        rows = (await house.api("GET", at))["mapping"]
        del house.erp.rows["choice-charges"][rows["payments"][0]["charge"]]
        house.installation.registry.add(msgspec.structs.replace(FAKE_ERP_ASKING, order_fields=Bare))
        house.installation.registry.forget()
        await house.api("PATCH", at, {"mapping": {"carriers": rows["carriers"]}})
        await house.api("PATCH", at, {"mapping": {"channels": rows["channels"]}}, status=422)
        await house.api("PATCH", at, {"mapping": {"payments": rows["payments"]}}, status=422)
