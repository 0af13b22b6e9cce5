"""Translation, without a server: units, names, totals, states, keys."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engate import Rejected, Unavailable
from engate.model import Brand, Category, Image, Invoice, Item, Price, Product, Sku, StockLevel
from engate_vtex import stock, translate, translate_orders

# ---- names and references ----


@pytest.mark.parametrize(
    ("thing", "limit", "make"),
    [
        ("product", 150, lambda name: translate.product_body(Product("1", name), "1", "2")),
        ("sku", 200, lambda name: translate.sku_body(Sku("1", "1", name, weight_kg=Decimal(1)), "1")),
    ],
)
def test_a_name_is_never_cut(thing: str, limit: int, make: Any) -> None:
    assert make(" " + "x" * limit + " ")["Name"] == "x" * limit
    for name in ("x" * (limit + 1), "", "   "):
        with pytest.raises(Rejected) as raised:
            make(name)
        assert raised.value.code == f"{thing}.name" and raised.value.hint.pt and raised.value.hint.en and raised.value.owner == "person"


@pytest.mark.parametrize(
    ("limit", "make"),
    [
        (100, lambda key: translate.product_body(Product(key, "n"), "1", "2")),
        (50, lambda key: translate.sku_body(Sku(key, "1", "n", weight_kg=Decimal(1)), "1")),
    ],
)
def test_a_reference_goes_whole_or_not_at_all(limit: int, make: Any) -> None:
    assert make("k" * limit)["RefId"] == "k" * limit
    for key in ("k" * (limit + 1), " "):
        with pytest.raises(Rejected) as raised:
            make(key)
        assert raised.value.code.endswith(".reference")


def test_names_are_trimmed() -> None:
    assert translate.brand_body(Brand("1", " Nike "), 7)["Name"] == "Nike"
    assert translate.category_body(Category("1", " Chás "), None)["Name"] == "Chás"
    with pytest.raises(Rejected, match="brand"):
        translate.brand_body(Brand("1", " "), 7)


def test_the_link_of_a_product_holds_its_reference() -> None:
    a = translate.product_body(Product("10/A", "Café Ação 500g"), "1", "2")["LinkId"]
    assert a == "cafe-acao-500g-10-a"


# ---- weight and sizes ----


def test_weight_is_whole_grams_and_never_nothing() -> None:
    def grams(kilograms: str) -> int:
        return translate.grams(Sku("1", "1", "n", weight_kg=Decimal(kilograms)))

    assert [grams(weight) for weight in ("1", "0.5", "1.2345", "1.0004", "0.0001")] == [1000, 500, 1235, 1000, 1]
    for weight in ("0", "-1"):
        with pytest.raises(Rejected) as raised:
            grams(weight)
        assert raised.value.code == "sku.weight"


def test_a_new_sku_is_never_active() -> None:
    body = translate.sku_body(Sku("1", "1", "n", weight_kg=Decimal(1), active=True), "9")
    assert (body["IsActive"], body["ActivateIfPossible"], body["ProductId"]) == (False, True, 9)


def test_every_sku_put_says_whether_it_is_active() -> None:
    assert translate.sku_whole({"Id": 1, "Name": "n"}, {})["IsActive"] is False
    assert translate.sku_whole({"Id": 1, "Name": "n", "IsActive": True}, {"Name": "m"}) == {"Name": "m", "IsActive": True}


# ---- what is written ----

OWNED = ("name", "active")


def test_known_what_stands_only_changes_are_written() -> None:
    have = Category("1", "A")
    assert translate.to_write(Item("1", Category("1", "B"), have=have), OWNED) == {"name"}
    assert translate.to_write(Item("1", have, have=have), OWNED) == {"name", "active"}


def test_after_an_unknown_outcome_everything_is_written() -> None:
    assert translate.to_write(Item("1", Category("1", "B"), remote="7", uncertain=True), OWNED) == {"name", "active"}


def test_at_the_first_link_only_a_switch_off_is_written() -> None:
    assert translate.to_write(Item("1", Category("1", "B"), remote="7"), OWNED) == set()
    assert translate.to_write(Item("1", Category("1", "B", active=False), remote="7"), OWNED) == {"active"}


def test_what_was_read_goes_back_whole_but_for_nulls_and_the_id() -> None:
    assert translate.writable({"Id": 1, "Score": None, "KeyWords": "a", "IsVisible": False, "TaxCode": ""}) == {
        "KeyWords": "a",
        "IsVisible": False,
        "TaxCode": "",
    }


def test_a_category_put_demands_every_field() -> None:
    body = {"Id": 1, "Name": "A", "FatherCategoryId": 3, "Score": None, "Title": "T", "Keywords": None, "IsActive": True, "LinkId": "a"}
    whole = translate.category_update(body, Category("1", "B"), {"name"})
    assert set(whole) == set(translate.category_body(Category("1", "B"), None))
    assert (whole["Name"], whole["Title"], whole["Keywords"], whole["FatherCategoryId"], whole["Score"]) == ("B", "T", "B", 3, 0)


# ---- prices and stock ----


def test_exactly_two_of_three_prices_or_the_base_alone() -> None:
    item = Item("1", Price("1", "1", Decimal("10.50")))
    assert translate.price_body(item, None) == {"basePrice": 10.5}
    old = {
        "basePrice": 9,
        "costPrice": 4.5,
        "markup": 100,
        "listPrice": None,
        "fixedPrices": [{"tradePolicyId": "1", "value": 8, "listPrice": None}],
    }
    assert translate.price_body(item, old) == {"basePrice": 10.5, "costPrice": 4.5, "fixedPrices": [{"tradePolicyId": "1", "value": 8}]}


def test_a_table_price_is_from_one_unit_on() -> None:
    entry = translate.fixed_price(Price("1", "1", Decimal("10.50"), list_price=Decimal(12)), "2")
    assert entry == [{"tradePolicyId": "2", "value": 10.5, "minQuantity": 1, "listPrice": 12.0}]


def test_stock_always_says_both() -> None:
    assert translate.stock_body(StockLevel("1", "1", "1", Decimal(7))) == {"quantity": 7, "unlimitedQuantity": False}
    assert translate.stock_body(StockLevel("1", "1", "1", Decimal(-7), unlimited=True)) == {"quantity": 0, "unlimitedQuantity": True}


def test_warehouse_ids_have_one_case_and_no_spaces() -> None:
    assert [stock.warehouse_id(key) for key in ("1", " Loja 02 ", "SP/3")] == ["1", "loja-02", "sp-3"]


def test_our_image_is_known_by_its_key_whatever_its_name_was() -> None:
    image = Image("1001-1/0", "1001-1", "https://a/b.jpg", "Café")
    name = translate.image_body(image)["Name"]
    files = [{"Id": 4, "Name": "cafe-1001-1-1"}, {"Id": 5, "Name": name}]
    assert translate.our_file(files, Image("1001-1/0", "1001-1", "https://a/c.jpg", "Outro nome")) == "5"
    assert translate.our_file(files[:1], image) is None


# ---- states ----


@pytest.mark.parametrize(
    ("raw", "state"),
    [
        ("order-created", "awaiting_payment"),
        ("payment-pending", "awaiting_payment"),
        ("payment-approved", "held"),
        ("window-to-cancel", "held"),
        ("waiting-for-manual-authorization", "held"),
        ("ready-for-handling", "ready"),
        ("start-handling", "handling"),
        ("handling", "handling"),
        ("invoice", "handling"),
        ("invoiced", "invoiced"),
        ("request-cancel", "cancel_requested"),
        ("waiting-for-seller-decision", "cancel_requested"),
        ("cancelation-request", "cancel_requested"),
        ("cancel", "cancel_requested"),
        ("canceled", "cancelled"),
        ("replaced", "unknown"),
        ("on-the-moon", "unknown"),
        ("", "unknown"),
        (None, "unknown"),
    ],
)
def test_states(raw: str | None, state: str) -> None:
    assert translate_orders.state(raw) == state


def test_a_feed_that_tells_less_is_noticed() -> None:
    ours = translate_orders.feed_config(240, 345_600)
    assert translate_orders.tells_all(ours)
    assert not translate_orders.tells_all({"filter": {**ours["filter"], "type": "FromOrders"}})
    assert not translate_orders.tells_all({"filter": {**ours["filter"], "status": ours["filter"]["status"][1:]}})
    queue = {"visibilityTimeoutInSeconds": 240, "messageRetentionPeriodInSeconds": 345_600}
    assert translate_orders.keeps({"queue": queue}, 240, 345_600)
    assert not translate_orders.keeps({"queue": queue}, 241, 345_600) and not translate_orders.keeps({"queue": queue}, 240, 345_601)


def test_an_event_keeps_its_own_word_and_id() -> None:
    event = translate_orders.event(
        {"eventId": "E1", "orderId": "O1", "state": "on-the-moon", "currentChange": "2026-11-21T18:00:00.1234567Z"}
    )
    assert (event.key, event.order, event.state, event.raw_state) == ("E1", "O1", "unknown", "on-the-moon")
    assert translate_orders.event({"eventId": "E", "orderId": "O", "state": None}).raw_state == ""


# ---- orders ----


def order(**changes: Any) -> dict[str, Any]:
    base: dict[str, Any] = {
        "orderId": "1-01",
        "status": "ready-for-handling",
        "value": 11500,
        "creationDate": "2026-11-21T18:00:00.1234567+00:00",
        "authorizedDate": None,
        "totals": [
            {"id": "Items", "value": 11000},
            {"id": "Discounts", "value": -1000},
            {"id": "Shipping", "value": 1500},
            {"id": "Tax", "value": 0},
        ],
        "items": [line()],
        "paymentData": {"transactions": [{"isActive": True, "payments": [paid(11500)]}]},
        "shippingData": {"address": {}, "logisticsInfo": [{"itemIndex": 0, "price": 1500, "selectedSla": "Normal"}]},
        "clientProfileData": {},
    }
    return {**base, **changes}


def line(**changes: Any) -> dict[str, Any]:
    return {"uniqueId": "U1", "id": "18", "refId": "R", "name": "N", "quantity": 1, "price": 11000, "sellingPrice": 10000, **changes}


def paid(value: int, **changes: Any) -> dict[str, Any]:
    return {"paymentSystem": "2", "paymentSystemName": "Visa", "value": value, "referenceValue": value, "installments": 1, **changes}


def sums(raw: dict[str, Any]) -> tuple[Decimal, ...]:
    read = translate_orders.order(raw)
    assert read.items_total + read.freight + read.interest - read.discount == read.total
    return read.items_total, read.freight, read.discount, read.interest, read.total


def reais(*cents: int) -> tuple[Decimal, ...]:
    return tuple(Decimal(value) / 100 for value in cents)


def test_a_discount_in_theunit_price_is_not_taken_twice() -> None:
    assert sums(order()) == reais(10000, 1500, 0, 0, 11500)


def test_a_discount_outside_theunit_prices_is_the_orders() -> None:
    assert sums(order(items=[line(sellingPrice=11000)])) == reais(11000, 1500, 1000, 0, 11500)


def test_card_interest_that_the_order_value_leaves_out_is_charged_on_top() -> None:
    with_interest = {"transactions": [{"payments": [paid(12100, referenceValue=11500)]}]}
    assert sums(order(paymentData=with_interest)) == reais(10000, 1500, 0, 600, 12100)


def test_card_interest_that_the_order_value_holds_is_not_charged_twice() -> None:
    with_interest = {"transactions": [{"payments": [paid(12100, referenceValue=11500)]}]}
    assert sums(order(value=12100, paymentData=with_interest)) == reais(10000, 1500, 0, 600, 12100)


def test_interest_and_a_discount_outside_the_prices_stay_apart() -> None:
    with_interest = {"transactions": [{"payments": [paid(12100, referenceValue=11500)]}]}
    assert sums(order(items=[line(sellingPrice=11000)], paymentData=with_interest)) == reais(11000, 1500, 1000, 600, 12100)


def test_tax_is_a_fee_beside_the_discount() -> None:
    totals = [
        {"id": "Items", "value": 11000},
        {"id": "Discounts", "value": -1000},
        {"id": "Shipping", "value": 0},
        {"id": "Tax", "value": 250},
    ]
    assert sums(order(value=10250, totals=totals, items=[line(sellingPrice=11000)])) == reais(11000, 0, 1000, 250, 10250)


def test_a_cent_that_does_not_divide_is_a_fee() -> None:
    totals = [{"id": "Items", "value": 10000}, {"id": "Shipping", "value": 0}]
    assert sums(order(value=10000, totals=totals, items=[line(quantity=3, sellingPrice=3333)])) == reais(9999, 0, 0, 1, 10000)


@pytest.mark.parametrize("price", [5000, 9998, 10002, 20000])
def test_lines_that_are_not_the_items_of_the_totals_are_not_made_to_fit(price: int) -> None:
    """Neither a discount nor interest that nobody gave or asked for."""
    raw = order(value=11500, totals=[{"id": "Items", "value": 10000}, {"id": "Shipping", "value": 1500}], items=[line(sellingPrice=price)])
    assert sums(raw) == reais(10000, 1500, 0, 0, 11500)
    assert translate_orders.order(raw).items[0].price == Decimal(price) / 100


def test_a_discount_larger_than_the_one_of_the_totals_is_none() -> None:
    assert sums(order(items=[line(sellingPrice=9000)])) == reais(11000, 1500, 1000, 0, 11500)


def test_a_value_that_is_not_the_sum_of_the_totals_is_not_made_to_fit() -> None:
    read = translate_orders.order(order(value=12000))
    assert (read.discount, read.interest) == (Decimal(10), 0)
    assert read.items_total + read.freight + read.interest - read.discount != read.total


def test_a_payment_that_was_given_up_does_not_count() -> None:
    given_up = {"isActive": False, "payments": [paid(99999, referenceValue=1)]}
    raw = order(paymentData={"transactions": [given_up, {"isActive": True, "payments": [paid(11500)]}]})
    assert sums(raw) == reais(10000, 1500, 0, 0, 11500)
    assert [payment.value for payment in translate_orders.order(raw).payments] == [Decimal("115.00")]


def test_a_unit_multiplier_makes_the_price_of_a_unit() -> None:
    raw = order(value=4500, totals=[{"id": "Items", "value": 4500}], items=[line(quantity=3, sellingPrice=3000, unitMultiplier=0.5)])
    assert sums(raw)[0] == Decimal("45.00")
    assert translate_orders.order(raw).items[0].price == Decimal("15.00")


@given(
    st.lists(st.tuples(st.integers(1, 9), st.integers(0, 100_000)), min_size=1, max_size=5),
    st.integers(-50_000, 0),
    st.integers(0, 9_999),
    st.integers(0, 999),
    st.integers(0, 9_999),
)
def test_the_sums_hold_to_the_cent_for_any_order(
    lines: list[tuple[int, int]], discount: int, shipping: int, tax: int, interest: int
) -> None:
    items = sum(quantity * price for quantity, price in lines)
    value = items + discount + shipping + tax
    raw = order(
        value=value,
        totals=[
            {"id": "Items", "value": items},
            {"id": "Discounts", "value": discount},
            {"id": "Shipping", "value": shipping},
            {"id": "Tax", "value": tax},
        ],
        items=[line(uniqueId=str(n), quantity=quantity, sellingPrice=price) for n, (quantity, price) in enumerate(lines)],
        paymentData={"transactions": [{"payments": [paid(value + interest, referenceValue=value)]}]} if value > 0 else {},
    )
    _, freight, off, fees, total = sums(raw)
    assert freight == Decimal(shipping) / 100 and off >= 0 and fees >= 0
    assert total == Decimal(value + (interest if value > 0 else 0)) / 100


def test_the_warehouse_and_carrier_are_those_of_most_units() -> None:
    deliveries = [{"warehouseId": "a", "courierId": "x", "quantity": 1}, {"warehouseId": "b", "courierId": "y", "quantity": 2}]
    raw = order(shippingData={"logisticsInfo": [{"itemIndex": 0, "selectedSla": "Normal", "deliveryIds": deliveries}]})
    read = translate_orders.order(raw)
    assert (read.items[0].warehouse, read.shipping) == ("b", "y")


def test_a_pickup_has_the_method_that_was_chosen() -> None:
    raw = order(
        shippingData={
            "logisticsInfo": [{"itemIndex": 0, "selectedSla": "Retira", "deliveryIds": [{"courierId": None, "warehouseId": "a"}]}]
        }
    )
    assert translate_orders.order(raw).shipping == "Retira"


def test_a_company_buys_with_its_own_document() -> None:
    profile = {
        "isCorporate": True,
        "firstName": "Ana",
        "lastName": "Lima",
        "document": "845.134.270-19",
        "corporateDocument": "12.abc.345/01de-35",
        "corporateName": "Cafés Ltda",
        "stateInscription": "ISENTO",
        "corporatePhone": "+551133334444",
    }
    buyer = translate_orders.order(order(clientProfileData=profile)).buyer
    assert (buyer.document, buyer.company, buyer.company_name, buyer.name) == ("12ABC34501DE35", True, "Cafés Ltda", "Ana Lima")
    assert (buyer.state_inscription, buyer.phone) == ("ISENTO", "+551133334444")
    person = translate_orders.order(order(clientProfileData={**profile, "isCorporate": False})).buyer
    assert (person.document, person.company, person.company_name, person.state_inscription) == ("84513427019", False, "", "")


def test_the_card_terminals_words_are_found_however_they_are_spelt() -> None:
    answers = [{"authId": "A1", "nsu": "N1", "Tid": "T1"}, {"authorizationId": "A1", "nsu": "N1", "tid": "T1"}]
    for connector in answers:
        raw = order(paymentData={"transactions": [{"payments": [paid(11500, connectorResponses=connector, installments=6)]}]})
        (payment,) = translate_orders.order(raw).payments
        assert (payment.authorisation, payment.nsu, payment.tid, payment.installments, payment.form) == ("A1", "N1", "T1", 6, "2")


def test_an_address_loses_nothing() -> None:
    address = {
        "street": "Rua A",
        "number": "S/N",
        "complement": "ap 10",
        "reference": "portão azul",
        "postalCode": "01304-000",
        "country": "BRA",
    }
    read = translate_orders.order(order(shippingData={"address": address})).delivery
    assert (read.complement, read.zip_code, read.number) == ("ap 10, portão azul", "01304000", "S/N")


def test_a_marketplace_order_names_its_affiliate() -> None:
    assert translate_orders.order(order(salesChannel="1", affiliateId="GHB")).channel == "GHB"
    assert translate_orders.order(order(salesChannel="1", affiliateId="")).channel == "1"


def test_an_order_without_what_every_order_has_is_outside_the_contract() -> None:
    for missing in ("items", "value", "creationDate"):
        raw = order()
        del raw[missing]
        with pytest.raises(Unavailable) as raised:
            translate_orders.order(raw)
        assert raised.value.code == "contract" and "1-01" in raised.value.text.pt


# ---- invoices ----


@pytest.mark.parametrize("prefix", ["", "NFe", "CFe", "NFCe"])
def test_access_keys_lose_their_prefix(prefix: str) -> None:
    key = "35261112ABC34501DE35550010000001231000001239"
    assert translate_orders.access_key(prefix + key) == key


def note(**changes: Any) -> Invoice:
    base: dict[str, Any] = {
        "key": "K2",
        "number": "1/2 3",
        "series": "1",
        "model": "55",
        "issued_at": datetime(2026, 11, 21, tzinfo=UTC),
        "value": Decimal(10),
        "issuer": "12ABC34501DE35",
    }
    return Invoice(**{**base, **changes})


def test_an_invoice_number_is_letters_and_digits_and_its_own() -> None:
    def packages(*numbers: str) -> dict[str, Any]:
        return {"packageAttachment": {"packages": [{"invoiceNumber": number, "invoiceKey": "K1"} for number in numbers]}}

    assert translate_orders.free_number(packages(), note()) == "123"
    assert translate_orders.free_number(packages("123"), note()) == "123S1"
    assert translate_orders.free_number(packages("123", "123S1"), note()) == "123S1E12ABC34501DE35"


def test_a_return_note_is_no_sale_note() -> None:
    raw = {"packageAttachment": {"packages": [{"type": "Input", "invoiceKey": "K2", "invoiceValue": 500}]}}
    assert translate_orders.package_of(raw, note()) is None


def test_cents() -> None:
    assert [translate_orders.cents(Decimal(value)) for value in ("24.99", "0.005", "100")] == [2499, 1, 10000]
    assert translate_orders.money(2499) == Decimal("24.99") and str(translate_orders.money(None)) == "0.00"


def test_a_delivery_is_told_in_the_wall_time_that_was_reported() -> None:
    assert translate_orders.delivery_body("2026-11-24T15:30:12-03:00")["deliveredDate"] == "2026-11-24 15:30"
