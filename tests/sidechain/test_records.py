"""Every wire type of the sidechain's rules: golden bytes, and refusal of anything near them."""

from pathlib import Path
from typing import Any

import msgspec
import pytest

import bystack.sidechain
from bystack.ledger.amounts import BTM
from bystack.ledger.transactions import Outpoint, Output, PolicyLock
from bystack.mainchain.blocks import Header as MainHeader
from bystack.mainchain.proofs import HistoryProof, TransactionProof
from bystack.primitives.codec import Wire, encode
from bystack.primitives.merkle import MerkleProof
from bystack.primitives.mountain import MountainProof
from bystack.sidechain import (
    blocks,
    burns,
    claims,
    epochs,
    mirror,
    misconduct,
    parameters,
    params,
    peg_numbers,
    records,
    relay,
    strays,
)
from bystack.sidechain.actions import system_transaction
from bystack.sidechain.consensus.evidence import TwoVotes
from bystack.sidechain.consensus.statements import PREPARE, Vote
from bystack.sidechain.consensus.validators import Validator, ValidatorSet
from bystack.sidechain.inclusion import Inclusion
from tests.sidechain.mainside import vault_chain
from tests.sidechain.world import K, asset, genesis_for
from tests.wire import GOLDEN, check_wire

ONE, TWO, THREE = (bytes([n]) * 32 for n in (1, 2, 3))
MAIN = MainHeader(1, 5, ONE, TWO, THREE, 7, ONE, 1_735_689_700, 0x207FFFFF, bytes(8))
PROOF = TransactionProof(ONE, 9, MerkleProof(1, 2, (TWO,)), b"tx")
DEEP = Inclusion(PROOF, (HistoryProof(MAIN, TWO, MountainProof(5, 9, (), (THREE,))),))
PAID = Output(BTM, 290, PolicyLock(ONE))
REQUEST = records.Request(3, PolicyLock(ONE), BTM, 300, 290, 4, TWO, 0, 1, 7, 0)
RECORD = records.BatchRecord(ONE, 7, 0, (PAID,), (TWO,))
LOSS = records.Loss(BTM, 5)
NUMBERS = peg_numbers.AssetNumbers(BTM, 20_000, 10, 10, 4)
PENDING = records.Pending(7, 1, LOSS)
HEADER = blocks.Header(
    1, ONE, 5, 0, 1_735_689_700_000, TWO, THREE, ONE, TWO, 3, THREE, ONE, TWO, THREE, THREE, b"", 2
)

VALUES: dict[str, Wire] = {
    "asset": asset("BTM", BTM),
    "consensus": params.Consensus("bbft", "fixed", 500, 5000, 1500, 1, 0, 1200, 40, 12),
    "parameters": parameters.Parameters(1, 500, 5000, 1500, 1, 0, 1200, 40, 6_000_000),
    "epoch_record": epochs.EpochRecord(
        1, 1200, 2399, ONE, ValidatorSet(1, (Validator(bytes(48), bytes(96), 1, TWO),))
    ),
    "module_config": params.ModuleConfig("federation", b"config"),
    "peg_numbers": peg_numbers.PegNumbers(100, 200, (NUMBERS,)),
    "asset_numbers": NUMBERS,
    "stray": records.Stray(ONE, BTM, 5),
    "return": records.Return(Outpoint(ONE, 1), PolicyLock(TWO)),
    "prove_stray": strays.ProveStray(Inclusion(PROOF, ()), 1),
    "claimed": records.Claimed(ONE, BTM, 1_000, 0, 1),
    "request": REQUEST,
    "batch_record": RECORD,
    "batch": records.Batch(RECORD, 0, 4, 12),
    "mirror_state": records.Mirror(Outpoint(ONE, 0), b"state", b"terms", 30, TWO),
    "sums": records.Sums(1, 2, 3, 4, 5),
    "loss": LOSS,
    "pending": PENDING,
    "resolved": records.Resolved(Outpoint(ONE, 1), PENDING, 1),
    "inclusion": Inclusion(PROOF, ()),
    "inclusion_deep": DEEP,
    "claim": claims.Claim(Inclusion(PROOF, ()), 1),
    "donate": claims.Donate(Inclusion(PROOF, ()), 1),
    "reprove": claims.Reprove(Inclusion(PROOF, ()), 1),
    "minted": claims.Minted(9, 100),
    "burn": burns.Burn(PolicyLock(ONE), BTM, 300, TWO),
    "anchor_spend": mirror.AnchorSpend(Inclusion(PROOF, ())),
    "pending_spend": mirror.PendingSpend(Inclusion(PROOF, ())),
    "relay": relay.Relay((MAIN,)),
    "accuse": misconduct.Accuse(
        TwoVotes(
            Vote(PREPARE, 0, 5, 1, ONE, TWO, 3, bytes(96)),
            Vote(PREPARE, 0, 5, 1, THREE, TWO, 3, bytes(96)),
        )
    ),
    "header": HEADER,
    "body": blocks.Body(b"certificate", (system_transaction(relay.Relay((MAIN,))),)),
}


@pytest.mark.parametrize("name", VALUES)
def test_on_the_wire(name: str) -> None:
    check_wire(f"sidechain_{name}", VALUES[name])


def test_the_genesis_on_the_wire() -> None:
    genesis = genesis_for(vault_chain())
    assert encode(genesis) == bytes.fromhex((GOLDEN / "sidechain_genesis.hex").read_text())
    assert genesis.window == 1000 > 4 * K == 4 * genesis.depth


def test_every_wire_type_is_listed() -> None:
    """A type added to the rules needs its golden file."""
    modules = (
        blocks,
        burns,
        claims,
        epochs,
        mirror,
        misconduct,
        parameters,
        params,
        peg_numbers,
        records,
        relay,
        strays,
    )
    known = {type(value) for value in VALUES.values()} | {params.Genesis}
    for module in modules:
        for kind in vars(module).values():
            own = isinstance(kind, type) and kind.__module__ == module.__name__
            if own and issubclass(kind, Wire):
                assert kind in known, kind
    assert Path(bystack.sidechain.__file__).parent.is_dir()


def test_the_ids_commit_to_every_field() -> None:
    changed: dict[str, Any] = {"height": 6, "time": 1, "proposer": 3, "demotions": b"\x01"}
    for field in blocks.Header.__struct_fields__:
        value = getattr(HEADER, field)
        other = changed.get(field, bytes(32) if isinstance(value, bytes) else value + 1)
        assert msgspec.structs.replace(HEADER, **{field: other}).id != HEADER.id


def test_a_peg_outs_id_names_chain_transaction_and_index() -> None:
    ids = {
        records.pegout_id(chain, tx, index)
        for chain in (ONE, TWO)
        for tx in (ONE, TWO)
        for index in (0, 1)
    }
    assert len(ids) == 8
    assert records.record_leaf(RECORD, bytes(32)) != records.record_leaf(REQUEST, bytes(32))
