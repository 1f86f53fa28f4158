"""Votes of one key in what others show: who signs with it, must have them in his journal.

A statement counts when its signature does: alone, or added up with others' under a set whose every
key is proved to be held (so nobody can make up a sum that holds our share; bbft.md, section 9).
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache

from bystack.node.signer.marks import Vote as Cast
from bystack.primitives.errors import Invalid
from bystack.sidechain.consensus.certificates import timeout_signers, verify_timeouts
from bystack.sidechain.consensus.engine import Verifier
from bystack.sidechain.consensus.positions import Position
from bystack.sidechain.consensus.scheme import BlsScheme
from bystack.sidechain.consensus.statements import (
    Certificate,
    Step,
    Timeout,
    TimeoutCertificate,
    Vote,
)
from bystack.sidechain.consensus.validators import ValidatorSet, check_set, indexes_of

Shown = Vote | Certificate | Timeout | TimeoutCertificate


class NotOurs(Invalid):
    """The statement holds no vote of this key."""


class VoteForged(Invalid):
    """The vote is not signed by this key."""


@lru_cache(maxsize=8)
def check_voters(validators: ValidatorSet) -> None:
    """Refuse a set with a key that nobody proved to hold; raises what `check_set` raises."""
    check_set(validators, BlsScheme())


def overheard(
    shown: Shown, validators: ValidatorSet, key: bytes, chain: bytes, verifier: Verifier
) -> list[Cast]:
    """The votes of `key` that a statement holds; raises why it proves none.

    Raises `NotOurs`, `VoteForged`, and what the checks of set and certificates raise.
    """
    index = next((i for i, one in enumerate(validators.validators) if one.key == key), None)
    if index is None:
        raise NotOurs(epoch=validators.epoch)
    check_voters(validators)
    found = list(_cast(shown, validators, index, chain, verifier))
    if not found:
        raise NotOurs(epoch=validators.epoch)
    return found


def _cast(
    shown: Shown, validators: ValidatorSet, index: int, chain: bytes, verifier: Verifier
) -> Iterator[Cast]:
    match shown:
        case Vote() | Timeout() if shown.index == index:
            yield _single(shown, validators.validators[index].key, chain)
        case Certificate():
            verifier.check_votes(shown, validators, chain)
            if index in indexes_of(shown.bitmap, len(validators)):
                yield Cast(verifier.voted(shown), shown.digest(chain))
        case TimeoutCertificate():
            verify_timeouts(shown, validators, chain, BlsScheme())
            place = Position(shown.height, shown.view, int(Step.TIMEOUT))
            for high, signers in timeout_signers(shown, validators):
                if index in signers:
                    yield Cast(place, shown.digest(chain, high))
        case _:
            return


def _single(shown: Vote | Timeout, key: bytes, chain: bytes) -> Cast:
    digest = shown.digest(chain)
    if not BlsScheme().verify(key, digest, shown.signature):
        raise VoteForged(height=shown.height, view=shown.view)
    step = shown.kind if isinstance(shown, Vote) else int(Step.TIMEOUT)
    return Cast(Position(shown.height, shown.view, step), digest)
