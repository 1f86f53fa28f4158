"""docs/five-operators.md, executed: five operators' machines, here five homes on one.

Every command of the page that a member's operator gives, in the page's order, through the command
line. Files go from hand to hand through one folder.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
from click.testing import CliRunner

from bystack.client.cli.main import main
from bystack.client.devnet import files, processes
from bystack.client.devnet.layout import Node, new_layout
from bystack.client.devnet.network import Devnet
from bystack.client.devnet.processes import bystackd
from bystack.client.rpc import RpcFailed, wait_for
from tests.processes.network import end

pytestmark = pytest.mark.processes

WAIT = 180.0
OPERATORS = ("alice", "bob", "carol", "dave", "erin")
SUPERS = {"alice": "super-1", "bob": "super-2"}
OUTSIDE = ("tower-1", "tower-2", "r1", "r2", "r3")


class Table:
    """Five operators around one table: their nodes, and the folder by which files change hands."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.layout = new_layout(folder / "net", 1, 5, 5)
        self.net = Devnet(folder / "net", self.layout)
        self.nodes = dict(zip(OPERATORS, self.layout.nodes, strict=True))

    def home(self, who: str) -> Path:
        return Path(self.nodes[who].home)

    def says(self, who: str, *words: str) -> str:
        """What a command of `who` prints; it must succeed."""
        done = CliRunner().invoke(main, [*words, "--home", str(self.home(who))])
        assert done.exit_code == 0, (words, done.output)
        return done.output

    def info(self, who: str) -> dict[str, Any]:
        return dict(self.net.rpcs[self.nodes[who].name].federation("trade", "getfederationinfo"))

    def until(self, what: str, probe: Any, who: tuple[str, ...] = OPERATORS) -> None:
        for one in who:
            wait_for(f"{what} at {one}", lambda one=one: probe(self.info(one)), WAIT)

    def mine(self, blocks: int) -> None:
        self.net.mine(blocks)


@pytest.fixture(scope="module")
def table(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Table]:
    made = Table(tmp_path_factory.mktemp("five"))
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(made.folder)
        patch.setenv("BYSTACK_TESTING", "1")
        try:
            yield made
        finally:
            end(made.folder / "net")


def start(table: Table) -> None:
    """Five nodes on one main chain, each with a wallet."""
    for node in table.layout.nodes:
        bystackd("init", "--home", node.home, "--network", "regtest")
        files.write_config(table.layout, node, [])
    for node in table.layout.nodes:
        processes.start(node)
    for node in table.layout.nodes:
        processes.wait_started(node)
    table.net.each("wallet", lambda rpc: _wallet(rpc), WAIT)
    table.mine(110)


def _wallet(rpc: Any) -> bool:
    try:
        rpc.createwallet("default")
    except RpcFailed:
        rpc.getbalance()
    return True


def outside_keys(table: Table) -> dict[str, str]:
    """Guards' and recovery's keys, on machines of their own."""
    wanted = [f"named:{name}" for name in OUTSIDE]
    made = bystackd("key", "new", *wanted, "--home", str(table.folder / "outside"), "--cheap")
    parts = msgspec.json.decode(made)["named"]
    return {name: parts[name]["key"] for name in OUTSIDE}


def signed_outside(table: Table, said: str) -> list[str]:
    digest = re.findall(r"digest\s+([0-9a-f]{64})", said)[0]
    keys = table.folder / "outside/keys"
    return [
        f"{name}="
        + bystackd(
            "key", "sign", str(keys / f"{name}.named.key"), "--digest", digest, "--cheap"
        ).strip()
        for name in ("tower-1", "r1", "r2")
    ]


def shares(table: Table, who: str) -> list[str]:
    return sorted(path.name for path in (table.home(who) / "keys").glob("trade-epoch-*"))


def test_keys_files_and_the_group_key(table: Table) -> None:
    start(table)
    for who in OPERATORS:
        weight = ["--weight", "2", "--named", SUPERS[who]] if who in SUPERS else []
        said = table.says(who, "federation", "init", "trade", "--operator", who, *weight, "--cheap")
        assert f"trade.{who}.json" in said and "Next: send" in said
    parts = [str(table.folder / f"trade.{who}.json") for who in OPERATORS]
    keys = [
        word for name, key in outside_keys(table).items() for word in ("--key", f"{name}={key}")
    ]
    money = ["--asset", "BTM", "--limit", "BTM=100"]
    table.says("alice", "sidechain", "new", "trade", *parts, *money, *keys, "--yes")
    folder = table.home("alice") / "federations"
    handed = [str(folder / "trade.charter.toml"), str(folder / "trade.roster.toml")]
    said = set()
    for who in OPERATORS:
        node: Node = table.nodes[who]
        others = [table.nodes[one].member["trade"] for one in OPERATORS if one < who]
        peers = [word for port in others for word in ("--peer", f"127.0.0.1:{port}")]
        words = ["--listen", f"127.0.0.1:{node.member['trade']}", *peers]
        out = table.says(who, "federation", "join", "trade", *handed, *words)
        assert f"you are {who}: weight {2 if who in SUPERS else 1}; 5 of 7 sign" in out
        said.add(tuple(out.splitlines()[:2]))
    assert len(said) == 1, "hashes differ"
    table.until("connected", lambda info: info["peers"] == 4)
    for who in OPERATORS:
        assert "Next: " in table.says(who, "federation", "keygen", "trade")
    table.until("key", lambda info: info["key"])
    assert len({table.info(who)["key"] for who in OPERATORS}) == 1
    assert shares(table, "alice") == ["trade-epoch-0-share-1.key", "trade-epoch-0-share-2.key"]
    assert "bystack sidechain next trade" in table.says("erin", "federation", "status", "trade")


