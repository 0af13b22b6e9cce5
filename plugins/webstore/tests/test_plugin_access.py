"""Whoever calls the facade with another's token, at another's address, or with none, learns nothing."""

from __future__ import annotations

import hmac
from pathlib import Path
from typing import Any

import msgspec
import pytest
from api.tests.doors import KEY, Doored
from plugins.webstore.tests.test_coupled import store

from engate_webstore import envelope

OTHER = "o-token-da-outra-loja-0123456789"
SERVICES = ("produtos.pesquisa", "pedidos.pesquisa", "info", "pedido.incluir", "lista.atualizacoes.estoque")


async def neighbour(house: Doored) -> str:
    """The address of another tenant's store, with a token of its own."""
    key = (await house.api("POST", "/tenants", {"name": "Outra loja"}, key=KEY))["admin_key"]
    ids: list[int] = []
    for said, changes, secrets in ((house.erp.describe(), {}, None), (house.shop.describe(), {"store": "999"}, {"token": OTHER})):
        body = {"name": said.role, "platform": said.platform, "settings": {**said.settings, **changes}, "secrets": secrets or said.secrets}
        ids.append((await house.api("POST", "/connections", body, key=key))["id"])
    await house.api("POST", "/integrations", {"name": "par", "erp_connection": ids[0], "storefront_connection": ids[1]}, key=key)
    id = ids[1]
    return (await house.api("GET", f"/connections/{id}", key=key))["webhook_url"]


async def asked(house: Doored, url: str, service: str, token: str) -> tuple[int, str]:
    """(status, body) as whoever calls sees it."""
    answer = await house.client.post(f"{url}/{service}.php", data={"formato": "json"} | ({"token": token} if token else {}))
    return answer.status_code, answer.text


@pytest.mark.trap("webstore.token")
async def test_a_strangers_token_or_address_reveals_nothing(tmp_path: Path) -> None:
    async with store(tmp_path) as house:
        mine, theirs, token = await house.url(), await neighbour(house), house.shop.settings.token
        right = await asked(house, mine, "produtos.pesquisa", token)
        assert right[0] == 200 and "1000" in right[1], "its own token is answered"
        for service in SERVICES:
            refusals = {
                await asked(house, mine, service, OTHER),  # another tenant's token
                await asked(house, theirs, service, token),  # a token in the wrong integration's address
                await asked(house, mine, service, "x" * 32),  # one that is nobody's
                await asked(house, theirs, service, OTHER[:-1]),  # nearly the right one
            }
            [(status, said)] = refusals
            retorno = msgspec.json.decode(said)["retorno"]
            assert (status, retorno["codigo_erro"]) == (200, envelope.BAD_TOKEN), "whoever it is, the refusal is the same"
            assert set(retorno) == {"status_processamento", "status", "codigo_erro", "erros"}
            [(status, said)] = {await asked(house, url, service, "") for url in (mine, theirs)}
            assert (status, msgspec.json.decode(said)["retorno"]["codigo_erro"]) == (200, envelope.NO_TOKEN)
        assert not house.erp.taken, "nothing was handed in"
        kept = str(await house.deliveries())
        assert token not in kept and OTHER not in kept


async def test_an_address_that_is_nobodys_is_told_what_any_other_is(tmp_path: Path) -> None:
    """Whether the connection exists or not, and with the right token or not."""
    async with store(tmp_path) as house:
        mine, theirs, token = await house.url(), await neighbour(house), house.shop.settings.token
        (base, name), other = mine.rsplit("/", 1), theirs.rsplit("/", 1)[0]
        wrong = (f"{other}/{name}", f"{base}/{name[:-1]}", f"{base}/{'x' * len(name)}", f"{base.rsplit('/', 1)[0]}/99999/{name}")
        [(status, said)] = {await asked(house, url, "produtos.pesquisa", given) for url in wrong for given in (token, OTHER, "")}
        assert status == 404 and "Loja" not in said and "webstore" not in said.lower()


@pytest.mark.trap("webstore.token-in-constant-time")
async def test_a_token_is_compared_in_constant_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is compared has one length, whatever was given, by the one function that looks at all of it."""
    compared: list[tuple[int, int]] = []
    whole = hmac.compare_digest

    def watched(a: Any, b: Any) -> bool:
        compared.append((len(a), len(b)))
        return whole(a, b)

    async with store(tmp_path, live=False) as house:
        url = await house.url()
        monkeypatch.setattr(hmac, "compare_digest", watched)
        for token in ("x", "x" * 500, house.shop.settings.token):
            compared.clear()
            await asked(house, url, "info", token)
            assert compared == [(32, 32)]
