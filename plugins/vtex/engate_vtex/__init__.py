"""engate plugin: VTEX (storefront). Only the light manifest is imported here; the connection when the first one is built."""

from engate.plugins import Manifest
from engate_vtex.settings import VtexSettings

manifest = Manifest(
    key="vtex",
    name="VTEX",
    role="storefront",
    settings=VtexSettings,
    connection="engate_vtex.storefront:VtexStorefront",
    hook_api=4,
    typed=frozenset({"catalog", "catalog_endpoint", "pricing_write", "orders", "pricing"}),
)

__all__ = ["VtexSettings", "manifest"]
