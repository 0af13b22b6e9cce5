"""A plugin that cannot be loaded says why, and harms no other."""

from __future__ import annotations

import sys
import types
from importlib.metadata import EntryPoint
from typing import Annotated, Any

import msgspec
import pytest

from engate import Erp, Manifest, Secret, Storefront, field
from engate.plugins import PLATFORMS, discover
from engate.settings import json_schema


class Sound(msgspec.Struct):
    token: Annotated[Secret, field("Token", "Token")] = msgspec.field(default_factory=lambda: Secret(""))


class Unshowable(msgspec.Struct):
    """A default that the API cannot show: it would have to print a secret."""

    token: Annotated[Secret, field("Token", "Token")] = Secret("")


class Nothing(Erp):
    pass


@pytest.fixture
def entries(monkeypatch: pytest.MonkeyPatch) -> list[EntryPoint]:
    """Two installed platforms, of a module that only this test knows."""
    module = types.ModuleType("installed_here")
    for key, settings in (("sound", Sound), ("unshowable", Unshowable)):
        setattr(module, key, Manifest(key, key.title(), "erp", settings, "installed_here:Nothing"))
    vars(module)["Nothing"] = Nothing
    monkeypatch.setitem(sys.modules, "installed_here", module)
    return [EntryPoint(key, f"installed_here:{key}", PLATFORMS) for key in ("sound", "unshowable")]


def test_settings_that_cannot_be_shown_are_a_reason_and_no_500(entries: list[EntryPoint]) -> None:
    found = discover(entries)
    assert found["sound"].manifest is not None and json_schema(Sound)["$defs"]["Sound"]["required"] == []
    assert found["unshowable"].manifest is None and "Secret" in found["unshowable"].failure


class Asked(msgspec.Struct, forbid_unknown_fields=True):
    nature: Annotated[str, field("Natureza", "Nature")]


class Lenient(msgspec.Struct):
    nature: str = ""


class Hidden(msgspec.Struct, forbid_unknown_fields=True):
    token: Annotated[Secret, field("Token", "Token")]


@pytest.mark.parametrize(
    ("role", "asked", "why"),
    [("erp", Asked, ""), ("erp", Lenient, "forbid_unknown_fields"), ("erp", Hidden, "secret"), ("storefront", Asked, "ERP")],
)
def test_order_fields_that_would_lose_something_are_a_reason(monkeypatch: pytest.MonkeyPatch, role: Any, asked: Any, why: str) -> None:
    module = types.ModuleType("installed_here")
    vars(module)["Nothing"] = Nothing if role == "erp" else type("Shop", (Storefront,), {})
    vars(module)["asking"] = Manifest("asking", "Asking", role, Sound, "installed_here:Nothing", order_fields=asked)
    monkeypatch.setitem(sys.modules, "installed_here", module)
    found = discover([EntryPoint("asking", "installed_here:asking", PLATFORMS)])["asking"]
    assert (found.manifest is not None, why in found.failure) == (not why, True)
