"""A third sidechain joins the running shared network, is paid from and to as docs/new-sidechain.md
says, its vault is frozen by docs/vault-operations.md, and it is put away again.

While it is launched the other two serve: blocks, a peg-in, and not one process is started anew.
"""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from bystack.client.demo.walk import until
from bystack.client.devnet import adding
from bystack.client.devnet.network import Devnet, opened
from bystack.client.report import Steps
from bystack.client.rpc import NotRun, Rpc, wait_for
from tests.processes.network import SECONDS, best, find, grow, processes_of, status
from tests.processes.pages import Part, Reader, Script, reading
from tests.processes.test_people import Watched, watched

pytestmark = [pytest.mark.processes, pytest.mark.timeout(600)]

PEGS = Part("docs/new-sidechain.md", "The first peg-in and peg-out")
CROSSING = Part("docs/new-sidechain.md", "From one sidechain to another")
FREEZE = Part("docs/vault-operations.md")
NAME, HOME, THIRD = "port", "games", "trade"
"""The new sidechain, where its money goes on to, and one that has no part in it."""
WALLET = 2
"""The node whose wallet pays; the first one mines and funds."""


def family(net: Devnet) -> set[int]:
    return {one.pid for node in net.layout.nodes for one in processes_of(node)}


def balance(rpc: Rpc, chain: str) -> float:
    return float(rpc.side(chain, "getbalance"))


@pytest.fixture(scope="module")
def grown(network: Devnet) -> Iterator[Devnet]:
    """The network with the third sidechain, which is there for this file only."""
    rpc, before, heights = network[WALLET], family(network), best(network)
    held = balance(rpc, HOME)
    network[0].pegin(HOME, "5", "BTM", rpc.getnewaddress("", "", HOME))
    network[0].sendtoaddress(rpc.getnewaddress(), "6")  # to peg in by the page
    try:
        net = adding.add(network, NAME, Steps(quiet=True), time.time_ns() // 1_000_000)
        assert before <= family(net), "a process that served the others was started anew"
        arrived = partial(lambda: balance(rpc, HOME) >= held + 5)
        until("a peg-in meanwhile", arrived, mine=net)
        now = best(net)
        assert all(now[chain] > heights[chain] for chain in heights), "the others stood still"
        yield net
    finally:
        if NAME in (left := opened(network.folder)).layout.added:
            adding.remove(left, NAME)


def held_by(net: Devnet, chain: str) -> dict[str, Any]:
    vault = net[0].side(chain, "getsidechaininfo")["vault"]
    found: dict[str, Any] = net[0].getvault(vault)["holdings"]
    return found


def test_every_node_runs_it_beside_the_others(grown: Devnet) -> None:
    for node in grown.layout.nodes:
        for role in ("sidechain", "federation"):
            assert find(node, role, NAME)
    shown = status(grown)["nodes"]
    assert all(node["chains"][NAME]["height"] >= 1 for node in shown)
    assert len({grown.rpcs[n.name].side(NAME, "getblockhash", 1) for n in grown.layout.nodes}) == 1
    grow(grown, list(grown.layout.nodes), [NAME, HOME, THIRD])


def test_money_goes_in_and_on_to_another_sidechain(grown: Devnet) -> None:
    """One burn, one payout of one vault into the other, one ordinary claim."""
    rpc = grown[WALLET]
    new = wait_for("the wallet follows it", lambda: rpc.getnewaddress("", "", NAME))
    grown[0].pegin(NAME, "4", "BTM", new)
    with reading(Reader({}, rpc.home), PEGS) as page:
        pegged(grown, page)
    until("enough to cross", lambda: balance(rpc, NAME) > 3.5, mine=grown)
    before = {chain: held_by(grown, chain) for chain in (NAME, HOME, THIRD)}
    held = balance(rpc, HOME)
    with reading(Reader({}), CROSSING) as page:
        typed = Watched(page.reader.meant(page.line().words), rpc.home)
    ((_, stages),) = watched(grown, typed)
    assert "arrived at games1" in stages[-1]
    after = {chain: held_by(grown, chain) for chain in (NAME, HOME, THIRD)}
    btm = "ff" * 32
    moved = before[NAME][btm] - after[NAME][btm]
    assert 2.9 * 10**8 < moved < 3 * 10**8
    assert after[HOME][btm] - before[HOME][btm] == moved == round((balance(rpc, HOME) - held) * 1e8)
    assert after[THIRD] == before[THIRD]


def pegged(net: Devnet, page: Script[Reader]) -> None:
    """Money in and out; the page's ids become those printed here."""
    page.type("bystack pegin port")
    page.type("bystack rpc generatetoaddress")
    page.type("bystack pegin-status")
    page.type("bystack wallet balance")
    page.type("bystack pegout-quote")
    page.type("bystack pegout port")
    batched = page.line("bystack pegout-status")

    def stands() -> str:  # before the burn's block has come: that there is none
        return page.reader.type(page.reader.meant(batched.words))[1]

    wait_for("an order", lambda: "block to take the order" in stands(), SECONDS)
    page.reader.obey(batched)
    until("it is mined", lambda: "block to take the order" not in stands(), mine=net)
    page.type("bystack rpc generatetoaddress")
    wait_for("it is settled", lambda: re.search("^state +settled", stands(), re.M), SECONDS)
    page.type("bystack pegout-status")
    assert '"holds": true' in page.type("bystack rpc getreserves")


def test_a_vault_is_frozen_by_a_key_that_lies_elsewhere(grown: Devnet, tmp_path: Path) -> None:
    """It is the one that nobody needs any more."""
    changes = {
        "vault freeze trade": f"vault freeze {NAME}",
        " keys/": f" {grown.folder / 'towers/keys'}/",
        "freeze.json": str(tmp_path / "freeze.json"),
        "submit trade": f"submit {NAME}",
    }
    with reading(Reader(changes, grown[0].home), FREEZE) as page:
        page.type("bystack vault freeze")
        signed = page.type("bystackd key sign", answers="y\n").split()[-1]
        page.reader.changes["tower-1=SIGNATURE"] = signed
        page.type("bystack vault submit")
    grown.mine(1)
    vault = grown[0].side(NAME, "getsidechaininfo")["vault"]
    assert grown[0].getvault(vault)["state"]["frozen_until"] > 0


def test_put_away_it_leaves_its_data_and_the_others_alone(grown: Devnet) -> None:
    gone = [one.pid for n in grown.layout.nodes for one in processes_of(n) if one.name == NAME]
    rest = family(grown) - set(gone)
    net = adding.remove(grown, NAME)
    assert net.layout.added == [] and rest <= family(net) and not set(gone) & family(net)
    with pytest.raises(NotRun, match=f"this node runs no sidechain {NAME}; it runs "):
        net[WALLET].side(NAME, "getblockcount")
    home = Path(net.layout.nodes[WALLET].home)
    assert (home / "data" / f"sidechain-{NAME}").is_dir()
    assert (home / "keys" / f"{NAME}.validator.key").exists()
    grow(net, list(net.layout.nodes), [HOME, THIRD])
