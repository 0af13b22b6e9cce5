"""Sandbox of TOTVS WinThor (ERP): a server written from its contract, importing nothing of the plugin."""
