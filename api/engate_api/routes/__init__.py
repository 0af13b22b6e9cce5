"""One module per resource; each has `ROUTES`."""
