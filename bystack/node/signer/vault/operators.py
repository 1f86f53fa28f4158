"""What an operator asks the signer on a socket of his own: requests that wait, his word on them.

The member has no such socket: it can ask for a signature, and not approve it.
"""

from __future__ import annotations

from typing import Annotated, Any

from msgspec import Meta

from bystack.federation.policies.requests import Payout
from bystack.node.signer.vault.calls import Calls
from bystack.node.signer.vault.deciding import Deciding, Waiting
from bystack.primitives.codec import Bytes32

Reason = Annotated[str, Meta(min_length=1, max_length=500)]


class Operators:
    """The operator's methods."""

    def __init__(self, deciding: Deciding) -> None:
        self._deciding = deciding

    def add_to(self, calls: Calls) -> None:
        """Add the methods of this room."""
        calls.add(self.requests, self.approve, self.reject)

    def requests(self) -> list[dict[str, Any]]:
        """What is not let through, the newest last."""
        return [_shown(one) for one in self._deciding.waiting.values()]

    def approve(self, digest: Bytes32, reason: Reason) -> bool:
        """Let this digest through where an operator's approval is needed."""
        self._deciding.say(digest, approved=True, reason=reason)
        return True

    def reject(self, digest: Bytes32, reason: Reason) -> bool:
        """Refuse this digest; a later approval takes that back."""
        self._deciding.say(digest, approved=False, reason=reason)
        return True


def _shown(one: Waiting) -> dict[str, Any]:
    request, decision = one
    return {
        "digest": request.digest,
        "kind": request.kind,
        "seq": request.seq,
        "height": request.height,
        "outcome": decision.outcome.name.lower(),
        "reason": decision.reason,
        "words": decision.words,
        "payouts": [_payout(payout) for payout in request.payouts],
    }


def _payout(payout: Payout) -> list[Any]:
    return [payout.destination, payout.asset, payout.amount]
