"""The conformance suite on the fake pair; each platform runs it in its own tests."""

from __future__ import annotations

import pytest
from tests.support.scoped import SCOPED, TabledErp

from engate.testing import conformance
from engate.testing.fake_erp.sandbox import FakeErpSandbox
from engate.testing.fake_shop.sandbox import FakeShopSandbox
from engate.testing.fakes import FAKE_ERP, FAKE_SHOP

BY_SCOPE = [case for case in conformance.cases(SCOPED, TabledErp) if case.name == "scopes"]
CASES = [*conformance.cases(FAKE_ERP, FakeErpSandbox), *conformance.cases(FAKE_SHOP, FakeShopSandbox), *BY_SCOPE]


@pytest.mark.parametrize("case", CASES, ids=str)
async def test_conformance(case: conformance.Case) -> None:
    await case.run()
