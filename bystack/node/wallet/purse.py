"""One chain of a loaded wallet: coins and history at rest, blocks forward and back, open payments.

The last blocks' changes are kept so that a reorganisation can be followed back; one that goes
deeper makes the wallet read the chain again. What is stored lags behind by the blocks since the
last `save`, which are then read again. A payment of ours is open until a block holds it, or one
that spends its coins; a block that leaves the chain opens its payments again.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import trio

from bystack.ledger.accounts import PURPOSE, SINGLES, WATCHED, Account
from bystack.ledger.addressbook import GAP, AddressBook
from bystack.ledger.coins import NO_CHANGE, Coin, Delta
from bystack.ledger.policies import Policy
from bystack.ledger.rows import Rows
from bystack.ledger.satisfaction import policy_root
from bystack.ledger.transactions import Outpoint, Transaction, decode_transaction
from bystack.ledger.wallet import Accounts, Wallet
from bystack.ledger.wallet_records import HistoryRecord, sums
from bystack.mainchain.actions import is_coinbase
from bystack.mainchain.transition import disconnect, undo_of
from bystack.node.store.storage import Changes, Store
from bystack.node.wallet import stored
from bystack.node.wallet.chains import Chain
from bystack.node.wallet.changes import change_of, concerning, one_after_the_other
from bystack.node.wallet.stored import (
    NO_NOTE,
    Block,
    PaymentNote,
    PolicyRecord,
    Position,
    ScanRecord,
    Table,
    Taken,
    number,
    place_of,
)
from bystack.primitives.bip32 import ExtendedKey, parse_key
from bystack.primitives.codec import encode

FORMAT = 2
KIND = "wallet"
KEPT_BLOCKS = 1_000
UNSAVED_BLOCKS = 50
"""So many blocks without anything of ours may have to be read again after a restart."""
LOOKAHEAD = 5
"""So many accounts after the last one used are watched (BIP 44 asks for one)."""


class Purse:
    """A wallet's part on one chain. Without `master` it follows with the keys stored before."""

    def __init__(
        self,
        chain: Chain,
        master: ExtendedKey | None,
        store: Store,
        gap: int = GAP,
        named: Iterable[int] = (),
    ) -> None:
        self.chain = chain
        self.caught_up = False
        self.fresh = False
        """Nothing was followed yet, and nothing can have been paid to it before now."""
        self._store = store
        self._rows = stored.Rows(store, chain.id)
        self._dirty = False
        self._texts: dict[bytes, bytes] = {}  # transactions not saved yet
        self.expected: dict[bytes, Transaction] = {}
        """Payments to us that wait in the chain's pool (see `expecting`)."""
        self._load(gap)
        if master is not None:
            self.unlock(master, named)

    def _load(self, gap: int) -> None:
        rows, chain = self._rows, self.chain
        position = rows.one(stored.POSITION, b"", Position) or Position(0, gap, 0, b"")
        self.empty = rows.one(stored.POSITION, b"", Position) is None
        book = AddressBook(position.gap, dict(rows.records()), dict(rows.places()))
        self.wallet = wallet = Wallet(book=book, pegged=chain.genesis is not None)
        wallet.height, wallet.coins = position.height, Rows(rows.coins())
        wallet.history, wallet.reserved = Rows(rows.history()), Rows(rows.reservations())
        self.recent: Rows[int, Block] = Rows(rows.blocks())
        self.open: Rows[bytes, Transaction] = Rows(rows.open())
        self.notes: Rows[bytes, PaymentNote] = Rows(rows.notes())
        self.birth, self.birth_block = position.birth, position.block
        self.paths: Rows[int, bytes] = Rows(
            (int.from_bytes(rest, "big"), path) for rest, path in rows.all(stored.PATH)
        )
        self.labels: Rows[bytes, bytes] = Rows(rows.all(stored.LABEL))
        self.policies: Rows[bytes, PolicyRecord] = Rows(rows.policies())
        self.aside: Rows[tuple[int, int], HistoryRecord] = Rows(rows.history(stored.ASIDE))
        self.scan: ScanRecord | None = rows.one(stored.SCAN, b"", ScanRecord)
        self.stood: int = rows.one(stored.STOOD, b"", int) or 0  # see `standing`
        for account, record in list(book.records.items()):
            if record.key:
                book.add(account, Account(parse_key(record.key.decode())))
        self._free()
        self.hold()

    def hold(self) -> None:
        """Payments on their way hold their coins, and their change is to come."""
        for tx in self.open.values():
            self.wallet.sent(tx)

    def _free(self) -> None:
        """Coins set aside for a payment that never became one may be spent again."""
        for point, why in list(self.wallet.reserved.items()):
            if not why.kept and why.transaction not in self.open:
                del self.wallet.reserved[point]

    @property
    def ready(self) -> bool:
        """There are keys to follow the chain with; else the wallet must be unlocked once."""
        return bool(self.wallet.book.accounts) or bool(self.wallet.book.places)

    def unlock(self, master: ExtendedKey, named: Iterable[int] = ()) -> None:
        """The accounts' private keys are there from now on; new accounts ahead are watched, and
        those the owner has `named`, however far ahead."""
        book = self.wallet.book
        last = max((one for one in book.records if one < WATCHED and book.used(one)), default=0)
        wanted = {one for one in (*book.records, *named) if one < WATCHED}
        wanted |= set(range(last + LOOKAHEAD + 1))
        for account in sorted(wanted):
            book.add(account, self.chain.account(master, account))
        self.hold()  # a store of the first format had no keys to tell change by
        self._dirty |= book.records.changed

    def lock(self) -> None:
        """Forget the private keys."""
        accounts = self.wallet.book.accounts
        accounts.update({number: account.watching() for number, account in accounts.items()})

    def watch(self, branches: Sequence[Policy]) -> bytes:
        """Watch the lock of these branches; its root. Raises `PolicyInvalid`."""
        root = policy_root(branches)
        self.policies[root] = PolicyRecord(tuple(branches))
        self.watch_root(root)
        return root

    def watch_root(self, root: bytes) -> None:
        """Watch one lock of which only the address is known."""
        self.wallet.book.add_single(root)
        self._dirty = True

    def watch_account(self, key: ExtendedKey, path: str) -> int:
        """Watch every address below an extended public key; the account's number."""
        book = self.wallet.book
        account = max((one + 1 for one in book.records if one >= WATCHED), default=WATCHED)
        book.add(account, Account(key.neuter()))
        self.paths[account] = path.encode()
        self._dirty = True
        return account

    def watched_beside(self) -> set[int]:
        """The accounts a wallet with keys of its own only watches."""
        book = self.wallet.book
        watched = {one for one in book.records if one >= WATCHED} | {SINGLES}
        return {one for one in watched if not book.own(one)}

    def path_of(self, account: int) -> str:
        """The derivation path of an account."""
        if account >= WATCHED:
            return self.paths.get(account, b"m").decode()
        return f"m/{PURPOSE}'/{self.chain.coin}'/{self.chain.number(account)}'"

    def locator(self) -> list[tuple[int, bytes]]:
        """The blocks followed last, newest first."""
        return [(block.height, block.id) for block in reversed(self.recent.values())]

    def begin_at(self, height: int, id: bytes) -> None:
        """Follow from behind this block on: nothing before it concerns us."""
        self.wallet.height = self.birth = height
        self.birth_block = id
        self.recent[height] = Block(height, id, undo_of(Delta({}, {})))
        self.fresh, self._dirty = False, True

    def connect(
        self,
        height: int,
        id: bytes,
        transactions: Sequence[Transaction],
        more: Delta | None = None,
        time: int = 0,
    ) -> None:
        """Follow a block; `more` are coins that no transaction shows."""
        wallet = self.wallet
        wallet.book.discover(output.lock for tx in transactions for output in tx.body.outputs)
        given = NO_CHANGE.created if more is None else more.created
        transactions = concerning(wallet, self.open.values(), transactions, given)
        rewards = self._rewards(transactions)
        delta = change_of(wallet, height, transactions, rewards)
        if more is not None:
            delta = Delta({**delta.spent, **more.spent}, {**delta.created, **more.created})
        wallet.observe(height, delta, transactions, time=time, rewards=rewards, given=given)
        self._keep_texts(height, transactions)
        mine = {p: coin for p, coin in delta.created.items() if wallet.place(coin.lock)}
        self.recent[height] = Block(height, id, undo_of(Delta(delta.spent, mine)))
        while len(self.recent) > KEPT_BLOCKS:
            del self.recent[next(iter(self.recent))]
        self._settle(transactions)
        self.fresh = False
        self._dirty |= bool(delta.spent or mine) or height % UNSAVED_BLOCKS == 0

    def _rewards(self, transactions: Sequence[Transaction]) -> frozenset[bytes]:
        if self.chain.genesis is not None:
            return frozenset()
        return frozenset(tx.id for tx in transactions if is_coinbase(tx))

    def _keep_texts(self, height: int, transactions: Sequence[Transaction]) -> None:
        wanted = {entry.transaction for entry in self.wallet.entries_at(height)}
        self._texts |= {tx.id: encode(tx) for tx in transactions if tx.id in wanted}

    def disconnect(self, height: int, id: bytes) -> bool:
        """Follow a block back; False when its change is not kept: read the chain again."""
        block = next(reversed(self.recent.values()), None)
        if block is None or (block.height, block.id) != (height, id):
            return False
        self.wallet.height = height  # blocks without anything of ours may have been left out
        entries = sorted(self.wallet.entries_at(height), key=lambda entry: entry.position)
        undone = disconnect(block.change)
        self.wallet.forget(height, undone.inverse())
        del self.recent[height]
        for entry in entries:
            self._reopen(entry)
        self._dirty = True
        return True

    def _reopen(self, entry: HistoryRecord) -> None:
        """A payment of ours left the chain: it is on its way again."""
        tx = self.transaction(entry.transaction)
        if tx is not None and not entry.reward and any(moved.sent for moved in entry.movements):
            self.wallet.sent(tx)
            self.open[tx.id] = tx

    def restart(self) -> None:
        """Begin again before the first block; addresses handed out are kept."""
        self.wind_back(0, b"")

    def wind_back(self, height: int, id: bytes) -> None:
        """Stand after the block `id` at `height` again, with what the wallet knows of until there.

        The caller sees to it that every transaction up to there is known (`transaction`).
        """
        wallet, entries = self.wallet, list(self.wallet.history.values())
        wallet.coins.clear()
        wallet.history.clear()
        self.recent.clear()
        wallet.height = 0
        self._replay([entry for entry in entries if entry.height < height])
        last = self._replay([entry for entry in entries if entry.height == height])
        wallet.height = height
        if height:
            self.recent[height] = Block(height, id, undo_of(last))
        self._dirty = True

    def _replay(self, entries: Sequence[HistoryRecord]) -> Delta:
        """Follow transactions known from before; what they changed together."""
        together = NO_CHANGE
        for entry in entries:
            tx = self.transaction(entry.transaction)
            assert tx is not None
            rewards = {tx.id} if entry.reward else frozenset[bytes]()
            delta = change_of(self.wallet, entry.height, (tx,), rewards)
            self.wallet.observe(entry.height, delta)
            self.wallet.history[entry.height, entry.position] = entry
            together = one_after_the_other(together, delta)
        return together

    @property
    def complete(self) -> bool:
        """Every transaction of the history is known, so that the wallet can be wound back."""
        return all(self.transaction(e.transaction) for e in self.wallet.history.values())

    def coming(self, accounts: Accounts = None) -> Mapping[bytes, int]:
        """What payments that wait in the pool would bring us, per asset."""
        outputs = (
            out
            for id, tx in self.expected.items()
            if id not in self.open
            for out in tx.body.outputs
        )
        coins = (Coin(out.asset, out.amount, out.lock, 0, 0, 1, b"") for out in outputs)
        return sums((c.asset, c.amount) for c in coins if self.wallet.mine(c, accounts))

    def transaction(self, id: bytes) -> Transaction | None:
        """A transaction that concerned us, or a payment of ours."""
        data = self._texts.get(id) or self._store.get(self._rows.key(stored.TRANSACTION, id))
        return self.open.get(id) if data is None else decode_transaction(data)

    def sent(self, tx: Transaction, note: PaymentNote = NO_NOTE) -> None:
        """Our payment is on its way."""
        self.wallet.sent(tx)
        self.open[tx.id] = tx
        self.notes[tx.id] = note
        self._texts[tx.id] = encode(tx)
        self._dirty = True

    def given_up(self, tx: Transaction, replaced: bytes = b"") -> None:
        """Our payment will be in no block: its coins may be spent again, and payments of ours that
        build on it go with it. `replaced` is what took its place."""
        self.wallet.dropped(tx)
        self.open.pop(tx.id, None)
        old = self.notes.get(tx.id, NO_NOTE)
        self.notes[tx.id] = PaymentNote(old.time, old.comment, old.to, 1, replaced)
        self._dirty = True
        for other in list(self.open.values()):
            if any(point.transaction == tx.id for point in other.body.inputs):
                self.given_up(other)
        self.hold()  # another on its way may spend the same coins: what it replaces, or is by

    def forget(self, tx: Transaction) -> None:
        """Our payment was never taken in: there is none."""
        self.wallet.dropped(tx)
        self.open.pop(tx.id, None)
        self.notes.pop(tx.id, None)
        self.hold()
        self._dirty = True

    def let_go(self, points: Iterable[Outpoint]) -> None:
        """Coins set aside for what was not signed after all are free, as far as no payment on its
        way spends them."""
        self.wallet.release(points)
        self.hold()

    async def save(self) -> None:
        """Make durable what changed, in one batch. Cancelled or failed, none of it is forgotten:
        the next call writes it."""
        if not self._dirty:
            return
        texts, taken = dict(self._texts), [Taken(*one, one.rows.taken()) for one in self._tables()]
        self._dirty = False
        try:
            with trio.CancelScope(shield=True):
                await self._store.commit(self._changes(taken, texts))
        except BaseException:
            for one in taken:
                one.rows.not_stored(one.changes)
            self._dirty = True
            raise
        for id in texts:  # only now they can be read from the store
            self._texts.pop(id, None)

    def _tables(self) -> Sequence[Table]:
        """Every kind of rows: whose they are, how a key is told, how a value."""
        wallet = self.wallet
        return (
            Table(stored.COIN, wallet.coins, encode, encode),
            Table(stored.HISTORY, wallet.history, place_of, encode),
            Table(stored.ASIDE, self.aside, place_of, encode),
            Table(stored.RESERVATION, wallet.reserved, encode, encode),
            Table(stored.ACCOUNT, wallet.book.records, number, encode),
            Table(stored.ADDRESS, wallet.book.places, bytes, encode),
            Table(stored.BLOCK, self.recent, lambda height: number(height, 8), encode),
            Table(stored.OPEN, self.open, bytes, encode),
            Table(stored.NOTE, self.notes, bytes, encode),
            Table(stored.POLICY, self.policies, bytes, encode),
            Table(stored.PATH, self.paths, number, bytes),
            Table(stored.LABEL, self.labels, bytes, bytes),
        )

    def _changes(self, taken: Sequence[Taken], texts: Mapping[bytes, bytes]) -> Changes:
        key, wallet = self._rows.key, self.wallet
        position = Position(wallet.height, wallet.book.gap, self.birth, self.birth_block)
        return {
            **self._rows.batch(taken),
            **{key(stored.TRANSACTION, id): text for id, text in texts.items()},
            key(stored.POSITION): encode(position),
            key(stored.STOOD): encode(self.stood) if self.stood else None,
            key(stored.SCAN): None if self.scan is None else encode(self.scan),
        }

    def at_tip(self) -> None:
        """There are no more blocks for now."""
        self.caught_up = True
        if self.scan is not None:
            self.scan, self._dirty = None, True
            self.aside.clear()

    def touch(self) -> None:
        """Something was handed out: save it."""
        self._dirty = True

    def _settle(self, transactions: Sequence[Transaction]) -> None:
        """Payments that the block holds, or makes impossible, are no longer open."""
        spent = {point for tx in transactions for point in tx.body.inputs}
        for point in spent & self.wallet.pending.keys():
            self.wallet.pending.pop(point)  # change made and spent within the block is in no delta
        for point in spent & self.wallet.reserved.keys():
            self.wallet.reserved.pop(point)
        for id in (tx.id for tx in transactions):
            self.expected.pop(id, None)
            self.open.pop(id, None)
        for tx in list(self.open.values()):
            if not spent.isdisjoint(tx.body.inputs) and tx.id in self.open:
                self.given_up(tx)
