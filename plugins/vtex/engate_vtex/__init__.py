"""engate plugin: VTEX (storefront)."""
