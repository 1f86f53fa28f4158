"""Solvency by RPC: the terms, which ways are open, entries proved at one block."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import trio
from msgspec.structs import replace

from bystack.node.ipc import RemoteError
from bystack.primitives.addresses import DEPOSIT, POLICY, Address, encode_address
from bystack.primitives.codec import decode
from bystack.primitives.errors import Invalid
from bystack.sidechain.consensus.light import LightClient, begin
from bystack.sidechain.consensus.scheme import BlsScheme
from bystack.sidechain.consensus.verifier import InstantFinality
from bystack.sidechain.proofs import (
    MAX_STATE_PROOFS,
    StateProofs,
    StateRootWrong,
    check_state_proofs,
)
from bystack.sidechain.records import MIRROR, Sums, sums_key
from tests.node.sidechain.network import Network, running, until
from tests.node.sidechain.test_pegs import pegged, reserves, stops
from tests.sidechain.world import K

WAYS = ("pegin", "pegout", "payouts", "signing")


async def ways(net: Network, *params: Any) -> set[str]:
    status = await net.nodes[0].rpc("getpegstatus", *params)
    return {way for way in WAYS if status[way]["open"]}


def test_ways_are_told_open_and_shut(tmp_path: Path) -> None:
    async def play() -> None:
        async with running(tmp_path) as net:
            node, chain = net.nodes[0], net.main.chain
            await pegged(net, 1_000)
            assert await ways(net) == set(WAYS)
            told = node.service.metrics()
            assert told["pegs_open"] == {"pegin": 1, "pegout": 1, "payouts": 1}
            vault, circulating = told["reserve_vault"], told["reserve_circulating"]
            assert set(vault) == {one.name for one in net.genesis.assets} == set(circulating)
            assert all(vault[asset] >= circulating[asset] for asset in vault)
            assert max(circulating.values()) > 0
            assert set(told["reserve_difference"].values()) == {0}
            assert (told["validators"], told["voting"], told["peers"]) == (4, 1, 3)
            assert 0 < told["relay_height"] <= chain.height
            hrp = net.genesis.main.hrp
            payload = {POLICY: b"\x03" * 32, DEPOSIT: b"\x03" * 96}
            for version, data in payload.items():
                assert await ways(net, encode_address(Address(hrp, version, data))) == set(WAYS)
            for wrong in ("nonsense", encode_address(Address(net.genesis.hrp, POLICY, bytes(32)))):
                with pytest.raises(RemoteError):
                    await ways(net, wrong)
            chain.reorganise(K + 1)
            net.main.moved.notify()
            await until(lambda: "DEEP_REORG" in stops(node))
            assert await ways(net) == {"signing"}
            shut = {"pegin": 0, "pegout": 0, "payouts": 0}
            assert node.service.metrics()["pegs_open"] == shut
            status = await node.rpc("getpegstatus")
            (why,) = (one for one in status["pegout"]["why"] if one["rule"] == "DEEP_REORG")
            assert why["until"] is None and why["since"]["height"] <= status["sidechain_height"]

    trio.run(play)


def test_without_a_federation_nobody_states(tmp_path: Path) -> None:
    async def play() -> None:
        async with running(tmp_path) as net:
            await pegged(net, 1_000)
            found = await reserves(net.nodes[0])
            assert found["holds"] and found["assets"]["BTM"]["vault"] == 1_000
            said = {"lately": 0, "agree": 0, "hold": True, "newest": None}
            assert found["statements"] == said
            assert await net.nodes[0].rpc("liststatements") == []

    trio.run(play)


def test_entries_of_one_block_are_proved_together(tmp_path: Path) -> None:
    async def play() -> None:
        async with running(tmp_path) as net:
            await pegged(net, 1_000)
            asset = net.genesis.assets[0].asset
            keys = [sums_key(asset), MIRROR, b"none/"]
            made = await net.nodes[0].rpc("getstateproofs", [key.hex() for key in keys])
            proofs = decode(StateProofs, bytes.fromhex(made["hex"]), MAX_STATE_PROOFS)
            known = begin(net.genesis.id, net.genesis.validator_set)
            LightClient(known, InstantFinality(BlsScheme())).verify(proofs.final)
            found = check_state_proofs(proofs)
            assert list(found) == keys and found[MIRROR] and found[b"none/"] is None
            assert decode(Sums, found[keys[0]] or b"", 1_000).circulating == 990
            forged(proofs)

    trio.run(play)


def forged(proofs: StateProofs) -> None:
    with pytest.raises(StateRootWrong):
        check_state_proofs(replace(proofs, coin_digest=bytes(32)))
    first, *rest = proofs.entries
    for wrong in (replace(first, value=(b"\x01",)), replace(first, key=MIRROR)):
        with pytest.raises(Invalid):
            check_state_proofs(replace(proofs, entries=(wrong, *rest)))
