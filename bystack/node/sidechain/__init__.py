"""The sidechain's process, in parts (`node/roles/sidechain.py` puts them together)."""
