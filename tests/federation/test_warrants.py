"""What a signer may sign: the judge of orders, touches, creations; one sidechain for one key."""

import pytest
from msgspec.structs import replace

from bystack.federation.warrants import (
    CREATE,
    ORDER,
    SERVE,
    TOUCH,
    TOUCH_AFTER,
    ForeignVault,
    NotBuried,
    NotStuck,
    OrderRequest,
    SidechainSecond,
    VaultTaken,
    Warrant,
    create_warrant,
    serve_warrant,
)
from bystack.ledger.terms import terms_hash
from bystack.ledger.vault_errors import TierUnknown
from bystack.ledger.vault_operations import Create, Order, Touch, operation_digest, vault_id
from bystack.mainchain.params import chain_id
from bystack.primitives.merkle import ProofIndex, ProofMismatch
from bystack.sidechain.consensus.certificates import CertificateSignature
from bystack.sidechain.consensus.light import EpochProof, EpochUnknown, FinalHeader
from bystack.sidechain.consensus.validators import ValidatorSet
from bystack.sidechain.consensus.verifier import CertificateBlock
from bystack.sidechain.records import Request
from tests.ledger.people import CAROL, outpoint
from tests.sidechain.consensus.samples import COMMITTED, HEADER
from tests.sidechain.mainside import TERMS
from tests.simulation.schemes import Keyring, bls_keyring
from tests.wire import check_wire

from .peg import USUAL, Peg, final, header_of, pays, request_id


@pytest.fixture
def peg() -> Peg:
    return Peg()


def digest(peg: Peg, operation: Order | Touch) -> bytes:
    return operation_digest(chain_id(peg.genesis.main), peg.genesis.vault, operation.seq, operation)


def test_a_recorded_order_is_signed_exactly_as_recorded(peg: Peg) -> None:
    record = peg.record(0, *USUAL)
    expected = digest(peg, Order(0, 0, record.outputs))
    assert peg.sign(record) == Warrant(ORDER, 0, expected, (request_id(1), request_id(2)))


def test_the_same_again_gives_the_same_warrant_also_after_a_restart(peg: Peg) -> None:
    first = peg.sign(peg.record(0, *USUAL))
    assert peg.sign(peg.record(0, *USUAL)) == first
    peg.restart()
    assert peg.sign(peg.record(0, *USUAL)) == first


def test_another_vaults_record_is_refused(peg: Peg) -> None:
    record = replace(peg.record(0, *USUAL), vault=b"\x01" * 32)
    with pytest.raises(ForeignVault):
        peg.warrants.order(peg.request(record))


@pytest.mark.parametrize(
    ("finality", "above", "good"), [(2, 2, True), (2, 1, False), (3, 2, False)]
)
def test_the_block_is_old_enough(finality: int, above: int, good: bool) -> None:
    peg = Peg()
    consensus = replace(peg.genesis.consensus, finality=finality)
    peg = Peg(peg.main, consensus=consensus)
    request = peg.request(peg.record(0, *USUAL))
    first = request.final.header
    later = final(header_of(peg.genesis, first.height + above, parent=first.id))
    request = replace(request, later=later)
    if good:
        assert peg.warrants.order(request).seq == 0
        return
    with pytest.raises(NotBuried):
        peg.warrants.order(request)


def test_the_later_block_is_verified_as_the_first(peg: Peg) -> None:
    request = peg.request(peg.record(0, *USUAL))
    with pytest.raises(CertificateBlock):
        peg.warrants.order(
            replace(request, later=replace(request.later, certificate=request.final.certificate))
        )


def test_a_request_is_no_batch(peg: Peg) -> None:
    """Both kinds of record lie in one outbox; a leaf binds which it is."""
    request = peg.request(peg.record(0, *USUAL))
    burn = Request(0, CAROL.lock, pays(1).asset, 30, 20, 4, bytes(32), 0, 0, 0, 0)
    at = peg.outbox.add(burn, request_id(1))
    header = header_of(peg.genesis, peg.height + 3, peg.outbox.root)
    later = final(header_of(peg.genesis, peg.height + 30))
    forged = replace(request, proof=peg.outbox.prove(at), final=final(header), later=later)
    with pytest.raises(ProofMismatch):
        peg.warrants.order(forged)
    with pytest.raises(ProofIndex):
        peg.warrants.order(replace(forged, proof=replace(forged.proof, index=99)))


