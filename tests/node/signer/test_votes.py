"""The vote journal's owner: on disk before it is released; a journal that lost votes is over."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
import trio
from msgspec.structs import replace

from bystack.mainchain.params import REGTEST
from bystack.node.signer.journals import abstention
from bystack.node.signer.overheard import NotOurs, Shown, VoteForged
from bystack.node.signer.votes import (
    Abstaining,
    ChainBehind,
    JournalOld,
    JournalRefused,
    KeyElsewhere,
    MethodUnknown,
    NotIntroduced,
    Voter,
)
from bystack.node.store.journal import Journal, JournalLocked
from bystack.primitives import bls
from bystack.primitives.codec import Malformed, decode, encode
from bystack.primitives.errors import Invalid
from bystack.sidechain.consensus.positions import (
    GoingBack,
    JournalRecord,
    Position,
    SignedBefore,
    SignRequest,
)
from bystack.sidechain.consensus.statements import (
    PREPARE,
    Certificate,
    HighSigners,
    Step,
    Timeout,
    TimeoutCertificate,
    Vote,
)
from bystack.sidechain.consensus.validators import ValidatorSet
from bystack.sidechain.params import Genesis
from tests.federation.peg import certified, header_of
from tests.node.signer.asked import commit_with_ours, vote
from tests.sidechain.world import genesis_for, vault_chain
from tests.simulation.schemes import bls_keyring

SECRET = bls.key_gen(b"simulated validator %d" % 0 + bytes(32))


@pytest.fixture(scope="module")
def genesis() -> Genesis:
    return genesis_for(vault_chain(), validators=bls_keyring(4).validators.validators)


class Desk:
    """A voter over a journal on disk."""

    def __init__(self, folder: Path, genesis: Genesis) -> None:
        self.path, self.genesis = folder / "votes.journal", genesis
        self.open()

    def open(self) -> None:
        self.journal = Journal.open(self.path, kind="votes", magic=REGTEST.magic)
        self.voter = Voter(SECRET, self.genesis, self.journal)

    def reopen(self) -> None:
        self.journal.close()
        self.open()
        self.introduce()

    def introduce(self) -> None:
        """As a node does whose chain shows no vote of this key."""
        assert self.ask("ready_empty", 900) is True

    def ready(self, certificate: Certificate) -> object:
        """Show a certificate with the set it is of."""
        return self.ask("ready", encode(certificate), encode(self.genesis.validator_set))

    def shown(self, statement: Shown) -> object:
        return self.ask("shown", encode(statement), encode(self.genesis.validator_set))

    def ask(self, method: str, *params: object) -> object:
        return trio.run(self.voter.handle, method, params)

    def sign(self, request: SignRequest) -> bytes:
        _, signature, digest = self.ask("sign", encode(request))  # type: ignore[misc]
        assert bls.verify(bls.sk_to_pk(SECRET), digest, signature)
        return bytes(signature)


@pytest.fixture
def desk(tmp_path: Path, genesis: Genesis):
    desk = Desk(tmp_path, genesis)
    desk.introduce()
    yield desk
    desk.journal.close()


def test_positions_only_grow_and_a_repetition_gives_the_same_bytes(desk: Desk) -> None:
    assert desk.ask("last") is None and desk.ask("key") == bls.sk_to_pk(SECRET)
    prepare, commit = vote(5, Step.PREPARE), vote(5)
    for request in (prepare, commit):
        first = desk.sign(request)
        assert desk.sign(request) == first
        desk.reopen()
        assert desk.sign(request) == first
    with pytest.raises(GoingBack):
        desk.sign(prepare)
    with pytest.raises(SignedBefore):
        desk.sign(vote(5, block=b"\x0c" * 32))
    assert decode(JournalRecord, desk.ask("last"), 1_000).position == commit.position
    assert len(desk.journal) == 2


def test_the_memory_of_the_machine_is_found_again(desk: Desk) -> None:
    desk.sign(vote(5))
    desk.reopen()
    assert decode(JournalRecord, desk.ask("last"), 1_000).high_qc == b"memory"


@pytest.mark.parametrize("number", [28, 5])
def test_a_refusing_disk_releases_nothing(
    desk: Desk, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    """A full one heals; after any other fault the process must begin anew."""

    def refuse(*_: object) -> None:
        raise OSError(number, "refused")

    with monkeypatch.context() as patch:
        patch.setattr("bystack.node.store.files.write_all", refuse)
        for _ in range(2):
            with pytest.raises(JournalRefused, match="make room" if number == 28 else "start"):
                desk.sign(vote(5))
    assert desk.ask("last") is None
    if number != 28:
        with pytest.raises(JournalRefused):
            desk.sign(vote(6))
        desk.reopen()
    desk.sign(vote(5, block=b"\x0c" * 32))
    assert len(desk.journal) == 1


@pytest.mark.parametrize("lost", ["deleted", "restored"])
def test_a_journal_older_than_the_chain_is_refused(desk: Desk, lost: str) -> None:
    desk.sign(vote(3))
    copy = desk.path.with_suffix(".backup")
    shutil.copy(desk.path, copy)
    desk.sign(vote(4))
    desk.journal.close()
    desk.path.unlink()
    if lost == "restored":
        shutil.copy(copy, desk.path)
    desk.open()
    with pytest.raises(JournalOld) as refused:
        desk.ready(commit_with_ours(desk.genesis, SECRET, 4))
    assert refused.value.rule == "JournalOld"
    # And it stays refused: the vote shown need not be the only one that was lost.
    for request in (vote(4, block=b"\x0c" * 32), vote(5), vote(900)):
        with pytest.raises(JournalOld):
            desk.sign(request)
    with pytest.raises(JournalOld):
        desk.ready(commit_with_ours(desk.genesis, SECRET, 3))
    assert len(desk.journal) == (1 if lost == "restored" else 0)


def test_a_lost_vote_of_a_later_view_of_the_same_height_counts(desk: Desk) -> None:
    desk.sign(vote(4, Step.PREPARE, view=1))
    with pytest.raises(JournalOld):
        desk.ready(commit_with_ours(desk.genesis, SECRET, 4, view=1))


def test_what_the_journal_holds_or_others_signed_is_no_reason(desk: Desk) -> None:
    for height, view in ((3, 9), (4, 1), (4, 2)):
        desk.sign(vote(height, view=view, block=header_of(desk.genesis, height).id))
    desk.reopen()
    for height, view in ((4, 2), (4, 1), (3, 9)):
        assert desk.ready(commit_with_ours(desk.genesis, SECRET, height, view)) is True
    assert desk.ready(certified(header_of(desk.genesis, 90), (1, 2, 3))) is True
    desk.sign(vote(5))


# -- what others show


def lone(
    genesis: Genesis, height: int, block: bytes, kind: int = 2, secret: bytes = SECRET
) -> Vote:
    """A vote that somebody signed with our key (or not)."""
    justify = b"\x0d" * 32 if kind == PREPARE else bytes(32)
    bare = Vote(kind, 0, height, 0, block, justify, 0, bytes(96))
    return replace(bare, signature=bls.sign(secret, bare.digest(genesis.id)))


def gave_up(genesis: Genesis, height: int, high: int) -> Timeout:
    bare = Timeout(0, height, 0, high, (), 0, bytes(96))
    return replace(bare, signature=bls.sign(SECRET, bare.digest(genesis.id)))


def all_gave_up(genesis: Genesis, height: int) -> TimeoutCertificate:
    ring, bare = bls_keyring(4), Timeout(0, height, 0, -1, (), 0, bytes(96))
    digest = bare.digest(genesis.id)
    parts = [bls.sign(SECRET, digest), ring.sign(1, digest), ring.sign(2, digest)]
    signers = (HighSigners(-1, b"\x07"),)
    return TimeoutCertificate(0, height, 0, signers, bls.aggregate(parts), ())


def journalled(desk: Desk) -> None:
    """What this signer signed itself: two votes and a timeout."""
    block = header_of(desk.genesis, 4).id
    desk.sign(vote(4, Step.PREPARE, block=block))
    desk.sign(vote(4, block=block))
    desk.sign(SignRequest(Position(6, 0, int(Step.TIMEOUT)), 0, bytes(8), b"memory"))


def test_own_votes_shown_again_are_no_reason(desk: Desk) -> None:
    journalled(desk)
    genesis, block = desk.genesis, header_of(desk.genesis, 4).id
    for one in (
        lone(genesis, 4, block, PREPARE), lone(genesis, 4, block), gave_up(genesis, 6, -1),
        all_gave_up(genesis, 6), commit_with_ours(genesis, SECRET, 4),
    ):  # fmt: skip
        assert desk.shown(one) is True
    desk.reopen()
    assert desk.shown(lone(genesis, 4, block)) is True
    desk.sign(vote(7))


@pytest.mark.parametrize("case", range(6))
def test_a_vote_that_another_signer_made_ends_the_service(desk: Desk, case: int) -> None:
    """Two hosts share no lock: what the other one signs is found, and then nobody signs here."""
    journalled(desk)
    genesis, other = desk.genesis, b"\x0c" * 32
    statement, rule = [
        (lone(genesis, 4, other, PREPARE), KeyElsewhere),
        (lone(genesis, 4, other), KeyElsewhere),
        (lone(genesis, 5, other), KeyElsewhere),
        (gave_up(genesis, 6, 0), KeyElsewhere),
        (gave_up(genesis, 7, -1), JournalOld),
        (all_gave_up(genesis, 9), JournalOld),
    ][case]
    with pytest.raises(rule, match=rule.__name__):
        desk.shown(statement)
    for request in (vote(7), vote(900)):
        with pytest.raises(rule):
            desk.sign(request)
    with pytest.raises(rule):
        desk.ask("ready_empty", 6)


def test_words_that_are_not_ours_stop_nobody(desk: Desk) -> None:
    journalled(desk)
    genesis, block = desk.genesis, b"\x0c" * 32
    thief = bls.key_gen(b"\x07" * 32)
    forged = replace(all_gave_up(genesis, 9), signers=(HighSigners(0, b"\x07"),))
    ours = commit_with_ours(genesis, SECRET, 9)
    for statement, rule in (
        (lone(genesis, 9, block, secret=thief), VoteForged),
        (replace(lone(genesis, 9, block), index=1), NotOurs),
        (certified(header_of(genesis, 9), (1, 2, 3)), NotOurs),
        (forged, Invalid),
        (replace(ours, bitmap=b"\x0f"), Invalid),
    ):
        with pytest.raises(rule):
            desk.shown(statement)
    # A set whose keys nobody proved to hold could make up a sum that seems to hold our share.
    made_up = replace(genesis.validator_set.validators[1], proof=genesis.validators[2].proof)
    members = (genesis.validators[0], made_up, *genesis.validators[2:])
    for method in ("shown", "ready"):
        with pytest.raises(Invalid, match="PossessionUnproven"):
            desk.ask(method, encode(ours), encode(ValidatorSet(0, members)))
    desk.sign(vote(9))


@pytest.mark.parametrize("signers", [(0, 1), (0, 0, 1, 1)])
def test_an_unverified_certificate_stops_nobody(desk: Desk, signers: tuple[int, ...]) -> None:
    """Otherwise the node, or whoever feeds it, could silence the key."""
    for kind in (PREPARE, 2):
        with pytest.raises(Invalid, match="CertificateQuorum"):
            desk.ready(certified(header_of(desk.genesis, 9), signers, kind=kind))
    desk.sign(vote(1))


def test_nothing_is_signed_before_the_chain_is_shown(tmp_path: Path, genesis: Genesis) -> None:
    desk = Desk(tmp_path, genesis)
    ours = commit_with_ours(genesis, SECRET, 4)
    for _ in range(2):
        with pytest.raises(NotIntroduced):
            desk.sign(vote(1))
        with pytest.raises(Invalid, match="CertificateQuorum"):
            desk.ready(certified(header_of(genesis, 9), (0, 1)))
    assert desk.ask("last") is None and len(desk.journal) == 0
    desk.introduce()
    four = vote(4, block=header_of(genesis, 4).id)
    desk.sign(four)
    desk.journal.close()
    desk.open()  # the process began anew: also what it signed before waits
    with pytest.raises(NotIntroduced):
        desk.sign(four)
    assert desk.ready(ours) is True
    desk.sign(four)
    desk.journal.close()


def test_a_chain_behind_the_journal_shows_nothing(desk: Desk) -> None:
    """It may be one that is fetched again: its certificates with our vote are still to come."""
    desk.sign(vote(7))
    desk.journal.close()
    desk.open()
    others = certified(header_of(desk.genesis, 5), (1, 2, 3))
    sets = encode(desk.genesis.validator_set)
    for call in (("ready_empty", 0), ("ready_empty", 5), ("ready", encode(others), sets)):
        with pytest.raises(ChainBehind):
            desk.ask(*call)
        with pytest.raises(NotIntroduced):
            desk.sign(vote(8))
    assert desk.ask("ready_empty", 6) is True
    desk.sign(vote(8))


def test_a_long_journal_is_shortened_and_forgets_nothing_that_counts(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bystack.node.signer.votes.LONGEST", 3_000)
    monkeypatch.setattr("bystack.node.signer.votes.REMEMBERED", 4)
    monkeypatch.setattr("bystack.node.signer.votes.KEPT", 6)
    desk.reopen()
    for height in range(1, 41):
        desk.sign(vote(height, block=header_of(desk.genesis, height).id))
    assert len(desk.journal) < 40
    for _ in range(2):
        for height in (5, 38, 40):  # what was left out is not taken for another signer's
            assert desk.ready(commit_with_ours(desk.genesis, SECRET, height)) is True
        with pytest.raises(SignedBefore):
            desk.sign(vote(40))
        with pytest.raises(GoingBack):
            desk.sign(vote(5))
        desk.reopen()
    with pytest.raises(KeyElsewhere):
        desk.shown(lone(desk.genesis, 39, b"\x0c" * 32))


def test_an_abstention_outlives_shortening(
    desk: Desk, monkeypatch: pytest.MonkeyPatch, genesis: Genesis
) -> None:
    desk.journal.close()
    Journal.write(desk.path, kind="votes", magic=REGTEST.magic, payload=encode(abstention(7)))
    monkeypatch.setattr("bystack.node.signer.votes.LONGEST", 100)
    monkeypatch.setattr("bystack.node.signer.votes.KEPT", 2)
    desk.open()
    desk.introduce()
    for height in range(8, 20):
        desk.sign(vote(height))
    desk.reopen()
    with pytest.raises(Abstaining):
        desk.sign(vote(7, view=3))


def test_two_signers_on_one_journal_are_refused(desk: Desk, genesis: Genesis) -> None:
    with pytest.raises(JournalLocked):
        Desk(desk.path.parent, genesis)
    desk.sign(vote(1))


def test_calls_are_answered_one_at_a_time(desk: Desk) -> None:
    """Two tasks of the node race for one position: one block is signed, the other refused."""
    found: list[object] = []

    async def ask(request: SignRequest) -> None:
        try:
            found.append((await desk.voter.handle("sign", [encode(request)]))[2])
        except SignedBefore as error:
            found.append(error.rule)

    async def race() -> None:
        async with trio.open_nursery() as nursery:
            for n in range(6):
                nursery.start_soon(ask, vote(5, block=bytes([n]) * 32))

    trio.run(race)
    assert found.count("SignedBefore") == 5 and len(desk.journal) == 1


@pytest.mark.parametrize(
    ("method", "params", "rule"),
    [
        ("sign", [b""], Malformed),
        ("sign", [b"\xff" * 50], Malformed),
        ("sign", [], MethodUnknown),
        ("sign", [1], MethodUnknown),
        ("ready", [b"\x90", b"\x90"], Malformed),
        ("ready", [b"\x90"], MethodUnknown),
        ("shown", [b"\x90", b"\x90"], Malformed),
        ("shown", [b"\x90"], MethodUnknown),
        ("ready_empty", [], MethodUnknown),
        ("ready_empty", [-1], MethodUnknown),
        ("ready_empty", [True], MethodUnknown),
        ("export", [], MethodUnknown),
    ],
)
def test_what_is_no_call_is_refused(desk: Desk, method: str, params: list, rule: type) -> None:
    with pytest.raises(rule):
        desk.ask(method, *params)
