"""Rows to model and parts to bodies, without a server."""

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from engate import Answered, Invalid, Rejected
from engate.model import Address, Buyer, Order, OrderPart, PartItem
from engate_winthor import endpoints, translate, translate_orders
from engate_winthor.client import stamp_of, watermark
from engate_winthor.rows import OrderRow, PriceRow, ProductRow, Rows, SkuRow, StockRow, flag, text

NOW = "2026-11-21T12:00:00"
D = Decimal


def row(kind: type[Any], **fields: Any) -> Any:
    return msgspec.json.decode(msgspec.json.encode(fields), type=kind)


# ---- small readings ----


@pytest.mark.parametrize("value", [True, 1, "S", "Y", "A", "true", "s", "Sim"])
def test_flags_that_mean_yes(value: object) -> None:
    assert flag(value, False) is True  # type: ignore[arg-type]


@pytest.mark.parametrize("value", [False, 0, "N", "I", "false"])
def test_flags_that_mean_no(value: object) -> None:
    assert flag(value, True) is False  # type: ignore[arg-type]


def test_a_flag_that_is_not_there_is_the_default() -> None:
    assert flag(None, True) and flag("", True) and not flag(None, False)


def test_no_link_is_written_as_zero_too() -> None:
    assert text(0) == text("0") == text(None) == "" and text(" 12 ") == "12" and text(10) == "10"


def test_the_watermark_is_the_newest_stamp() -> None:
    assert watermark(["2026-11-20T10:00:00", "2026-11-21T11:59:59", None], NOW) == "2026-11-21T11:59:59"


def test_a_stamp_in_the_future_does_not_silence_the_flow() -> None:
    assert watermark(["2026-11-20T10:00:00", "2062-01-01T00:00:00"], NOW) == NOW


def test_never_is_no_stamp() -> None:
    assert watermark(["1900-01-01T00:00:00"], NOW) is None and watermark(["broken", None], NOW) is None and watermark([], NOW) is None


def test_stamps_in_other_dresses() -> None:
    assert stamp_of("2026-11-21") == "2026-11-21T00:00:00" and stamp_of("2026-11-21 10:00:00.500") == "2026-11-21T10:00:00"


# ---- catalogue ----


def product(**fields: Any) -> ProductRow:
    whole = {"id": 7, "name": "Suco", "departmentId": 1, "sectionId": 2, "categoryId": 3, "brandId": 4, "isVisible": "S", "isActive": True}
    return row(ProductRow, **{**whole, **fields})


def test_a_sound_product_has_no_problems() -> None:
    found = translate.product(product(showWithoutStock="S", description="Suco de uva"))
    assert (found.key, found.name, found.description, found.category, found.brand) == ("7", "Suco", "Suco de uva", "category/3", "4")
    assert found.problems == () and found.active and found.show_without_stock


def test_the_base_unit_and_its_net_weight_are_the_products() -> None:
    found = translate.product(product(unity=" KG ", netWeightKg=1.055))
    assert (found.unit, found.net_weight_kg) == ("KG", D("1.055"))
    silent = translate.product(product(unity=None))
    assert (silent.unit, silent.net_weight_kg, silent.ncm, silent.preparation_days) == ("", 0, "", None), "its contract has neither"


@pytest.mark.parametrize(
    ("field", "code"),
    [("departmentId", "link.department"), ("sectionId", "link.section"), ("categoryId", "link.category"), ("brandId", "link.brand")],
)
@pytest.mark.parametrize("missing", [None, 0])
def test_each_missing_link_is_a_problem_that_says_what_to_do(field: str, code: str, missing: object) -> None:
    [problem] = translate.product(product(**{field: missing})).problems
    assert problem.code == code and "203" in problem.hint.pt and "2009" in problem.hint.en


def test_a_missing_category_or_brand_is_not_invented() -> None:
    found = translate.product(product(categoryId=None, brandId=0))
    assert found.category is None and found.brand is None


