"""Refresh and reshare by the whole ceremony: the key stays, shares change, blame falls right."""

from __future__ import annotations

from functools import lru_cache
from itertools import combinations

import pytest
from msgspec.structs import replace

from bystack.federation.blame import convict
from bystack.federation.certificates import (
    KeyChanged,
    PossessionUnproved,
    attest,
    possession,
    verify_key_certificate,
)
from bystack.federation.dealing import commit
from bystack.federation.dkg import RoundIncomplete, round_one, round_zero
from bystack.federation.drawing import HeldShareForeign, HeldShareMissing
from bystack.federation.events import Aborted, Deadline, Done, Received
from bystack.federation.messages import (
    Acknowledge,
    Complaint,
    KeyCertificate,
    SessionForeign,
    Transcript,
    sign_message,
)
from bystack.federation.session import Kind
from bystack.primitives import bls
from bystack.primitives.curve import ORDER, evaluate_commitments, g1_mul, lagrange_at_zero
from bystack.primitives.hashes import fixed

from .puppets import CATALOGUE, DEALERS, Slanderer
from .stage import SUPERS, Network, changed, continued, dice, holdings, secret, session

SIX = (1, 1, 1, 1, 1, 1)


@lru_cache
def old(weights=SUPERS, threshold=5):
    network = Network(session(weights, threshold))
    network.run()
    return network


def key_of(network):
    return network.result(0).certificate


def refreshed(network=None):
    before = network or old()
    after = Network(continued(before.result(0), Kind.REFRESH), shares=holdings(before))
    after.run()
    return after


def reshared(seats, threshold, before=None, **options):
    before = before or old()
    after = Network(changed(before.result(0), seats, threshold), shares=holdings(before), **options)
    after.run()
    return after


def expire(network):
    for member in network.honest:
        if (turn := network.machines[member].turn) is not None:
            network.handle(member, Deadline(turn))
    network.run()


def check_shares(network, key):
    """All of the new set hold shares of the new polynomial, whose constant is the old key."""
    results = [network.result(seat) for seat in range(network.session.size)]
    assert all(isinstance(result, Done) for result in results), results
    (certificate,) = {result.certificate for result in results}
    verify_key_certificate(certificate)
    assert certificate.key == key
    shares = {share.index: share for result in results for share in result.shares}
    assert tuple(sorted(shares)) == network.session.roster.indices
    for share in shares.values():
        public = evaluate_commitments(certificate.polynomial, share.index)
        assert g1_mul(int.from_bytes(share.secret, "big")) == public
    return certificate


def test_a_refresh_changes_every_share_and_not_the_key():
    before = old()
    after = refreshed()
    check_shares(after, key_of(before).key)
    first, second = holdings(before), holdings(after)
    for identity, shares in second.items():
        assert shares.keys() == first[identity].keys()
        assert all(first[identity][index] != value for index, value in shares.items())


def test_refreshes_follow_each_other():
    twice = refreshed(refreshed())
    assert check_shares(twice, key_of(old()).key).session.epoch == 3


NEW_SETS = [
    (((0, 2), (1, 2), (2, 1), (3, 1)), 4),  # m4 leaves
    (((1, 2), (2, 1), (3, 1), (4, 1), (5, 2)), 5),  # a super is replaced
    (((0, 2), (1, 2), (2, 1), (3, 1), (4, 1), (7, 2)), 6),  # one joins
    (((0, 1), (1, 2), (2, 1), (3, 1), (4, 2)), 5),  # weights move
    (((4, 1), (3, 1), (2, 1), (1, 2), (0, 2)), 5),  # other seats and indices
    (((0, 2), (1, 2), (2, 1), (3, 1), (4, 1)), 4),  # another threshold
]


@pytest.mark.parametrize(("seats", "threshold"), NEW_SETS)
def test_a_reshare_moves_the_key_to_another_set(seats, threshold):
    after = reshared(seats, threshold)
    check_shares(after, key_of(old()).key)
    for seat in range(after.session.size, len(after.session.parties)):
        assert after.result(seat) is None or after.result(seat).shares == ()


