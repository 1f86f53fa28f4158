"""The ordinary payment, judged in one pass: the general rule's special case, nothing of its own.

Coins of one asset, each under a single key, paid to policy locks, signed as a whole: almost every
transaction of a full block. Here is only decided that the general rule would accept it, and what it
would then say; whatever is of another shape, or breaks any rule, is left to `validation`, which
names the rule. So a payment is judged the same whether this file is asked or not.
"""

from __future__ import annotations

from collections.abc import Sequence

from bystack.ledger.coins import Coin, CoinView, Delta
from bystack.ledger.effects import Applied, Check, SchnorrCheck
from bystack.ledger.policies import Key
from bystack.ledger.signing import ALL, coins_digest, digest_of_all
from bystack.ledger.transactions import (
    MAX_TRANSACTION,
    VERSION,
    Lock,
    Outpoint,
    PolicyLock,
    Spend,
    Transaction,
    TransactionBody,
    Witness,
)
from bystack.primitives.codec import MAX_INT, encode
from bystack.primitives.merkle import merkle_leaf

SIGNATURE = 64
_NO_STATE = b""


def judge_ordinary(
    coins: CoinView, tx: Transaction, height: int, chain_id: bytes, maturity: int
) -> Applied | None:
    """What the payment does in a block at `height`, or None when the general rule has to say."""
    body = tx.body
    if not _plain(body, height) or tx.size > MAX_TRANSACTION:
        return None
    spent = _find(coins, body.inputs, height - maturity)
    if spent is None:
        return None
    made = _make(tx, spent, height)
    checks = None if made is None else _checks(tx, spent, chain_id)
    if made is None or checks is None:
        return None
    created, fees = made
    return Applied(Delta(spent, created), checks, fees)


def _plain(body: TransactionBody, height: int) -> bool:
    """Whether the body by itself breaks no rule and asks for nothing but a payment."""
    return (
        body.version == VERSION
        and not body.actions
        and len(body.inputs) > 0
        and body.valid_from <= height
        and (not body.valid_until or body.valid_until >= height)
    )


def _find(coins: CoinView, places: Sequence[Outpoint], latest: int) -> dict[Outpoint, Coin] | None:
    """The coins spent, if all are there, once each, of one asset, divisible and under policies.

    `latest` is the height up to which a coinbase must be made to be mature.
    """
    spent, asset = dict[Outpoint, Coin](), b""
    for place in places:
        coin = coins.get(place)
        if coin is None or (coin.coinbase and coin.height > latest):
            return None
        if type(coin.lock) is not PolicyLock or coin.unit != 1:
            return None
        asset = asset or coin.asset
        if coin.asset != asset:
            return None
        spent[place] = coin
    return spent if len(spent) == len(places) else None


def _make(
    tx: Transaction, spent: dict[Outpoint, Coin], height: int
) -> tuple[dict[Outpoint, Coin], dict[bytes, int]] | None:
    """The coins made and the fee, if every output pays something of this asset to a policy lock."""
    id, asset, gained = tx.id, b"", 0
    for coin in spent.values():
        asset = coin.asset
        gained += coin.amount
    left, created = gained, dict[Outpoint, Coin]()
    for index, output in enumerate(tx.body.outputs):
        amount, lock = output.amount, output.lock
        if output.asset != asset or not amount or type(lock) is not PolicyLock:
            return None
        left -= amount
        created[Outpoint(id, index)] = Coin(asset, amount, lock, height, 0, 1, _NO_STATE)
    if left < 0 or gained > MAX_INT:
        return None
    return created, {asset: left} if left else {}


def _checks(
    tx: Transaction, spent: dict[Outpoint, Coin], chain_id: bytes
) -> tuple[Check, ...] | None:
    """A signature for each input, if each reveals the one key of its coin's lock."""
    if len(tx.witnesses) != len(spent):
        return None
    whole = tx.id + coins_digest(spent.items())
    checks = list[Check]()
    for index, (witness, coin) in enumerate(zip(tx.witnesses, spent.values(), strict=True)):
        key = _key_revealed(witness, coin.lock)
        if key is None or type(witness) is not Spend:
            return None
        checks.append(SchnorrCheck(key, digest_of_all(chain_id, whole, index), witness.items[0]))
    return tuple(checks)


def _key_revealed(witness: Witness, lock: Lock) -> bytes | None:
    """The key that a witness reveals as the only branch, if it holds what may be its signature."""
    if type(witness) is not Spend or type(lock) is not PolicyLock or witness.mode != ALL:
        return None
    policy, branch, items = witness.policy, witness.branch, witness.items
    if type(policy) is not Key or branch.count != 1 or branch.index or branch.path:
        return None
    if len(items) != 1 or len(items[0]) != SIGNATURE:
        return None
    return policy.key if merkle_leaf(encode(policy)) == lock.root else None
