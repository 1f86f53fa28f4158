"""Shared network: the dashboard in a real browser; every page, a peg's whole way, a dead sidechain.

`BYSTACK_PICTURES=docs/images` has the tests leave the pictures that the documents show.
"""

from __future__ import annotations

import os
import signal
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
import tomli_w
from click.testing import CliRunner

from bystack.client.cli.main import main as bystack
from bystack.client.demo.walk import until
from bystack.client.devnet import processes
from bystack.client.devnet.founding import CONFIRMATIONS
from bystack.client.devnet.network import Devnet
from bystack.client.rpc import wait_for
from tests.processes.browser import PHONE, WIDE, Pages, dashboard, started, token, wanted
from tests.processes.network import find, whole

pytestmark = pytest.mark.processes

TRADE = "trade"
HOSTILE = "<img src=x onerror=alert(1)><b>deed</b>"
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
    f"#/{TRADE}/modules": "Market GOLD/BTM",
    f"#/{TRADE}/mempool": "Pool",
    f"#/{TRADE}/assets": "GOLD",
    f"#/{TRADE}/charts": "Seconds between blocks",
    f"#/{TRADE}/peers": "validator",
    "#/nowhere/at/all": "Go back",
}
SHOWN = {
    "#/": "overview",
    "#/main": "blocks",
    "#/main/charts": "charts",
    f"#/{TRADE}/pegs": "pegs",
    f"#/{TRADE}/validators": "validators",
    f"#/{TRADE}/federation": "federation",
}
"""Pages of which the documents have a picture."""
FOCUS = """() => {
  const one = document.activeElement;
  const look = getComputedStyle(one), box = one.getBoundingClientRect();
  const marked = look.outlineStyle !== "none" && parseFloat(look.outlineWidth) >= 2;
  return [one.tagName, marked, box.left >= 0 && box.width > 0];
}"""
MOVES = """() => {
  window.seen = [];
  const look = () => {
    const line = document.querySelector(".steps");
    if (!line) return;
    const state = `${line.dataset.state} ${line.querySelectorAll("li.done").length}`;
    if (window.seen.at(-1) !== state) window.seen.push(state);
  };
  look();
  const all = { subtree: true, childList: true, attributes: true };
  new MutationObserver(look).observe(document.body, all);
}"""
"""Notes each state of the line, and how many of its steps are done."""


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    """One for all of this file."""
    wanted()
    with started() as one:
        yield one


@pytest.fixture(scope="module")
def certificate(network: Devnet, tmp_path_factory: pytest.TempPathFactory) -> str:
    """The digest of a certificate whose memo would like to be markup, on the dashboard's node."""
    deed = tmp_path_factory.mktemp("deed") / "deed.txt"
    deed.write_text("the house on the dashboard")
    home = network.layout.nodes[0].home
    asked = ("--memo", HOSTILE, "--chain", TRADE, "--home", home, "--json")
    if float(network[0].side(TRADE, "getbalance")) < 1:
        network[0].pegin(TRADE, "3", "BTM", network[0].getnewaddress("", "", TRADE))
        until("money", lambda: float(network[0].side(TRADE, "getbalance")) > 1, mine=network)
    done = CliRunner().invoke(bystack, ["registry", "add", str(deed), *asked])
    assert done.exit_code == 0, done.output
    digest = done.stdout.partition('"digest": "')[2][:64]
    wait_for("it is known", lambda: network[1].side(TRADE, "getcertificate", digest))
    return digest


def addresses(net: Devnet) -> dict[str, str]:
    """Pages of one thing each, and what they must say."""
    tip = net[0].call("getblock", net[0].getbestblockhash(), 2)
    output = tip["tx"][0]["vout"][0]
    vault = net[1].side(TRADE, "getsidechaininfo")["vault"]
    return {
        f"#/main/tx/{tip['tx'][0]['txid']}": "it pays the block's reward",
        f"#/main/address/{output['address']}": "index_addresses = true",
        f"#/main/vault/{vault}": "of (super-1, super-2)",
    }


def fits(tab: Pages, address: str) -> None:
    """Nothing of the page stands beside the screen."""
    wide = tab.page.evaluate("document.documentElement.scrollWidth")
    assert wide <= tab.page.viewport_size["width"], (address, wide)


