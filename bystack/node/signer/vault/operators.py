"""What an operator asks the signer on a socket of his own: requests that wait, his word on them.

The member has no such socket: it can ask for a signature, and not approve it.
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Annotated, Any

from msgspec import Meta

from bystack.federation.charter import ListedAsset
from bystack.federation.policies.requests import POLICY_KEY, Payout
from bystack.node.federation_files import FederationFileError
from bystack.node.signer.policy_file import assets_of, policy_path
from bystack.node.signer.vault.calls import Calls
from bystack.node.signer.vault.deciding import Deciding, Waiting
from bystack.primitives.addresses import POLICY, Address, encode_address
from bystack.primitives.codec import Bytes32

Reason = Annotated[str, Meta(min_length=1, max_length=500)]


class Operators:
    """The operator's methods. `name`: the federation's; `hrp`: the main chain's address prefix."""

    def __init__(self, deciding: Deciding, name: str, hrp: str) -> None:
        self._deciding, self._name, self._hrp = deciding, name, hrp

    def add_to(self, calls: Calls) -> None:
        """Add the methods of this room."""
        calls.add(self.requests, self.approve, self.reject, self.policy)

    def requests(self) -> list[dict[str, Any]]:
        """What is not let through, the newest last."""
        return [self._shown(one) for one in self._deciding.waiting.values()]

    def approve(self, digest: Bytes32, reason: Reason) -> bool:
        """Let this digest through where an operator's approval is needed."""
        self._deciding.say(digest, approved=True, reason=reason)
        return True

    def reject(self, digest: Bytes32, reason: Reason) -> bool:
        """Refuse this digest; a later approval takes that back."""
        self._deciding.say(digest, approved=False, reason=reason)
        return True

    def policy(self) -> dict[str, str]:
        """The policy file: where it lies, its digest (empty: there is none), what is wrong."""
        read = self._deciding.file.now
        digest = read.digest.hex() if any(read.digest) else ""
        return {"path": policy_path(self._name), "digest": digest, "fault": read.fault}

    def _shown(self, one: Waiting) -> dict[str, Any]:
        request, decision = one
        return {
            "digest": request.digest.hex(),
            "kind": request.kind,
            "seq": request.seq,
            "height": request.height,
            "outcome": decision.outcome.name.lower(),
            "reason": decision.reason,
            "words": decision.words,
            "payouts": [self._payout(payout) for payout in request.payouts],
        }

    def _payout(self, payout: Payout) -> dict[str, str]:
        to, place = payout.destination, payout.destination[1:]
        policy = to[:1] == POLICY_KEY
        payee = encode_address(Address(self._hrp, POLICY, place)) if policy else place.hex()
        return {"to": payee, **self._amount(payout)}

    def _amount(self, payout: Payout) -> dict[str, str]:
        """The amount in units that people know, where the roster names the asset."""
        for name, asset in self._assets().items():
            if asset.id == payout.asset:
                amount = Decimal(payout.amount).scaleb(-asset.decimals)
                return {"amount": f"{amount:f}", "asset": name}
        return {"amount": str(payout.amount), "asset": payout.asset.hex()}

    def _assets(self) -> Mapping[str, ListedAsset]:
        try:
            return assets_of(self._name)
        except FederationFileError:
            return {}
