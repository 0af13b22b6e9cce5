"""Every operation the sandbox serves, its request and its answer held against the vendor's own schemas.

The deviations stand in one table: engate_vtex_sandbox.contract.
"""

from collections.abc import AsyncIterator, Iterator
from typing import Any, cast

import httpx
import pytest

from engate.testing import contracts
from engate.testing.contracts import Contracts, Exchange
from engate_vtex_sandbox import contract
from engate_vtex_sandbox.server import ACCOUNT

PVT = "/api/catalog/pvt"
SYSTEM = "/api/catalog_system"
LOGISTICS = "/api/logistics/pvt"
OMS = "/api/oms/pvt/orders"
SKU = f"{PVT}/stockkeepingunit"
MODIFIED = "/api/order-system/orders"


@pytest.fixture(scope="module")
def schemas() -> Contracts:
    """The vendor's schemas; what the checker itself is tried with is counted nowhere."""
    found = contracts.traffic("vtex")
    if found is None:
        pytest.skip(f"no contracts in {contracts.folder('vtex')} (ENGATE_CONTRACTS)")
    return cast(Contracts, found.contracts).fresh()


@pytest.fixture(scope="module")
def vendor(schemas: Contracts) -> Iterator[Contracts]:
    """The same for this module's traffic, which counts at the end of the run."""
    own = schemas.fresh()
    yield own
    whole = contracts.traffic("vtex")
    assert whole is not None
    cast(Contracts, whole.contracts).add(own)


@pytest.fixture
async def checked(api: Any, vendor: Contracts) -> AsyncIterator[Any]:
    """The client, each of whose exchanges is held against the schemas."""

    async def hold(answer: httpx.Response) -> None:
        request = answer.request
        if request.url.path.startswith("/_sandbox"):
            return
        verdict = vendor.validate(
            Exchange(
                request.method, request.url.raw_path.decode(), request.headers, request.content, answer.status_code, answer.headers,
                await answer.aread(),
            )
        )  # fmt: skip
        assert verdict.operation is not None or f"{request.method} {request.url.path}" in contract.NO_SCHEMA, request.url
        assert not verdict.problems, f"{verdict.operation}\nrequest: {verdict.of('request')}\nanswer: {verdict.of('answer')}"

    api.client.event_hooks["response"] = [hold]
    yield api


def test_every_operation_served_is_in_the_schemas(vendor: Contracts) -> None:
    assert contract.served() <= vendor.operations()
    assert not contract.NO_SCHEMA.keys() & vendor.operations(), "an exception that has a schema after all"


async def catalogue(api: Any) -> tuple[int, int]:
    top = await api.create_category()
    middle = await api.create_category(Name="Elétricas", FatherCategoryId=top, Score=3)
    bottom = await api.create_category(Name="Furadeiras", FatherCategoryId=middle)
    for levels in (1, 3):
        await api.ok("GET", f"{SYSTEM}/pub/category/tree/{levels}")
    body = await api.ok("GET", f"{PVT}/category/{bottom}?includeTreePath=true")
    await api.ok("GET", f"{PVT}/category/{bottom}")
    await api.ok("PUT", f"{PVT}/category/{bottom}", {**body, "Score": 1})
    await api.create_brand(1, LinkId="acme")
    await api.ok("PUT", f"{PVT}/brand/1", await api.ok("GET", f"{PVT}/brand/1"))
    for rest in ("list", "pagedlist?pageSize=5&page=1", "1"):
        await api.ok("GET", f"{SYSTEM}/pvt/brand/{rest}")
    product = await api.create_product(bottom, 1)
    await api.ok("PUT", f"{PVT}/product/{product}", await api.ok("GET", f"{PVT}/product/{product}"))
    for ref in ("P1", "none"):
        await api.ok("GET", f"{SYSTEM}/pvt/products/productgetbyrefid/{ref}")
    await api.ok("GET", f"{SYSTEM}/pvt/products/GetProductAndSkuIds?_from=1&_to=250")
    await api.ok("GET", f"{SYSTEM}/pvt/saleschannel/list")
    policies = f"{PVT}/product/{product}/salespolicy"
    for method, rest in (("POST", "/1"), ("POST", "/2"), ("DELETE", "/2"), ("GET", "")):
        await api.ok(method, policies + rest)
    await specifications(api, bottom, product)
    return product, await sku(api, product)


