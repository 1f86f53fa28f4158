"""Shared network: members propose, vote and decide; a frozen destination is told before a burn;
what an operator's own policy holds back waits for him.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import msgspec
import pytest

from bystack.client.demo.walk import until
from bystack.client.devnet.network import Devnet
from bystack.client.rpc import Rpc, RpcFailed, wait_for
from bystack.node.config import load_config
from tests.processes.network import SECONDS, bystack
from tests.processes.pages import Line, Part, Reader, Script, reading

pytestmark = pytest.mark.processes

VOTES = Part("docs/governance.md", "Propose and vote")
PAUSES = Part("docs/governance.md", "Pauses")
REPORT = Part("docs/governance.md", "Fees: who gets what")
PARAMETERS = Part("docs/engines.md", "Parameters")
POLICY = Part("docs/signer-policy.md")
TRADE = "trade"
DELAY = 24
"""Blocks before announced terms may be adopted, as the devnet's charters have it."""
QUORUM = (0, 1, 2)
MANUAL = '[manual.above]\nBTM = "0.5"\n'
"""What both members who weigh 2 see first: no five of the seven sign without one of them."""


def proposal(net: Devnet, node: int, number: int) -> dict[str, Any]:
    found: dict[str, Any] = net[node].federation(TRADE, "getproposal", [number])
    return found


def seen(net: Devnet, node: int, number: int) -> dict[str, Any] | None:
    """The proposal as this node has it, None before its block has come."""
    try:
        return proposal(net, node, number)
    except RpcFailed as error:
        assert error.rule == "ProposalUnknown", str(error)
        return None


def shut(net: Devnet, home: str) -> dict[str, Any] | None:
    """Why nothing is burned to an address, as another node tells it; None while it may be."""
    way: dict[str, Any] = net[1].side(TRADE, "getpegstatus", home)["pegout"]
    return None if way["open"] else way


def test_a_destination_is_frozen_by_votes_and_freed_at_once(network: Devnet) -> None:
    net, home = network, network[0].getnewaddress()
    changes = {"destination=rm1qkmp…": f"destination={home}"}
    with reading(Reader(changes, net[0].home), VOTES) as page:
        number = int(page.type("bystack federation propose").splitlines()[0].split()[1])
        wait_for("its block", lambda: seen(net, 0, number), SECONDS)
        page.type("bystack federation proposals")
        page.reader.changes["vote trade 0"] = f"vote trade {number}"
        vote = page.line("bystack federation vote")
        for n in QUORUM[1:]:
            page.reader.home = net[n].home
            page.reader.obey(
                vote, lambda n=n: wait_for("it", lambda: seen(net, n, number), SECONDS)
            )
    wait_for("its execution", lambda: proposal(net, 0, number)["state"] == "executed", SECONDS)
    (row,) = net[0].federation(TRADE, "getfreezes")["freezes"]
    assert (row["rule"], row["number"]) == ("EU 2580/2001", number)
    way = wait_for("the gate", lambda: shut(net, home), SECONDS)
    assert "case 17" in str(way) and "DestinationFrozen" in str(way), "told before anybody burns"
    told = {"destination": home, "reference": "error"}
    given = [net[n].federation(TRADE, "approvedecision", "unfreeze", told) for n in QUORUM]
    net[0].federation(TRADE, "submitdecision", "unfreeze", told, given)
    each(net, "nothing frozen", lambda rpc: not rpc.federation(TRADE, "getfreezes")["freezes"])
    assert proposal(net, 0, number + 1)["state"] == "executed"


def each(net: Devnet, what: str, probe: Callable[[Rpc], bool]) -> None:
    """Wait until every member who approves sees it: a decision counts on from the last."""
    for n in QUORUM:
        wait_for(what, partial(probe, net[n]), SECONDS)


def claims(rpc: Rpc) -> bool:
    """Whether deposits may be claimed."""
    return bool(rpc.side(TRADE, "getpegstatus")["pegin"]["open"])


