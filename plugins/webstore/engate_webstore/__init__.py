"""engate plugin: Webstore (storefront). Only the light manifest is imported here; the connection when the first one is built."""

from engate.plugins import Manifest
from engate_webstore.settings import WebstoreSettings

manifest = Manifest(
    key="webstore",
    name="Webstore",
    role="storefront",
    settings=WebstoreSettings,
    connection="engate_webstore.storefront:WebstoreStorefront",
    hook_api=4,
    typed=frozenset({"idEcommerce"}),
)

__all__ = ["WebstoreSettings", "manifest"]
