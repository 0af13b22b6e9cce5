"""The traps of Shopify's bulk operations."""

from __future__ import annotations

from tests.trap import Trap

SHOPIFY = "plugins/shopify/engate_shopify"
TESTS = "plugins/shopify/tests/test_plugin_bulk.py::"

BULK: tuple[Trap, ...] = (
    Trap(
        "shopify.bulk-threshold",
        "A bulk operation of a few lines is upload, start, polls and download for what some calls would have done at once.",
        f"{SHOPIFY}/bulk.py",
        "return batch.may_defer and len(items) >= (least or WORTH)",
        "return batch.may_defer",
        (f"{TESTS}test_few_of_them_or_beside_an_operation_go_by_calls",),
    ),
    Trap(
        "shopify.bulk-beside",
        "A shop runs five bulk mutations of an app at a time: one a kind, or stock has no place beside a catalogue.",
        f"{SHOPIFY}/bulk.py",
        "return batch.may_defer and len(items)",
        "return len(items)",
        (f"{TESTS}test_few_of_them_or_beside_an_operation_go_by_calls",),
    ),
    Trap(
        "shopify.bulk-published",
        "What a bulk operation created is on no sales channel: without a publication nobody sees it.",
        f"{SHOPIFY}/catalog.py",
        "            payload = await self._shop.graphql(op.PUBLISH_MANY, id=await self._publication.found.get(), input=body)\n",
        "            payload = {} if body else {}\n",
        (f"{TESTS}test_a_first_load_goes_as_operations_and_can_be_bought",),
    ),
    Trap(
        "shopify.bulk-token",
        "Upload and result lie on a storage that is not the shop: whoever sends the shop's token there gives it away.",
        f"{SHOPIFY}/client.py",
        'return self._context.http(f"{there.scheme}://{there.netloc}"), there.path',
        "return self._http, there.path",
        (f"{TESTS}test_the_storage_gets_no_token",),
    ),
    Trap(
        "shopify.bulk-line",
        "COMPLETED does not mean that all lines went in: each holds its own refusals, inside its payload.",
        f"{SHOPIFY}/bulk.py",
        "return payload if payload is not None and not faults_of(payload) else None",
        "return payload",
        (f"{TESTS}test_a_line_that_says_no_has_the_words_of_a_call",),
    ),
    Trap(
        "shopify.bulk-siblings",
        "What a list leaves out is deleted by productSet: variants, pictures and collections that people gave to a new product.",
        f"{SHOPIFY}/variants.py",
        'return ours and blank and product["hasOnlyDefaultVariant"] and product["mediaCount"]["count"] == 0',
        "return ours",
        (f"{TESTS}test_what_people_put_into_a_new_product_stays",),
    ),
    Trap(
        "shopify.bulk-lists",
        "A list that productSet gets is made just so: collections as they were when the file was written undo what came since.",
        f"{SHOPIFY}/variants.py",
        '"input": {"productOptions": given, "variants": variants}',
        '"input": {"productOptions": given, "variants": variants, "collections": []}',
        (f"{TESTS}test_what_happens_to_a_product_between_look_and_line_stays",),
    ),
    Trap(
        "shopify.bulk-entries",
        "A list has at most 250 entries, in a line as in a call: a product of more variants would be refused for ever.",
        f"{SHOPIFY}/groups.py",
        "return [part for items in groups for part in chunks(items)]",
        "return list(groups)",
        (f"{TESTS}test_a_line_of_a_large_product_has_no_more_entries_than_a_list_may",),
    ),
    Trap(
        "shopify.bulk-look",
        "Looks before an operation cost points, which come back slowly: a batch that is too large for them never ends within its hook.",
        f"{SHOPIFY}/storefront.py",
        "bulk=variants.AT_MOST",
        "bulk=MOST",
        (f"{TESTS}test_a_full_batch_is_looked_at_within_its_hooks_time",),
    ),
    Trap(
        "shopify.bulk-sibling-waits",
        "A line of productSet deletes every variant that it does not name, also one that was made while the file waited.",
        f"{SHOPIFY}/variants.py",
        "        if not self._batch.may_defer:\n            self._later(new)\n            new = []\n",
        "",
        (f"{TESTS}test_no_variant_is_made_beside_an_operation_whose_line_would_delete_it",),
    ),
    Trap(
        "shopify.bulk-compared",
        "A quantity that is set without comparing gives units back to the shop that were sold while the file waited.",
        f"{SHOPIFY}/stock.py",
        "before = translate.units(item.have) if item.have is not None else 0",
        "before = None",
        (f"{TESTS}test_what_was_sold_since_is_not_sold_twice",),
    ),
    Trap(
        "shopify.bulk-partial",
        "A failed operation leaves a part of its answer, which looks like all of it: what is not in it would count as settled or lost.",
        f"{SHOPIFY}/bulk.py",
        'if state is None or state["status"] != "COMPLETED":',
        "if state is None:",
        (f"{TESTS}test_a_part_of_the_answer_settles_nothing",),
    ),
    Trap(
        "shopify.bulk-places",
        "Where all places are taken a large batch must not go by calls as a whole: it would outlast the hook.",
        f"{SHOPIFY}/bulk.py",
        "    put_back(batch, items[AT_A_TIME:])\n",
        "",
        (f"{TESTS}test_where_all_places_are_taken_a_part_goes_by_calls_and_the_rest_later",),
    ),
    Trap(
        "shopify.bulk-upload",
        "A file that could not be uploaded has had no effect: its items are not in doubt, and need not be looked up one by one.",
        f"{SHOPIFY}/bulk.py",
        "        put_back(batch, batch.unreported(), error)\n        return True",
        "        raise",
        (f"{TESTS}test_an_upload_that_fails_was_not_sent",),
    ),
)
