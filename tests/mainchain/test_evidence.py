"""Evidence that something was retired, for somebody who has one header id and nothing else."""

import msgspec
import pytest

from bystack.ledger.amounts import asset_id
from bystack.ledger.transactions import Output, RetireLock, TransactionBody
from bystack.mainchain.chain import Entry
from bystack.mainchain.evidence import (
    Evidence,
    HeaderNotTrusted,
    check_evidence,
    decode_evidence,
)
from bystack.mainchain.history import history_nodes, prove_history
from bystack.mainchain.issues import Issue
from bystack.mainchain.proofs import ProofHeight, prove_transaction
from bystack.primitives.codec import encode
from bystack.primitives.errors import Invalid
from tests.ledger.people import ALICE, BOB
from tests.mainchain.builders import Chain
from tests.mainchain.test_issues import GOLD, ROOT, rich
from tests.wire import check_wire

ASSET = asset_id(ROOT, GOLD)


def retired() -> tuple[Chain, Evidence]:
    """A chain on which 30 GOLD of 500 were retired, and the evidence under the block itself."""
    chain = rich()
    chain.mine(chain.issue(ALICE, Issue(ROOT, GOLD, 500)))
    ((place, _),) = chain.owned(ALICE, ASSET)
    ((fee, coin), *_) = chain.owned(BOB) or chain.owned(ALICE)
    outputs = (
        Output(ASSET, 30, RetireLock(b"melted")),
        Output(ASSET, 470, ALICE.lock),
        coin.output,
    )
    body = TransactionBody(1, (place, fee), outputs, (), 0, 0, b"")
    block = chain.mine(chain.sign(body, ALICE))
    return chain, Evidence(block.header, (), prove_transaction(block, 1))


_, EVIDENCE = retired()


def history_of(chain: Chain) -> dict[tuple[int, int], bytes]:
    """The nodes of the mountain range below the tip."""
    nodes: dict[tuple[int, int], bytes] = {}
    entry: Entry | None = chain.tip
    while entry is not None:
        nodes |= {(level, index): hash for level, index, hash in history_nodes(entry)}
        entry = chain.tree.entry(entry.header.previous)
    return nodes


def test_evidence_on_the_wire() -> None:
    check_wire("mainchain_evidence", EVIDENCE)


def test_it_shows_what_was_retired_and_with_which_data() -> None:
    proved = check_evidence(decode_evidence(encode(EVIDENCE)), EVIDENCE.header.id)
    (output,) = proved.retired
    assert (output.asset, output.amount) == (ASSET, 30)
    assert output.lock == RetireLock(b"melted")
    assert proved.header.height == 8


def test_another_header_is_not_the_trusted_one() -> None:
    with pytest.raises(HeaderNotTrusted):
        check_evidence(EVIDENCE, bytes(32))


def test_every_byte_of_it_counts() -> None:
    data = encode(EVIDENCE)
    for at in range(0, len(data), 3):
        changed = data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :]
        with pytest.raises(Invalid):
            check_evidence(decode_evidence(changed), EVIDENCE.header.id)


def test_under_a_newer_header() -> None:
    chain, own = retired()
    chain.grow(5)
    newer = chain.tip
    nodes = history_of(chain)
    before = chain.tree.entry(own.header.id)
    assert before is not None
    history = prove_history(lambda level, index: nodes[level, index], newer.header, before)
    evidence = Evidence(newer.header, (history,), own.transaction)
    proved = check_evidence(evidence, newer.id)
    assert proved.header.id == own.header.id
    assert proved.retired[0].amount == 30
    lower = msgspec.structs.replace(own.transaction, height=7)
    with pytest.raises(ProofHeight):
        check_evidence(msgspec.structs.replace(evidence, transaction=lower), newer.id)
