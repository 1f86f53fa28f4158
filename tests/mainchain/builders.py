"""A small world for the main chain's tests: easy parameters, people who pay, a node in memory."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from bystack.ledger.amounts import BTM
from bystack.ledger.checks import verify_checks
from bystack.ledger.coins import Coin, Delta
from bystack.ledger.satisfaction import prove_branch
from bystack.ledger.signing import Signing
from bystack.ledger.transactions import (
    Approval,
    NoWitness,
    Outpoint,
    Output,
    Transaction,
    TransactionBody,
    transaction_id,
)
from bystack.mainchain.assembly import block_fees, build_block, mine
from bystack.mainchain.blocks import Block, Header
from bystack.mainchain.chain import Entry, check_header, genesis_entry
from bystack.mainchain.issues import Issue, Revealed, issue_action, issue_digest, issued_asset
from bystack.mainchain.params import REGTEST, Params, chain_id
from bystack.mainchain.transition import Undo, connect_block, decode_undo, disconnect, undo_of
from bystack.mainchain.tree import HeaderTree
from bystack.primitives.codec import encode
from bystack.primitives.errors import Invalid
from tests.ledger.people import ALICE, Person

# Coinbases move after two blocks; otherwise as regtest.
EASY = msgspec.structs.replace(REGTEST, name="easy", maturity=2)
# Difficulty follows the times of blocks quickly, from the easiest target on.
MOVING = msgspec.structs.replace(EASY, name="moving", retarget=1, spacing=10, half_life=100)
START = REGTEST.genesis_time
LATE = START + 10**9


class Coins(dict[Outpoint, Coin]):
    """A coin set that changes are made to."""

    def apply(self, delta: Delta) -> None:
        for place in delta.spent:
            del self[place]
        self.update(delta.created)

    def image(self) -> dict[bytes, bytes]:
        return {encode(place): encode(coin) for place, coin in self.items()}


def child(
    parent: Entry,
    transactions: Sequence[Transaction] = (),
    *,
    fees: int = 0,
    miner: Person = ALICE,
    time: int = 0,
    params: Params = EASY,
    extra: bytes = b"",
) -> Block:
    """A mined block after `parent`."""
    made = build_block(parent, transactions, miner.lock, time, params, fees=fees, extra=extra)
    block = mine(made, parent)
    assert block is not None
    return block


def remine(header: Header, parent: Entry) -> Header:
    """The header with a nonce that fits, after something in it was changed."""
    block = mine(Block(header, ()), parent)
    assert block is not None
    return block.header


def entry_of(tree: HeaderTree, block: Block) -> Entry:
    entry = tree.entry(block.id)
    assert entry is not None
    return entry


class Chain:
    """A node's view of one growing chain, without sync: blocks, coins and undo data."""

    def __init__(self, params: Params = EASY) -> None:
        self.params = params
        self.tree = HeaderTree([genesis_entry(params)], params)
        self.coins = Coins()
        self.blocks: dict[bytes, Block] = {}
        self.undo: dict[bytes, bytes] = {}
        self.tip = self.tree.best()

    def mine(
        self, *transactions: Transaction, miner: Person = ALICE, time: int = 0, extra: bytes = b""
    ) -> Block:
        """Mine and connect a block of these transactions."""
        height = self.tip.header.height + 1
        fees = block_fees(self.coins, transactions, height, self.params)
        block = child(
            self.tip,
            transactions,
            fees=fees,
            miner=miner,
            time=time,
            params=self.params,
            extra=extra,
        )
        self.tree.add([block.header], None)
        self.connect(block)
        return block

    def grow(self, count: int, miner: Person = ALICE) -> None:
        for _ in range(count):
            self.mine(miner=miner)

    def connect(self, block: Block) -> None:
        parent = self.tree.entry(block.header.previous)
        assert parent is not None
        done = connect_block(self.coins, block, parent, self.params)
        if not verify_checks(done.checks):
            raise SignatureWrong(block=block.id)
        self.coins.apply(done.delta)
        self.undo[block.id] = encode(undo_of(done.delta))
        self.blocks[block.id] = block
        self.tip = entry_of(self.tree, block)

    def disconnect(self) -> None:
        undo: Undo = decode_undo(self.undo.pop(self.tip.id))
        self.coins.apply(disconnect(undo))
        parent = self.tree.entry(self.tip.header.previous)
        assert parent is not None
        self.tip = parent

    def switch(self, disconnect: Sequence[bytes], connect: Sequence[bytes]) -> None:
        for id in disconnect:
            assert id == self.tip.id
            self.disconnect()
        for id in connect:
            self.connect(self.blocks[id])

    def owned(self, person: Person, asset: bytes = BTM) -> list[tuple[Outpoint, Coin]]:
        """The person's spendable coins, oldest first."""
        height = self.tip.header.height + 1
        return sorted(
            (
                (place, coin)
                for place, coin in self.coins.items()
                if coin.lock == person.lock
                and coin.asset == asset
                and not (coin.coinbase and height - coin.height < self.params.maturity)
            ),
            key=lambda pair: (pair[1].height, pair[0].transaction, pair[0].index),
        )

    def sign(
        self,
        body: TransactionBody,
        owner: Person,
        issuer: Person | None = None,
        more: dict[Outpoint, Coin] | None = None,
    ) -> Transaction:
        """Every input signed by its one owner, every issue by the issuer."""
        known = {**self.coins, **(more or {})}
        chain = chain_id(self.params)
        signing = Signing(chain, body, [(place, known[place]) for place in body.inputs])
        spends = tuple(owner.spend(signing, index) for index in range(len(body.inputs)))
        actions = tuple(
            approve(issuer, chain, body, position) if issuer else NoWitness()
            for position in range(len(body.actions))
        )
        return Transaction(body, spends + actions)

    def pay(self, owner: Person, to: Person, amount: int, fee: int = 0) -> Transaction:
        """Pay from the owner's oldest coin, change to the owner."""
        (place, coin), *_ = self.owned(owner)
        outputs = (
            Output(BTM, amount, to.lock),
            Output(BTM, coin.amount - amount - fee, owner.lock),
        )
        return self.sign(TransactionBody(1, (place,), outputs, (), 0, 0, b""), owner)

    def issue(
        self, owner: Person, *issues: Issue, to: Person | None = None, spends: int = 0
    ) -> Transaction:
        """Issue to somebody, tied to one of the issuer's coins."""
        place, coin = self.owned(owner)[spends]
        gains = [Output(issued_asset(i), i.amount, (to or owner).lock) for i in issues]
        outputs = (Output(BTM, coin.amount, owner.lock), *gains)
        actions = tuple(issue_action(issue) for issue in issues)
        body = TransactionBody(1, (place,), outputs, actions, 0, 0, b"")
        return self.sign(body, owner, owner)


def approve(issuer: Person, chain: bytes, body: TransactionBody, position: int) -> Approval:
    digest = issue_digest(chain, transaction_id(body), position)
    revealed = Revealed(issuer.policy, prove_branch([issuer.policy], 0))
    return Approval(encode(revealed), ((issuer.sign(digest),),))


class SignatureWrong(Invalid):
    """A signature in the block is wrong."""


def headers_after(parent: Entry, count: int, params: Params = EASY, step: int = 1) -> list[Header]:
    """Mined headers, `step` seconds apart, on blocks that hold a coinbase each."""
    made: list[Header] = []
    tree = HeaderTree([parent], params)
    for _ in range(count):
        entry = tree.best()
        header = child(entry, time=entry.header.time + step, params=params).header
        tree.add([header], None)
        made.append(header)
    return made


def entries_after(parent: Entry, headers: Sequence[Header], params: Params = EASY) -> list[Entry]:
    tree = HeaderTree([parent], params)
    return [*tree.add(headers, None).added]


def judged(
    tree: HeaderTree, header: Header, params: Params = EASY, now: int | None = None
) -> Entry:
    return check_header(tree, header, params, now)
