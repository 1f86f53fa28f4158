"""Evidence E1 to E7: found in statements, verified by anyone, never against the lawful."""

from __future__ import annotations

import itertools
import random

import pytest
from msgspec.structs import replace

from bystack.primitives.errors import Invalid
from bystack.sidechain.consensus.evidence import (
    ForbiddenBlock,
    ForgottenCommit,
    ForgottenSum,
    ForgottenVote,
    Statement,
    TwoCertificates,
    TwoProposals,
    TwoReports,
    TwoSums,
    TwoTimeouts,
    TwoVotes,
    detect,
    guilty,
    verify_evidence,
)
from bystack.sidechain.consensus.statements import (
    COMMIT,
    NO_HASH,
    NO_SIGNATURE,
    PREPARE,
    Aggregate,
    Certificate,
    HighSigners,
    SignedProposal,
    Timeout,
    TimeoutCertificate,
    Vote,
)
from bystack.sidechain.consensus.validators import ValidatorSet, bitmap_of
from tests.simulation.schemes import hash_keyring

RING = hash_keyring(4)
CHAIN, A, B, J, K = (bytes([i]) * 32 for i in range(1, 6))


def sign(statement: Statement, index: int) -> Statement:
    return replace(statement, signature=RING.sign(index, statement.digest(CHAIN)))  # type: ignore[call-arg]


def proposal(block: bytes = A, justify: bytes = J, view: int = 1, index: int = 1) -> Statement:
    return sign(SignedProposal(0, 5, view, block, justify, index, NO_SIGNATURE), index)


def vote(kind: int = PREPARE, block: bytes = A, justify: bytes = J, view: int = 1) -> Statement:
    justify = justify if kind == PREPARE else NO_HASH
    return sign(Vote(kind, 0, 5, view, block, justify, 1, NO_SIGNATURE), 1)


def timeout(view: int = 1, high: int = -1) -> Statement:
    return sign(Timeout(0, 5, view, high, (), 1, NO_SIGNATURE), 1)


def certificate(
    kind: int, block: bytes, view: int, who: tuple[int, ...], justify: bytes = J
) -> Certificate:
    justify = justify if kind == PREPARE else NO_HASH
    bare = Certificate(kind, 0, 5, view, block, justify, bitmap_of(who, 4), NO_SIGNATURE)
    whole = RING.scheme.aggregate([RING.sign(i, bare.digest(CHAIN)) for i in who])
    return replace(bare, signature=whole)


def closing(view: int, highs: dict[int, tuple[int, ...]], *best: Certificate) -> TimeoutCertificate:
    groups = tuple(HighSigners(h, bitmap_of(who, 4)) for h, who in sorted(highs.items()))
    bare = TimeoutCertificate(0, 5, view, groups, NO_SIGNATURE, best)
    parts = [RING.sign(i, bare.digest(CHAIN, h)) for h, who in highs.items() for i in who]
    return replace(bare, signature=RING.scheme.aggregate(parts))


def aggregate(kind: int, block: bytes, view: int, who: tuple[int, ...]) -> Aggregate:
    """Fewer than a quorum, added up by a gateway."""
    made = certificate(kind, block, view, who)
    place = (made.kind, made.epoch, made.height, made.view)
    return Aggregate(*place, made.block, made.justify, made.bitmap, made.signature)


QC_A1 = certificate(PREPARE, A, 1, (0, 1, 2))
CLOSED = closing(1, {-1: (2,), 1: (0, 1)}, QC_A1)
FREE = closing(1, {-1: (1, 2, 3)})

