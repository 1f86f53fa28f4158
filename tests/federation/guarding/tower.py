"""A guard's machine over a real main chain, and a sidechain that says what a test wants."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from bystack.federation.guarding.alarms import Act, Alarm, Ended, Kind, Output
from bystack.federation.guarding.machine import Guarding, Rules
from bystack.federation.guarding.view import Heard, View
from bystack.ledger.transactions import Output as Paid
from bystack.ledger.transactions import PolicyLock
from bystack.sidechain.records import Batch, BatchRecord
from tests.ledger.people import BOB
from tests.sidechain.mainside import VaultChain, vault_chain
from tests.sidechain.world import genesis_for

BTM = b"\xff" * 32
SECOND = 1_000


def paid(amount: int, asset: bytes = BTM) -> Paid:
    return Paid(asset, amount, PolicyLock(BOB.lock.root))


class Tower:
    """Tells the machine every block of the chain, the clock and the sidechain as it stands."""

    def __init__(self, rules: Rules = Rules(), main: VaultChain | None = None) -> None:  # noqa: B008
        self.main = main or vault_chain()
        self.genesis = genesis_for(self.main)
        self.machine = Guarding(self.genesis, rules)
        self.told: list[bytes] = []
        self.outputs: list[Output] = []
        self.now = 10_000 * SECOND
        self.side: dict[str, Any] = {
            "height": 5, "peers": 3, "attached": True, "mirrored": 0, "next_seq": 0,
            "batches": {}, "sums": {}, "decided": frozenset(),
        }  # fmt: skip
        self.caught_up, self.balance, self.coins = True, 10**9, 3

    def blocks(self) -> None:
        """What the chain lost and won since the last time."""
        line = [block.id for block in self.main.line]
        while self.told != line[: len(self.told)]:
            self.outputs += self.machine.disconnected(len(self.told))
            self.told.pop()
        for block in self.main.line[len(self.told) :]:
            self.told.append(block.id)
            self.outputs += self.machine.connected(len(self.told), block, self.now)

    def clock(self, seconds: float = 0) -> None:
        self.now += int(seconds * SECOND)
        heard = Heard(self.now, self.caught_up, self.balance, self.coins)
        self.outputs += self.machine.heard(heard)

    def idle(self, seconds: float, **changes: Any) -> None:
        """The follower answers; it has no new final block."""
        view = self.machine.view
        assert view is not None
        self.now += int(seconds * SECOND)
        looked = {seq: self.side["batches"].get(seq) for seq in self.machine.wanted()}
        self.outputs += self.machine.viewed(replace(view, batches=looked, **changes), self.now)
        self.clock()

    def final(self, seconds: float = 1, **changes: Any) -> None:
        """The sidechain's next final block, so many seconds later."""
        self.side |= {"height": self.side["height"] + 1, **changes}
        self.clock(seconds)
        shown = {"relay_height": self.main.height} | self.side
        shown["batches"] = {seq: shown["batches"].get(seq) for seq in self.machine.wanted()}
        self.outputs += self.machine.viewed(View(time=self.now, **shown), self.now)

    def ready(self) -> Tower:
        """Blocks handed over, the sidechain seen: the machine judges."""
        self.blocks()
        self.clock()
        self.final()
        self.outputs.clear()
        assert self.machine.seeing
        return self

    def later(self) -> None:
        """Final blocks until what was seen is certain."""
        for _ in range(5):
            self.final()

    def batch(self, seq: int, outputs: Any, tier: int = 0) -> None:
        record = BatchRecord(self.genesis.vault, seq, tier, tuple(outputs), ())
        self.side["batches"] = {**self.side["batches"], seq: Batch(record, 0, 0, 1)}
        self.side["next_seq"] = max(self.side["next_seq"], seq + 1)

    def fund(self, amount: int = 5_000, asset: bytes = BTM) -> None:
        self.main.send(self.main.deposit(BOB, amount, asset, b"n" * 64))
        self.blocks()

    @property
    def alarms(self) -> list[Kind]:
        return [one.kind for one in self.outputs if isinstance(one, Alarm)]

    @property
    def ended(self) -> list[Kind]:
        return [one.kind for one in self.outputs if isinstance(one, Ended)]

    @property
    def acts(self) -> list[Act]:
        return [one for one in self.outputs if isinstance(one, Act)]
