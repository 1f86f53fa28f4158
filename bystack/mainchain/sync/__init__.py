"""Keeping up with peers: headers by work, blocks from many at once, compact blocks; no I/O."""
