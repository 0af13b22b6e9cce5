"""The fake pair: two small platforms whose every odd behaviour is a switch, so that engine tests need no real platform's sandbox.

Each is a server on loopback (`sandbox.py`, on the base that all sandboxes share: faults, ledger, control) and a plugin (`plugin.py`) that
speaks to it. The wire is the model itself as JSON, so the plugins translate nothing.
"""

# pyright: standard
from __future__ import annotations

from typing import Any

import msgspec

from engate.hooks import Erp, Storefront
from engate.plugins import Manifest
from engate.testing.fake_erp.plugin import FAKE_ERP
from engate.testing.fake_erp.sandbox import FakeErpSandbox
from engate.testing.fake_shop.plugin import FAKE_SHOP
from engate.testing.fake_shop.sandbox import FakeShopSandbox
from engate.testing.sandbox import Sandbox

__all__ = ["FAKE_ERP", "FAKE_SHOP", "MANIFESTS", "SANDBOXES", "lacking"]

MANIFESTS: dict[str, Manifest] = {"fake_erp": FAKE_ERP, "fake_shop": FAKE_SHOP}
SANDBOXES: dict[str, type[Sandbox]] = {"fake_erp": FakeErpSandbox, "fake_shop": FakeShopSandbox}


def lacking(manifest: Manifest, *hooks: str, **fields: Any) -> Manifest:
    """The same platform with a plugin that does not implement these hooks, nor serves them. `fields`: class attributes to change."""
    cls = manifest.connection_class()
    role = Erp if manifest.role == "erp" else Storefront
    name = f"{cls.__name__}{abs(hash((hooks, repr(fields))))}"
    if issubclass(cls, Storefront):
        fields = {"fetches": cls.fetches - set(hooks)} | fields
    globals()[name] = type(name, (cls,), {hook: getattr(role, hook) for hook in hooks} | fields)
    return msgspec.structs.replace(manifest, connection=f"engate.testing.fakes:{name}")
