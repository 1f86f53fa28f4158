"""RPC about balances and coins: Bitcoin Core's names, per chain, asset and account.

`chain` is left out for the chain of the path asked (`/` is the main chain, `/sidechain/NAME`).
Amounts are decimal; `units` is the same in the asset's base units. Reads wait a moment until the
wallet has seen the chain's last block.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Annotated, Any, Final, Literal

import trio
from msgspec import Meta, Struct

from bystack.ledger.accounts import WATCHED
from bystack.ledger.coins import Coin
from bystack.ledger.transactions import Outpoint, PolicyLock
from bystack.ledger.wallet import Balance
from bystack.node import amounts_text
from bystack.node.ipc import RemoteError, Unavailable
from bystack.node.mainchain.forms import Json, address_of
from bystack.node.rpc import Hash, Methods, calling_chain
from bystack.node.wallet import shapes
from bystack.node.wallet.asking import Reused, Watched, accounts_meant, label_of
from bystack.node.wallet.asking import Text as Text
from bystack.node.wallet.asking import lock_at as lock_at
from bystack.node.wallet.assets import Named
from bystack.node.wallet.keeper import Keeper
from bystack.node.wallet.opened import Opened
from bystack.node.wallet.purse import Purse

FRESH_SECONDS: Final = 10.0
CONNECT_SECONDS: Final = 2.0

MAX_LISTED: Final = 100_000

MOST_DEEP: Final = 9_999_999
"""Confirmations: what Bitcoin Core's clients send for "however many"."""

Count = Annotated[int, Meta(ge=0, le=MOST_DEEP)]
Limit = Annotated[int, Meta(ge=0, le=MAX_LISTED)]
All = Annotated[Literal["*", ""], Meta(description="nothing else: it is there for its place")]
Addresses = Annotated[list[Text], Meta(max_length=1_000, description="only coins of these")]
Unsafe = Annotated[bool, Meta(description="not used: others' unconfirmed coins are never listed")]
Kept = Annotated[bool, Meta(description="not used: it is always kept over restarts")]

ZERO = Balance()


async def fresh(wallet: Opened, chain: str) -> None:
    """Wait until the wallet has followed its chain to where that stands now, or some seconds."""
    follower = wallet.follower(chain)
    with trio.move_on_after(CONNECT_SECONDS):
        await follower.client.wait_connected()
    with trio.move_on_after(FRESH_SECONDS):
        try:
            status: dict[str, Any] = await follower.client.call("status")
        except (Unavailable, RemoteError):
            return
        await follower.reach(int(status["height"]))


class Point(Struct, forbid_unknown_fields=True):
    """A coin by its place."""

    txid: Hash
    vout: Annotated[int, Meta(ge=0, le=2**32 - 1)]

    @property
    def place(self) -> Outpoint:
        """As the ledger has it."""
        return Outpoint(bytes.fromhex(self.txid), self.vout)


class Options(Struct, forbid_unknown_fields=True, frozen=True):
    """Which coins are listed, and how many; names as in Bitcoin Core."""

    minimumAmount: amounts_text.Given = 0
    maximumAmount: amounts_text.Given | None = None
    maximumCount: Limit = MAX_LISTED

    def takes(self, units: int, decimals: int) -> bool:
        """Whether a coin of so many units is meant."""
        most = self.maximumAmount
        low = units < amounts_text.read(self.minimumAmount, decimals)
        return not low and (most is None or units <= amounts_text.read(most, decimals))


EVERY: Final = Options()
OPTIONS: Final = ", ".join(Options.__struct_fields__)


Points = Annotated[list[Point], Meta(max_length=10_000)]