def test_a_deleted_product_is_inactive() -> None:
    assert not translate.product(product(isActive=False)).active


def test_only_flagged_products_are_for_the_shop() -> None:
    assert translate.for_shop(product())
    assert not translate.for_shop(product(isVisible="N")) and not translate.for_shop(product(isVisible=None))


def sku(**fields: Any) -> SkuRow:
    whole = {
        "id": 7891000100103,
        "productRootId": 7,
        "productSKUId": "7891000100103-7",
        "name": "CX 12",
        "nameproduct": "Suco",
        "unitMultiplier": 12,
    }
    return row(SkuRow, **{**whole, **fields})


def test_the_real_measures_win_and_the_plain_ones_stand_in() -> None:
    found = translate.sku(sku(realWeightKg=1.255, weightKg=9, realHeight=0, height=10.5, width=20, realLength=None, length=30))
    assert (found.weight_kg, found.height_cm, found.width_cm, found.length_cm) == (D("1.255"), D("10.5"), D(20), D(30))
    assert translate.sku(sku()).weight_kg == 0


def test_numbers_are_exact() -> None:
    assert str(translate.sku(sku(realWeightKg=0.1)).weight_kg) == "0.1"
    assert msgspec.json.decode(b'{"price": 1234567.8901234567}', type=PriceRow).price == D("1234567.8901234567")


def test_the_sku_key_is_the_one_winthor_uses_everywhere() -> None:
    assert translate.sku(sku()).key == "7891000100103-7"
    assert translate.sku(sku(productSKUId=None)).key == "7891000100103-7"


def test_a_packaging_without_auxiliary_code_is_a_problem() -> None:
    found = translate.sku(sku(id=None, productSKUId=None))
    assert found.key == "-7" and [problem.code for problem in found.problems] == ["sku.code"]


@pytest.mark.parametrize("fields", [{"isActive": False}, {"active": "N"}])
def test_a_packaging_switched_off_is_inactive(fields: dict[str, Any]) -> None:
    assert translate.sku(sku()).active and not translate.sku(sku(**fields)).active


@pytest.mark.parametrize(
    ("listed", "expected"),
    [
        (["789", "790"], "789"),
        ([{"ean": 789}], "789"),
        ("789", "789"),
        ([], "7891000100103"),
        (None, "7891000100103"),
        ([0], "7891000100103"),
    ],
)
def test_the_ean_is_the_first_listed_else_the_code(listed: object, expected: str) -> None:
    assert translate.sku(sku(listOfEAN=listed)).ean == expected


@pytest.mark.parametrize("listed", [[75678164125], [], ["75678164125"]])
def test_a_zero_that_the_number_lost_is_put_back(listed: object) -> None:
    made = translate.image(sku(id=75678164125, listOfEAN=listed), "https://i/{ean}.jpg")
    assert translate.sku(sku(id=75678164125, listOfEAN=listed)).ean == "075678164125" and made.url == "https://i/075678164125.jpg"


def test_a_code_that_is_no_gtin_is_no_ean() -> None:
    assert translate.ean([], "7891000100104") == "" and translate.ean(None, "123") == ""


def test_an_image_needs_what_its_template_names() -> None:
    made = translate.image(sku(), "https://i/{code}/{ean}?s={sku}")
    assert (made.url, made.key, made.sku) == ("https://i/7/7891000100103?s=7891000100103-7", "7891000100103-7/0", "7891000100103-7")
    without = translate.image(sku(id="A 1", productSKUId="A 1-7"), "https://i/{ean}.jpg")
    assert without.url == "" and without.problems[0].code == "image.ean"
    assert translate.image(sku(productSKUId="A 1-7"), "https://i/{sku}.jpg").url == "https://i/A%201-7.jpg"


# ---- prices and stock ----


def price(**fields: Any) -> PriceRow:
    return row(PriceRow, **{"branchId": "1", "skuId": "A-7", "price": 19.9, "fixedPrice": False, **fields})


OFFER = {"offerPrice": 15.5, "offerStartDate": "2026-11-20T00:00:00", "offerEndDate": "2026-11-21T00:00:00"}