def test_each_page_light_and_dark_wide_and_on_a_phone_and_by_keyboard(
    network: Devnet, browser: Any, certificate: str
) -> None:
    node = network.layout.nodes[1]
    with dashboard(browser, node) as tab:
        tab.page.goto(tab.base)
        tab.see("input[type=password]")  # nothing is shown to somebody without a token
        assert "Height" not in tab.text()
        tab.faults.clear()  # the refused request is told on the console
        tab.enter(token(node))
        assert token(node) not in tab.page.url
        deed = {f"#/{TRADE}/certificate/{certificate}": "valid"}
        for address, words in (PAGES | deed | addresses(network)).items():
            tab.page.set_viewport_size(WIDE)
            tab.page.emulate_media(color_scheme="light")
            tab.go(address, words)
            fits(tab, address)
            if name := SHOWN.get(address, "vault" if "/vault/" in address else ""):
                tab.picture(name)
            tab.page.set_viewport_size(PHONE)
            tab.page.emulate_media(color_scheme="dark")
            fits(tab, address)
            tab.page.keyboard.press("Shift+Tab")
            tag, marked, there = tab.page.evaluate(FOCUS)
            assert tag in ("A", "BUTTON", "INPUT", "SUMMARY") and marked and there, address
        assert tab.faults == [] and tab.foreign == []
        assert tab.page.evaluate("document.cookie") == ""
        ground = tab.page.evaluate("getComputedStyle(document.documentElement).backgroundColor")
        assert max(int(part) for part in ground[4:-1].split(",")) < 60, ground
        tab.go("#/")
        tab.picture("phone")


def test_by_keyboard_alone_from_the_skip_link_to_a_search(network: Devnet, browser: Any) -> None:
    node = network.layout.nodes[1]
    with dashboard(browser, node) as tab:
        tab.enter(token(node))
        tab.page.reload()  # the token stays in the tab; the focus begins at the top
        tab.see("section[data-chain=main]")
        press = tab.page.keyboard.press
        press("Tab")
        assert tab.page.evaluate("document.activeElement.id") == "skip"
        assert tab.page.evaluate(FOCUS) == ["A", True, True]
        press("Enter")
        assert tab.page.evaluate("document.activeElement.id") == "content"
        tab.page.reload()
        tab.see("section[data-chain=main]")
        reached = list[str]()
        while "Search" not in reached and len(reached) < 14:
            press("Tab")
            assert tab.page.evaluate(FOCUS)[1:] == [True, True], reached
            reached.append(tab.page.evaluate("document.activeElement.textContent.trim()"))
        assert {"Bystack", "Overview", "main", TRADE, "Search"} <= set(reached), reached
        press("Shift+Tab")
        tab.page.keyboard.type("1")
        press("Enter")
        tab.see('main[data-page="search"]')
        assert tab.faults == []


def test_what_others_wrote_is_text_and_never_markup(
    network: Devnet, browser: Any, certificate: str
) -> None:
    node = network.layout.nodes[1]
    with dashboard(browser, node) as tab:
        tab.enter(token(node))
        tab.go(f"#/{TRADE}/certificate/{certificate}", "valid")
        assert HOSTILE in tab.text()
        tab.go(f"#/main/search/{quote(HOSTILE, safe='')}", "Nothing")
        assert tab.page.locator("main img, main b, main script").count() == 0
        assert tab.faults == [] and tab.foreign == []


def test_a_peg_in_is_watched_from_its_deposit_to_its_minting(network: Devnet, browser: Any) -> None:
    node = network.layout.nodes[1]
    home = network[0].getnewaddress("", "", TRADE)
    deposit = network[0].pegin(TRADE, "3", "BTM", home)
    network.mine(1)
    wait_for("the node has the deposit", lambda: _known(network, deposit["txid"]))
    with dashboard(browser, node) as tab:
        tab.enter(token(node))
        tab.go(f"#/{TRADE}/pegin/{deposit['txid']}:{deposit['vout']}")
        tab.see('.steps[data-state="waiting"] li.now')
        tab.picture("pegin")
        tab.page.evaluate(MOVES)
        network.mine(CONFIRMATIONS)
        # Nobody touches the page from here on: the node's events move the line.
        tab.see('.steps[data-state="claimed"] li.done:last-child')
        assert "Minted" in tab.text() and tab.faults == []
        forwards(tab, "waiting", "claimed")
        tab.go(f"#/{TRADE}/pegs", deposit["txid"][:8])


