"""The headers of an answer, as a plugin asks for them."""

from __future__ import annotations

from engate.answers import Headers


def test_a_header_is_found_by_its_name_in_any_case_and_several_of_one_name_are_joined() -> None:
    headers = Headers([(b"Retry-After", b"5"), (b"Vary", b"a"), (b"vary", b"b")])
    assert headers["Retry-After"] == headers["retry-after"] == headers.get("RETRY-AFTER") == "5"
    assert "Retry-After" in headers and "date" not in headers
    assert headers["Vary"] == "a, b"
    assert headers.get("date", "none") == "none"
