"""engate plugin: TOTVS WinThor (ERP)."""
