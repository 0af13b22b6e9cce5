"""`engate demo`: two sandboxes, one integration, a catalogue there and orders back, checked against what the sandboxes themselves saw."""
