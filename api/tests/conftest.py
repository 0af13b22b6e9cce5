"""The API over real sandboxes and real SQLite: one house for the tests that look, a fresh one for those that change things."""

from __future__ import annotations

import asyncio
import base64
import io
import os
import re
import secrets
import threading
import time
from collections.abc import Callable, Generator, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from decimal import Decimal
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple

import httpx
import msgspec
import pytest
import structlog
from litestar.testing import TestClient
from tests.support import loaded as copies
from tests.support.goods import goods, product, sale
from tests.support.stage import PATIENCE, merged_mapping, side

from engate.logs import configure
from engate.store.db import Store
from engate.sync.work import Delays
from engate.testing.connect import PLAIN
from engate.testing.facts import Description, Seed
from engate.testing.sandbox import Sandbox
from engate_api.app import create_app
from engate_api.installation import open_store
from engate_api.settings import Settings

LOG = io.StringIO()
KEY = re.compile(r"eng_[\w-]{43}")
os.environ.setdefault("ENGATE_SECRET_KEY", base64.b64encode(secrets.token_bytes(32)).decode())
ERP, SHOP = os.environ.get("ENGATE_TEST_ERP", "winthor"), os.environ.get("ENGATE_TEST_SHOP", "vtex")
SHORT = Delays(unknown_after=1.0, retry_first=0.05, retry_most=1.0, invoice_retry=0.2, settles_within=0.4, look_pause=0.1)
INSTALLATION_KEY = "eng_installation_" + secrets.token_urlsafe(16)


@pytest.fixture(autouse=True, scope="module")
def _logged() -> None:
    """What was logged is looked at for secrets; a test that ran a command has set logging up for itself."""
    configure("DEBUG")
    structlog.configure(logger_factory=structlog.PrintLoggerFactory(LOG))  # pyright: ignore[reportArgumentType]


class Box:
    """A sandbox, through its control protocol."""

    def __init__(self, url: str) -> None:
        self._client = httpx.Client(base_url=url + "/_sandbox/", verify=PLAIN)
        self.about = msgspec.convert(self.get("describe"), Description)

    def get(self, what: str) -> Any:
        return self._client.get(what).raise_for_status().json()

    def post(self, what: str, body: object = None) -> Any:
        return self._client.post(what, content=msgspec.json.encode(body)).raise_for_status().json()

    def close(self) -> None:
        self._client.close()


