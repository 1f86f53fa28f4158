"""The pages in a real browser on a pretended node: what no network of daemons is needed for.

A lane of daemons runs it, since only one browser is to start at a time.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from tests.node.web.dashboard.pretended import BTM, DOWN, FALSE, GOLD, TOKEN, Pretended
from tests.processes.browser import PHONE, WIDE, started, wanted

pytestmark = pytest.mark.processes

TXID, DIGEST = "d4" * 32, "e5" * 32
ACTIVE = "document.activeElement.textContent"
FAINT = """() => {
  const lines = [];
  const ink = document.createElement("canvas").getContext("2d", { willReadFrequently: true });
  const parts = (colour) => {
    ink.clearRect(0, 0, 1, 1);
    ink.fillStyle = colour;
    ink.fillRect(0, 0, 1, 1);
    return [...ink.getImageData(0, 0, 1, 1).data];
  };
  const light = (colour) => colour.slice(0, 3).map((one) => one / 255)
    .map((one) => (one <= 0.04045 ? one / 12.92 : ((one + 0.055) / 1.055) ** 2.4))
    .reduce((sum, one, place) => sum + one * [0.2126, 0.7152, 0.0722][place], 0);
  const ground = (one) => {
    for (let at = one; at; at = at.parentElement) {
      const found = parts(getComputedStyle(at).backgroundColor);
      if (found[3] === 255) return found;
    }
    throw new Error("no ground");
  };
  for (const one of document.querySelectorAll("body *")) {
    if (![...one.childNodes].some((part) => part.nodeType === 3 && part.data.trim())) continue;
    if (!one.getBoundingClientRect().width) continue;
    const look = getComputedStyle(one);
    const both = [light(parts(one.closest("svg") ? look.fill : look.color)), light(ground(one))];
    const ratio = (Math.max(...both) + 0.05) / (Math.min(...both) + 0.05);
    if (ratio < 4.5) lines.push(`${one.textContent}: ${ratio.toFixed(2)}`);
  }
  return lines;
}"""
"""Text whose colour stands out from its ground by less than 4.5 (WCAG 2.2, 1.4.3), in words."""
BROKEN = """() => [...document.querySelectorAll(".narrow td")].filter((cell) => {
  const range = document.createRange();
  range.selectNodeContents(cell);
  return new Set([...range.getClientRects()].map((one) => one.bottom)).size > 2;
}).map((cell) => cell.textContent)"""
BESIDE = """() => [...document.querySelectorAll(".wide")]
  .filter((one) => one.firstChild.getBoundingClientRect().width > one.clientWidth).length"""
"""Tables wider than their place: these scroll, and the keyboard must stop at them."""
SMALL = """() => Math.min(...[...document.querySelectorAll(".chart text")]
  .map((one) => one.getBoundingClientRect().height))"""


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    """One for all of this file."""
    wanted()
    with started() as one:
        yield one


@pytest.fixture
def node(browser: Any) -> Iterator[Pretended]:
    context = browser.new_context(viewport=WIDE)
    try:
        yield Pretended(context.new_page())
    finally:
        context.close()


def test_whoever_stands_on_a_row_stays_on_it_when_a_block_comes(node: Pretended) -> None:
    tab = node.enter()
    tab.go("#/main", "Blocks of main")
    tab.page.focus("tbody tr:first-child a")
    assert tab.page.evaluate(ACTIVE) == "5"
    node.tip = 7
    node.event()
    tab.see('tbody tr:first-child a:text-is("7")')
    assert tab.page.evaluate(ACTIVE) == "5"
    rows = tab.page.locator("tbody td:first-child").all_inner_texts()
    assert rows == ["7", "6", "5", "4", "3", "2", "1", "0"]
    assert tab.faults == [] and tab.foreign == []


def test_a_lost_connection_is_told_and_dialled_again(node: Pretended) -> None:
    tab = node.enter()
    node.sockets[-1].close()
    tab.see("#live:not(.on)")
    tab.see("#live.on")
    node.tip = 9
    node.event()
    tab.see('section[data-chain=main] a:text-is("9")')


def test_a_page_that_waits_says_so_and_does_not_show_another(node: Pretended) -> None:
    tab = node.enter()
    node.wait = True
    tab.page.evaluate("location.hash = '#/main'")
    tab.see('main[aria-busy=true]:has-text("Asking main")')
    assert "Processes" not in tab.text()
    node.go_on()
    tab.see('main[data-address="#/main"]:not([aria-busy])')


def test_a_visitor_whose_clock_is_off_sees_ages_by_the_nodes_clock(node: Pretended) -> None:
    tab = node.enter()
    card = tab.page.locator("section[data-chain=trade]")
    assert "running" in card.inner_text() and "just now" in card.inner_text()


def test_an_asset_that_borrows_a_name_is_shown_with_its_id(node: Pretended) -> None:
    def output(n: int, asset: str, units: int) -> dict[str, Any]:
        return {"n": n, "asset": asset, "units": units, "lock": {"kind": "PolicyLock"}}

    outputs = [output(0, FALSE, 7), output(1, GOLD, 500), output(2, BTM, 9)]
    tx = {"txid": TXID, "confirmations": 1, "size": 9, "vin": [], "vout": outputs, "actions": []}
    false = {"symbol": "BTM", "unit": "<i>u</i>", "decimals": 0, "asset": FALSE, "cap": 0}
    false |= {"issued": 7, "class": "byte", "first_height": 1, "last_height": 1}
    node.answers["main"] |= {  # type: ignore[operator]
        "getrawtransaction": lambda *_: tx | {"memo": "hé".encode().hex()},
        "getassetinfo": lambda id: false if id == FALSE else None,
    }
    tab = node.enter()
    tab.go(f"#/main/tx/{TXID}", "Outputs")
    amounts = tab.page.locator('td[data-label="Amount"]').all_inner_texts()
    assert amounts == ["7 BTM (b2b2b2b2…)", "5 GOLD", "0.00000009 BTM"]
    assert tab.page.locator("bdi").inner_text() == "hé"
    tab.go(f"#/main/asset/{FALSE}", "No sidechain of this node lists it")
    assert "<i>u</i>" in tab.text()


def test_a_memo_is_the_text_that_was_written_and_turns_no_other_around(node: Pretended) -> None:
    memo = "of Ada \u202e<b>"
    told = {"status": "valid", "address": "trade1q", "height": 3, "memo": memo, "expires": 0}
    node.answers["trade"] |= {  # type: ignore[operator]
        "getcertificate": lambda _: told | {"memo_hex": memo.encode().hex()}
    }
    tab = node.enter()
    tab.go(f"#/trade/certificate/{DIGEST}", "of Ada")
    assert tab.page.locator("main bdi").text_content() == memo


def test_a_search_knows_names_and_tells_which_chain_was_not_asked(node: Pretended) -> None:
    tab = node.enter()
    names = (
        ("trade", "#/trade/blocks"),
        ("btm", f"#/main/asset/{BTM}"),
        ("gold", f"#/main/asset/{GOLD}"),
    )
    for text, page in names:
        tab.page.fill("#query", text)
        tab.page.press("#query", "Enter")
        tab.see(f'main[data-address="{page}"]')
    node.answers["games"] = DOWN
    tab.page.fill("#query", "3")
    tab.page.press("#query", "Enter")
    tab.see('main:has-text("no answer comes: games.")')
    assert tab.page.locator("main li a").first.get_attribute("href") == "#/main/block/3"


def test_a_deposit_is_a_line_from_its_sending_on_though_another_sidechain_is_down(
    node: Pretended,
) -> None:
    lock = {"kind": "DepositLock", "vault": "c3" * 32}
    output = {"n": 1, "asset": BTM, "units": 300_000_000, "lock": lock}
    node.answers["games"] = DOWN
    main, trade = node.answers["main"], node.answers["trade"]
    assert isinstance(main, dict) and isinstance(trade, dict)
    main["getrawtransaction"] = lambda *_: {"txid": TXID, "confirmations": 0, "vout": [output]}
    tab = node.enter()
    tab.go(f"#/main/pegin/{TXID}:1", "Waits for a main-chain block to take the deposit")
    assert tab.page.locator("li.now").inner_text().startswith("Deposited")
    told = {"txid": TXID, "vout": 1, "asset": "BTM", "units": 300_000_000, "state": "claimable"}
    told |= {"height": 5, "blocks_left": 0, "waits_for": "", "recipient": "aa", "claim": None}
    trade["getpeginstatus"] = lambda *_: told
    node.event()
    tab.see(".steps[data-state=claimable]")
    assert "Waits for a next block of the sidechain to claim it." in tab.text()
    assert "Into trade: 3 BTM" in tab.text()


def test_a_token_that_is_not_taken_is_told_and_can_be_forgotten(node: Pretended) -> None:
    tab = node.tab
    tab.page.goto(f"{tab.base}#token=wrong")
    tab.see('[role=alert]:has-text("does not take this token")')
    tab.page.click("text=Forget it")
    tab.see("main:not(:has([role=alert])) #token")
    tab.page.fill("#token", TOKEN)
    tab.page.press("#token", "Enter")
    tab.see("main[data-page=overview]")


def test_an_open_node_asks_for_a_token_where_it_tells_peers(node: Pretended) -> None:
    node.open = True
    node.tab.page.goto(node.tab.base)
    node.tab.see("section[data-chain=trade]")
    node.tab.go("#/main/peers", "Token of this node")
    assert node.tab.page.locator("[role=alert]").count() == 0


def test_words_stand_out_and_are_whole_and_figures_can_be_read(node: Pretended) -> None:
    tab = node.enter()
    for scheme in ("light", "dark"):
        tab.page.emulate_media(color_scheme=scheme)
        for size in (WIDE, PHONE):
            tab.page.set_viewport_size(size)
            for address in ("#/", "#/main", "#/main/block/3", "#/trade"):
                tab.go(address)
                assert tab.page.evaluate(FAINT) == [], (scheme, address)
            tab.go("#/")
            assert tab.page.evaluate(BESIDE) == 0
            assert tab.page.evaluate(BROKEN) == [] and tab.page.evaluate(SMALL) >= 12
