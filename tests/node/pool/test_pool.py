"""Many transactions taken in at once: children beside parents, each judged for itself; what left
and came is told, and what was learnt from it is true."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable

import pytest
import trio
from msgspec.structs import replace

from bystack.ledger.amounts import BTM, AssetDefinition
from bystack.ledger.candidates import FeeNotHigher
from bystack.ledger.checks import SignatureWrong
from bystack.ledger.coins import CoinMissing
from bystack.ledger.estimates import FeeEstimates
from bystack.ledger.mempool import EXPIRY, AlreadyPooled, FeeTooLow
from bystack.ledger.transactions import Transaction, TransactionBody
from bystack.ledger.validation import SCHNORR_WEIGHT
from bystack.mainchain.assembly import COINBASE_WEIGHT
from bystack.mainchain.issues import AlreadyIssued, Issue, IssueCapExceeded
from bystack.node.mainchain.admission import MainRules, NoBlockHolds, PoolSettings, records_of
from bystack.node.mainchain.mining import fill
from bystack.node.pool import pool as pools
from bystack.node.pool.pool import Intake, Pool
from bystack.node.verifying.verifier import Verifier
from bystack.primitives.errors import Invalid
from tests.ledger.people import ALICE, BOB
from tests.mainchain.builders import EASY
from tests.node.pool.pool_world import START, World


def run(work: Callable[[], Awaitable[None]]) -> None:
    trio.run(work)


def forged(tx: Transaction) -> Transaction:
    """The same with the witness of nobody."""
    witness = tx.witnesses[0]
    items = (bytes(64),)
    return Transaction(tx.body, (type(witness)(witness.policy, witness.branch, 0, items),))  # type: ignore[union-attr, call-arg]


def rules(intake: Intake) -> list[type[Invalid]]:
    return [type(error) for error in intake.refused.values()]


def test_a_line_of_25_comes_in_at_once() -> None:
    async def main() -> None:
        world = World()
        line = world.line(0, 26)
        intake = await world.pool.admit_all(line)
        assert intake.taken == line[:25]
        assert list(intake.refused) == [line[25].id]
        assert world.pool.transactions() == line[:25]

    run(main)


def test_one_wrong_signature_costs_its_children_and_nobody_else() -> None:
    async def main() -> None:
        world = World()
        line, other = world.line(0, 3), world.pay(1)
        intake = await world.pool.admit_all([line[0], forged(line[1]), line[2], other])
        assert intake.taken == [line[0], other]
        assert rules(intake) == [SignatureWrong, CoinMissing]

    run(main)


def test_of_two_in_one_lot_that_take_a_coin_the_better_stays() -> None:
    async def main() -> None:
        world = World()
        poor, rich = world.pay(0, 5_000), world.pay(0, 50_000)
        child = world.then(poor)
        intake = await world.pool.admit_all([poor, rich, child, world.pay(0, 6_000, b"x"), poor])
        assert world.pool.transactions() == [rich]
        assert rules(intake) == [CoinMissing, FeeNotHigher, AlreadyPooled] or rules(intake) == [
            CoinMissing,
            FeeNotHigher,
            FeeNotHigher,
        ]

    run(main)


def test_what_cannot_be_read_is_refused_for_itself() -> None:
    async def main() -> None:
        world = World()
        good = world.pay(0)
        bad = world.chain.issue(ALICE, ISSUE, spends=1)
        action = bad.body.actions[0]
        broken = (type(action)(action.kind, b"\xc1"),)
        body = TransactionBody(1, bad.body.inputs, bad.body.outputs, broken, 0, 0, b"")
        intake = await world.pool.admit_all([Transaction(body, bad.witnesses), good])
        assert intake.taken == [good]
        assert len(intake.refused) == 1

    run(main)


def test_judging_changes_nothing_and_asks_for_the_fee_first() -> None:
    async def main() -> None:
        world = World()
        poor = world.pay(0, 1)
        verdicts = await world.pool.judge_all([forged(poor), *world.line(1, 2)])
        assert isinstance(verdicts[0], FeeTooLow)
        assert not any(isinstance(one, Invalid) for one in verdicts[1:])
        assert len(world.pool.machine) == 0

    run(main)


# --- assets -----------------------------------------------------------------------------------

SERIAL = AssetDefinition("DEED", "", 0, 0, 0, b"7", 0)
CAPPED = AssetDefinition("CAP", "", 0, 1, 1, b"", 100)
OPEN = AssetDefinition("OPEN", "", 0, 1, 1, b"", 0)
ISSUE = Issue(ALICE.lock.root, SERIAL, 1)


def issue(world: World, spends: int, definition: AssetDefinition, amount: int) -> Transaction:
    place, coin = world.coin(spends)
    tx = world.chain.issue(ALICE, Issue(ALICE.lock.root, definition, amount), spends=spends)
    outputs = (type(tx.body.outputs[0])(BTM, coin.amount - 20_000, ALICE.lock), tx.body.outputs[1])
    body = TransactionBody(1, (place,), outputs, tx.body.actions, 0, 0, b"")
    return world.chain.sign(body, ALICE, ALICE)


def test_of_one_serial_one_issue_waits() -> None:
    async def main() -> None:
        world = World()
        await world.pool.admit(issue(world, 0, SERIAL, 1))
        with pytest.raises(FeeNotHigher):
            await world.pool.admit(issue(world, 1, SERIAL, 1))
        for spends in (1, 2):
            await world.pool.admit(issue(world, spends, OPEN, 5))
        assert len(world.pool.machine) == 3

    run(main)


@pytest.mark.parametrize(
    ("definition", "amount", "stays"), [(SERIAL, 1, False), (CAPPED, 60, False), (CAPPED, 40, True)]
)
def test_a_block_that_issues_lets_only_that_wait_which_still_stands(
    definition: AssetDefinition, amount: int, stays: bool
) -> None:
    async def main() -> None:
        world = World()
        ours, theirs = (issue(world, at, definition, amount) for at in (0, 1))
        await world.pool.admit(ours)
        world.chain.mine(theirs)
        await world.pool.connect([theirs], world.height, records_of(theirs))
        assert (ours.id in world.pool.machine) is stays
        if not stays:
            with pytest.raises((AlreadyIssued, IssueCapExceeded)):
                await world.pool.admit(ours)

    run(main)


def test_an_issue_that_became_too_much_does_not_wait_on() -> None:
    async def main() -> None:
        world = World()
        huge = [issue(world, at, OPEN, 2**62) for at in (0, 1)]
        small, serial = issue(world, 2, OPEN, 5), issue(world, 3, SERIAL, 1)
        heirs = [world.then(tx) for tx in (huge[1], small)]
        waiting = [*huge, small, serial, *heirs]
        assert (await world.pool.admit_all(waiting, range(START - 6, START))).refused == {}
        world.chain.mine(huge[0])
        await world.pool.connect([huge[0]], world.height, records_of(huge[0]))
        stay = [serial, small, heirs[1]]  # of one that is judged again the heirs come in again
        assert world.pool.transactions() == stay
        assert [since - START for _, since in world.pool.waited()] == [-3, -4, -1]

    run(main)


def test_a_template_of_issues_is_valid_whatever_waits() -> None:
    async def main() -> None:
        world = World()
        waiting = [issue(world, at, OPEN, 2**62) for at in range(2)]
        assert len((await world.pool.admit_all(waiting)).taken) == 2
        coins = dict(world.chain.coins)
        holds = fill(coins, list(world.pool.machine), world.chain.tip, world.chain.params)
        assert (len(holds.chosen), holds.fees) == (1, 20_000)  # together they would pass 2**63
        world.chain.mine(*(one.tx for one in holds.chosen))

    run(main)


def test_what_no_block_holds_is_refused_before_its_signatures_are_looked_at() -> None:
    async def main() -> None:
        world = World()
        tx = world.pay(0)
        weight = tx.size + SCHNORR_WEIGHT
        for most, error in ((weight, SignatureWrong), (weight - 1, NoBlockHolds)):
            params = replace(EASY, max_weight=most + COINBASE_WEIGHT)
            machine = PoolSettings().pool_at(world.height, START)
            pool = Pool(machine, MainRules(params), world.fetch, Verifier(1))
            with pytest.raises(error):  # its signature is for another chain
                await pool.admit(tx)

    run(main)


# --- what is told and learnt ------------------------------------------------------------------


class Heard:
    """Notes what the pool tells whoever learns from it."""

    def __init__(self) -> None:
        self.came: list[bytes] = []
        self.done: list[bytes] = []
        self.gone: list[bytes] = []

    def entered(self, id: bytes, rate: int, height: int, /) -> None:
        self.came.append(id)

    def mined(self, ids: Iterable[bytes], height: int, /) -> None:
        self.done += ids

    def left(self, id: bytes, /) -> None:
        self.gone.append(id)


def test_who_learns_hears_of_each_once() -> None:
    async def main() -> None:
        heard = Heard()
        world = World(observer=heard)
        parent, child = world.line(0, 2)
        rival, better = world.pay(1), world.pay(1, 50_000)
        old = world.pay(2)
        await world.pool.admit_all([parent, child, rival, better])
        await world.pool.admit_all([old], [START - 50])
        assert heard.came == [parent.id, rival.id, better.id]  # a child's rate is not its own
        assert heard.gone == [rival.id]
        world.chain.mine(parent)
        await world.pool.connect([parent], world.height)
        assert heard.done == [parent.id]
        world.pool.tick(START - 50 + EXPIRY, 0.0)
        assert heard.gone == [rival.id, old.id]

    run(main)


def test_a_reorganisation_brings_back_what_no_block_has() -> None:
    async def main() -> None:
        heard = Heard()
        world = World(observer=heard)
        line, other = world.line(0, 3), world.pay(1)
        await world.pool.admit_all([*line, other])
        world.chain.mine(line[0], line[1])
        await world.pool.connect(line[:2], world.height)
        world.chain.disconnect()
        world.chain.mine(other)
        fresh = await world.pool.replace(line[:2], [other], world.height)
        assert fresh == line[:2]
        assert world.pool.transactions() == line
        assert heard.done == [line[0].id, line[1].id, other.id]
        assert heard.gone == []

    run(main)


def test_of_a_deep_reorganisation_the_first_come_back(monkeypatch: pytest.MonkeyPatch) -> None:
    async def main() -> None:
        world = World()
        line = world.line(0, 6)
        monkeypatch.setattr(pools, "MAX_RETURNING", sum(tx.size for tx in line[:4]))
        assert await world.pool.replace(line, [], world.height) == line[:4]

    run(main)


def test_estimates_learn_through_the_pool() -> None:
    async def main() -> None:
        fees = FeeEstimates()
        world = World(blocks=40, observer=fees)
        for number in range(25):
            tx = world.pay(0, 50_000, bytes([number]))
            await world.pool.admit(tx)
            world.chain.mine(tx, miner=BOB)
            await world.pool.connect([tx], world.height)
        found = fees.estimate(1)
        assert found is not None
        assert world.pool.machine.floor < found.rate < 1_000 * world.pool.machine.floor

    run(main)


def test_what_comes_back_is_judged_in_lots_between_which_others_have_their_turn(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(pools, "RETURNING", 2)

    async def main() -> None:
        heard = Heard()
        world = World(observer=heard)
        line = world.line(0, 20)
        await world.pool.admit_all(line, [START - number for number in range(20)])
        before, seen = world.pool.waited(), list[tuple[int, bool]]()

        async def watch() -> None:
            while not world.pool.settled or not seen:
                assert world.pool.waited() == before  # as they would be saved if we stopped here
                seen.append((len(world.pool.machine), world.pool.settled))
                await trio.lowlevel.checkpoint()

        async with trio.open_nursery() as nursery:
            nursery.start_soon(world.pool.replace, [], [], world.height)
            await trio.lowlevel.checkpoint()
            nursery.start_soon(watch)
        assert len({length for length, _ in seen}) >= 4  # of ten: who comes first is chance
        assert not any(settled for length, settled in seen if length < 20)
        assert world.pool.waited() == before
        assert heard.gone == []

    run(main)