async def specifications(api: Any, category: int, product: int) -> None:
    group = await api.ok("POST", f"{PVT}/specificationgroup", {"CategoryId": category, "Name": "Ficha"})
    body = {"FieldTypeId": 5, "CategoryId": category, "FieldGroupId": group["Id"], "Name": "Cor", "IsActive": True}
    field = await api.ok("POST", f"{PVT}/specification", body)
    value = await api.ok("POST", f"{PVT}/specificationvalue", {"FieldId": field["Id"], "Name": "Azul"})
    line = {"FieldId": field["Id"], "FieldValueId": value["FieldValueId"]}
    await api.ok("POST", f"{PVT}/product/{product}/specification", line)
    await api.ok("GET", f"{PVT}/product/{product}/specification")
    names = {"FieldName": "Material", "GroupName": "Ficha", "RootLevelSpecification": False, "FieldValues": ["Aço"]}
    await api.ok("PUT", f"{PVT}/product/{product}/specificationvalue", names)
    await api.ok("GET", f"{SYSTEM}/pvt/specification/groupbycategory/{category}")
    await api.ok("GET", f"{SYSTEM}/pub/specification/field/listByCategoryId/{category}")
    key = await api.create_sku(product, RefId="spec")
    await api.ok("POST", f"{SKU}/{key}/specification", line)


async def sku(api: Any, product: int) -> int:
    key = await api.create_sku(product, UnitMultiplier=2.5, MeasurementUnit="m", Videos=["https://v.example/1"])
    await api.ok("PUT", f"{SKU}/{key}", await api.ok("GET", f"{SKU}/{key}"))
    await api.ok("POST", f"{SKU}/{key}/ean/7891234567895")
    await api.ok("GET", f"{SKU}/{key}/ean")
    await api.ok("GET", f"{SKU}?RefId=S1")
    await api.ok("GET", f"{SYSTEM}/pvt/sku/stockkeepingunitidbyrefid/S1")
    await api.ok("POST", f"{SYSTEM}/pub/sku/stockkeepingunitidsbyrefids", ["S1", "none"])
    await api("POST", f"{SYSTEM}/pub/sku/stockkeepingunitidsbyrefids", ["S1", "S1"])
    await api.ok("GET", f"{SYSTEM}/pvt/sku/stockkeepingunitids?page=1&pagesize=10")
    files = f"{SKU}/{key}/file"
    image = {"Name": "frente", "Url": "https://img.example/1.jpg", "IsMain": True, "Label": "a", "Text": "b", "Position": 0}
    first = (await api.ok("POST", files, image))[0]
    second = (await api.ok("POST", files, {"Name": "verso", "Url": "https://img.example/2.jpg"}))[0]
    await api.ok("PUT", f"{files}/{first['Id']}", image)
    await api.ok("DELETE", f"{files}/{second['Id']}")
    await api.ok("GET", files)
    await api.ok("GET", f"{SYSTEM}/pvt/sku/stockkeepingunitbyean/7891234567895")
    await api.ok("GET", f"{SYSTEM}/pvt/sku/stockkeepingunitbyid/{key}")
    return key


async def prices(api: Any, key: int) -> None:
    fixed = {"value": 90.5, "minQuantity": 1, "dateRange": {"from": "2026-11-27T08:00:00-03:00", "to": "2026-11-28T08:00:00-03:00"}}
    await api.ok("PUT", api.prices(key), {"basePrice": 100.5, "costPrice": 80.25, "fixedPrices": [fixed | {"tradePolicyId": "1"}]})
    await api.ok("GET", api.prices(key))
    await api.ok("PUT", api.prices(key), {"costPrice": 100, "markup": 12, "listPrice": 120.9})
    for method, rest, body in (
        ("PATCH", "/fixed", [fixed | {"tradePolicyId": "1", "listPrice": 99}]), ("GET", "/fixed", None), ("POST", "/fixed/1", [fixed]),
        ("GET", "/fixed/1", None), ("GET", "/computed/1?quantity=2", None), ("DELETE", "/fixed/1", None), ("GET", "", None),
    ):  # fmt: skip
        await api.ok(method, api.prices(key, rest), body)
    await api.ok("GET", f"/{ACCOUNT}/pricing/tables")


