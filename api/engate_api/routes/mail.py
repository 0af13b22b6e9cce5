"""Letters to buyers: the tenant's mail server, a test of it, and what a letter will look like."""

from __future__ import annotations

from typing import Annotated, Any
from uuid import uuid4

import msgspec
import sqlalchemy as sa
from litestar import delete, get, post, put
from litestar.di import NamedDependency
from litestar.params import JSONBody

from engate.domain import mails
from engate.domain.mails import EXAMPLE, What, Words
from engate.domain.options import Options
from engate.errors import Invalid
from engate.model import Check
from engate.operations import trigger
from engate.operations.scope import Scope
from engate.settings import host_fields, load
from engate.smtp import LONGEST_ADDRESS, MailServer, no_address, valid_address
from engate.store import config, mail_server, orders
from engate.store.audit import Act
from engate.store.mail_server import Kept
from engate.sync import mailing
from engate.text import Text
from engate_api.auth import Caller, admin, operator, reader
from engate_api.changing import changing
from engate_api.installation import Installation
from engate_api.integration import options_of
from engate_api.problems import NEEDED, FieldError, Refused, documented
from engate_api.requests import Id, known

PLAIN = tuple(field.name for field in msgspec.structs.fields(MailServer) if field.name != "password")


class NewMailServer(msgspec.Struct, forbid_unknown_fields=True):
    """`settings`: see `mail_server` of GET /integrations/schema. `secrets`: {"password": ...}; left out: as it is."""

    settings: dict[str, Any]
    secrets: dict[str, str] = {}


class MailServerShown(msgspec.Struct):
    """`refused`: why it takes no letters; nothing is tried before it is changed or a test passes."""

    configured: bool
    settings: dict[str, Any]
    password_set: bool
    refused: Text | None = None
    refused_hint: Text | None = None


class Recipient(msgspec.Struct, forbid_unknown_fields=True):
    to: Annotated[str, msgspec.Meta(max_length=LONGEST_ADDRESS)]


class MailTest(msgspec.Struct):
    passed: bool
    checks: list[Check]


class Draft(msgspec.Struct, forbid_unknown_fields=True):
    """`what`: the state that the letter tells of. `subject`, `body`: as they would be saved; left out: as they are. `order`: its key in the
    shop; left out: an example."""

    what: What
    subject: Annotated[str, msgspec.Meta(min_length=1, max_length=200)] | msgspec.UnsetType = msgspec.UNSET
    body: Annotated[str, msgspec.Meta(min_length=1, max_length=5000)] | msgspec.UnsetType = msgspec.UNSET
    order: Annotated[str, msgspec.Meta(min_length=1, max_length=200)] | msgspec.UnsetType = msgspec.UNSET


class Preview(msgspec.Struct):
    """`words`: those that the text may have, in braces."""

    sender: str
    subject: str
    body: str
    words: list[str]


@get("/mail-server", summary="The server over which buyers are written to", guards=[reader], responses=documented(401, 403))
async def get_mail_server(installation: NamedDependency[Installation], caller: NamedDependency[Caller]) -> MailServerShown:
    return shown(await installation.store.viewing(lambda c: mail_server.kept(c, installation.vault, caller.tenant_id)))


@put("/mail-server", summary="Configure or change the mail server", guards=[admin], responses=documented(400, 401, 403, 422))
async def put_mail_server(
    installation: NamedDependency[Installation], caller: NamedDependency[Caller], data: JSONBody[NewMailServer]
) -> MailServerShown:
    """Letters that waited for it go out."""
    for given, names, half in ((data.settings, PLAIN, "settings"), (data.secrets, ("password",), "secrets")):
        for name in given:
            known(name, names, f"{half}.{name}")

    def keep(c: sa.Connection) -> Kept:
        before = mail_server.kept(c, installation.vault, caller.tenant_id)
        mail_server.put(c, installation.vault, caller.tenant_id, _changed(before, data))
        return _kept(c, installation, caller)

    kept = await changing(installation, caller, Act("mail_server.changed"), keep)
    await _go_on(installation, caller)
    return shown(kept)


@delete("/mail-server", summary="Forget the mail server", guards=[admin], responses=documented(401, 403, 404, 409))
async def delete_mail_server(installation: NamedDependency[Installation], caller: NamedDependency[Caller]) -> None:
    def forget(c: sa.Connection) -> None:
        _kept(c, installation, caller)
        wishing = [
            row.name for row in mail_server.integrations_of(c, caller.tenant_id) if mails.any_wanted(msgspec.convert(row.options, Options))
        ]
        if wishing:
            raise Refused(
                409,
                "in_use",
                Text(
                    f"Integrações que escrevem aos clientes: {', '.join(wishing)}.",
                    f"Integrations that write to buyers: {', '.join(wishing)}.",
                ),
                Text("Desligue antes os e-mails nas opções delas.", "Switch the e-mails off in their options first."),
            )
        mail_server.delete(c, caller.tenant_id)

    await changing(installation, caller, Act("mail_server.deleted"), forget)


