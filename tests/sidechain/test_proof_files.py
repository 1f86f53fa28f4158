"""Proofs on paper: everything but the chain's id is in the file, and every byte of it counts."""

from __future__ import annotations

from functools import lru_cache

import pytest
from msgspec.structs import replace

from bystack.ledger.transactions import Outpoint
from bystack.primitives.codec import decode, encode
from bystack.primitives.errors import Invalid
from bystack.primitives.multiset import EMPTY, multiset_digest
from bystack.primitives.trie import EMPTY_ROOT, prove, update
from bystack.sidechain.consensus.light import EpochProof, FinalHeader
from bystack.sidechain.consensus.scheme import BlsScheme
from bystack.sidechain.consensus.validators import ValidatorSet
from bystack.sidechain.consensus.verifier import InstantFinality
from bystack.sidechain.entries import KINDS, EntryKind, EntryName, entry_key, in_words
from bystack.sidechain.params import Genesis
from bystack.sidechain.proof_files import (
    MAGIC,
    BatchedOrder,
    BurnRecord,
    ProofFile,
    RecordProof,
    check_proof,
    read_proof,
    write_proof,
)
from bystack.sidechain.proofs import StateProof
from bystack.sidechain.records import BatchRecord, Claimed, Request, claimed_key
from bystack.sidechain.state import state_root
from tests.federation.peg import RING, Outbox, final, header_of, pays, request_id
from tests.ledger.people import CAROL
from tests.sidechain.consensus.samples import COMMITTED, HEADER
from tests.sidechain.world import genesis_for, vault_chain
from tests.wire import check_wire, golden

VERIFIER = InstantFinality(BlsScheme())
ID = b"\x0a" * 32
REQUEST = Request(0, CAROL.lock, pays(1).asset, 30, 20, 4, b"\x01" * 32, 0, 0, 0, 0)
PLACE = Outpoint(b"\x03" * 32, 1)
CLAIMED = Claimed(b"\x04" * 32, pays(1).asset, 500, 0, 0)


@lru_cache(maxsize=1)
def genesis() -> Genesis:
    return genesis_for(vault_chain(), validators=RING.validators.validators)


def sets() -> list[ValidatorSet]:
    """Epoch 0, the same in epoch 1, three of them in epoch 2."""
    voters = RING.validators.validators
    return [genesis().validator_set, ValidatorSet(1, voters), ValidatorSet(2, voters[:3])]


def headed(epoch: int, height: int, **fields: object) -> FinalHeader:
    """A final header of an epoch; the three voters of epoch 2 sign by the same indexes."""
    chosen = sets()[epoch]
    usual = {"epoch": epoch, "validators_hash": chosen.hash, "next_validators_hash": chosen.hash}
    header = header_of(genesis(), height, **{**usual, **fields})
    return final(header, epoch=epoch)


@lru_cache(maxsize=1)
def epochs() -> tuple[EpochProof, ...]:
    known = sets()
    first = headed(0, 11, next_validators_hash=known[1].hash)
    second = headed(1, 23, next_validators_hash=known[2].hash)
    return EpochProof(first, ()), EpochProof(second, known[2].validators)


def of_record(record: BurnRecord | BatchedOrder) -> ProofFile:
    outbox = Outbox()
    outbox.add(REQUEST, b"\x0b" * 32)
    match record:
        case BurnRecord(id, request):
            at = outbox.add(request, id)
        case BatchedOrder(batch):
            at = outbox.add(batch)
    head = headed(2, 30, outbox_root=outbox.root)
    return ProofFile(genesis(), epochs(), (RecordProof(head, record, outbox.prove(at)),), ())


def of_entry(key: bytes, there: bytes | None = None) -> ProofFile:
    """A proof of what a key has: `there`, or what is in every state of this file."""
    entries = {claimed_key(PLACE): encode(CLAIMED), b"other": b"value"}
    entries |= {} if there is None else {key: there}
    trie = update({}, EMPTY_ROOT, entries)
    coins = multiset_digest(EMPTY)
    head = headed(2, 30, state_root=state_root(trie.root, coins))
    value = (entries[key],) if key in entries else ()
    proof = prove(trie.added, trie.root, key)
    entry = StateProof(head, trie.root, coins, key, value, proof)
    return ProofFile(genesis(), epochs(), (), (entry,))


