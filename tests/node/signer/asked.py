"""What a node asks its signer for: recorded orders, and votes, over the homes' genesis."""

from __future__ import annotations

from itertools import count

from bystack.federation.audit import AuditRecord, verified
from bystack.federation.messages import KeyCertificate, PartialSignature
from bystack.federation.shares import KeyShare
from bystack.federation.signing import sign_partial
from bystack.federation.warrants import OrderRequest, Warrant
from bystack.ledger.vault_operations import Order, operation_digest
from bystack.mainchain.params import REGTEST, chain_id
from bystack.node.genesis_files import read_genesis
from bystack.node.signer.audit_log import read_lines
from bystack.node.store.journal import Journal
from bystack.primitives import bls
from bystack.primitives import keys as schnorr
from bystack.primitives.codec import decode, encode
from bystack.sidechain.consensus.positions import JournalRecord, Position, SignRequest
from bystack.sidechain.consensus.statements import COMMIT, Certificate, Step, Vote
from bystack.sidechain.params import Genesis
from bystack.sidechain.records import BatchRecord
from tests.federation.peg import Outbox, final, header_of, pays, request_id
from tests.node.signer.homes import FEDERATION, VALIDATOR, Signer
from tests.simulation.schemes import bls_keyring

ALL_BUT_OURS = (1, 2, 3)


def genesis_of(signer: Signer) -> Genesis:
    return read_genesis(signer.home / "sidechains/trade.genesis.toml")


def record(
    genesis: Genesis, seq: int, amount: int = 20, *requests: int, tier: int = 0
) -> BatchRecord:
    ids = tuple(request_id(number) for number in requests or (seq,))
    return BatchRecord(genesis.vault, seq, tier, (pays(amount),), ids)


_heights = count(7, 3)


def order(genesis: Genesis, batch: BatchRecord) -> bytes:
    """The request of a recorded order: its block and the next are final."""
    outbox, height = Outbox(), next(_heights)
    index = outbox.add(batch)
    header = header_of(genesis, height, outbox.root)
    later = header_of(genesis, height + 1, parent=header.id)
    pair = (final(header, ALL_BUT_OURS), final(later, ALL_BUT_OURS))
    return encode(OrderRequest(batch, outbox.prove(index), *pair))


def sign_order(signer: Signer, batch: BatchRecord) -> list[PartialSignature]:
    partials, _ = signer.call(FEDERATION, "order", order(genesis_of(signer), batch))
    return [decode(PartialSignature, partial, 1_000) for partial in partials]


def expected(signer: Signer, batch: BatchRecord) -> list[PartialSignature]:
    """What seat 0's two shares sign of a batch."""
    main = chain_id(REGTEST)
    digest = operation_digest(main, batch.vault, batch.seq, Order(batch.seq, 0, batch.outputs))
    return list(sign_partial(shares_of(signer), digest))


def shares_of(signer: Signer) -> list[KeyShare]:
    key = certificate_of(signer).key_id
    files = [(n, f"trade-epoch-0-share-{n}.key") for n in (1, 2)]
    return [KeyShare(key, n, signer.key(file, "federation-share")) for n, file in files]


def certificate_of(signer: Signer) -> KeyCertificate:
    data = (signer.home / "data/signer/certificate-trade-epoch-0.bin").read_bytes()
    return decode(KeyCertificate, data, 1 << 22)


def warrants(signer: Signer) -> list[Warrant]:
    """The journal as it lies on the disk; the signer must be down."""
    with Journal.open(
        signer.home / "data/signer/warrants-trade.journal", kind="warrants", magic=REGTEST.magic
    ) as journal:
        return [decode(Warrant, line, 100_000) for line in journal.records()]


def audited(signer: Signer) -> list[AuditRecord]:
    """The audit log as it lies on the disk, verified under the key in the signer's home."""
    path = str(signer.home / "data/signer/audit-trade.journal")
    public = schnorr.public_key(signer.key("trade.governance.key", "governance"))
    return [line.record for line, _ in verified(read_lines(path), public)]


def votes(signer: Signer) -> list[JournalRecord]:
    with Journal.open(
        signer.home / "data/signer/votes-trade.journal", kind="votes", magic=REGTEST.magic
    ) as journal:
        return [decode(JournalRecord, line, 100_000) for line in journal.records()]


def vote(height: int, step: Step = Step.COMMIT, block: bytes = b"\x0b" * 32, view: int = 0):
    payload = block if step == Step.COMMIT else block + b"\x0d" * 32
    return SignRequest(Position(height, view, int(step)), 0, payload, b"memory")


def cast(signer: Signer, request: SignRequest) -> bytes:
    """The signature of a vote, verified under the home's validator key, on a chain that long."""
    signer.call(VALIDATOR, "ready_empty", request.position.height)
    _, signature, digest = signer.call(VALIDATOR, "sign", encode(request))
    genesis = genesis_of(signer)
    assert digest == request.digest(genesis.id)
    assert bls.verify(genesis.validators[0].key, digest, signature)
    return bytes(signature)


def commit_with_ours(genesis: Genesis, secret: bytes, height: int, view: int = 0) -> Certificate:
    """A commit certificate that this home's validator signed too."""
    header = header_of(genesis, height)
    ring, said = bls_keyring(4), Vote(COMMIT, 0, height, view, header.id, bytes(32), 0, bytes(96))
    digest = said.digest(genesis.id)
    parts = [bls.sign(secret, digest), ring.sign(1, digest), ring.sign(2, digest)]
    return Certificate(COMMIT, 0, height, view, header.id, bytes(32), b"\x07", bls.aggregate(parts))