def test_vault_genesis_and_the_sidechain(table: Table) -> None:
    for who in OPERATORS:
        address = table.info(who)["sponsor"]["address"]
        table.net[0].sendtoaddress(address, "0.5")
    table.mine(1)
    table.until("sponsor", lambda info: int(info["sponsor"]["balance"]))
    said = table.says("alice", "vault", "create", "trade")
    given = signed_outside(table, said)
    wait_for("creation", lambda: _created(table, given), WAIT)
    table.mine(8)
    spec = (table.home("alice") / "sidechains/trade.spec.toml").read_bytes()
    ids = set()
    for who in OPERATORS:
        files.write(table.home(who) / "sidechains/trade.spec.toml", spec)
        ids.add(table.says(who, "federation", "genesis", "trade").splitlines()[0])
    assert len(ids) == 1, "members build different geneses"
    for who in OPERATORS:
        own = table.nodes[who].side["trade"]
        peers = [table.nodes[one].side["trade"] for one in OPERATORS if one < who]
        words = [w for port in peers for w in ("--peer", f"127.0.0.1:{port}")]
        file = str(table.home(who) / "sidechains/trade.genesis.toml")
        listen = ["--listen", f"127.0.0.1:{own}"]
        _add(table, who, file, [*listen, *words])
    table.until("the chain's epoch", lambda info: info["rotation"]["held"] == [0])


def _created(table: Table, given: list[str]) -> bool:
    home = str(table.home("alice"))
    done = CliRunner().invoke(main, ["vault", "submit", "trade", *given, "--home", home])
    return done.exit_code == 0


def _add(table: Table, who: str, file: str, words: list[str]) -> None:
    """Not waiting for blocks, which come only when enough of the others run too."""
    from bystack.client import tables

    names = {"name": "trade", "genesis": "sidechains/trade.genesis.toml"}
    listen, peers = words[1], words[3::2]
    own = {"listen": listen, "peers": peers, "validator_key": "keys/trade.validator.key"}
    tables.put(table.home(who), tables.SIDECHAINS, "trade", {**names, **own})
    assert tables.reload(table.home(who)), file


def decided(table: Table, voters: tuple[str, ...], *words: str) -> None:
    """Alice proposes, the others vote until it is decided."""
    said = table.says("alice", "federation", *words)
    number = re.findall(r"proposal (\d+)", said)[0]
    assert f"bystack federation vote trade {number}" in said
    for who in voters:
        home = str(table.home(who))
        wait_for(
            f"{who} votes",
            lambda home=home: (
                not CliRunner()
                .invoke(main, ["federation", "vote", "trade", number, "--home", home])
                .exit_code
            ),
            WAIT,
        )


def in_epoch(number: int) -> Any:
    return lambda info: (
        info["rotation"]["epoch"] == number
        and info["rotation"]["held"]
        and (not info["rotation"]["change"])
    )


def test_a_refresh_and_a_member_that_leaves_and_comes_back(table: Table) -> None:
    key = table.info("alice")["key"]
    decided(table, ("bob", "carol"), "refresh", "trade")
    table.until("refreshed", in_epoch(1))
    wait_for(
        "old shares erased", lambda: shares(table, "erin") == ["trade-epoch-1-share-7.key"], WAIT
    )
    decided(table, ("bob", "carol"), "remove", "trade", "erin")
    rest = OPERATORS[:-1]
    table.until("left", in_epoch(2), rest)
    wait_for("erin's shares erased", lambda: shares(table, "erin") == [], WAIT)
    assert "this member has left" in table.says("erin", "federation", "status", "trade")
    parts = str(table.folder / "trade.erin.json")
    decided(table, ("bob",), "add", "trade", parts)
    table.until("back", in_epoch(3))
    assert {table.info(who)["key"] for who in OPERATORS} == {key}
    assert shares(table, "erin") == ["trade-epoch-3-share-7.key"]
    assert "Next: nothing: everything runs" in table.says("erin", "federation", "status", "trade")