@contextmanager
def sandbox(served_by: Sandbox) -> Iterator[Box]:
    """On loopback, in a thread of its own."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()
    serving = served_by.listening()
    served = asyncio.run_coroutine_threadsafe(serving.__aenter__(), loop).result(10)
    box = Box(served.base_url)
    try:
        yield box
    finally:
        box.close()
        asyncio.run_coroutine_threadsafe(serving.__aexit__(None, None, None), loop).result(10)
        loop.call_soon_threadsafe(loop.stop)
        thread.join(10)
        loop.close()


class Caller:
    """The API with one key. Every answer is kept: no test may ever have seen a secret."""

    def __init__(self, client: TestClient[Any], key: str, seen: list[httpx.Response]) -> None:
        self._client, self.key, self.seen = client, key, seen

    def call(self, method: str, path: str, body: object = None, **more: Any) -> httpx.Response:
        headers = {"authorization": f"Bearer {self.key}"} if self.key else {}
        if body is not None:
            more |= {"content": msgspec.json.encode(body)}
            headers["content-type"] = "application/json"
        answer = self._client.request(method, path, headers=headers, **more)
        self.seen.append(answer)
        return answer

    def get(self, path: str, **params: Any) -> Any:
        return self._ok(self.call("GET", path, params=params))

    def post(self, path: str, body: object = None) -> Any:
        return self._ok(self.call("POST", path, body if body is not None else {}))

    def patch(self, path: str, body: object) -> Any:
        return self._ok(self.call("PATCH", path, body))

    def put(self, path: str, body: object) -> Any:
        return self._ok(self.call("PUT", path, body))

    def delete(self, path: str, **params: Any) -> Any:
        return self._ok(self.call("DELETE", path, params=params))

    def refused(self, method: str, path: str, status: int, body: object = None, **more: Any) -> Any:
        """The problem; its shape is checked here, for every refusal of every test."""
        answer = self.call(method, path, body if body is not None or method in ("GET", "DELETE") else {}, **more)
        assert answer.status_code == status, answer.text
        assert answer.headers["content-type"].startswith("application/problem+json")
        problem = answer.json()
        assert problem["status"] == status
        for name in ("type", "title", "code", "detail", "detail_en", "hint", "hint_en"):
            assert isinstance(problem[name], str), name
        assert problem["detail"] and problem["detail_en"]
        assert "Traceback" not in answer.text
        return problem

    @staticmethod
    def _ok(answer: httpx.Response) -> Any:
        assert answer.is_success, f"{answer.request.method} {answer.request.url}: {answer.status_code} {answer.text}"
        if answer.headers.get("content-type", "").startswith("text/csv"):
            return answer.text
        return answer.json() if answer.content else None


class House:
    """An API with an ERP and a shop to couple."""

    boxes: tuple[Sandbox, Sandbox]

    def __init__(self, client: TestClient[Any], erp: Box, shop: Box, seen: list[httpx.Response]) -> None:
        self.client, self.erp, self.shop, self.seen = client, erp, shop, seen
        self.installer, self.nobody = self.caller(INSTALLATION_KEY), self.caller("")

    def caller(self, key: str) -> Caller:
        return Caller(self.client, key, self.seen)

    def tenant(self, name: str) -> Caller:
        return self.caller(self.installer.post("/tenants", {"name": name})["admin_key"])

    def with_role(self, admin: Caller, role: str) -> Caller:
        return self.caller(admin.post("/keys", {"name": role, "role": role})["key"])

    def connect(self, admin: Caller, box: Box, name: str = "", *, test: bool = True) -> int:
        said = box.about
        body = {
            "name": name or said.platform,
            "platform": said.platform,
            "settings": {**said.settings, **said.unlimited},
            "secrets": said.secrets,
        }
        id = admin.post("/connections", body)["id"]
        if test:
            result = admin.post(f"/connections/{id}/test")
            assert result["passed"], result
        return id

    def mapping(self) -> Any:
        return msgspec.to_builtins(merged_mapping(self.erp.about, self.shop.about))

    def couple(self, admin: Caller, name: str = "par", **more: Any) -> int:
        ids = [self.connect(admin, box) for box in (self.erp, self.shop)]
        body = {"name": name, "erp_connection": ids[0], "storefront_connection": ids[1], "mapping": self.mapping(), **more}
        id = admin.post("/integrations", body)["id"]
        for flow, every in (("orders", 0.2), ("fulfilment", 0.3)):
            admin.patch(f"/integrations/{id}/flows/{flow}", {"every": every})
        return id

    def until(self, check: Callable[[], Any], seconds: float = PATIENCE) -> Any:
        """Polls the real system."""
        deadline = time.monotonic() + seconds
        while True:
            value = check()
            if value:
                return value
            assert time.monotonic() < deadline, f"not within {seconds} s: {value!r}"
            time.sleep(0.03)

    def quiet(self, admin: Caller, id: int) -> None:
        """Until everything has been read and nothing can move by itself any more."""

        def still() -> bool:
            open_runs = [run for run in admin.get(f"/integrations/{id}/runs")["items"] if run["state"] == "reading"]
            return not open_runs and admin.get(f"/integrations/{id}/summary")["moving"] == 0

        self.until(still)


class Known(NamedTuple):
    """A tenant whose first load is over, to go on with: whoever loads anew is about loading."""

    pair: copies.Loaded
    key: str


KNOWN: dict[bytes, Known] = {}
"""Of this process, by what was loaded and how often it is read."""


@cache
def migrated() -> bytes:
    """The file of an empty database of this version: the revisions run once a process here, and in core/tests/test_migrate.py."""
    with TemporaryDirectory() as folder:
        settings = Settings(data=Path(folder), database_url=f"sqlite:///{folder}/engate.db", installation_key=INSTALLATION_KEY)
        open_store(settings).close()
        return (Path(folder) / "engate.db").read_bytes()


@contextmanager
def housed(folder: Path, url: str | None = None, known: Known | None = None) -> Iterator[House]:
    """`url`: of an empty database, in the place of a SQLite file in the folder. `known`: what the house goes on with."""
    if url is None:
        url = f"sqlite:///{folder}/engate.db"
        (folder / "engate.db").write_bytes(migrated())
    settings = Settings(data=folder, database_url=url, installation_key=INSTALLATION_KEY, delays=SHORT)
    boxes = known.pair.copied(url) if known else (side(ERP).sandbox(limits=False), side(SHOP).sandbox(limits=False))
    with ExitStack() as stack:
        erp, shop = (stack.enter_context(sandbox(box)) for box in boxes)
        if known is not None:
            store = Store(url)
            with store.write() as c:
                known.pair.moved(c, boxes, {})
            store.close()
        client = stack.enter_context(TestClient(create_app(settings), raise_server_exceptions=False))
        seen: list[httpx.Response] = []
        house = House(client, erp, shop, seen)
        house.boxes = boxes
        yield house
        keys = (INSTALLATION_KEY, known.key) if known else (INSTALLATION_KEY,)
        check_secrecy(seen, [*erp.about.secrets.values(), *shop.about.secrets.values(), *keys])


class Live(NamedTuple):
    """An active integration whose first load is over: "par" of the tenant "Loja"."""

    house: House
    admin: Caller
    id: int


@contextmanager
def live(folder: Path, seed: Seed, every: Mapping[str, float]) -> Iterator[Live]:
    """A copy of what was loaded once. `every`: how often flows are read."""
    made_of = msgspec.json.encode((seed, every))
    if made_of not in KNOWN:
        with TemporaryDirectory() as first:
            with housed(Path(first)) as house:
                house.erp.post("seed", seed)
                admin = house.tenant("Loja")
                id = house.couple(admin)
                for flow, seconds in every.items():
                    admin.patch(f"/integrations/{id}/flows/{flow}", {"every": seconds, "full_every": seconds})
                admin.post(f"/integrations/{id}/activate", {})
                house.quiet(admin, id)
                tenant = admin.get("/me")["tenant"]["id"]
            KNOWN[made_of] = Known(copies.kept(f"sqlite:///{first}/engate.db", house.boxes, (tenant, id), []), admin.key)
    known = KNOWN[made_of]
    with housed(folder, known=known) as house:
        yield Live(house, house.caller(known.key), known.pair.integration_id)


@pytest.fixture
def selling(tmp_path: Path) -> Generator[Callable[..., Live]]:
    """Makes what sells these goods: `selling(goods(2))`, and with `stock=0.2` reads the stock so often."""
    with ExitStack() as open_:
        yield lambda seed, **every: open_.enter_context(live(tmp_path, seed, every))


def check_secrecy(seen: list[httpx.Response], hidden: list[str]) -> None:
    """No answer and no log line ever held a secret; a key of ours stands in the answer that made it, and nowhere else."""
    logged = LOG.getvalue()
    keys: set[str] = set()
    for answer in seen:
        at = f"{answer.request.method} {answer.request.url.path}"
        assert not [value for value in hidden if value in answer.text], f"{at} shows a secret"
        found = set(KEY.findall(answer.text))
        assert not found or re.fullmatch(r"POST (/tenants(/\d+/keys)?|/keys)", at), f"{at} shows a key"
        keys |= found
    assert not [value for value in (*hidden, *keys) if value in logged], "the log shows a secret"


@pytest.fixture
def house(tmp_path: Path) -> Generator[House]:
    """A fresh one."""
    with housed(tmp_path) as made:
        yield made


class Loaded:
    """A tenant whose catalogue went through but for a product without category and a SKU without weight; and an invoiced order."""

    def __init__(self, house: House) -> None:
        self.house = house
        seed = goods(6)
        odd = (product(50, category=None), product(51, weight_kg=Decimal(0)))
        house.erp.post("seed", msgspec.structs.replace(seed, products=(*seed.products, *odd)))
        self.admin = house.tenant("Loja A")
        self.id = house.couple(self.admin)
        self.path = f"/integrations/{self.id}"
        self.admin.post(f"{self.path}/activate", {})
        house.quiet(self.admin, self.id)
        self.good = house.shop.get("state")[0]
        self.erp_keys = {sku["product"]: sku["key"] for sku in house.erp.get("state")}
        self.order = house.shop.post("sell", [sale(1, (self.good["key"], 1, self.good["price"]))])["1"]
        house.until(lambda: [o for o in house.erp.get("orders") if o["storefront_key"] == self.order])
        house.erp.post("progress", {"to": "invoiced"})
        house.until(lambda: self.admin.get(f"{self.path}/orders/{self.order}")["state"] == "invoiced")
        house.until(lambda: any(note["sent_at"] for part in self.shown()["parts"] for note in part["documents"]))

    def shown(self) -> Any:
        return self.admin.get(f"{self.path}/orders/{self.order}")


@pytest.fixture(scope="session")
def loaded(tmp_path_factory: pytest.TempPathFactory) -> Generator[Loaded]:
    """For tests that only look, or undo what they do."""
    with housed(tmp_path_factory.mktemp("loaded")) as house:
        yield Loaded(house)
