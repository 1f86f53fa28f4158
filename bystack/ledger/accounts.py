"""Accounts of a wallet: which keys, policies and addresses follow from a seed.

An account stands at `m/86'/coin'/number'`; its addresses below at `change/index`, each the policy
root of a single key (BIP 32; purpose and shape as in BIP 86, for keys without scripts). From the
account's public key the same addresses follow, so a wallet can watch without being able to spend.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

from bystack.ledger.policies import Key
from bystack.ledger.satisfaction import policy_root
from bystack.primitives.bip32 import HARDENED, ExtendedKey
from bystack.primitives.codec import U32, Bit, Wire

PURPOSE = 86
MAIN_COIN = 153
TEST_COIN = 1

RECEIVE = 0
CHANGE = 1

WATCHED = HARDENED
"""Accounts from this number on are not of the wallet's seed: extended public keys it watches."""
SINGLES = 2**32 - 1
"""The account of locks watched one by one."""


class Place(Wire):
    """Where an address stands in its account: `change` 0 to be paid at, 1 for change."""

    change: Bit
    index: U32
    account: U32 = 0


@dataclass(frozen=True)
class Account:
    """An account by its key, which may be a public one."""

    key: ExtendedKey

    def policy(self, place: Place) -> Key:
        """The one branch of an address's lock."""
        return Key(self._at(place).public)

    def root(self, place: Place) -> bytes:
        """The policy root that an address stands for, 32 bytes."""
        return policy_root([self.policy(place)])

    def secret(self, place: Place) -> bytes:
        """The 32-byte secret of an address. Raises `HardenedFromPublic` when we only watch."""
        return self._at(place).secret

    def watching(self) -> Account:
        """The same account without its secrets."""
        return Account(self.key.neuter())

    @cached_property
    def _chains(self) -> tuple[ExtendedKey, ExtendedKey]:
        return self.key.child(RECEIVE), self.key.child(CHANGE)

    def _at(self, place: Place) -> ExtendedKey:
        return self._chains[place.change].child(place.index)


def account_of(master: ExtendedKey, coin: int, number: int) -> Account:
    """The `number`-th account of a seed, on the main network or (coin 1) a test network."""
    steps = (PURPOSE + HARDENED, coin + HARDENED, number + HARDENED)
    key = master
    for step in steps:
        key = key.child(step)
    return Account(key)
