"""A real regtest main chain with a real vault on it, as a sidechain's tests need one.

Blocks are mined, coins move, the vault is created and spent by its own rules; proofs come from the
blocks and the stored history. The tier's BLS key is one secret, the rest are Schnorr keys.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from functools import lru_cache
from hashlib import sha256

import msgspec

from bystack.ledger.amounts import BTM, AssetDefinition
from bystack.ledger.coins import Coin
from bystack.ledger.policies import All, Bls, Key, Policy, Thresh
from bystack.ledger.terms import Govern, Guard, Limit, Recover, Terms, Tier, terms_hash
from bystack.ledger.transactions import (
    Approval,
    DepositLock,
    Items,
    Lock,
    NoWitness,
    Outpoint,
    Output,
    PendingLock,
    Transaction,
    TransactionBody,
    TreasuryLock,
    VaultLock,
)
from bystack.ledger.vault_approvals import Demand, create_demands, demands, veto_demands
from bystack.ledger.vault_building import (
    AnchorCoin,
    OwnedCoin,
    Sponsor,
    approval,
    assemble,
    build_anchor_spend,
    build_complete,
    build_create,
    build_order,
    build_veto,
    created_vault,
    veto_approval,
)
from bystack.ledger.vault_operations import AnchorOperation, Create, Order, Touch, Veto
from bystack.ledger.vault_state import AnchorState, decode_state
from bystack.mainchain.blocks import Block
from bystack.mainchain.chain import Entry, genesis_entry
from bystack.mainchain.departures import Departure, prove_departure
from bystack.mainchain.history import history_nodes, prove_history
from bystack.mainchain.issues import Issue, issued_asset
from bystack.mainchain.line import Line
from bystack.mainchain.params import Params, chain_id
from bystack.mainchain.proofs import prove_transaction
from bystack.mainchain.transition import decode_undo, disconnect
from bystack.primitives import bls
from bystack.primitives.keys import public_key, sign
from bystack.sidechain.inclusion import Inclusion
from tests.ledger.people import ALICE, BOB, Person
from tests.mainchain.builders import EASY, Chain, Coins

CHAIN = chain_id(EASY)
ZEROS = bytes(32)
GOLD_ISSUE = Issue(BOB.lock.root, AssetDefinition("GOLD", "", 0, 1, 1, b"", 0), 1_000_000)
GOLD = issued_asset(GOLD_ISSUE)
GROUP = bls.key_gen(b"group" * 8)
GROUPS = {bls.sk_to_pk(secret): secret for secret in (GROUP, bls.key_gen(b"later" * 8))}
KEYS = {name: sha256(name.encode()).digest() for name in ("super", "guard", "govern", "recover")}
POLICIES = {name: Key(public_key(secret)) for name, secret in KEYS.items()}
FAST, SLOW, OPEN_ENDED = 0, 1, 2


def usual_terms(key: bytes = bls.sk_to_pk(GROUP), most: int = 1000) -> Terms:
    """Tiers: at once within `most` (refilled in 10 steps), after 4 blocks, and without limits."""
    group = Bls(key)
    large = All((group, POLICIES["super"]))
    fast = (Limit(BTM, most, most // 2, 2), Limit(GOLD, 600, 300, 2))
    slow = (Limit(BTM, 4 * most, 2 * most, 2), Limit(GOLD, 4000, 2000, 2))
    return Terms(
        (Tier(group, fast, 0), Tier(large, slow, 4), Tier(All((*large.subs, group)), (), 144)),
        Guard(Thresh(1, (POLICIES["guard"],)), 20),
        Govern(POLICIES["govern"], 50),
        Recover(POLICIES["recover"], 500),
        b"note" * 8,
    )


TERMS = usual_terms()
VARIANTS = tuple(usual_terms(key, most) for key in GROUPS for most in (1000, 700, 1400))
"""What the vault may be governed by in turn: two group keys, three sizes of its buckets."""

_KNOWN = {terms_hash(terms): terms for terms in VARIANTS}


def items(policy: Policy, digest: bytes) -> Items:
    """What satisfies a policy when every key is at hand."""
    match policy:
        case Bls(key):
            return (bls.sign(GROUPS[key], digest),)
        case Key(key):
            held = next(secret for secret in KEYS.values() if public_key(secret) == key)
            return (sign(held, digest, ZEROS),)
        case Thresh(_, subs) | All(subs):
            return tuple(item for sub in subs for item in items(sub, digest))
        case _:
            raise AssertionError(policy)


def groups(demanded: Sequence[Demand]) -> tuple[Items, ...]:
    return tuple(items(demand.policy, demand.digest) for demand in demanded)


class Main(Chain):
    """The chain; who mines and sponsors is Alice, who owns GOLD is Bob."""

    def __init__(self, params: Params = EASY) -> None:
        super().__init__(params)
        self.line: list[Block] = []
        self.entries: list[Entry] = [genesis_entry(params)]
        self.nodes: dict[tuple[int, int], bytes] = {}
        self.where: dict[bytes, tuple[int, int]] = {}
        self.waiting: list[Transaction] = []
        self.forks = 0
        self._keep(self.entries[0])

    def copy(self) -> Main:
        """The same chain, to go on with alone."""
        other = Main.__new__(Main)
        other.__dict__.update(self.__dict__)
        other.coins = Coins(self.coins)
        for name in ("blocks", "undo", "line", "entries", "nodes", "where", "waiting"):
            setattr(other, name, getattr(self, name).copy())
        return other

    def _keep(self, entry: Entry) -> None:
        for level, index, hash in history_nodes(entry):
            self.nodes[level, index] = hash

    @property
    def height(self) -> int:
        return self.tip.header.height

    def connect(self, block: Block) -> None:
        super().connect(block)
        self.line.append(block)
        self.entries.append(self.tip)
        self._keep(self.tip)
        for index, tx in enumerate(block.transactions):
            self.where[tx.id] = self.height, index

    def disconnect(self) -> None:
        super().disconnect()
        self.entries.pop()
        for tx in self.line.pop().transactions:
            del self.where[tx.id]

    def send(self, tx: Transaction) -> Transaction:
        """Mine a transaction in the next block."""
        self.mine(tx)
        return tx

    def reorganise(self, depth: int, more: int = 1, keep: bool = False) -> list[Transaction]:
        """Replace the last `depth` blocks by `depth + more` others; the transactions that fell out.

        `keep`: put them into the first new block, in their order.
        """
        gone = [
            tx for block in self.line[len(self.line) - depth :] for tx in block.transactions[1:]
        ]
        for _ in range(depth):
            self.disconnect()
        self.forks += 1
        self.mine(*(gone if keep else ()), extra=b"fork %d" % self.forks)
        for _ in range(depth + more - 1):
            self.mine(extra=b"fork %d" % self.forks)
        return gone

    def coins_at(self, height: int) -> Coins:
        """The coins as they were after the block at a height of the best chain."""
        coins = Coins(self.coins)
        for block in reversed(self.line[height:]):
            coins.apply(disconnect(decode_undo(self.undo[block.id])))
        return coins

    def transactions(self, height: int) -> Iterator[Transaction]:
        """All of the best chain up to a height."""
        for block in self.line[:height]:
            yield from block.transactions

    def inclusion(self, tx: Transaction | bytes, under: int | None = None) -> Inclusion:
        """The proof of a transaction; `under` adds its header's by the one at that height."""
        height, index = self.where[tx if isinstance(tx, bytes) else tx.id]
        proof = prove_transaction(self.line[height - 1], index)
        if under is None:
            return Inclusion(proof, ())
        newer, old = self.entries[under].header, self.entries[height]
        return Inclusion(proof, (prove_history(self._node, newer, old),))

    def _node(self, level: int, index: int) -> bytes:
        return self.nodes[level, index]

    def departure(self, oldest: bytes, work: bytes) -> Departure | None:
        """That this chain left a branch of before below one of that branch's headers."""
        line = Line(self.tree, self.entries[0], self.tip)
        entry = self.tree.entry(oldest)
        if entry is None or line.holds(oldest):
            return None
        return prove_departure(self.tree, line, self._node, entry, work)

    # -- money

    def transfer(
        self, owner: Person, lock: Lock, amount: int, asset: bytes = BTM, **more: object
    ) -> Transaction:
        """Pay `amount` under a lock, change back; the oldest coins that suffice."""
        picked: list[OwnedCoin] = []
        for coin in self.owned(owner, asset):
            picked.append(coin)
            if sum(c.amount for _, c in picked) >= amount:
                break
        rest = sum(c.amount for _, c in picked) - amount
        assert rest >= 0
        outputs = [Output(asset, amount, lock)]
        outputs += [Output(asset, rest, owner.lock)] if rest else []
        inputs = tuple(place for place, _ in picked)
        body = TransactionBody(1, inputs, tuple(outputs), (), 0, 0, b"")
        return self.sign(msgspec.structs.replace(body, **more), owner)

    def sponsor(self, fee: int = 3) -> Sponsor:
        (place, coin), *_ = self.owned(ALICE)
        return Sponsor((place,), (Output(BTM, coin.amount - fee, ALICE.lock),))

    def signed(self, body: TransactionBody, approved: Approval | NoWitness) -> Transaction:
        plain = self.sign(body, ALICE)
        spends = [
            witness
            for place, witness in zip(body.inputs, plain.witnesses, strict=False)
            if self.coins[place].lock == ALICE.lock
        ]
        return assemble(body, spends, approved)


