"""Modules on the shared network, as docs/modules.md says: certificates, orders, a package's own
module. What the README says of a whole network funds them."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from functools import partial
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from bystack.client.cli.main import main as bystack
from bystack.client.devnet.network import Devnet
from bystack.client.rpc import wait_for
from bystack.primitives.codec import encode
from tests.processes.pages import Part, Reader, reading

pytestmark = pytest.mark.processes

NETWORK = Part("README.md", "A whole network, left running", but="devnet (up|down)")
REGISTRY = Part("docs/modules.md", "registry")
EXCHANGE = Part("docs/modules.md", "exchange")
CHAIN = "trade"
NAMES_CLAIM = 1


@pytest.fixture(scope="module")
def rich(network: Devnet) -> Devnet:
    """The first node's wallet has GOLD on the sidechain, the second's BTM."""
    for number, amount, asset in ((0, "40", "GOLD"), (0, "5", "BTM"), (1, "30", "BTM")):
        home = network[number].getnewaddress("", "", CHAIN)
        network[0].pegin(CHAIN, amount, asset, home)
    with reading(Reader({"/tmp/net": str(network.folder)}), NETWORK) as page:
        assert "node5" in page.type("bystack devnet status")
        page.reader.home = network.folder / page.line("export").words.rpartition("/")[2]
        assert "BTM" in page.type("bystack wallet balance")
        page.type("bystack pegin")
        page.type("bystack rpc generatetoaddress")
        page.type("bystack wallet balance --chain")
        assert '"holds": true' in page.type("bystack rpc getreserves")
    wait_for("GOLD", lambda: balance(network, 0, "GOLD") >= 39 and balance(network, 0, "BTM") >= 4)
    wait_for("BTM", lambda: balance(network, 1, "BTM") >= 29)
    return network


def balance(net: Devnet, number: int, asset: str) -> float:
    return float(net[number].side(CHAIN, "getbalance", asset=asset))


def said(*arguments: str) -> Result:
    """`bystack …` in this process: starting one for each command takes longer than the command."""
    return CliRunner().invoke(bystack, arguments)


def command(net: Devnet, number: int, *arguments: str) -> Any:
    """What `bystack …` prints for a node, as JSON."""
    home = ("--chain", CHAIN, "--home", net.layout.nodes[number].home, "--json")
    done = said(*arguments, *home)
    assert done.exit_code == 0, done.output
    return json.loads(done.stdout)


def everywhere(net: Devnet, what: str, ask: Callable[[Any], Any]) -> Any:
    """The first true answer of every node; the last node's. One may have a block before another."""
    return [wait_for(what, partial(ask, rpc)) for rpc in net.everyone][-1]


def shown(net: Devnet, digest: str, holds: Callable[[Any], bool]) -> Any:
    """The certificate, once every node has it as expected."""

    def look(rpc: Any) -> Any:
        found = rpc.side(CHAIN, "getcertificate", digest)
        return found if holds(found) else None

    return everywhere(net, f"certificate {digest}", look)


