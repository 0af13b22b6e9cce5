"""A plugin that cannot be loaded says why, and harms no other."""

from __future__ import annotations

import sys
import types
from importlib.metadata import EntryPoint
from typing import Annotated, Any, Literal

import msgspec
import pytest

from engate import Erp, Manifest, Secret, Storefront, field
from engate.domain.mapping import KINDS
from engate.hooks import HOOK_API, SHOP_CHOICES
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
        setattr(module, key, Manifest(key, key.title(), "erp", settings, "installed_here:Nothing", HOOK_API))
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


class Listed(msgspec.Struct, forbid_unknown_fields=True):
    natures: Annotated[list[str], field("Naturezas", "Natures")]


class Optional(msgspec.Struct, forbid_unknown_fields=True):
    nature: Annotated[str | None, field("Natureza", "Nature")] = None


class Untitled(msgspec.Struct, forbid_unknown_fields=True):
    nature: str


class Clashing(msgspec.Struct, forbid_unknown_fields=True):
    depot: Annotated[str, field("Depósito", "Depot", choices="warehouses")]


class OwnKind(msgspec.Struct, forbid_unknown_fields=True):
    branch: Annotated[str, field("Filial", "Branch", choices="branches")]
    kind: Annotated[Literal[1, 2], field("Tipo", "Kind")] = 1


def test_the_kinds_that_no_order_field_may_be_called_are_those_of_the_storefront() -> None:
    named = {each.choices for kind in KINDS.values() for each in kind.fields.values() if each.choices and each.side == "storefront"}
    assert named == SHOP_CHOICES


@pytest.mark.parametrize("named", [None, 2])
def test_a_plugin_of_other_hooks_or_of_none_that_it_names_is_not_loaded(monkeypatch: pytest.MonkeyPatch, named: int | None) -> None:
    """What a hook is given may be called otherwise since."""
    module = types.ModuleType("installed_here")
    vars(module)["Nothing"] = Nothing
    more: dict[str, Any] = {} if named is None else {"hook_api": named}
    vars(module)["__getattr__"] = lambda _: Manifest("old", "Old", "erp", Sound, "installed_here:Nothing", **more)
    monkeypatch.setitem(sys.modules, "installed_here", module)
    found = discover([EntryPoint("old", "installed_here:old", PLATFORMS)])["old"]
    assert found.manifest is None and ("hook_api" in found.failure or "hook API 2" in found.failure)


@pytest.mark.parametrize(
    ("role", "asked", "why"),
    [
        ("erp", Asked, ""),
        ("erp", Lenient, "forbid_unknown_fields"),
        ("erp", Hidden, "secret"),
        ("storefront", Asked, "ERP"),
        ("erp", Listed, "natures must be a text"),
        ("erp", Optional, "nature must be a text"),
        ("erp", Untitled, "title"),
        ("erp", Clashing, "'warehouses'"),
        ("erp", OwnKind, ""),
    ],
)
def test_order_fields_that_would_lose_something_are_a_reason(monkeypatch: pytest.MonkeyPatch, role: Any, asked: Any, why: str) -> None:
    module = types.ModuleType("installed_here")
    vars(module)["Nothing"] = Nothing if role == "erp" else type("Shop", (Storefront,), {})
    vars(module)["asking"] = Manifest("asking", "Asking", role, Sound, "installed_here:Nothing", HOOK_API, asked)
    monkeypatch.setitem(sys.modules, "installed_here", module)
    found = discover([EntryPoint("asking", "installed_here:asking", PLATFORMS)])["asking"]
    assert (found.manifest is not None, why in found.failure) == (not why, True)
