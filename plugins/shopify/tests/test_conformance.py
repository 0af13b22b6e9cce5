"""The conformance suite on this platform."""

from __future__ import annotations

import pytest

from engate.testing import conformance
from engate_shopify import manifest
from engate_shopify_sandbox import ShopifySandbox

NO_CALL = {("push_brands", name) for name in ("403", "html", "reset")}
"""A brand is a word in its products: the hook calls nobody, so that no answer can go wrong."""
CASES = [case for case in conformance.cases(manifest, ShopifySandbox) if (case.hook, case.name) not in NO_CALL]


@pytest.mark.parametrize("case", CASES, ids=str)
async def test_conformance(case: conformance.Case) -> None:
    await case.run()