BURN = BurnRecord(ID, REQUEST)
ORDER = BatchedOrder(BatchRecord(b"\x05" * 32, 3, 0, (pays(20),), (request_id(1),)))


def check(file: ProofFile) -> RecordProof | StateProof:
    read = read_proof(write_proof(file))
    return check_proof(read, genesis().id, VERIFIER)


def refused(file: ProofFile) -> str:
    with pytest.raises(Invalid) as error:
        check(file)
    return error.value.rule


@pytest.mark.parametrize("record", [BURN, ORDER])
def test_a_record_is_proved_across_elections(record: BurnRecord | BatchedOrder) -> None:
    claim = check(of_record(record))
    assert isinstance(claim, RecordProof) and claim.record == record


@pytest.mark.parametrize("place", [PLACE, Outpoint(b"\x03" * 32, 2)])
def test_an_entry_is_proved_and_that_there_is_none(place: Outpoint) -> None:
    claim = check(of_entry(claimed_key(place)))
    assert isinstance(claim, StateProof)
    told = in_words(claim.key, claim.value[0] if claim.value else None)
    assert told.sentence.endswith(
        "was claimed here." if place == PLACE else "was not claimed here."
    )
    assert told.fields.get("amount") == (500 if place == PLACE else None)


def test_whoever_changes_what_is_claimed_is_refused() -> None:
    burn, entry = of_record(BURN), of_entry(claimed_key(PLACE))
    more = replace(burn.records[0], record=BurnRecord(ID, replace(REQUEST, payout=21)))
    assert refused(replace(burn, records=(more,))) == "ProofMismatch"
    other = replace(burn.records[0], record=BurnRecord(b"\x0c" * 32, REQUEST))
    assert refused(replace(burn, records=(other,))) == "ProofMismatch"
    none = replace(burn.records[0], record=BurnRecord(bytes(32), REQUEST))
    assert refused(replace(burn, records=(none,))) == "RecordId"
    (shown,) = entry.entries
    for changed, rule in (
        (replace(shown, value=(encode(replace(CLAIMED, amount=501)),)), "ProofMismatch"),
        (replace(shown, key=claimed_key(Outpoint(b"\x03" * 32, 2))), "ProofMismatch"),
        (replace(shown, value=()), "ProofMismatch"),
        (replace(shown, system_root=b"\x01" * 32), "StateRootWrong"),
        (replace(shown, coin_digest=b"\x01" * 32), "StateRootWrong"),
    ):
        assert refused(replace(entry, entries=(changed,))) == rule


def test_whoever_leaves_out_or_changes_an_epoch_is_refused() -> None:
    file = of_record(BURN)
    first, second = file.epochs
    thieves = replace(second, validators=RING.validators.validators[1:])
    for proofs, rule in (
        ((), "EpochUnknown"),
        ((first,), "EpochUnknown"),
        ((second,), "EpochOrder"),
        ((first, first), "EpochOrder"),
        ((first, thieves), "EpochNext"),
        ((replace(first, final=headed(0, 11)), second), "EpochNext"),
    ):
        assert refused(replace(file, epochs=proofs)) == rule


def test_a_header_that_is_not_final_is_refused() -> None:
    file = of_record(BURN)
    (claim,) = file.records
    weak = final(claim.final.header, (0, 1), epoch=2)
    assert refused(replace(file, records=(replace(claim, final=weak),))) == "CertificateQuorum"
    moved = replace(claim.final.header, outbox_root=b"\x01" * 32)
    forged = replace(claim, final=replace(claim.final, header=moved))
    assert refused(replace(file, records=(forged,))) == "CertificateBlock"


