"""A platform of prepared bytes: answers as fast as Python can, so that what is measured is the client. A process of its own."""

from __future__ import annotations

import asyncio
import multiprocessing
from collections.abc import Callable, Generator, Mapping
from contextlib import contextmanager
from decimal import Decimal
from multiprocessing.connection import Connection
from urllib.parse import parse_qs

import msgspec
from stdnum import ean

Answer = Callable[[str, str, bytes], bytes]
"""(method, target, body) -> a whole HTTP answer."""


def answer(body: bytes, status: str = "200 OK") -> bytes:
    head = (
        f"HTTP/1.1 {status}\r\ncontent-type: application/json\r\ncontent-length: {len(body)}\r\ndate: Sat, 21 Nov 2026 12:00:00 GMT\r\n\r\n"
    )
    return head.encode() + body


class _Protocol(asyncio.Protocol):
    def __init__(self, reply: Answer) -> None:
        self._reply, self._data = reply, b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        self._data += data
        while (end := self._data.find(b"\r\n\r\n")) >= 0:
            head = self._data[:end].decode("latin-1")
            lower = head.lower()
            at = lower.find("content-length:")
            length = int(lower[at + 15 :].split("\r\n", 1)[0]) if at >= 0 else 0
            if len(self._data) < end + 4 + length:
                return
            body, self._data = self._data[end + 4 : end + 4 + length], self._data[end + 4 + length :]
            method, target, _ = head.split(" ", 2)
            self._transport.write(self._reply(method, target, body))  # pyright: ignore[reportAttributeAccessIssue]


def _serve(make: Callable[..., Answer], arguments: tuple[object, ...], pipe: Connection) -> None:
    async def run() -> None:
        reply = make(*arguments)
        server = await asyncio.get_running_loop().create_server(lambda: _Protocol(reply), "127.0.0.1", 0)
        pipe.send(server.sockets[0].getsockname()[1])
        await server.serve_forever()

    asyncio.run(run())


@contextmanager
def platform(make: Callable[..., Answer], *arguments: object) -> Generator[str]:
    """`make(*arguments)` builds the answers inside the child. Gives the base URL."""
    ours, theirs = multiprocessing.Pipe()
    child = multiprocessing.get_context("spawn").Process(target=_serve, args=(make, arguments, theirs), daemon=True)
    child.start()
    try:
        yield f"http://127.0.0.1:{ours.recv()}"
    finally:
        child.kill()
        child.join()


# ---- the ERP: lists of one shape, page by page ----


def erp(count: int) -> Answer:
    """Products, packagings, prices and stock: `count` of each, pages of the size that is asked for. Rows are encoded once."""
    rows: dict[str, Callable[[int], Mapping[str, object]]] = {
        "/api/purchases/v1/products/": _product,
        "/api/purchases/v1/skus/": _sku,
        "/api/wholesale/v1/price/list": _price,
        "/api/stock-vtex/v1/available/list": _stock,
    }
    encode = msgspec.json.Encoder(decimal_format="number").encode
    encoded: dict[tuple[str, int], bytes] = {}
    login = answer(b'{"accessToken":"e30.eyJleHAiOjQxMDI0NDQ4MDB9.x"}')
    empty = answer(b'{"first":true,"items":[],"hasNext":false}')

    def reply(method: str, target: str, body: bytes) -> bytes:
        del body
        path, _, query = target.partition("?")
        if path.endswith("/login") and method == "POST":
            return login
        make = rows.get(path)
        if make is None:
            return empty
        asked = parse_qs(query)
        page, size = int(asked["page"][0]), int(asked["pageSize"][0])
        start = (page - 1) * size
        items = b",".join([row(path, make, n) for n in range(start, min(count, start + size))])
        more = start + size < count
        return answer(b'{"first":%s,"items":[%s],"hasNext":%s}' % (_BOOL[page == 1], items, _BOOL[more]))

    def row(path: str, make: Callable[[int], Mapping[str, object]], n: int) -> bytes:
        found = encoded.get((path, n))
        if found is None:
            found = encode(make(n))
            if count <= 50_000:
                encoded[path, n] = found
        return found

    return reply


