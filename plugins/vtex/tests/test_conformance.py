"""The conformance suite on this platform."""

from __future__ import annotations

import pytest

from engate.testing import conformance
from engate_vtex import manifest
from engate_vtex_sandbox import VtexSandbox


@pytest.mark.parametrize("case", conformance.cases(manifest, VtexSandbox), ids=str)
async def test_conformance(case: conformance.Case) -> None:
    await case.run()
