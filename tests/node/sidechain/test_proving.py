"""Proofs that a node makes, checked by a stranger who knows the sidechain's id only."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
import pytest
import trio
from click.testing import CliRunner
from msgspec.structs import replace

from bystack.client.cli.main import main
from bystack.ledger.transactions import Transaction
from bystack.node.genesis_files import write_genesis
from bystack.node.ipc import RemoteError
from bystack.primitives.codec import decode
from bystack.sidechain.actions import encode_action
from bystack.sidechain.consensus.light import EpochProof, LightClient, begin
from bystack.sidechain.consensus.scheme import BlsScheme
from bystack.sidechain.consensus.verifier import InstantFinality
from bystack.sidechain.entries import entry_key
from bystack.sidechain.records import pegout_id
from tests.ledger.people import CAROL
from tests.node.sidechain.network import FAST, Network, running, until
from tests.node.sidechain.test_pegs import pegged, transact
from tests.sidechain.world import K, burn_action

SHORT = replace(FAST, epoch=8, freeze=3)


async def burned(net: Network, amount: int = 60) -> bytes:
    """A burn in a final block of every node; the peg-out's id."""
    node = net.nodes[0]
    action = encode_action(
        burn_action(amount, net.genesis.assets[0].asset, CAROL.lock, CAROL.lock.root)
    )
    tx = transact(node, CAROL, actions=(action,), destroyed=amount)
    await node.pooling.submit(tx)
    await until(lambda: all(one.store.find(tx.id) for one in net.nodes.values()))
    return pegout_id(net.genesis.id, tx.id, 0)


def verify(path: Path, *words: str) -> Any:
    return CliRunner().invoke(main, ["verify-proof", str(path), *words])


async def written(net: Network, path: Path, kind: str, what: str, number: int = 0) -> Path:
    made = await net.nodes[number].rpc("getproof", kind, what)
    keep(path, bytes.fromhex(made["hex"]))
    return path


def keep(path: Path, data: bytes) -> None:
    path.write_bytes(data)


async def proved(net: Network, path: Path, kind: str, what: str) -> dict[str, Any]:
    """What the command says, without a node."""
    file = await written(net, path, kind, what)
    shown = verify(file, "--chain", net.genesis.id.hex(), "--json")
    assert shown.exit_code == 0, shown.output
    facts: dict[str, Any] = msgspec.json.decode(shown.stdout)
    return facts


async def claimed(net: Network) -> Transaction:
    await net.nodes[0].rpc("getsidechaininfo")
    net.grow(3 * K)
    return await pegged(net, 500)


def test_a_stranger_believes_what_is_proved(tmp_path: Path) -> None:
    async def play() -> None:
        async with running(tmp_path, consensus=SHORT) as net:
            paid = await claimed(net)
            id = await burned(net)
            await until(lambda: net.nodes[0].store.header.epoch >= 2)
            path, place = tmp_path / "proof", f"{paid.id.hex()}:0"
            burn = await proved(net, path, "burn", id.hex())
            assert burn["fields"]["burned"] == 60 and burn["fields"]["pegout_id"] == id.hex()
            assert burn["epoch"] >= 2
            claim = await proved(net, path, "claim", place)
            assert (claim["present"], claim["fields"]["amount"]) == (True, 500)
            none = await proved(net, path, "claim", f"{paid.id.hex()}:7")
            assert not none["present"] and "not claimed" in none["says"]
            raw = entry_key("claim", place).hex()
            assert (await proved(net, path, "entry", raw))["fields"] == claim["fields"]
            foreign(net, path)

    trio.run(play)


def foreign(net: Network, path: Path) -> None:
    """Another id is refused, none is asked for, the genesis' file will do as well."""
    other = verify(path, "--chain", "11" * 32)
    assert other.exit_code == 1 and "ChainNotTrusted" in other.output
    for words in ([], ["--header", "11" * 32], ["--chain", "no hex"]):
        assert verify(path, *words).exit_code == 2
    genesis = path.with_name("genesis.toml")
    write_genesis(genesis, net.genesis)
    assert "was" in verify(path, "--genesis", str(genesis)).output
    path.write_bytes(path.read_bytes()[:-1])
    assert "Malformed" in verify(path, "--genesis", str(genesis)).output


def test_epochs_are_proved_to_a_light_client(tmp_path: Path) -> None:
    async def play() -> None:
        async with running(tmp_path, consensus=SHORT) as net:
            await net.reach(3 * SHORT.epoch + 6)
            known = begin(net.genesis.id, net.genesis.validator_set)
            client = LightClient(known, InstantFinality(BlsScheme()))
            for data in await net.nodes[1].service.handle("epoch_proofs", [0, 64]):
                client.advance(decode(EpochProof, data, 10_000))
            rows = await net.nodes[2].rpc("getepochproofs", 1, 1)
            assert client.epoch >= 4 and [row["epoch"] for row in rows] == [2]
            assert not rows[0]["changed"]

    trio.run(play)


REFUSED = [
    ("burn", "aa" * 32, "NotProvable"),
    ("burn", "00" * 32, "NotProvable"),
    ("burn", "zz", "EntryName"),
    ("order", "5", "NotProvable"),
    ("order", str(2**64), "NotProvable"),
    ("claim", "aa", "EntryName"),
    ("coin", "aa", "EntryKind"),
]


def test_what_cannot_be_proved_is_said(tmp_path: Path) -> None:
    async def play() -> None:
        async with running(tmp_path, 3) as net:
            await net.reach(1)
            for kind, what, rule in REFUSED:
                with pytest.raises(RemoteError) as refused:
                    await net.nodes[0].rpc("getproof", kind, what)
                assert refused.value.rule == rule

    trio.run(play)
