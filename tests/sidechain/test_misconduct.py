"""Evidence on the chain: it stops the pegs once per offence, and a quorum lifts it."""

from __future__ import annotations

from functools import lru_cache

import pytest
from msgspec.structs import replace

from bystack.federation.module.actions import RESUME, Resume
from bystack.federation.module.application import FederationModule
from bystack.ledger.transactions import Transaction, TransactionBody
from bystack.primitives.errors import Invalid
from bystack.sidechain.actions import (
    NotAlone,
    encode_action,
    needs_no_fee,
    system_transaction,
)
from bystack.sidechain.consensus import evidence as judging
from bystack.sidechain.consensus.evidence import (
    AnyEvidence,
    EvidenceIndex,
    EvidenceSignature,
    EvidenceUnfounded,
    ForgottenCommit,
    TwoCertificates,
    TwoSeals,
    TwoVotes,
)
from bystack.sidechain.consensus.scheme import BlsScheme
from bystack.sidechain.consensus.statements import (
    COMMIT,
    NO_HASH,
    Certificate,
    TimeoutCertificate,
    Vote,
)
from bystack.sidechain.consensus.validators import bitmap_of
from bystack.sidechain.epochs import current
from bystack.sidechain.lifting import StopStands
from bystack.sidechain.misconduct import (
    Accuse,
    EvidenceKnown,
    EvidenceOutdated,
    _places,
    convicted,
    is_news,
)
from bystack.sidechain.modules.base import Modules
from bystack.sidechain.params import Consensus
from bystack.sidechain.records import PegoutState
from bystack.sidechain.stops import PegsPaused, Stop
from tests.sidechain.federations import CONFIG, approved
from tests.sidechain.mainside import vault_chain
from tests.sidechain.world import K, World, genesis_for, module_config
from tests.simulation.schemes import bls_keyring

RING = bls_keyring(4)
A, B, C = (bytes([n]) * 32 for n in (1, 2, 3))


@lru_cache(maxsize=2)
def _world(engine: str = "bbft", election: str = "fixed") -> World:
    main = vault_chain()
    modules = (module_config("federation", CONFIG),)
    consensus = Consensus(engine, election, 500, 5000, 1500, 1, 0, 30, 2, 1)
    ours = {"validators": RING.validators.validators, "consensus": consensus}
    genesis = genesis_for(main, modules=modules, **ours)
    world = World(main, genesis, Modules([FederationModule()]))
    world.relay(K)
    world.block(world.anchor_tx(main.created))
    world.relay(12)
    world.pegged(5_000)
    return world


@pytest.fixture
def world() -> World:
    """Proved vault, full buckets, funds; validators whose keys we hold; a federation."""
    return _world().copy()


def vote(world: World, block: bytes, index: int = 2, epoch: int = 0) -> Vote:
    bare = Vote(COMMIT, epoch, 9, 1, block, NO_HASH, index, bytes(96))
    return replace(bare, signature=RING.sign(index % 4, bare.digest(world.genesis.id)))


def two(world: World, index: int = 2, other: bytes = B) -> TwoVotes:
    return TwoVotes(vote(world, A, index), vote(world, other, index))


def certificate(world: World, block: bytes, who: tuple[int, ...], view: int) -> Certificate:
    bare = Certificate(COMMIT, 0, 9, view, block, NO_HASH, bitmap_of(who, 4), bytes(96))
    parts = [RING.sign(i, bare.digest(world.genesis.id)) for i in who]
    return replace(bare, signature=RING.scheme.aggregate(parts))


def forked(world: World, view: int = 1) -> TwoCertificates:
    return TwoCertificates(
        certificate(world, A, (0, 1, 2), view), certificate(world, B, (0, 1, 3), view)
    )


def accusing(evidence: AnyEvidence) -> Transaction:
    return system_transaction(Accuse(evidence))


def resume(world: World) -> None:
    """Once nobody convicted votes any more: two epochs later at most."""
    epoch = current(world.view).epoch
    while convicted(world.view, current(world.view).validators):
        assert current(world.view).epoch < epoch + 2, "the convicted stay"
        world.idle()
    world.block(approved(world, RESUME, Resume))


def test_evidence_stops_claims_burns_and_batches_until_a_quorum_resumes(world: World) -> None:
    paid = world.deposit(1_000)
    world.relay(K)
    claim, burn = world.claim_tx(paid), world.burn_tx(300)
    first, evidence = world.burn(200), two(world)
    assert world.stands(first) == PegoutState.BATCHED
    world.block(accusing(evidence))
    assert world.stops == Stop.EQUIVOCATION
    assert convicted(world.view, world.genesis.validator_set) == (2,)
    told = {"kind": "TwoVotes", "guilty": [2]}
    name, facts = world.side.events[-1]
    assert name == "misconduct" and told.items() <= facts.items()
    assert facts["epoch"] == 0 and facts["keys"] == [RING.validators.validators[2].key.hex()]
    assert ("stopped", {"reason": "EQUIVOCATION"}) in world.side.events
    burn = world.burn_tx(300)
    for tx in (claim, burn):
        with pytest.raises(PegsPaused) as refused:
            world.block(tx)
        assert refused.value.facts["reason"] == "EQUIVOCATION"
    with pytest.raises(StopStands, match="1 convicted validators vote"):
        world.block(approved(world, RESUME, Resume))
    resume(world)
    assert world.stops == Stop(0)
    world.block(claim)
    assert world.stands(world.burn(300)) == PegoutState.BATCHED


