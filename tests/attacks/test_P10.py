"""P10 pNetwork: one true deposit among many look-alikes in one transaction. Credit exactly it."""

from bystack.ledger.amounts import BTM
from bystack.ledger.transactions import DepositLock, Lock, Output, PolicyLock, RetireLock
from bystack.primitives.codec import encode
from bystack.sidechain.claims import deposits_in
from tests.ledger.people import ALICE, CAROL
from tests.sidechain.world import K, World, ready


def flipped(data: bytes, bit: int) -> bytes:
    return (int.from_bytes(data, "big") ^ 1 << bit).to_bytes(len(data), "big")


def look_alikes(world: World) -> list[tuple[str, Lock]]:
    vault, note = world.main.vault, world.note(CAROL)
    true = DepositLock(vault, note)
    return [
        ("NotADeposit", DepositLock(flipped(vault, 0), note)),
        ("NotADeposit", DepositLock(flipped(vault, 255), note)),
        ("NotADeposit", RetireLock(encode(true))),
        ("NotADeposit", RetireLock(note)),
        ("NotADeposit", PolicyLock(vault)),
        ("NotADeposit", PolicyLock(world.genesis.id)),
        ("NotADeposit", DepositLock(world.genesis.id, vault + CAROL.lock.root)),
        ("ForeignSidechain", DepositLock(vault, flipped(note, 511))),
        ("ForeignSidechain", DepositLock(vault, flipped(note, 256))),
        ("ForeignSidechain", DepositLock(vault, note[32:] + note[:32])),
        ("DonationUnclaimable", DepositLock(vault, note[:32] + bytes(32))),
    ]


def test_exactly_the_true_output_is_credited() -> None:
    world = ready()
    alike = look_alikes(world)
    plain = world.main.transfer(ALICE, CAROL.lock, 50)
    (place, coin), *_ = world.main.owned(ALICE)
    true = Output(BTM, 1_000, DepositLock(world.main.vault, world.note(CAROL)))
    outputs = [Output(BTM, 1_000, lock) for _, lock in alike]
    rest = Output(BTM, coin.amount - 12_000, ALICE.lock)
    body = type(plain.body)(1, (place,), (*outputs, true, rest), (), 0, 0, note_memo(world))
    paid = world.main.send(world.main.sign(body, ALICE))
    world.relay(K)
    built = world.side.build([world.claim_tx(paid, i) for i in range(len(body.outputs))], world.now)
    assert [e.rule for _, e in built.refused] == [rule for rule, _ in alike] + ["NotADeposit"]
    world.side.commit(built)
    assert world.supply(BTM) + world.sums().pool == 1_000
    true_one, donation = len(alike), len(alike) - 1
    found = deposits_in(paid, world.main.vault, world.genesis.id)
    assert found == (donation, true_one)


def note_memo(world: World) -> bytes:
    """The note in the memo makes nothing a deposit."""
    return world.note(CAROL)
