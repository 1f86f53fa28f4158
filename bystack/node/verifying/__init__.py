"""Signatures verified beside the work that needs them."""
