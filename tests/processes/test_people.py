"""Shared network: what people type. One screen, the doctor, money watched to its end as
docs/wallet.md says, a burn proved as docs/light-sidechain.md does."""

from __future__ import annotations

import re
import subprocess
import sys
from contextlib import chdir

import msgspec
import pytest

from bystack.client.demo.walk import until
from bystack.client.devnet.network import Devnet
from bystack.client.rpc import Rpc
from bystack.primitives.addresses import POLICY, Address, encode_address
from tests.processes.network import SECONDS, bystack
from tests.processes.pages import Line, Part, Reader, reading

pytestmark = pytest.mark.processes

CROSSING = Part("docs/wallet.md", "Being paid, paying, crossing")
PROOFS = Part("docs/light-sidechain.md")
TRADE = "trade"
FOREIGN = encode_address(Address("bm", POLICY, bytes(32)))
"""An address of the network that holds real value."""


def test_a_node_is_shown_and_looked_over(network: Devnet) -> None:
    home = str(network.layout.nodes[1].home)
    shown = bystack("status", "--home", home)
    assert shown.returncode == 0, shown.stderr
    assert "\x1b" not in shown.stdout  # plain, since nobody looks
    assert all(word in shown.stdout for word in ("main", TRADE, "validator", "hold", "wallet"))
    assert bystack("key", "backup", "--made", "--home", home).returncode == 0
    told = bystack("doctor", "--json", "--home", home)
    found = {one["subject"]: one for one in msgspec.json.decode(told.stdout)}
    expected = ("ports", "configuration", "key backup", "signer", "vote journal", "charter")
    assert {name: found[name]["level"] for name in expected} == dict.fromkeys(expected, "good")


class Watched:
    """A command that waits, typed at the first node: what it prints, and the stages it tells."""

    def __init__(self, words: list[str], home: object) -> None:
        command = [sys.executable, "-m", "bystack.client.cli.main", *words[1:], "--home", str(home)]
        self.going = subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        self.first = ""

    def address(self) -> str:
        """What it prints first."""
        assert self.going.stdout is not None
        self.first = self.going.stdout.readline()
        return self.first.split()[0]

    def ended(self) -> tuple[str, list[str]]:
        out, told = self.going.communicate(timeout=SECONDS)
        assert self.going.returncode == 0, told
        stages = told.splitlines()
        assert len(stages) == len(set(stages)) and "\x1b" not in told and "\r" not in told
        return self.first + out, stages


def watched(network: Devnet, *going: Watched) -> list[tuple[str, list[str]]]:
    """All of them to their ends, side by side, while the main chain goes on."""
    over = [one.going.poll for one in going]
    until("all are over", lambda: all(one() is not None for one in over), mine=network)
    return [one.ended() for one in going]


def test_money_is_told_to_its_end_in_and_out_of_a_sidechain(network: Devnet) -> None:
    node, home = network[0], network[0].home
    reader = Reader({"ADDRESS": node.getnewaddress()}, home)

    def begun(line: Line) -> Watched:
        return Watched(reader.meant(line.words), home)

    with reading(reader, CROSSING) as page:
        assert page.type("bystack receive --label").startswith("rm1")
        comes, sent, first = (begun(page.line()) for _ in range(3))
        out, over = page.line("bystack pegout"), page.line("bystack transfer")
        small = page.line("bystack pegin")
        second = begun(small)
    network[1].side(TRADE, "sendtoaddress", comes.address(), "0.25")
    ends = [stages[-1] for _, stages in watched(network, comes, sent, first, second)]
    assert "0.25 BTM" in ends[0], ends
    assert ends[1].startswith("main: paid, under ")
    assert ends[2:] == [f"{TRADE}: 5.0 BTM minted", small.shown[-1]]
    (told, stages), (_, moved) = watched(network, begun(out), begun(over))
    assert stages[-1] == f"{TRADE}: 4.99 BTM paid on the main chain"
    assert moved[-1].startswith("games: ") and "arrived" in moved[-1], moved
    (burned,) = re.findall(r"^pegout: (\w{64})$", told, re.M)
    proved(network, burned)


def proved(network: Devnet, burned: str) -> None:
    """A burn is shown to somebody who knows the sidechain's id alone; another id is refused."""
    chain = network[0].side(TRADE, "getsidechaininfo")["chain_id"]
    reader = Reader({"PEGOUT_ID": burned}, network[1].home)
    claim = str(network.folder / "claim.proof")
    reader.obey(Line(f"bystack proof claim:{burned}:0 {claim} --sidechain {TRADE}", ()))
    with chdir(network.folder), reading(reader, PROOFS) as page:
        page.type("bystack proof")
        page.reader.ids[page.left[0].words.split()[-1]] = chain
        page.type("bystack verify-proof")
        page.reader.ids["195d290e…"] = "19" * 32
        page.type("bystack verify-proof", code=1)


def test_money_never_goes_to_an_address_of_another_chain_or_kind(network: Devnet) -> None:
    home, node = str(network.layout.nodes[0].home), network[0]
    main, trade = node.getnewaddress(), node.getnewaddress("", "", TRADE)
    vault = node.side(TRADE, "getpeginaddress", trade)["mainchain_address"]
    swapped = main[:-1] + ("q" if main[-1] != "q" else "p")
    before = [spent(node, chain) for chain in ("main", TRADE)]
    for words, says in (
        (("send", swapped, "1"), "AddressMalformed"),
        (("send", main.capitalize(), "1"), "AddressMalformed"),
        (("send", vault, "1"), "bystack pegin CHAIN"),
        (("pegin", TRADE, "1", "--to", main), "is on main"),
        (("pegout", TRADE, trade, "1"), "bystack send pays it"),
        (("pegout", TRADE, vault, "1"), "bystack pegin CHAIN"),
        (("transfer", main, "1", "--from", TRADE), f"bystack pegout {TRADE}"),
        (("send", FOREIGN, "1"), "AddressNetwork"),
    ):
        code, output = Reader({}, home).type(["bystack", *words])
        assert code == 1 and says in output, (words, output)
    assert [spent(node, chain) for chain in ("main", TRADE)] == before


def spent(node: Rpc, chain: str) -> set[str]:
    """The payments that a wallet ever made on a chain."""
    return {
        one["txid"]
        for one in node.listtransactions("*", 1_000, chain=chain)
        if one["category"] == "send"
    }