UNLAWFUL: dict[str, tuple[Statement, Statement, type, tuple[int, ...]]] = {
    "E1": (proposal(), proposal(B), TwoProposals, (1,)),
    "E1 justify": (proposal(), proposal(A, K), TwoProposals, (1,)),
    "E2": (vote(), vote(block=B), TwoVotes, (1,)),
    "E2 justify": (vote(), vote(justify=K), TwoVotes, (1,)),
    "E3": (vote(COMMIT), vote(COMMIT, B), TwoVotes, (1,)),
    "E4": (timeout(), timeout(high=0), TwoTimeouts, (1,)),
    "E5": (vote(COMMIT), timeout(view=1, high=0), ForgottenVote, (1,)),
    "E5 later": (vote(COMMIT), timeout(view=4), ForgottenVote, (1,)),
    "E5 aggregate": (certificate(COMMIT, A, 1, (0, 1, 2)), FREE, ForgottenCommit, (1, 2)),
    "E6 prepare": (QC_A1, certificate(PREPARE, B, 1, (1, 2, 3)), TwoCertificates, (1, 2)),
    "E6 commit": (
        certificate(COMMIT, A, 1, (0, 1, 2)),
        certificate(COMMIT, B, 1, (0, 1, 3)),
        TwoCertificates,
        (0, 1),
    ),
    "E2 in sums": (
        aggregate(PREPARE, A, 1, (0, 1)),
        aggregate(PREPARE, B, 1, (1, 2)),
        TwoSums,
        (1,),
    ),
    "E2 in a sum": (vote(), aggregate(PREPARE, B, 1, (1, 3)), TwoSums, (1,)),
    "E2 certified": (vote(block=B), QC_A1, TwoSums, (1,)),
    "E3 in a sum": (vote(COMMIT), aggregate(COMMIT, B, 1, (0, 1)), TwoSums, (1,)),
    "E3 certified": (
        aggregate(COMMIT, B, 1, (1, 3)),
        certificate(COMMIT, A, 1, (0, 1, 2)),
        TwoSums,
        (1,),
    ),
    "E4 in sums": (CLOSED, FREE, TwoReports, (1,)),
    "E4 in a sum": (timeout(high=0), CLOSED, TwoReports, (1,)),
    "E5 certified": (certificate(COMMIT, A, 1, (0, 1, 2)), timeout(view=2), ForgottenSum, (1,)),
    "E5 closed": (vote(COMMIT), FREE, ForgottenSum, (1,)),
    "E5 in sums": (aggregate(COMMIT, A, 1, (0, 1)), FREE, ForgottenSum, (1,)),
    "E7": (
        certificate(PREPARE, B, 2, (0, 1, 3), CLOSED.hash),
        CLOSED,
        ForbiddenBlock,
        (0, 1, 3),
    ),
    "E7 view": (
        certificate(PREPARE, A, 3, (0, 1, 3), CLOSED.hash),
        CLOSED,
        ForbiddenBlock,
        (0, 1, 3),
    ),
}

LAWFUL: dict[str, tuple[Statement, Statement]] = {
    "a sum and a vote in it": (vote(), aggregate(PREPARE, A, 1, (1, 2))),
    "a sum without the voter": (vote(), aggregate(PREPARE, B, 1, (2, 3))),
    "sums of two views": (aggregate(COMMIT, A, 1, (1,)), aggregate(COMMIT, B, 2, (1,))),
    "sums of two kinds": (aggregate(PREPARE, A, 1, (1,)), aggregate(COMMIT, B, 1, (1,))),
    "a report and its certificate": (timeout(high=-1), FREE),
    "a sum remembered": (aggregate(COMMIT, A, 1, (0, 1)), timeout(view=2, high=1)),
    "another's timeout": (aggregate(COMMIT, A, 1, (0, 2)), timeout(view=2)),
    "a sum before": (aggregate(COMMIT, A, 2, (1, 2)), FREE),
    "the same twice": (vote(), vote()),
    "two views": (vote(), vote(block=B, view=2)),
    "prepare and commit": (vote(), vote(COMMIT, B)),
    "timeouts of two views": (timeout(), timeout(view=2, high=1)),
    "timeout before the commit": (timeout(view=0), vote(COMMIT)),
    "timeout that remembers": (vote(COMMIT), timeout(view=2, high=1)),
    "prepared, then gave up": (vote(), timeout()),
    "commits of two views": (
        certificate(COMMIT, A, 1, (0, 1, 2)),
        certificate(COMMIT, B, 2, (0, 1, 2)),
    ),
    "commit remembered": (
        certificate(COMMIT, A, 1, (0, 1, 3)),
        closing(1, {-1: (2,), 1: (0, 1)}, QC_A1),
    ),
    "justified": (certificate(PREPARE, A, 2, (0, 1, 3), CLOSED.hash), CLOSED),
    "free": (certificate(PREPARE, B, 2, (0, 1, 3), FREE.hash), FREE),
    "another justify": (certificate(PREPARE, B, 2, (0, 1, 3), K), CLOSED),
}


