"""Bulk operations: staged upload, a mutation over a file, a query over everything, results line by line."""

import asyncio
import json
from typing import Any

import pytest

STAGE = """mutation { stagedUploadsCreate(input: [{resource: BULK_MUTATION_VARIABLES, filename: "in.jsonl", mimeType: "text/jsonl",
  httpMethod: POST}]) { stagedTargets { url resourceUrl parameters { name value } } userErrors { field message } } }"""
RUN = """mutation($m: String!, $p: String!, $c: String) {
  bulkOperationRunMutation(mutation: $m, stagedUploadPath: $p, clientIdentifier: $c) {
  bulkOperation { id status type } userErrors { code field message } } }"""
ASK = """mutation($q: String!) { bulkOperationRunQuery(query: $q, groupObjects: false) {
  bulkOperation { id status } userErrors { code field message } } }"""
POLL = """query($id: ID!) { bulkOperation(id: $id) {
  id status errorCode objectCount rootObjectCount fileSize url partialDataUrl completedAt } }"""
CREATE = "mutation call($p: ProductCreateInput!) { productCreate(product: $p) { product { id title } userErrors { field message } } }"
PRODUCTS = "{ products { edges { node { id title variants { edges { node { id sku } } } } } } }"


async def upload(api: Any, lines: list[Any], **changed: str) -> tuple[int, str]:
    [target] = (await api.ok(STAGE))["stagedTargets"]
    fields = {one["name"]: one["value"] for one in target["parameters"]} | changed
    content = "".join((line if isinstance(line, str) else json.dumps(line)) + "\n" for line in lines)
    answer = await api.client.post(target["url"], data=fields, files={"file": ("in.jsonl", content, "text/jsonl")})
    return answer.status_code, fields["key"]


async def ended(api: Any, key: str) -> dict[str, Any]:
    async with asyncio.timeout(20):
        while True:
            body = await api.ok(POLL, id=key)
            if body["status"] not in ("CREATED", "RUNNING", "CANCELING"):
                return body


async def lines_of(api: Any, url: str) -> list[dict[str, Any]]:
    answer = await api.client.get(url)
    assert answer.status_code == 200
    return [json.loads(line) for line in answer.text.splitlines()]


async def test_a_mutation_runs_over_every_line_and_some_say_no(api: Any) -> None:
    status, key = await upload(api, [{"p": {"title": "A"}}, {"p": {"title": ""}}, {"p": {"colour": 1}}, {"p": {"title": "B"}}])
    assert status == 201
    made = (await api.ok(RUN, m=CREATE, p=key, c="engate-run-1"))["bulkOperation"]
    assert (made["status"], made["type"]) == ("CREATED", "MUTATION")
    body = await ended(api, made["id"])
    assert (body["status"], body["errorCode"], body["objectCount"], body["partialDataUrl"]) == ("COMPLETED", None, "4", None)
    rows = await lines_of(api, body["url"])
    assert [row["__lineNumber"] for row in rows] == [0, 1, 2, 3]
    assert rows[0]["data"]["productCreate"]["product"]["title"] == "A"
    assert rows[1]["data"]["productCreate"]["userErrors"][0]["message"] == "Title can't be blank"
    assert "colour" in rows[2]["errors"][0]["message"]
    found = await api.ok("{ products(first: 5) { nodes { title } } }")
    assert [one["title"] for one in found["nodes"]] == ["A", "B"]
    assert (await api.look("ledger"))["writes"]["POST graphql bulkOperationRunMutation"] == 1


async def test_it_is_seen_created_running_and_completed(api: Any) -> None:
    _, key = await upload(api, [{"p": {"title": "A"}}])
    made = (await api.ok(RUN, m=CREATE, p=key))["bulkOperation"]
    seen = [(await api.ok(POLL, id=made["id"]))["status"] for _ in range(3)]
    assert seen == ["RUNNING", "COMPLETED", "COMPLETED"]


async def test_a_failed_one_leaves_a_partial_file(api: Any) -> None:
    await api.setting("bulk_error=INTERNAL_SERVER_ERROR")
    _, key = await upload(api, [{"p": {"title": name}} for name in "ABCD"])
    body = await ended(api, (await api.ok(RUN, m=CREATE, p=key))["bulkOperation"]["id"])
    assert (body["status"], body["errorCode"], body["url"]) == ("FAILED", "INTERNAL_SERVER_ERROR", None)
    assert [row["__lineNumber"] for row in await lines_of(api, body["partialDataUrl"])] == [0, 1]
    assert len((await api.ok("{ products(first: 5) { nodes { id } } }"))["nodes"]) == 2


