"""What is said of an address: with the index and without, page by page, and what is refused."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import trio

from bystack.node.addresses import reading
from bystack.node.addresses.methods import AddressMethods, Chain
from bystack.node.addresses.shapes import AddressBalance, AddressCoins, AddressHistory
from bystack.node.ipc import RemoteError
from bystack.node.mainchain.forms import output_form
from bystack.primitives.addresses import DEPOSIT, POLICY, Address, encode_address
from tests.ledger.people import ALICE, BOB
from tests.mainchain.builders import EASY
from tests.node.addresses.test_index import KNOWN, moved
from tests.node.rpc.held import faults_of

BOBS = encode_address(Address(EASY.hrp, POLICY, BOB.lock.root))
ALICES = encode_address(Address(EASY.hrp, POLICY, ALICE.lock.root))
SHAPES = {"coins": AddressCoins, "balance": AddressBalance, "history": AddressHistory}
Ask = Callable[..., dict[str, Any]]


def asker(folder: Path, indexed: bool) -> tuple[Ask, Callable[[], None]]:
    opened = trio.run(moved, folder, KNOWN.left[-1].id, KNOWN.right[-1].id)
    view, tip = opened.store.view, len(KNOWN.trunk + KNOWN.right)
    methods = AddressMethods(
        Chain(
            EASY.hrp,
            view.snapshot,
            lambda: tip,
            lambda: 1,
            lambda output: output_form(output, EASY.hrp),
            lambda asset: {"asset": asset.hex()},
            indexed,
            "[mainchain]",
        )
    )

    def ask(name: str, *given: Any) -> dict[str, Any]:
        found: dict[str, Any] = trio.run(getattr(methods, name), *given)
        assert faults_of(found, SHAPES[name]) == []
        return found

    return ask, opened.store.close


@pytest.fixture
def ask(tmp_path: Path) -> Iterator[Ask]:
    found, close = asker(tmp_path, True)
    yield found
    close()


@pytest.fixture
def bare(tmp_path: Path) -> Iterator[Ask]:
    found, close = asker(tmp_path, False)
    yield found
    close()


def test_balance_and_history_of_one_who_was_paid_and_paid(ask: Ask) -> None:
    said = ask("history", BOBS)
    assert (said["height"], said["first"], said["next"]) == (8, 1, "")
    assert [(one["height"], one["position"]) for one in said["transactions"]] == [(6, 1), (5, 1)]
    paid, got = (one["assets"][0] for one in said["transactions"])
    assert (got["units"], got["received"], got["spent"]) == (70_000, 70_000, 0)
    assert paid["spent"] == 70_000 and paid["units"] == paid["received"] - 70_000
    (row,) = ask("balance", BOBS)["assets"]
    assert (row["units"], row["coins"]) == (70_000 + paid["units"], 1)
    (coin,) = ask("coins", BOBS)["coins"]
    assert (coin["units"], coin["height"], coin["confirmations"]) == (row["units"], 6, 3)


def pages(ask: Ask, name: str, field: str, *given: Any) -> list[dict[str, Any]]:
    found, start = list[dict[str, Any]](), ""
    while True:
        said = ask(name, *given, start)
        found += said[field]
        start = said["next"]
        if not start:
            return found


def test_pages_together_are_the_whole(ask: Ask) -> None:
    for name, field in (("coins", "coins"), ("history", "transactions")):
        whole = ask(name, ALICES)[field]
        assert len(whole) > 3 and pages(ask, name, field, ALICES, 2) == whole
        assert pages(ask, name, field, ALICES, 1) == whole


def test_without_the_index_coins_are_found_a_part_of_the_chain_at_a_time(
    bare: Ask, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = bare("coins", ALICES)
    assert not whole["indexed"] and whole["next"] == "" and len(whole["coins"]) > 3
    monkeypatch.setattr(reading, "SCANNED", 2)
    assert bare("coins", BOBS)["next"]
    assert pages(bare, "coins", "coins", ALICES, 100) == whole["coins"]


def test_a_balance_says_whether_it_is_whole(ask: Ask, monkeypatch: pytest.MonkeyPatch) -> None:
    assert ask("balance", ALICES)["whole"]
    monkeypatch.setattr(reading, "SUMMED", 2)
    said = ask("balance", ALICES)
    assert not said["whole"] and sum(row["coins"] for row in said["assets"]) == 2


def test_what_is_refused_says_why(bare: Ask) -> None:
    for name in ("balance", "history"):
        with pytest.raises(RemoteError, match=r"write index_addresses = true under .mainchain."):
            bare(name, BOBS)
    other = encode_address(Address("other", POLICY, BOB.lock.root))
    deposit = encode_address(Address(EASY.hrp, DEPOSIT, bytes(96)))
    for text, words in ((other, "another chain"), (deposit, "a vault"), ("nonsense", "Invalid")):
        with pytest.raises(RemoteError, match=words):
            bare("coins", text)
