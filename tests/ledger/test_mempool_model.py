"""The pool against a plain model: any admissions, blocks, reorganisations and waiting, vault
operations among them, end alike; a refusal leaves no trace."""

from __future__ import annotations

from collections.abc import Sequence

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from bystack.ledger.candidates import AnchorSpend, Candidate
from bystack.ledger.mempool import Mempool
from bystack.ledger.template import select
from bystack.ledger.transactions import Outpoint
from bystack.primitives.errors import Invalid
from tests.ledger.people import outpoint
from tests.ledger.pool_model import Model
from tests.ledger.pools import HEIGHT, operation, out, waiting

MOST, LEAST, EXPIRY = 3_000, 500_000, 1_000
COINS = tuple(outpoint(number) for number in range(10))
VAULT = tuple(outpoint(number) for number in range(50, 53))
FEES = st.one_of(st.integers(1, 400), st.integers(1, 4_000))
HEAVY = st.one_of(st.just(100), st.integers(100, 600))


class Against(RuleBasedStateMachine):
    """Everything is done to both."""

    def __init__(self) -> None:
        super().__init__()
        self.pool = Mempool(HEIGHT, MOST, LEAST, EXPIRY)
        self.model = Model(MOST, LEAST, EXPIRY)
        self.seen: list[Candidate] = []
        self.number = 0

    # What comes in

    def salt(self) -> bytes:
        self.number += 1
        return self.number.to_bytes(4, "big")

    def places(self, data: st.DataObject, most: int = 3) -> list[Outpoint]:
        made = [out(one, index) for one in self.pool for index in range(2)]
        some = st.lists(st.sampled_from((*COINS, *made)), min_size=1, max_size=most, unique=True)
        return data.draw(some)

    @rule(
        data=st.data(),
        fee=FEES,
        heavy=HEAVY,
        until=st.sampled_from((0, 0, 1, 3)),
        extra=st.sampled_from(((), (), (b"issue",), (b"claim",))),
    )
    def pay(
        self, data: st.DataObject, fee: int, heavy: int, until: int, extra: tuple[bytes, ...]
    ) -> None:
        end = self.pool.height + until if until else 0
        inputs = self.places(data)
        self.admit(waiting(inputs, fee, heavy=heavy, salt=self.salt(), until=end, extra=extra))

    @rule(fees=st.lists(FEES, min_size=1, max_size=12), heavy=st.sampled_from((60, 100)))
    def build_a_line(self, fees: list[int], heavy: int) -> None:
        """Each on the one before, which choice alone hardly makes."""
        for fee in fees:
            free = [one for one in self.pool if self.pool.taker(out(one, 0)) is None]
            place = out(free[-1]) if free else COINS[0]
            self.admit(waiting([place], fee + 40, heavy=heavy, salt=self.salt()))

    @rule(data=st.data(), fees=st.lists(FEES, min_size=4, max_size=12), heavy=HEAVY)
    def fill(self, data: st.DataObject, fees: list[int], heavy: int) -> None:
        """Many that concern nobody."""
        for fee in fees:
            place = outpoint(1_000 + self.number)
            self.admit(waiting([place], fee + 300, heavy=heavy, salt=self.salt()))

    @rule(data=st.data(), kind=st.sampled_from(AnchorSpend), fee=FEES)
    def operate(self, data: st.DataObject, kind: AnchorSpend, fee: int) -> None:
        anchors = [out(one, 0) for one in self.pool if one.priority is not None]
        some = st.lists(st.sampled_from((*VAULT, *anchors)), min_size=1, max_size=2, unique=True)
        vault = data.draw(some)
        sponsors = [place for place in self.places(data, 1) if place not in vault]
        self.admit(operation(kind, vault, sponsors, fee, salt=self.salt()))

    @precondition(lambda self: self.seen)
    @rule(data=st.data())
    def come_again(self, data: st.DataObject) -> None:
        self.admit(data.draw(st.sampled_from(self.seen[-20:])))

    def admit(self, one: Candidate) -> None:
        if any(self.pool.taker(out(one, index)) for index in range(2)):
            return  # parents come before children: whoever judges it finds its coins spent
        floor, before = self.pool.floor, self.image()
        expected = self.model.admit(one, floor, self.pool.now)
        self.seen.append(one)
        try:
            gone = self.pool.admit(one)
        except Invalid as error:
            assert type(error) is expected
            assert self.image() == before
            assert self.pool.floor == floor
            return
        assert [each.tx.id for each in gone] == expected
        assert self.pool.floor >= floor

    # What happens to those inside

    @rule(room=st.integers(0, MOST))
    def mine_the_template(self, room: int) -> None:
        block = select(self.pool, room)
        self.check_block(block, room)
        self.connect([*block], ())

    @rule(data=st.data(), claims=st.sampled_from(((), (b"issue",))))
    def mine_somebody_elses(self, data: st.DataObject, claims: tuple[bytes, ...]) -> None:
        """Its transactions take coins that ours would have taken."""
        inputs = data.draw(st.lists(st.sampled_from((*COINS, *VAULT)), max_size=3, unique=True))
        ids = st.sampled_from([*(one.tx.id for one in self.pool), bytes(32)])
        doubtful = data.draw(st.lists(ids, max_size=2))
        gone = self.connect([waiting(inputs, salt=self.salt())], claims, doubtful)
        for one in gone:
            self.admit(one)

    def connect(
        self, block: Sequence[Candidate], claims: Sequence[bytes], doubtful: Sequence[bytes] = ()
    ) -> tuple[Candidate, ...]:
        txs, height = [one.tx for one in block], self.pool.height + 1
        gone = self.pool.connect(txs, height, claims, doubtful)
        assert [one.tx.id for one in gone] == self.model.connect(txs, height, claims, doubtful)
        return gone

    def check_block(self, block: Sequence[Candidate], room: int) -> None:
        done: set[bytes] = set()
        for one in block:
            assert self.pool.ancestors(one.tx.id) <= done
            done.add(one.tx.id)
        assert sum(one.weight for one in block) <= room

    @rule(seconds=st.integers(0, EXPIRY // 4))
    def wait(self, seconds: int) -> None:
        floor, now = self.pool.floor, self.pool.now + seconds
        gone = self.pool.age(now)
        assert [one.tx.id for one in gone] == self.model.age(now)
        assert LEAST <= self.pool.floor <= floor

    @rule(data=st.data())
    def put_out(self, data: st.DataObject) -> None:
        id = data.draw(st.sampled_from([*(one.tx.id for one in self.pool), bytes(32)]))
        assert [one.tx.id for one in self.pool.drop(id)] == self.model.drop(id)

    @rule(down=st.integers(0, 2))
    def reorganise(self, down: int) -> None:
        """Everything leaves and is asked in again, in the order it comes back."""
        height = max(1, self.pool.height - down)
        back = self.pool.disconnect([], height)
        again = self.model.disconnect()
        assert [tx.id for tx in back] == [one.tx.id for one in again]
        for one in again:
            self.admit(one)

    # What must hold

    def image(self) -> list[tuple[bytes, int]]:
        return [(entry.candidate.tx.id, entry.since) for entry in self.pool.entries()]

    @invariant()
    def alike(self) -> None:
        assert self.image() == [(w.id, w.since) for w in self.model.list]
        every = [w.one for w in self.model.list]
        assert self.pool.weight == sum(one.weight for one in every) <= MOST
        assert self.pool.fee == sum(one.fee for one in every)
        assert self.pool.size == sum(one.tx.size for one in every)
        claims = {claim: one.tx.id for one in every for claim in one.claims}
        assert len(claims) == sum(len(one.claims) for one in every)
        assert all(self.pool.taker(claim) == id for claim, id in claims.items())

    @invariant()
    def sums(self) -> None:
        """What is kept up to date is what counting anew gives."""
        every = {w.id: w.one for w in self.model.list}
        above: dict[bytes, set[bytes]] = {}
        for id, one in every.items():  # parents stand before children
            above[id] = {id}.union(*(above[parent] for parent in self.model.parents(one)))
        for entry in self.pool.entries():
            id = entry.candidate.tx.id
            below = {other for other, ids in above.items() if id in ids}
            assert self.pool.ancestors(id) == above[id] - {id}
            assert self.pool.descendants(id) == below
            for kept, ids in ((entry.above, above[id]), (entry.below, below)):
                assert kept.count == len(ids) <= 25
                assert kept.fee == sum(every[other].fee for other in ids)
                assert kept.weight == sum(every[other].weight for other in ids)
            assert entry.worth == max(entry.candidate.rate, entry.below.rate)


TestAgainst = Against.TestCase
TestAgainst.settings = settings(max_examples=30, stateful_step_count=30, deadline=None)