async def test_five_at_once(api: Any) -> None:
    for _ in range(5):
        _, key = await upload(api, [{"p": {"title": "A"}}])
        await api.ok(RUN, m=CREATE, p=key)
    _, key = await upload(api, [{"p": {"title": "A"}}])
    assert (await api.faulty(RUN, m=CREATE, p=key))[0]["code"] == "LIMIT_REACHED"
    await api.ok(ASK, q=PRODUCTS)  # queries are counted apart
    running = await api.ok('{ bulkOperations(first: 10, query: "operation_type:MUTATION") { nodes { id } } }')
    assert len(running["nodes"]) == 5
    await ended(api, running["nodes"][0]["id"])
    await api.ok(RUN, m=CREATE, p=key)


@pytest.mark.parametrize(
    ("mutation", "lines", "fields", "code"),
    [
        ("mutation { nothing }", [{}], {}, "INVALID_MUTATION"), ("{ shop { id } }", [{}], {}, "INVALID_MUTATION"),
        (CREATE, ["{"], {}, "INVALID_STAGED_UPLOAD_FILE"), (CREATE, [], {}, "INVALID_STAGED_UPLOAD_FILE"),
        (CREATE, [{}], {"c": "short"}, "INVALID_MUTATION"), (CREATE, [{}], {"p": "tmp/none"}, "NO_SUCH_FILE"),
    ],
)  # fmt: skip
async def test_refusals(api: Any, mutation: str, lines: list[Any], fields: dict[str, str], code: str) -> None:
    _, key = await upload(api, lines)
    [error] = await api.faulty(RUN, **{"m": mutation, "p": key, **fields})
    assert error["code"] == code


async def test_the_upload_takes_only_what_was_staged(api: Any) -> None:
    assert (await upload(api, [{}], key="tmp/other"))[0] == 403
    assert (await upload(api, [{}], **{"Content-Type": "text/csv"}))[0] == 403
    [target] = (await api.ok(STAGE))["stagedTargets"]
    files = [("file", ("in.jsonl", "{}", "text/jsonl"))] + [(one["name"], (None, one["value"])) for one in target["parameters"]]
    assert (await api.client.post(target["url"], files=files)).status_code == 400  # the file is the last field
    parameters = {one["name"]: one["value"] for one in target["parameters"]}
    assert (await api.faulty(RUN, m=CREATE, p=parameters["key"]))[0]["code"] == "NO_SUCH_FILE"


async def test_a_query_brings_children_as_lines_of_their_own(api: Any) -> None:
    for sku in ("S1", "S2"):
        await api.sellable(sku)
    made = (await api.ok(ASK, q=PRODUCTS))["bulkOperation"]
    body = await ended(api, made["id"])
    assert (body["status"], body["rootObjectCount"], body["objectCount"]) == ("COMPLETED", "2", "4")
    rows = await lines_of(api, body["url"])
    assert [row.get("title") or row["sku"] for row in rows] == ["Produto S1", "S1", "Produto S2", "S2"]
    assert rows[1]["__parentId"] == rows[0]["id"] and "__parentId" not in rows[0] and "variants" not in rows[0]


@pytest.mark.parametrize(
    ("query", "why"),
    [
        ("{ shop { id } }", "connection"), ("{ products { nodes { id } } }", "edges"),
        ("{ products { edges { node { title variants { edges { node { id } } } } } } }", "its id"),
        ("{ a: products { edges { node { id } } } b: products { edges { node { id } } } }", "one root field"),
        ("{ colours { edges { node { id } } } }", "colours"),
    ],
)  # fmt: skip
async def test_queries_that_are_no_bulk_queries(api: Any, query: str, why: str) -> None:
    [error] = await api.faulty(ASK, q=query)
    assert error["code"] == "INVALID" and why in error["message"]


async def test_results_are_kept_seven_days(api: Any) -> None:
    await api.sellable()
    body = await ended(api, (await api.ok(ASK, q=PRODUCTS))["bulkOperation"]["id"])
    assert len(await lines_of(api, body["url"])) == 2
    await api.advance(8 * 86_400)
    assert (await api.client.get(body["url"])).status_code == 404


async def test_it_is_cancelled(api: Any) -> None:
    _, key = await upload(api, [{"p": {"title": "A"}}])
    made = (await api.ok(RUN, m=CREATE, p=key))["bulkOperation"]["id"]
    cancel = "mutation($id: ID!) { bulkOperationCancel(id: $id) { bulkOperation { id } userErrors { message } } }"
    await api.ok(cancel, id=made)
    assert (await ended(api, made))["status"] == "CANCELED"
