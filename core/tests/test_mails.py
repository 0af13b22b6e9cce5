"""Letters to buyers as text: words, shipments, lines that nothing fills."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.support.mailbox import mailbox

from engate.domain import mails
from engate.domain.mails import EXAMPLE, OF_ORDER, OF_SHIPMENT, Template, Words
from engate.domain.options import Options
from engate.errors import AuthFailed, Invalid, Unavailable
from engate.settings import load
from engate.smtp import Letter, MailServer, message, send, valid_address

ORDER = dict.fromkeys(OF_ORDER, "") | {"pedido": "125", "cliente": "Ana", "loja": "Casa"}
ONE = {"transportadora": "Rápida", "rastreio": "BR1", "link": "https://r.example/BR1"}
OWN_FLEET = dict.fromkeys(OF_SHIPMENT, "")


def body(template: str, *shipments: dict[str, str]) -> str:
    return mails.render(Template("a", template), Words(ORDER, shipments)).body


def test_words_are_filled_in_and_anything_else_stays_as_it_is() -> None:
    assert body("Olá, {cliente}! { pedido } {} {{pedido}}") == "Olá, Ana! { pedido } {} {125}\n"


def test_lines_of_a_shipment_stand_once_for_each() -> None:
    two = {"transportadora": "Lenta", "rastreio": "BR2", "link": ""}
    made = body("Pedido {pedido}\n{transportadora}\nCódigo {rastreio}\n{link}\nFim", ONE, two)
    assert made == "Pedido 125\nRápida\nCódigo BR1\nhttps://r.example/BR1\nLenta\nCódigo BR2\nFim\n"


@pytest.mark.parametrize("shipments", [(), (OWN_FLEET,)])
def test_a_line_that_nothing_fills_is_left_out(shipments: tuple[dict[str, str], ...]) -> None:
    assert body("Olá\n\nCódigo: {rastreio}\nNota {nota}\n\n{loja}", *shipments) == "Olá\n\nCasa\n"


def test_a_line_with_one_word_that_is_filled_stays() -> None:
    assert body("{loja} {nota}") == "Casa\n"


@given(st.text(st.characters(exclude_characters="{}", exclude_categories=["C", "Zl", "Zp"])))
def test_a_text_without_words_is_what_it_was(text: str) -> None:
    assert body(text) == f"{text.strip()}\n"


@pytest.mark.parametrize("options", [Options(), Options(mail_shipped_body="{itens}\n{total}\n{chave}", mail_shipped_subject="{loja}")])
def test_the_example_fills_every_word(options: Options) -> None:
    mails.check(options)
    for what in mails.WHATS:
        made = mails.render(mails.template_of(options, what), EXAMPLE._replace(order={**EXAMPLE.order, "loja": "Casa"}))
        assert "{" not in made.subject + made.body and made.subject.strip()


@pytest.mark.parametrize(
    ("options", "where", "named"),
    [
        (Options(mail_shipped_body="Olá {nome}"), "options.mail_shipped_body", "{nome}"),
        (Options(mail_delivered_body="{cliente} {Cliente}"), "options.mail_delivered_body", "{Cliente}"),
        (Options(mail_shipped_subject="{rastreio}"), "options.mail_shipped_subject", "{rastreio}"),
    ],
)
def test_a_word_that_nothing_fills_is_refused_with_those_that_may_stand_there(options: Options, where: str, named: str) -> None:
    with pytest.raises(Invalid) as refused:
        mails.check(options)
    assert refused.value.where == where and named in refused.value.text.pt and "{pedido}" in refused.value.hint.pt


LETTER = Letter("ana@exemplo.com", "Casa", "Assunto", "Corpo", "id", "Fri, 27 Nov 2026 12:00:00 +0000")
SERVER = MailServer(host="mail.test", sender="loja@exemplo.com.br")


@pytest.mark.trap("mail.one-line")
def test_what_a_buyer_typed_begins_no_other_header() -> None:
    made = message(SERVER, Letter("ana@exemplo.com", "Casa\r\nBcc: x@y.zz", "Pedido\r\nBcc: todos@y.zz", "Corpo", "id", "date"))
    assert made["Bcc"] is None
    assert made["Subject"] == "Pedido Bcc: todos@y.zz" and made["From"].addresses[0].display_name == "Casa Bcc: x@y.zz"


BAD = (
    "", "ana", "ana@", "@exemplo.com", "ana@exemplo", "a b@exemplo.com", "ana@exemplo.com\nBcc: x@y.zz", "ana@exemplo.com, b@c.dd",
    "<ana@exemplo.com>", "ana..b@exemplo.com", "ana.@exemplo.com", "ana@exemplo..com", "ana@.com", "ana@exemplo.",
    "aná@exemplo.com", "a" * 250 + "@b.cc",
)  # fmt: skip


@pytest.mark.trap("mail.no-address")
@pytest.mark.parametrize("address", BAD)
def test_what_is_no_address_is_known(address: str) -> None:
    assert not valid_address(address)


@pytest.mark.parametrize("address", ["ana@exemplo.com", "ana.b+loja@ct.vtex.com.br", "a-1@b.co"])
def test_what_is_one_is_taken(address: str) -> None:
    assert valid_address(address)


@pytest.mark.trap("mail.not-offered")
@pytest.mark.parametrize("asked", [{"security": "starttls"}, {"security": "tls"}], ids=["starttls", "tls"])
async def test_a_security_that_a_server_does_not_offer_is_said(asked: dict[str, str]) -> None:
    """It answers: that it cannot be reached would send people to look at their network."""
    async with mailbox() as box:
        with pytest.raises(AuthFailed) as refused:
            await send(load(MailServer, box.settings(**asked)), LETTER)
        assert refused.value.code == "mail.security" and "587" in refused.value.hint.pt and not box.letters


async def test_where_nobody_listens_nothing_is_taken() -> None:
    async with mailbox() as box:
        port = box.port
    with pytest.raises(Unavailable) as failed:
        await send(load(MailServer, {**box.settings(), "port": port}), LETTER)
    assert failed.value.code == "mail.not_taken"
