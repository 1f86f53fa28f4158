"""RPC that keeps a wallet in order: many coins into few, payments sped up or given up, rescans."""

from __future__ import annotations

from typing import Annotated, Final, NamedTuple

from msgspec import Meta
from msgspec.structs import replace

from bystack.ledger.amounts import BTM, BTM_DECIMALS
from bystack.ledger.coins import Coin
from bystack.ledger.payments import RATE, Coins, FeeTerms, PartiallySigned, signed_weight
from bystack.ledger.pst import unsigned
from bystack.ledger.sweeping import PER_TRANSACTION, sweep, worth_spending
from bystack.ledger.transactions import DepositLock, Outpoint, Output, PolicyLock, Transaction
from bystack.node import amounts_text
from bystack.node.ipc import RemoteError, Unavailable
from bystack.node.mainchain.forms import Json
from bystack.node.rpc import Hash, Height, Methods, calling_chain
from bystack.node.wallet import scanning, shapes
from bystack.node.wallet.asking import Rate, Text, account_number, lock_at
from bystack.node.wallet.assets import Named
from bystack.node.wallet.chains import MAIN
from bystack.node.wallet.keeper import WALLET_ERROR, Keeper
from bystack.node.wallet.opened import Opened
from bystack.node.wallet.purse import Purse
from bystack.node.wallet.rpc_money import fresh
from bystack.node.wallet.rpc_sending import chain_of, rate_of
from bystack.node.wallet.spending import NO_FUNDS, How, explained
from bystack.node.wallet.stored import NO_NOTE

NOT_OURS: Final = -5
STEP: Final = 1_000_000
"""A replacement pays so much more than what it replaces, per million of its own weight."""

Inputs = Annotated[int, Meta(ge=2, le=PER_TRANSACTION, description="coins a transaction")]


