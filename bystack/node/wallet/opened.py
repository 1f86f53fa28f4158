"""A loaded wallet: its keys, its store, one follower per chain; chains come and go while it runs.

The private keys are in memory while it is unlocked, and one that has no password always is. Locked,
it follows and shows everything, but signs nothing.
"""

from __future__ import annotations

from collections.abc import Iterable

import trio

from bystack.node.ipc import RemoteError
from bystack.node.mainchain.signals import Signal
from bystack.node.store.storage import Store
from bystack.node.wallet.assets import Assets
from bystack.node.wallet.chains import MAIN, Chain
from bystack.node.wallet.following import Follower
from bystack.node.wallet.migration import to_rows
from bystack.node.wallet.purse import FORMAT, KIND, Purse
from bystack.node.wallet.settings import Book
from bystack.node.wallet.spending import Spending
from bystack.primitives.bip32 import ExtendedKey

UNKNOWN_CHAIN = -8
UNLOCK_NEEDED = -13
WALLET_ERROR = -4


class Opened:
    """One wallet in use. Run `run` in a nursery; close the store after it.

    `watching`: it has no keys at all; `fresh`: nothing can have been paid to it yet.
    """

    def __init__(
        self,
        name: str,
        master: ExtendedKey | None,
        path: str,
        magic: bytes,
        *,
        sealed: bool = False,
        watching: bool = False,
        fresh: bool = False,
        gap: int | None = None,
    ) -> None:
        self.name, self.sealed, self.watching = name, sealed, watching
        versions = {1: to_rows}
        self.store = Store.open(path, kind=KIND, magic=magic, version=FORMAT, migrations=versions)
        self.book = Book(self.store, gap)
        self.assets = Assets(None)
        self.unlocked_until = 0.0
        self._master, self._fresh = master, fresh
        self._followers: dict[str, Follower] = {}
        self._scopes: dict[str, trio.CancelScope] = {}
        self._changed = Signal()

    @property
    def chains(self) -> tuple[str, ...]:
        """The names of the chains followed, the main chain first."""
        return tuple(sorted(self._followers, key=lambda name: (name != MAIN, name)))

    @property
    def locked(self) -> bool:
        """The keys are sealed now."""
        return self.sealed and self._master is None

    def check_unlocked(self) -> None:
        """Raise `RemoteError` unless there are keys to sign with: -13 locked, -4 none at all."""
        if self.locked:
            text = "Please enter the wallet passphrase with walletpassphrase first."
            raise RemoteError(UNLOCK_NEEDED, text)
        if self.watching:
            text = "This wallet only watches: it has no private keys. Sign with the one that has."
            raise RemoteError(WALLET_ERROR, text, {"rule": "PrivateKeysDisabled"})

    def unlock(self, master: ExtendedKey) -> None:
        """The private keys are there from now on."""
        self._master = master
        for follower in self._followers.values():
            follower.purse.unlock(master, self.book.names)
            follower.woken.notify()

    async def use_named(self) -> None:
        """Accounts were named: follow them, however far ahead of those in use they stand."""
        if self._master is not None:
            self.unlock(self._master)
        for follower in self._followers.values():
            follower.tell()
            await follower.purse.save()

    def lock(self) -> None:
        """Forget the private keys."""
        self._master, self.unlocked_until = None, 0.0
        for follower in self._followers.values():
            follower.purse.lock()

    def follower(self, chain: str) -> Follower:
        """The follower of a chain; raises `RemoteError` (-8) for one that is not followed."""
        if chain not in self._followers:
            known = ", ".join(self.chains)
            raise RemoteError(UNKNOWN_CHAIN, f"no chain {chain} is followed; there are: {known}")
        return self._followers[chain]

    def purse(self, chain: str) -> Purse:
        """The purse of a chain; raises as `follower`."""
        return self.follower(chain).purse

    def spending(self, chain: str) -> Spending:
        """Payments on a chain; raises as `follower` and `check_unlocked`."""
        follower = self.follower(chain)
        self.check_unlocked()
        return Spending(follower, self.assets)

    def arrange(self, chains: Iterable[Chain]) -> None:
        """Follow exactly these chains from now on."""
        wanted = {chain.name: chain for chain in chains}
        for name, follower in list(self._followers.items()):
            if wanted.get(name) != follower.purse.chain:
                del self._followers[name]
                if scope := self._scopes.pop(name, None):
                    scope.cancel()
        for chain in wanted.values():
            self._follow(chain)
        self._changed.notify()

    def _follow(self, chain: Chain) -> None:
        if chain.name in self._followers:
            return
        purse = Purse(chain, self._master, self.store, self.book.gap, self.book.names)
        purse.fresh = self._fresh and purse.empty
        follower = Follower(purse)
        self._followers[chain.name] = follower
        self.assets.learn(chain)
        if chain.genesis is None:
            self.assets.main = follower.client

    async def begin(self, seconds: float) -> None:
        """Let a new wallet begin at its chains' tips; one not reached in time is read whole."""
        with trio.move_on_after(seconds):
            async with trio.open_nursery() as nursery:
                for follower in self._followers.values():
                    nursery.start_soon(follower.begun)
        self._fresh = False
        for follower in self._followers.values():
            follower.purse.fresh = False

    async def run(self) -> None:
        """Run every follower until cancelled."""
        async with trio.open_nursery() as nursery:
            while True:
                for name, follower in self._followers.items():
                    if name not in self._scopes:
                        self._scopes[name] = trio.CancelScope()
                        nursery.start_soon(self._run, self._scopes[name], follower)
                await self._changed.wait()

    async def _run(self, scope: trio.CancelScope, follower: Follower) -> None:
        with scope:
            await follower.run()

    async def close(self) -> None:
        """Save what is not saved and release the store."""
        for follower in self._followers.values():
            await follower.purse.save()
        self.store.close()
