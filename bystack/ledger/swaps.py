"""Swaps of two assets between two people who trust each other in nothing.

The maker signs one coin and the output beside it (`SINGLE_ANYONE`): "this coin for that output".
Anyone may complete it with coins of his own; whoever takes the coin pays the output, in the same
transaction or not at all. Until then the maker withdraws by spending the coin.
"""

from __future__ import annotations

from typing import NamedTuple

import msgspec

from bystack.ledger.coins import Coin
from bystack.ledger.effects import Effects
from bystack.ledger.payments import SPEND_WEIGHT, Coins, FeeTerms, build_payment
from bystack.ledger.pst import PartiallySigned, unsigned
from bystack.ledger.pst_auditing import audit
from bystack.ledger.signing import SINGLE_ANYONE
from bystack.ledger.transactions import (
    VERSION,
    Outpoint,
    Output,
    PolicyLock,
    Spend,
    TransactionBody,
)
from bystack.ledger.validation import SCHNORR_WEIGHT
from bystack.primitives.codec import encode
from bystack.primitives.errors import Invalid


class NoOffer(Invalid):
    """The draft is no offer: one coin, signed for the one output beside it, and nothing else."""


class Offer(NamedTuple):
    """What somebody offers: a coin, for an output to him, in blocks from `window[0]` to the last.

    A `window` bound of 0 is none.
    """

    place: Outpoint
    coin: Coin
    wanted: Output
    window: tuple[int, int]


def offer_draft(chain_id: bytes, offer: Offer) -> PartiallySigned:
    """The offer, to be signed by the maker (`pst_signing`) and finished (`pst_finishing`)."""
    body = TransactionBody(VERSION, (offer.place,), (offer.wanted,), (), *offer.window, b"")
    return unsigned(chain_id, body, (offer.coin,)).with_part(0, mode=SINGLE_ANYONE)


def read_offer(draft: PartiallySigned) -> Offer:
    """What a finished offer says, its signature checked. Raises `NoOffer`, and as `audit`.

    Whether the coin exists is for the chain to say.
    """
    body = draft.body
    if (len(body.inputs), len(body.outputs), body.actions, body.memo) != (1, 1, (), b""):
        raise NoOffer(inputs=len(body.inputs), outputs=len(body.outputs))
    witness = draft.witnesses[0]
    if not isinstance(witness, Spend) or witness.mode != SINGLE_ANYONE:
        raise NoOffer(witness=type(witness).__name__)
    audit(draft)
    window = (body.valid_from, body.valid_until)
    return Offer(body.inputs[0], draft.coins[0], body.outputs[0], window)


def take_offer(
    draft: PartiallySigned, coins: Coins, receive: PolicyLock, change: PolicyLock, fees: FeeTerms
) -> PartiallySigned:
    """The whole swap, paid from `coins`, to be signed by the taker.

    The maker's pair stands first, for his signature binds an input to the output of its number.
    Raises `NoOffer`, `InsufficientFunds`, `PaymentTooHeavy`, and as `audit`.
    """
    offer = read_offer(draft)
    asset, amount = offer.coin.asset, offer.coin.amount
    # Of the asset that fees are paid in, what is left of it comes back as change.
    gained = () if asset == fees.asset else (Output(asset, amount, receive),)
    paid = build_payment(
        draft.chain_id,
        {place: coin for place, coin in coins.items() if place != offer.place},
        (offer.wanted, *gained),
        change,
        fees,
        effects=Effects(created={asset: amount}),
        extra_weight=_weight(draft),
        window=offer.window,
    )
    body = msgspec.structs.replace(paid.body, inputs=(offer.place, *paid.body.inputs))
    whole = unsigned(draft.chain_id, body, (offer.coin, *paid.coins))
    return whole.with_witness(0, draft.witnesses[0])


def _weight(draft: PartiallySigned) -> int:
    """What the maker's input adds: its witness, its outpoint, its signatures."""
    witness = draft.witnesses[0]
    items = sum(bool(item) for item in witness.items) if isinstance(witness, Spend) else 0
    return len(encode(witness)) + SPEND_WEIGHT + SCHNORR_WEIGHT * items
