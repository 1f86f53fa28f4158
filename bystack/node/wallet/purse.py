"""One chain of a loaded wallet: coins and history at rest, blocks forward and back, open payments.

The last blocks' changes are kept so that a reorganisation can be followed back; one that goes
deeper makes the wallet read the chain again. What is stored lags behind by the blocks since the
last `save`, which are then read again.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from typing import Annotated

from msgspec import Meta

from bystack.ledger.coins import Coin, Delta
from bystack.ledger.transactions import Outpoint, PolicyLock, Transaction, decode_transaction
from bystack.ledger.wallet import Wallet, WalletState
from bystack.mainchain.actions import is_coinbase
from bystack.mainchain.transition import Undo, disconnect, undo_of
from bystack.node.storage import Store
from bystack.node.wallet.chains import Chain
from bystack.primitives.bip32 import ExtendedKey
from bystack.primitives.codec import U63, Bytes32, Wire, decode, encode

FORMAT = 1
KIND = "wallet"
KEPT_BLOCKS = 1_000
UNSAVED_BLOCKS = 50
"""So many blocks without anything of ours may have to be read again after a restart."""
MAX_STATE = 1_000_000_000

STATE, RECENT, OPEN = b"s", b"r", b"p"


class Block(Wire):
    """A followed block, and what it changed of ours."""

    height: U63
    id: Bytes32
    change: Undo


Blocks = Annotated[tuple[Block, ...], Meta(max_length=KEPT_BLOCKS)]


class RecentBlocks(Wire):
    """The last blocks followed, oldest first."""

    blocks: Blocks


def change_of(
    wallet: Wallet, height: int, transactions: Sequence[Transaction], coinbases: bool
) -> Delta:
    """What a block does to coins: ours that it spends, and every single-policy coin it leaves.

    Where `coinbases` is true the reward is marked as still to mature.
    """
    spent: dict[Outpoint, Coin] = {}
    created: dict[Outpoint, Coin] = {}
    for tx in transactions:
        for place in tx.body.inputs:
            if created.pop(place, None) is None and place in wallet.coins:
                spent[place] = wallet.coins[place]
        reward = int(coinbases and is_coinbase(tx))
        for index, output in enumerate(tx.body.outputs):
            if isinstance(output.lock, PolicyLock):
                coin = Coin(output.asset, output.amount, output.lock, height, reward, 1, b"")
                created[Outpoint(tx.id, index)] = coin
    return Delta(spent, created)


class Purse:
    """A wallet's part on one chain."""

    def __init__(self, chain: Chain, master: ExtendedKey, store: Store) -> None:
        self.chain = chain
        self.caught_up = False
        self.open: dict[bytes, Transaction] = {}
        self._store = store
        self._account = chain.account(master)
        self._recent: deque[Block] = deque(maxlen=KEPT_BLOCKS)
        self._dirty = False
        self.wallet = Wallet(self._account)
        self._load()

    def _key(self, prefix: bytes) -> bytes:
        return prefix + self.chain.id

    def _load(self) -> None:
        state, recent = self._store.get(self._key(STATE)), self._store.get(self._key(RECENT))
        if state is None or recent is None:
            return
        self.wallet = Wallet(self._account, decode(WalletState, state, MAX_STATE))
        self._recent.extend(decode(RecentBlocks, recent, MAX_STATE).blocks)
        for key, data in self._store.iterate(self._key(OPEN)):
            tx = decode_transaction(data)
            self.open[key[-32:]] = tx
            self.wallet.sent(tx)

    def locator(self) -> list[tuple[int, bytes]]:
        """The blocks followed last, newest first."""
        return [(block.height, block.id) for block in reversed(self._recent)]

    def connect(
        self, height: int, id: bytes, transactions: Sequence[Transaction], more: Delta | None = None
    ) -> None:
        """Follow a block; `more` are coins that no transaction shows."""
        delta = change_of(self.wallet, height, transactions, self.chain.genesis is None)
        if more is not None:
            delta = Delta({**delta.spent, **more.spent}, {**delta.created, **more.created})
        self.wallet.observe(height, delta, transactions)
        mine = {p: coin for p, coin in delta.created.items() if self.wallet.place(coin.lock)}
        self._recent.append(Block(height, id, undo_of(Delta(delta.spent, mine))))
        self._settle(transactions)
        self._dirty |= bool(delta.spent or mine) or height % UNSAVED_BLOCKS == 0

    def disconnect(self, height: int, id: bytes) -> bool:
        """Follow a block back; False when its change is not kept: read the chain again."""
        if not self._recent or self._recent[-1].id != id:
            return False
        undone = disconnect(self._recent.pop().change)
        self.wallet.forget(height, undone.inverse())
        self._dirty = True
        return True

    def restart(self) -> None:
        """Begin again before the first block; addresses handed out are kept."""
        state = self.wallet.state()
        fresh = WalletState(0, state.given, state.used, (), ())
        self.wallet = Wallet(self._account, fresh)
        self._recent.clear()
        self._dirty = True

    def sent(self, tx: Transaction) -> None:
        """Our payment is on its way."""
        self.wallet.sent(tx)
        self.open[tx.id] = tx
        self._dirty = True

    def given_up(self, tx: Transaction) -> None:
        """Our payment was refused: its coins may be spent again."""
        self.wallet.dropped(tx)
        self.open.pop(tx.id, None)
        self._dirty = True

    async def save(self) -> None:
        """Make durable what changed, in one batch."""
        if not self._dirty:
            return
        self._dirty = False
        stored = dict.fromkeys(key for key, _ in self._store.iterate(self._key(OPEN)))
        waiting = {self._key(OPEN) + id: encode(tx) for id, tx in self.open.items()}
        state = {
            self._key(STATE): encode(self.wallet.state()),
            self._key(RECENT): encode(RecentBlocks(tuple(self._recent))),
        }
        await self._store.commit({**stored, **waiting, **state})

    def touch(self) -> None:
        """Something was handed out: save it."""
        self._dirty = True

    def _settle(self, transactions: Sequence[Transaction]) -> None:
        """Payments that the block holds, or makes impossible, are no longer open."""
        spent = {place for tx in transactions for place in tx.body.inputs}
        for place in spent:  # change made and spent within the block is in no delta
            self.wallet.pending.pop(place, None)
            self.wallet.reserved.discard(place)
        for tx in list(self.open.values()):
            if not spent.isdisjoint(tx.body.inputs):
                del self.open[tx.id]
                if all(tx.id != other.id for other in transactions):
                    self.wallet.dropped(tx)
