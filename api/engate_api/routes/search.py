"""What a key means, wherever it is: the first thing that a support desk asks."""

from __future__ import annotations

from typing import Annotated

from litestar import get
from litestar.di import NamedDependency
from litestar.params import QueryParameter

from engate.store.views import search
from engate.store.views.search import Hits
from engate_api.auth import Caller, reader
from engate_api.installation import Installation
from engate_api.problems import documented

Asked = Annotated[str, QueryParameter(max_length=200)]


@get("/search", summary="What is this, and where is it?", guards=[reader], responses=documented(400, 401, 403))
async def search_everything(installation: NamedDependency[Installation], caller: NamedDependency[Caller], q: Asked = "") -> Hits:
    """`q`: any key of an order or of a product, or how it begins (three characters and more), over all integrations; those that were
    deleted and still have open orders too."""
    return await installation.store.viewing(lambda c: search.search(c, caller.tenant_id, q))


ROUTES = [search_everything]
