"""The conformance suite on this platform."""

from __future__ import annotations

import pytest

from engate.testing import conformance
from engate_webstore import manifest
from engate_webstore_sandbox import sandbox

CASES = [case for case in conformance.cases(manifest, sandbox) if case.hook != "push_stock"]
"""The shop fetches its products by calling engate, so nothing has a stock before it is coupled: see test_plugin_stock.py."""


@pytest.mark.parametrize("case", CASES, ids=str)
async def test_conformance(case: conformance.Case) -> None:
    await case.run()
