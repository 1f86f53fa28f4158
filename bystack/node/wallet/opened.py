"""A loaded wallet: its key, its store, one follower per chain; chains come and go while it runs."""

from __future__ import annotations

from collections.abc import Iterable

import trio

from bystack.node.ipc import RemoteError
from bystack.node.mainchain.signals import Signal
from bystack.node.storage import Store
from bystack.node.wallet.assets import Assets
from bystack.node.wallet.chains import MAIN, Chain
from bystack.node.wallet.following import Follower
from bystack.node.wallet.migration import to_rows
from bystack.node.wallet.purse import FORMAT, KIND, Purse
from bystack.node.wallet.spending import Spending
from bystack.primitives.bip32 import ExtendedKey

UNKNOWN_CHAIN = -8


class Opened:
    """One wallet in use. Run `run` in a nursery; close the store after it."""

    def __init__(self, name: str, master: ExtendedKey, path: str, magic: bytes) -> None:
        self.name = name
        self.store = Store.open(
            path, kind=KIND, magic=magic, version=FORMAT, migrations={1: to_rows}
        )
        self.assets = Assets(None)
        self._master = master
        self._followers: dict[str, Follower] = {}
        self._scopes: dict[str, trio.CancelScope] = {}
        self._changed = Signal()

    @property
    def chains(self) -> tuple[str, ...]:
        """The names of the chains followed, the main chain first."""
        return tuple(sorted(self._followers, key=lambda name: (name != MAIN, name)))

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
        """Payments on a chain; raises as `follower`."""
        return Spending(self.follower(chain))

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
        follower = Follower(Purse(chain, self._master, self.store))
        self._followers[chain.name] = follower
        self.assets.learn(chain)
        if chain.genesis is None:
            self.assets.main = follower.client

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