async def logistics(api: Any, key: int) -> None:
    address = {"postalCode": "01001000", "country": {"acronym": "BRA", "name": "Brazil"}, "city": "SP", "state": "SP", "neighborhood": "Sé",
               "street": "Rua A", "number": "1", "complement": "", "coordinates": [[-46.6, -23.5]]}  # fmt: skip
    dock = {"id": "d1", "name": "Doca", "priority": 0, "dockTimeFake": "00:00:00", "timeFakeOverhead": "00:00:00", "salesChannels": ["1"],
            "salesChannel": "1", "freightTableIds": [], "wmsEndPoint": None, "address": address}  # fmt: skip
    entry = {"dockId": "d1", "name": "Doca", "time": "1.00:00:00", "cost": "5.00", "translateDays": "dias", "costToDisplay": "5,00"}
    await api.ok("POST", f"{LOGISTICS}/configuration/docks", dock)
    await api.ok("POST", f"{LOGISTICS}/configuration/warehouses", {"id": "w1", "name": "Um", "warehouseDocks": [entry], "isActive": True})
    for rest in ("docks", "docks/d1", "warehouses", "warehouses/w1"):
        await api.ok("GET", f"{LOGISTICS}/configuration/{rest}")
    stock = {"quantity": 50, "unlimitedQuantity": False, "leadTime": "1.00:00:00", "dateUtcOnBalanceSystem": "2026-11-27T12:00:00"}
    await api.ok("PUT", api.inventory(key), stock)
    for _ in range(3):
        await api("PUT", api.inventory(key), stock)  # 423 among them, its body documented
    await api("PUT", api.inventory(key, "nowhere"), stock)
    await api.ok("PATCH", f"{api.inventory(key)}/quantity", {"quantity": 50, "unlimitedQuantity": False})
    await api.ok("GET", f"{LOGISTICS}/inventory/skus/{key}")
    await api.ok("GET", f"{LOGISTICS}/inventory/items/{key}/warehouses/1_main")
    policies = await api.ok("GET", f"{LOGISTICS}/shipping-policies?page=1&perPage=10")
    await api.ok("GET", f"{LOGISTICS}/shipping-policies/{policies['items'][0]['id']}")


async def feed(api: Any) -> None:
    await api.configure_feed("ready-for-handling")
    await api.sell(number=90)
    await api.commit(await api.feed())
    await api.ok("GET", "/api/orders/feed/config")
    await api.ok("DELETE", "/api/orders/feed/config")


async def hook(api: Any, url: str) -> None:
    config = {"filter": {"type": "FromWorkflow", "status": ["invoiced"]}, "hook": {"url": url, "headers": {"key": "value"}}}
    await api.ok("POST", "/api/orders/hook/config", config)
    await api.ok("GET", "/api/orders/hook/config")
    await api.ok("DELETE", "/api/orders/hook/config")


async def orders(api: Any, key: int) -> None:
    payments = [{"tag": "credit_card", "value": "90.00", "installments": 3}, {"tag": "voucher", "value": "12.50"}]
    lines = [{"sku": "S1", "quantity": 1, "price": "100.00", "freight": "12.50"}]
    order = await api.sell(items=lines, discount="10.00", payments=payments)
    await api.order(order)
    lock = f"{LOGISTICS}/inventory/reservations/00-{order}"
    await api.ok("GET", lock)
    await api.ok("GET", f"{LOGISTICS}/inventory/reservations/1_main/{key}")
    path = f"{OMS}/{order}"
    for _ in range(2):
        await api("POST", f"{path}/start-handling")  # the second time the documented 409
    await api.ok("GET", f"{LOGISTICS}/inventory/items/{key}/warehouses/1_main/dispatched")
    await api.ok("POST", f"{path}/invoice", api.invoice(key, invoiceValue="10250", invoiceKey="K", embeddedInvoice="<NFe/>"))
    tracking = {"trackingNumber": "B1", "trackingUrl": None, "dispatchedDate": None, "courier": "Correios"}
    await api.ok("PATCH", f"{path}/invoice/1234", tracking)
    event = {"city": "Santos", "state": "SP", "description": "Entregue", "date": "2026-11-29"}
    for delivered in (False, True):
        body = {"isDelivered": delivered, "deliveredDate": "2026-11-29 10:00" if delivered else None, "events": [event]}
        await api.ok("PUT", f"{path}/invoice/1234/tracking", body)
    entry = api.invoice(key, type="Input", invoiceNumber="E1", invoiceValue="5000")
    await api.ok("POST", f"{path}/invoice", entry)
    await api.order(order)
    await api.ok("GET", f"{path}/payment-transaction")
    corporate = api.sale()["buyer"] | {"document": "12ABC34501DE35"}
    await changes(api, key)
    cancelled = await api.sell(number=2, buyer=corporate, paid=False)
    await api.ok("GET", f"{OMS}/{cancelled}/payment-transaction")
    await api.ok("POST", f"{OMS}/{cancelled}/cancel", {"reason": "Sem estoque"})
    await api.order(cancelled)
    await api.ok("GET", lock.replace(order, cancelled))
    await api.advance(240)
    await api.ok("GET", f"{OMS}?f_status=invoiced,canceled&page=1&per_page=10&orderBy=creationDate,desc")


