"""Sandbox of VTEX (storefront): a server written from its contract, importing nothing of the plugin."""
