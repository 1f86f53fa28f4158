"""Shared network: docs/start-here.md, executed line by line, from a status to a paid peg-out."""

from __future__ import annotations

import re

import pytest

from bystack.client.demo.walk import until
from bystack.client.devnet.network import Devnet
from tests.processes.pages import Line, Part, Reader, says

pytestmark = pytest.mark.processes

PAGE = Part("docs/start-here.md", but="^scripts/demo").lines
WHOLE = ("export PATH", "bystack devnet")
"""What the shared network's fixture has done, and what would end it."""
HOME = "export BYSTACK_HOME="


def test_the_page_is_read() -> None:
    assert len(PAGE) > 14
    up = next(one.words for one in PAGE if "devnet up" in one.words)
    assert "--sidechains 2 --validators 4 --members 5" in up, "what the shared network is"


def test_numbers_and_widths_may_differ_and_words_may_not() -> None:
    assert says("asset  trusted\nBTM    12.25    0.0", ("BTM  10.0  0.0",))
    assert says("txid: abc", ("txid: …",)) and not says("no txid: abc", ("txid: …",))
    assert not says("GOLD   10.0  0.0", ("BTM  10.0  0.0",))
    assert not says("trade: paid", ("trade: paid, under 1 block",))
    assert says("trade: paid, under 2 blocks", ("trade: paid, under 1 block",))
    assert not says("trade: paid, under 2 hours", ("trade: paid, under 1 block",))


class Newcomer(Reader):
    """Types the page; mines when it waits for blocks, as the page says."""

    def __init__(self, network: Devnet) -> None:
        super().__init__({"/tmp/net": str(network.folder)})
        self.network = network

    def patiently(self, line: Line) -> None:
        """Ask without `--wait`, mining, until it is done; then the line itself returns at once."""
        words = self.meant(line.words.replace(" --wait", ""))
        until(line.words, lambda: ended(self.type(words)[1]), mine=self.network)
        self.obey(line)

    def until_sent(self, line: Line) -> None:
        """The page: ask again until it waits for a main-chain block."""
        words = self.meant(line.words)
        until(line.words, lambda: "block to take the order" in self.type(words)[1])
        self.obey(line)


def ended(output: str) -> bool:
    return re.search(r"^state +(claimed|settled)$", output, re.M) is not None


def test_each_line_does_what_the_page_says(
    network: Devnet, monkeypatch: pytest.MonkeyPatch
) -> None:
    newcomer = Newcomer(network)
    for line in PAGE:
        if line.words.startswith(WHOLE):
            continue
        if line.words.startswith(HOME):
            (home,) = newcomer.meant(line.words.removeprefix(HOME))
            monkeypatch.setenv("BYSTACK_HOME", home)
        elif line.words.startswith(("bystack pegin-status", "bystack pegout-status")):
            follow = newcomer.patiently if "--wait" in line.words else newcomer.until_sent
            follow(line)
        else:
            said = newcomer.obey(line)
            for name, id in re.findall(r"^(txid|pegout): ([0-9a-f]{64})$", said, re.M):
                newcomer.changes.setdefault(name.upper(), id)
