"""RPC about addresses, balances, coins and history: Bitcoin Core's names, per chain and asset.

`chain` is left out for the chain of the path asked (`/` is the main chain, `/sidechain/NAME`).
Amounts are decimal; `units` is the same in the asset's base units. Reads wait a moment until the
wallet has seen the chain's last block.
"""

from __future__ import annotations

from typing import Annotated, Any, Final

import trio
from msgspec import Meta

from bystack.ledger.transactions import DepositLock, PolicyLock
from bystack.ledger.wallet import Balance
from bystack.node import amounts_text
from bystack.node.ipc import RemoteError, Unavailable
from bystack.node.mainchain.forms import Json, address_of
from bystack.node.rpc import Methods, calling_chain
from bystack.node.wallet.keeper import Keeper
from bystack.node.wallet.opened import Opened
from bystack.primitives.addresses import DEPOSIT, decode_address
from bystack.primitives.errors import Invalid

BAD_ADDRESS: Final = -5
FRESH_SECONDS: Final = 10.0
CONNECT_SECONDS: Final = 2.0

Text = Annotated[str, Meta(max_length=300)]
Count = Annotated[int, Meta(ge=0, le=10_000)]

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


def lock_at(address: str, hrp: str) -> PolicyLock | DepositLock:
    """The lock an address stands for; raises `RemoteError` (-5)."""
    try:
        given = decode_address(address, hrp)
    except Invalid as error:
        raise bad_address(error) from None
    payload = given.payload
    return (
        DepositLock(payload[:32], payload[32:]) if given.version == DEPOSIT else PolicyLock(payload)
    )


def bad_address(error: Invalid) -> RemoteError:
    """The answer to an address that is none, or of another chain."""
    return RemoteError(BAD_ADDRESS, f"Invalid address: {error}", {"rule": error.rule})


class MoneyMethods:
    """Reads of the loaded wallet."""

    def __init__(self, keeper: Keeper) -> None:
        self._keeper = keeper

    def register(self, methods: Methods) -> None:
        """Add every method of this file."""
        add = methods.add
        add("getbalance", self.balance, scope="wallet", help="What can be spent of an asset.")
        add("getbalances", self.balances, scope="wallet", help="Every asset we own.")
        add("listassets", self.assets, scope="wallet", help="The assets we own, by name.")
        add("listunspent", self.unspent, scope="wallet", help="Our coins that can be spent.")
        add("listtransactions", self.transactions, scope="wallet", help="What came and went.")

    async def _at(self, chain: str) -> tuple[Opened, str]:
        wallet, name = self._keeper.opened(), chain or calling_chain()
        await fresh(wallet, name)
        return wallet, name

    async def balance(self, chain: Text = "", asset: Text = "BTM") -> amounts_text.Shown:
        """The sum of coins that a payment may take now, our own unconfirmed change included."""
        wallet, name = await self._at(chain)
        purse = wallet.purse(name)
        balances = purse.wallet.balances(purse.chain.params.maturity)
        named = await wallet.assets.named(asset, purse.chain, balances)
        mine = balances.get(named.id, ZERO)
        return amounts_text.show(mine.confirmed + mine.pending, named.decimals)

    async def balances(self, chain: Text = "") -> Json:
        """Per asset name: trusted (spendable), immature, pending change, reserved by payments."""
        wallet, name = await self._at(chain)
        mine: Json = {}
        purse = wallet.purse(name)
        for asset, sums in sorted(purse.wallet.balances(purse.chain.params.maturity).items()):
            named = await wallet.assets.of(asset)
            label = named.name if named.name not in mine else asset.hex()
            parts = {
                "trusted": sums.confirmed + sums.pending,
                "immature": sums.immature,
                "reserved": sums.reserved,
            }
            shown = {part: amounts_text.show(n, named.decimals) for part, n in parts.items()}
            mine[label] = {"asset": asset.hex(), "units": parts["trusted"], **shown}
        return {"chain": name, "height": purse.wallet.height, "mine": mine}

    async def assets(self, chain: Text = "") -> list[Json]:
        """Names, ids, decimals and what we have."""
        wallet, name = await self._at(chain)
        purse = wallet.purse(name)
        listed = []
        for asset, sums in sorted(purse.wallet.balances(purse.chain.params.maturity).items()):
            named = await wallet.assets.of(asset)
            total = sums.confirmed + sums.pending
            shown = amounts_text.show(total, named.decimals)
            facts = {"name": named.name, "asset": asset.hex(), "decimals": named.decimals}
            listed.append({**facts, "balance": shown, "units": total})
        return listed

    async def unspent(self, chain: Text = "", minconf: Count = 1) -> list[Json]:
        """Mature coins that no payment has set aside; with `minconf` 0 our own change as well."""
        wallet, name = await self._at(chain)
        purse = wallet.purse(name)
        maturity, height = purse.chain.params.maturity, purse.wallet.height
        every = purse.wallet.confirmed(maturity) if minconf else purse.wallet.spendable(maturity)
        listed = []
        for place, coin in every.items():
            named = await wallet.assets.of(coin.asset)
            depth = max(0, height - coin.height + 1)
            if depth >= minconf:
                shown = amounts_text.show(coin.amount, named.decimals)
                facts = {"txid": place.transaction.hex(), "vout": place.index}
                owner = {"address": address_of(coin.lock, purse.chain.hrp), "spendable": True}
                sums = {"asset": coin.asset.hex(), "name": named.name, "units": coin.amount}
                listed.append({**facts, **owner, **sums, "amount": shown, "confirmations": depth})
        return listed

    async def transactions(
        self, chain: Text = "", count: Count = 10, skip: Count = 0
    ) -> list[Json]:
        """The last transactions that concern us, oldest first; amounts are what we gained."""
        wallet, name = await self._at(chain)
        purse = wallet.purse(name)
        entries = list(purse.wallet.history.values())
        part = entries[max(0, len(entries) - skip - count) : max(0, len(entries) - skip)]
        listed = []
        for entry in part:
            for movement in entry.movements:
                named = await wallet.assets.of(movement.asset)
                net = movement.received - movement.sent
                gained = amounts_text.show(abs(net), named.decimals)
                listed.append(
                    {
                        "txid": entry.transaction.hex(),
                        "category": "receive" if net >= 0 else "send",
                        "asset": movement.asset.hex(),
                        "name": named.name,
                        "amount": gained if net >= 0 else _negative(gained),
                        "blockheight": entry.height,
                        "confirmations": purse.wallet.height - entry.height + 1,
                    }
                )
        return listed


def _negative(shown: amounts_text.Shown) -> amounts_text.Shown:
    return f"-{shown}" if isinstance(shown, str) else -shown