def test_a_document_is_registered_given_away_and_endorsed(
    rich: Devnet, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    deed = tmp_path / "deed.txt"
    deed.write_text("the house by the lake")
    digest = sha256(deed.read_bytes()).hexdigest()
    chain = rich[0].side(CHAIN, "getsidechaininfo")["chain_id"]
    reader = Reader({"ad2352bc…3c57": chain}, rich[0].home)
    with reading(reader, REGISTRY) as page:
        made = dict(re.findall(r"^(\w+): (\w+)$", page.type("bystack registry add"), re.M))
        assert made["digest"] == digest and int(made["paid_units"]) == 10_000 + 7 * 10
        first = shown(rich, digest, lambda found: found["transaction"] == made["txid"])
        assert first["owner"] == made["owner"] and first["memo"] == "a house"
        page.rest()
    home = rich[1].getnewaddress("", "", CHAIN)
    root = rich[1].getaddressinfo(home)["root"]
    stranger = ("--chain", CHAIN, "--home", rich.layout.nodes[1].home)
    refused = said("registry", "revoke", digest, *stranger)
    assert refused.exit_code == 1 and "NotOwner" in refused.output
    command(rich, 0, "registry", "transfer", digest, home)
    after = shown(rich, digest, lambda found: found["transfers"] == 1)
    assert after["owner"] == root and after["height"] == first["height"]
    command(rich, 1, "registry", "endorse", digest, home)
    stood = shown(rich, digest, lambda found: bool(found["endorsements"]))
    assert [one["owner"] for one in stood["endorsements"]] == [root]
    (mine,) = rich[3].side(CHAIN, "listcertificates", home)
    assert mine["digest"] == digest
    proof = tmp_path / "deed.proof"
    asked = ("proof", f"certificate:{digest}", str(proof), "--sidechain", CHAIN)
    told = said(*asked, "--home", rich.layout.nodes[4].home)
    assert told.exit_code == 0, told.output
    checked = said("verify-proof", str(proof), "--chain", chain, "--json")
    assert checked.exit_code == 0, checked.output
    assert root in checked.stdout


def _order(said: str) -> str:
    (found,) = re.findall(r"^order: (\w+)$", said, re.M)
    return str(found)


def test_orders_of_two_wallets_meet(rich: Devnet) -> None:
    gold = balance(rich, 1, "GOLD")
    with reading(Reader({}, rich[0].home), EXCHANGE) as page:
        order = _order(page.type("bystack exchange order GOLD/BTM sell"))
        everywhere(rich, "the offer", lambda rpc: rpc.side(CHAIN, "getorder", order))
        money = balance(rich, 0, "BTM")
        book = command(rich, 1, "exchange", "book", "GOLD/BTM")
        assert book["asks"] == [{"price": "0.5", "amount": 10, "orders": 1}] and book["bids"] == []
        page.reader.home = rich[1].home
        page.type("bystack exchange order GOLD/BTM buy")
        everywhere(rich, "the trade", lambda rpc: rpc.side(CHAIN, "listtrades", "GOLD/BTM"))
        page.rest()
    wait_for("the buyer is paid", lambda: balance(rich, 1, "GOLD") > gold)
    assert balance(rich, 1, "GOLD") == pytest.approx(gold + 4)  # a fee of 0.004 is rounded away
    wait_for("the seller is paid", lambda: balance(rich, 0, "BTM") > money)
    assert balance(rich, 0, "BTM") == pytest.approx(money + 2)
    (trade,) = command(rich, 3, "exchange", "trades", "GOLD/BTM")
    assert (trade["price"], trade["amount"], trade["side"]) == ("0.5", 4, "buy")
    (left,) = command(rich, 0, "exchange", "orders")
    assert (left["order"], left["amount"], left["of"]) == (order, 6, 10)
    held = balance(rich, 0, "GOLD")
    command(rich, 0, "exchange", "cancel", order)
    wait_for("what is left comes back", lambda: balance(rich, 0, "GOLD") > held)
    assert balance(rich, 0, "GOLD") == pytest.approx(held + 6)
    assert command(rich, 0, "exchange", "orders") == []


def test_a_packages_module_runs_on_every_node(rich: Devnet) -> None:
    assert rich[4].side(CHAIN, "listqueries")["names"] == ["resolvename", "getnames"]
    home = rich[1].getnewaddress("", "", CHAIN)
    root = bytes.fromhex(rich[1].getaddressinfo(home)["root"])
    body = encode((b"lake-house", root)).hex()
    rich[1].moduleaction("names", NAMES_CLAIM, body, {"BTM": "0.00001"}, CHAIN)

    def resolved(rpc: Any) -> bool:
        return bool(rpc.side(CHAIN, "resolvename", ["lake-house"])["owner"] == root.hex())

    everywhere(rich, "the name", resolved)