class TestTouch:
    def test_only_the_present_seq_and_only_once_it_stood_still(self, peg: Peg) -> None:
        with pytest.raises(NotStuck):  # the vault is not even proved
            peg.warrants.touch(0, 0)
        peg.created()
        with pytest.raises(NotStuck):
            peg.warrants.touch(0, 0)
        created = peg.main.where[peg.main.created.id][0]
        peg.main.grow(created + TOUCH_AFTER - peg.main.height - 1)
        peg.feed()
        with pytest.raises(NotStuck):
            peg.warrants.touch(0, 0)
        peg.main.grow(1)
        peg.feed()
        assert peg.warrants.touch(0, 0) == Warrant(TOUCH, 0, digest(peg, Touch(0, 0)), ())
        for seq in (1, 2**63 - 1):
            with pytest.raises(NotStuck):
                peg.warrants.touch(seq, 0)
        with pytest.raises(TierUnknown):
            peg.warrants.touch(0, len(TERMS.tiers))

    def test_a_sign_of_life_starts_the_wait_anew(self, peg: Peg) -> None:
        peg.created()
        peg.main.grow(TOUCH_AFTER)
        peg.prove(peg.main.send(peg.main.touch()))
        with pytest.raises(NotStuck):
            peg.warrants.touch(1, 0)


class TestServe:
    def test_a_key_serves_one_sidechain(self, peg: Peg) -> None:
        served = serve_warrant(peg.genesis, [])
        assert served == Warrant(SERVE, 0, peg.genesis.id, (peg.genesis.vault,))
        assert serve_warrant(peg.genesis, [served]) == served
        # Two sidechains over one vault would both mint its coins.
        for other in (Peg(peg.main, name="shadow"), Peg(peg.main, vault=b"\x02" * 32)):
            with pytest.raises(SidechainSecond):
                serve_warrant(other.genesis, [served])

    def test_other_lines_bind_nothing(self, peg: Peg) -> None:
        order = peg.sign(peg.record(0, *USUAL))
        assert serve_warrant(peg.genesis, [order]).kind == SERVE


def test_a_creation_is_signed_for_the_terms_compiled_here_until_the_key_serves(peg: Peg) -> None:
    main = chain_id(peg.genesis.main)
    drafts = [create_warrant(main, TERMS, outpoint(n), 0, []) for n in range(3)]
    vaults = [vault_id(outpoint(n), 0, terms_hash(TERMS)) for n in range(3)]
    assert drafts == [
        Warrant(CREATE, 0, operation_digest(main, vault, 0, Create(TERMS)), ()) for vault in vaults
    ]
    # A draft that failed, or that a member asked for to spoil things, hinders no other.
    assert create_warrant(main, TERMS, outpoint(9), 0, drafts).kind == CREATE
    with pytest.raises(VaultTaken):
        create_warrant(main, TERMS, outpoint(9), 0, [serve_warrant(peg.genesis, [])])


def test_warrants_that_are_no_orders_are_not_taken_for_orders(peg: Peg) -> None:
    for kind in (TOUCH, CREATE, SERVE):
        peg.warrants.remember(Warrant(kind, 0, bytes(32), (request_id(1),)))
    assert peg.sign(peg.record(0, *USUAL)).kind == ORDER


def test_bytes() -> None:
    check_wire("federation_warrant", Warrant(ORDER, 7, b"\x01" * 32, (b"\x02" * 32, b"\x03" * 32)))


def test_request_bytes(peg: Peg) -> None:
    record = peg.record(3, [pays(20)], [1])
    peg.outbox.add(record)
    record = replace(record, vault=b"\x0e" * 32)
    proof = replace(peg.outbox.prove(1), path=(b"\x0f" * 32,))
    later = FinalHeader(replace(HEADER, height=8), replace(COMMITTED, height=8), ())
    check_wire(
        "federation_order_request",
        OrderRequest(record, proof, FinalHeader(HEADER, COMMITTED, ()), later),
    )


def test_pegs_go_on_after_an_election(peg: Peg) -> None:
    """Three of the four leave two and one newcomer behind; the signer was shown the change."""
    ring = bls_keyring(8)
    chosen = ValidatorSet(1, ring.validators.validators[2:5])
    newcomers = Keyring(chosen, ring.scheme, lambda index, digest: ring.sign(index + 2, digest))
    at = peg.outbox.add(peg.record(0, *USUAL))
    fields = {"epoch": 1, "validators_hash": chosen.hash}
    header = header_of(peg.genesis, 40, peg.outbox.root, **fields)
    above = header_of(peg.genesis, 41, parent=header.id, **fields)
    pair = [final(one, epoch=1, ring=newcomers) for one in (header, above)]
    request = OrderRequest(peg.record(0, *USUAL), peg.outbox.prove(at), *pair)
    with pytest.raises(EpochUnknown):
        peg.warrants.order(request)
    named = final(header_of(peg.genesis, 30, next_validators_hash=chosen.hash))
    peg.client.advance(EpochProof(named, chosen.validators))
    assert peg.warrants.order(request).seq == 0
    old = [final(one, epoch=1) for one in (header, above)]  # those who voted before
    with pytest.raises(CertificateSignature):
        peg.warrants.order(replace(request, final=old[0]))