def test_a_table_price() -> None:
    found = translate.price(price(), NOW)
    assert (found.key, found.sku, found.base, found.list_price, found.table) == ("A-7", "A-7", D("19.9"), None, "")


@pytest.mark.parametrize(("held", "base"), [(12.34, "12.34"), ("12.34", "12.34"), (True, "19.9"), ("S", "19.9")])
def test_a_fixed_price_wins_over_table_and_offer(held: object, base: str) -> None:
    found = translate.price(price(fixedPrice=held, **OFFER), NOW)
    assert found.base == D(base) and found.list_price is None


@pytest.mark.parametrize("held", [None, False, 0, "N", ""])
def test_no_fixed_price_leaves_the_offer(held: object) -> None:
    assert translate.price(price(fixedPrice=held, **OFFER), NOW).base == D("15.5")


def test_a_running_offer_is_the_price_struck_from_the_table() -> None:
    found = translate.price(price(**OFFER), NOW)
    assert (found.base, found.list_price) == (D("15.5"), D("19.9"))


@pytest.mark.parametrize(
    ("now", "base"),
    [("2026-11-19T23:59:59", "19.9"), ("2026-11-20T00:00:00", "15.5"), ("2026-11-21T23:59:59", "15.5"), ("2026-11-22T00:00:00", "19.9")],
)
def test_offer_dates_are_inclusive(now: str, base: str) -> None:
    assert translate.price(price(**OFFER), now).base == D(base)


def test_an_end_with_a_time_is_that_time() -> None:
    timed = {**OFFER, "offerEndDate": "2026-11-21T11:00:00"}
    assert translate.price(price(**timed), NOW).base == D("19.9")


@pytest.mark.parametrize("dates", [{}, {"offerStartDate": "1900-01-01T00:00:00", "offerEndDate": "1900-01-01T00:00:00"}])
def test_an_offer_without_dates_is_none(dates: dict[str, str]) -> None:
    assert translate.price(price(offerPrice=15.5, **dates), NOW).base == D("19.9")


def test_an_offer_dearer_than_the_table_strikes_nothing() -> None:
    found = translate.price(price(**{**OFFER, "offerPrice": 25}), NOW)
    assert (found.base, found.list_price) == (D(25), None)


@pytest.mark.parametrize("value", [None, 0])
def test_no_price_is_a_problem(value: object) -> None:
    assert [problem.code for problem in translate.price(price(price=value), NOW).problems] == ["price.missing"]


def test_the_price_of_another_branch_or_region_is_none_of_ours() -> None:
    assert translate.of_region(price(priceRegion=1), "1", "") and translate.of_region(price(priceRegion=1), "1", "1")
    assert not translate.of_region(price(priceRegion=2), "1", "1") and not translate.of_region(price(branchId="2"), "1", "")


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("offerEndDate", "30/11/2026"), ("offerStartDate", "amanhã"), ("fixedPrice", "12,34"), ("fixedPrice", [1]), ("fixedPrice", "NaN"),
        ("price", "NaN"), ("offerPrice", "NaN"),
    ],
)  # fmt: skip
def test_an_unreadable_value_is_a_problem_of_its_own_price(field: str, value: object) -> None:
    [problem] = translate.price(price(**{**OFFER, field: value}), NOW).problems
    assert problem.code == "value.unreadable" and problem.hint.pt and problem.hint.en
    shown = value if isinstance(value, str) else "[1]"
    assert all(field in said and shown in said for said in (problem.text.pt, problem.text.en))


def test_dates_of_no_offer_are_not_read() -> None:
    assert translate.price(price(offerEndDate="30/11/2026"), NOW).problems == ()


def test_a_quantity_that_is_no_number_is_a_problem_and_sells_nothing() -> None:
    found = translate.stock(row(StockRow, productId="A-7", quantity="NaN", warehouseBranchId="1"))
    assert found.quantity == 0 and "quantity" in found.problems[0].text.en


