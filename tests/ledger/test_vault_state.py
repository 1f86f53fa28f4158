"""How guard, govern and recover move a vault's state, through transactions and by replay."""

import pytest
from msgspec.structs import replace

from bystack.ledger.satisfaction import ItemsMissing
from bystack.ledger.terms import Terms, TermsInvalid, terms_hash
from bystack.ledger.transactions import Approval
from bystack.ledger.vault_errors import (
    FrozenTooOften,
    NewKeysUnsigned,
    NotAnnounced,
    NotIdle,
    NotRipe,
    SecondApproval,
    SeqMismatch,
    StateInvalid,
    TermsUnknown,
    TurnMismatch,
    VaultFrozen,
    VaultInvalid,
)
from bystack.ledger.vault_operations import (
    Adopt,
    Announce,
    Cancel,
    Freeze,
    Order,
    Recover,
    Replace,
    Touch,
)
from bystack.ledger.vault_state import Announced, decode_state, first_state, replay
from bystack.primitives.codec import encode
from tests.ledger.vault_world import (
    EVERYBODY,
    World,
    approved_by,
    key,
    new_terms,
    pay,
    usual_terms,
)
from tests.wire import check_wire

ZERO_TERMS = bytes(32)
INVALID = replace(usual_terms(), note=b"m" * 32, tiers=(replace(usual_terms().tiers[2], delay=1),))


@pytest.fixture
def world() -> World:
    world = World()
    world.fill_buckets()
    return world


def announced(world: World, terms: Terms) -> None:
    world.submit(world.spend(Announce(world.state.seq, terms_hash(terms))))


class TestTouch:
    def test_voids_the_seq(self, world: World) -> None:
        order = world.order([pay(5)], [world.deposit(9)])
        world.submit(world.touch())
        assert world.state.touched == world.height
        stale = world.order([pay(5)], [world.deposit(9)], seq=0)
        assert stale.body.actions == order.body.actions
        with pytest.raises(SeqMismatch):
            world.judge(stale)

    def test_not_while_frozen(self, world: World) -> None:
        world.submit(world.spend(Freeze(0)))
        with pytest.raises(VaultFrozen):
            world.judge(world.touch())

    def test_signed_by_the_tier(self, world: World) -> None:
        with pytest.raises(ItemsMissing):
            world.judge(world.spend(Touch(0, 0), EVERYBODY - {"op"}))


class TestAnnounce:
    def test_counts_from_its_block(self, world: World) -> None:
        announced(world, new_terms())
        wanted = (Announced(terms_hash(new_terms()), world.height + 50),)
        assert (world.state.announced, world.state.touched) == (wanted, world.height)

    def test_a_second_restarts_the_delay(self, world: World) -> None:
        announced(world, new_terms())
        first = world.height
        world.height += 49
        announced(world, new_terms())
        world.height = first + 50
        with pytest.raises(NotRipe):
            world.judge(world.spend(Adopt(new_terms())))
        world.height = first + 99
        world.submit(world.spend(Adopt(new_terms())))

    def test_seq_and_govern(self, world: World) -> None:
        hashed = terms_hash(new_terms())
        with pytest.raises(SeqMismatch):
            world.judge(world.spend(Announce(1, hashed)))
        with pytest.raises(ItemsMissing):
            world.judge(world.spend(Announce(0, hashed), EVERYBODY - {"s1", "s2"}))

    def test_while_frozen(self, world: World) -> None:
        world.submit(world.spend(Freeze(0)))
        announced(world, new_terms())


class TestCancel:
    def test_withdraws(self, world: World) -> None:
        announced(world, new_terms())
        world.submit(world.spend(Cancel(0, terms_hash(new_terms()))))
        assert (world.state.announced, world.state.turn, world.state.seq) == ((), 1, 2)
        world.height += 50
        with pytest.raises(NotAnnounced):
            world.judge(world.spend(Adopt(new_terms())))

    def test_turn_terms_and_guard(self, world: World) -> None:
        with pytest.raises(NotAnnounced):
            world.judge(world.spend(Cancel(0, terms_hash(new_terms()))))
        announced(world, new_terms())
        with pytest.raises(NotAnnounced):
            world.judge(world.spend(Cancel(0, terms_hash(usual_terms()))))
        with pytest.raises(TurnMismatch):
            world.judge(world.spend(Cancel(1, terms_hash(new_terms()))))
        with pytest.raises(ItemsMissing):
            held = EVERYBODY - {"g1", "g2"}
            world.judge(world.spend(Cancel(0, terms_hash(new_terms())), held))


