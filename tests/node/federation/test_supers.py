"""Orders of a tier that asks for charter keys: carried, signed, set aside, paid when mature."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from pathlib import Path

import trio

from bystack.federation.bridge import NamedSignature
from bystack.federation.warrants import TOUCH_AFTER
from bystack.ledger.transactions import PendingLock
from bystack.node.federation.membership import TURN_TICKS
from bystack.node.federation.operating.building import Params
from bystack.primitives.keys import public_key, sign
from tests.federation.peg import pays
from tests.ledger.people import ALICE, BOB, CAROL

from .members import Net
from .supers import DELAY, SUPERS, two_tier_net

A_ROUND = 3 * TURN_TICKS + 2
APART = (("super-1",), ("super-2",), ())
ORDER, TOUCH, COMPLETE = 17, 18, 19


def run(play: Callable[[], Awaitable[None]]) -> None:
    trio.run(play)


async def ordered(net: Net, *outputs: object) -> None:
    net.record(0, outputs, [1], tier=1)
    await net.final()
    await net.tick(A_ROUND)


def test_a_large_payout_is_ordered_waits_and_is_paid(tmp_path: Path) -> None:
    net = two_tier_net(tmp_path, APART)

    async def play() -> None:
        await ordered(net, pays(9_000), pays(3_000, BOB))
        (order,) = net.payouts(ORDER)
        assert isinstance(order.body.outputs[1].lock, PendingLock)
        assert order.body.outputs[1].amount == 12_000
        net.set_aside(0)
        net.main.grow(DELAY - 1 - (net.main.height - net.main.where[order.id][0]))
        await net.tick(A_ROUND)
        (paid,) = net.payouts(COMPLETE)
        at = net.main.where[paid.id][0]
        assert at == net.main.where[order.id][0] + DELAY, "paid at once, and not a block earlier"
        assert paid.body.outputs[:2] == (pays(9_000), pays(3_000, BOB))
        sponsors = [person.lock for person in (ALICE, BOB, CAROL)]
        seat = sponsors.index(paid.body.outputs[2].lock)
        assert paid.body.memo == net.members[seat].setting.recipient
        await net.tick(A_ROUND)
        assert len(net.payouts(COMPLETE)) == 1

    run(play)


def test_a_pending_coin_the_sidechain_does_not_know_is_left_alone(tmp_path: Path) -> None:
    """Nobody can say whom it pays: an order that is no batch, or one not proved yet."""
    net = two_tier_net(tmp_path, APART)

    async def play() -> None:
        await ordered(net, pays(9_000))
        net.main.grow(DELAY)
        await net.tick(A_ROUND)
        assert net.payouts(COMPLETE) == []
        net.set_aside(0)
        await net.tick(A_ROUND)
        assert len(net.payouts(COMPLETE)) == 1

    run(play)


def test_it_waits_for_a_super_that_is_away(tmp_path: Path) -> None:
    """The group's signature alone is complete; the missing key comes back, or the seq is voided."""
    net = two_tier_net(tmp_path, APART)

    async def play() -> None:
        net.up = {0, 2}
        await ordered(net, pays(9_000))
        assert net.payouts(ORDER) == []
        (pending,) = await net.ask(2, "pending")
        assert pending["complete"] and pending["named"] == ["super-1"]
        assert all(net.members[seat].purse._reserved == {} for seat in net.up)
        net.up = {0, 1, 2}
        await net.final()
        await net.tick(A_ROUND)
        assert len(net.payouts(ORDER)) == 1

    run(play)


def test_a_touch_of_the_large_tier_needs_its_keys_too(tmp_path: Path) -> None:
    net = two_tier_net(tmp_path, APART)

    async def play() -> None:
        await net.tick(2)
        net.main.grow(TOUCH_AFTER)
        await net.tick(2)
        await net.ask(0, "build", "touch", Params(tier=1))
        await net.tick(A_ROUND)
        assert len(net.payouts(TOUCH)) == 1

    run(play)


def test_a_signer_asks_no_named_key_for_the_ordinary_tier(tmp_path: Path) -> None:
    net = two_tier_net(tmp_path, (("super-1", "super-2", "guard"), (), ()))

    async def play() -> None:
        net.record(0, [pays(20)], [1])
        net.record(1, [pays(9_000)], [2], tier=1)
        net.up = {0}
        await net.final()
        await net.tick(2)
        bridge = net.members[0].bridge
        assert bridge is not None
        one, two = (bridge._named.get(key, {}) for key in bridge._own)
        supers = {public_key(secret) for secret in SUPERS.values()}
        assert one == {} and set(two) == supers, "and never the guard's"

    run(play)


def test_a_tier_the_terms_do_not_have_is_not_signed(tmp_path: Path) -> None:
    net = two_tier_net(tmp_path, APART)

    async def play() -> None:
        net.record(0, [pays(20)], [1], tier=2)
        await net.final()
        await net.tick(2)
        assert all(signer.records == [] for signer in net.signers)

    run(play)


def test_a_signer_is_asked_again_when_its_keys_did_not_suffice(tmp_path: Path) -> None:
    """It signed with the keys it had; the key file came later, so the partials stay as they are."""
    net = two_tier_net(tmp_path, (("super-1",), (), ()))

    async def play() -> None:
        await ordered(net, pays(9_000))
        assert net.payouts(ORDER) == []
        before = list(net.signers[1].records)
        net.signers[1].release.named["super-2"] = SUPERS["super-2"]
        await net.final()
        await net.tick(2 * A_ROUND)
        assert len(net.payouts(ORDER)) == 1 and net.signers[1].records == before

    run(play)


def test_what_others_say_for_a_charter_key_must_verify(tmp_path: Path) -> None:
    net = two_tier_net(tmp_path, ((), (), ()))

    async def play() -> None:
        await ordered(net, pays(9_000))
        ((digest, job),) = net.members[0].orders.jobs.items()
        one, two = SUPERS.values()
        stranger = sign(bytes(31) + b"\x07", digest, bytes(32))
        await net.hear(0, 1, NamedSignature(digest, public_key(bytes(31) + b"\x07"), stranger))
        await net.hear(0, 1, NamedSignature(digest, public_key(one), sign(two, digest, bytes(32))))
        node = net.members[0].roster.members[1].node
        rules = ("NamedKeyUnknown", "NamedSignatureInvalid")
        assert net.members[0].host.penalties == [(node, rule) for rule in rules]
        assert job.operation.seq == 0 and net.payouts(ORDER) == []
        for secret in (one, two):
            said = NamedSignature(digest, public_key(secret), sign(secret, digest, bytes(32)))
            await net.hear(0, 1, said)
        await net.tick(2 * A_ROUND)
        assert len(net.payouts(ORDER)) == 1

    run(play)
