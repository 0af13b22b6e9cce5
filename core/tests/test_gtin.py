"""GTINs as ERPs hold them."""

from __future__ import annotations

import pytest

from engate.model import gtin


@pytest.mark.parametrize("code", ["7891000100103", "17891000100100", "96385074", "036000291452", " 7891000100103 "])
def test_a_gtin_is_taken_as_it_is(code: str) -> None:
    assert gtin(code) == code.strip()


@pytest.mark.parametrize(("code", "whole"), [("75678164125", "075678164125"), ("36000291452", "036000291452"), ("1234565", "01234565")])
def test_a_zero_that_a_number_lost_is_put_back_where_the_check_digit_fits(code: str, whole: str) -> None:
    assert gtin(code) == whole


@pytest.mark.parametrize(
    "code",
    ["", "7891000100104", "123", "SEM GTIN", "0000000000000", "789100010010X", "789100010010300", "７８９１０００１００１０３",
     "75678164126", "5678164125"],
)  # fmt: skip
def test_anything_else_is_none(code: str) -> None:
    assert gtin(code) == ""
