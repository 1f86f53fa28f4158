"""What processes keep in their stores beyond chain objects: a changed byte needs a migration."""

from bystack.ledger.amounts import BTM
from bystack.ledger.coins import Coin
from bystack.ledger.transactions import Outpoint, PolicyLock
from bystack.mainchain.transition import Change, Undo
from bystack.node.sidechain.store import Tip
from bystack.node.wallet.purse import Block, RecentBlocks
from tests.wire import check_wire

PLACE = Outpoint(b"\x01" * 32, 3)
COIN = Coin(BTM, 5_000, PolicyLock(b"\x02" * 32), 7, 0, 1, b"")
BLOCK = Block(7, b"\x03" * 32, Undo((Change(PLACE, COIN),), ()))


def test_how_far_a_sidechain_store_is() -> None:
    check_wire("node_sidechain_tip", Tip(7, b"\x04" * 32, b"\x05" * 384))


def test_the_blocks_a_wallet_can_go_back() -> None:
    check_wire("node_wallet_recent_blocks", RecentBlocks((BLOCK,)))
