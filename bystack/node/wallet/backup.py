"""A wallet in one sealed text: the phrase, and everything that does not follow from it, of every
chain it ever followed.

Accounts and their names, how many addresses were handed out, the gap, labels, notes on payments,
what is watched without keys, keys shared with others, and the height each chain is read from. Coins
and history are not in it: they are read from the chains again.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Final

from msgspec import Meta

from bystack.ledger.accounts import RECEIVE, SINGLES, WATCHED, Place
from bystack.ledger.addressbook import MAX_GAP, AddressRecord
from bystack.ledger.coins import NO_CHANGE
from bystack.mainchain.transition import undo_of
from bystack.node.keyfiles import sealed, unsealed
from bystack.node.store.storage import Changes, View
from bystack.node.wallet import settings, stored
from bystack.node.wallet.keyring import COUNT, KeysHandedOut
from bystack.node.wallet.settings import AccountName, Settings
from bystack.node.wallet.stored import Block, PaymentNote, PolicyRecord, Position, Text, number
from bystack.primitives import bip39
from bystack.primitives.bip32 import parse_key
from bystack.primitives.codec import U8, U32, U63, Bytes32, Wire, decode, encode
from bystack.primitives.errors import Invalid

KIND: Final = "wallet-backup"
VERSION: Final = 1
MAX_BACKUP: Final = 64_000_000
MAX_ITEMS: Final = 1_000_000
MAX_AHEAD: Final = 2_000_000
"""So many addresses and keys are derived at most, before the wallet is of use."""
BESIDE: Final = (b"Q", b"U")
"""Rows that other files keep under a chain's id, carried as they are (see `keyring`)."""

Items = Meta(max_length=MAX_ITEMS)
Root = Annotated[bytes, Meta(min_length=32, max_length=96)]


class BackupNetwork(Invalid):
    """The backup is of a wallet on another network."""


class BackupTooFar(Invalid):
    """The backup has more addresses to watch than a wallet can: somebody tampered with it."""


class BackupText(Invalid):
    """A name, label or note in the backup is no text."""


class BackupVersion(Invalid):
    """The backup was made by a newer program."""


class ChainBackup(Wire):
    """What a wallet knows of one chain: from which block on to read, and what to look for.

    `accounts` as records with their paths, `singles` the locks watched one by one, `beside` rows of
    other kinds.
    """

    id: Bytes32
    birth: U63
    block: Annotated[bytes, Meta(max_length=32)]
    gap: Annotated[int, Meta(ge=1, le=MAX_GAP)]
    accounts: Annotated[tuple[tuple[U32, AddressRecord, Text], ...], Items]
    singles: Annotated[tuple[tuple[Bytes32, PolicyRecord], ...], Items]
    labels: Annotated[tuple[tuple[Root, Text], ...], Items]
    notes: Annotated[tuple[tuple[Bytes32, PaymentNote], ...], Items]
    beside: Annotated[tuple[tuple[bytes, bytes], ...], Items]


class WalletBackup(Wire):
    """A whole wallet; one that only watches has no phrase."""

    version: U8
    magic: Annotated[bytes, Meta(min_length=4, max_length=4)]
    phrase: Text
    gap: Annotated[int, Meta(ge=1, le=MAX_GAP)]
    names: Annotated[tuple[tuple[U32, AccountName], ...], Items]
    chains: Annotated[tuple[ChainBackup, ...], Meta(max_length=10_000)]


def chain_backups(view: View) -> Iterator[ChainBackup]:
    """Every chain's part, of those not followed any more as well."""
    for key, _ in view.iterate(stored.POSITION):
        yield _chain_backup(key[len(stored.POSITION) :], view)


def _chain_backup(chain: bytes, view: View) -> ChainBackup:
    rows = stored.Rows(view, chain)
    position: Position = rows.one(stored.POSITION, b"", Position)
    paths = {int.from_bytes(rest, "big"): path for rest, path in rows.all(stored.PATH)}
    accounts = [(account, one, paths.get(account, b"")) for account, one in rows.records()]
    policies = dict(rows.policies())
    roots = [root for root, place in rows.places() if place.account == SINGLES]
    return ChainBackup(
        chain,
        position.birth,
        position.block,
        position.gap,
        tuple(accounts),
        tuple((root, policies.get(root, PolicyRecord(()))) for root in roots),
        tuple(rows.all(stored.LABEL)),
        tuple(rows.notes()),
        tuple(_beside(view, chain)),
    )


