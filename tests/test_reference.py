"""The examples of docs/reference.md work: they are taken from the page and run, over real HTTP."""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import timedelta
from pathlib import Path
from typing import Any, ClassVar

import msgspec
import pytest

from engate import AuthFailed, Context, Erp, Manifest, RateLimited, Secret, Text, Token, Unavailable
from engate.model import Brand, Page, Query
from engate.paging import Fetched, Numbered
from engate.testing.connect import connected
from engate.testing.sandbox import Answer, Call, Operation, Sandbox

PAGE = (Path(__file__).resolve().parent.parent / "docs/reference.md").read_text("utf-8")
SECRET = "segredo-do-exemplo"  # noqa: S105


def example(heading: str, **known: Any) -> dict[str, Any]:
    """What the first Python of this section defines."""
    source = re.search(r"```python\n(.*?)```", PAGE.split(f"# {heading}\n", 1)[1], re.DOTALL)
    assert source is not None, heading
    names = dict(known)
    exec(source[1], names)  # noqa: S102
    return names


class Granted(msgspec.Struct):
    access_token: str
    expires_in: int


class Row(msgspec.Struct):
    code: str
    name: str
    changed: str


class Rows(msgspec.Struct):
    rows: list[Row]
    more: bool


class Settings(msgspec.Struct, frozen=True):
    base_url: str
    client_id: str
    client_secret: Secret


AUTH = {"Granted": Granted, "timedelta": timedelta, "Text": Text, "Token": Token}
ERRORS = {"AuthFailed": AuthFailed, "RateLimited": RateLimited, "Unavailable": Unavailable}


class Documented(Erp):
    def __init__(self, context: Context) -> None:
        super().__init__(context)
        login = example("Auth", **AUTH, **ERRORS)["Login"](context.settings, context.clock)
        self.http = context.http(context.settings.base_url, auth=login)

    list_brands = example("Numbered", Rows=Rows, Fetched=Fetched, Numbered=Numbered, Page=Page, Brand=Brand)["list_brands"]


MANIFEST = Manifest("documented", "Documented", "erp", Settings, f"{__name__}:Documented", hook_api=4)


class DocumentedSandbox(Sandbox):
    """Brands in numbered pages, after a login."""

    platform: ClassVar[str] = "documented"
    role: ClassVar[Any] = "erp"
    status = 200

    def operations(self) -> Iterable[Operation]:
        yield Operation("POST", "/token", self._login)
        yield Operation("GET", "/brands", self._brands)

    def authorise(self, call: Call) -> Answer | None:
        return None if call.path == "/token" or call.headers.get("authorization") == "Bearer t" else Answer(401, {})

    def _login(self, call: Call) -> Answer:
        assert call.json() == {"id": "me", "secret": SECRET}
        return Answer(self.status, {"access_token": "t", "expires_in": 900}, {"retry-after": "0.1"})

    def _brands(self, call: Call) -> Answer:
        page, size = int(call.query["page"]), min(int(call.query["size"]), 200)
        codes = range((page - 1) * size, min(page * size, 450))
        rows = [{"code": str(1000 + n), "name": f"Marca {n}", "changed": "2026-11-28T12:00:00"} for n in codes]
        return Answer(body={"rows": rows, "more": page * size < 450})


def values(sandbox: Sandbox) -> dict[str, object]:
    return {"base_url": sandbox.base_url, "client_id": "me", "client_secret": SECRET}


async def test_pages_with_numbers_are_read_as_the_example_says_and_go_on_where_they_were() -> None:
    sandbox = DocumentedSandbox(limits=False)
    async with sandbox.listening(), connected(MANIFEST, values(sandbox)) as erp:
        pages = [page async for page in erp.list_brands(Query())]  # type: ignore[attr-defined]
        rest = [page async for page in erp.list_brands(Query(cursor=pages[0].cursor))]  # type: ignore[attr-defined]
    keys = [brand.key for page in pages for brand in page.items]
    assert keys == [str(1000 + n) for n in range(450)] and len(pages) >= 3
    assert {page.watermark for page in pages if page.items} == {"2026-11-28T12:00:00"}
    assert {brand.key for page in pages[1:] for brand in page.items} <= {brand.key for page in rest for brand in page.items}


@pytest.mark.parametrize(("status", "kind"), [(400, AuthFailed), (401, AuthFailed), (429, RateLimited), (503, Unavailable)])
async def test_the_login_of_the_example_ends_as_what_it_is(status: int, kind: type[Exception]) -> None:
    sandbox = DocumentedSandbox(limits=False)
    sandbox.status = status
    async with sandbox.listening(), connected(MANIFEST, values(sandbox)) as erp:
        with pytest.raises(kind) as raised:
            await anext(aiter(erp.list_brands(Query())))  # type: ignore[attr-defined]
    assert SECRET not in str(raised.value)
    assert not isinstance(raised.value, RateLimited) or raised.value.retry_after == 0.1
