"""A storefront that behaves as its switches say."""