def _beside(view: View, chain: bytes) -> Iterator[tuple[bytes, bytes]]:
    for kind in BESIDE:
        yield from view.iterate(kind + chain)


def seal_backup(backup: WalletBackup, password: str | None, *, cheap: bool) -> str:
    """The backup as text; without a password in the clear."""
    return sealed(KIND, encode(backup), password, cheap=cheap, name="backup").decode()


def open_backup(text: str, password: str | None, magic: bytes, *, cheap: bool) -> WalletBackup:
    """What `seal_backup` sealed.

    Raises a `KeyFileError` (wrong password among them), `BackupNetwork`, `BackupVersion`,
    `BackupText`, `BackupTooFar`, `PhraseInvalid`, and as `decode` and `parse_key`.
    """
    data = unsealed("backup", text.encode(), KIND, password, cheap=cheap)
    backup = decode(WalletBackup, data, MAX_BACKUP)
    if backup.version > VERSION:
        raise BackupVersion(version=backup.version, known=VERSION)
    if backup.magic != magic:
        raise BackupNetwork(expected=magic, given=backup.magic)
    _check(backup)
    return backup


def _check(backup: WalletBackup) -> None:
    """What the wallet would stumble over later, for good."""
    try:
        phrase, *_ = [text.decode() for text in _texts(backup)]
    except UnicodeDecodeError:
        raise BackupText() from None
    if phrase:
        bip39.seed(phrase)
    ahead = 0
    for chain in backup.chains:
        for _, record, _ in chain.accounts:
            ahead += sum(chain.gap + max(n) for n in zip(record.given, record.used, strict=True))
            if record.key:
                parse_key(record.key.decode())
        handed = [data for key, data in chain.beside if key[:1] == COUNT]
        ahead += sum(decode(KeysHandedOut, data, 16).count for data in handed)
    if ahead > MAX_AHEAD:
        raise BackupTooFar(addresses=ahead, most=MAX_AHEAD)


def _texts(backup: WalletBackup) -> Iterator[bytes]:
    yield backup.phrase
    yield from (name.name for _, name in backup.names)
    for chain in backup.chains:
        for _, record, path in chain.accounts:
            yield from (record.key, path)
        yield from (label for _, label in chain.labels)
        for _, note in chain.notes:
            yield from (note.comment, note.to)


def rows_of(backup: WalletBackup) -> Changes:
    """The rows of a store from which a wallet goes on where the backup was made."""
    rows: dict[bytes, bytes | None] = {settings.SETTINGS: encode(Settings(backup.gap))}
    rows |= {settings.NAME + number(n): encode(name) for n, name in backup.names}
    for chain in backup.chains:
        rows.update(_chain_rows(chain))
    return rows


def _chain_rows(chain: ChainBackup) -> Iterator[tuple[bytes, bytes]]:
    height = chain.birth if chain.block else 0
    yield stored.POSITION + chain.id, encode(Position(height, chain.gap, height, chain.block))
    if height:
        block = Block(height, chain.block, undo_of(NO_CHANGE))
        yield stored.BLOCK + chain.id + number(height, 8), encode(block)
    for account, record, path in chain.accounts:
        yield stored.ACCOUNT + chain.id + number(account), encode(record)
        if account >= WATCHED:
            yield stored.PATH + chain.id + number(account), path
    for index, (root, policies) in enumerate(chain.singles):
        yield stored.ADDRESS + chain.id + root, encode(Place(RECEIVE, index, SINGLES))
        if policies.branches:
            yield stored.POLICY + chain.id + root, encode(policies)
    for root, label in chain.labels:
        yield stored.LABEL + chain.id + root, label
    for id, note in chain.notes:
        yield stored.NOTE + chain.id + id, encode(note)
    for key, data in chain.beside:
        if key[:1] in BESIDE and key[1:33] == chain.id:
            yield key, data
