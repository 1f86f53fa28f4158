"""The member's own word on its sidechain: its actions, signed with its governance key."""

from __future__ import annotations

import os

from bystack.federation.module.actions import STATE, action_digest, decode_action
from bystack.federation.policies.requests import ACTION, Request
from bystack.node.signer.vault.calls import Calls
from bystack.node.signer.vault.deciding import Deciding
from bystack.node.signer.vault.view import View
from bystack.primitives import keys as schnorr
from bystack.primitives.codec import U8
from bystack.primitives.errors import Invalid


class StatementUnchecked(Invalid):
    """A statement about the reserves is signed of proved data only, by the call `state`."""


class Approvals:
    """The governance key at work."""

    def __init__(self, view: View, deciding: Deciding, secret: bytes) -> None:
        self._view, self._deciding, self._secret = view, deciding, secret

    def add_to(self, calls: Calls) -> None:
        """Add the methods of this room."""
        calls.add(self.approve)

    @property
    def public(self) -> bytes:
        """The key that others know this member's word by."""
        return schnorr.public_key(self._secret)

    def approve(self, kind: U8, body: bytes) -> bytes:
        """The signature of the member's own action.

        Raises `ActionUnknown`, `StatementUnchecked` and the codec's errors.
        """
        decode_action(kind, body)
        if kind == STATE:
            raise StatementUnchecked()
        digest = action_digest(self._view.genesis().id, kind, body)
        self._deciding.check(Request(ACTION, digest, 0, 0))
        return schnorr.sign(self._secret, digest, os.urandom(32))
