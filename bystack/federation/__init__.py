"""Distributed keys, charter, payouts: watches both chains and decides from proofs. Pure."""
