"""Payments of every kind: built over the purse's coins, signed, handed in; coins free on failure.

Between choosing coins and setting them aside nothing else runs, so two payments never take one. A
payment is stored before it is handed in: a wallet that ends in between goes on with it.
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from functools import partial
from typing import NamedTuple

import structlog
import trio

from bystack.ledger.amounts import BTM, BTM_DECIMALS
from bystack.ledger.effects import NO_EFFECTS, Effects
from bystack.ledger.payments import (
    RATE,
    Coins,
    FeeTerms,
    InsufficientFunds,
    PartiallySigned,
    PaymentTooHeavy,
    completed,
)
from bystack.ledger.sweeping import FeeAboveAmount, fee_off_amount, most_at_once
from bystack.ledger.transactions import Action, Output, Transaction
from bystack.ledger.wallet import build_payment, sign_transaction
from bystack.node.amounts_text import read, show
from bystack.node.ipc import RemoteError, Unanswered, Unavailable
from bystack.node.store.storage import StoreError
from bystack.node.wallet.assets import Assets
from bystack.node.wallet.following import Follower
from bystack.node.wallet.stored import PaymentNote
from bystack.primitives.bip32 import HardenedFromPublic
from bystack.primitives.codec import encode
from bystack.sidechain.action_kinds import BURN, STRAY
from bystack.sidechain.burns import Burn
from bystack.sidechain.records import Destination

NO_FUNDS = -6
UNLOCK_NEEDED = -13
UNSURE = -4
LEAST_RATE = 1_000_000
MANY_INPUTS = 50

log = structlog.get_logger("wallet")


class How(NamedTuple):
    """How a payment is made: from which account (None: any of ours), whether its fee comes off the
    first output of an asset, at which rate per million of weight (0: as the chain asks for being
    mined within `blocks`), and notes.
    """

    account: int | None = None
    fee_off: bytes = b""
    rate: int = 0
    comment: str = ""
    to: str = ""
    blocks: int = 1


PLAIN = How()


class Spending:
    """Pays from one chain's purse."""

    def __init__(self, follower: Follower, names: Assets | None = None) -> None:
        """`names`: what refusals call assets."""
        self._follower, self._names = follower, names
        self._purse, self._chain = follower.purse, follower.purse.chain

    async def pay(
        self, outputs: Sequence[Output], memo: bytes = b"", how: How = PLAIN
    ) -> Transaction:
        """Pay outputs; the transaction that was taken in."""
        fees = await self.fees(how.rate, how.blocks)
        build = partial(self._plan, fees=fees, memo=memo, account=how.account)
        with explained(self.coins(how.account), outputs, self._names):
            draft = fee_off_amount(build, outputs, how.fee_off) if how.fee_off else build(outputs)
        return await self.send(draft, how)

    async def burn(self, asset: bytes, amount: int, destination: Destination) -> Transaction:
        """Destroy on this sidechain what is to be paid on the main chain."""
        refund = self._purse.wallet.change_lock().root
        action = Action(BURN, encode(Burn(destination, asset, amount, refund)))
        effects = Effects(destroyed={asset: amount})
        fees = await self.fees()
        return await self.send(self.draft((), fees, (action,), effects))

    async def prove_stray(self, body: bytes) -> Transaction:
        """Show this sidechain a deposit that nobody can claim, for an ordinary fee."""
        return await self.send(self.draft((), await self.fees(), (Action(STRAY, body),)))

    def draft(
        self,
        outputs: Sequence[Output],
        fees: FeeTerms,
        actions: Sequence[Action] = (),
        effects: Effects = NO_EFFECTS,
        extra_weight: int = 0,
        memo: bytes = b"",
    ) -> PartiallySigned:
        """A payment in the making; raises `RemoteError` (-6) where coins are short or too many."""
        with explained(self.coins(), outputs, self._names):
            return self._plan(outputs, fees, actions, effects, extra_weight, memo)

    def _plan(
        self,
        outputs: Sequence[Output],
        fees: FeeTerms,
        actions: Sequence[Action] = (),
        effects: Effects = NO_EFFECTS,
        extra_weight: int = 0,
        memo: bytes = b"",
        account: int | None = None,
    ) -> PartiallySigned:
        """The payment, of the first account's confirmed coins if these suffice, else of every
        account's, else with our own change on its way as well."""
        build = partial(
            build_payment,
            self._chain.id,
            outputs=outputs,
            change=self._purse.wallet.change_lock(account or 0),
            fees=fees,
            actions=actions,
            effects=effects,
            extra_weight=extra_weight,
            memo=memo,
        )
        for coins in self._choices(account):
            with suppress(InsufficientFunds):
                return build(coins)
        return build(self.coins(account, pending=True))

    def _choices(self, account: int | None) -> Iterator[Coins]:
        if account is None and len(self._purse.wallet.book.funded(self.coins())) > 1:
            yield self.coins(0)
        yield self.coins(account)

    def coins(self, account: int | None = None, *, pending: bool = False) -> Coins:
        """What may be spent now: in blocks, and, `pending`, our own change on its way."""
        wallet, maturity = self._purse.wallet, self._chain.params.maturity
        meant = None if account is None else {account}
        return (wallet.spendable if pending else wallet.confirmed)(maturity, meant)

    async def send(self, draft: PartiallySigned, how: How = PLAIN) -> Transaction:
        """Set the coins aside, sign, store, hand in; whatever fails frees them."""
        self._purse.wallet.reserve(draft)
        try:
            tx = await self._signed(draft)
        except BaseException:
            self._purse.let_go(draft.body.inputs)
            raise
        return await self.hand_in(tx, how)

    async def hand_in(self, tx: Transaction, how: How = PLAIN) -> Transaction:
        """Store a payment and hand it in; one that is refused is forgotten.

        One that was asked for and not answered (`RemoteError` -4) may have been taken in: it stays
        on its way.
        """
        note = PaymentNote(int(time.time()), how.comment.encode(), how.to.encode(), 0, b"")
        self._purse.sent(tx, note)
        try:
            await self._purse.save()
            async with self._follower.handing:
                await self._follower.client.call("submit", encode(tx))
        except Unanswered as error:
            raise RemoteError(UNSURE, _unsure(tx, error), {"rule": "Unanswered"}) from None
        except (RemoteError, Unavailable, StoreError):
            self._purse.forget(tx)
            await self._purse.save()
            raise
        log.debug("payment handed in", id=tx.id.hex(), chain=self._purse.chain.name)
        return tx

    async def _signed(self, draft: PartiallySigned) -> Transaction:
        try:
            keys = self._purse.wallet.secrets(draft)
        except HardenedFromPublic:
            text = "The keys of these coins are not here: they are locked, or only watched."
            raise RemoteError(UNLOCK_NEEDED, text) from None
        if len(draft.body.inputs) <= MANY_INPUTS:
            return _signature(draft, keys)
        return await trio.to_thread.run_sync(_signature, draft, keys)

    async def fees(self, rate: int = 0, blocks: int = 1) -> FeeTerms:
        """What the chain asks for: a rate on the main chain, a least fee on a sidechain."""
        if self._chain.genesis is None:
            return FeeTerms(BTM, rate or await self._main_rate(blocks))
        held = {coin.asset for coin in self._purse.wallet.coins.values()}
        taken = [one for one in self._chain.genesis.assets if one.fee]
        if not taken:
            return FeeTerms(BTM, 0)
        chosen = next((one for one in taken if one.asset in held), taken[0])
        return FeeTerms(chosen.asset, 0, chosen.fee)

    async def _main_rate(self, blocks: int) -> int:
        """What was paid for being mined within `blocks`, or what the pool asks for; per million of
        weight."""
        call = self._follower.client.call
        answer = await call("rpc", "estimatesmartfee", [blocks], "read", "main")
        if "feerate" not in answer:  # too few transactions were mined to learn from
            info = await call("rpc", "getmempoolinfo", [], "read", "main")
            answer = {"feerate": info["mempoolminfee"]}
        return max(LEAST_RATE, read(answer["feerate"], BTM_DECIMALS) * RATE // 1_000)


def _unsure(tx: Transaction, error: Unanswered) -> str:
    return (
        f"The chain's process did not say whether it took the payment {tx.id.hex()} ({error}). "
        "It is kept, and handed in again: do not pay a second time. See gettransaction, and "
        "abandontransaction if it is not to be."
    )


@contextmanager
def explained(
    coins: Coins, outputs: Sequence[Output], names: Assets | None = None
) -> Iterator[None]:
    """Says what to do where a payment of `outputs` from `coins` cannot be made."""
    try:
        yield
    except InsufficientFunds as error:
        raise short(error, names) from None
    except FeeAboveAmount as error:
        raise RemoteError(NO_FUNDS, str(error), {"rule": error.rule}) from None
    except PaymentTooHeavy as error:
        asset = outputs[0].asset if outputs else BTM
        most = most_at_once(coins, asset)
        shown = f"{show(most, BTM_DECIMALS)} BTM" if asset == BTM else f"{most} base units"
        text = (
            f"{error}. At most about {shown} can be sent at once from coins this small: send less, "
            "or gather them first with consolidate (bystack wallet consolidate)."
        )
        raise RemoteError(NO_FUNDS, text, {"rule": error.rule, "most_units": most}) from None


def short(error: InsufficientFunds, names: Assets | None = None) -> RemoteError:
    """The answer where coins do not suffice, in units people use."""
    facts = {key: int(str(error.facts[key])) for key in ("needed", "available")}
    asset = error.facts["asset"]
    assert isinstance(asset, bytes)
    needed, available = ((names or Assets(None)).amount(asset, units) for units in facts.values())
    text = f"Insufficient funds: {needed} needed, {available} can be spent now"
    return RemoteError(NO_FUNDS, text, {"rule": error.rule, "asset": asset.hex(), **facts})


def _signature(draft: PartiallySigned, keys: Mapping[bytes, bytes]) -> Transaction:
    return completed(sign_transaction(draft, keys, secrets.token_bytes(32)))