def test_no_batch_is_formed_while_it_stops(world: World) -> None:
    """A burn and the evidence in one block: the request waits for the quorum."""
    burn = world.burn_tx(300)
    world.block(burn, accusing(two(world)))
    world.idle(3)
    assert not world.open
    resume(world)
    world.idle()
    assert world.open == (0,)


def test_it_is_accepted_once_however_it_is_arranged(world: World) -> None:
    evidence = two(world)
    assert is_news(world.view, world.genesis, evidence)
    world.block(accusing(evidence))
    resume(world)
    rearranged = TwoVotes(evidence.second, evidence.first)
    for again in (evidence, rearranged, two(world, other=C)):
        assert not is_news(world.view, world.genesis, again)
        with pytest.raises(EvidenceKnown):
            world.block(accusing(again))
    assert world.stops == Stop(0)
    world.block(accusing(two(world, 1)))
    assert world.stops == Stop.EQUIVOCATION
    assert convicted(world.view, world.genesis.validator_set) == (1, 2)


def test_a_quorums_offence_stops_again_though_all_are_convicted(world: World) -> None:
    world.block(accusing(two(world, 0)), accusing(two(world, 1)))
    resume(world)
    for view in (1, 2):
        fork = forked(world, view)
        world.block(accusing(fork))
        assert world.stops == Stop.EQUIVOCATION
        resume(world)
        with pytest.raises(EvidenceKnown):
            world.block(accusing(TwoCertificates(fork.second, fork.first)))


def test_bad_evidence_is_refused_by_name(world: World) -> None:
    good = two(world)
    strange = replace(good.second, signature=vote(world, C).signature)
    late = TwoVotes(vote(world, A, epoch=1), vote(world, B, epoch=1))
    cases: list[tuple[type[Invalid], TwoVotes]] = [
        (EvidenceUnfounded, TwoVotes(good.first, good.first)),
        (EvidenceSignature, TwoVotes(good.first, strange)),
        (EvidenceOutdated, late),
        (EvidenceIndex, two(world, 4)),
    ]
    for error, evidence in cases:
        with pytest.raises(error):
            world.block(accusing(evidence))
    other = replace(world.genesis, name="other")
    foreign = [replace(v, signature=RING.sign(2, v.digest(other.id))) for v in
               (good.first, good.second)]  # fmt: skip
    with pytest.raises(EvidenceSignature):
        world.block(accusing(TwoVotes(*foreign)))
    assert world.stops == Stop(0) and convicted(world.view, world.genesis.validator_set) == ()


def of_two_heights(world: World) -> TwoSeals:
    """COMMITs of one validator in one view, of two heights."""
    bare = replace(vote(world, B), height=10, signature=bytes(96))
    return TwoSeals(
        vote(world, A), replace(bare, signature=RING.sign(2, bare.digest(world.genesis.id)))
    )


def test_commits_of_two_heights_convict_nobody_who_votes_by_views(world: World) -> None:
    """Whoever votes in BBFT signs such a pair with every other block."""
    with pytest.raises(EvidenceUnfounded):
        world.block(accusing(of_two_heights(world)))
    assert convicted(world.view, world.genesis.validator_set) == ()


def test_two_seals_of_one_slot_convict_an_authority() -> None:
    world = _world("authority", "constant").copy()
    world.block(accusing(of_two_heights(world)))
    assert convicted(world.view, world.genesis.validator_set) == (2,)
    assert world.stops == Stop.EQUIVOCATION


def test_evidence_is_verified_once_however_often_it_is_judged(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In the pool after every block, then built, then executed; what is false as well."""
    asked: list[bytes] = []
    verify = BlsScheme.verify

    def counted(scheme: BlsScheme, key: bytes, digest: bytes, signature: bytes) -> bool:
        asked.append(digest)
        return verify(scheme, key, digest, signature)

    monkeypatch.setattr(BlsScheme, "verify", counted)
    judging._verdict.cache_clear()
    for _ in range(3):
        world.side.validate(world.side.build([accusing(two(world))], world.now))
    assert len(asked) == 2
    strange = replace(two(world).second, signature=vote(world, C).signature)
    for _ in range(2):
        with pytest.raises(EvidenceSignature):
            world.block(accusing(TwoVotes(two(world).first, strange)))
    assert len(asked) == 4


def test_it_stands_alone_and_is_free(world: World) -> None:
    tx = accusing(two(world))
    assert needs_no_fee(Modules(()), tx)
    both = TransactionBody(1, (), (), (*tx.body.actions, encode_action(Accuse(two(world, 1)))),
                           0, 0, b"")  # fmt: skip
    with pytest.raises(NotAlone):
        world.block(Transaction(both, tx.witnesses * 2))


def test_a_forgotten_commit_counts_by_validator_not_by_place(world: World) -> None:
    # One thief can commit this at every height; only a quorum's offence counts by place.
    one = certificate(world, A, (0, 1, 2), 1)
    timeouts = TimeoutCertificate(0, 9, 2, (), bytes(96), ())
    later = replace(one, height=10)
    for commit in (one, later):
        evidence = ForgottenCommit(commit, replace(timeouts, height=commit.height))
        assert _places(world.view, evidence) == []
    assert len(_places(world.view, forked(world))) == 1
