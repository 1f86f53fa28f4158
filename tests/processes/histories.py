"""Chains executed again from what a stopped node's stores hold, block by block from the first.

Nothing stored is trusted but the blocks: coins, state and roots are computed anew, every signature
is verified again, and what the pegs did is collected on the way.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from bystack.ledger.checks import failed
from bystack.ledger.coins import Coin, Delta
from bystack.ledger.transactions import (
    DepositLock,
    Outpoint,
    Output,
    Transaction,
    VaultLock,
    decode_transaction,
)
from bystack.ledger.vault_operations import Operation, Order, Veto
from bystack.mainchain.params import REGTEST
from bystack.mainchain.transition import connect_block
from bystack.node.genesis_files import read_genesis
from bystack.node.sidechain.modules import modules_of
from bystack.node.sidechain.store import SideStore
from bystack.node.store.chainstore import ChainStore
from bystack.primitives.codec import decode
from bystack.sidechain.action_kinds import CLAIM, DONATE
from bystack.sidechain.blocks import Body, Header
from bystack.sidechain.claims import Claim, Donate
from bystack.sidechain.mirror import NoOperation, operation_in
from bystack.sidechain.params import Genesis
from bystack.sidechain.start import start
from bystack.sidechain.transition import Base, Executed, apply_block

Coins = dict[Outpoint, Coin]


class Broken(AssertionError):
    """A law does not hold; the message begins with the law."""

    def __init__(self, law: str, **facts: object) -> None:
        told = ", ".join(f"{name} {_short(value)}" for name, value in facts.items())
        super().__init__(f"{law}: {told}")
        self.law = law


def _short(value: object) -> str:
    return value.hex() if isinstance(value, bytes) else str(value)[:400]


def hold(law: str, holds: bool, **facts: object) -> None:
    """Raise `Broken` unless the law holds."""
    if not holds:
        raise Broken(law, **facts)


def follow(coins: Coins, delta: Delta) -> None:
    """Let a set of coins follow a change; what is spent must be there, what is made must not."""
    for place, coin in delta.spent.items():
        hold("no lost coin", coins.pop(place, None) == coin, spent=place)
    for place, coin in delta.created.items():
        hold("no lost coin", place not in coins, created=place)
        coins[place] = coin


@dataclass
class MainHistory:
    """The main chain as one node's blocks give it."""

    ids: list[bytes] = field(default_factory=list)
    coins: Coins = field(default_factory=dict)
    orders: dict[bytes, dict[int, Order]] = field(default_factory=dict)
    vetoed: set[tuple[bytes, int]] = field(default_factory=set)
    """Vault and seq of each delayed order that the guard sent back: it paid nobody."""
    deposits: dict[bytes, dict[Outpoint, Output]] = field(default_factory=dict)
    _places: dict[bytes, tuple[bytes, int]] = field(default_factory=dict)

    def note(self, tx: Transaction) -> None:
        """Collect deposits and orders of a transaction."""
        for index, output in enumerate(tx.body.outputs):
            if isinstance(output.lock, DepositLock):
                place = Outpoint(tx.id, index)
                self.deposits.setdefault(output.lock.vault, {})[place] = output
        operation = operation_of(tx)
        if isinstance(operation, Order):
            self._places[tx.id] = vault_of(tx), operation.seq
            self._pay(vault_of(tx), operation)
        if isinstance(operation, Veto):
            self.vetoed.add(self._places[tx.body.inputs[0].transaction])

    def _pay(self, vault: bytes, order: Order) -> None:
        paid = self.orders.setdefault(vault, {})
        hold("no double payment", order.seq not in paid, vault=vault, seq=order.seq)
        paid[order.seq] = order


def operation_of(tx: Transaction) -> Operation | None:
    """The vault operation of a transaction, if it has one."""
    try:
        return operation_in(tx)
    except NoOperation:
        return None


def vault_of(tx: Transaction) -> bytes:
    """The vault whose anchor a transaction moves."""
    return next(o.lock.vault for o in tx.body.outputs if isinstance(o.lock, VaultLock))


