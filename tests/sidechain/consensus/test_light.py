"""The light client: one header per epoch, nobody's word, and an end to trust at a contradiction."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from msgspec.structs import replace

from bystack.primitives.codec import decode, encode
from bystack.primitives.errors import Invalid
from bystack.sidechain.blocks import Header
from bystack.sidechain.consensus.certificates import certificate_from
from bystack.sidechain.consensus.light import (
    KEPT_HEADERS,
    KEPT_SETS,
    Certified,
    ClientFrozen,
    Conflict,
    EpochNext,
    EpochOrder,
    EpochProof,
    EpochUnknown,
    FinalHeader,
    Followed,
    LightClient,
    begin,
)
from bystack.sidechain.consensus.statements import COMMIT, NO_HASH, NO_SIGNATURE, Vote
from bystack.sidechain.consensus.validators import ValidatorSet
from bystack.sidechain.consensus.verifier import InstantFinality
from tests.sidechain.consensus.samples import COMMITTED, HEADER
from tests.simulation.schemes import Keyring, hash_keyring
from tests.wire import check_wire

CHAIN = HEADER.chain
RING = hash_keyring(8)
VOTERS = RING.validators.validators
LENGTH = 10


class Chain:
    """Epochs of ten blocks; each set is any slice of eight known validators."""

    def __init__(self, *members: slice) -> None:
        self.sets = [ValidatorSet(n, VOTERS[part]) for n, part in enumerate(members)]
        self.slices = members
        self.line: list[Header] = []
        for height in range(LENGTH * (len(members) - 1) + 5):
            self.line.append(self.header(height))

    def header(self, height: int, **fields: object) -> Header:
        epoch = height // LENGTH
        named = self.sets[min(epoch + 1, len(self.sets) - 1)] if height % LENGTH > 5 else None
        usual = {
            "height": height,
            "epoch": epoch,
            "parent": self.line[height - 1].id if self.line and height else bytes(32),
            "validators_hash": self.sets[epoch].hash,
            "next_validators_hash": (named or self.sets[epoch]).hash,
        }
        return replace(HEADER, **{**usual, **fields})

    def final(
        self, header: Header | int, signers: Sequence[int] = (0, 1, 2), part: slice | None = None
    ) -> FinalHeader:
        if isinstance(header, int):
            header = self.line[header]
        part = part or self.slices[header.epoch]
        keys = range(8)[part]
        said = Vote(COMMIT, header.epoch, header.height, 0, header.id, NO_HASH, 0, NO_SIGNATURE)
        digest = said.digest(header.chain)
        whole = RING.scheme.aggregate([RING.sign(keys[i], digest) for i in signers])
        size = len(self.sets[header.epoch])
        return FinalHeader(header, certificate_from(said, signers, whole, size), ())

    def proof(self, epoch: int, **fields: object) -> EpochProof:
        """Who follows `epoch`."""
        same = self.slices[epoch] == self.slices[epoch + 1]
        members = () if same else self.sets[epoch + 1].validators
        return EpochProof(self.final((epoch + 1) * LENGTH - 1), members)

    def client(self) -> LightClient:
        return client_of(begin(CHAIN, self.sets[0]))


def client_of(followed: Followed, ring: Keyring = RING) -> LightClient:
    return LightClient(followed, InstantFinality(ring.scheme))


@pytest.fixture(scope="module")
def chain() -> Chain:
    return Chain(slice(0, 4), slice(1, 5), slice(1, 5), slice(4, 8), slice(0, 4), slice(2, 6))


def refused(rule: str) -> pytest.RaisesExc[Invalid]:
    return pytest.RaisesExc(Invalid, check=lambda error: error.rule == rule)


def test_one_header_for_each_epoch(chain: Chain) -> None:
    client = chain.client()
    for epoch in range(5):
        client.advance(chain.proof(epoch))
        assert client.validators == chain.sets[epoch + 1]
        client.verify(chain.final((epoch + 1) * LENGTH))
    assert client.epoch == 5 and len(client.followed.sets) == KEPT_SETS
    client.verify(chain.final(25))  # an epoch before, still known
    with refused("EpochUnknown"):
        client.verify(chain.final(15))


def test_what_it_knows_survives_its_bytes(chain: Chain) -> None:
    client = chain.client()
    client.advance(chain.proof(0))
    again = client_of(decode(Followed, encode(client.followed), 100_000))
    again.advance(chain.proof(1))
    assert again.epoch == 2 and client.epoch == 1


def test_epochs_come_in_order_and_once(chain: Chain) -> None:
    client = chain.client()
    with pytest.raises(EpochOrder):
        client.advance(chain.proof(1))
    client.advance(chain.proof(0))
    with pytest.raises(EpochOrder):
        client.advance(chain.proof(0))
    assert client.epoch == 1


@pytest.mark.parametrize("epoch", [0, 1])
def test_only_the_named_set_follows(chain: Chain, epoch: int) -> None:
    client = chain.client()
    for one in range(epoch):
        client.advance(chain.proof(one))
    before = client.followed
    thieves = replace(chain.proof(epoch), validators=VOTERS[4:])
    early = replace(chain.proof(epoch), final=chain.final(epoch * LENGTH + 5))
    for bad in (thieves, early):
        with pytest.raises(EpochNext):
            client.advance(bad)
    assert client.followed == before


def test_the_old_quorum_must_have_signed(chain: Chain) -> None:
    """The new set cannot call itself."""
    client, proof = chain.client(), chain.proof(0)
    header = proof.final.header
    for final, rule in (
        (chain.final(header, (0, 1)), "CertificateQuorum"),
        (chain.final(header, part=chain.slices[1]), "CertificateSignature"),
        (chain.final(replace(header, chain=b"\x77" * 32)), "CertificateChain"),
        (replace(chain.final(header), header=replace(header, proposer=9)), "CertificateBlock"),
    ):
        with refused(rule):
            client.advance(replace(proof, final=final))
    assert client.followed == chain.client().followed


def test_a_later_epochs_validators_decide_nothing_before(chain: Chain) -> None:
    client = chain.client()
    with pytest.raises(EpochUnknown):
        client.verify(chain.final(12))
    client.advance(chain.proof(0))
    client.verify(chain.final(12))
    stale = chain.final(chain.header(12, epoch=0, validators_hash=chain.sets[0].hash))
    client.verify(chain.final(5))
    with pytest.raises(ClientFrozen):  # a block of height 12 by those who voted before
        client.verify(stale)


def rival(chain: Chain, height: int, **fields: object) -> FinalHeader:
    return chain.final(chain.header(height, **{"proposer": 9, **fields}))


@pytest.mark.parametrize("order", [(0, 1), (1, 0)])
def test_two_final_blocks_of_one_height_freeze_it(chain: Chain, order: tuple[int, int]) -> None:
    client, pair = chain.client(), [chain.final(3), rival(chain, 3)]
    client.verify(pair[order[0]])
    with pytest.raises(ClientFrozen):
        client.verify(pair[order[1]])
    assert client.frozen
    assert client.followed.conflict == (Conflict(pair[order[0]], pair[order[1]]),)
    for one in (chain.final(4), *pair):
        with pytest.raises(ClientFrozen):
            client.verify(one)
    with pytest.raises(ClientFrozen):
        client.advance(chain.proof(0))
    kept = client_of(decode(Followed, encode(client.followed), 100_000))
    with pytest.raises(ClientFrozen):
        kept.verify(chain.final(4))


def test_a_block_that_does_not_stand_on_its_final_parent_freezes_it(chain: Chain) -> None:
    client = chain.client()
    client.verify(chain.final(3))
    client.verify(chain.final(4))
    client.verify(chain.final(6))
    with pytest.raises(ClientFrozen):
        client.verify(rival(chain, 5, parent=b"\x09" * 32))


def test_what_is_not_final_freezes_nothing(chain: Chain) -> None:
    client = chain.client()
    client.verify(chain.final(3))
    header = rival(chain, 3).header
    for signers, rule in (((0, 1), "CertificateQuorum"), ((0, 1, 2), "CertificateSignature")):
        part = None if rule == "CertificateQuorum" else slice(4, 8)
        with refused(rule):
            client.verify(chain.final(header, signers, part))
    assert not client.frozen


def test_people_decide_which_block_stands(chain: Chain) -> None:
    client, other = chain.client(), rival(chain, 3)
    client.verify(chain.final(3))
    with pytest.raises(ClientFrozen):
        client.verify(other)
    assert not client.believe(b"\x01" * 32) and client.frozen
    assert client.believe(chain.line[3].id)
    client.verify(chain.final(4))
    with pytest.raises(ClientFrozen):
        client.verify(other)
    assert client.believe(other.header.id)
    with pytest.raises(ClientFrozen):
        client.verify(chain.final(3))


def test_what_it_keeps_is_bounded(chain: Chain) -> None:
    client, first = chain.client(), chain.line[0]
    for number in range(KEPT_HEADERS + 5):  # no two are neighbours
        client.verify(chain.final(replace(first, height=3 * number + 100)))
    assert len(client.followed.seen) == KEPT_HEADERS
    newest = client.followed.seen[-1]
    client.verify(newest)
    assert client.followed.seen[-1] == newest and len(client.followed.seen) == KEPT_HEADERS


FINAL = FinalHeader(HEADER, COMMITTED, (Certified(replace(HEADER, height=8), COMMITTED),))


def test_bytes() -> None:
    check_wire("light_certified", FINAL.above[0])
    check_wire("light_final_header", FINAL)
    check_wire("light_epoch_proof", EpochProof(FINAL, VOTERS[:1]))
    check_wire("light_conflict", Conflict(FINAL, FINAL))
    sets = (ValidatorSet(3, VOTERS[:1]),)
    check_wire("light_followed", Followed(CHAIN, sets, (FINAL,), (Conflict(FINAL, FINAL),)))
