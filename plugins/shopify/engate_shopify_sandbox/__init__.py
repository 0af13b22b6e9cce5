"""Sandbox of Shopify (storefront): a server written from its contract, importing nothing of the plugin. See README.md beside this file."""

from engate_shopify_sandbox.server import ShopifySandbox

sandbox = ShopifySandbox

__all__ = ["ShopifySandbox", "sandbox"]
