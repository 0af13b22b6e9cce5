"""Links as a spreadsheet: taken out, filled in by people, and given back with a report."""

from __future__ import annotations

from typing import Annotated

import msgspec
import sqlalchemy as sa
from litestar import Response, get, post
from litestar.di import NamedDependency
from litestar.params import FromQuery, QueryParameter, RawBody

from engate.domain import sheet
from engate.operations import linking
from engate.operations.linking import Wrong
from engate.store import config
from engate.store.audit import Act
from engate.store.rows import RecordSet
from engate.views.sheet import Linkable, linkable
from engate_api.auth import Caller, operator, reader
from engate_api.changing import changing
from engate_api.installation import Installation
from engate_api.integration import id_form
from engate_api.problems import documented
from engate_api.requests import Id, known

Kind = Annotated[str, QueryParameter(description="`product` or `sku`", max_length=20)]
SHEET = "text/csv"
PAGE = 2_000
MOST_SHOWN = 200


class Report(msgspec.Struct):
    """`linked`: what was linked, or would be where it was only asked. `empty`: lines without an id of the shop; they change nothing.
    `wrong`: the first 200 of `refused`."""

    lines: int
    linked: int
    unchanged: int
    empty: int
    refused: int
    wrong: list[Wrong]


@get(
    "/integrations/{id:int}/links.csv",
    summary="Links as a spreadsheet, also what has none yet",
    guards=[reader],
    media_type=SHEET,
    responses=documented(400, 401, 403, 404, 422),
)
async def get_links_sheet(
    installation: NamedDependency[Installation], caller: NamedDependency[Caller], id: Id, kind: Kind = "sku"
) -> Response[bytes]:
    """CSV with semicolons: the ERP's key, the name, the shop's id. Fill in the last column and send it back."""
    known(kind, linking.SHEETS, "kind")
    lines: list[Linkable] = []

    def some(c: sa.Connection) -> list[Linkable]:
        config.integration_row(c, caller.tenant_id, id)
        return linkable(c, id, kind, lines[-1].key if lines else "", PAGE)

    while found := await installation.store.viewing(some):
        lines += found
    body = sheet.written((line.key, line.name, line.remote) for line in lines)
    return Response(body, media_type=SHEET, headers={"Content-Disposition": f'attachment; filename="links-{kind}.csv"'})


@post(
    "/integrations/{id:int}/links.csv",
    summary="Link what a filled-in spreadsheet says",
    status_code=200,
    guards=[operator],
    responses=documented(400, 401, 403, 404, 422),
)
async def put_links_sheet(
    installation: NamedDependency[Installation],
    caller: NamedDependency[Caller],
    id: Id,
    body: RawBody,
    kind: Kind = "sku",
    check: FromQuery[bool] = False,
) -> Report:
    """The body is the sheet, `text/csv`. What is right is linked, what is wrong is told line by line and changes nothing; sending it again
    does no harm. `check`: nothing is changed, only told."""
    known(kind, linking.SHEETS, "kind")
    of = RecordSet(caller.tenant_id, id, kind)
    await installation.store.viewing(lambda c: config.integration_row(c, caller.tenant_id, id))
    lines = sheet.read(body)
    form = await id_form(installation, caller, id)
    looked = await installation.store.reading(lambda c: linking.look(c, of, lines, form))
    report = Report(len(lines), len(looked.ready) if check else 0, looked.unchanged, looked.empty, len(looked.wrong), looked.wrong)
    if not check:
        for some in linking.pieces(looked.ready):
            act = Act("links.imported", (kind, [line.key for line in some]), id)
            done = await changing(installation, caller, act, lambda c, some=some: linking.link_all(c, of, some, installation.now()))
            report.linked += len(some) - len(done)
            report.wrong += done
        await installation.dispatch.wake(id)
    report.refused, report.wrong = len(report.wrong), report.wrong[:MOST_SHOWN]
    return report


ROUTES = [get_links_sheet, put_links_sheet]
