"""The short form of `make handed`."""

from __future__ import annotations

import pytest
from tests.handed import Size, run

from engate_demo.progress import Lines


@pytest.mark.timeout(180)
def test_a_store_that_calls_a_process_which_is_killed_loses_and_doubles_nothing() -> None:
    assert run(Size(skus=15, orders=16, twice=4, malformed=4, kills=2, calls=4), Lines()) == []
