"""Shopify (storefront)."""