class TestAdopt:
    def test_by_anyone_once_ripe(self, world: World) -> None:
        announced(world, new_terms())
        touched = world.height
        world.height += 49
        with pytest.raises(NotRipe):
            world.judge(world.spend(Adopt(new_terms())))
        world.height += 1
        world.submit(world.spend(Adopt(new_terms()), {"n1"}))
        state = world.state
        assert (state.terms, state.announced) == (terms_hash(new_terms()), ())
        assert (state.seq, state.turn, state.touched) == (2, 1, touched)

    def test_not_without_announcement(self, world: World) -> None:
        with pytest.raises(NotAnnounced):
            world.judge(world.spend(Adopt(new_terms())))
        announced(world, new_terms())
        world.height += 50
        other = replace(new_terms(), note=bytes(32))
        with pytest.raises(NotAnnounced):
            world.judge(world.spend(Adopt(other)))

    def test_keys_that_nobody_holds(self, world: World) -> None:
        announced(world, new_terms())
        world.height += 50
        with pytest.raises(NewKeysUnsigned):
            world.judge(world.spend(Adopt(new_terms()), EVERYBODY - {"n1"}))
        tx = world.spend(Adopt(new_terms()))
        for groups in ((), ((b"",),)):
            with pytest.raises(NewKeysUnsigned):
                world.judge(approved_by(tx, Approval(encode(usual_terms()), groups)))

    def test_invalid_terms_never_take_office(self, world: World) -> None:
        announced(world, INVALID)
        world.height += 50
        with pytest.raises(TermsInvalid):
            world.judge(world.spend(Adopt(INVALID)))

    def test_terms_without_new_policies_need_no_signature(self, world: World) -> None:
        terms = replace(usual_terms(), note=bytes(32))
        announced(world, terms)
        world.height += 50
        world.submit(world.spend(Adopt(terms), ()))

    def test_keeps_a_freeze(self, world: World) -> None:
        announced(world, new_terms())
        world.height += 40
        world.submit(world.spend(Freeze(0)))
        world.height += 10
        world.submit(world.spend(Adopt(new_terms())))
        world.terms = new_terms()
        with pytest.raises(VaultFrozen):
            world.judge(world.touch())


class TestFreeze:
    def test_stops_and_ends(self, world: World) -> None:
        world.submit(world.spend(Freeze(0)))
        assert (world.state.frozen_until, world.state.turn) == (world.height + 20, 1)
        world.height += 20
        world.submit(world.touch())

    def test_rests_four_times_as_long(self, world: World) -> None:
        world.submit(world.spend(Freeze(0)))
        world.height += 20 + 79
        with pytest.raises(FrozenTooOften):
            world.judge(world.spend(Freeze(1)))
        world.height += 1
        world.submit(world.spend(Freeze(1)))

    def test_turn_and_guard(self, world: World) -> None:
        with pytest.raises(TurnMismatch):
            world.judge(world.spend(Freeze(1)))
        with pytest.raises(ItemsMissing):
            world.judge(world.spend(Freeze(0), EVERYBODY - {"g1", "g2"}))


class TestReplace:
    @pytest.mark.parametrize("second", [{"op", "s1"}, {"g2"}])
    def test_recover_with_govern_or_guard(self, world: World, second: set[str]) -> None:
        world.submit(world.spend(Replace(0, new_terms()), {"r1", "r3", "n1"} | second))
        state = world.state
        assert (state.terms, state.seq, state.turn) == (terms_hash(new_terms()), 1, 1)
        assert state.touched == world.height

    def test_exactly_one_second(self, world: World) -> None:
        with pytest.raises(SecondApproval):
            world.judge(world.spend(Replace(0, new_terms()), {"r1", "r2", "n1"}))
        tx = world.spend(Replace(0, new_terms()), {"r1", "r2", "n1", "g1"})
        guard = world.spend(Replace(0, new_terms()), {"r1", "r2", "n1", "op", "s1"})
        one, other = tx.witnesses[-1], guard.witnesses[-1]
        assert isinstance(one, Approval)
        assert isinstance(other, Approval)
        both = (one.signatures[0], other.signatures[1], *one.signatures[2:])
        with pytest.raises(SecondApproval):
            world.judge(approved_by(tx, replace(one, signatures=both)))
        with pytest.raises(SecondApproval):
            world.judge(approved_by(tx, replace(one, signatures=one.signatures[:2])))

    def test_not_without_recover(self, world: World) -> None:
        with pytest.raises(ItemsMissing):
            world.judge(world.spend(Replace(0, new_terms()), {"g1", "n1", "r1"}))

    def test_new_keys_and_turn(self, world: World) -> None:
        with pytest.raises(NewKeysUnsigned):
            world.judge(world.spend(Replace(0, new_terms()), {"r1", "r2", "g1"}))
        with pytest.raises(TurnMismatch):
            world.judge(world.spend(Replace(1, new_terms()), {"r1", "r2", "g1", "n1"}))

    def test_lifts_a_freeze_and_its_rest_counts_from_there(self, world: World) -> None:
        world.submit(world.spend(Freeze(0)))
        world.height += 5
        world.submit(world.spend(Replace(1, new_terms()), {"r1", "r2", "g1", "n1"}))
        world.terms = new_terms()
        world.judge(world.spend(Touch(world.state.seq, 0)))
        assert (world.state.frozen_until, world.state.freeze_from) == (
            world.height,
            world.height + 80,
        )

    def test_drops_the_announcement(self, world: World) -> None:
        evil = replace(new_terms(), guard=replace(new_terms().guard, policy=key("n2")))
        announced(world, evil)
        world.submit(world.spend(Replace(0, new_terms()), {"r1", "r2", "g1", "n1"}))
        world.terms = new_terms()
        world.height += 50
        with pytest.raises(NotAnnounced):
            world.judge(world.spend(Adopt(evil)))

    def test_invalid_terms(self, world: World) -> None:
        with pytest.raises(TermsInvalid):
            world.judge(world.spend(Replace(0, INVALID)))


