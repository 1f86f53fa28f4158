"""Whom to dial and whom to refuse."""

from __future__ import annotations


class PeerBook:
    """Addresses, scores and bans."""