def test_old_and_new_shares_never_combine():
    """K13: the shares of two epochs lie on two polynomials, whichever are taken together."""
    before = old((1, 1, 1, 1), 3)
    after = refreshed(before)
    first, second = holdings(before), holdings(after)
    flat = [
        {index: value for shares in each.values() for index, value in shares.items()}
        for each in (first, second)
    ]
    secret_key = _at_zero(flat[0], (1, 2, 3))
    assert _at_zero(flat[1], (2, 3, 4)) == secret_key
    for indices in combinations(range(1, 5), 3):
        for stale in range(1, 3):
            mixed = dict(flat[1]) | {index: flat[0][index] for index in indices[:stale]}
            assert _at_zero(mixed, indices) != secret_key


def _at_zero(shares, indices):
    weights = lagrange_at_zero(indices)
    return sum(weights[index] * shares[index] for index in indices) % ORDER


def test_who_leaves_need_not_be_heard_if_the_others_suffice():
    """m0 leaves with weight 2; the five that stay are the old threshold."""
    seats = ((1, 2), (2, 1), (3, 1), (4, 1), (5, 2))
    after = reshared(seats, 5, mute=(5,))
    check_shares(after, key_of(old()).key)


SIX_SEATS = ((0, 1), (1, 1), (2, 1), (3, 1), (6, 1), (7, 1))


def six(mute):
    """Two of six leave, and the old threshold is five: one of the two must deal."""
    return reshared(SIX_SEATS, 4, old(SIX, 5), mute=mute)


def test_a_silent_old_member_blocks_nothing_while_enough_old_weight_deals():
    after = six(mute=(7,))
    assert all(after.result(seat) is None for seat in range(6))
    expire(after)  # the hellos are closed without it
    expire(after)  # and the deals
    check_shares(after, key_of(old(SIX, 5)).key)


def test_without_enough_old_weight_nothing_is_made_and_the_silent_are_named():
    after = six(mute=(6, 7))
    expire(after)
    for seat in range(6):
        assert after.result(seat) == Aborted((), (6, 7), certified=False)


def test_whoever_lost_its_old_shares_gets_new_ones_by_a_reshare():
    before = old()
    shares = {one: held for one, held in holdings(before).items() if one != _identity(before, 2)}
    held = changed(before.result(0), ((0, 2), (1, 2), (2, 1), (3, 1), (4, 1)), 5)
    after = Network(held, shares=shares)
    after.run()
    check_shares(after, key_of(before).key)
    with pytest.raises(HeldShareMissing):
        round_zero(continued(before.result(0), Kind.REFRESH), 2, secret(2), dice("seed"))


def _identity(network, seat):
    return network.session.parties[seat].identity


def test_a_wrong_share_in_ones_own_files_is_found_before_it_is_dealt():
    held = continued(old().result(0), Kind.REFRESH)
    with pytest.raises(HeldShareForeign):
        round_zero(held, 2, secret(2), dice("seed"), {5: 7})


def kinds(puppet, seat):
    refresh = continued(old().result(0), Kind.REFRESH)
    reshare = changed(old().result(0), ((0, 2), (1, 2), (2, 1), (3, 1), (5, 1)), 5)
    shares = holdings(old())
    for held in (refresh, reshare):
        played = puppet(held, seat, shares[held.parties[seat].identity])
        yield Network(held, played, shares=shares), played


@pytest.mark.parametrize("puppet", CATALOGUE, ids=lambda each: each.__name__)
def test_k08_the_guilty_of_both_kinds_are_named_and_no_key_is_made(puppet):
    for network, played in kinds(puppet, 2):
        network.run()
        expire(network)
        for seat in range(network.session.size):
            if seat != 2:
                assert isinstance(network.result(seat), Aborted)
                assert (2, played.guilty) in network.verdicts(seat)
                assert {guilty for guilty, _ in network.verdicts(seat)} == {2}


@pytest.mark.parametrize("puppet", DEALERS, ids=lambda each: each.__name__)
def test_what_a_leaver_does_wrong_costs_only_its_own_dealings(puppet):
    """Seat 5 is m0, which leaves with weight 2 and deals badly: five others' weight is enough."""
    before = old()
    held = changed(before.result(0), ((1, 2), (2, 1), (3, 1), (4, 1), (5, 2)), 5)
    shares = holdings(before)
    network = Network(held, puppet(held, 5, shares[_identity(before, 0)]), shares=shares)
    network.run()
    expire(network)
    check_shares(network, key_of(before).key)


