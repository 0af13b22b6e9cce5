"""Buyers are written to when their order is shipped and when it is delivered: once each, whatever dies or refuses on the way."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path
from typing import Any

import msgspec
import pytest
import sqlalchemy as sa
from tests.support.engine import engine
from tests.support.goods import goods
from tests.support.mailbox import PASSWORD, USER, Mailbox, certificate, mailbox
from tests.support.selling import asleep, entered, sell, skus, state
from tests.support.stage import SHORT, Stage, faked

from engate import smtp
from engate.domain.options import Options
from engate.operations import trigger
from engate.operations.scope import Scope
from engate.settings import load
from engate.smtp import MailServer
from engate.store import mail_server

KEY = "F00001"
SLOWLY = 60.0
BOTH = Options(mail_shipped=True, mail_delivered=True, mail_shop="Casa das Bicicletas")
SHIPPED = Options(mail_shipped=True)


async def use(stage: Stage, box: Mailbox, **more: Any) -> None:
    """The tenant's mail server is this one."""
    server = load(MailServer, box.settings(**more))
    await stage.store.writing(lambda c: mail_server.put(c, stage.registry.vault, stage.tenant_id, server))


async def ship(stage: Stage, key: str = KEY, number: int = 1) -> None:
    assert sell(stage, number=number) == key
    await entered(stage, key)
    for step in ("invoiced", "shipped"):
        stage.erp.progress(step, None)
    await state(stage, key, "shipped")


async def deliver(stage: Stage, key: str = KEY) -> None:
    stage.erp.progress("delivered", None)
    await state(stage, key, "delivered")


async def untold(stage: Stage) -> list[Any]:
    """(key, why, code of its cause, given up) of the letters that have not gone out."""
    return await stage.sql(
        "select o.key, o.error, c.code, o.given_up_at from outbox o left join cause c on c.id = o.cause_id "
        "where o.kind = 'mail' and o.sent_at is null order by o.id"
    )


async def all_sent(stage: Stage) -> bool:
    return not await untold(stage)


async def timeline(stage: Stage, name: str) -> list[str]:
    rows = await stage.sql("select s.text from step s where s.name = :name order by s.id", name=name)
    return [msgspec.json.decode(row.text)["pt"] if isinstance(row.text, str) else row.text["pt"] for row in rows]


@pytest.mark.trap("mail.owed")
async def test_a_buyer_hears_once_of_the_shipping_and_once_of_the_delivery(database: str) -> None:
    async with mailbox() as box, faked(database, seed=goods(2), options=BOTH) as stage:
        await use(stage, box)
        await stage.selling()
        await ship(stage)
        await stage.until(lambda: len(box.letters) == 1)
        await deliver(stage)
        await stage.until(lambda: len(box.letters) == 2)
        await stage.retry_order(KEY)
        await stage.until(lambda: all_sent(stage))
        shipped, delivered = box.letters
        [order] = stage.erp.taken.values()
        buyer = stage.shop.placed[KEY].buyer
        assert shipped["To"] == buyer.email and shipped["Subject"] == f"Seu pedido {KEY} foi enviado"
        assert shipped["From"].addresses[0].display_name == "Casa das Bicicletas"
        assert f"Código de rastreio: BR{order.key}" in box.bodies()[0] and "Transportadora" not in box.bodies()[0]
        assert f"1 x {stage.shop.placed[KEY].items[0].name}" in box.bodies()[0] and buyer.name in box.bodies()[0]
        assert delivered["Subject"] == f"Seu pedido {KEY} foi entregue"
        assert shipped["Message-ID"] != delivered["Message-ID"]
        assert len(await timeline(stage, "mailed")) == 2
        stored = await stage.sql("select payload from outbox where kind = 'mail'")
        assert buyer.email not in str([row.payload for row in stored]), "what is stored of a letter says nothing of the buyer"


@pytest.mark.trap("mail.once")
async def test_an_order_that_comes_to_a_state_again_is_written_of_no_second_time(sqlite_database: str) -> None:
    async with mailbox() as box, faked(sqlite_database, seed=goods(1), options=SHIPPED, selling=True) as stage:
        await use(stage, box)
        await ship(stage)
        await stage.until(lambda: box.letters)
        await stage.until(lambda: all_sent(stage))
        # long after: the outbox has forgotten it, and the ERP says "invoiced" once more
        await stage.store.writing(lambda c: c.execute(sa.text("delete from outbox")))
        await stage.store.writing(lambda c: c.execute(sa.text("update shop_order set state = 'invoiced'")))
        await stage.retry_order(KEY)
        await state(stage, KEY, "shipped")
        await stage.until(lambda: all_sent(stage))
        assert len(box.letters) == 1 and not await stage.sql("select id from outbox")


