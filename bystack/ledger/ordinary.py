"""The ordinary payment, judged in one pass: the general rule's special case, nothing of its own.

One coin under a single key, paid to policy locks in one asset, signed as a whole: almost every
transaction of a full block. Here is only decided that the general rule would accept it, and what it
would then say; whatever is of another shape, or breaks any rule, is left to `validation`, which
names the rule. So a payment is judged the same whether this file is asked or not.
"""

from __future__ import annotations

from bystack.ledger.coins import Coin, CoinView, Delta
from bystack.ledger.effects import Applied, SchnorrCheck
from bystack.ledger.policies import Key
from bystack.ledger.signing import ALL, digest_of_one
from bystack.ledger.transactions import (
    MAX_TRANSACTION,
    VERSION,
    Outpoint,
    PolicyLock,
    Spend,
    Transaction,
    TransactionBody,
)
from bystack.primitives.codec import encode
from bystack.primitives.merkle import merkle_leaf

SIGNATURE = 64
_NO_STATE = b""
_KNOWN = "ordinary"
"""Where a transaction remembers what a signature of it says, and of which coin."""


def judge_ordinary(
    coins: CoinView, tx: Transaction, height: int, chain_id: bytes, maturity: int
) -> Applied | None:
    """What the payment does in a block at `height`, or None when the general rule has to say."""
    body = tx.body
    if not _plain(body, height) or len(tx.witnesses) != 1 or tx.size > MAX_TRANSACTION:
        return None
    place, witness = body.inputs[0], tx.witnesses[0]
    coin = coins.get(place)
    if coin is None or type(witness) is not Spend:
        return None
    check = _check(tx, witness, place, coin, chain_id)
    if check is None:
        return None
    if coin.unit != 1 or (coin.coinbase and height - coin.height < maturity):
        return None
    created = dict[Outpoint, Coin]()
    fee = _make(tx, coin, height, created)
    if fee < 0:
        return None
    return Applied(Delta({place: coin}, created), (check,), {coin.asset: fee} if fee else {})


def _check(
    tx: Transaction, witness: Spend, place: Outpoint, coin: Coin, chain_id: bytes
) -> SchnorrCheck | None:
    """The signature of the coin's owner, None if the witness does not reveal the coin's lock.

    What the pool found out is not found out again when the block comes: it depends on nothing but
    the transaction and what a signature says of the coin.
    """
    known = tx.__dict__.get(_KNOWN)
    seen = (chain_id, coin.asset, coin.amount, coin.lock)
    if known is not None and known[0] == seen:
        found: SchnorrCheck = known[1]
        return found
    if not _revealed(witness, coin):
        return None
    digest = digest_of_one(chain_id, tx.id, place, coin)
    check = SchnorrCheck(witness.policy.key, digest, witness.items[0])  # type: ignore[union-attr]
    tx.__dict__[_KNOWN] = seen, check
    return check


def _plain(body: TransactionBody, height: int) -> bool:
    """Whether the body by itself breaks no rule and asks for nothing but one coin to be paid."""
    return (
        len(body.inputs) == 1
        and not body.actions
        and body.version == VERSION
        and body.valid_from <= height
        and (not body.valid_until or body.valid_until >= height)
    )


def _revealed(witness: Spend, coin: Coin) -> bool:
    """Whether the coin's only branch is revealed as one key, with what may be its signature."""
    policy, branch, items, lock = witness.policy, witness.branch, witness.items, coin.lock
    return (
        type(policy) is Key
        and type(lock) is PolicyLock
        and witness.mode == ALL
        and branch.count == 1
        and not branch.index
        and not branch.path
        and len(items) == 1
        and len(items[0]) == SIGNATURE
        and merkle_leaf(encode(policy)) == lock.root
    )


def _make(tx: Transaction, coin: Coin, height: int, created: dict[Outpoint, Coin]) -> int:
    """Make the coins of the outputs; what is left as fee, or -1 where an output is no such coin."""
    id, asset, left = tx.id, coin.asset, coin.amount
    for index, output in enumerate(tx.body.outputs):
        amount, lock = output.amount, output.lock
        if type(lock) is not PolicyLock or not amount or output.asset != asset:
            return -1
        left -= amount
        created[Outpoint(id, index)] = Coin(asset, amount, lock, height, 0, 1, _NO_STATE)
    return left
