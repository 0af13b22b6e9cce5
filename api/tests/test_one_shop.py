"""A shop's events are read by one integration of an installation, whoever configured the same account again."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest
import sqlalchemy as sa
from api.tests.conftest import Caller, House, Live
from sqlalchemy.exc import IntegrityError
from tests.support.goods import goods, sale

from engate.errors import Invalid
from engate.model import Check
from engate.operations import trigger
from engate.operations.scope import Scope
from engate.store import config
from engate.store.db import Store
from engate.store.tables import connection, integration, metadata, tenant
from engate.text import Text


def couple_again(house: House, admin: Caller, name: str) -> int:
    """The same two accounts, in connections of their own."""
    ids = [house.connect(admin, box, f"{name} {box.about.platform}") for box in (house.erp, house.shop)]
    body = {"name": name, "erp_connection": ids[0], "storefront_connection": ids[1], "mapping": house.mapping()}
    id = admin.post("/integrations", body)["id"]
    admin.patch(f"/integrations/{id}/flows/orders", {"every": 0.2})
    return id


@pytest.mark.trap("engine.one-shop")
def test_a_shop_that_is_taken_is_refused(house: House) -> None:
    admin, stranger = house.tenant("Loja"), house.tenant("Outra")
    first = house.couple(admin, "primeira")
    admin.post(f"/integrations/{first}/activate", {"everything": True})
    second, other = couple_again(house, admin, "segunda"), couple_again(house, stranger, "alheia")
    mine = admin.refused("POST", f"/integrations/{second}/activate", 409, {"everything": True})
    assert mine["code"] == "shop_taken" and "primeira" in mine["detail"] and "primeira" in mine["detail_en"] and mine["hint"]
    theirs = stranger.refused("POST", f"/integrations/{other}/activate", 409, {"everything": True})
    assert theirs["code"] == "shop_taken" and "primeira" not in str(theirs) and "Loja" not in str(theirs).replace("desta loja", "")
    assert admin.get(f"/integrations/{second}")["status"] == "Inativa"
    admin.post(f"/integrations/{first}/deactivate")
    assert admin.post(f"/integrations/{second}/activate", {"everything": True})["status"] == "Ativa"
    assert admin.refused("POST", f"/integrations/{first}/activate", 409, {"everything": True})["code"] == "shop_taken"


def test_the_events_go_to_the_one_that_is_active(selling: Callable[..., Live]) -> None:
    """Also of one that read them before: inactive, it would take them in and do nothing with them."""
    house, admin, first = selling(goods(1))
    admin.post(f"/integrations/{first}/deactivate")
    second = couple_again(house, admin, "segunda")
    admin.post(f"/integrations/{second}/activate", {"everything": True})
    house.quiet(admin, second)
    good = house.shop.get("state")[0]
    order = house.shop.post("sell", [sale(1, (good["key"], 1, good["price"]))])["1"]
    house.until(lambda: [each for each in house.erp.get("orders") if each["storefront_key"] == order])
    assert [each["key"] for each in admin.get(f"/integrations/{second}/orders")["items"]] == [order]
    assert admin.get(f"/integrations/{first}/summary")["inbox_unhandled"] == 0


def test_who_comes_second_at_the_same_moment_is_refused_too(database: str) -> None:
    """Both look, both find the shop free: the database lets one of them have it."""
    store = Store(database)
    metadata.create_all(store.engine)
    with store.write() as c:
        c.execute(sa.insert(tenant).values(id=1, name="t", created_at=0))
        for id, role in ((1, "erp"), (2, "storefront"), (3, "storefront")):
            c.execute(sa.insert(connection).values(id=id, tenant_id=1, name=f"c{id}", platform="p", role=role, settings={}, created_at=0))
            config.tested(c, id, 1, config.Tested([Check("x", True, Text("", ""))], "conta"), 0.0)
        for id in (1, 2):
            values = {"id": id, "tenant_id": 1, "name": f"i{id}", "erp_id": 1, "storefront_id": id + 1, "options": {}, "mapping": {}}
            c.execute(sa.insert(integration).values(created_at=0, **values))

    def go(id: int) -> str:
        try:
            with store.write() as c:
                trigger.activate(Scope(c, 1, id, 1.0), trigger.Activation(["stock"]))
        except (Invalid, IntegrityError) as error:
            return type(error).__name__
        return "active"

    with ThreadPoolExecutor(2) as both:
        said = list(both.map(go, (1, 2)))
    with store.read() as c:
        active = c.execute(sa.select(integration.c.id).where(integration.c.active)).scalars().all()
    store.close()
    assert said.count("active") == 1 and len(active) == 1


def test_a_connection_that_says_later_whose_it_is(house: House) -> None:
    """An account is known by its last passed test: one that turns out to be another integration's shop does not pass."""
    admin = house.tenant("Loja")
    first = house.couple(admin, "primeira")
    second = couple_again(house, admin, "segunda")
    shops = {each["name"]: each["id"] for each in admin.get("/connections")["items"] if each["role"] == "storefront"}
    store = house.client.app.state.installation.store
    unknown = shops[f"segunda {house.shop.about.platform}"]
    with store.write() as c:
        c.execute(sa.update(connection).where(connection.c.id == unknown).values(identity=""))
    admin.post(f"/integrations/{first}/activate", {"everything": True})
    admin.post(f"/integrations/{second}/activate", {"everything": True})
    result = admin.post(f"/connections/{unknown}/test")
    assert not result["passed"]
    line = next(check for check in result["checks"] if not check["ok"])
    assert line["name"] == "shop_taken" and "primeira" in line["text"]["pt"]
