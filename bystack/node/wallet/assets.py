"""Assets by name: what a client's "GOLD" means on a chain, and how many decimals it has."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping
from typing import NamedTuple

from bystack.ledger.amounts import BTM, BTM_DECIMALS
from bystack.ledger.coins import Coin
from bystack.mainchain.issues import registration_of
from bystack.node.amounts_text import show
from bystack.node.ipc import Reconnecting, RemoteError, Unavailable
from bystack.node.rpc import NOT_FOUND
from bystack.node.wallet.chains import Chain
from bystack.primitives.codec import decode

MAX_COIN = 64_000
MOST_NAMES = 12

_ID = re.compile("[0-9a-fA-F]{64}")


class Named(NamedTuple):
    """An asset as people know it."""

    id: bytes
    name: str
    decimals: int


NATIVE = Named(BTM, "BTM", BTM_DECIMALS)


def honest(named: Named) -> Named:
    """The asset, by its id where its issuer named it like the chain's own coin."""
    impostor = named.id != BTM and named.name.upper() == NATIVE.name
    return named._replace(name=named.id.hex()) if impostor else named


class Assets:
    """Names of assets: sidechains' geneses know theirs, the main chain the rest."""

    def __init__(self, main: Reconnecting | None) -> None:
        self.main = main
        self._known: dict[bytes, Named] = {BTM: NATIVE}

    def learn(self, chain: Chain) -> None:
        """Take in what a sidechain's genesis lists."""
        for entry in chain.genesis.assets if chain.genesis else ():
            named = honest(Named(entry.asset, entry.name, entry.decimals))
            self._known.setdefault(entry.asset, named)

    def note(self, named: Named) -> None:
        """Take in an asset of our own issue."""
        self._known[named.id] = honest(named)

    def amount(self, asset: bytes, units: int) -> str:
        """An amount as people read it, by what is known without asking; else in base units."""
        named = self._known.get(asset)
        if named is None:
            return f"{units} base units of {asset.hex()}"
        return f"{show(units, named.decimals)} {named.name}"

    async def of(self, asset: bytes) -> Named:
        """An asset's name and decimals; one nobody knows goes by its id, without decimals."""
        if asset not in self._known and self.main is not None:
            try:
                data = await self.main.call("asset", asset)
            except (Unavailable, RemoteError):
                data = None
            if data is not None:
                definition = registration_of(decode(Coin, data, MAX_COIN)).definition
                self.note(Named(asset, definition.symbol, definition.decimals))
        return self._known.get(asset) or Named(asset, asset.hex(), 0)

    async def together(self, assets: Iterable[bytes]) -> Mapping[bytes, Named]:
        """These assets where they stand side by side, by id: those of one name go by their ids, for
        anybody may issue another of that name."""
        every = {asset: await self.of(asset) for asset in sorted(assets)}
        times = Counter(named.name for named in every.values())
        return {
            asset: named if times[named.name] == 1 else named._replace(name=asset.hex())
            for asset, named in every.items()
        }

    async def named(self, text: str, chain: Chain, held: Iterable[bytes]) -> Named:
        """The asset a client means: by id, or by a name among those listed, else held, else known.

        Raises `RemoteError` (-5) for a name that nothing has, or several assets have.
        """
        if _ID.fullmatch(text):
            return await self.of(bytes.fromhex(text))
        if text.upper() == "BTM":
            return NATIVE
        for entry in chain.genesis.assets if chain.genesis else ():
            if entry.name == text:
                return Named(entry.asset, entry.name, entry.decimals)
        found = await self._named(text, held) or await self._named(text, self._known)
        if len(found) == 1:
            return next(iter(found.values()))
        ids = ", ".join(id.hex() for id in sorted(found))
        if found:
            raise RemoteError(NOT_FOUND, f"several assets are named {text}: {ids}; give its id")
        listed = chain.genesis.assets if chain.genesis else ()
        names = {NATIVE.name, *(one.name for one in listed), *await self._names(held)}
        there = ", ".join(sorted(names)[:MOST_NAMES])
        raise RemoteError(NOT_FOUND, f"no asset {text} known; there are: {there}; or give its id")

    async def _names(self, held: Iterable[bytes]) -> set[str]:
        return {(await self.of(asset)).name for asset in sorted(held)[:MOST_NAMES]}

    async def _named(self, text: str, assets: Iterable[bytes]) -> dict[bytes, Named]:
        every = [await self.of(asset) for asset in sorted(assets)]
        return {one.id: one for one in every if one.name == text}
