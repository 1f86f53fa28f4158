"""RPC that acts on a sidechain's modules: certificates, orders, any module's action as bytes."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta

from bystack.ledger.transactions import MAX_ACTION_BODY
from bystack.node import amounts_text
from bystack.node.ipc import RemoteError
from bystack.node.mainchain.forms import Json
from bystack.node.rpc import BAD_PARAMETER, Hash, Height, Hex, Methods
from bystack.node.trading_text import SIDES, TERMS, chosen, lifetime, pair_named, pairs
from bystack.node.wallet import shapes, shapes_modules
from bystack.node.wallet.acting import Counter, counter
from bystack.node.wallet.asking import Text
from bystack.node.wallet.desk import Desk
from bystack.node.wallet.keeper import Keeper
from bystack.sidechain.modules.exchange.module import CANCEL, PLACE, ExchangeModule
from bystack.sidechain.modules.exchange.orders import CancelOrder, PlaceOrder, cost, order_id
from bystack.sidechain.modules.registry.certificates import (
    MAX_MEMO,
    MAX_REASON,
    Endorse,
    Register,
    Revoke,
    Transfer,
)
from bystack.sidechain.modules.registry.module import (
    ENDORSE,
    REGISTER,
    REVOKE,
    TRANSFER,
    RegistryModule,
)

EXCHANGE, REGISTRY = ExchangeModule.name, RegistryModule.name
MANY = 1_000
"""Owners asked for at a time."""

Memo = Annotated[str, Meta(max_length=MAX_MEMO, description="at most 256 bytes of UTF-8")]
Reason = Annotated[str, Meta(max_length=MAX_REASON, description="at most 100 bytes of UTF-8")]
Market = Annotated[str, Meta(max_length=64, description="a market: GOLD/BTM, or its number")]
Word = Annotated[str, Meta(max_length=10)]
Kind = Annotated[int, Meta(ge=0, le=255, description="the module's own number of the action")]
Body = Annotated[Hex, Meta(max_length=2 * MAX_ACTION_BODY, description="the action's bytes in hex")]
Gives = Annotated[dict[Text, amounts_text.Given], Meta(max_length=16)]


class ModuleActions:
    """Actions of the loaded wallet."""

    def __init__(self, keeper: Keeper) -> None:
        self._desk = Desk(keeper)

    def register(self, methods: Methods) -> None:
        """Add every method of this file."""
        methods.add_all(
            (
                "registerdigest",
                self.enter,
                "Enter a digest into a registry.",
                shapes_modules.Registered,
            ),
            ("transfercertificate", self.transfer, "Give a certificate away.", shapes.Shared),
            ("revokecertificate", self.revoke, "Declare a certificate void.", shapes.Shared),
            ("endorsecertificate", self.endorse, "Stand for a certificate.", shapes.Shared),
            ("placeorder", self.place, "Buy or sell at a price or better.", shapes_modules.Placed),
            ("cancelorder", self.cancel, "Take an order out of the book.", shapes.Shared),
            (
                "listmyorders",
                self.orders,
                "This wallet's orders in the book.",
                list[shapes_modules.MyOrder],
            ),
            ("moduleaction", self.act, "Any module's action, as bytes.", shapes.Shared),
            scope="wallet",
        )

    # -- registry

    async def enter(
        self, digest: Hash, memo: Memo = "", owner: Text = "", expires: Height = 0, chain: Text = ""
    ) -> Json:
        """The transaction, and whose the certificate will be: `owner`, or a new address of ours.

        `expires` is the last height at which it is valid; 0: without end.
        """
        at = await counter(self._desk, chain)
        config = await at.ask(REGISTRY, "getregistryinfo")
        text = _bounded(memo, MAX_MEMO)
        fee = config["fee"] + config["byte_fee"] * len(text)
        root = await at.root(owner)
        action = Register(bytes.fromhex(digest), root, text, expires)
        gives = {bytes.fromhex(config["asset"]): fee} if fee else {}
        sent = await at.act(REGISTRY, REGISTER, action, gives)
        return {**sent, "digest": digest.lower(), "owner": root.hex(), "paid_units": fee}

    async def transfer(self, digest: Hash, address: Text, chain: Text = "") -> Json:
        """The transaction; where several people own the certificate, the draft for them to sign."""
        at = await counter(self._desk, chain)
        owner, to = await self._owner(at, digest), await at.root(address)
        return await at.act(REGISTRY, TRANSFER, Transfer(owner, bytes.fromhex(digest), to))

    async def revoke(self, digest: Hash, reason: Reason = "", chain: Text = "") -> Json:
        """As `transfercertificate`."""
        at = await counter(self._desk, chain)
        text = _bounded(reason, MAX_REASON)
        action = Revoke(await self._owner(at, digest), bytes.fromhex(digest), text)
        return await at.act(REGISTRY, REVOKE, action)

    async def endorse(self, digest: Hash, address: Text, chain: Text = "") -> Json:
        """Endorsed by an address of ours, or of ours and others': then the draft comes back."""
        at = await counter(self._desk, chain)
        root, config = await at.root(address), await at.ask(REGISTRY, "getregistryinfo")
        at.check_ours(root, "the address")
        gives = {bytes.fromhex(config["asset"]): config["fee"]} if config["fee"] else {}
        return await at.act(REGISTRY, ENDORSE, Endorse(root, bytes.fromhex(digest)), gives)

    async def _owner(self, at: Counter, digest: str) -> bytes:
        found = await at.ask(REGISTRY, "getcertificate", digest.lower())
        owner = bytes.fromhex(found["owner"])
        at.check_ours(owner, "the certificate")
        return owner

    # -- exchange

    async def place(
        self,
        market: Market,
        side: Word,
        amount: amounts_text.Given,
        price: amounts_text.Given,
        blocks: Height = 0,
        terms: Word = "rest",
        owner: Text = "",
        chain: Text = "",
    ) -> Json:
        """Order and transaction. `side` is buy or sell, `price` what one whole base coin costs.

        `blocks`: for how many the order may wait, 0 for as long as the market lets it. `terms`:
        rest in the book, now or never, all of it or nothing, make (only wait). `owner`, or a new
        address of ours, is paid.
        """
        at = await counter(self._desk, chain)
        pair = pair_named(at.genesis, market)
        lots, ticks = pair.lots(amount), pair.ticks(price)
        wanted = chosen(SIDES, side, "the side")
        most = lifetime(at.genesis)
        # The order may be in a later block than the next: some of its life is left for that.
        ends = at.purse.wallet.height + (min(blocks, most) if blocks else most)
        word = int(chosen(TERMS, terms, "terms"))
        order = PlaceOrder(pair.number, int(wanted), ticks, lots, await at.root(owner), ends, word)
        asset, gives = cost(pair.market, wanted, ticks, lots)
        sent = await at.act(EXCHANGE, PLACE, order, {asset: gives})
        id = order_id(at.genesis.id, bytes.fromhex(sent["txid"]), 0)
        about = {"market": pair.name, "side": side, "expires": ends}
        return {"order": id.hex(), **sent, **about, "owner": order.owner.hex()}

    async def cancel(self, order: Hash, chain: Text = "") -> Json:
        """What is left of it comes back; where several people own it, the draft for them."""
        at = await counter(self._desk, chain)
        found = await at.ask(EXCHANGE, "getorder", order.lower())
        owner = bytes.fromhex(found["owner"])
        at.check_ours(owner, "the order")
        return await at.act(EXCHANGE, CANCEL, CancelOrder(owner, bytes.fromhex(order)))

    async def orders(self, chain: Text = "") -> list[Json]:
        """Those that wait, of every address of this wallet: at most 500 per 1,000 addresses."""
        at = await counter(self._desk, chain)
        markets, roots, found = pairs(at.genesis), at.roots, list[Json]()
        for first in range(0, len(roots), MANY):
            answer = await at.ask(EXCHANGE, "listorders", roots[first : first + MANY])
            found += [markets[row["market"]].order(row) for row in answer["orders"]]
        return found

    # -- any module

    async def act(
        self, module: Text, kind: Kind, body: Body, gives: Gives | None = None, chain: Text = ""
    ) -> Json:
        """Send an action of a module, whose bytes its package tells how to make.

        `gives`: what the transaction gives up to the module, per asset, by name or id.
        """
        at = await counter(self._desk, chain)
        held = {coin.asset for coin in at.purse.wallet.coins.values()}
        amounts: dict[bytes, int] = {}
        for asset, amount in (gives or {}).items():
            named = await at.wallet.assets.named(asset, at.purse.chain, held)
            amounts[named.id] = amounts_text.read(amount, named.decimals)
        return await at.act(module, kind, bytes.fromhex(body), amounts)


def _bounded(text: str, most: int) -> bytes:
    """Text as UTF-8; raises `RemoteError` (-8) beyond so many bytes."""
    data = text.encode()
    if len(data) > most:
        raise RemoteError(BAD_PARAMETER, f"the text is {len(data)} bytes long; at most {most}")
    return data