def decided(net: Devnet, page: Script[Reader], *lines: Line) -> None:
    """Two members approve, each by a line, and a third sends it with their approvals."""
    given = []
    for number, line in enumerate(lines):
        page.reader.home = net[number].home
        given.append(f"--with {page.reader.obey(line).split()[1]}")
    page.reader.home = net[len(lines)].home
    sends = page.line("bystack federation govern")
    page.reader.obey(sends._replace(words=re.sub(r"--with .*", " ".join(given), sends.words)))


def test_a_quorum_pauses_claims_and_resumes_them(network: Devnet) -> None:
    net = network
    with reading(Reader({}), PAUSES) as page:
        decided(net, page, *2 * [page.line("bystack federation govern")])
        each(net, "the pause", lambda rpc: not claims(rpc))
        assert page.type("bystack federation propose").startswith("number: ")
    given = [net[n].federation(TRADE, "approvedecision", "resume", {}) for n in QUORUM]
    net[0].federation(TRADE, "submitdecision", "resume", {}, given)
    each(net, "no pause", claims)


def test_a_quorum_changes_a_number_of_the_chain(network: Devnet) -> None:
    """From the next epoch on, which this network does not see."""
    net = network

    def taken(rpc: Rpc) -> bool:
        told = rpc.side(TRADE, "getparameters")
        return bool(told["next"] and told["next"]["empty_interval"] == 1001)

    with reading(Reader({"4000": "1001"}), PARAMETERS) as page:
        decided(net, page, page.line(), page.line())
        each(net, "the decision", taken)
        assert "1001" in page.unseen("bystack rpc getparameters")


def test_members_and_fees_are_told(network: Devnet) -> None:
    told = ran(network, "federation", "members", TRADE)
    assert told.startswith("threshold 5 of 7, key epoch 0")
    with reading(Reader({}, network[0].home), REPORT) as page:
        page.type("bystack federation report")
    report = network[3].federation(TRADE, "getfeereport")
    assert len(report["members"]) == 5 and report["work"]["statement"] > 0
    assert network[1].side(TRADE, "getkeyepochs")["epochs"][-1]["epoch"] == 0


def test_a_signer_hears_several_main_chain_nodes(network: Devnet) -> None:
    """The last member asks for two that agree; it signs nothing, and says so, while one does."""
    node = network.layout.federated[-1]
    (table,) = (one for one in load_config(node.home).federation if one.name == TRADE)
    assert table.upstreams == 2 and len(table.upstream_peers) == 2

    def hears() -> bool:
        signer = network.rpcs[node.name].federation(TRADE, "getfederationinfo")["signer"]
        return bool(signer["height"]) and not signer["stalled"]

    wait_for("another node's word", hears, SECONDS)


def test_key_ceremonies_are_in_the_audit_log(network: Devnet) -> None:
    home = str(network[4].home)
    done = bystack("federation", "log", TRADE, "--verify", "--json", "--home", home)
    assert done.returncode == 0 and "node5" in done.stderr, done.stderr
    rows = msgspec.json.decode(done.stdout)
    steps = [row["reason"] for row in rows if row["kind"] == "keygen"]
    assert steps[:3] == ["taking_part", "certified", "finished"]


def freer(net: Devnet) -> str:
    """The charter in force with a guard that freezes a little longer, in a file."""
    old = Path(net.layout.nodes[0].home) / f"federations/{TRADE}.charter.toml"
    new = net.folder / "trade.later.charter.toml"
    new.write_text(old.read_text().replace("freeze = 100", "freeze = 101"))
    return str(new)


def vault_state(net: Devnet, node: int) -> dict[str, Any]:
    info = net[node].federation(TRADE, "getfederationinfo")
    found: dict[str, Any] = net[node].getvault(info["vault"])["state"]
    return found


def ran(net: Devnet, *words: str, code: int = 0) -> str:
    ended, output = Reader({}, net[0].home).type(["bystack", *words])
    assert ended == code, (words, output)
    return output


