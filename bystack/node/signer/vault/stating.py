"""The member's word on the reserves: signed once a block, of what this signer was proved."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any, Final

from msgspec.structs import replace

from bystack.federation.module.actions import STATE, action_digest
from bystack.federation.module.records import SIGNER_VERSION
from bystack.federation.policies.requests import ACTION, Request
from bystack.federation.statements import MAX_STATEMENT, Statement
from bystack.federation.stating import check_draft
from bystack.node.signer.vault.calls import Calls
from bystack.node.signer.vault.deciding import Deciding
from bystack.node.signer.vault.view import View
from bystack.node.store import files
from bystack.primitives import keys as schnorr
from bystack.primitives.codec import decode, encode
from bystack.primitives.errors import Invalid
from bystack.sidechain.proofs import MAX_STATE_PROOFS, StateProofs, check_state_proofs

MAX_PLACE: Final = 16


class StatedAlready(Invalid):
    """This signer stated the reserves of this block, or a later one: two of one block convict."""


def stated_path(folder: str, name: str) -> str:
    """Where a signer keeps the height it stated last for a federation."""
    return f"{folder}/stated-{name}.bin"


class Stating:
    """The governance key at statements."""

    def __init__(self, view: View, deciding: Deciding, secret: bytes) -> None:
        self._view, self._deciding, self._secret = view, deciding, secret
        self._path = stated_path(view.folder, view.name)

    def add_to(self, calls: Calls) -> None:
        """Add the methods of this room."""
        calls.add(self.state)

    def state(self, draft: bytes, proofs: bytes) -> list[Any]:
        """A drafted statement with this signer's version and log's head, and its signature.

        Raises `StatementUnproved`, `StatedAlready`, `PolicyDenied`, `PolicyWaits`, and what the
        proofs' checks raise.
        """
        wanted, shown = self._checked(draft, proofs)
        self._check_new(wanted.height)
        head = self._deciding.audit.head.hash
        statement = replace(wanted, version=SIGNER_VERSION, log=head)
        digest = action_digest(wanted.chain, STATE, encode(statement))
        self._deciding.check(Request(ACTION, digest, 0, 0))
        # The height is on the disk before the signature leaves: a restart never states it twice.
        files.replace(self._path, encode(shown.final.header.height))
        return [encode(statement), schnorr.sign(self._secret, digest, os.urandom(32))]

    def _checked(self, draft: bytes, proofs: bytes) -> tuple[Statement, StateProofs]:
        statement = decode(Statement, draft, MAX_STATEMENT)
        shown = decode(StateProofs, proofs, MAX_STATE_PROOFS)
        entries = check_state_proofs(shown)
        followed, watch = self._view.followed, self._view.watch
        try:
            followed.client.verify(shown.final)
        finally:
            followed.keep()
        check_draft(statement, watch.genesis, shown.final.header, entries, watch.view)
        return statement, shown

    def _check_new(self, height: int) -> None:
        if not os.path.exists(self._path):
            return
        last = decode(int, Path(self._path).read_bytes()[:MAX_PLACE], MAX_PLACE)
        if height <= last:
            raise StatedAlready(height=height, last=last)
