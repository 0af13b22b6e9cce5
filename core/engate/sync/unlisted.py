"""References to a category or brand that the ERP does not list (any more): a person must correct them, else they wait for ever."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa

from engate.domain import reasons
from engate.domain.effective import missing_link
from engate.domain.reasons import Reason
from engate.model.kinds import CALLED, KINDS
from engate.store import causes, links
from engate.store.blobs import readable
from engate.store.links import Unlisted
from engate.sync.work import SliceContext
from engate.text import Text


def say(c: sa.Connection, work: SliceContext) -> None:
    """Changes causes of records that wait for a link where the ERP's list was read to its end and has no such record. The cause keeps its
    key, so that it ends if the link comes after all. Once the record exists, the cause becomes an ordinary wait again."""
    for id, kind, key in links.listed_again(c, work.integration_id):
        causes.become(c, id, missing_link(kind, key))
    for found in links.unlisted(c, work.integration_id):
        causes.become(c, found.cause_id, _reason(found))


def _reason(found: Unlisted) -> Reason:
    doc: Any = readable(found.doc, KINDS[found.waiting_kind].struct)
    who, what = CALLED[found.waiting_kind], CALLED[found.kind]
    name = f"'{doc.name}' ({found.waiting_key})" if doc is not None else found.waiting_key
    return reasons.own(
        "link.unlisted", f"{found.kind}/{found.key}",
        Text(f"No ERP, {who.pt} {name} aponta para {what.pt} {found.key}, que o ERP não lista.",
             f"In the ERP, {who.en} {name} refers to {what.en} {found.key}, which the ERP does not list."),
        Text(f"Corrija o vínculo no cadastro do ERP, ou cadastre {what.pt} {found.key} de novo.",
             f"Correct the link in the ERP's record, or register {what.en} {found.key} again."),
    )  # fmt: skip