class Dearer(NamedTuple):
    """The fee of a replacement: more than `paid`, and at least at `rate` per million of weight."""

    paid: int
    rate: int

    def of(self, weight: int) -> int:
        """For a transaction of this weight."""
        return max(-(-weight * self.rate // RATE), self.paid - (-weight * STEP // RATE))


class UpkeepMethods:
    """Order in the loaded wallet."""

    def __init__(self, keeper: Keeper) -> None:
        self._keeper = keeper

    def register(self, methods: Methods) -> None:
        """Add every method of this file."""
        add = methods.add
        add(
            "consolidate",
            self.consolidate,
            scope="wallet",
            help="Gather small coins into few.",
            returns=shapes.Gathered,
        )
        add(
            "sendall",
            self.send_all,
            scope="wallet",
            help="Send every coin of an asset.",
            returns=shapes.Gathered,
        )
        add(
            "bumpfee",
            self.bump,
            scope="wallet",
            help="Replace a payment by a dearer one.",
            returns=shapes.Replaced,
        )
        add("abandontransaction", self.abandon, scope="wallet", help="Give a payment up.")
        add(
            "rescanblockchain",
            self.rescan,
            scope="wallet",
            help="Read the chain again.",
            returns=shapes.Rescanned,
        )
        add("abortrescan", self.abort, scope="wallet", help="Stop reading it again.")

    async def consolidate(
        self,
        chain: Text = "",
        asset: Text = "BTM",
        account: Text = "",
        maxinputs: Inputs = PER_TRANSACTION,
        fee_rate: Rate = 0,
    ) -> Json:
        """Every coin of the asset into as few as may be, in as many transactions as it takes."""
        wallet, name = self._keeper.opened(), chain or calling_chain()
        await fresh(wallet, name)
        purse, spending = wallet.purse(name), wallet.spending(name)
        book = purse.wallet.book
        every = book.funded(spending.coins())
        if account:
            every = (account_number(wallet, purse, account),)
        sweeping = Sweep(wallet, name, asset, await spending.fees(rate_of(fee_rate)))
        for number in every:  # accounts are not mixed
            await sweeping.send(book.change_lock(number), number, maxinputs, 2)
        return await sweeping.told()

    async def send_all(
        self, address: Text, asset: Text = "BTM", account: Text = "", fee_rate: Rate = 0
    ) -> Json:
        """Every coin of the asset to an address, fees off the sum, in as many transactions as it
        takes; coins that cost more to spend than they bring are left."""
        wallet = self._keeper.opened()
        name = chain_of(wallet, address)
        await fresh(wallet, name)
        purse = wallet.purse(name)
        number = account_number(wallet, purse, account) if account else None
        to, fees = lock_at(address, purse.chain.hrp), wallet.spending(name).fees
        sweeping = Sweep(wallet, name, asset, await fees(rate_of(fee_rate)))
        await sweeping.send(to, number, PER_TRANSACTION, 1)
        return await sweeping.told()

    async def bump(self, txid: Hash, fee_rate: Rate = 0, chain: Text = "") -> Json:
        """Replace a payment on its way by one with the same payees and a higher fee, which comes
        off the change, or from further coins."""
        wallet, name = self._keeper.opened(), chain or calling_chain()
        purse, spending = wallet.purse(name), wallet.spending(name)
        rate = max(rate_of(fee_rate) or (await spending.fees()).rate, STEP)
        # From here on nothing is awaited until the coins are set aside for the new payment.
        old = purse.open.get(bytes.fromhex(txid))
        if old is None:
            raise RemoteError(NOT_OURS, "Invalid transaction: no payment of ours on its way")
        if name != MAIN or old.body.actions:
            raise RemoteError(WALLET_ERROR, "Only plain payments on the main chain are replaced.")
        if any(
            point.transaction == old.id for tx in purse.open.values() for point in tx.body.inputs
        ):
            raise RemoteError(WALLET_ERROR, "Another payment of ours builds on this one already.")
        spent = _coins_of(purse, old)
        paid = sum(c.amount for c in spent.values() if c.asset == BTM) - _btm(old.body.outputs)
        draft = _replacement(purse, old, spent, spending.coins(), Dearer(paid, rate))
        note = purse.notes.get(old.id, NO_NOTE)
        purse.wallet.dropped(old)  # its change is not to be built on any more
        try:
            how = How(comment=note.comment.decode(), to=note.to.decode())
            new = await spending.send(draft, how)
        except BaseException:
            purse.hold()  # the old one is on its way still
            raise
        purse.given_up(old, new.id)
        purse.notes[old.id] = replace(purse.notes[old.id], abandoned=0)
        await purse.save()
        shown = [amounts_text.show(one, BTM_DECIMALS) for one in (paid, draft.fee.get(BTM, 0))]
        return {"txid": new.id.hex(), "origfee": shown[0], "fee": shown[1]}

    async def abandon(self, txid: Hash, chain: Text = "") -> None:
        """Free the coins of a payment that no block and no pool of this node has.

        Others may still have it: should it be mined after all, the wallet shows it again.
        """
        wallet, name = self._keeper.opened(), chain or calling_chain()
        purse = wallet.purse(name)
        tx = purse.open.get(bytes.fromhex(txid))
        if tx is None:
            raise RemoteError(NOT_OURS, "Transaction not eligible for abandonment: not on its way")
        async with wallet.follower(name).handing:
            if await _pooled(wallet, name, txid):
                text = "Transaction not eligible for abandonment: it waits in the pool; see bumpfee"
                raise RemoteError(NOT_OURS, text)
            if tx.id in purse.open:  # no block has brought it meanwhile
                purse.given_up(tx)
        await purse.save()

    async def rescan(self, start_height: Height = 0, chain: Text = "", wait: bool = True) -> Json:
        """Read the chain again from a height on; without `wait`, see `getwalletinfo` for progress.

        Balances are those of the blocks read so far until it is done. It goes on after a restart.
        """
        wallet, name = self._keeper.opened(), chain or calling_chain()
        follower = wallet.follower(name)
        start = await follower.rescan(start_height)
        while wait and follower.purse.scan is not None:
            await follower.moved.wait()
        return {"start_height": start - 1, "stop_height": follower.purse.wallet.height}

    async def abort(self, chain: Text = "") -> bool:
        """Stand where the wallet stood before the rescan; false when none is under way."""
        wallet, name = self._keeper.opened(), chain or calling_chain()
        follower = wallet.follower(name)
        purse = follower.purse
        if purse.scan is not None and purse.chain.genesis is not None:
            raise RemoteError(WALLET_ERROR, "A sidechain is always read to the end.")
        if not purse.complete:
            raise RemoteError(WALLET_ERROR, "This wallet is of an older format: let it end.")
        done = scanning.give_up(purse)
        follower.again()
        await purse.save()
        return done


class Sweep:
    """Coins of one asset spent whole, transaction after transaction."""

    def __init__(self, wallet: Opened, chain: str, asset: str, fees: FeeTerms) -> None:
        self._wallet, self._asset, self._fees = wallet, asset, fees
        self._purse, self._spending = wallet.purse(chain), wallet.spending(chain)
        self._sent: list[Transaction] = []
        self._left = 0

    async def send(
        self, to: PolicyLock | DepositLock, account: int | None, per: int, least: int
    ) -> None:
        """Send every coin of an account (None: of all) to a lock, `per` a transaction."""
        purse, named = self._purse, await self._named()
        change, coins = purse.wallet.change_lock(account or 0), self._spending.coins(account)
        mine = {point: coin for point, coin in coins.items() if coin.asset == named.id}
        self._left += sum(1 for coin in mine.values() if not worth_spending(coin, self._fees))
        how = {"per": per, "least": least}
        with explained(coins, (), self._wallet.assets):
            drafts = sweep(purse.chain.id, coins, named.id, to, change, self._fees, **how)
        for draft in drafts:
            if all(point not in purse.wallet.reserved for point in draft.body.inputs):
                self._sent.append(await self._spending.send(draft))

    async def told(self) -> Json:
        """What was sent."""
        named = await self._named()
        outputs = [out for tx in self._sent for out in tx.body.outputs]
        total = sum(out.amount for out in outputs if out.asset == named.id)
        count = sum(len(tx.body.inputs) for tx in self._sent)
        ids = [tx.id.hex() for tx in self._sent]
        facts = {"txids": ids, "coins": count, "not_worth_it": self._left}
        return {**facts, "amount": amounts_text.show(total, named.decimals), "name": named.name}

    async def _named(self) -> Named:
        held = {coin.asset for coin in self._purse.wallet.coins.values()}
        return await self._wallet.assets.named(self._asset, self._purse.chain, held)


def _coins_of(purse: Purse, tx: Transaction) -> Coins:
    """The coins a payment of ours spends, in order; raises `RemoteError` where one is not ours."""
    found: dict[Outpoint, Coin] = {}
    for point in tx.body.inputs:
        coin = purse.wallet.coins.get(point) or purse.wallet.pending.get(point)
        if coin is None:
            raise RemoteError(WALLET_ERROR, "A coin of the payment is not ours: its fee is not.")
        found[point] = coin
    return found


def _btm(outputs: tuple[Output, ...]) -> int:
    return sum(output.amount for output in outputs if output.asset == BTM)


def _replacement(
    purse: Purse, old: Transaction, spent: Coins, more: Coins, dearer: Dearer
) -> PartiallySigned:
    """The same payees and coins at a higher fee, from the change first, then from further coins."""
    wallet = purse.wallet
    change = [n for n, out in enumerate(old.body.outputs) if _is_change(purse, out)]
    payees = [out for n, out in enumerate(old.body.outputs) if n not in change]
    coins = dict(spent)
    further = sorted(
        (pair for pair in more.items() if pair[1].asset == BTM and pair[0] not in coins),
        key=lambda pair: -pair[1].amount,
    )
    lock = old.body.outputs[change[0]].lock if change else wallet.change_lock()
    while True:
        rest = sum(c.amount for c in coins.values() if c.asset == BTM) - _btm(tuple(payees))
        body = replace(
            old.body, inputs=tuple(coins), outputs=(*payees, Output(BTM, max(rest, 1), lock))
        )
        left = rest - dearer.of(signed_weight(body))
        if left >= 0 or not further:
            break
        coins.update([further.pop(0)])
    if left < 0:
        text = "There are no coins for a higher fee. Wait, or receive some first."
        raise RemoteError(NO_FUNDS, text, {"rule": "InsufficientFunds"})
    returned = (Output(BTM, left, lock),) if left else ()
    made = replace(body, outputs=(*payees, *returned))
    return unsigned(purse.chain.id, made, tuple(coins.values()))


def _is_change(purse: Purse, output: Output) -> bool:
    place = purse.wallet.place(output.lock)
    return output.asset == BTM and place is not None and bool(place.change)


async def _pooled(wallet: Opened, chain: str, txid: str) -> bool:
    """The chain's own pool has the transaction; unknown counts as yes."""
    call = wallet.follower(chain).client.call
    try:
        waiting = await call("rpc", "getrawmempool", [], "read", chain)
    except RemoteError as error:
        return error.rule != "NeedsFullNode"  # a light node has no pool
    except Unavailable:
        return True
    return txid.lower() in waiting