@pytest.mark.parametrize(("held", "units"), [(7, "7"), (7.9, "7.9"), (-3, "0"), (None, "0"), (0.5, "0.5")])
def test_stock_is_what_winthor_says(held: object, units: str) -> None:
    assert translate.stock(row(StockRow, productId="A-7", quantity=held, warehouseBranchId="1")).quantity == D(units)


def test_a_weighed_item_is_attended_with_its_weight() -> None:
    items = [{"productId": 7, "packingId": "789", "quantity": 0.95, "wantageQuantity": 0.05}]
    assert [(item.quantity, item.cut) for item in read(listOfOrderItem=items).items] == [(D("0.95"), D("0.05"))]


def test_show_when_out_of_stock_is_never_sell_without_limit() -> None:
    found = translate.stock(row(StockRow, productId="A-7", quantity=0, warehouseBranchId=2, unlimitedQuantity=True))
    assert (found.key, found.quantity, found.unlimited) == ("A-7@2", 0, False)


# ---- orders ----


@pytest.mark.parametrize(
    ("posicao", "state"),
    [
        ("L", "in_erp"),
        ("P", "held"),
        ("B", "held"),
        ("M", "picking"),
        ("F", "invoiced"),
        ("C", "cancelled"),
        ("c", "cancelled"),
        ("X", "unknown"),
        (None, "unknown"),
    ],
)
def test_posicao(posicao: str | None, state: str) -> None:
    assert translate_orders.state(posicao) == state


def order_row(**fields: Any) -> OrderRow:
    item = {"productId": 7, "packingId": "789", "quantity": 5, "wantageQuantity": 2, "deliveryStatus": "ENTREGUE"}
    whole = {
        "orderId": "501", "orderStatus": "F", "branchId": "1", "orderIdHube": "v1", "totalValue": "1234.56", "lastChange": NOW,
        "deliveryDate": "2026-11-20T10:00:00", "trackingNumber": "BR1", "carrierId": 9, "listOfOrderItem": [item],
    }  # fmt: skip
    return row(OrderRow, **{**whole, **fields})


def instant(stamp: str | None) -> datetime | None:
    return datetime.fromisoformat(stamp).replace(tzinfo=UTC) if stamp and not stamp.startswith("1900") else None


def read(**fields: Any) -> Any:
    return translate_orders.erp_order(order_row(**fields), instant, ("ENTREGUE",))


def test_an_order_row() -> None:
    found = read()
    assert (found.key, found.branch, found.state, found.raw_state, found.reference) == ("501", "1", "invoiced", "F", "v1")
    assert found.total == D("1234.56") and found.changed_at == NOW and found.invoices is None
    assert [(item.sku, item.quantity, item.cut) for item in found.items] == [("789-7", 5, 2)]
    assert (found.shipments[0].tracking.code, found.shipments[0].tracking.carrier) == ("BR1", "9")
    assert found.delivered_at == datetime(2026, 11, 20, 10, tzinfo=UTC)


def test_a_delivery_date_alone_is_a_promise() -> None:
    waiting = {"productId": 7, "packingId": "789", "quantity": 5, "deliveryStatus": "PENDENTE"}
    assert read(listOfOrderItem=[waiting]).delivered_at is None and read(listOfOrderItem=[]).delivered_at is None
    assert read(deliveryDate="1900-01-01T00:00:00").delivered_at is None


def test_no_tracking_number_is_no_tracking() -> None:
    assert read(trackingNumber=None).shipments == ()


def part(*items: PartItem, total: str, freight: str = "0", discount: str = "0", interest: str = "0") -> OrderPart:
    buyer, none = Buyer("Ana", "39053344705"), D(0)
    order = Order("v1", "ready", "r", datetime.now(UTC), buyer, Address(), (), (), none, none, none, none, D(total))
    return OrderPart("v1", order, "1", items, D(freight), D(discount), D(interest), D(total), "PIX", "1")