async def test_of_several_shipments_the_one_letter_names_each(sqlite_database: str) -> None:
    async with mailbox() as box, faked(sqlite_database, seed=goods(2), options=BOTH, selling=True, run=False) as stage:
        await use(stage, box)
        stage.start()
        assert sell(stage) == KEY
        [order] = await entered(stage, KEY)
        box.hangs = True
        stage.erp.progress("invoiced", None)
        stage.erp.ship(order.key, "BR-A")
        stage.erp.ship(order.key, "BR-B")
        await state(stage, KEY, "shipped")
        box.hangs = False
        await stage.until(lambda: box.letters)
        await stage.until(lambda: all_sent(stage))
        [body] = box.bodies()
        assert body.count("Código de rastreio") == 2 and "BR-A" in body and "BR-B" in body


@pytest.mark.trap("mail.switch")
@pytest.mark.parametrize("options", [Options(), SHIPPED, Options(mail_delivered=True)], ids=["none", "shipped", "delivered"])
async def test_a_switch_that_is_off_sends_nothing(sqlite_database: str, options: Options) -> None:
    async with mailbox() as box, faked(sqlite_database, seed=goods(1), options=options, selling=True) as stage:
        await use(stage, box)
        await ship(stage)
        await deliver(stage)
        await stage.until(lambda: all_sent(stage))
        wanted = [what for what, on in (("enviado", options.mail_shipped), ("entregue", options.mail_delivered)) if on]
        assert [letter["Subject"].rpartition(" ")[2] for letter in box.letters] == wanted
        written = await stage.sql("select id from outbox where kind = 'mail'")
        assert len(written) == len(wanted)


@pytest.mark.trap("mail.off-meanwhile")
async def test_what_was_switched_off_before_it_went_is_not_sent(sqlite_database: str) -> None:
    async with mailbox() as box, faked(sqlite_database, seed=goods(1), options=SHIPPED, selling=True) as stage:
        box.to = "451 4.3.0 Later"
        await use(stage, box)
        await ship(stage)
        await stage.until(lambda: box.calls)
        await stage.change(options=Options(), flows=[])
        box.to = ""
        await stage.until(lambda: all_sent(stage))
        assert not box.letters


@pytest.mark.timeout(150)
async def test_a_process_that_dies_between_the_step_and_the_letter_leaves_exactly_one(sqlite_database: str) -> None:
    async with mailbox() as box, faked(sqlite_database, seed=goods(1), options=BOTH, selling=True, run=False) as stage:
        await use(stage, box)
        box.hangs = True
        with engine(sqlite_database) as killed:
            sell(stage)
            killed.start()
            await stage.until(lambda: stage.erp.taken, SLOWLY)
            for step in ("invoiced", "shipped", "delivered"):
                stage.erp.progress(step, None)
            await stage.until(lambda: box.calls, SLOWLY)
            assert not box.letters and len(await untold(stage)) >= 1, "the step is durable, and so is that the buyer is to know"
            killed.kill()
            box.hangs = False
            killed.start()
            await stage.until(lambda: len(box.letters) == 2, SLOWLY)
            await stage.until(lambda: all_sent(stage), SLOWLY)
            await stage.until(lambda: _is(stage, "delivered"), SLOWLY)
            killed.kill()
            killed.start()
            await stage.until(lambda: all_sent(stage), SLOWLY)
        assert sorted(letter["Subject"] for letter in box.letters) == [f"Seu pedido {KEY} foi {what}" for what in ("entregue", "enviado")]


async def _is(stage: Stage, wanted: str) -> bool:
    return (await stage.order(KEY)).state == wanted


@pytest.mark.trap("mail.same-id", "mail.no-third")
async def test_one_that_was_taken_without_an_answer_goes_again_as_the_same_letter(sqlite_database: str) -> None:
    """And no third time: a server that never says so would be sent the same letter for days."""
    async with mailbox() as box, faked(sqlite_database, seed=goods(1), options=SHIPPED, selling=True) as stage:
        box.drops = True
        await use(stage, box)
        await ship(stage)
        await stage.until(lambda: all_sent(stage))
        first, second = box.letters
        assert first["Message-ID"] == second["Message-ID"]
        [said] = await timeline(stage, "mail_unknown")
        assert "não se sabe se chegou" in said