_BOOL = {True: b"true", False: b"false"}
CHANGED = "2026-11-20T08:00:00"


def key_of(n: int) -> str:
    return f"{7890000000000 + n}-{100000 + n}"


def _product(n: int) -> Mapping[str, object]:
    return {
        "id": 100000 + n,
        "name": f"PRODUTO NUMERO {n} EMBALADO",
        "description": f"Produto número {n}, pacote para a loja, descrição do e-commerce",
        "descriptionShort": f"Produto {n}",
        "departmentId": 1,
        "sectionId": 10,
        "categoryId": 100 + n % 70,
        "subcategoryId": None,
        "brandId": 5 + n % 40,
        "linkId": f"produto-{n}",
        "isVisible": True,
        "isActive": True,
        "showWithoutStock": False,
        "supplierId": 7,
        "factoryId": f"F{n}",
        "barCode": _ean(n),
        "unity": "UN",
        "realHeight3": 10,
        "realWidth3": 20,
        "realLength3": 30,
        "realWeightKg": Decimal("1.25"),
        "netWeightKg": Decimal("1.2"),
        "merchandiseType": "L",
        "lastChange": CHANGED,
    }


def _ean(n: int) -> str:
    """One that a shop takes: with its check digit."""
    digits = str(789000000000 + n)
    return digits + ean.calc_check_digit(digits)


def _sku(n: int) -> Mapping[str, object]:
    return {
        "id": 7890000000000 + n,
        "productRootId": 100000 + n,
        "productSKUId": key_of(n),
        "name": "UN",
        "nameproduct": f"PRODUTO NUMERO {n} EMBALADO",
        "listOfEAN": [_ean(n)],
        "unitMultiplier": 1,
        "price": Decimal("19.90"),
        "isActive": True,
        "isAvaiable": True,
        "active": True,
        "isKit": False,
        "realHeight": 10,
        "realWidth": 20,
        "realLength": 30,
        "realWeightKg": Decimal("1.25"),
        "height": 10,
        "width": 20,
        "length": 30,
        "weightKg": Decimal("1.25"),
        "volume": 1,
        "lastChange": CHANGED,
    }


def _price(n: int) -> Mapping[str, object]:
    return {
        "branchId": "1",
        "erpReferenceKey": 100000 + n,
        "skuId": key_of(n),
        "price": Decimal("19.90") + n % 100,
        "fixedPrice": None,
        "origin": 201,
        "priceRegion": 1,
        "unitMultiplier": 1,
        "taxFigureId": 3,
        "offerPrice": None,
        "offerStartDate": "1900-01-01T00:00:00",
        "offerEndDate": "1900-01-01T00:00:00",
        "lastChange": CHANGED,
    }


def _stock(n: int) -> Mapping[str, object]:
    return {
        "productId": key_of(n),
        "quantity": 50 + n % 200,
        "unlimitedQuantity": False,
        "warehouseBranchId": "1",
        "warehouseBranchName": "Matriz",
        "unitMultiplier": 1,
        "lastChange": CHANGED,
        "createDate": CHANGED,
    }


# ---- the shop: every call answered yes ----


def shop() -> Answer:
    """Nothing exists, everything is accepted; ids count up."""
    state = {"id": 0}
    absent, null, yes = answer(b"{}", "404 Not Found"), answer(b"null"), answer(b"true")

    def reply(method: str, target: str, body: bytes) -> bytes:
        if method == "GET":
            return null if "productgetbyrefid" in target else absent
        if method == "POST" and target.startswith(("/api/catalog/pvt/product", "/api/catalog/pvt/stockkeepingunit")):
            state["id"] += 1
            if body:
                doc = msgspec.json.decode(body)
                return answer(msgspec.json.encode({**doc, "Id": state["id"]}))
            return answer(b"{}")
        if method == "PUT" and "/product/" in target:
            return answer(body)
        return yes

    return reply
