"""What a watching node remembers, tells and ignores."""

from __future__ import annotations

from msgspec.structs import replace

from bystack.sidechain.consensus import watching
from bystack.sidechain.consensus.bbft import Bbft
from bystack.sidechain.consensus.events import (
    Broadcast,
    Config,
    Era,
    Output,
    Penalise,
    Received,
    ReportEvidence,
    Send,
    Synced,
)
from bystack.sidechain.consensus.evidence import (
    ForbiddenBlock,
    ForgottenVote,
    Statement,
    TwoCertificates,
    TwoProposals,
    TwoTimeouts,
    TwoVotes,
)
from bystack.sidechain.consensus.messages import (
    Blocks,
    EvidenceFound,
    FinalBlock,
    Message,
    ProposalSeen,
    Propose,
    Status,
)
from bystack.sidechain.consensus.seen import MAX_MUTED, MAX_REPORTED, SUMS, VIEWS, Seen, Watch
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
from bystack.sidechain.consensus.watching import HEIGHTS, WORDS
from tests.simulation.harness import CHAIN, genesis
from tests.simulation.schemes import hash_keyring, node_id
from tests.transcripts.bbft.play import Player

RING = hash_keyring(4)
CONFIG = Config(interval=100, empty_interval=1_000, tau0=300, fallback=80)
ERA = Era(RING.validators, CONFIG)
A, B = b"a" * 32, b"b" * 32


def machine(me: int = 2) -> Bbft:
    key = RING.validators.validators[me].key
    made = Bbft(ERA, key, CHAIN, RING.scheme, genesis(RING))
    made.begin(0)
    return made


def hear(node: Bbft, sender: int, message: Message, now: int = 100) -> list[Output]:
    return node.handle(Received(node_id(sender), message), now)


def reports(outputs: list[Output]) -> list[type]:
    return [type(o.evidence) for o in outputs if isinstance(o, ReportEvidence)]


def told(outputs: list[Output]) -> list[Message]:
    return [o.message for o in outputs if isinstance(o, Broadcast)]


def proposals() -> tuple[Propose, Propose]:
    """Two blocks the leader of view 0, validator 1, signs."""
    first = Player(2).proposal("A", 0)
    other = replace(first, header=replace(first.header, state_root=b"x" * 32))
    signature = RING.sign(1, other.signed_by(1).digest(CHAIN))
    return first, replace(other, signature=signature)


def closing(height: int = 1, view: int = 0, who: str = "013") -> TimeoutCertificate:
    made = Player(2).closing(view, {"signers": who})
    parts = [RING.sign(int(i), replace(made, height=height).digest(CHAIN, -1)) for i in who]
    return replace(made, height=height, signature=RING.scheme.aggregate(parts))


def certificate(
    kind: int, block: bytes, height: int = 1, view: int = 0, who: tuple[int, ...] = (0, 1, 3)
) -> Certificate:
    justify = NO_HASH if kind == COMMIT else b"j" * 32
    bare = Certificate(kind, 0, height, view, block, justify, bitmap_of(who, 4), NO_SIGNATURE)
    parts = [RING.sign(i, bare.digest(CHAIN)) for i in who]
    return replace(bare, signature=RING.scheme.aggregate(parts))


def timeout(index: int, view: int = 0, high: int = -1, good: bool = True) -> Timeout:
    bare = Timeout(0, 1, view, high, (), index, b"\1" * 96)
    return replace(bare, signature=RING.sign(index, bare.digest(CHAIN))) if good else bare


def test_what_the_leader_signed_is_told_when_its_view_failed_and_only_then() -> None:
    node, (first, other) = machine(), proposals()
    assert not told(hear(node, 1, first))
    shown = [m for m in told(hear(node, 0, closing())) if isinstance(m, ProposalSeen)]
    assert shown == [ProposalSeen(first.signed_by(1))]
    assert reports(hear(node, 3, ProposalSeen(other.signed_by(1)))) == [TwoProposals]


def test_what_the_leader_signed_is_told_when_another_block_is_certified() -> None:
    node, (first, other) = machine(), proposals()
    hear(node, 1, first)
    assert not told(hear(node, 0, certificate(PREPARE, first.header.id)))
    node = machine()
    hear(node, 1, first)
    assert told(hear(node, 0, certificate(PREPARE, other.header.id))) == [
        ProposalSeen(first.signed_by(1))
    ]


