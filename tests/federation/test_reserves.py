"""An auditor who believes nobody finds what the law's own model finds, and no forgery passes."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from bystack.federation.reserves import Auditor, EntryMissing, RelayElsewhere, Verdict
from bystack.ledger.amounts import BTM
from bystack.ledger.transactions import Outpoint, Output
from bystack.mainchain.transition import TransactionRoot
from bystack.primitives.codec import encode
from bystack.primitives.errors import Invalid
from bystack.primitives.multiset import multiset_digest
from bystack.primitives.trie import prove
from bystack.sidechain.consensus.light import FinalHeader
from bystack.sidechain.proofs import ProvedEntry, StateProofs, check_state_proofs
from bystack.sidechain.records import MIRROR, sums_key
from tests.ledger.people import ALICE
from tests.sidechain.consensus.samples import COMMITTED
from tests.sidechain.governed import Governed
from tests.sidechain.histories import ASSETS
from tests.sidechain.mainside import SLOW
from tests.sidechain.test_orphans import away, founded
from tests.sidechain.world import K, World

LATE = 2**40


def reader(world: World) -> Auditor:
    """Who has read the main chain up to the relay's tip."""
    auditor, start = Auditor(world.genesis), world.genesis.checkpoint.header.height
    for block in world.main.line[start : world.relayed]:
        auditor.connect(block, LATE)
    return auditor


def proofs_of(world: World, keys: list[bytes]) -> StateProofs:
    side = world.side
    entries = tuple(
        ProvedEntry(
            key,
            (side.state[key],) if key in side.state else (),
            prove(side.nodes, side.root, key),
        )
        for key in keys
    )
    final = FinalHeader(side.header, COMMITTED, ())
    return StateProofs(final, side.root, multiset_digest(side.multiset), entries)


def audited(world: World) -> Verdict:
    auditor = reader(world)
    proofs = proofs_of(world, auditor.wanted())
    return auditor.judge(proofs.final.header, check_state_proofs(proofs))


@pytest.mark.parametrize("seed", range(1, 7))
def test_an_auditor_agrees_after_any_history(seed: int) -> None:
    history = Governed(seed, deep=seed % 2 == 0)
    history.run(60)
    verdict = audited(history.world)
    assert verdict.holds and verdict.height == history.world.relayed - K
    for asset in ASSETS:
        row, sums = verdict.rows[asset], history.world.sums(asset)
        assert (row.circulating, row.pool, row.owed) == (sums.circulating, sums.pool, sums.owed)
        assert row.deficit == sums.deficit and min(row) >= 0
    assert verdict.backed is not any(row.deficit for row in verdict.rows.values())


def test_a_theft_is_a_deficit_to_the_unit() -> None:
    world = founded()
    spend = world.main.send(world.main.order((Output(BTM, 90, ALICE.lock),)))
    world.relay(K)
    before = audited(world)
    assert before.holds and before.height < world.relayed - K  # the spend is not proved yet
    world.block(world.anchor_tx(spend))
    after = audited(world)
    assert after.holds and not after.backed and after.rows[BTM].deficit == 90
    assert after.rows[BTM].vault == before.rows[BTM].vault - 90


def test_a_completion_not_proved_yet_is_waited_for() -> None:
    world = founded()
    world.burn(1_500)
    order = world.pay(0)
    done = world.main.send(world.main.complete(Outpoint(order.id, 1), world.record(0).outputs))
    world.relay(K)
    at = world.main.where[done.id][0]
    assert audited(world).height == at - 1 and audited(world).backed
    world.block(world.pending_tx(done))
    assert audited(world).height == world.relayed - K and audited(world).rows[BTM].owed == 0
    assert world.main.terms.tiers[SLOW].delay


def test_a_chain_that_lies_about_its_sums_fails_the_law() -> None:
    """Validators who mint: the state they certify is proved, and the vault does not hold it."""
    world = founded()
    auditor = reader(world)
    entries = check_state_proofs(proofs_of(world, auditor.wanted()))
    sums = world.sums()
    minted = encode(replace(sums, circulating=sums.circulating + 1))
    verdict = auditor.judge(world.side.header, {**entries, sums_key(BTM): minted})
    assert not verdict.holds and verdict.rows[BTM].difference == -1


def test_forged_proofs_and_blocks_are_refused() -> None:
    world = founded()
    auditor = reader(world)
    proofs = proofs_of(world, auditor.wanted())
    for number in range(len(proofs.entries)):
        one = replace(proofs.entries[number], value=(b"\x01",))
        rest = (*proofs.entries[:number], one, *proofs.entries[number + 1 :])
        with pytest.raises(Invalid):
            check_state_proofs(replace(proofs, entries=rest))
    world.main.grow(1)
    block = world.main.line[-1]
    other = replace(block, transactions=(world.main.created,))
    with pytest.raises(TransactionRoot):
        auditor.connect(other, LATE)
    with pytest.raises(Invalid):
        auditor.connect(replace(block, header=replace(block.header, nonce=b"x" * 8)), LATE)
    auditor.connect(block, LATE)


def test_what_was_not_proved_is_not_taken_for_absent() -> None:
    world = founded()
    auditor = reader(world)
    entries = check_state_proofs(proofs_of(world, auditor.wanted()))
    for key in auditor.wanted():
        with pytest.raises(EntryMissing):
            auditor.judge(world.side.header, {k: v for k, v in entries.items() if k != key})
    assert MIRROR in entries


def test_a_relay_on_another_main_chain_is_told() -> None:
    world = founded()
    header = world.side.header
    away(world, K + 1)
    with pytest.raises(RelayElsewhere):
        reader(world).judge(header, {})
