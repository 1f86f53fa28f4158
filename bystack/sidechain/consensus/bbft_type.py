"""The engine named `bbft`: what judges its headers, and its machine where one is made.

Wallets, signers and members judge headers without taking part, so the machine's code is loaded by
the process that runs it: a megabyte for each of the others.
"""

from __future__ import annotations

from bystack.primitives.codec import prepare
from bystack.sidechain.consensus.engine import Birth, Engine, Verifier
from bystack.sidechain.consensus.scheme import Scheme
from bystack.sidechain.consensus.validators import ValidatorSet
from bystack.sidechain.consensus.verifier import InstantFinality


class BbftType:
    """The engine named `bbft` (`engine.EngineType`): any validators, elected or fixed."""

    def check(self, validators: ValidatorSet, elected: bool) -> None:
        """Every set will do."""

    def verifier(self, scheme: Scheme) -> Verifier:
        """A commit certificate makes its header final at once."""
        return InstantFinality(scheme)

    def make(self, birth: Birth) -> Engine:
        """A machine for one node."""
        from bystack.sidechain.consensus.bbft import Bbft

        prepare()
        return Bbft(
            birth.era,
            birth.key,
            birth.chain_id,
            birth.scheme,
            birth.start,
            birth.recovered,
            birth.kept,
        )
