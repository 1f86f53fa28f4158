"""A guard's post in one program: watchman, book and signer over a real main chain.

The sidechain answers what a test puts into its state. A crash is an exception where the process
would have been killed; `restart` goes on from what is on disk.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from functools import partial, wraps
from pathlib import Path
from typing import Any

import pytest
import trio

from bystack.federation.guarding.excerpts import MAX_EXCERPTS, KeptExcerpts
from bystack.federation.guarding.machine import Rules
from bystack.ledger.transactions import Transaction, decode_transaction
from bystack.ledger.vault_operations import VAULT_KINDS
from bystack.node.federation import memory
from bystack.node.federation.events import MainConnected, MainDisconnected, Tick
from bystack.node.federation.memory import Memory
from bystack.node.guard import acting, watchman
from bystack.node.guard.book import KIND, Book
from bystack.node.guard.following import MainReached, SideMoved
from bystack.node.guard.links import GuardLinks
from bystack.node.guard.setting import Setting
from bystack.node.guard.watchman import Watchman
from bystack.node.ipc import RemoteError
from bystack.node.ipc.errors import from_invalid
from bystack.node.signer import guarding as signing
from bystack.node.signer.guarding import GuardKeeper
from bystack.node.store.journal import Journal
from bystack.primitives.codec import encode
from bystack.primitives.errors import Invalid
from bystack.sidechain.records import LAST_SEQ, Batch, BatchRecord, batch_key
from tests.ledger.people import BOB, CAROL
from tests.mainchain.builders import EASY
from tests.node.federation.members import Line
from tests.sidechain.mainside import KEYS, VaultChain, vault_chain
from tests.sidechain.world import genesis_for

BTM = b"\xff" * 32


def in_trio(test: Callable[..., Awaitable[None]]) -> Callable[..., None]:
    """A test that is one task."""

    @wraps(test)
    def run(**given: Any) -> None:
        trio.run(partial(test, **given))

    return run


class Killed(BaseException):
    """The process died at a failpoint."""


class Post:
    """One guard's node: `purse` is Carol's, whom somebody paid."""

    def __init__(
        self, folder: Path, patch: pytest.MonkeyPatch, rules: Rules = Rules()  # noqa: B008
    ) -> None:  # fmt: skip
        self.folder, self.rules = folder, rules
        self.main: VaultChain = vault_chain()
        self.genesis = genesis_for(self.main)
        for _ in range(3):
            self.main.send(self.main.transfer(BOB, CAROL.lock, 10_000_000))
        self.main.send(self.main.deposit(BOB, 5_000, BTM, b"n" * 64))
        self.pool: list[Transaction] = []
        self.refuse = ""
        self.state: dict[bytes, bytes] = {}
        self.height, self.time, self.peers, self.syncing = 5, 10_000_000, 3, False
        self.accused = 0
        self.armed = ""
        for module in (acting, watchman, signing):
            patch.setattr(module, "failpoint", self._failpoint)
        patch.setattr(watchman, "_now", lambda: self.time)
        self.told: list[bytes] = []
        self.begin()

    def _failpoint(self, name: str) -> None:
        if name == self.armed:
            self.armed = ""
            raise Killed

    def begin(self) -> None:
        """The process, from what is on disk."""
        self.book = Journal.open(self.folder / "book", kind=KIND, magic=EASY.magic)
        self.signed = Journal.open(self.folder / "signed", kind=signing.KIND, magic=EASY.magic)
        self.keeper = GuardKeeper(KEYS["guard"], self.genesis, self.signed)
        links = GuardLinks("trade")
        links.main = Line(self._main)  # type: ignore[assignment]
        links.side = Line(self._side)  # type: ignore[assignment]
        links.signer = Line(self._signer)  # type: ignore[assignment]
        setting = Setting("trade", EASY, self.genesis, self.rules, "", CAROL.secret)
        self.memory = Memory(str(self.folder / "followed"), KeptExcerpts, MAX_EXCERPTS)
        self.guard = Watchman(setting, links, Book(self.book), self.memory)
        self.told = []

    def restart(self) -> None:
        self.book.close()
        self.signed.close()
        self.begin()

    async def remembered(self) -> None:
        """The same, but written down before and taken up again, as the role does."""
        self.guard.excerpts.moved = memory.EVERY_BLOCKS
        await self.memory.tick(self.guard.excerpts)
        self.restart()
        await self.guard.resume()
        self.told = [block.id for block in self.main.line[: self.guard.excerpts.height]]

    # -- its node

    async def _main(self, method: str, params: list[Any]) -> Any:
        match method, params:
            case "status", []:
                return {"height": self.main.height, "syncing": self.syncing}
            case "verdict", [_]:
                return "best"
            case "headers", [locator, most]:
                heights = {e.id: e.header.height for e in self.main.entries}
                known = next((heights[id] for id in locator if id in heights), 0)
                return [encode(e.header) for e in self.main.entries[known + 1 :][:most]]
            case "vault", [vault]:
                coins = self.main.coins.items()
                own = [(p, c) for p, c in coins if getattr(c.lock, "vault", None) == vault]
                return [[encode(point), encode(coin)] for point, coin in own]
            case "inclusion", [txid]:
                there = txid in self.main.where
                return encode(self.main.inclusion(txid).proof) if there else None
            case "submit", [data]:
                return self._submit(decode_transaction(data))
        raise AssertionError(method)

    def _submit(self, tx: Transaction) -> bytes:
        if self.refuse:
            raise RemoteError(-26, self.refuse, {"rule": self.refuse})
        spent = set(tx.body.inputs)
        self.pool = [one for one in self.pool if not spent & set(one.body.inputs)] + [tx]
        return tx.id

    async def _side(self, method: str, params: list[Any]) -> Any:
        match method, params:
            case "status", []:
                return {"relay_tip": b"", "peers": self.peers, "relay_height": self.main.height}
            case "accusations", []:
                return self.accused
            case "states", [keys]:
                return [self.height, self.time, [self.state.get(key) for key in keys]]
        raise AssertionError(method)

    async def _signer(self, method: str, params: list[Any]) -> Any:
        try:
            return self.keeper._handle(method, params)
        except Invalid as error:
            raise from_invalid(error) from None

    # -- what happens

    async def follow(self) -> None:
        """Hand over what the main chain lost and won."""
        line = [block.id for block in self.main.line]
        while self.told != line[: len(self.told)]:
            await self.guard._handle(MainDisconnected(len(self.told), self.told.pop()))
        for block in self.main.line[len(self.told) :]:
            self.told.append(block.id)
            await self.guard._handle(MainConnected(len(self.told), block.id, block))
        await self.guard._handle(MainReached())

    async def later(self, seconds: int = 5) -> None:
        """Final blocks of the sidechain, one a second, and the guard's clock."""
        for _ in range(seconds):
            self.height, self.time = self.height + 1, self.time + 1_000
            await self.guard._handle(SideMoved(self.height))
            await self.guard._handle(Tick())

    async def mined(self) -> None:
        """What waits gets into a block, as far as it is still valid."""
        good, self.pool = self.main.valid(self.pool), []
        self.main.mine(*good)
        await self.follow()

    def batch(self, seq: int, outputs: Any, tier: int = 0) -> None:
        """The sidechain has recorded a batch."""
        record = BatchRecord(self.genesis.vault, seq, tier, tuple(outputs), ())
        self.state[batch_key(seq)] = encode(Batch(record, 0, 0, 1))
        self.state[LAST_SEQ] = encode(seq + 1)

    async def rob(self, outputs: Any, tier: int = 0) -> None:
        """A quorum's order that no batch backs, two blocks on so that the bucket has something."""
        self.main.mine()
        self.main.mine()
        self.main.send(self.main.order(outputs, tier))
        await self.follow()

    @property
    def kinds(self) -> list[str]:
        return [watchman.shown_alarm(one)["kind"] for one in self.guard.book.alarms]

    @property
    def operations(self) -> list[int]:
        """The kinds of the vault operations that wait for a block."""
        actions = [action for tx in self.pool for action in tx.body.actions]
        return [action.kind for action in actions if action.kind in VAULT_KINDS]