def _known(net: Devnet, txid: str) -> bool:
    return bool(net[1].side(TRADE, "getpeginstatus", txid)["state"] == "waiting")


def forwards(tab: Pages, first: str, last: str) -> None:
    """The line went from one state to the other, and no step of it was taken back."""
    seen = [one.split() for one in tab.page.evaluate("window.seen")]
    assert (seen[0][0], seen[-1][0]) == (first, last), seen
    done = [int(number) for _, number in seen]
    assert done == sorted(done) and done[-1] > done[0], seen


def test_a_peg_out_is_watched_from_its_burn_to_its_payment(network: Devnet, browser: Any) -> None:
    node = network.layout.nodes[1]
    until("money", lambda: float(network[0].side(TRADE, "getbalance")) > 2.5, mine=network)
    id = network[0].sendtomainchain(TRADE, network[0].getnewaddress(), "2", "BTM")["pegout"]
    wait_for("the node has the burn", lambda: network[1].side(TRADE, "getpegoutstatus", id))
    with dashboard(browser, node) as tab:
        tab.enter(token(node))
        tab.go(f"#/{TRADE}/pegout/{id}")
        tab.see(".steps li.now")
        tab.page.evaluate(MOVES)
        tab.see('.steps[data-state="batched"]')
        tab.picture("pegout")
        until("it is paid", lambda: _settled(network, id), mine=network)
        tab.see('.steps[data-state="settled"] li.done:last-child')
        assert "Paid" in tab.text() and tab.faults == []
        seen = tab.page.evaluate("window.seen")
        assert len(seen) >= 3 and seen[-1].startswith("settled"), seen


def _settled(net: Devnet, id: str) -> bool:
    return bool(net[1].side(TRADE, "getpegoutstatus", id)["state"] == "settled")


def test_a_dead_sidechain_is_shown_as_such_and_the_others_go_on(
    network: Devnet, browser: Any
) -> None:
    node = network.layout.nodes[1]
    child = find(node, "sidechain", "games")
    assert child is not None
    with dashboard(browser, node) as tab:
        tab.enter(token(node))
        tab.see('section[data-chain="games"]:not(.dead)')
        os.kill(child.pid, signal.SIGSTOP)
        try:
            network.mine(1)
            tab.see('section.dead[data-chain="games"] .badge.bad')
            tab.see(f'section[data-chain="{TRADE}"]:not(.dead)')
            tab.see('section[data-chain="main"]:not(.dead)')
            tab.picture("dead")
        finally:
            os.kill(child.pid, signal.SIGCONT)
        network.mine(1)
        tab.see('section[data-chain="games"]:not(.dead)')


def test_an_open_node_shows_anybody_its_chain_and_the_history_of_an_address(
    network: Devnet, browser: Any
) -> None:
    node = network.layout.nodes[4]
    before = (Path(node.home) / "bystack.toml").read_text()
    to = network[1].getnewaddress()  # of another wallet, which leaves it alone
    tables = tomllib.loads(before)
    tables["mainchain"]["index_addresses"] = True
    tables["rpc"]["dashboard"] = "open"
    text = tomli_w.dumps(tables)
    network[0].sendtoaddress(to, "0.75")  # before the index is made, and after
    network.mine(1)
    try:
        _with(
            network,
            text,
            "the payment is in the index",
            lambda: network[4].call("getaddresshistory", to)["transactions"],
        )
        network[0].sendtoaddress(to, "1.5")
        network.mine(1)
        with dashboard(browser, node) as tab:
            tab.page.goto(f"{tab.base}#/main/address/{to}")
            tab.see('main[data-page="address"]:has-text("2.25 BTM")')
            assert "+0.75 BTM" in tab.text() and "+1.5 BTM" in tab.text()
            tab.picture("address")
            tab.go("#/", "Seconds between blocks")
            assert "federation" not in tab.text()  # what an operator alone may know
            assert tab.faults == [] and tab.foreign == []
    finally:
        _with(network, before, "it is as before", lambda: True)


def _with(net: Devnet, text: str, what: str, holds: Any) -> None:
    """Have the fifth node run with another configuration."""
    node = net.layout.nodes[4]
    old = find(node, "mainchain")
    (Path(node.home) / "bystack.toml").write_text(text)
    processes.reload(node)
    wait_for("another process", lambda: (new := find(node, "mainchain")) and new != old)
    wait_for(what, holds)
    wait_for("the node is whole", lambda: whole(node))
    net.synced()