def test_without_a_discount_prices_stay_as_they_are() -> None:
    assert translate_orders.money(part(PartItem("0", "A-1", D(3), D("6.66")), total="24.98", freight="4", interest="1")) == (
        [("A-1", 3, D("6.66"))],
        D(5),
    )


def test_a_discount_goes_into_the_prices_in_exact_cents() -> None:
    lines, expenses = translate_orders.money(part(PartItem("0", "A-1", D(3), D(10)), total="25", freight="5", discount="10"))
    assert lines == [("A-1", 1, D("6.66")), ("A-1", 2, D("6.67"))] and expenses == 5


def test_prices_that_have_the_discount_in_are_not_discounted_twice() -> None:
    assert translate_orders.money(part(PartItem("0", "A-1", D(2), D("9.50")), total="19", discount="1")) == ([("A-1", 2, D("9.50"))], D(0))


def test_a_discount_larger_than_the_goods_comes_off_the_freight() -> None:
    wanted = part(PartItem("0", "A-1", D(2), D(5)), total="3", freight="5", discount="12")
    assert translate_orders.money(wanted) == ([("A-1", 2, D("0.01"))], D("2.98"))  # nothing is sold for 0


def test_a_line_keeps_a_cent_a_unit() -> None:
    """A discount of nearly everything: by their shares the cheap ones would cost nothing."""
    wanted = part(PartItem("0", "A-1", D(1), D(100)), PartItem("1", "B-2", D(3), D("0.10")), total="1.00", discount="99.30")
    assert translate_orders.money(wanted) == ([("A-1", 1, D("0.97")), ("B-2", 3, D("0.01"))], D(0))


@pytest.mark.parametrize(
    ("items", "total", "discount"),
    [
        ((PartItem("0", "A-1", D(1), D(10)), PartItem("1", "G-2", D(1), D(0))), "10", "0"),  # a gift
        ((PartItem("0", "A-1", D(1), D(10)), PartItem("1", "G-2", D(1), D(0))), "9", "1"),
        ((PartItem("0", "A-1", D(2), D(10)),), "0", "20"),  # an order of nothing
        ((PartItem("0", "A-1", D(2), D(10)),), "0.01", "19.99"),  # one cent for two units
    ],
)
def test_what_would_cost_nothing_never_enters(items: tuple[PartItem, ...], total: str, discount: str) -> None:
    with pytest.raises(Rejected) as caught:
        translate_orders.money(part(*items, total=total, discount=discount))
    assert caught.value.code == "order.zero_price" and items[-1].sku in caught.value.text.pt and "bonificação" in caught.value.hint.pt


def test_a_surcharge_of_rounding_over_the_whole_order_may_land_on_one_part() -> None:
    assert translate_orders.money(part(PartItem("0", "A-1", D(1), D(10)), total="10.05", discount="-0.05")) == (
        [("A-1", 1, D(10))],
        D("0.05"),
    )


def test_cents_of_rounding_go_with_the_expenses() -> None:
    assert translate_orders.money(part(PartItem("0", "A-1", D(3), D("6.66")), total="20")) == ([("A-1", 3, D("6.66"))], D("0.02"))


@pytest.mark.parametrize("total", ["15", "30"])
def test_an_order_that_does_not_add_up_never_enters(total: str) -> None:
    with pytest.raises(Rejected) as caught:
        translate_orders.money(part(PartItem("0", "A-1", D(2), D(10)), total=total, discount="1"))
    assert caught.value.code == "order.total" and total in caught.value.text.pt


