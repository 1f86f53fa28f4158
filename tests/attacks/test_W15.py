"""W15: poisoned destinations. Bad ones are refused before anything is burned; transit is legal."""

from collections.abc import Callable
from typing import Any

import msgspec
import pytest

from bystack.ledger.amounts import BTM
from bystack.ledger.transactions import (
    Action,
    DepositLock,
    Lock,
    PendingLock,
    PolicyLock,
    RetireLock,
    TreasuryLock,
    VaultLock,
)
from bystack.primitives.codec import Malformed, NotCanonical, encode
from bystack.primitives.errors import Invalid
from bystack.sidechain.action_kinds import BURN
from bystack.sidechain.actions import decode_action
from bystack.sidechain.burns import Burn
from bystack.sidechain.tiering import BurnAboveCapacity, tier_for
from tests.ledger.people import CAROL
from tests.sidechain.mainside import GOLD, TERMS
from tests.sidechain.world import World, funded

OTHER = b"\x42" * 32
NOTE = bytes(range(64))


def refused(world: World, burn: Burn, destroyed: int = 300) -> str:
    """The rule that refuses the burn; nothing is burned."""
    action = Action(BURN, encode(burn))
    tx = world.transact(CAROL, actions=(action,), destroyed=destroyed)
    before = dict(world.side.state), dict(world.side.coins)
    with pytest.raises(Invalid) as caught:
        world.block(tx)
    assert before == (world.side.state, world.side.coins)
    return caught.value.rule


BAD: list[tuple[str, Callable[[World], Lock]]] = [
    ("DestinationInvalid", lambda w: PolicyLock(bytes(32))),
    ("DestinationInvalid", lambda w: DepositLock(w.main.vault, NOTE)),
    ("DestinationInvalid", lambda w: DepositLock(w.main.vault, w.note(CAROL))),
    ("DestinationInvalid", lambda w: DepositLock(bytes(32), NOTE)),
    ("Malformed", lambda w: RetireLock(b"gone")),
    ("Malformed", lambda w: TreasuryLock(w.main.vault)),
    ("Malformed", lambda w: VaultLock(w.main.vault)),
    ("Malformed", lambda w: PendingLock(w.main.vault, OTHER, OTHER, 1)),
    ("Malformed", lambda w: PolicyLock(OTHER[:31])),
    ("Malformed", lambda w: PolicyLock(OTHER + b"\x00")),
    ("Malformed", lambda w: DepositLock(OTHER, NOTE[:63])),
    ("Malformed", lambda w: DepositLock(OTHER, NOTE + b"\x00")),
    ("Malformed", lambda w: DepositLock(OTHER, bytes(10**5))),
]


@pytest.mark.parametrize(("rule", "lock"), BAD)
def test_a_bad_destination_is_refused_before_the_burn(
    rule: str, lock: Callable[[World], Lock]
) -> None:
    world = funded()
    assert refused(world, Burn(lock(world), BTM, 300, CAROL.lock.root)) == rule  # type: ignore[arg-type]


def test_each_other_fault_has_its_rule() -> None:
    world = funded()
    good = Burn(CAROL.lock, BTM, 300, CAROL.lock.root)
    cases: dict[str, dict[str, Any]] = {
        "AssetUnmapped": {"asset": OTHER},
        "BurnBelowMinimum": {"amount": 9},
        "DestinationInvalid": {"refund": bytes(32)},
    }
    for rule, fields in cases.items():
        burn = msgspec.structs.replace(good, **fields)
        assert refused(world, burn, burn.amount) == rule


def test_what_no_tier_can_ever_pay_is_refused() -> None:
    limited = msgspec.structs.replace(TERMS, tiers=TERMS.tiers[:2])
    assert [tier_for(limited, BTM, amount) for amount in (1_000, 1_001, 4_000)] == [0, 1, 1]
    for asset, amount in ((BTM, 4_001), (OTHER, 1)):
        with pytest.raises(BurnAboveCapacity):
            tier_for(limited, asset, amount)
        assert tier_for(TERMS, asset, amount) == 2


def test_other_encodings_are_refused() -> None:
    data = encode(Burn(CAROL.lock, BTM, 5, CAROL.lock.root))
    at = data.index(b"\x05\xc4\x20")
    with pytest.raises(NotCanonical):
        decode_action(Action(BURN, data[:at] + b"\xcc" + data[at:]))
    with pytest.raises(Malformed):
        decode_action(Action(BURN, data + b"\x00"))


def test_another_sidechains_vault_is_paid_like_anybody() -> None:
    world = funded()
    to = DepositLock(OTHER, NOTE)
    world.block(world.burn_tx(300, asset=GOLD, to=to))
    spend = world.pay(0)
    assert spend.body.outputs[1].lock == to
    assert spend.body.outputs[1].amount == 300 - 4 - 6
    assert world.sums(GOLD).owed == 0
