"""The traps of Webstore, each of the contract's FACTS (webstore and olist): see `tests/traps.py`."""

from __future__ import annotations

from tests.trap import Trap

PLUGIN = "plugins/webstore/engate_webstore"
HANDED_IN = "plugins/webstore/tests/test_handed_in.py::"
COUPLED = "plugins/webstore/tests/test_coupled.py::"
WEBHOOK = "plugins/webstore/tests/test_stock_webhook.py::"
CATALOG = "plugins/webstore/tests/test_catalog.py::"

WEBSTORE: tuple[Trap, ...] = (
    Trap(
        "webstore.token",
        "The address is no secret for ever: without the token nothing may be told.",
        f"{PLUGIN}/envelope.py",
        "    if not hmac.compare_digest(given.encode(), token.encode()):",
        "    if False:",
        (f"{COUPLED}test_without_the_token_nothing_is_told",),
    ),
    Trap(
        "webstore.number",
        "An order that is handed in twice, the second time paid, is one order: it has one number.",
        f"{PLUGIN}/facade.py",
        "            placed = await desk.place(order)",
        '            placed = await desk.place(__import__("msgspec").structs.replace(order, key=f"{order.key}-{order.raw_state}"))',
        (f"{COUPLED}test_an_order_enters_once_and_comes_back_with_its_note_and_tracking",),
    ),
    Trap(
        "webstore.malformed-kept",
        "What was refused is a sale that somebody has to see: the store tries it a few times and gives up.",
        f"{PLUGIN}/facade.py",
        "    if said:",
        "    if False:",
        (f"{COUPLED}test_what_is_malformed_is_refused_as_documented_and_kept",),
    ),
    Trap(
        "webstore.required",
        "A line without its price would enter the ERP as a gift.",
        f"{PLUGIN}/orders.py",
        "            if not _text(row, needed):",
        "            if False:",
        (f"{COUPLED}test_what_is_malformed_is_refused_as_documented_and_kept",),
    ),
    Trap(
        "webstore.utf8",
        "Bytes that are no UTF-8 would put question marks into a buyer's name and address.",
        f"{PLUGIN}/envelope.py",
        'errors="strict"',
        'errors="replace"',
        (f"{COUPLED}test_what_is_malformed_is_refused_as_documented_and_kept",),
    ),
    Trap(
        "webstore.mapped-only",
        "A variation's stock is told under its own number and that of its parent: under one of them alone it is refused.",
        f"{PLUGIN}/stock.py",
        '"skuMapeamentoPai": item.refs.get("product", "") if varied else "",',
        '"skuMapeamentoPai": "",',
        (f"{COUPLED}test_stock_is_told_of_what_a_person_has_linked",),
    ),
    Trap(
        "webstore.secret-address",
        "The webhook's address is its secret, and pages of errors quote what was asked for: quoted on, anybody may set the stock.",
        f"{PLUGIN}/stock.py",
        "            raise _refused(error.status) from None",
        "            raise",
        (f"{WEBHOOK}test_what_a_refusal_quotes_of_the_address_reaches_nobody[404]",),
    ),
    Trap(
        "webstore.too-fast",
        "A store that asks in a loop would have the API to itself.",
        f"{PLUGIN}/facade.py",
        "        if len(self._calls) >= self._settings.calls_a_minute:",
        "        if False:",
        (f"{HANDED_IN}test_who_asks_too_often_is_told_so_and_is_answered_a_minute_later",),
    ),
    Trap(
        "webstore.included-otherwise",
        "An order that was included otherwise before is not taken again: told that it is, the store believes in a state that nobody knows.",
        f"{PLUGIN}/facade.py",
        "        if placed.differs:",
        "        if False:",
        (f"{HANDED_IN}test_a_first_call_that_comes_late_brings_nothing_back",),
    ),
    Trap(
        "webstore.half-a-cent",
        "A freight of half a cent is money that no note can hold: the order would end as a settlement that nobody can close.",
        f"{PLUGIN}/orders.py",
        "for places in (4, 10, 2))",
        "for places in (4, 10, 10))",
        (f"{HANDED_IN}test_what_no_order_can_hold_is_refused_and_kept",),
    ),
    Trap(
        "webstore.code-alone",
        "An ERP code that is also the number of another article in the shop would be taken for that one: the wrong goods leave.",
        f"{PLUGIN}/orders.py",
        'OrderItem(str(index), "", code,',
        "OrderItem(str(index), code, code,",
        (f"{HANDED_IN}test_a_line_names_the_erps_code_and_never_an_id_of_the_shop",),
    ),
    Trap(
        "webstore.variation",
        "A variation's stock that is listed under its parent reaches nobody.",
        f"{PLUGIN}/facade.py",
        "catalog.stock(whole, sku, most)",
        "catalog.stock(whole, None, most)",
        (f"{COUPLED}test_what_changed_is_pulled_again_and_nothing_else",),
    ),
    Trap(
        "webstore.list-only-looks",
        "A list of names is not the product: taken for it, a product that was never asked for would count as held by the store.",
        f"{PLUGIN}/facade.py",
        "LOOK = Sight(hands_out=frozenset(), shows=catalog.priced)",
        "LOOK = Sight(shows=catalog.priced)",
        (f"{COUPLED}test_only_what_an_answer_carried_counts_as_held",),
    ),
    Trap(
        "webstore.token-kept",
        "The token stands in the body of every call: kept with a call that could not be read, it lies in the database in the clear.",
        f"{PLUGIN}/facade.py",
        'else "content", keep=False)',
        'else "content")',
        (f"{COUPLED}test_what_is_malformed_is_refused_as_documented_and_kept",),
    ),
    Trap(
        "webstore.carried",
        "Who asks for stock alone has not heard the price.",
        f"{PLUGIN}/facade.py",
        'STOCK = Sight(frozenset({"stock"}), frozenset({"stock"}), catalog.priced)',
        'STOCK = Sight(frozenset({"stock"}), shows=catalog.priced)',
        (f"{COUPLED}test_only_what_an_answer_carried_counts_as_held",),
    ),
    Trap(
        "webstore.without-a-price",
        "Prices come after the products: what is handed out before its price has come is on sale for nothing.",
        f"{PLUGIN}/catalog.py",
        "    return any(not price.want.table for price in each.prices)",
        "    return True",
        (f"{CATALOG}test_what_has_no_price_yet_is_not_there_yet",),
    ),
    Trap(
        "webstore.one-product",
        "A product that gets a second packaging under another number is another one to the store, which sells the first at its old price.",
        f"{PLUGIN}/catalog.py",
        '        "id": whole.product.id,\n        "nome": whole.product.want.name[:MOST_NAME],\n        "codigo": whole.product.key if',
        '        "id": whole.product.id if several else sku.sku.id,\n        "nome": "?",\n        "codigo": whole.product.key if',
        (f"{CATALOG}test_a_product_that_gets_a_second_packaging_stays_the_same_product",),
    ),
    Trap(
        "webstore.order-by-id",
        "A simple product has its product's number: an order that names it by that would wait for a person.",
        "core/engate/sync/handing.py",
        "        return skus[0].key if len(skus) == 1 else None",
        "        return None",
        (f"{CATALOG}test_an_order_may_name_a_simple_product_by_its_id",),
    ),
    Trap(
        "webstore.off",
        "A variation says nothing of itself by which it could be off: told with its stock it is sold.",
        f"{PLUGIN}/catalog.py",
        "    return each.sku.want.active and ",
        "    return ",
        (f"{CATALOG}test_a_variation_that_is_off_in_the_erp_is_not_sold",),
    ),
    Trap(
        "engine.served-one-sku",
        "An answer about one variation says nothing of the others: their prices would count as held by the shop.",
        "core/engate/sync/handing.py",
        " if each.row.kind not in OF_SKU or sku.key in (each.row.key, each.row.parent)]",
        "]",
        (f"{COUPLED}test_of_a_variation_that_is_asked_for_the_others_are_not_told",),
    ),
)