@pytest.mark.trap("mail.patient")
async def test_a_server_that_looks_long_at_a_letter_gets_it_once(sqlite_database: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(smtp, "TIMEOUT", 0.5)
    async with mailbox() as box, faked(sqlite_database, seed=goods(1), options=SHIPPED, selling=True) as stage:
        box.slow = 1.5
        await use(stage, box)
        await ship(stage)
        await stage.until(lambda: timeline(stage, "mailed"))
        assert len(box.letters) == 1


@pytest.mark.trap("mail.all-of-it")
async def test_a_letter_waits_until_all_that_comes_has_left_and_names_that(sqlite_database: str) -> None:
    """A line that the ERP cuts is not in it; a first shipment is not the order."""
    async with mailbox() as box, faked(sqlite_database, seed=goods(3), options=SHIPPED, selling=True) as stage:
        await use(stage, box)
        sell(stage, 2, 1, 3)
        [order] = await entered(stage, KEY)
        [(first, _), (second, price), (third, _)] = skus(stage)
        names = {item.reference: item.name for item in stage.shop.placed[KEY].items}
        stage.erp.cut(order.key, {second: 0})
        stage.erp.invoice(order.key, value=order.total - Decimal(price))
        stage.erp.ship(order.key, "BR-A", {first: 2})
        await state(stage, KEY, "shipped")
        await asleep(stage, KEY)
        assert not box.letters and not await untold(stage)
        stage.erp.ship(order.key, "BR-B", {third: 3})
        await stage.until(lambda: box.letters)
        [body] = box.bodies()
        assert "BR-A" in body and "BR-B" in body
        assert f"2 x {names[first]}" in body and f"3 x {names[third]}" in body and names[second] not in body


@pytest.mark.trap("mail.overtaken")
async def test_an_order_that_was_cancelled_meanwhile_is_not_said_to_be_shipped(sqlite_database: str) -> None:
    async with mailbox() as box, faked(sqlite_database, seed=goods(1), options=SHIPPED, selling=True) as stage:
        box.to = "451 4.3.0 Later"
        await use(stage, box)
        await ship(stage)
        await stage.until(lambda: box.calls)
        stage.shop.cancel([KEY], "Desisti")
        await stage.until(lambda: stage.sql("select id from shop_order where shop_state = 'cancelled'"))
        box.to = ""
        await stage.until(lambda: all_sent(stage))
        assert not box.letters and "cancelado" in (await timeline(stage, "mail_dropped"))[0]


@pytest.mark.trap("mail.other-server")
async def test_what_an_old_server_refuses_does_not_condemn_the_new_one(sqlite_database: str) -> None:
    async with (
        mailbox() as old,
        mailbox() as new,
        faked(sqlite_database, seed=goods(1), options=SHIPPED, selling=True) as stage,
    ):
        old.hangs, old.to = True, "550 5.1.8 Sender address rejected"
        await use(stage, old)
        await ship(stage)
        await stage.until(lambda: old.calls)
        await use(stage, new)
        old.hangs = False
        await stage.until(lambda: new.letters)
        await stage.until(lambda: all_sent(stage))
        assert not old.letters and len(new.letters) == 1


@pytest.mark.trap("mail.sender")
async def test_a_sender_that_is_refused_with_the_recipient_is_no_fault_of_the_buyers(sqlite_database: str) -> None:
    async with mailbox() as box, faked(sqlite_database, seed=goods(1), options=SHIPPED, selling=True) as stage:
        box.to = "550 5.1.8 <loja@exemplo.com.br>: Sender address rejected: Domain not found"
        await use(stage, box)
        await ship(stage)
        await stage.until(lambda: _code(stage, "mail.sender"))
        box.to = ""
        await use(stage, box)
        await again(stage, "mail.sender")
        await stage.until(lambda: len(box.letters) == 1)


@pytest.mark.trap("mail.shown")
async def test_a_server_that_takes_nothing_is_said_and_tried_again(sqlite_database: str) -> None:
    async with mailbox() as box, faked(sqlite_database, seed=goods(1), options=SHIPPED, selling=True) as stage:
        box.data = "451 4.3.0 Try again later"
        await use(stage, box)
        await ship(stage)
        await stage.until(lambda: _code(stage, "mail.not_taken"))
        [cause] = await stage.sql("select text, owner from cause where code = 'mail.not_taken'")
        assert "Try again later" in str(cause.text) and cause.owner == "engate"
        box.data = "452 4.2.2 Other words"
        await stage.until(lambda: stage.sql("select id from outbox where error like '%Other words%'"))
        assert len(await stage.sql("select id from cause where code like 'mail%'")) == 1, "whatever its words are, it is one trouble"
        box.data = ""
        await stage.until(lambda: all_sent(stage))
        assert len(box.letters) == 1
        assert not await stage.sql("select id from cause where code like 'mail%'"), "what is over is gone"


async def _code(stage: Stage, code: str) -> bool:
    return [row.code for row in await untold(stage)] == [code]


@pytest.mark.trap("mail.address", "mail.masked")
async def test_an_address_that_does_not_exist_is_tried_once_and_said(sqlite_database: str) -> None:
    async with mailbox() as box, faked(sqlite_database, seed=goods(1), options=BOTH, selling=True) as stage:
        box.to = "550 5.1.1 <{to}>: No such user"
        await use(stage, box)
        await ship(stage)
        await deliver(stage)
        await stage.until(lambda: box.calls == 2)
        await stage.until(lambda: all_sent(stage))
        said = await timeline(stage, "mail_refused")
        assert len(said) == 2 and "No such user" in said[0] and stage.shop.placed[KEY].buyer.email not in said[0]


async def test_an_order_without_an_address_says_so(sqlite_database: str) -> None:
    async with mailbox() as box, faked(sqlite_database, seed=goods(1), options=SHIPPED, selling=True) as stage:
        await use(stage, box)
        sell(stage)
        placed = stage.shop.placed[KEY]
        stage.shop.placed[KEY] = msgspec.structs.replace(placed, buyer=msgspec.structs.replace(placed.buyer, email="sem e-mail"))
        await entered(stage, KEY)
        for step in ("invoiced", "shipped"):
            stage.erp.progress(step, None)
        await state(stage, KEY, "shipped")
        await stage.until(lambda: timeline(stage, "mail_impossible"))
        assert not await untold(stage) and not box.calls


@pytest.mark.trap("mail.no-further-login")
async def test_a_login_that_is_refused_waits_for_a_person_and_is_not_tried_again(
    sqlite_database: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A server may lock an account after some."""
    served, trusted = certificate(tmp_path)
    monkeypatch.setenv("SSL_CERT_FILE", str(trusted))
    async with mailbox(served) as box, faked(sqlite_database, seed=goods(1), options=SHIPPED, selling=True) as stage:
        await use(stage, box, security="starttls", user=USER, password="errada-" + PASSWORD)
        await ship(stage)
        await stage.until(lambda: _code(stage, "mail.login"))
        tried = box.logins
        await ship(stage, "F00002", 2)
        await stage.until(lambda: _waiting(stage, 2))
        assert box.logins == tried and not box.letters
        texts = str(await stage.sql("select text, hint from cause")) + str(await stage.sql("select error from outbox"))
        assert PASSWORD not in texts
        [cause] = await stage.sql("select owner from cause where code = 'mail.login'")
        assert cause.owner == "person"
        await use(stage, box, security="starttls", user=USER, password=PASSWORD)
        await again(stage, "mail.login")
        await stage.until(lambda: len(box.letters) == 2)
        await stage.until(lambda: all_sent(stage))


async def _waiting(stage: Stage, count: int) -> bool:
    rows = await untold(stage)
    return len(rows) == count and all(row.code == "mail.login" and row.given_up_at for row in rows)


@pytest.mark.trap("mail.trusted")
async def test_a_server_that_nobody_vouches_for_is_told_nothing(sqlite_database: str, tmp_path: Path) -> None:
    served, _ = certificate(tmp_path)
    async with mailbox(served) as box, faked(sqlite_database, seed=goods(1), options=SHIPPED, selling=True) as stage:
        await use(stage, box, security="starttls", user=USER, password=PASSWORD)
        await ship(stage)
        await stage.until(lambda: _code(stage, "mail.security"))
        [cause] = await stage.sql("select text from cause where code = 'mail.security'")
        assert "certificado" in str(cause.text) and not box.logins and not box.letters


async def test_without_a_server_letters_wait_for_a_person(sqlite_database: str) -> None:
    """It was taken away by whoever knew no better; the API refuses that."""
    async with mailbox() as box, faked(sqlite_database, seed=goods(1), options=SHIPPED, selling=True) as stage:
        await ship(stage)
        await stage.until(lambda: _code(stage, "mail.no_server"))
        await use(stage, box)
        await again(stage, "mail.no_server")
        await stage.until(lambda: len(box.letters) == 1)


async def again(stage: Stage, code: str) -> None:
    """A person wants what waits for this tried again."""
    [cause] = await stage.sql("select id from cause where code = :code", code=code)
    now, what = stage.clock.now().timestamp(), trigger.Retried(cause.id)
    await stage.store.writing(lambda c: trigger.retry(Scope(c, stage.tenant_id, stage.integration_id, now), what))
    stage.runner.poke()


async def test_what_no_server_takes_for_days_is_given_up_until_a_person_asks(sqlite_database: str) -> None:
    impatient = msgspec.structs.replace(SHORT, outbox_most=0.0, retry_most=0.1)
    async with mailbox() as box, faked(sqlite_database, seed=goods(1), options=SHIPPED, selling=True, delays=impatient) as stage:
        box.data = "554 5.7.1 Spam"
        await use(stage, box)
        await ship(stage)
        await stage.until(lambda: _code(stage, "outbox.given_up"))
        box.data = ""
        await again(stage, "outbox.given_up")
        await stage.until(lambda: len(box.letters) == 1)