class TestRecover:
    HELD = frozenset({"r1", "r2", "n1"})

    def test_alone_after_idleness(self, world: World) -> None:
        world.submit(world.touch())
        world.height += 499
        with pytest.raises(NotIdle):
            world.judge(world.spend(Recover(0, new_terms()), self.HELD))
        world.height += 1
        world.submit(world.spend(Recover(0, new_terms()), self.HELD))
        assert (world.state.terms, world.state.turn) == (terms_hash(new_terms()), 1)
        assert world.state.touched == world.height

    def test_freeze_and_cancel_do_not_touch(self, world: World) -> None:
        world.submit(world.touch())
        touched = world.height
        world.height += 400
        world.submit(world.spend(Freeze(0)))
        assert world.state.touched == touched
        world.height = touched + 500
        world.submit(world.spend(Recover(1, new_terms()), self.HELD))

    def test_turn_keys_and_quorum(self, world: World) -> None:
        with pytest.raises(TurnMismatch):
            world.judge(world.spend(Recover(1, new_terms()), self.HELD))
        with pytest.raises(NewKeysUnsigned):
            world.judge(world.spend(Recover(0, new_terms()), {"r1", "r2"}))
        with pytest.raises(ItemsMissing):
            world.judge(world.spend(Recover(0, new_terms()), {"r1", "n1", "op", "g1"}))


def test_new_policies_sign_once_each() -> None:
    same = replace(new_terms(), govern=replace(new_terms().govern, policy=key("n1")))
    world = World()
    tx = world.spend(Replace(0, same), {"r1", "r2", "g1", "n1"})
    approved = tx.witnesses[-1]
    assert isinstance(approved, Approval)
    assert len(approved.signatures) == 4  # recover, no govern, guard, n1
    world.submit(tx)


def test_replay_follows_the_chain(world: World) -> None:
    """From the states' point of view a mirror sees what the chain sees."""
    mirror = world.state
    steps = (Touch(0, 0), Announce(1, terms_hash(new_terms())), Freeze(0), Cancel(1, ZERO_TERMS))
    for step in steps:
        try:
            world.submit(world.spend(step))
        except VaultInvalid as refused:
            with pytest.raises(type(refused)):
                replay(mirror, step, world.terms, world.height)
            continue
        mirror = replay(mirror, step, world.terms, world.height)
        assert mirror == world.state
        world.height += 7


def test_replay_knows_the_terms() -> None:
    state = first_state(usual_terms(), 9)
    with pytest.raises(TermsUnknown):
        replay(state, Touch(0, 0), new_terms(), 10)


def test_bytes() -> None:
    state = first_state(usual_terms(), 9)
    state = replay(state, Announce(0, terms_hash(new_terms())), usual_terms(), 10)
    state = replay(state, Order(1, 0, (pay(10),)), usual_terms(), 20)
    state = replay(state, Freeze(0), usual_terms(), 30)
    check_wire("anchor_state", state)
    assert decode_state(encode(state)) == state


@pytest.mark.parametrize("data", [b"", b"\x90", b"\x00" * 20_000])
def test_refused_state(data: bytes) -> None:
    with pytest.raises(StateInvalid):
        decode_state(data)