def test_a_leaders_word_too_late_still_counts_against_it() -> None:
    node, (first, other) = machine(), proposals()
    hear(node, 1, first)
    hear(node, 0, closing())
    assert node.view == 1
    assert reports(hear(node, 1, other)) == [TwoProposals]


def test_a_vote_that_comes_when_its_height_is_final_still_counts_against_its_voter() -> None:
    node, final = machine(1), Player(2).proposal("A", 0).header  # votes come to the leader
    for index in (0, 3):
        bare = Vote(COMMIT, 0, 1, 0, final.id, NO_HASH, index, NO_SIGNATURE)
        hear(node, index, replace(bare, signature=RING.sign(index, bare.digest(CHAIN))))
    node.handle(Synced(final, certificate(COMMIT, final.id, who=(0, 1, 2)), ERA), 100)
    assert node.height == 2
    bare = Vote(COMMIT, 0, 1, 0, B, NO_HASH, 3, NO_SIGNATURE)
    outputs = hear(node, 3, replace(bare, signature=RING.sign(3, bare.digest(CHAIN))))
    assert reports(outputs) == [TwoVotes]
    forged = replace(bare, index=0)
    assert not reports(hear(node, 0, replace(forged, signature=RING.sign(3, b"f" * 32))))


def test_evidence_is_reported_once_and_passed_on_by_those_who_learn_it() -> None:
    node, (first, other) = machine(), proposals()
    found = TwoProposals(first.signed_by(1), other.signed_by(1))
    assert reports(hear(node, 3, EvidenceFound(found))) == [TwoProposals]
    for again in (found, TwoProposals(found.second, found.first)):
        assert hear(node, 0, EvidenceFound(again)) == []
    later = machine(0)
    assert hear(later, 9, EvidenceFound(found)) == [], "strangers are not listened to"


def test_evidence_of_an_earlier_epoch_is_judged_by_its_validators_while_they_are_remembered() -> (
    None
):
    first, other = proposals()
    found = TwoProposals(first.signed_by(1), other.signed_by(1))
    members = RING.validators.validators
    turned = ValidatorSet(1, (members[3], members[2], members[0], members[1]))
    start = genesis(RING, turned)
    for previous, wanted in (((RING.validators,), [TwoProposals]), ((), [])):
        node = Bbft(Era(turned, CONFIG, 9, previous), members[2].key, CHAIN, RING.scheme, start)
        node.begin(0)
        outputs = hear(node, 3, EvidenceFound(found))
        assert reports(outputs) == wanted
        assert wanted or outputs == [Penalise(node_id(3), "WrongEpoch")]


def test_who_accuses_falsely_is_not_heard_for_a_while() -> None:
    node, (first, other) = machine(), proposals()
    good = TwoProposals(first.signed_by(1), other.signed_by(1))
    bad = replace(good, second=replace(good.second, block=b"z" * 32))
    assert hear(node, 3, EvidenceFound(bad)) == [Penalise(node_id(3), "EvidenceSignature")]
    assert hear(node, 3, EvidenceFound(good), 101) == []
    assert reports(hear(node, 3, EvidenceFound(good), 100 + CONFIG.tau0)) == [TwoProposals]


def test_an_unsigned_word_keeps_no_place_from_the_signed_ones() -> None:
    """Validator 3 says nonsense first: its contradiction is found all the same."""
    node = machine()
    hear(node, 3, timeout(3, high=-1, good=False))
    hear(node, 3, replace(timeout(3), signature=RING.sign(3, b"n" * 32)), 110)
    best = certificate(PREPARE, A)
    honest = replace(timeout(3, high=0), best=(best,))
    hear(node, 3, honest, 500)
    assert reports(hear(node, 3, timeout(3), 1_000)) == [TwoTimeouts]


def test_nobody_buries_its_words_under_views_it_made_up() -> None:
    """A leader of two blocks gives up a thousand views that nobody is in."""
    node, (first, other) = machine(), proposals()
    hear(node, 1, first)
    for view in range(10, 10 + 8 * VIEWS):
        hear(node, 1, timeout(1, view, good=False))
    hear(node, 0, closing())
    assert reports(hear(node, 3, ProposalSeen(other.signed_by(1)))) == [TwoProposals]


