"""docs/protocol tells of each network whose it is, its frames, and the most bytes of each."""

from __future__ import annotations

import re
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from bystack.mainchain.params import NETWORKS
from bystack.node.federation.member import CAPS as MEMBER_CAPS
from bystack.node.mainchain import wire
from bystack.node.roles import federation, sidechain
from bystack.node.sidechain.voting.shorthand import GET, GIVE, PROPOSAL, SHORT_CAPS
from bystack.p2p.reports import HostConfig
from bystack.sidechain.messages import CAPS, KINDS
from bystack.sidechain.snapshots.messages import CAPS as AID_CAPS
from bystack.sidechain.snapshots.messages import KINDS as AID_KINDS

PAGES = Path(__file__).parents[2] / "docs" / "protocol"
FRAME = re.compile(r"^\| (\d+) \| `(\w+)` \| (?:\d+ )?\| ([\d_]+) \|$", re.M)
SHORT = {PROPOSAL: "ShortProposal", GET: "GetTransactions", GIVE: "Transactions"}


def told(page: str) -> dict[int, tuple[str, int]]:
    """Frame kinds of a sidechain by a page: message, and the largest payload."""
    found = FRAME.findall((PAGES / f"{page}.md").read_text())
    return {int(kind): (name, int(most)) for kind, name, most in found}


def test_frames_of_a_sidechain() -> None:
    spoken = {number: (kind.__name__, CAPS[number]) for kind, number in KINDS.items()}
    short = {number: (name, SHORT_CAPS[number]) for number, name in SHORT.items()}
    assert told("consensus") == spoken | short
    asked = {number: (kind.__name__, AID_CAPS[number]) for kind, number in AID_KINDS.items()}
    assert told("sidechain") == asked


def test_frames_of_a_federation() -> None:
    text = (PAGES / "federation.md").read_text()
    (most,) = re.findall(r"^Frame kind 16 [^.]*?`MESSAGE_LIMIT = ([\d_]+)`", text, re.M)
    (least,) = re.findall(r"^Frame kind 17 .* at most ([\d,]+) bytes", text, re.M)
    assert {16: int(most), 17: int(least.replace(",", ""))} == MEMBER_CAPS


def row(network: str) -> tuple[str, set[int], str]:
    """What `Networks` says of one: its `chain`, its kinds, who is let in."""
    text = (PAGES / "peers.md").read_text().partition("\n### Networks\n")[2]
    (found,) = re.findall(rf"^\| {network} \| (.*?) \| (.*?) \| (.*?) \|$", text, re.M)
    chain, kinds, who = found
    spans = re.findall(r"\b(\d+)(?: … (\d+))?", re.sub(r"\([^)]*\)", "", kinds))
    numbers = {one for low, high in spans for one in range(int(low), int(high or low) + 1)}
    return chain, numbers, who


@pytest.fixture
def configured(monkeypatch: pytest.MonkeyPatch) -> None:
    """Hosts are what they are told."""
    for role in (federation, sidechain):
        monkeypatch.setattr(role, "Host", lambda identity, config, book=None: config)


@pytest.mark.usefixtures("configured")
def test_each_network_is_what_its_hosts_are_told() -> None:
    params, listen = NETWORKS["regtest"], "127.0.0.1:0"
    table: Any = SimpleNamespace(listen=listen, peers=())
    genesis: Any = SimpleNamespace(id=b"\x01" * 32, main=params)
    side: Any = sidechain.host_of(table, genesis, None, None)  # type: ignore[arg-type]
    member = SimpleNamespace(node=b"\x02" * 32)
    setting: Any = SimpleNamespace(
        charter=SimpleNamespace(hash=b"\x03" * 32),
        params=params,
        roster=SimpleNamespace(members=(member,)),
    )
    hers: Any = federation._host(table, setting, None)  # type: ignore[arg-type]
    main: HostConfig = wire.host_config(params, listen, ())
    assert {one.magic for one in (side, hers, main)} == {params.magic}
    assert (side.chain, hers.chain) == (genesis.id, setting.charter.hash)
    assert (side.allow, hers.allow, main.allow) == (None, {member.node}, None)
    for name, config in (("the main chain", main), ("a sidechain", side), ("a federation", hers)):
        _, kinds, who = row(name)
        assert kinds == set(config.caps), name
        assert ("NotAllowed" in who) is (config.allow is not None)
    assert side.caps[wire.GOSSIP] == main.caps[wire.GOSSIP]
    assert "charter" in row("a federation")[0]
