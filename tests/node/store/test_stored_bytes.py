"""What processes keep in their stores beyond chain objects: a changed byte needs a migration."""

from bystack.ledger.addressbook import AddressRecord
from bystack.ledger.amounts import BTM
from bystack.ledger.coins import Coin
from bystack.ledger.policies import Older
from bystack.ledger.transactions import Outpoint, PolicyLock
from bystack.ledger.wallet_records import Movement
from bystack.mainchain.transition import Change, Undo
from bystack.node.sidechain.columns import Tip
from bystack.node.wallet.backup import ChainBackup, WalletBackup
from bystack.node.wallet.migration import HistoryEntry, RecentBlocks, WalletState
from bystack.node.wallet.settings import AccountName, Settings
from bystack.node.wallet.stored import Block, PaymentNote, PolicyRecord, Position, ScanRecord
from tests.wire import check_wire

PLACE = Outpoint(b"\x01" * 32, 3)
COIN = Coin(BTM, 5_000, PolicyLock(b"\x02" * 32), 7, 0, 1, b"")
BLOCK = Block(7, b"\x03" * 32, Undo((Change(PLACE, COIN),), ()))

NOTE = PaymentNote(2**31, b"rent", b"Bob", 1, b"\x05" * 32)
POLICY = PolicyRecord((Older(144),))
CHAIN = ChainBackup(
    b"\x07" * 32,
    9,
    b"\x08" * 32,
    20,
    ((0, AddressRecord(b"xpub", (3, 0), (2, 1)), b"m"),),
    ((b"\x09" * 32, POLICY),),
    ((b"\x0a" * 32, b"label"),),
    ((b"\x0b" * 32, NOTE),),
    ((b"Q" + b"\x07" * 32, b"\x91\x01"),),
)
BACKUP = WalletBackup(1, b"abcd", b"words", 20, ((0, AccountName(b"rent")),), (CHAIN,))


def test_how_far_a_sidechain_store_is() -> None:
    check_wire("node_sidechain_tip", Tip(7, b"\x04" * 32, b"\x05" * 384))


def test_the_blocks_a_wallet_can_go_back() -> None:
    check_wire("node_wallet_recent_blocks", RecentBlocks((BLOCK,)))


def test_what_a_wallet_keeps_of_a_chain() -> None:
    check_wire("node_wallet_position", Position(7, 20, 3, b"\x07" * 32))
    check_wire("node_wallet_payment_note", NOTE)
    check_wire("node_wallet_policy_record", POLICY)
    check_wire("node_wallet_settings", Settings(20))
    check_wire("node_wallet_account_name", AccountName(b"rent"))
    check_wire("node_wallet_scan_record", ScanRecord(5, 7, b"\x06" * 32))


def test_what_the_first_format_of_a_wallet_kept() -> None:
    entry = HistoryEntry(b"\x0f" * 32, 9, (Movement(BTM, 30, 2**40),))
    check_wire("wallet_history_entry", entry)
    coin = Coin(BTM, 2**63 - 1, PolicyLock(b"\x05" * 32), 840_000, 1, 1, b"state")
    place = Outpoint(b"\x04" * 32, 70_000)
    check_wire("wallet_state", WalletState(7, (3, 0), (2, 1), ((place, coin),), (entry,)))


def test_what_a_backup_holds() -> None:
    check_wire("node_wallet_backup", BACKUP)
