"""Which ways are open: told from the rules that would refuse."""

import pytest

from bystack.federation.module.actions import PAUSE, Pause
from bystack.federation.module.decisions import Freeze
from bystack.federation.module.freezes import freeze
from bystack.federation.module.pauses import BATCHES, BURNS, CLAIMS
from bystack.primitives.codec import encode
from bystack.primitives.errors import Invalid
from bystack.sidechain.gates import Gate, Gatekeeper
from bystack.sidechain.modules.base import PrefixedState
from tests.attacks.test_R02 import PAUSE as LATE
from tests.attacks.test_R02 import STOP, wait
from tests.attacks.test_R02 import world as lagging
from tests.ledger.people import BOB
from tests.sidechain.federations import approved, federated
from tests.sidechain.test_orphans import away, founded
from tests.sidechain.world import K, World


def gates(world: World) -> dict[str, Gate]:
    side = world.side
    keeper = Gatekeeper(
        world.genesis, side.modules, world.view, side.header.height, side.header.time
    )
    return {gate.way: gate for gate in keeper.gates()}


def shut(world: World) -> set[str]:
    return {way for way, gate in gates(world).items() if not gate.open}


def test_all_are_open_when_nothing_holds_them() -> None:
    assert shut(founded()) == set()


def test_before_the_vault_is_proved_nobody_can_burn() -> None:
    world = federated()
    assert shut(world) == {"pegout"}
    assert gates(world)["pegout"].holds[0].rule == "VaultUnproven"


def test_a_stop_shuts_all_and_says_what_lifts_it() -> None:
    world = founded()
    away(world, K + 1)
    assert shut(world) == {"pegin", "pegout", "payouts"}
    (hold,) = gates(world)["pegout"].holds
    assert hold.rule == "DEEP_REORG" and hold.until == 0
    assert hold.since is not None and hold.since.height == world.side.header.height
    assert f"must grow by {K} headers" in hold.lifts
    world.relay(K)
    (hold,) = gates(world)["pegout"].holds
    assert hold.lifts == "a quorum of the federation"


@pytest.mark.parametrize(
    "what, ways", [(CLAIMS, {"pegin"}), (BURNS, {"pegout"}), (BATCHES, {"payouts"})]
)
def test_a_members_pause_says_until_when(what: int, ways: set[str]) -> None:
    world = founded()
    world.block(approved(world, PAUSE, lambda n: Pause(n, what, "trouble"), (0,)))
    assert shut(world) == ways
    for way in ways - {"payouts"}:
        (hold,) = gates(world)[way].holds
        assert hold.rule == "FederationPaused" and hold.until == world.relayed + 720


def test_what_is_told_is_what_is_refused() -> None:
    world = founded()
    world.block(approved(world, PAUSE, lambda n: Pause(n, BURNS, ""), (0,)))
    (hold,) = gates(world)["pegout"].holds
    with pytest.raises(Invalid) as refusal:
        world.burn(300)
    assert refusal.value.rule == hold.rule and str(refusal.value) == hold.why


def test_a_lag_ends_by_itself_until_it_is_a_stop() -> None:
    world = lagging()
    wait(world, LATE + 1)
    assert shut(world) == {"pegin", "payouts"}
    (hold,) = gates(world)["pegin"].holds
    assert hold.rule == "LAG" and "by themselves" in hold.lifts
    wait(world, STOP + 1)
    (hold,) = gates(world)["pegin"].holds
    assert hold.rule == "LAG" and "quorum" in hold.lifts


def test_a_frozen_destination_is_told_to_who_asks_for_it() -> None:
    world = founded()
    fork = world.view.fork()
    own = PrefixedState(fork, "federation")
    freeze(own, 1, Freeze(encode(BOB.lock), b"rule 7", b"a court's order"), world.relayed)
    world.side.state.take(fork.changes)
    side, header = world.side, world.side.header
    keeper = Gatekeeper(world.genesis, side.modules, world.view, header.height, header.time)
    (hold,) = next(g.holds for g in keeper.gates(BOB.lock) if g.way == "pegout")
    assert hold.rule == "DestinationFrozen" and "rule 7" in hold.why
    assert shut(world) == set()
