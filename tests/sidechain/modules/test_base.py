"""What a module can and cannot do: its own prefix, hooks that refuse, nothing that mints."""

from __future__ import annotations

import pytest

from bystack.ledger.amounts import BTM
from bystack.ledger.coins import Coin, Delta
from bystack.ledger.effects import Effects
from bystack.ledger.transactions import Action, Approval, NoWitness, Outpoint, Output
from bystack.primitives.codec import Bytes32, Wire, encode
from bystack.primitives.errors import Invalid
from bystack.sidechain import custody
from bystack.sidechain.actions import ModuleMints
from bystack.sidechain.modules.base import (
    ActionContext,
    ActionUnknown,
    BlockContext,
    Ending,
    Modules,
    ModuleUnknown,
    Outcome,
    Payment,
    PrefixedState,
    Quiet,
    read_only,
)
from bystack.sidechain.records import PegoutState
from bystack.sidechain.state import SystemState
from bystack.sidechain.sums import unshared_key
from tests.ledger.people import BOB, CAROL
from tests.sidechain.mainside import vault_chain
from tests.sidechain.world import K, Store, World, genesis_for, module_config

HELD = Output(BTM, 30, BOB.lock)


class Word(Wire):
    word: Bytes32


class No(Invalid):
    """The module refuses."""


class Strict(Quiet):
    """Refuses what it is told to; notes, counts, burns."""

    name = "strict"
    free = frozenset((1,))
    refuses: frozenset[str] = frozenset()
    ending = Ending()
    pays: tuple[Payment, ...] = (Payment(BTM, 30, BOB.lock.root),)

    def start(self, state: PrefixedState, config: bytes) -> None:
        state.put(config, b"config")

    def act(self, state: PrefixedState, context: ActionContext, kind: int) -> Outcome:
        match kind:
            case 1:
                state.put(context.action.body, b"note")
                return Outcome()
            case 2:
                return Outcome(Effects(destroyed={BTM: 30}))
            case 3:
                return Outcome(Effects(created={BTM: 30}))
            case 4:
                coin = Coin(BTM, 30, BOB.lock, 1, 0, 1, b"")
                return Outcome(Effects(records=Delta({}, {Outpoint(bytes(32), 0): coin})))
            case 6:
                return Outcome(payments=self.pays)
            case 5:
                state.put(b"half", b"note")
                raise No()
            case _:
                return super().act(state, context, kind)

    def _ask(self, name: str) -> None:
        if name in self.refuses:
            raise No(what=name)

    def may_claim(self, state: PrefixedState, block: BlockContext, asset: bytes) -> None:
        self._ask("claim")

    def may_burn(
        self, state: PrefixedState, block: BlockContext, destination: bytes, asset: bytes
    ) -> None:
        self._ask("burn")

    def may_batch(self, state: PrefixedState, block: BlockContext) -> bool:
        return "batch" not in self.refuses

    def end(self, state: PrefixedState, block: BlockContext) -> Ending:
        state.put(encode(block.height), b"height")
        return self.ending


def world(*refuses: str) -> tuple[World, Strict]:
    main, module = vault_chain(), Strict()
    configs = (module_config("quiet", Word(bytes(32))), module_config("strict", Word(bytes(32))))
    made = World(main, genesis_for(main, modules=configs), Modules([Quiet(), module]))
    made.relay(K)
    made.block(made.anchor_tx(main.created))
    made.relay(12)
    made.pegged(2_000)
    module.refuses = frozenset(refuses)
    return made, module


def action(kind: int, body: bytes = b"") -> Action:
    """The second module's action: kinds from 512 on."""
    return Action(512 + kind, body)


def note_of(on: World) -> bytes | None:
    return read_only(on.side.state, "strict").get(b"note")


def test_an_action_goes_to_its_module_and_writes_there_alone() -> None:
    on, _ = world()
    before = dict(on.side.state)
    on.block(on.transact(CAROL, actions=(action(1, b"hello"),)))
    assert note_of(on) == b"hello"
    changed = {key for key in on.side.state if on.side.state[key] != before.get(key)}
    assert all(key.startswith((b"module/strict/", b"sums/", b"unshared/")) for key in changed)


def test_a_free_action_stands_alone_and_pays_nothing() -> None:
    on, _ = world()
    free = on.transact(CAROL, actions=(action(1, b"x"),), fee=0)
    with pytest.raises(Exception, match="FeeTooLow"):
        on.block(free)
    alone = type(free)(type(free.body)(1, (), (), (action(1, b"x"),), 0, 0, b""), (NoWitness(),))
    on.block(alone)
    assert note_of(on) == b"x"


@pytest.mark.parametrize("kind", [3, 4])
def test_nothing_a_module_returns_mints(kind: int) -> None:
    on, _ = world()
    supply = on.supply(BTM)
    with pytest.raises(ModuleMints):
        on.block(on.transact(CAROL, (HELD,), actions=(action(kind),)))
    assert on.supply(BTM) == supply


def test_what_a_module_takes_it_holds_and_it_still_circulates() -> None:
    on, _ = world()
    supply = on.supply(BTM)
    on.block(on.transact(CAROL, actions=(action(2),), destroyed=30))
    assert on.supply(BTM) == supply - 31
    assert custody.held(on.view, "strict", BTM) == 30
    assert on.sums().circulating == supply - 1