@post("/mail-server/test", summary="Send a test e-mail", status_code=200, guards=[operator], responses=documented(400, 401, 403, 404, 422))
async def test_mail_server(
    installation: NamedDependency[Installation], caller: NamedDependency[Caller], data: JSONBody[Recipient]
) -> MailTest:
    """If the server takes it, letters that waited for the server go out."""
    if not valid_address(data.to):
        raise Invalid(*no_address(data.to), where="to")
    kept = await installation.store.viewing(lambda c: _kept(c, installation, caller))
    error = await mailing.try_out(kept.server, data.to, uuid4().hex, installation.clock.now())
    act = Act("mail_server.tested", asked={"passed": error is None})
    await changing(installation, caller, act, lambda c: error is None and mail_server.refused(c, caller.tenant_id, kept, None))
    if error is not None:
        return MailTest(False, [Check(error.code, False, error.text, error.hint)])
    await _go_on(installation, caller)
    return MailTest(True, [Check("mail", True, Text("O servidor aceitou o e-mail de teste.", "The server took the test e-mail."))])


@post(
    "/integrations/{id:int}/mail-preview",
    summary="What a letter to a buyer will look like",
    status_code=200,
    guards=[operator],
    responses=documented(400, 401, 403, 404, 422),
)
async def preview_mail(
    installation: NamedDependency[Installation], caller: NamedDependency[Caller], id: Id, data: JSONBody[Draft]
) -> Preview:
    """Nothing is sent or saved."""
    row = await installation.store.viewing(lambda c: config.integration_row(c, caller.tenant_id, id))
    given = {f"mail_{data.what}_{name}": text for name in ("subject", "body") if (text := getattr(data, name)) is not msgspec.UNSET}
    options = options_of({**row.options, **given})
    shop = options.mail_shop or row.name
    words = EXAMPLE._replace(order={**EXAMPLE.order, "loja": shop})
    if data.order is not msgspec.UNSET:
        key = data.order
        words = await installation.store.viewing(lambda c: _words(c, id, key, shop))
    made = mails.render(mails.template_of(options, data.what), words)
    return Preview(shop, made.subject, made.body, [f"{{{word}}}" for word in (*mails.OF_ORDER, *mails.OF_SHIPMENT)])


def _words(c: sa.Connection, id: int, key: str, shop: str) -> Words:
    order = orders.load(c, id, key)
    if order is None:
        raise config.not_found("Pedido", "order")
    return mails.words_of(order, shop)


def _kept(c: sa.Connection, installation: Installation, caller: Caller) -> Kept:
    kept = mail_server.kept(c, installation.vault, caller.tenant_id)
    if kept is None:
        raise config.not_found("Servidor de e-mail", "mail server")
    return kept


def _changed(before: Kept | None, data: NewMailServer) -> MailServer:
    """A password that is not given stays, and does not follow to another address."""
    values = {**data.settings, **data.secrets}
    if before is None or "password" in data.secrets or not data.settings.get("user"):
        return load(MailServer, values)
    made = load(MailServer, {**values, "password": before.server.password.reveal()})
    moved = sorted(name for name in host_fields(MailServer) if getattr(made, name) != getattr(before.server, name))
    if moved and before.server.password:
        raise Refused(
            422,
            "secrets_needed",
            Text(f"{', '.join(moved)} mudou: envie também a senha.", f"{', '.join(moved)} changed: send the password too."),
            Text("A senha guardada não é enviada a outro endereço.", "A stored password is not sent to another address."),
            errors=[FieldError.of("secrets.password", NEEDED)],
        )
    return made


async def _go_on(installation: Installation, caller: Caller) -> None:
    """E-mails that waited for a working mail server are due now."""
    now = installation.now()
    for id, causes in await installation.store.viewing(lambda c: mailing.changed(c, caller.tenant_id)):
        for cause_id in causes:
            what = trigger.Retried(cause_id)
            while (
                await installation.store.writing(lambda c, id=id, what=what: trigger.retry(Scope(c, caller.tenant_id, id, now), what))
            ).more:
                pass
        await installation.dispatch.wake(id)


def shown(kept: Kept | None) -> MailServerShown:
    if kept is None:
        return MailServerShown(False, {}, False)
    settings = {name: getattr(kept.server, name) for name in PLAIN}
    refused = kept.refused
    return MailServerShown(True, settings, bool(kept.server.password), refused.text if refused else None, refused.hint if refused else None)


ROUTES = [get_mail_server, put_mail_server, delete_mail_server, test_mail_server, preview_mail]