def test_a_leaver_has_no_say_once_it_dealt():
    """Its complaint or certification of the new set's key convicts it, and nobody else."""
    before = old()
    held = changed(before.result(0), ((1, 2), (2, 1), (3, 1), (4, 1), (5, 2)), 5)
    network = Network(held, shares=holdings(before))
    while not (said := [m for _, m in network.wires if isinstance(m.body, Acknowledge)]):
        network.deliver()
    transcript = network.machines[0].transcript
    leaver = held.size
    spoken = sign_message(held, leaver, said[0].body, secret(0))
    verdicts = convict(Transcript(transcript.session, (*transcript.messages, spoken)))
    assert {(verdict.member, verdict.rule) for verdict in verdicts} == {(leaver, "LeaverSpeaks")}


def test_so_many_complaints_that_openings_would_tell_the_share_convict_without_them():
    held = changed(old().result(0), ((0, 2), (1, 2), (2, 1), (3, 1), (4, 1)), 5)
    network = Network(held, shares=holdings(old()))
    quorum = {}
    while network.wires:
        to, message = network.wires.popleft()
        body = getattr(message, "body", None)
        if isinstance(body, Acknowledge) and message.sender != 4:
            own = held.roster.members[message.sender].indices
            slander = tuple(Complaint(4, 7, index) for index in own)
            body = Acknowledge(body.deals, slander)
            message = sign_message(held, message.sender, body, secret(message.sender))
            quorum[message.sender] = message
        network.wires.append((to, message))
        network.deliver(len(network.wires) - 1)
    assert (4, "AccusedByQuorum") in network.verdicts(4)
    said = [m for m in network.machines[4].transcript.messages if m.sender == 4]
    assert not any(m.body.ROUND == 3 for m in said), "it opened what tells its share"


def test_fewer_complaints_are_answered():
    for network, _ in kinds(Slanderer, 2):
        network.run()
        assert {v.rule for v in convict(network.machines[3].transcript)} == {"ComplaintFalse"}


def test_a_session_replayed_says_nothing():
    before = old()
    first = continued(before.result(0), Kind.REFRESH)
    second = continued(before.result(0), Kind.REFRESH, attempt=1)
    shares = holdings(before)
    network, other = Network(first, shares=shares), Network(second, shares=shares)
    said = []
    while network.wires:
        said += [message for _, message in network.wires if hasattr(message, "body")]
        network.deliver()
    assert said
    for message in said:
        with pytest.raises(SessionForeign):
            other.machines[0].handle(Received(message), dice("unused"))


def test_the_old_proof_of_possession_does_not_certify_new_shares():
    certificate, stale = key_of(refreshed()), key_of(old())
    with pytest.raises(PossessionUnproved):
        verify_key_certificate(replace(certificate, proof=stale.proof))


def test_a_certificate_that_changes_the_key_proves_nothing():
    """All of the new set attest it and its key signs, but it is not the key that was continued."""
    held = continued(old().result(0), Kind.REFRESH)
    coefficients = [dice_number(k) for k in range(5)]
    group, transcript = commit(coefficients), dice("transcript")
    attestations = tuple(attest(held, transcript, group, secret(n)) for n in range(5))
    message = possession(held, group[0])
    proof = bls.sign(fixed(coefficients[0], 32), message, tag=bls.POP_TAG)
    with pytest.raises(KeyChanged):
        verify_key_certificate(KeyCertificate(held, transcript, group, attestations, proof))


def dice_number(k):
    return int.from_bytes(dice("coefficient", k), "big") % ORDER


def test_a_round_of_the_old_set_is_not_one_of_the_new():
    before = old()
    held = changed(before.result(0), ((1, 2), (2, 1), (3, 1), (4, 1), (5, 2)), 5)
    shares = holdings(before)
    greeted = [
        round_zero(held, n, secret(int(m.name[1:])), dice("s", n), shares.get(m.identity, {}))
        for n, m in enumerate(held.parties)
    ]
    with pytest.raises(RoundIncomplete):
        round_one(greeted[0], [g.message for g in greeted[:4]] + [greeted[5].message], b"", dice(1))
