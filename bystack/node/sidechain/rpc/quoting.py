"""What a burn would pay out, through which tier, and about when: told before anything is burned.

Answers come from the rules that the burn itself meets, on the present state; numbers may change
until it is in a block, and others may be first.
"""

from __future__ import annotations

from typing import NamedTuple

from bystack.ledger.terms import Terms, decode_terms
from bystack.node.sidechain.rpc.standing import Sight, Standing, Wait, seconds
from bystack.primitives.hashes import sha256
from bystack.sidechain.burns import AmountNotWhole, asset_of, check_destination, payout_of
from bystack.sidechain.gates import SOMEBODY, Gate, Gatekeeper
from bystack.sidechain.mirror import VaultUnproven
from bystack.sidechain.peg_numbers import PegNumbers, in_force
from bystack.sidechain.records import MIRROR, Destination, Mirror, PegoutState, Request
from bystack.sidechain.tiering import tier_for

NOBODY = sha256(b"a peg-out that nobody asked for yet")
"""The id of one that stands in no queue: it would come after all that do."""


class Quote(NamedTuple):
    """What a burn would give: amounts in smallest units, `delay` in main-chain blocks.

    `seconds`: about how long until the money is there, 0 where nobody can tell. `burns`, `payouts`:
    whether it may be burned now, and whether payouts go on.
    """

    payout: int
    flat: int
    share: int
    minimum: int
    tier: int
    delay: int
    before: int
    wait: Wait
    seconds: int
    burns: Gate
    payouts: Gate


def quote(
    keeper: Gatekeeper, asset: bytes, amount: int, destination: Destination = SOMEBODY
) -> Quote:
    """The quote for burning so much now.

    Raises as the burn would, but for what is shut: `AssetUnmapped`, `AmountNotWhole`,
    `DestinationInvalid`, `BurnBelowMinimum`, `BurnAboveCapacity`, `VaultUnproven`.
    """
    entry, numbers = asset_of(keeper.genesis, asset), in_force(keeper.state)
    if amount % entry.unit:
        raise AmountNotWhole(amount=amount, unit=entry.unit)
    check_destination(keeper.genesis, destination)
    payout = payout_of(numbers, entry, amount)
    tier = tier_for(_terms(keeper), asset, payout)
    asked = Request(0, destination, asset, amount, payout, 0, bytes(32), tier, _WAITS, 0, 0)
    return _quoted(keeper, Standing(keeper, NOBODY, asked, Sight()), numbers)


_WAITS = int(PegoutState.REQUESTED)


def _terms(keeper: Gatekeeper) -> Terms:
    mirror = keeper.state.read(Mirror, MIRROR)
    if mirror is None:
        raise VaultUnproven(vault=keeper.genesis.vault)
    return decode_terms(mirror.terms)


def _quoted(keeper: Gatekeeper, standing: Standing, numbers: PegNumbers) -> Quote:
    request, wait = standing.request, standing.wait()
    own = numbers.of(request.asset)
    _, burns, payouts = keeper.gates(request.destination)
    stuck = wait.code == "stopped" and not wait.blocks
    return Quote(
        payout=request.payout,
        flat=own.pegout_fee,
        share=request.burned - request.payout - own.pegout_fee,
        minimum=own.pegout_minimum,
        tier=request.tier,
        delay=standing.delay,
        before=standing.before,
        wait=wait,
        seconds=0 if stuck else seconds(keeper, *standing.arrives(wait)),
        burns=burns,
        payouts=payouts,
    )