@given(
    st.lists(st.tuples(st.integers(1, 50), st.integers(0, 10**6)), min_size=1, max_size=8),
    st.integers(0, 10**5), st.integers(0, 10**5), st.integers(0, 100),
)  # fmt: skip
def test_what_the_erp_adds_up_is_what_was_charged(bought: list[tuple[int, int]], freight: int, interest: int, percent: int) -> None:
    items = tuple(PartItem(str(n), f"S-{n}", D(quantity), D(cents) / 100) for n, (quantity, cents) in enumerate(bought))
    goods = sum(quantity * cents for quantity, cents in bought)
    discount = (goods + freight) * percent // 100
    total = D(goods + freight + interest - discount) / 100
    made = part(*items, total=str(total), freight=str(D(freight) / 100), discount=str(D(discount) / 100), interest=str(D(interest) / 100))
    if min(cents for _, cents in bought) == 0 or total * 100 < sum(quantity for quantity, _ in bought):
        with pytest.raises(Rejected) as caught:
            translate_orders.money(made)
        assert caught.value.code == "order.zero_price"
        return
    lines, expenses = translate_orders.money(made)
    assert sum(quantity * unit for _, quantity, unit in lines) + expenses == total
    assert expenses >= 0 and all(unit > 0 and unit == round(unit, 2) and quantity > 0 for _, quantity, unit in lines)
    for n, (quantity, _) in enumerate(bought):
        assert sum(units for name, units, _ in lines if name == f"S-{n}") == quantity


@pytest.mark.parametrize(
    ("answer", "number"),
    [
        ({"orderId": "501"}, "501"), ({"id": 501}, "501"), ({"numped": 501}, "501"), ({"orderNumber": "501"}, "501"),
        ({"data": {"orderId": 501}}, "501"), ({"data": {"id": "501"}}, "501"), ({"orderId": None, "id": 7}, "7"), ({"orderId": 0}, ""),
        ({"message": "ok"}, ""), ([1], ""), ({"orderId": True}, ""), ({"data": "x"}, ""),
    ],
)  # fmt: skip
def test_the_number_of_a_new_order(answer: object, number: str) -> None:
    assert translate_orders.number(msgspec.json.encode(answer), endpoints.Contract().order_number) == number


def test_an_answer_that_is_no_json_has_no_number() -> None:
    assert translate_orders.number(b"OK", "orderId") == ""


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (
            {"code": "1", "message": "Cliente bloqueado", "detailedMessage": "PCCLIENT.BLOQUEIO = S"},
            "Cliente bloqueado; PCCLIENT.BLOQUEIO = S",
        ),
        ({"code": "1", "description": "Sem tributação"}, "Sem tributação"),
        ({"message": "Erro", "details": [{"message": "Item 1 sem preço"}, "Item 2"]}, "Erro; Item 1 sem preço; Item 2"),
    ],
)
def test_a_refusal_has_the_platforms_words(answer: object, words: str) -> None:
    refused = translate_orders.refusal(Answered("POST", "/orders/", 400, msgspec.json.encode(answer), "…"))
    assert words in refused.text.pt and refused.code == "erp.http_400" and refused.hint.pt


def test_a_refusal_in_another_shape_keeps_its_excerpt() -> None:
    assert "isto" in translate_orders.refusal(Answered("POST", "/orders/", 400, b"isto", "isto")).text.pt


# ---- contract ----


def test_the_contract_can_be_overridden_by_name() -> None:
    contract, rows = endpoints.load(
        {"orders.path": "/x", "create_order": "/y", "product.visible": "enviaEcommerce", "order_item.cut": "corte"}
    )
    assert contract.orders.path == "/x" and contract.create_order == "/y" and contract.orders.order == "orderId"
    kinds = Rows(rows)
    assert msgspec.json.decode(b'{"id": 1, "enviaEcommerce": "S"}', type=kinds.product).visible == "S"
    order = msgspec.json.decode(b'{"orderId": "1", "listOfOrderItem": [{"quantity": 2, "corte": 1}]}', type=kinds.order)
    assert order.items is not None and order.items[0].cut == 1
    assert kinds.sku is SkuRow


@pytest.mark.parametrize("name", ["orders", "orders.nothing", "nothing", "nothing.path", "product.nothing", "order_body.reference.x"])
def test_an_override_that_fits_nothing_is_named(name: str) -> None:
    with pytest.raises(Invalid) as caught:
        endpoints.load({name: "x"})
    assert caught.value.where == f"contract.{name}"