def submitted(net: Devnet, operation: str) -> str | None:
    """Its transaction once members have signed; None while signatures are missing."""
    try:
        sent: dict[str, Any] = net[0].federation(TRADE, "submitvaultoperation", {}, operation)
    except RpcFailed as error:
        assert error.rule == "SignaturesInsufficient", str(error)
        return None
    return str(sent["txid"])


def test_a_charter_is_decided_announced_and_adopted(network: Devnet) -> None:
    """By commands, on daemons: what nobody decided is refused, and the vault follows what was."""
    net, new = network, freer(network)
    home, info = net[0].home, net[0].federation(TRADE, "getfederationinfo")
    assert "CharterForeign" in ran(net, "vault", "announce", TRADE, new, code=1)
    roster = str(Path(home) / f"federations/{TRADE}.roster.toml")
    words = ("compile", new, "--roster", roster, "--group-key", info["key"], "--json")
    compiled = msgspec.json.decode(ran(net, "federation", "charter", *words))
    told = {"terms": compiled["terms"]}
    given = [net[n].federation(TRADE, "approvedecision", "terms", told) for n in QUORUM]
    net[0].federation(TRADE, "submitdecision", "terms", told, given)
    wait_for("the decision", lambda: announced(net, new), SECONDS)
    wait_for("govern signs", lambda: submitted(net, "announce"), SECONDS)
    height = net.mine(1)
    (standing,) = vault_state(net, 1)["announced"]
    assert (standing["terms"], standing["ripe"]) == (compiled["hash"], height + DELAY)
    made = msgspec.json.decode(ran(net, "vault", "adopt", TRADE, new, "--json"))
    assert made["ready"] == standing["ripe"] and made["complete"], "no key is new"
    with pytest.raises(RpcFailed) as refused:
        net[0].federation(TRADE, "submitvaultoperation", {}, "adopt")
    assert refused.value.rule == "NotRipe"
    net.mine(standing["ripe"] - 1 - height)
    assert submitted(net, "adopt")
    net.mine(1)
    for node in (0, 3):
        state = vault_state(net, node)
        assert (state["terms"], state["announced"]) == (compiled["hash"], [])
        assert state["turn"] == state["since"]


def test_an_operator_approves_a_payout_that_his_signer_waits_with(network: Devnet) -> None:
    """The first under the new terms."""
    net = network
    if float(net[0].side(TRADE, "getbalance")) < 3:
        net[0].pegin(TRADE, "5", "BTM", net[0].getnewaddress("", "", TRADE))
        until("coins", lambda: float(net[0].side(TRADE, "getbalance")) > 3, mine=net)
    files = [Path(net[n].home) / f"federations/{TRADE}.policy.toml" for n in (0, 1)]
    for file in files:
        file.write_text(MANUAL)
    try:
        with reading(Reader({}, net[0].home), POLICY) as page:
            approved(net, page)
    finally:
        for file in files:
            file.unlink()


def approved(net: Devnet, page: Script[Reader]) -> None:
    page.type("bystack federation policy")
    id = net[0].sendtomainchain(TRADE, net[0].getnewaddress(), "2", "BTM")["pegout"]
    asks = page.line("bystack federation requests")
    waits = lambda: "wait:" in ran(net, *asks.words.split()[1:])  # noqa: E731
    until("it is asked to sign", waits, mine=net)
    digest = page.reader.obey(asks).split()[0]
    page.reader.changes["approve trade cc2917"] = f"approve trade {digest[:6]}"
    page.type("bystack federation approve")
    until("it is paid", lambda: settled(net, id), mine=net)
    page.type("bystack federation log")
    page.type("bystack federation log")
    assert "signer" in page.unseen("bystack federation status")


def settled(net: Devnet, id: str) -> bool:
    return bool(net[1].side(TRADE, "getpegoutstatus", id)["state"] == "settled")


def announced(net: Devnet, charter: str) -> bool:
    code, output = Reader({}, net[0].home).type(["bystack", "vault", "announce", TRADE, charter])
    assert code == 0 or "CharterForeign" in output, output
    return code == 0
