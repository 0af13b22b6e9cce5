"""What the ERP has: the values that a mapping can name, and its branches."""

from collections.abc import AsyncIterator

from engate.model import Choice, Page
from engate_winthor import translate
from engate_winthor.client import Client
from engate_winthor.rows import BranchRow, id_of, text


async def choices(client: Client, kind: str) -> AsyncIterator[Page[Choice]]:
    """The choices of one kind. For "carriers" no endpoint is known: that list is empty, like the one of an unknown kind."""
    rows, contract, ours = client.rows, client.contract, client.settings.branches
    found: list[Choice] = []
    if kind == "branches":
        found = [Choice(text(row.id), translate.branch_name(row)) for row in await branches(client)]
    elif kind == "charges":
        listed = await client.all(contract.billings, rows.billing, id_of)
        found = [translate.billing_choice(row) for row in listed if translate.serves(row.branch, ours)]
    elif kind == "terms":
        listed = await client.all(contract.plans, rows.plan, id_of)
        found = [translate.plan_choice(row) for row in listed if translate.serves(row.branch, ours)]
    elif kind == "price_tables":
        listed = await client.all(contract.regions, rows.region, id_of)
        found = [translate.region_choice(row) for row in listed if translate.serves(row.branch, ours)]
    yield Page(found)


async def branches(client: Client) -> list[BranchRow]:
    """Every branch but 99, which stands for all of them."""
    found = await client.all(client.contract.branches, client.rows.branch, id_of)
    return [row for row in found if text(row.id) not in ("", translate.ALL_BRANCHES)]
