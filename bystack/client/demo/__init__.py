"""`bystack demo`: the whole peg on this machine, by real processes, each effect read elsewhere."""
