"""Sandbox of Webstore (storefront): a stand-in written from the contract, importing nothing of the plugin. See README.md."""

from engate_webstore_sandbox.server import WebstoreSandbox

sandbox = WebstoreSandbox

__all__ = ["WebstoreSandbox", "sandbox"]
