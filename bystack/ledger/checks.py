"""Verifying signatures: the one costly part of validation, done apart from it.

Checks are plain data and true or false for ever, whatever the chain does, so they can be verified
in any process, in any order, and remembered: a signature seen in the memory pool is not verified
again when its block comes.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from hashlib import sha256
from itertools import islice

from bystack.ledger.effects import BlsCheck, Check, SchnorrCheck
from bystack.primitives import bls
from bystack.primitives.errors import Invalid
from bystack.primitives.keys import verify


class SignatureWrong(Invalid):
    """A signature does not verify under its key."""


def verify_checks(checks: Sequence[Check]) -> bool:
    """Whether every check holds; true for none."""
    return failed(checks) is None


def failed(checks: Sequence[Check]) -> int | None:
    """The place of a check that does not hold (the first Schnorr, else the first BLS), or None."""
    for index, check in enumerate(checks):
        if isinstance(check, SchnorrCheck) and not verify(*check):
            return index
    pairings = [(i, check) for i, check in enumerate(checks) if isinstance(check, BlsCheck)]
    if not pairings or _all_hold([check for _, check in pairings]):
        return None
    return next((index for index, check in pairings if not bls.verify(*check)), None)


def _all_hold(checks: Sequence[BlsCheck]) -> bool:
    if len(checks) == 1:
        return bls.verify(*checks[0])
    keys, digests, signatures = zip(*checks, strict=True)
    return bls.batch_verify(keys, digests, signatures)


def require(checks: Sequence[Check]) -> None:
    """Raise `SignatureWrong` unless every check holds."""
    index = failed(checks)
    if index is not None:
        raise SignatureWrong(index=index, key=checks[index].key)


class Verified:
    """The checks that were found to hold, up to `limit` of them, the oldest forgotten first.

    Kept by check and not by transaction: which keys a transaction needs can depend on the state of
    the chain, whether a signature fits its key cannot.
    """

    def __init__(self, limit: int = 200_000) -> None:
        self._limit = limit
        self._known: dict[bytes, None] = {}

    def __len__(self) -> int:
        return len(self._known)

    def remember(self, checks: Iterable[Check]) -> None:
        """Note checks that hold."""
        self.remember_names(map(name_of, checks))

    def remember_names(self, names: Iterable[bytes]) -> None:
        """Note checks that hold, by `name_of`; one noted already keeps its age."""
        self._known.update(dict.fromkeys(names))
        surplus = len(self._known) - self._limit
        for name in list(islice(self._known, max(surplus, 0))):
            del self._known[name]

    def unknown(self, checks: Iterable[Check]) -> tuple[Check, ...]:
        """Those checks that are still to be verified, in their order."""
        return tuple([check for check in checks if name_of(check) not in self._known])

    def __contains__(self, name: object) -> bool:
        return name in self._known


def name_of(check: Check) -> bytes:
    """Bytes that no other check has: its own as `keys.first_wrong` reads them, or a hash."""
    key, digest, signature = check
    if type(check) is SchnorrCheck and len(key) == len(digest) == 32 and len(signature) == 64:
        return key + digest + signature
    # With kind and lengths, no two checks share the bytes hashed, whoever made them.
    lengths = b"%s %d %d|" % (type(check).__name__.encode(), len(key), len(digest))
    return sha256(b"".join((lengths, *check))).digest()
