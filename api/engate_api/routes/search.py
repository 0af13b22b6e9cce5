"""Search for a key over everything that a tenant has."""

from __future__ import annotations

from typing import Annotated

import msgspec
from litestar import get, post
from litestar.di import NamedDependency
from litestar.params import JSONBody, QueryParameter

from engate.views import search
from engate.views.search import Hits
from engate_api.auth import Caller, reader
from engate_api.installation import Installation
from engate_api.problems import documented
from engate_api.seen import in_the_open, seen

Asked = Annotated[str, QueryParameter(max_length=200)]


class Question(msgspec.Struct, forbid_unknown_fields=True):
    """What GET /search takes, and what does not belong into an address: a CPF, a CNPJ, an e-mail address."""

    q: Annotated[str, msgspec.Meta(max_length=200)] = ""


@get("/search", summary="What is this, and where is it?", guards=[reader], responses=documented(400, 401, 403, 422))
async def search_everything(installation: NamedDependency[Installation], caller: NamedDependency[Caller], q: Asked = "") -> Hits:
    """`q`: any key of an order or of a product, or how it begins (three characters and more), over all integrations; those that were
    deleted and still have open orders too. A CPF, a CNPJ or an e-mail address goes into the body of POST /search."""
    in_the_open(q)
    return await _found(installation, caller, q)


@post(
    "/search",
    summary="The same, asked in a body: by document or e-mail too",
    status_code=200,
    guards=[reader],
    responses=documented(400, 401, 403),
)
async def search_by_body(installation: NamedDependency[Installation], caller: NamedDependency[Caller], data: JSONBody[Question]) -> Hits:
    """Nothing is changed. A key that only reads sees what is found without the buyer."""
    return await _found(installation, caller, data.q)


async def _found(installation: Installation, caller: Caller, q: str) -> Hits:
    hits = await installation.store.viewing(lambda c: search.search(c, caller.tenant_id, q))
    hits.items = await seen(installation, caller, hits.items, lambda hit: [(hit.integration, hit.key)] if hit.what == "order" else [])
    [whole] = await seen(installation, caller, [hits], lambda _: ())
    return whole


ROUTES = [search_everything, search_by_body]
