"""What a block does to the coins, and how it is undone.

A block connects when this file raises nothing and every check it returns is true: signatures are
verified elsewhere, in parallel. Undo data holds the coins themselves, so disconnecting restores
their very bytes: height, coinbase mark and vault state included.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Annotated, NamedTuple

from msgspec import Meta

from bystack.ledger.amounts import BTM, total
from bystack.ledger.coins import Coin, CoinSet, CoinView, Delta, Overlay
from bystack.ledger.effects import Applied, BlsCheck, Check
from bystack.ledger.transactions import Outpoint, Transaction
from bystack.ledger.validation import Rules, apply_transaction, spends, weight
from bystack.mainchain.actions import coinbase_effects, extra_weight_of, main_effects, needs
from bystack.mainchain.blocks import Block, transaction_root, witness_root
from bystack.mainchain.chain import Entry, check_count
from bystack.mainchain.params import Params, chain_id, subsidy_at
from bystack.primitives.codec import Wire, decode, encode_array
from bystack.primitives.errors import Invalid

MAX_UNDO = 64_000_000
MAX_CHANGES = 200_000


class BlockUnlinked(Invalid):
    """The block is not a child of the block it is to follow."""


class TransactionCount(Invalid):
    """The header commits to another number of transactions."""


class TransactionRoot(Invalid):
    """The header commits to other transactions."""


class WitnessRoot(Invalid):
    """The header commits to other witnesses."""


class BlockTooHeavy(Invalid):
    """The block weighs more than a block may."""


class TooManyBlsChecks(Invalid):
    """The block has more BLS signatures than a block may."""


class FeeAsset(Invalid):
    """A fee on the main chain is BTM; other assets must balance."""


class Connected(NamedTuple):
    """What a valid block does: the change of coins, the signatures still to verify, in order.

    `fees` in 10**-8 BTM over the whole block; `weights` one per transaction, the coinbase first.
    """

    delta: Delta
    checks: tuple[Check, ...]
    fees: int
    weights: tuple[int, ...]


class Change(Wire):
    """A coin and where it is."""

    outpoint: Outpoint
    coin: Coin


Changes = Annotated[tuple[Change, ...], Meta(max_length=MAX_CHANGES)]


class Undo(Wire):
    """The coins a block spent and those it created, in ascending order of outpoint."""

    spent: Changes
    created: Changes


def block_needs(block: Block) -> frozenset[Outpoint]:
    """Every coin outside the block that connecting it looks up."""
    if not block.transactions:
        return frozenset()
    inside, wanted = set[bytes](), set[Outpoint](spends(block.transactions[0]))
    for tx in block.transactions[1:]:
        inside.add(tx.id)
        wanted.update(needs(tx) if tx.body.actions or not tx.body.inputs else tx.body.inputs)
    return frozenset([place for place in wanted if place.transaction not in inside])


def check_block(block: Block) -> None:
    """Raise unless the transactions are those the header commits to, the coinbase at least.

    Raises `TransactionCount`, `TransactionRoot`, `WitnessRoot` and `chain.HeaderCount`.
    """
    header, transactions = block.header, block.transactions
    if header.transaction_count != len(transactions):
        raise TransactionCount(expected=header.transaction_count, given=len(transactions))
    if header.transaction_root != transaction_root(transactions):
        raise TransactionRoot(block=header.id)
    if header.witness_root != witness_root(transactions):
        raise WitnessRoot(block=header.id)
    check_count(header)


def apply_main(coins: CoinView, tx: Transaction, height: int, params: Params) -> Applied:
    """What an ordinary transaction does in a block at `height`; for blocks and memory pool alike.

    Raises the rules of `ledger.validation`, `actions` and `FeeAsset`.
    """
    return _apply(coins, tx, height, params, _rules(params))


def _apply(coins: CoinView, tx: Transaction, height: int, params: Params, rules: Rules) -> Applied:
    effects = main_effects(coins, tx, height, params)
    applied = apply_transaction(coins, tx, height, effects, rules)
    for asset, surplus in applied.fees.items():
        if asset != BTM:
            raise FeeAsset(asset=asset, surplus=surplus)
    return applied


def weigh(tx: Transaction, applied: Applied) -> int:
    """The weight of a transaction: bytes, signatures, and what its operation adds."""
    return weight(tx, applied.checks) + extra_weight_of(tx)


def _rules(params: Params) -> Rules:
    return Rules(chain_id(params), params.maturity)


def _wait(checks: Sequence[Check]) -> None:
    """Whoever connects verifies at the end."""


def connect_block(
    coins: CoinView,
    block: Block,
    parent: Entry,
    params: Params,
    found: Callable[[Sequence[Check]], None] = _wait,
) -> Connected:
    """What the block does on top of `coins`, which stay as they are.

    `parent` is the entry of the block before; the header's own rules are `chain.check_header`'s.
    `found` hears the checks as they are found, so that verifying them can begin.
    Raises the errors of this file, of `actions` and of `ledger.validation`.
    """
    return connect_onto(Overlay(coins), block, parent, params, found)


def connect_onto(
    coins: Overlay | CoinSet,
    block: Block,
    parent: Entry,
    params: Params,
    found: Callable[[Sequence[Check]], None] = _wait,
) -> Connected:
    """As `connect_block`, making the changes to `coins`; a block refused leaves them half made."""
    header = block.header
    if header.previous != parent.id or header.height != parent.header.height + 1:
        raise BlockUnlinked(block=header.id, parent=parent.id)
    check_block(block)
    applied, rules = list[Applied](), _rules(params)
    for tx in block.transactions[1:]:
        one = _apply(coins, tx, header.height, params, rules)
        coins.apply(one.delta)
        applied.append(one)
        found(one.checks)
    fees = total([one.fees.get(BTM, 0) for one in applied])
    first = _reward(coins, block, fees, params)
    coins.apply(first.delta)
    return _sum(block, [first, *applied], fees, coins.delta(), params)


def _reward(coins: CoinView, block: Block, fees: int, params: Params) -> Applied:
    """The coinbase, judged last, since its reward takes in every fee; nobody can spend it here."""
    height, tx = block.header.height, block.transactions[0]
    effects = coinbase_effects(tx, height, total((subsidy_at(height, params), fees)))
    return apply_transaction(coins, tx, height, effects, _rules(params))


def _sum(
    block: Block, applied: list[Applied], fees: int, delta: Delta, params: Params
) -> Connected:
    weights = tuple(map(weigh, block.transactions, applied))
    if sum(weights) > params.max_weight:
        raise BlockTooHeavy(weight=sum(weights), most=params.max_weight)
    checks = tuple([check for one in applied for check in one.checks])
    bls = sum([type(check) is BlsCheck for check in checks])
    if bls > params.max_bls_checks:
        raise TooManyBlsChecks(given=bls, most=params.max_bls_checks)
    return Connected(delta, checks, fees, weights)


def undo_of(delta: Delta) -> Undo:
    """What to keep of a block's change so that it can be undone."""
    return Undo(_changes(delta.spent), _changes(delta.created))


def encode_undo(spent: Iterable[bytes], created: Iterable[bytes]) -> bytes:
    """The encoding of an `Undo` from those of its changes, in ascending order of outpoint."""
    return encode_array([encode_array(list(changes)) for changes in (spent, created)])


def _changes(coins: Mapping[Outpoint, Coin]) -> tuple[Change, ...]:
    places = sorted(coins, key=lambda place: (place.transaction, place.index))
    return tuple(Change(place, coins[place]) for place in places)


def disconnect(undo: Undo) -> Delta:
    """The change of coins that undoes the block, byte for byte."""
    spent = {change.outpoint: change.coin for change in undo.created}
    return Delta(spent, {change.outpoint: change.coin for change in undo.spent})


def decode_undo(data: bytes) -> Undo:
    """Undo data from its bytes; raises `TooLong`, `Malformed`, `NotCanonical`."""
    return decode(Undo, data, MAX_UNDO)
