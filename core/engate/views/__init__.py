"""What people read: plain functions on a connection, each within one tenant. Nothing here changes anything.

A function that takes `integration_id` expects it to be the caller's own (`config.integration_row` was asked); lists are cut by `paging`.
"""
