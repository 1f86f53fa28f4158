"""Moves bytes between peers; knows no chain. Only `transport` and `host` touch trio."""
