"""What docs/protocol/federation.md says, done by a reader of its own, is what the program does."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import pytest

from bystack.federation.audit import AuditLine, AuditRecord, Head, signed, verified
from bystack.federation.drawing import session_key
from bystack.federation.events import Done
from bystack.federation.module.actions import Pause, action_digest
from bystack.federation.module.decisions import Lift, Refund, proposal_id
from bystack.federation.module.freezes import destination_id
from bystack.federation.session import Session
from bystack.federation.signing import message_digest, sign_partial
from bystack.primitives import bls, keys
from bystack.primitives.codec import encode
from bystack.primitives.hashes import sha256
from tests.federation.stage import Network, dice, roster, secret, session
from tests.protocol import federation_reader as federation
from tests.protocol import sidechain_reader as reader

MEMBERS = (2, 1, 1, 1)
MESSAGE = sha256(b"message")


@lru_cache(maxsize=1)
def made() -> tuple[Session, list[Done], list[Any], list[Any]]:
    """A key of four members, 3 of 5: what each holds, all words as bytes, each one's seed."""
    held = session(MEMBERS, 3)
    network = Network(held)
    words, seeds = dict[bytes, None](), {}
    for member, machine in network.machines.items():
        seeds[member] = machine.state.step.seed  # type: ignore[union-attr]
    while network.wires:
        _, message = network.wires[0]
        words[encode(message)] = None
        network.deliver()
    done = [network.result(member) for member in range(4)]
    assert all(isinstance(one, Done) for one in done)
    read = [reader.read(word) for word in words]
    said = [word for word in read if word[0] == 0]
    return held, done, said, [seeds[member] for member in range(4)]  # type: ignore[return-value]


def of_round(turn: int) -> dict[int, Any]:
    """The bodies of a round by seat."""
    return {word[2]: word[3] for word in made()[2] if word[3][0] == turn}


def test_a_session_and_its_words() -> None:
    held, _, words, _ = made()
    own = reader.read(encode(held))
    assert federation.session_id(own) == held.id
    assert len(words) == 16 and all(federation.said(own, word) for word in words)
    forged = (*words[0][:2], 1 - words[0][2], *words[0][3:])
    assert not federation.said(own, forged)


def test_weights() -> None:
    stand = [(MEMBERS, 3), ((2, 2, 1, 1, 1), 5), ((1,) * 7, 4)]
    assert all(federation.roster_stands(reader.read(encode(roster(*one)))) for one in stand)
    threshold, members = reader.read(encode(roster(MEMBERS, 3)))
    assert not federation.roster_stands((2, members)) and not federation.roster_stands((4, members))
    assert threshold == 3 and not federation.roster_stands((3, members[::-1]))


def test_dealings_are_promised_proved_and_opened() -> None:
    held, _, _, seeds = made()
    own = reader.read(encode(held))
    hellos, deals = of_round(0), of_round(1)
    owners = {index: seat for seat, member in enumerate(own[5][1]) for index in member[4]}
    for dealer, (_, _, ((public, shares),)) in deals.items():
        assert hellos[dealer][2] == (federation.promised(own, dealer, public),)
        assert federation.knows(own, dealer, public)
        for index in [one[0] for one in shares][dealer : dealer + 2]:
            mine = session_key(seeds[owners[index]], held.id)
            share = federation.opened(own, dealer, (public, shares), index, mine)
            key = federation.share_key(public[1], index)
            assert bls.sk_to_pk(share.to_bytes(32, "big")) == key
    assert not federation.knows(own, 1, deals[0][2][0][0])


def test_a_certificate_of_a_key() -> None:
    held, done, words, _ = made()
    certificate = reader.read(encode(done[0].certificate))
    assert certificate[1] == reader.read(encode(held))
    assert certificate[2] == federation.transcript(certificate[1], words)
    assert federation.attested(certificate) and federation.possessed(certificate)
    assert not federation.attested((*certificate[:2], bytes(32), *certificate[3:]))
    columns = zip(*(deal[2][0][0][1] for deal in of_round(1).values()), strict=True)
    assert certificate[3] == tuple(map(summed, columns))


def summed(points: Any) -> bytes:
    total = federation.pubkey_to_G1(points[0])
    for point in points[1:]:
        total = federation.add(total, federation.pubkey_to_G1(point))
    return bytes(federation.G1_to_pubkey(total))


@pytest.mark.parametrize("chosen", [(1, 2, 3), (1, 4, 5), (2, 3, 5)])
def test_shares_sign_for_the_group(chosen: tuple[int, ...]) -> None:
    """By the page's weights three partials make the one signature that the program verifies."""
    _, done, _, _ = made()
    partials = {
        one.index: one.signature for each in done for one in sign_partial(each.shares, MESSAGE)
    }
    whole = federation.combined({index: partials[index] for index in chosen})
    assert bls.verify(done[0].certificate.key, MESSAGE, whole)
    polynomial = reader.read(encode(done[0].certificate))[3]
    for index in chosen[:1]:
        assert bls.verify(federation.share_key(polynomial, index), MESSAGE, partials[index])
    assert reader.tagged("partial", MESSAGE) == message_digest(MESSAGE)


def test_what_members_sign() -> None:
    chain, body = dice("chain"), encode(Pause(3, 15, "why"))
    assert federation.action(chain, 1, 4, body) == action_digest(chain, 1, body, 4)
    for decision in (Lift(), Refund((MESSAGE,))):
        own = reader.read(encode(decision))
        assert federation.proposal_id(7, own) == proposal_id(7, decision)
    assert reader.tagged("federation/destination", body) == destination_id(body)


def test_an_audit_log_is_a_chain() -> None:
    lines, head = list[AuditLine](), Head(0, bytes(32))
    for number in range(3):
        kind, words = b"order", b"word %d" % number
        record = AuditRecord(
            number, head.hash, 1_700_000_000, 9, kind, 4, MESSAGE, 0, b"", words, ()
        )
        lines.append(signed(record, secret(0), MESSAGE))
        head = Head(number + 1, lines[-1].hash)
    own = [reader.read(encode(line)) for line in lines]
    public = keys.public_key(secret(0))
    assert all(keys.verify(public, *pair) for pair in federation.audited(own))
    assert [line for line, _ in verified(lines, public)] == lines
    with pytest.raises(ValueError, match="record 1"):
        federation.audited([own[0], own[2]])
