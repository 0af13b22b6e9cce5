"""The conformance suite on this platform."""

from __future__ import annotations

import pytest

from engate.testing import conformance
from engate_winthor import manifest
from engate_winthor_sandbox import sandbox


@pytest.mark.parametrize("case", conformance.cases(manifest, sandbox, settings={"page_size": 200}), ids=str)
async def test_conformance(case: conformance.Case) -> None:
    await case.run()
