"""The queue of a tier against a list."""

import msgspec
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from bystack.ledger.amounts import BTM
from bystack.ledger.transactions import PolicyLock
from bystack.sidechain import queue
from bystack.sidechain.records import Request, request_key
from bystack.sidechain.state import SystemState
from tests.sidechain.world import Store

TIERS = st.integers(0, 1)
PLAIN = Request(0, PolicyLock(b"\x01" * 32), BTM, 300, 290, 4, b"\x02" * 32, 0, 0, 0, 0)


class Queues(RuleBasedStateMachine):
    """Two queues in one state; what was taken may come back to the head."""

    def __init__(self) -> None:
        super().__init__()
        self.store = Store()
        self.model: dict[int, list[bytes]] = {0: [], 1: []}
        self.taken: dict[int, list[bytes]] = {0: [], 1: []}
        self.made = 0
        self.state = SystemState(self.store)

    @rule(tier=TIERS)
    def join(self, tier: int) -> None:
        self.made += 1
        id = self.made.to_bytes(32, "big")
        self.state.write(request_key(id), msgspec.structs.replace(PLAIN, tier=tier))
        queue.join(self.state, tier, id)
        self.model[tier].append(id)

    @rule(tier=TIERS, count=st.integers(0, 4))
    def advance(self, tier: int, count: int) -> None:
        count = min(count, len(self.model[tier]))
        queue.advance(self.state, tier, count)
        self.taken[tier] += self.model[tier][:count]
        del self.model[tier][:count]

    @rule(tier=TIERS, count=st.integers(0, 4))
    def rejoin(self, tier: int, count: int) -> None:
        back = self.taken[tier][-count:] if count else []
        del self.taken[tier][len(self.taken[tier]) - len(back) :]
        queue.rejoin(self.state, tier, tuple(back))
        self.model[tier][:0] = back

    @rule(tier=TIERS, data=st.data())
    def leave(self, tier: int, data: st.DataObject) -> None:
        if self.model[tier]:
            id = data.draw(st.sampled_from(self.model[tier]))
            queue.leave(self.state, tier, id)
            self.model[tier].remove(id)

    @precondition(lambda self: self.state.changes)
    @rule()
    def commit(self) -> None:
        """A block ends: what was written is the base of the next."""
        self.store.take(self.state.changes)
        self.state = SystemState(self.store)

    @invariant()
    def same(self) -> None:
        for tier, model in self.model.items():
            assert queue.length(self.state, tier) == len(model)
            for most in (2, 100):
                found = [id for id, _ in queue.waiting(self.state, tier, most)]
                assert found == model[:most]

    def teardown(self) -> None:
        """An empty queue leaves only its two ends behind."""
        for tier, model in self.model.items():
            queue.advance(self.state, tier, len(model))
        self.store.take(self.state.changes)
        assert not [key for key in self.store if key.startswith(b"queue/slot")]


TestQueues = Queues.TestCase
TestQueues.settings = settings(max_examples=60, stateful_step_count=40, deadline=None)
