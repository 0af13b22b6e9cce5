"""engate plugin: Shopify (storefront). Only the light manifest is imported here; the connection when the first one is built."""

from engate.plugins import Manifest
from engate_shopify.settings import ShopifySettings

manifest = Manifest(
    key="shopify",
    name="Shopify",
    role="storefront",
    settings=ShopifySettings,
    connection="engate_shopify.storefront:ShopifyStorefront",
    hook_api=4,
)

__all__ = ["ShopifySettings", "manifest"]
