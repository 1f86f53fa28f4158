"""Shared network: the dashboard in a real browser; pages, a peg's whole way, a dead sidechain."""

from __future__ import annotations

import os
import signal

import pytest

from bystack.client.devnet.founding import CONFIRMATIONS
from bystack.client.devnet.network import Devnet
from bystack.client.rpc import wait_for
from tests.processes.browser import PHONE, dashboard, token, wanted
from tests.processes.network import find

pytestmark = pytest.mark.processes


@pytest.fixture(scope="module", autouse=True)
def browser() -> None:
    """All of this file wants one."""
    wanted()


TRADE = "trade"
PAGES = {
    "#/": "Processes of this node",
    "#/main": "Blocks of main",
    "#/main/block/1": "Difficulty",
    "#/main/mempool": "Waiting on main",
    "#/main/vaults": TRADE,
    "#/main/assets": "BTM",
    "#/main/charts": "Hash rate",
    "#/main/peers": "Listens at",
    "#/main/search/1": "Block on",
    f"#/{TRADE}": "Proposer",
    f"#/{TRADE}/block/1": "Final by",
    f"#/{TRADE}/pegs": "Ways",
    f"#/{TRADE}/validators": "gateway",
    f"#/{TRADE}/federation": "Threshold",
    f"#/{TRADE}/mempool": "Pool",
    f"#/{TRADE}/assets": "GOLD",
    f"#/{TRADE}/charts": "Seconds between blocks",
    f"#/{TRADE}/peers": "validator",
    "#/nowhere/at/all": "Go back",
}


def addresses(net: Devnet) -> dict[str, str]:
    """Pages of one thing each, and what they must say."""
    tip = net[0].call("getblock", net[0].getbestblockhash(), 2)
    output = tip["tx"][0]["vout"][0]
    vault = net[1].side(TRADE, "getsidechaininfo")["vault"]
    return {
        f"#/main/tx/{tip['tx'][0]['txid']}": "it pays the block's reward",
        f"#/main/address/{output['address']}": "unspent",
        f"#/main/vault/{vault}": "Announce new terms",
    }


def test_each_page_is_shown_without_a_fault(network: Devnet) -> None:
    node = network.layout.nodes[1]
    with dashboard(node) as tab:
        tab.page.goto(tab.base)
        tab.see("input[type=password]")  # nothing is shown to somebody without a token
        assert "Height" not in tab.text()
        tab.faults.clear()  # the refused request is told on the console
        tab.enter(token(node))
        assert token(node) not in tab.page.url
        for address, words in (PAGES | addresses(network)).items():
            tab.go(address, words)
        assert tab.faults == [] and tab.foreign == []
        assert tab.page.evaluate("document.cookie") == ""


def test_on_a_phone_in_the_dark_and_by_keyboard(network: Devnet) -> None:
    node = network.layout.nodes[1]
    with dashboard(node, viewport=PHONE, color_scheme="dark") as tab:
        tab.enter(token(node))
        for address in ("#/", "#/main", f"#/{TRADE}/validators", f"#/{TRADE}/federation"):
            tab.go(address)
            wide = tab.page.evaluate("document.documentElement.scrollWidth")
            assert wide <= PHONE["width"], (address, wide)
        ground = tab.page.evaluate("getComputedStyle(document.documentElement).backgroundColor")
        assert max(int(part) for part in ground[4:-1].split(",")) < 60, ground
        tab.go("#/")
        tab.page.reload()  # the token stays in the tab; the focus begins at the top
        tab.see("section[data-chain=main]")
        tab.page.keyboard.press("Tab")
        reached = set()
        for _ in range(14):
            reached.add(tab.page.evaluate("document.activeElement.textContent.trim()"))
            tab.page.keyboard.press("Tab")
        assert {"Bystack", "Overview", "main", TRADE, "Search"} <= reached, reached
        tab.page.focus("#query")
        tab.page.keyboard.type("1")
        tab.page.keyboard.press("Enter")
        tab.see('main[data-page="search"]')
        assert tab.faults == []


def test_a_peg_in_is_watched_from_its_deposit_to_its_minting(network: Devnet) -> None:
    node = network.layout.nodes[1]
    home = network[0].getnewaddress("", "", TRADE)
    deposit = network[0].pegin(TRADE, "3", "BTM", home)
    network.mine(1)
    wait_for("the node has the deposit", lambda: _known(network, deposit["txid"]))
    with dashboard(node) as tab:
        tab.enter(token(node))
        tab.go(f"#/{TRADE}/pegin/{deposit['txid']}:{deposit['vout']}")
        tab.see('.steps[data-state="waiting"] li.now')
        network.mine(CONFIRMATIONS)
        # Nobody touches the page from here on: the node's events move the line.
        tab.see('.steps[data-state="claimed"] li.done:last-child')
        assert "Minted" in tab.text() and tab.faults == []
        tab.go(f"#/{TRADE}/pegs", deposit["txid"][:8])


def _known(net: Devnet, txid: str) -> bool:
    return bool(net[1].side(TRADE, "getpeginstatus", txid)["state"] == "waiting")


def test_a_dead_sidechain_is_shown_as_such_and_the_others_go_on(network: Devnet) -> None:
    node = network.layout.nodes[1]
    child = find(node, "sidechain", "games")
    assert child is not None
    with dashboard(node) as tab:
        tab.enter(token(node))
        tab.see('section[data-chain="games"]:not(.dead)')
        os.kill(child.pid, signal.SIGSTOP)
        try:
            network.mine(1)
            tab.see('section.dead[data-chain="games"] .badge.bad')
            tab.see(f'section[data-chain="{TRADE}"]:not(.dead)')
            tab.see('section[data-chain="main"]:not(.dead)')
        finally:
            os.kill(child.pid, signal.SIGCONT)
        network.mine(1)
        tab.see('section[data-chain="games"]:not(.dead)')
