"""Sandbox of VTEX (storefront): a server written from its contract, importing nothing of the plugin. See README.md beside this file."""

from engate_vtex_sandbox.server import VtexSandbox

sandbox = VtexSandbox

__all__ = ["VtexSandbox", "sandbox"]
