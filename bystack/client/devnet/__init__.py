"""`bystack devnet`: a whole network of real processes on loopback, each node with its own home."""
