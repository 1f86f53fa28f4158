"""Bytes, hashes, trees, keys: what every other folder stands on. Pure: no I/O, clock or dice."""