@contextmanager
def main_store(home: Path) -> Iterator[ChainStore]:
    """A stopped node's main-chain store."""
    store = ChainStore.open(home / "data/mainchain/chain", REGTEST)
    try:
        yield store
    finally:
        store.close()


def replay_main(store: ChainStore) -> MainHistory:
    """Connect every block of the connected chain again."""
    tree, tip = store.load().tree, store.tip()
    history = MainHistory()
    while (id := store.connected_at(len(history.ids))) is not None:
        if history.ids:
            parent = tree.entry(history.ids[-1])
            assert parent is not None
            block = store.block(id)
            connected = connect_block(history.coins, block, parent, REGTEST)
            hold("no forged signature", failed(connected.checks) is None, block=id)
            follow(history.coins, connected.delta)
            for tx in block.transactions:
                history.note(tx)
        history.ids.append(id)
    hold("the tip is the last connected block", history.ids[-1] == tip, tip=tip)
    return history


@dataclass
class SideHistory:
    """A sidechain executed from its genesis, as far as it went."""

    coins: Coins = field(default_factory=dict)
    state: dict[bytes, bytes] = field(default_factory=dict)
    trie: dict[bytes, bytes] = field(default_factory=dict)
    system_root: bytes = b""
    multiset: bytes = b""
    height: int = 0
    claimed: set[Outpoint] = field(default_factory=set)

    def follow(self, executed: Executed) -> None:
        """Take over what a block did."""
        follow(self.coins, executed.delta)
        for key, value in executed.changes.items():
            if value is None:
                self.state.pop(key, None)
            else:
                self.state[key] = value
        for gone in executed.trie.removed:
            self.trie.pop(gone, None)
        self.trie |= executed.trie.added
        self.system_root, self.multiset = executed.trie.root, executed.multiset

    def note(self, tx: Transaction) -> None:
        """Collect the deposits a transaction mints."""
        for action in tx.body.actions:
            if action.kind in (CLAIM, DONATE):
                kind: type[Claim | Donate] = Claim if action.kind == CLAIM else Donate
                taken = decode(kind, action.body, len(action.body))
                place = Outpoint(_deposit_of(taken), taken.index)
                hold("no double mint", place not in self.claimed, deposit=place)
                self.claimed.add(place)


def _deposit_of(taken: Claim | Donate) -> bytes:
    return decode_transaction(taken.inclusion.proof.transaction).id


def genesis_of(home: Path, name: str) -> Genesis:
    """The genesis a node runs a sidechain with."""
    return read_genesis(home / "sidechains" / f"{name}.genesis.toml")


@contextmanager
def side_store(home: Path, genesis: Genesis) -> Iterator[SideStore]:
    """A stopped node's store of a sidechain."""
    path = str(home / f"data/sidechain-{genesis.name}/chain")
    store = SideStore.open(path, genesis, modules_of(genesis))
    try:
        yield store
    finally:
        store.close()


def replay_side(store: SideStore, at: Callable[[int, Header, SideHistory], None]) -> SideHistory:
    """Execute every final block from the genesis on; `at` sees the history after each height."""
    genesis, modules = store.genesis, modules_of(store.genesis)
    begun, history = start(genesis, modules), SideHistory()
    history.state = {key: value for key, value in begun.changes.items() if value is not None}
    history.trie = dict(begun.trie.added)
    history.system_root, history.multiset = begun.trie.root, begun.multiset
    parent = begun.header
    at(0, parent, history)
    for height in range(1, store.height + 1):
        header, body = store.header_at(height), store.body_at(height)
        assert header is not None
        history.follow(_executed(genesis, history, parent, header, body))
        for tx in body.transactions:
            history.note(tx)
        parent, history.height = header, height
        at(height, header, history)
    return history


def _executed(
    genesis: Genesis, history: SideHistory, parent: Header, header: Header, body: Body
) -> Executed:
    hold("one chain", header.parent == parent.id, height=header.height)
    base = Base(
        parent, history.coins, history.state, history.trie, history.system_root, history.multiset
    )
    executed = apply_block(genesis, modules_of(genesis), base, header, body)
    hold("no forged signature", failed(executed.checks) is None, height=header.height)
    return executed