def test_the_chain_is_the_one_that_is_trusted() -> None:
    file = of_record(BURN)
    with pytest.raises(Invalid, match="ChainNotTrusted"):
        check_proof(file, b"\x01" * 32, VERIFIER)
    assert refused(replace(file, genesis=replace(file.genesis, pegin_bp=9))) == "ChainNotTrusted"


def test_a_file_shows_one_thing() -> None:
    burn, entry = of_record(BURN), of_entry(claimed_key(PLACE))
    assert refused(replace(burn, entries=entry.entries)) == "ClaimCount"
    assert refused(replace(burn, records=())) == "ClaimCount"


def test_what_is_no_proof_file_is_said() -> None:
    data = write_proof(of_record(BURN))
    for bad, rule in (
        (b"", "NoProofFile"),
        (data[len(MAGIC) :], "NoProofFile"),
        (data[:-1], "Malformed"),
        (data + b"\x00", "Malformed"),
        (MAGIC + b"\xdd\xff\xff\xff\xff", "Malformed"),
    ):
        with pytest.raises(Invalid) as error:
            read_proof(bad)
        assert error.value.rule == rule


@pytest.mark.parametrize("at", range(0, 100, 7))
def test_every_bit_counts(at: int) -> None:
    """Also of what nobody looks at: the genesis is its id, a certificate its signature."""
    data = bytearray(write_proof(of_record(BURN)))
    place = len(MAGIC) + (len(data) - len(MAGIC)) * at // 100
    data[place] ^= 1
    with pytest.raises(Invalid):
        check_proof(read_proof(bytes(data)), genesis().id, VERIFIER)


class TestEntries:
    @pytest.mark.parametrize("kind", sorted(KINDS))
    def test_a_kind_is_known_by_its_key(self, kind: str) -> None:
        size = 48 if kind == "conviction" else 32
        asked = {"claim": "03" * 32 + ":1", "batch": "7", "epoch": "7"}.get(kind, "0a" * size)
        told = in_words(entry_key(kind, asked), None)
        assert told.sentence == KINDS[kind].absent
        assert in_words(entry_key(kind, asked), b"\xff").fields == {"value": "ff"}

    def test_any_key_is_shown_as_it_is(self) -> None:
        assert entry_key("entry", "abcd") == b"\xab\xcd"
        assert in_words(b"\xab", b"\x01").fields == {"value": "01"}
        assert "no entry" in in_words(b"\xab", None).sentence

    @pytest.mark.parametrize(
        ("kind", "asked"),
        [
            ("claim", "03" * 32),
            ("claim", "zz:1"),
            ("batch", "-1"),
            ("batch", str(2**63)),
            ("pegout", "03"),
            ("entry", "0"),
            ("entry", "00" * 2_000),
        ],
    )
    def test_other_shapes_are_refused(self, kind: str, asked: str) -> None:
        with pytest.raises(EntryName):
            entry_key(kind, asked)

    def test_other_kinds_are_refused(self) -> None:
        with pytest.raises(EntryKind, match="certificate"):
            entry_key("coin", "00")


def test_bytes() -> None:
    head = FinalHeader(HEADER, COMMITTED, ())
    record = RecordProof(head, BURN, of_record(BURN).records[0].proof)
    check_wire("proof_file_burn_record", BURN)
    check_wire("proof_file_batched_order", ORDER)
    check_wire("sidechain_record_proof", record)
    small = decode(Genesis, golden("sidechain_genesis"), 100_000)
    check_wire("sidechain_proof_file", ProofFile(small, (EpochProof(head, ()),), (record,), ()))


def test_a_genesis_with_a_key_that_nobody_holds_proves_nothing() -> None:
    """Such a key, made up against the others', would sign for all of them alone."""
    first, second, *others = genesis().validators
    made_up = replace(first, proof=second.proof)
    file = of_record(BURN)
    forged = replace(file.genesis, validators=(made_up, second, *others))
    file = read_proof(write_proof(replace(file, genesis=forged)))
    with pytest.raises(Invalid) as error:
        check_proof(file, forged.id, VERIFIER)
    assert error.value.rule == "PossessionUnproven"
