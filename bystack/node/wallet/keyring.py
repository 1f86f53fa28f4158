"""Keys of the wallet that others know: for policies held with other people, and issuing assets.

They stand beside the addresses, at `m/86'/coin'/number'/2/index`, so they use up no address, and a
phrase finds them again. Which of our secrets a public key belongs to is looked up here: an
address's key, one of these, or one that a draft says the place of (which is tried, not believed).
"""

from __future__ import annotations

from collections.abc import Iterable
from itertools import pairwise
from typing import Annotated, Final

from msgspec import Meta

from bystack.ledger.policies import Key
from bystack.ledger.pst import Key33, Origin
from bystack.ledger.satisfaction import policy_root
from bystack.ledger.transactions import PolicyLock
from bystack.node.store.storage import Store
from bystack.node.wallet.purse import Purse
from bystack.primitives.bip32 import ExtendedKey
from bystack.primitives.codec import U32, Wire, decode, encode
from bystack.primitives.errors import Invalid
from bystack.primitives.musig2 import MAX_SIGNERS, aggregate, sort_keys

SHARED: Final = 2
AHEAD: Final = 50
"""So many keys behind the last one handed out are known too, for a wallet restored from words."""
COUNT, SIGNERS = b"Q", b"U"


class KeysHandedOut(Wire):
    """How many keys of this kind were handed out on a chain."""

    count: U32


class SignersRecord(Wire):
    """Whose keys a shared key is made of, in order."""

    keys: Annotated[tuple[Key33, ...], Meta(min_length=1, max_length=MAX_SIGNERS)]


class SignerTwice(Invalid):
    """A key stands among the signers twice, and nobody can sign in two places of one shared key."""


class PointOther(Invalid):
    """Our key is another point than the one given, and nothing of ours could sign for that."""


class KeyRing:
    """The keys of a wallet on one chain, found by their public half."""

    def __init__(self, purse: Purse, store: Store) -> None:
        self._purse, self._store = purse, store
        self._place = COUNT + purse.chain.id
        self._shared: dict[bytes, int] = {}
        self._roots: dict[bytes, Key] = {}
        self._end = 0

    def fresh(self) -> ExtendedKey:
        """A key that was never handed out; recorded before it is told."""
        count = self._count()
        self._store.commit_now({self._place: encode(KeysHandedOut(count + 1))})
        return self._at(0, SHARED, count)

    def remember(self, keys: Iterable[bytes]) -> tuple[bytes, ...]:
        """Keep whose keys a shared key is made of; the keys in their order.

        Raises `SignerTwice`, `PointOther`, and the errors of `musig2.aggregate`.
        """
        ordered = sort_keys(tuple(keys))
        for key, after in pairwise((*ordered, b"")):
            if key == after:
                raise SignerTwice(key=key)
            own = self.key(key[1:])
            if own is not None and own.point != key:
                raise PointOther(given=key, ours=own.point)
        record = encode(SignersRecord(ordered))
        self._store.commit_now({SIGNERS + self._purse.chain.id + aggregate(ordered): record})
        return ordered

    def signers(self, key: bytes) -> tuple[bytes, ...]:
        """The keys that `key` is made of; none when it is not known as a shared key."""
        data = self._store.get(SIGNERS + self._purse.chain.id + key)
        return () if data is None else decode(SignersRecord, data, 10_000).keys

    def origin(self, key: bytes) -> Origin | None:
        """Where our secret of an x-only key stands; None when it is none of ours."""
        book = self._purse.wallet.book
        place = book.place(PolicyLock(policy_root([Key(key)])))
        if place is not None and place.account in book.accounts:
            return Origin(key, place.account, place.change, place.index)
        self._look_ahead()
        index = self._shared.get(key)
        return None if index is None else Origin(key, 0, SHARED, index)

    def single(self, root: bytes) -> Key | None:
        """The policy of one of these keys whose root this is."""
        self._look_ahead()
        return self._roots.get(root)

    def key(self, key: bytes, hints: Iterable[Origin] = ()) -> ExtendedKey | None:
        """Our extended key of an x-only public key, looked for at the hinted places too."""
        origin = self.origin(key)
        found = None if origin is None else self._at(origin.account, origin.chain, origin.index)
        if found is not None:
            return found
        meant = (hint for hint in hints if hint.key == key)
        return next((one for hint in meant if (one := self._hinted(key, hint))), None)

    def _hinted(self, key: bytes, hint: Origin) -> ExtendedKey | None:
        """The key at the hinted place. Who only watches our account numbers it as he likes."""
        every = self._purse.wallet.book.accounts
        for account in (hint.account,) if hint.account in every else every:
            try:
                found = self._at(account, hint.chain, hint.index)
            except Invalid:  # a hardened place, from a public key
                continue
            if found.public == key:
                return found
        return None

    def _count(self) -> int:
        data = self._store.get(self._place)
        return 0 if data is None else decode(KeysHandedOut, data, 16).count

    def _look_ahead(self) -> None:
        if 0 not in self._purse.wallet.book.accounts:
            return
        end = self._count() + AHEAD
        for index in range(self._end, end):
            policy = Key(self._at(0, SHARED, index).public)
            self._shared[policy.key] = index
            self._roots[policy_root([policy])] = policy
        self._end = max(self._end, end)

    def _at(self, account: int, chain: int, index: int) -> ExtendedKey:
        return self._purse.wallet.book.accounts[account].key.child(chain).child(index)
