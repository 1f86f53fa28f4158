"""RPC of swaps: one asset for another between two people, in one transaction or not at all."""

from __future__ import annotations

import secrets
from typing import Final

from bystack.ledger.coins import Coin
from bystack.ledger.payments import InsufficientFunds, completed, sign_transaction
from bystack.ledger.pst import draft_text
from bystack.ledger.swaps import Offer, offer_draft, read_offer, take_offer
from bystack.ledger.transactions import Outpoint, Output
from bystack.node import amounts_text
from bystack.node.ipc import RemoteError
from bystack.node.mainchain.forms import Json
from bystack.node.rpc import Height, Methods, calling_chain
from bystack.node.wallet import shapes_drafts
from bystack.node.wallet.desk import Desk
from bystack.node.wallet.keeper import Keeper
from bystack.node.wallet.opened import Opened
from bystack.node.wallet.purse import Purse
from bystack.node.wallet.rpc_money import Text, fresh
from bystack.node.wallet.rpc_pst import Draft
from bystack.node.wallet.sending import hand_in
from bystack.node.wallet.spending import short
from bystack.primitives.codec import encode

NOTHING: Final = -3


class SwapMethods:
    """Offers of the loaded wallet, and those it takes."""

    def __init__(self, keeper: Keeper) -> None:
        self._keeper, self._desk = keeper, Desk(keeper)

    def register(self, methods: Methods) -> None:
        """Add every method of this file."""
        add = methods.add
        add(
            "createswap",
            self.offer,
            scope="wallet",
            help="Offer some of one asset for another.",
            returns=shapes_drafts.Offered,
        )
        add(
            "decodeswap",
            self.show,
            scope="wallet",
            help="What an offer gives and wants.",
            returns=shapes_drafts.Offer,
        )
        add(
            "acceptswap",
            self.take,
            scope="wallet",
            help="Take an offer: pay it and send.",
            returns=shapes_drafts.Swapped,
        )

    async def offer(
        self,
        give: amounts_text.Given,
        give_asset: Text,
        want: amounts_text.Given,
        want_asset: Text,
        valid_until: Height = 0,
        chain: Text = "",
    ) -> Json:
        """An offer that whoever has it may take, until its last block or its coin is spent.

        A coin of just the amount is offered; where there is none the wallet first pays one to
        itself.
        """
        name = chain or calling_chain()
        wallet, drafting, _ = self._desk.at(name)
        wallet.check_unlocked()
        gift = await _amount(wallet, name, give, give_asset)
        wish = await _amount(wallet, name, want, want_asset)
        purse = wallet.purse(name)
        wanted = Output(*wish, purse.wallet.new_lock())
        place, coin = await self._exact(wallet, name, *gift)
        made = offer_draft(purse.chain.id, Offer(place, coin, wanted, (0, valid_until)))
        purse.wallet.reserve(made, kept=True)
        purse.touch()
        await purse.save()
        done = await drafting.process(drafting.told(made), beside=True)
        where = {"txid": place.transaction.hex(), "vout": place.index}
        return {"pst": draft_text(encode(done.draft)), **where}

    async def show(self, pst: Draft) -> Json:
        """What an offer gives and wants, of which assets (`assets` has the ids), until when, and
        that its coin is there."""
        wallet, name, drafting, draft = await self._desk.read(pst)
        offer = read_offer(draft)
        await drafting.check_coins(draft)
        return {
            "chain": name,
            **await _terms(wallet, offer, "gives", "wants"),
            "valid_until": offer.window[1],
            "txid": offer.place.transaction.hex(),
            "vout": offer.place.index,
        }

    async def take(self, pst: Draft) -> Json:
        """Pay what the offer wants and take what it gives; the transaction's id."""
        wallet, name, drafting, draft = await self._desk.read(pst)
        offer = read_offer(draft)
        await drafting.check_coins(draft)
        spending, purse = wallet.spending(name), wallet.purse(name)
        fees, maturity = await spending.fees(), purse.chain.params.maturity
        lock = purse.wallet.change_lock()
        coins = purse.wallet.confirmed(maturity)
        try:
            whole = take_offer(draft, coins, lock, lock, fees)
        except InsufficientFunds as error:
            raise short(error, wallet.assets) from None
        purse.wallet.reserve(whole)
        try:
            own = purse.wallet.secrets(whole)
            tx = completed(sign_transaction(whole, own, secrets.token_bytes(32)))
            txid = await hand_in(wallet.follower(name), tx)
        except BaseException:
            purse.let_go(whole.body.inputs)
            raise
        return {"txid": txid, **await _terms(wallet, offer, "received", "paid")}

    async def _exact(
        self, wallet: Opened, chain: str, asset: bytes, amount: int
    ) -> tuple[Outpoint, Coin]:
        """A coin of exactly the amount."""
        purse = wallet.purse(chain)
        found = _coin_of(purse, asset, amount)
        if found is not None:
            return found
        lock = purse.wallet.change_lock()
        tx = await wallet.spending(chain).pay([Output(asset, amount, lock)])
        place = Outpoint(tx.id, tx.body.outputs.index(Output(asset, amount, lock)))
        return place, Coin(asset, amount, lock, purse.wallet.height + 1, 0, 1, b"")


async def _terms(wallet: Opened, offer: Offer, gives: str, wants: str) -> Json:
    """Both sides of an offer by name, and the names' ids: a name is its issuer's choice."""
    given, wanted = offer.coin, offer.wanted
    named = await wallet.assets.together({given.asset, wanted.asset})
    shown: Json = {
        word: {named[asset].name: amounts_text.show(amount, named[asset].decimals)}
        for word, asset, amount in (
            (gives, given.asset, given.amount),
            (wants, wanted.asset, wanted.amount),
        )
    }
    return {**shown, "assets": {one.name: asset.hex() for asset, one in named.items()}}


def _coin_of(purse: Purse, asset: bytes, amount: int) -> tuple[Outpoint, Coin] | None:
    for place, coin in purse.wallet.confirmed(purse.chain.params.maturity).items():
        if (coin.asset, coin.amount) == (asset, amount):
            return place, coin
    return None


async def _amount(
    wallet: Opened, chain: str, amount: amounts_text.Given, asset: str
) -> tuple[bytes, int]:
    await fresh(wallet, chain)
    purse = wallet.purse(chain)
    held = {coin.asset for coin in purse.wallet.coins.values()}
    named = await wallet.assets.named(asset, purse.chain, held)
    units = amounts_text.read(amount, named.decimals)
    if not units:
        raise RemoteError(NOTHING, "Invalid amount: nothing to swap")
    return named.id, units
