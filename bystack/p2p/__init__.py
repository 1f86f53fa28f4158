"""Moves bytes between peers and knows no chain: payloads are opaque, with a small integer kind."""
