"""Payments of every kind: built over the purse's coins, signed, handed in; coins free on failure.

Between choosing coins and setting them aside nothing else runs, so two payments never take one.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Sequence
from functools import partial

from bystack.ledger.amounts import BTM, BTM_DECIMALS
from bystack.ledger.effects import NO_EFFECTS, Effects
from bystack.ledger.payments import (
    RATE,
    Coins,
    FeeTerms,
    InsufficientFunds,
    PartiallySigned,
    completed,
)
from bystack.ledger.transactions import (
    Action,
    Output,
    Transaction,
)
from bystack.ledger.wallet import build_payment, sign_transaction
from bystack.node.amounts_text import read
from bystack.node.ipc import RemoteError
from bystack.node.wallet.following import Follower
from bystack.primitives.codec import encode
from bystack.sidechain.actions import encode_action
from bystack.sidechain.burns import Burn
from bystack.sidechain.records import Destination

NO_FUNDS = -6
LEAST_RATE = 1_000_000


class Spending:
    """Pays from one chain's purse."""

    def __init__(self, follower: Follower) -> None:
        self._follower = follower
        self._purse, self._chain = follower.purse, follower.purse.chain

    async def pay(self, outputs: Sequence[Output], memo: bytes = b"") -> Transaction:
        """Pay outputs; the transaction that was taken in."""
        fees = await self.fees()
        return await self.send(self.draft(outputs, fees, memo=memo))

    async def burn(self, asset: bytes, amount: int, destination: Destination) -> Transaction:
        """Destroy on this sidechain what is to be paid on the main chain."""
        refund = self._purse.wallet.change_lock().root
        action = encode_action(Burn(destination, asset, amount, refund))
        effects = Effects(destroyed={asset: amount})
        fees = await self.fees()
        return await self.send(self.draft((), fees, (action,), effects))

    def draft(
        self,
        outputs: Sequence[Output],
        fees: FeeTerms,
        actions: Sequence[Action] = (),
        effects: Effects = NO_EFFECTS,
        extra_weight: int = 0,
        memo: bytes = b"",
    ) -> PartiallySigned:
        """The payment, of confirmed coins if they suffice, else with our own change as well."""
        wallet, maturity = self._purse.wallet, self._chain.params.maturity
        build = partial(
            build_payment,
            self._chain.id,
            outputs=outputs,
            change=wallet.change_lock(),
            fees=fees,
            actions=actions,
            effects=effects,
            extra_weight=extra_weight,
            memo=memo,
        )
        try:
            return build(wallet.confirmed(maturity))
        except InsufficientFunds:
            return _explained(build, wallet.spendable(maturity))

    async def send(self, draft: PartiallySigned) -> Transaction:
        """Set the coins aside, sign, hand in; whatever fails frees them."""
        wallet = self._purse.wallet
        wallet.reserve(draft)
        try:
            signed = sign_transaction(draft, wallet.secrets(draft), secrets.token_bytes(32))
            tx = completed(signed)
            await self._follower.client.call("submit", encode(tx))
        except BaseException:
            wallet.release(draft.body.inputs)
            raise
        self._purse.sent(tx)
        await self._purse.save()
        return tx

    async def fees(self) -> FeeTerms:
        """What the chain asks for: a rate on the main chain, a flat least fee on a sidechain."""
        if self._chain.genesis is None:
            return FeeTerms(BTM, await self._main_rate())
        held = {coin.asset for coin in self._purse.wallet.coins.values()}
        taken = [one for one in self._chain.genesis.assets if one.fee]
        if not taken:
            return FeeTerms(BTM, 0)
        chosen = next((one for one in taken if one.asset in held), taken[0])
        return FeeTerms(chosen.asset, 0, chosen.fee)

    async def _main_rate(self) -> int:
        """What the main chain's pool asks for, per million of weight."""
        call = self._follower.client.call
        answer = await call("rpc", "estimatesmartfee", [1], "read", "main")
        if "feerate" not in answer:  # too few transactions were mined to learn from
            info = await call("rpc", "getmempoolinfo", [], "read", "main")
            answer = {"feerate": info["mempoolminfee"]}
        return max(LEAST_RATE, read(answer["feerate"], BTM_DECIMALS) * RATE // 1_000)


def _explained(build: Callable[[Coins], PartiallySigned], coins: Coins) -> PartiallySigned:
    try:
        return build(coins)
    except InsufficientFunds as error:
        raise RemoteError(NO_FUNDS, str(error), {"rule": error.rule}) from None
