"""State snapshots: what a final block left behind, in chunks, for those who join a long chain."""