async def changes(api: Any, key: int) -> None:
    order = await api.handling(number=3, items=[{"sku": "S1", "quantity": 3, "price": "10.00"}])
    path = f"{MODIFIED}/{order}/changes"
    (item,) = (await api.order(order))["items"]
    one = {"id": str(key), "uniqueId": item["uniqueId"], "quantity": 1, "price": 1000}
    replaced = {"from": {"items": [one | {"quantity": 2}]}, "to": {"items": [{**one, "unitMultiplier": item["unitMultiplier"]}]}}
    replaced["to"]["items"][0].pop("price")
    body = {"reason": "Sem estoque", "manualDiscountValue": 5, "remove": {"items": [one]}, "replace": [replaced]}
    asked = await api("PATCH", f"{path}?accountName={ACCOUNT}", body)
    assert asked.status_code == 202, asked.text
    await api.ok("GET", f"{path}?an={ACCOUNT}")
    detail = await api.ok("GET", f"{path}/{asked.json()['requestId']}?an={ACCOUNT}")
    assert detail["status"] == "done"
    assert (await api.order(order))["value"] == 995
    await api.ok("GET", f"{path}?an={ACCOUNT}")


async def test_every_operation_answers_what_its_schema_says(checked: Any, vendor: Contracts, listener: Any) -> None:
    _, key = await catalogue(checked)
    await prices(checked, key)
    await logistics(checked, key)
    await feed(checked)
    await hook(checked, listener.url)
    await orders(checked, key)
    await checked.ok("DELETE", checked.prices(key))
    await checked.ok("DELETE", f"{SKU}/{key}/file")
    await checked.ok("DELETE", f"{SKU}/{key}/ean/7891234567895")
    await checked.ok("DELETE", f"{SKU}/{key}/ean")
    await checked.ok("GET", "/api/pvt/merchants/payment-systems")
    assert contract.served() - vendor.covered == set()
    unused = {one for one in contract.DEVIATIONS if one not in vendor.used}
    assert unused == set(), "a deviation that nothing needs"


# ---- the checker itself notices ----


def exchange(body: bytes = b'{"basePrice": 1}', answer: bytes = b"", status: int = 200, **changed: Any) -> Exchange:
    headers = {"Content-Type": "application/json", "Accept": "application/json", "X-VTEX-API-AppKey": "k", "X-VTEX-API-AppToken": "t"}
    fields = {"method": "PUT", "path": f"/{ACCOUNT}/pricing/prices/1", "request_headers": headers} | changed
    return Exchange(request_body=body, status=status, answer_headers={"Content-Type": "application/json"}, answer_body=answer, **fields)


def test_the_checker_passes_what_is_right(schemas: Contracts) -> None:
    verdict = schemas.validate(exchange())
    assert (verdict.operation, verdict.problems) == ("PUT /pricing/prices/{itemId}", ())


@pytest.mark.parametrize(
    ("bad", "side", "where"),
    [
        (exchange(b'{"basePrice": "1"}'), "request", "basePrice"),
        (exchange(b""), "request", ""),
        (exchange(b'{"basePrice": 1, "fixedPrices": [{"value": 1}]}'), "request", "fixedPrices/*"),
        (exchange(request_headers={}), "request", ""),
        (exchange(status=201), "answer", ""),
        (exchange(b"", b'{"itemId": 5}', method="GET"), "answer", "itemId"),
        (exchange(b"", b"[]", method="GET"), "answer", ""),
    ],
)
def test_the_checker_tells_what_is_wrong_and_where(schemas: Contracts, bad: Exchange, side: Any, where: str) -> None:
    verdict = schemas.validate(bad)
    assert where in {problem.where for problem in verdict.problems if problem.side == side}
    assert verdict.of(side)


def test_the_checker_passes_a_refusal_that_the_schema_does_not_list_but_says_so(schemas: Contracts) -> None:
    before = schemas.answers
    verdict = schemas.validate(exchange(answer=b'{"Message": "no"}', status=400))
    assert (verdict.problems, verdict.documented, schemas.answers) == ((), False, before)


@pytest.mark.parametrize("changed", [{"method": "TRACE"}, {"path": "/other/pricing/prices/1"}, {"path": "/api/nothing"}])
def test_what_no_schema_has_is_no_operation(schemas: Contracts, changed: dict[str, Any]) -> None:
    assert schemas.validate(exchange(**changed)).operation is None


def test_a_literal_path_wins_over_a_parameter(schemas: Contracts) -> None:
    read = schemas.validate(exchange(b"", b"[]", method="GET", path="/api/catalog_system/pvt/brand/list"))
    assert (read.operation, read.problems) == ("GET /api/catalog_system/pvt/brand/list", ())
