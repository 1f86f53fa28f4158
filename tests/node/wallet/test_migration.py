"""A store that the first format wrote is carried forward: the same money, history, addresses.

`tests/vectors/wallet/format_one.txt` holds the rows of such a store, key and value in hex, as the
program of that time wrote them after following six blocks and making one payment.
"""

from __future__ import annotations

from pathlib import Path

import pytest
import trio

from bystack.ledger.accounts import RECEIVE, Place
from bystack.ledger.amounts import BTM
from bystack.ledger.transactions import PolicyLock
from bystack.ledger.wallet import Balance
from bystack.node.store.storage import Store, StoreVersion
from bystack.node.wallet.chains import MAIN, Chain
from bystack.node.wallet.migration import to_rows
from bystack.node.wallet.purse import FORMAT, KIND, Purse
from tests.mainchain.builders import EASY
from tests.node.wallet.people import ACCOUNT, KEY

ROWS = Path(__file__).parents[2] / "vectors" / "wallet" / "format_one.txt"


def old_store(path: Path) -> Chain:
    """Write the rows as format 1; the chain they are of."""
    rows = [bytes.fromhex(word) for word in ROWS.read_text().split()]
    with Store.open(path, kind=KIND, magic=EASY.magic, version=1) as store:
        store.commit_now(dict(zip(rows[::2], rows[1::2], strict=True)))
    return Chain(MAIN, rows[0][1:33], EASY.hrp, EASY)


def opened(path: Path) -> Store:
    how = {1: to_rows}
    return Store.open(path, kind=KIND, magic=EASY.magic, version=FORMAT, migrations=how)


def check(purse: Purse) -> None:
    """As the program of that time said it."""
    wallet = purse.wallet
    assert wallet.height == 6
    assert wallet.balances(EASY.maturity) == {
        BTM: Balance(123_749_977_000, 0, 41_249_974_000, 41_250_000_000)
    }
    assert list(wallet.history) == [(height, 0) for height in range(1, 7)]
    assert len(purse.open) == 1
    assert len(purse.locator()) == 6


def test_the_first_format_is_carried_forward(tmp_path: Path) -> None:
    async def main() -> None:
        chain = old_store(tmp_path)
        for master in (KEY, None, KEY):  # the keys are kept from the first opening on
            with opened(tmp_path) as store:
                purse = Purse(chain, master, store)
                assert purse.ready
                check(purse)
                await purse.save()
        with opened(tmp_path) as store:
            purse = Purse(chain, KEY, store)
            assert purse.wallet.new_lock() == PolicyLock(ACCOUNT.root(Place(RECEIVE, 4)))
            height, id = purse.locator()[0]
            assert purse.disconnect(height, id)
            assert purse.wallet.height == 5
            assert not purse.complete  # it cannot be wound back: a rescan reads everything

    trio.run(main)


def test_a_locked_wallet_of_the_first_format_waits_for_its_keys(tmp_path: Path) -> None:
    chain = old_store(tmp_path)
    with opened(tmp_path) as store:
        purse = Purse(chain, None, store)
        assert not purse.ready
        purse.unlock(KEY)
        assert purse.ready
        check(purse)


def test_a_newer_format_is_not_touched(tmp_path: Path) -> None:
    Store.open(tmp_path, kind=KIND, magic=EASY.magic, version=FORMAT + 1).close()
    with pytest.raises(StoreVersion):
        opened(tmp_path)