class VaultChain(Main):
    """A main chain with a vault under `usual_terms`; `created` is its creation."""

    vault: bytes
    created: Transaction

    def found(self) -> None:
        """Grow, issue GOLD to Bob, create the vault."""
        self.grow(8)
        self.mine(self.transfer(ALICE, BOB.lock, 50_000_000))
        self.mine(self.issue(BOB, GOLD_ISSUE))
        sponsor = self.sponsor()
        self.vault = created_vault(TERMS, sponsor)
        wanted = create_demands(CHAIN, self.vault, Create(TERMS))
        body = build_create(TERMS, sponsor)
        self.created = self.send(self.signed(body, approval(None, groups(wanted))))

    def copy(self) -> VaultChain:
        other = super().copy()
        made = VaultChain.__new__(VaultChain)
        made.__dict__.update(other.__dict__)
        return made

    @property
    def anchor(self) -> Outpoint:
        return next(p for p, c in self.coins.items() if c.lock == VaultLock(self.vault))

    @property
    def state(self) -> AnchorState:
        return decode_state(self.coins[self.anchor].state)

    @property
    def terms(self) -> Terms:
        """The terms in force, of the variants; else the usual ones."""
        return _KNOWN.get(self.state.terms, TERMS)

    def vault_coins(self, asset: bytes) -> list[OwnedCoin]:
        """What an order may spend."""
        kinds = DepositLock | TreasuryLock
        owned = [
            (place, coin)
            for place, coin in self.coins.items()
            if isinstance(coin.lock, kinds)
            and coin.lock.vault == self.vault
            and coin.asset == asset
        ]
        return sorted(owned, key=lambda pair: (pair[0].transaction, pair[0].index))

    def pendings(self) -> list[tuple[Outpoint, Coin]]:
        return [(p, c) for p, c in self.coins.items() if isinstance(c.lock, PendingLock)]

    def deposit(self, owner: Person, amount: int, asset: bytes, note: bytes) -> Transaction:
        return self.transfer(owner, DepositLock(self.vault, note), amount, asset)

    def order(
        self, outputs: Sequence[Output], tier: int = FAST, memo: bytes = b"", seq: int | None = None
    ) -> Transaction:
        """An order signed by everybody it needs, paid from as many coins as it takes."""
        order = Order(self.state.seq if seq is None else seq, tier, tuple(outputs))
        assets = sorted({output.asset for output in outputs})
        coins = [coin for asset in assets for coin in self.vault_coins(asset)]
        anchor = AnchorCoin(self.anchor, self.vault)
        body = build_order(anchor, self.terms, order, coins, self.sponsor(), memo)
        return self.signed(body, self._approve(order))

    def _approve(self, operation: AnchorOperation) -> Approval:
        terms = self.terms
        return approval(terms, groups(demands(CHAIN, self.vault, operation, terms)))

    def spend(self, operation: AnchorOperation) -> Transaction:
        body = build_anchor_spend(AnchorCoin(self.anchor, self.vault), operation, self.sponsor())
        return self.signed(body, self._approve(operation))

    def touch(self) -> Transaction:
        return self.spend(Touch(self.state.seq, FAST))

    def complete(
        self, pending: Outpoint, outputs: Sequence[Output], memo: bytes = b""
    ) -> Transaction:
        body = build_complete(pending, tuple(outputs), self.sponsor(), memo)
        return self.signed(body, NoWitness())

    def veto(self, pending: Outpoint) -> Transaction:
        body = build_veto((pending, self.coins[pending]), self.sponsor())
        guard = self.terms.guard.policy
        (given,) = groups(veto_demands(CHAIN, self.vault, Veto(pending), guard))
        return self.signed(body, veto_approval(guard, given))

    def valid(self, txs: Collection[Transaction]) -> list[Transaction]:
        """Those of the transactions whose coins are all there."""
        return [tx for tx in txs if all(place in self.coins for place in tx.body.inputs)]


@lru_cache(maxsize=1)
def _founded() -> VaultChain:
    chain = VaultChain()
    chain.found()
    return chain


def vault_chain() -> VaultChain:
    """A fresh main chain with its vault just created."""
    return _founded().copy()
