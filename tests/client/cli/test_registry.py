"""Certificates and orders at the command line: what is asked of the node, and what is said."""

from __future__ import annotations

from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from bystack.client.cli import drafts, exchange, registry
from bystack.client.cli.main import main

DIGEST = "d1" * 32
ORDER = {
    "order": "ab" * 32, "market": "GOLD/BTM", "side": "sell", "price": "0.5", "amount": 6,
    "of": 10, "expires": 90, "height": 3, "owner": "cd" * 32,
}  # fmt: skip


class Node:
    """Answers one thing and remembers what it was asked."""

    def __init__(self, answer: Any) -> None:
        self.answer = answer
        self.asked: list[tuple[Any, ...]] = []

    def call(self, method: str, *params: Any, path: str = "/") -> Any:
        self.asked.append((method, *params))
        return self.answer

    def side(self, chain: str, method: str, *params: Any) -> Any:
        self.asked.append((chain, method, *params))
        return self.answer


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch) -> Any:
    def call(answer: Any, *words: str) -> tuple[Node, Result]:
        node = Node(answer)
        for module in (drafts, exchange, registry):
            monkeypatch.setattr(module, "node", lambda home: node)
        return node, CliRunner().invoke(main, [*words, "--chain", "trade"])

    return call


def test_a_file_is_named_by_its_digest(run: Any, tmp_path: Path) -> None:
    file = tmp_path / "deed"
    file.write_bytes(b"the house")
    digest = sha256(b"the house").hexdigest()
    node, result = run({"txid": "ee"}, "registry", "add", str(file), "--memo", "a house")
    assert result.exit_code == 0, result.output
    assert node.asked == [("registerdigest", digest, "a house", "", 0, "trade")]
    node, _ = run({"digest": digest}, "registry", "show", digest.upper())
    assert node.asked == [("trade", "getcertificate", digest)]
    node, result = run({}, "registry", "show", str(tmp_path / "nowhere"))
    assert result.exit_code == 2 and "neither a file nor 64 hex digits" in result.output
    assert node.asked == []


@pytest.mark.parametrize(
    ("words", "asked"),
    [
        (("transfer", DIGEST, "tr1q"), ("transfercertificate", DIGEST, "tr1q", "trade")),
        (("revoke", DIGEST, "--reason", "sold"), ("revokecertificate", DIGEST, "sold", "trade")),
        (("endorse", DIGEST, "tr1q"), ("endorsecertificate", DIGEST, "tr1q", "trade")),
    ],
)
def test_what_an_owner_does(run: Any, words: tuple[str, ...], asked: tuple[str, ...]) -> None:
    node, result = run({"txid": "ee"}, "registry", *words)
    assert result.exit_code == 0 and node.asked == [asked]
    assert "txid: ee" in result.output


def test_certificates_are_listed_briefly(run: Any) -> None:
    row = {"digest": DIGEST, "status": "valid", "height": 3, "since": 4, "memo": "a house"}
    row["owner"] = "cd" * 32
    node, result = run([row], "registry", "list", "tr1q")
    assert node.asked == [("trade", "listcertificates", "tr1q", 100, "")]
    assert DIGEST in result.output and "owner" not in result.output


def test_orders_are_placed_cancelled_and_listed(run: Any) -> None:
    words = ("order", "GOLD/BTM", "sell", "10", "0.5", "--blocks", "5", "--terms", "make")
    node, result = run({"order": "ab"}, "exchange", *words)
    assert result.exit_code == 0, result.output
    asked = ("placeorder", "GOLD/BTM", "sell", "10", "0.5", 5, "make", "", "trade")
    assert node.asked == [asked]
    node, _ = run({"txid": "ee"}, "exchange", "cancel", "ab" * 32)
    assert node.asked == [("cancelorder", "ab" * 32, "trade")]
    node, result = run([ORDER], "exchange", "orders")
    assert node.asked == [("listmyorders", "trade")]
    assert "0.5" in result.output and "cd" * 32 not in result.output
    _, result = run({}, "exchange", "order", "GOLD/BTM", "lend", "1", "1")
    assert result.exit_code == 2


def test_a_book_shows_offers_above_bids(run: Any) -> None:
    level = {"amount": 1, "orders": 1}
    book = {
        "name": "GOLD/BTM",
        "asks": [{"price": "6", **level}, {"price": "7", **level}],
        "bids": [{"price": "5", **level}, {"price": "4", **level}],
    }
    node, result = run(book, "exchange", "book", "GOLD/BTM", "--depth", "2")
    assert node.asked == [("trade", "getorderbook", "GOLD/BTM", 2)]
    prices = [line.split()[1] for line in result.output.splitlines()[1:]]
    assert prices == ["7", "6", "5", "4"]
    _, result = run({**book, "asks": [], "bids": []}, "exchange", "book", "GOLD/BTM")
    assert result.output == "GOLD/BTM: no orders\n"
