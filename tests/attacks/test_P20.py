"""P20: proofs from another network, another sidechain's vault, from before the genesis. Reject."""

import msgspec
import pytest

from bystack.ledger.amounts import BTM
from bystack.ledger.transactions import DepositLock, Transaction
from bystack.mainchain.proofs import ProofHeader
from bystack.primitives.errors import Invalid
from bystack.sidechain.actions import system_transaction
from bystack.sidechain.claims import ForeignSidechain, NotADeposit, note_for
from bystack.sidechain.inclusion import HistoryMissing
from bystack.sidechain.relay import Relay, RelayDetached
from tests.ledger.people import ALICE, CAROL
from tests.mainchain.builders import EASY
from tests.sidechain.mainside import Main, vault_chain
from tests.sidechain.world import K, World, genesis_for, ready

TEST = msgspec.structs.replace(EASY, name="other")


def test_another_network() -> None:
    """The same payment on a test network: neither its headers nor its proofs are taken."""
    world = ready()
    other = Main(TEST)
    other.grow(world.relayed - K - 1)
    paid = other.send(
        other.transfer(ALICE, DepositLock(world.main.vault, world.note(CAROL)), 1_000)
    )
    other.grow(2 * K)
    headers = tuple(entry.header for entry in other.entries[1:])
    with pytest.raises(RelayDetached):
        world.block(system_transaction(Relay(headers)))
    with pytest.raises(ProofHeader):
        world.block(world.claim_of(other.inclusion(paid), paid))
    assert world.supply(BTM) == 0


def test_a_relay_continued_by_another_networks_headers() -> None:
    world = ready()
    hard = msgspec.structs.replace(EASY, genesis_target=0x207FFFF0)
    other = Main(hard)
    other.grow(world.relayed + 1)
    last = other.entries[-1].header
    spliced = msgspec.structs.replace(last, previous=world.main.tip.id)
    with pytest.raises(Invalid) as caught:
        world.block(system_transaction(Relay((spliced,))))
    assert caught.value.rule == "HeaderHistory"


def claimed(world: World, paid: Transaction, error: type[Invalid]) -> None:
    world.relay(K)
    with pytest.raises(error):
        world.block(world.claim_tx(paid))
    assert world.supply(BTM) == 0


def test_another_sidechains_vault() -> None:
    world = ready()
    lock = DepositLock(b"\x42" * 32, world.note(CAROL))
    claimed(world, world.main.send(world.main.transfer(ALICE, lock, 1_000)), NotADeposit)


def test_this_vault_but_another_sidechain() -> None:
    world = ready()
    note = note_for(b"\x43" * 32, CAROL.lock.root)
    claimed(world, world.main.send(world.main.deposit(ALICE, 1_000, BTM, note)), ForeignSidechain)


def test_from_before_the_genesis() -> None:
    """The id commits to the checkpoint, so nothing before it can name it; and there is no proof."""
    main = vault_chain()
    early = main.send(main.deposit(ALICE, 1_000, BTM, note_for(bytes(32), CAROL.lock.root)))
    main.grow(5)
    world = World(main, genesis_for(main, checkpoint=main.tip, time=main.tip.header.time * 1000))
    world.relay(2 * K)
    with pytest.raises(HistoryMissing):
        world.block(world.claim_tx(early))
    with pytest.raises(ForeignSidechain):
        world.block(world.claim_tx(early, under=world.relayed - K))
    assert world.supply(BTM) == 0
