"""The main-chain process: one task owns the sync machine, the gossip machine and the pool."""