@pytest.mark.parametrize("case", UNLAWFUL)
def test_unlawful_statements_name_the_guilty(case: str) -> None:
    first, second, kind, names = UNLAWFUL[case]
    found = detect(first, second)
    assert found is not None and found == detect(second, first)
    assert isinstance(found, kind)
    assert verify_evidence(found, RING.validators, CHAIN, RING.scheme) == names
    assert guilty(found, RING.validators) == names


@pytest.mark.parametrize("case", LAWFUL)
def test_lawful_statements_are_no_evidence(case: str) -> None:
    first, second = LAWFUL[case]
    assert detect(first, second) is None and detect(second, first) is None


@pytest.mark.parametrize("case", UNLAWFUL)
def test_evidence_on_another_chain_or_with_a_bad_signature_proves_nothing(case: str) -> None:
    first, second, _, _ = UNLAWFUL[case]
    found = detect(first, second)
    assert found is not None
    with pytest.raises(Invalid):
        verify_evidence(found, RING.validators, b"\x09" * 32, RING.scheme)
    with pytest.raises(Invalid, match="Epoch"):
        later = ValidatorSet(1, RING.validators.validators)
        verify_evidence(found, later, CHAIN, RING.scheme)


def test_framing_is_refused() -> None:
    mine, other = vote(), replace(vote(block=B), index=2)
    assert isinstance(mine, Vote) and isinstance(other, Vote)
    framed = TwoVotes(replace(mine, index=2), other)
    with pytest.raises(Invalid, match="EvidenceSignature"):
        verify_evidence(framed, RING.validators, CHAIN, RING.scheme)
    with pytest.raises(Invalid, match="EvidenceUnfounded"):
        verify_evidence(TwoVotes(mine, mine), RING.validators, CHAIN, RING.scheme)
    with pytest.raises(Invalid, match="EvidenceIndex"):
        absent = TwoVotes(replace(mine, index=9), replace(other, index=9))
        verify_evidence(absent, RING.validators, CHAIN, RING.scheme)
    with pytest.raises(Invalid, match="EvidenceIndex"):
        guilty(absent, RING.validators)


def test_what_a_commit_does_not_sign_frames_nobody() -> None:
    """A COMMIT's signature leaves out the justify hash: whoever alters it proves nothing."""
    said = vote(COMMIT)
    sealed = certificate(COMMIT, A, 1, (0, 1, 2))
    assert isinstance(said, Vote)
    for one, altered in (
        (said, replace(said, justify=K)),
        (sealed, replace(sealed, justify=K)),
    ):
        assert altered.digest(CHAIN) == one.digest(CHAIN)
        assert not any(detect(altered, other) for other in (one, said, sealed))
    with pytest.raises(Invalid, match="EvidenceUnfounded"):
        framed = TwoVotes(said, replace(said, justify=K))
        verify_evidence(framed, RING.validators, CHAIN, RING.scheme)


def honest_history(rng: random.Random) -> list[Statement]:
    """One honest validator through some views, as rounds and journal let it speak."""
    said: list[Statement] = []
    high = -1
    for view in range(6):
        block = rng.choice((A, B))
        if rng.random() < 0.7:
            said.append(vote(PREPARE, block, rng.choice((J, K)), view))
        if rng.random() < 0.5:
            high = view
            said.append(vote(COMMIT, block, view=view))
        said.append(timeout(view, high))
    return said


def test_honest_histories_incriminate_nobody() -> None:
    for seed in range(200):
        said = honest_history(random.Random(seed))
        assert not any(detect(a, b) for a, b in itertools.combinations(said, 2))
