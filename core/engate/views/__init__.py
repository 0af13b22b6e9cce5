"""What people read: plain functions on a connection, each within one tenant. Nothing here changes data.

A function that takes `integration_id` expects that the caller has checked its tenant (`config.integration_row`). Lists are cut by `paging`.
"""