class MoneyMethods:
    """Reads of the loaded wallet."""

    def __init__(self, keeper: Keeper) -> None:
        self._keeper = keeper

    def register(self, methods: Methods) -> None:
        """Add every method of this file."""
        add = methods.add
        add("getbalance", self.balance, scope="wallet", help="What can be spent of an asset.")
        add(
            "getbalances",
            self.balances,
            scope="wallet",
            help="Every asset we own.",
            returns=shapes.Balances,
        )
        add(
            "listunspent",
            self.unspent,
            scope="wallet",
            help="Our coins that can be spent.",
            returns=list[shapes.Unspent],
        )
        add("lockunspent", self.lock_coins, scope="wallet", help="Leave coins alone, or not.")
        add(
            "listlockunspent",
            self.locked_coins,
            scope="wallet",
            help="Coins left alone.",
            returns=list[shapes.Place],
        )

    async def _at(self, chain: str) -> tuple[Opened, str]:
        wallet, name = self._keeper.opened(), chain or calling_chain()
        await fresh(wallet, name)
        return wallet, name

    async def balance(
        self,
        dummy: All = "*",
        minconf: Count = 0,
        include_watchonly: Watched = False,
        avoid_reuse: Reused = False,
        asset: Text = "BTM",
        chain: Text = "",
        account: Text = "",
    ) -> amounts_text.Shown:
        """The sum of coins that a payment may take now, our own unconfirmed change included; with
        `minconf` of those only that have so many confirmations."""
        wallet, name = await self._at(chain)
        purse = wallet.purse(name)
        balances = _balances(wallet, purse, account)
        named = await wallet.assets.named(asset, purse.chain, balances)
        mine = balances.get(named.id, ZERO)
        if minconf:
            deep = [coin for _, coin, _ in _deep(wallet, purse, account, minconf)]
            mine = Balance(confirmed=sum(one.amount for one in deep if one.asset == named.id))
        return amounts_text.show(mine.confirmed + mine.pending, named.decimals)

    async def balances(self, chain: Text = "", account: Text = "") -> Json:
        """Per asset name: trusted (spendable), what waits in the pool, immature, reserved.

        `watchonly` is beside it where a wallet with keys also watches others' addresses.
        """
        wallet, name = await self._at(chain)
        purse = wallet.purse(name)
        shown: Json = {"chain": name, "height": purse.wallet.height}
        coming = purse.coming(accounts_meant(wallet, purse, account))
        shown["mine"] = await _by_name(wallet, _balances(wallet, purse, account), coming)
        watched = purse.watched_beside()
        if watched and not account:
            sums = purse.wallet.balances(purse.chain.params.maturity, watched)
            shown["watchonly"] = await _by_name(wallet, sums, purse.coming(watched))
        return shown

    async def unspent(
        self,
        minconf: Count = 1,
        maxconf: Count = MOST_DEEP,
        addresses: Addresses | None = None,
        include_unsafe: Unsafe = True,
        query_options: Annotated[Options, Meta(description=OPTIONS)] = EVERY,
        chain: Text = "",
        account: Text = "",
    ) -> list[Json]:
        """Mature coins that no payment has set aside, the oldest first; with `minconf` 0 our own
        change as well."""
        wallet, name = await self._at(chain)
        purse = wallet.purse(name)
        locks = {lock_at(one, purse.chain.hrp) for one in addresses or ()}
        listed: list[Json] = []
        for point, coin, depth in _deep(wallet, purse, account, minconf):
            if len(listed) == query_options.maximumCount:
                break
            if depth <= maxconf and (not locks or coin.lock in locks):
                named = await wallet.assets.of(coin.asset)
                if query_options.takes(coin.amount, named.decimals):
                    listed.append(_coin(purse, point, coin, named) | {"confirmations": depth})
        return listed

    async def lock_coins(
        self,
        unlock: bool,
        transactions: Points | None = None,
        persistent: Kept = True,
        chain: Text = "",
    ) -> bool:
        """Leave coins alone until they are released; over restarts as well."""
        purse = self._keeper.opened().purse(chain or calling_chain())
        wallet, points = purse.wallet, [one.place for one in transactions or ()]
        if unlock:
            kept = [p for p, why in wallet.reserved.items() if why.transaction == bytes(32)]
            wallet.release(kept if transactions is None else [p for p in points if p in kept])
        elif missing := [p for p in points if p not in wallet.confirmed(0)]:
            text = f"Invalid parameter, {missing[0].transaction.hex()} is no free coin of ours"
            raise RemoteError(-8, text)
        else:
            for point in points:
                wallet.set_aside(point)
        purse.touch()
        await purse.save()
        return True

    def locked_coins(self, chain: Text = "") -> list[Json]:
        """The coins that the owner wants left alone."""
        reserved = self._keeper.opened().purse(chain or calling_chain()).wallet.reserved
        kept = (point for point, why in reserved.items() if why.transaction == bytes(32))
        return [{"txid": point.transaction.hex(), "vout": point.index} for point in kept]


def _deep(
    wallet: Opened, purse: Purse, account: str, minconf: int
) -> Iterator[tuple[Outpoint, Coin, int]]:
    """Coins that may be spent, with their confirmations, at least `minconf`; the oldest first."""
    meant = accounts_meant(wallet, purse, account)
    look = purse.wallet.confirmed if minconf else purse.wallet.spendable
    for point, coin in sorted(look(purse.chain.params.maturity, meant).items(), key=_oldest_first):
        depth = max(0, purse.wallet.height - coin.height + 1)
        if depth >= minconf:
            yield point, coin, depth


def _oldest_first(pair: tuple[Outpoint, Coin]) -> tuple[int, bytes, int]:
    point, coin = pair
    return coin.height, point.transaction, point.index


def _balances(wallet: Opened, purse: Purse, account: str) -> Mapping[bytes, Balance]:
    meant = accounts_meant(wallet, purse, account)
    return purse.wallet.balances(purse.chain.params.maturity, meant)


async def _by_name(
    wallet: Opened, balances: Mapping[bytes, Balance], coming: Mapping[bytes, int]
) -> Json:
    mine: Json = {}
    for asset, named in (await wallet.assets.together(balances.keys() | coming.keys())).items():
        sums = balances.get(asset, ZERO)
        parts = {
            "trusted": sums.confirmed + sums.pending,
            "untrusted_pending": coming.get(asset, 0),
            "immature": sums.immature,
            "reserved": sums.reserved,
        }
        shown = {part: amounts_text.show(n, named.decimals) for part, n in parts.items()}
        mine[named.name] = {"asset": asset.hex(), "units": parts["trusted"], **shown}
    return mine


def _coin(purse: Purse, point: Outpoint, coin: Coin, named: Named) -> Json:
    assert isinstance(coin.lock, PolicyLock)
    place = purse.wallet.place(coin.lock)
    return {
        "txid": point.transaction.hex(),
        "vout": point.index,
        "address": address_of(coin.lock, purse.chain.hrp),
        "label": label_of(purse, coin.lock),
        "spendable": place is not None and place.account < WATCHED,
        "asset": coin.asset.hex(),
        "name": named.name,
        "units": coin.amount,
        "amount": amounts_text.show(coin.amount, named.decimals),
    }