def test_who_is_views_ahead_is_still_compared_with_its_own_words() -> None:
    """It gives up a view far ahead, and has forgotten the COMMIT it sent here."""
    node = machine(1)  # the leader: votes come to it
    bare = Vote(COMMIT, 0, 1, 0, A, NO_HASH, 3, NO_SIGNATURE)
    hear(node, 3, replace(bare, signature=RING.sign(3, bare.digest(CHAIN))))
    assert reports(hear(node, 3, timeout(3, 50))) == [ForgottenVote]
    assert reports(hear(machine(1), 3, timeout(3, 50))) == []


def test_two_final_blocks_make_a_node_say_all_it_knows_of_the_height() -> None:
    node, final = machine(), Player(2).proposal("A", 0).header
    mine, theirs = certificate(COMMIT, final.id), certificate(COMMIT, B, who=(1, 2, 3))
    node.handle(Synced(final, mine, ERA), 100)
    outputs = hear(node, 1, Status(theirs))
    assert reports(outputs) == [TwoCertificates]
    assert mine in told(outputs) and theirs in told(outputs)
    assert hear(node, 3, theirs) == [], "once"


def test_after_a_split_the_certificates_of_two_others_convict_together() -> None:
    """One tells the prepare certificate, another the timeout certificate that forbids it."""
    node, final = machine(), Player(2).proposal("A", 0).header
    node.handle(Synced(final, certificate(COMMIT, final.id), ERA), 100)
    best = certificate(PREPARE, A)
    groups = (HighSigners(0, bitmap_of((0, 1, 3), 4)),)
    bare = TimeoutCertificate(0, 1, 0, groups, NO_SIGNATURE, (best,))
    parts = [RING.sign(i, bare.digest(CHAIN, 0)) for i in (0, 1, 3)]
    closed = replace(bare, signature=RING.scheme.aggregate(parts))
    forbidden = replace(certificate(PREPARE, B, view=1), justify=closed.hash)
    parts = [RING.sign(i, forbidden.digest(CHAIN)) for i in (0, 1, 3)]
    forbidden = replace(forbidden, signature=RING.scheme.aggregate(parts))
    assert not reports([*hear(node, 0, forbidden), *hear(node, 1, closed)]), "nothing split yet"
    hear(node, 1, certificate(COMMIT, B, view=1, who=(0, 1, 3)))
    assert reports([*hear(node, 0, forbidden), *hear(node, 1, closed)]) == [ForbiddenBlock]


def test_whose_block_does_not_stand_on_ours_is_told_our_last_one() -> None:
    node, final = machine(), Player(2).proposal("A", 0).header
    mine = certificate(COMMIT, final.id)
    node.handle(Synced(final, mine, ERA), 100)
    stranger = replace(final, height=2, parent=B, time=final.time + 1)
    sealed = certificate(COMMIT, stranger.id, height=2)
    outputs = hear(node, 3, Blocks((FinalBlock(stranger, b"", sealed),)))
    assert Send(node_id(3), mine) in outputs


def test_a_forged_second_final_block_only_costs_its_sender() -> None:
    node, final = machine(), Player(2).proposal("A", 0).header
    node.handle(Synced(final, certificate(COMMIT, final.id), ERA), 100)
    forged = replace(certificate(COMMIT, B), signature=b"\1" * 96)
    outputs = hear(node, 1, forged)
    assert [type(o) for o in outputs] == [Penalise]


def test_heights_are_forgotten_words_first() -> None:
    node = machine()
    m = node._m
    for height in range(1, HEIGHTS + 40):
        header = replace(genesis(RING)[0], height=height, parent=m.parent.id)
        vote = Vote(COMMIT, 0, height, 0, header.id, NO_HASH, 3, b"\1" * 96)
        m.watch.heights.setdefault(height, Seen()).keep(vote)
        node.handle(Synced(header, certificate(COMMIT, header.id, height), ERA), height * 1_000)
    assert len(m.watch.heights) <= HEIGHTS + 1
    words = [h for h, seen in m.watch.heights.items() if len(seen) > len(seen.sums)]
    sums = [h for h, seen in m.watch.heights.items() if seen.sums]
    assert words and min(words) >= node.height - WORDS - 1
    assert len(sums) >= HEIGHTS - 1


