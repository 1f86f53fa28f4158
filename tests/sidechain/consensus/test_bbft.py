"""The machine as its driver meets it: refusals by name, catching up, following, waiting."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from msgspec.structs import replace

from bystack.primitives.codec import encode
from bystack.sidechain.consensus.bbft import Bbft
from bystack.sidechain.consensus.events import (
    BuildBlock,
    Config,
    Decide,
    Era,
    Execute,
    Executed,
    Finalized,
    Output,
    Penalise,
    Received,
    Send,
    SetTimer,
    Sign,
    Signed,
    Sync,
    Synced,
    Timer,
    TimerFired,
    TimerKind,
    WorkAvailable,
)
from bystack.sidechain.consensus.machine import Memory
from bystack.sidechain.consensus.messages import (
    Blocks,
    FinalBlock,
    Message,
    Propose,
    Status,
    Timeout,
    Vote,
)
from bystack.sidechain.consensus.positions import JournalRecord, Position
from bystack.sidechain.consensus.statements import (
    COMMIT,
    NO_SIGNATURE,
    PREPARE,
    Certificate,
    Step,
)
from tests.simulation.harness import CHAIN, genesis
from tests.simulation.schemes import node_id
from tests.transcripts.bbft.play import RING, Player

CONFIG = Config(interval=100, empty_interval=1_000, tau0=300, fallback=80)


ERA = Era(RING.validators, CONFIG)


def key_of(index: int | None) -> bytes:
    return b"" if index is None else RING.validators.validators[index].key


def machine(me: int | None = 2, config: Config = CONFIG) -> Bbft:
    made = Bbft(Era(RING.validators, config), key_of(me), CHAIN, RING.scheme, genesis(RING))
    made.begin(0)
    return made


def good() -> Propose:
    return Player(2).proposal("A", 0)


def signed(proposal: Propose, leader: int = 1) -> Propose:
    digest = proposal.signed_by(leader).digest(CHAIN)
    return replace(proposal, signature=RING.sign(leader, digest))


def with_header(**changes: object) -> Propose:
    return signed(replace(good(), header=replace(good().header, **changes)))


OTHER = Certificate(COMMIT, 0, 0, 0, b"x" * 32, bytes(32), b"\x07", NO_SIGNATURE)


@pytest.mark.parametrize(
    ("wrong", "sender", "rule"),
    [
        (lambda: with_header(epoch=1), 1, "WrongEpoch"),
        (lambda: with_header(chain=b"x" * 32), 1, "ProposalParent"),
        (lambda: with_header(parent=b"x" * 32), 1, "ProposalParent"),
        (lambda: with_header(validators_hash=b"x" * 32), 1, "ProposalParent"),
        (lambda: with_header(time=0), 1, "ProposalTime"),
        (lambda: with_header(time=2_101), 1, "ProposalTime"),
        (lambda: with_header(proposer=3), 1, "ProposalProposer"),
        (lambda: with_header(parent_certificate=b"x" * 32), 1, "ParentCertificate"),
        (lambda: replace(good(), signature=b"x" * 96), 1, "ProposalSignature"),
        (lambda: signed(good(), 3), 1, "ProposalSignature"),
        (good, 3, "ProposalRelayed"),
        (lambda: replace(good(), view=1), 2, "ProposalJustify"),
    ],
)
def test_wrong_proposals_are_refused_by_name(
    wrong: Callable[[], Propose], sender: int, rule: str
) -> None:
    node = machine()
    outputs = node.handle(Received(node_id(sender), wrong()), 100)
    assert outputs == [Penalise(node_id(sender), rule)]
    after = node.handle(Received(node_id(1), good()), 100)
    assert [type(o) for o in after] == [Execute]  # nothing was changed by the refused one


def test_the_good_one_is_not() -> None:
    node = machine()
    (run,) = node.handle(Received(node_id(1), good()), 100)
    assert run == Execute(good().header, good().body)
    assert node.handle(Received(node_id(1), good()), 100) == []  # a duplicate


@pytest.mark.parametrize("claimed", [0, 1, 3, 9])
def test_nobody_votes_or_gives_up_for_another(claimed: int) -> None:
    node = machine(1)
    vote = Vote(COMMIT, 0, 1, 0, good().header.id, bytes(32), claimed, b"\1" * 96)
    timeout = Timeout(0, 1, 0, -1, (), claimed, b"\1" * 96)
    for message in (vote, timeout):
        said = node.handle(Received(node_id(2), message), 100)
        assert said == [Penalise(node_id(2), "UnknownValidator")]


def test_two_proposals_are_reported() -> None:
    node = machine()
    node.handle(Received(node_id(1), good()), 100)
    outputs = node.handle(Received(node_id(1), with_header(state_root=b"x" * 32)), 100)
    assert [type(o).__name__ for o in outputs] == ["ReportEvidence"]


def chain_of(length: int) -> list[FinalBlock]:
    """Final blocks 1 .. length, as a peer would send them."""
    player, blocks = Player(2), []
    for height in range(1, length + 1):
        letter = "ABCDEFG"[height - 1]
        header, body = player.block(letter)
        certificate = player.certificate(COMMIT, letter, 0, "013")
        player.chain.append((header, certificate))
        blocks.append(FinalBlock(header, body, certificate))
    return blocks


def follow(node: Bbft, outputs: list[Output], now: int) -> list[Decide]:
    """Execute and store whatever the machine asks for."""
    decided, waiting = [], list(outputs)
    while waiting:
        output = waiting.pop(0)
        if isinstance(output, Execute):
            waiting += node.handle(Executed(output.header.id, True), now)
        if isinstance(output, Decide):
            decided.append(output)
            waiting += node.handle(Finalized(output.header.height, ERA), now)
    return decided


@pytest.mark.parametrize("me", [2, None])
def test_blocks_of_a_peer_are_followed_without_signing(me: int | None) -> None:
    node, blocks = machine(me), chain_of(4)
    outputs = node.handle(Received(node_id(3), Blocks(tuple(blocks))), 500)
    assert not any(isinstance(o, Sign) for o in outputs)
    decided = follow(node, outputs, 500)
    assert [(d.header, d.certificate) for d in decided] == [
        (b.header, b.certificate) for b in blocks
    ]
    assert node.height == 5


def test_a_forged_block_in_a_batch_is_refused() -> None:
    blocks = chain_of(2)
    forged = replace(blocks[0].certificate, bitmap=b"\x0f")
    bad = Blocks((FinalBlock(blocks[0].header, blocks[0].body, forged), blocks[1]))
    (penalty,) = machine().handle(Received(node_id(3), bad), 500)
    assert penalty == Penalise(node_id(3), "CertificateSignature")


def test_a_verified_certificate_from_ahead_asks_for_blocks_and_stops_signing() -> None:
    node, blocks = machine(), chain_of(3)
    ahead: Message = Status(blocks[2].certificate)
    assert node.handle(Received(b"p" * 32, ahead), 100) == [Sync(1, b"p" * 32)]
    outputs = node.handle(Received(node_id(1), good()), 100)
    (run,) = outputs
    assert isinstance(run, Execute)
    assert node.handle(Executed(run.header.id, True), 100) == []  # no PREPARE: it is decided
    forged = replace(blocks[2].certificate, height=9)
    assert node.handle(Received(b"q" * 32, forged), 100) == [
        Penalise(b"q" * 32, "CertificateSignature")
    ]


def test_those_behind_get_the_certificate_at_most_every_tau0() -> None:
    node, blocks = machine(), chain_of(2)
    node.handle(Synced(blocks[1].header, blocks[1].certificate, ERA), 500)
    assert node.height == 3
    late = Timeout(0, 2, 0, 0, (), 3, b"\1" * 96)
    assert node.handle(Received(node_id(3), late), 500) == [Send(node_id(3), blocks[1].certificate)]
    assert node.handle(Received(node_id(3), late), 600) == []
    assert len(node.handle(Received(node_id(3), late), 900)) == 1


def test_the_proposal_that_overtakes_its_parents_certificate_is_kept() -> None:
    node, blocks = machine(3), chain_of(1)
    outputs = node.handle(Received(node_id(1), good()), 100)
    player = Player(2)
    player.block("A")
    player.chain.append((blocks[0].header, blocks[0].certificate))
    second = player.proposal("B", 0)
    outputs += node.handle(Received(node_id(2), second), 120)
    decided = follow(node, outputs, 130)
    assert [d.header.height for d in decided] == [1] and node.height == 2
    assert node._m.at.candidates[second.header.id].valid


def test_an_empty_chain_waits_and_work_hurries_it() -> None:
    node = Bbft(ERA, key_of(1), CHAIN, RING.scheme, genesis(RING))
    slow = {o.timer.kind: o.at_ms for o in node.begin(0) if isinstance(o, SetTimer)}
    assert slow[TimerKind.PROPOSE] == 1_000 and slow[TimerKind.VIEW] == 1_300
    outputs = node.handle(WorkAvailable(), 40)
    fast = {o.timer.kind: o.at_ms for o in outputs if isinstance(o, SetTimer)}
    assert fast[TimerKind.PROPOSE] == 100 and fast[TimerKind.VIEW] == 400
    assert node.handle(WorkAvailable(), 50) == []


def test_a_follower_says_nothing() -> None:
    node = machine(None)
    outputs = node.handle(Received(node_id(1), good()), 100)
    outputs += node.handle(Executed(good().header.id, True), 100)
    assert [type(o) for o in outputs] == [Execute]


@pytest.mark.parametrize("count", [1, 3])
def test_weight_decides_not_heads(count: int) -> None:
    from tests.simulation.schemes import hash_keyring
    from tests.simulation.simulator import Plan, Simulation

    weights = (3, 1, 1, 1) if count == 1 else (5, 5, 5, 1)
    calm = Plan(count, drop=0, duplicate=0, crashes=0, partitions=0, settle=1, heights=4)
    Simulation(hash_keyring(4, weights), calm).run()


def test_one_validator_is_a_chain() -> None:
    from tests.simulation.schemes import hash_keyring
    from tests.simulation.simulator import Plan, Simulation

    calm = Plan(1, drop=0, duplicate=0, crashes=0, partitions=0, settle=1, heights=5)
    world = Simulation(hash_keyring(1), calm)
    world.run()
    assert world.messages == 0


def signs(outputs: list[Output]) -> list[int]:
    return [o.position.step for o in outputs if isinstance(o, Sign)]


def retried(node: Bbft, since: int) -> set[int]:
    """The steps asked of a signer that does not answer, while the retry timer fires."""
    fired = TimerFired(Timer(TimerKind.RETRY, node.height, node.view))
    return {step for now in range(4) for step in signs(node.handle(fired, since + 300 * now))}


def test_a_slow_signer_is_asked_again_for_the_last_step_alone() -> None:
    node, player = machine(), Player(2)
    proposal = player.proposal("A", 0)
    node.handle(Received(node_id(1), proposal), 100)
    assert signs(node.handle(Executed(proposal.header.id, True), 100)) == [Step.PREPARE]
    assert retried(node, 2_000) == {Step.PREPARE}
    prepared = player.certificate(PREPARE, "A", 0, "013")
    (commit,) = [
        o for o in node.handle(Received(node_id(1), prepared), 4_000) if isinstance(o, Sign)
    ]
    assert commit.position.step == Step.COMMIT
    assert retried(node, 5_000) == {Step.COMMIT}, "a PREPARE now would be a step back"
    node.handle(Signed(commit.position, b"s" * 96, commit.digest), 8_000)
    assert retried(node, 9_000) == set(), "nor when the COMMIT is signed"


@pytest.mark.parametrize("step", [Step.PROPOSE, Step.PREPARE, Step.COMMIT])
def test_a_leader_that_begins_again_does_not_propose_in_a_view_it_signed_in(step: Step) -> None:
    memory = encode(Memory((), ()))
    record = JournalRecord(Position(1, 0, int(step)), b"d" * 32, b"s" * 96, memory)
    node = Bbft(ERA, key_of(1), CHAIN, RING.scheme, genesis(RING), record)
    node.begin(0)
    fired = TimerFired(Timer(TimerKind.PROPOSE, 1, 0))
    assert not [o for o in node.handle(fired, 5_000) if isinstance(o, BuildBlock)]
    fresh = Bbft(ERA, key_of(1), CHAIN, RING.scheme, genesis(RING))
    fresh.begin(0)
    assert [o for o in fresh.handle(fired, 5_000) if isinstance(o, BuildBlock)]