def test_a_module_pays_out_of_what_it_holds_and_no_more() -> None:
    on, _ = world()
    with pytest.raises(custody.HoldingsShort):
        on.block(on.transact(CAROL, actions=(action(6),)))
    before = on.balance(BOB)
    on.block(on.transact(CAROL, actions=(action(2),), destroyed=30))
    on.block(on.transact(CAROL, actions=(action(6),)))
    assert on.balance(BOB) == before + 30
    assert custody.held(on.view, "strict", BTM) == 0
    assert on.supply(BTM) == on.sums().circulating
    with pytest.raises(custody.HoldingsShort):
        on.block(on.transact(CAROL, actions=(action(6),)))


@pytest.mark.parametrize(
    "payment",
    [
        Payment(BTM, 0, BOB.lock.root),
        Payment(BTM, -5, BOB.lock.root),
        Payment(BTM, 5, bytes(32)),
        Payment(bytes(32), 5, BOB.lock.root),
    ],
)
def test_a_payment_of_nothing_or_to_nobody_is_refused(payment: Payment) -> None:
    on, module = world()
    module.pays = (payment,)
    on.block(on.transact(CAROL, actions=(action(2),), destroyed=30))
    with pytest.raises(custody.PaymentInvalid):
        on.block(on.transact(CAROL, actions=(action(6),)))


def test_rewards_are_fees_not_yet_shared_and_no_more() -> None:
    on, module = world()
    on.block(on.transact(CAROL))
    collected = custody.unshared(on.view, on.genesis)[BTM]
    assert collected == on.view.number(unshared_key(BTM)) > 0
    before = on.balance(BOB)
    module.ending = Ending(rewards=(Payment(BTM, collected + 1, BOB.lock.root),))
    left_out(on, custody.RewardsShort)
    module.ending = Ending(rewards=(Payment(BTM, collected, BOB.lock.root),))
    on.block()
    assert on.balance(BOB) == before + collected
    left_out(on, custody.RewardsShort)


def test_what_a_module_forfeits_becomes_fees() -> None:
    on, module = world()
    on.block(on.transact(CAROL, actions=(action(2),), destroyed=30))
    before = on.view.number(unshared_key(BTM))
    module.ending = Ending(forfeits={BTM: 30})
    on.block()
    assert on.view.number(unshared_key(BTM)) == before + 30
    assert on.supply(BTM) == on.sums().circulating
    left_out(on, custody.HoldingsShort)


def left_out(on: World, rule: type[Invalid]) -> None:
    """A block in which the module's end is left out for this reason, and moves nothing."""
    sums, coins = on.sums(), dict(on.side.coins)
    on.side.events.clear()
    on.block()
    assert [facts["rule"] for _, facts in on.side.events] == [rule.__name__]
    assert (on.sums(), on.side.coins) == (sums, coins)


def test_a_refused_action_leaves_nothing_behind() -> None:
    on, _ = world()
    with pytest.raises(No):
        on.block(on.transact(CAROL, actions=(action(5),)))
    with pytest.raises(ActionUnknown):
        on.block(on.transact(CAROL, actions=(action(9),)))
    with pytest.raises(ActionUnknown):
        on.block(on.transact(CAROL, actions=(Action(768, b""),)))
    assert note_of(on) is None


def test_the_hooks_refuse() -> None:
    on, module = world("claim", "burn")
    paid = on.deposit(1_000)
    on.relay(K)
    for refused in (on.claim_tx(paid), on.burn_tx(300)):
        with pytest.raises(No):
            on.block(refused)
    assert on.sums().owed == 0
    module.refuses = frozenset(("batch",))
    on.block(on.claim_tx(paid))
    id = on.burn(300)
    on.idle(2)
    assert on.stands(id) == PegoutState.REQUESTED
    module.refuses = frozenset()
    on.idle()
    assert on.stands(id) == PegoutState.BATCHED


def test_every_module_hears_of_the_end() -> None:
    on, _ = world()
    on.idle()
    ended = read_only(on.side.state, "strict").get(b"height")
    assert ended == encode(on.side.header.height)


def test_kinds_and_names() -> None:
    modules = Modules([Quiet(), Strict()])
    assert (modules.kind("quiet", 1), modules.kind("strict", 7)) == (257, 519)
    assert modules.free(513) and not modules.free(514) and not modules.free(257)
    assert not modules.free(1) and not modules.free(60_000)
    with pytest.raises(ModuleUnknown):
        modules.kind("none", 1)


def test_a_prefix_is_a_wall() -> None:
    state = SystemState(Store({b"secret/": b"1"}))
    one, two = PrefixedState(state, "a"), PrefixedState(state, "ab")
    one.put(b"1", b"b", 5)
    assert two.get(b"b", 5) is None and two.get(5) is None and one.get(b"b", 5) == b"1"
    assert all(key.startswith(b"module/a/") for key in state.changes)
    read_only(state, "a").put(b"2", b"b", 5)
    assert one.get(b"b", 5) == b"1"


def test_a_quiet_module_does_nothing() -> None:
    quiet, state = Quiet(), PrefixedState(SystemState(Store()), "quiet")
    block = BlockContext(bytes(32), 1, 1, 1)
    assert quiet.query(state, "x", ()) is None and quiet.may_batch(state, block)
    context = ActionContext(block, bytes(32), 0, Action(256, b""), Approval(b"", ()))
    with pytest.raises(ActionUnknown):
        quiet.act(state, context, 0)