def test_memory_of_a_height_is_bounded() -> None:
    seen = Seen()
    for view in range(10 * VIEWS):
        for index in range(4):
            seen.keep(Vote(PREPARE, 0, 1, view, A, NO_HASH, index, NO_SIGNATURE))
            seen.keep(timeout(index, view, good=False))
        for count in range(2 * SUMS):
            bits = count.to_bytes(2, "big")
            seen.keep(Aggregate(PREPARE, 0, 1, view, A, NO_HASH, bits, NO_SIGNATURE))
    assert len(seen) <= 4 * VIEWS * (4 + SUMS)
    latest: Statement = Vote(PREPARE, 0, 1, 10 * VIEWS - 1, B, NO_HASH, 3, NO_SIGNATURE)
    assert [*seen.rivals(latest)], "the latest views are those remembered"


def test_of_an_old_height_only_certificates_are_left() -> None:
    """Sums of votes are not verified when they are kept: forged ones would fill the memory."""
    seen, bits = Seen(), bitmap_of((0, 1), 4)
    for count in range(SUMS):
        forged = bytes([count]) * 96
        seen.keep(Aggregate(COMMIT, 0, 1, 0, A, NO_HASH, bits, forged))
    seen.keep(Vote(COMMIT, 0, 1, 0, A, NO_HASH, 2, NO_SIGNATURE))
    certificate = Certificate(PREPARE, 0, 1, 0, A, NO_HASH, bits, NO_SIGNATURE)
    seen.keep(certificate)
    seen.forget_words()
    seen.keep(Aggregate(COMMIT, 0, 1, 1, A, NO_HASH, bits, NO_SIGNATURE))
    assert seen.sums == [certificate] and len(seen) == 1


def test_sums_of_votes_leave_room_for_certificates() -> None:
    """Else gateways that fill a height with sums could hide a second final block."""
    seen, bits = Seen(), bitmap_of((0, 1), 4)
    for count in range(2 * SUMS):
        seen.keep(Aggregate(COMMIT, 0, 1, 0, A, NO_HASH, bits, bytes([count]) * 96))
    assert len(seen) == SUMS
    made = [Certificate(COMMIT, 0, 1, 0, block, NO_HASH, bits, NO_SIGNATURE) for block in (A, B)]
    for one in made:
        seen.keep(one)
    assert len(seen) == SUMS and seen.sums[-2:] == made
    assert made[0] in [*seen.rivals(made[1])]


def test_a_forged_word_is_not_compared_with_everything() -> None:
    """It contradicts three votes; once it proved unsigned it is worth no more verifications."""
    node = machine(1)  # the leader: votes come to it
    for index in (0, 2, 3):
        bare = Vote(COMMIT, 0, 1, 0, A, NO_HASH, index, NO_SIGNATURE)
        hear(node, index, replace(bare, signature=RING.sign(index, bare.digest(CHAIN))))
    forged = replace(certificate(COMMIT, B, who=(0, 2, 3)), signature=b"f" * 96)
    assert watching.compare(node._m, node_id(3), forged) is None
    assert node._m.outbox == [Penalise(node_id(3), "EvidenceSignature")]
    assert node._m.watch.muted == {node_id(3): 100 + CONFIG.tau0}


def test_a_slot_holds_the_first_word() -> None:
    seen = Seen()
    first = SignedProposal(0, 1, 0, A, NO_HASH, 1, NO_SIGNATURE)
    seen.keep(first)
    seen.keep(replace(first, block=B))
    assert seen.proposals(0) == [first]
    seen.drop(first)
    assert seen.proposals(0) == []


def test_what_was_reported_and_who_is_muted_are_bounded() -> None:
    watch = Watch()
    watch.report(n.to_bytes(4, "big") for n in range(2 * MAX_REPORTED))
    assert len(watch.reported) == MAX_REPORTED
    assert not watch.news([(2 * MAX_REPORTED - 1).to_bytes(4, "big")])
    for n in range(2 * MAX_MUTED):
        watch.mute(n.to_bytes(4, "big"), 5)
    assert len(watch.muted) <= MAX_MUTED


def test_votes_against_a_certificate_are_evidence_in_sums() -> None:
    node = machine(1)  # leads view 0
    made = certificate(PREPARE, A, who=(0, 1, 3))
    hear(node, 0, made)
    bare = Vote(PREPARE, 0, 1, 0, B, b"j" * 32, 3, NO_SIGNATURE)
    outputs = hear(node, 3, replace(bare, signature=RING.sign(3, bare.digest(CHAIN))))
    assert [kind.__name__ for kind in reports(outputs)] == ["TwoSums"]
    assert TwoVotes not in reports(outputs) and not [o for o in outputs if isinstance(o, Send)]
