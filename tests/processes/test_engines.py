"""A chain of two authorities and a chain of one key, in real processes of two nodes."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import msgspec
import pytest

from bystack.client.devnet.layout import free_ports
from bystack.client.devnet.processes import bystackd
from bystack.mainchain.chain import genesis_entry
from bystack.node.genesis_files import write_genesis
from bystack.node.networks import params_of
from bystack.sidechain.consensus.validators import Validator
from bystack.sidechain.engines import verifier_of
from bystack.sidechain.params import Consensus, Genesis
from bystack.sidechain.proof_files import check_proof, read_proof
from tests.processes.daemons import CONFIG, Daemon, started, until
from tests.sidechain.mainside import TERMS
from tests.sidechain.world import ASSETS

pytestmark = pytest.mark.processes

NUMBERS = {
    "duo": Consensus("authority", "constant", 500, 1_000, 1_500, 1, 0, 1_200, 40, 1),
    "one": Consensus("solo", "constant", 200, 500, 1_500, 1, 0, 1_200, 40, 1),
}
VOTING = {"duo": 2, "one": 1}


def genesis_of(name: str, keys: list[dict[str, Any]]) -> Genesis:
    """A sidechain of regtest whose vault nobody has founded: it makes blocks all the same."""
    main = params_of("regtest")
    parts = [[bytes.fromhex(one[name][part]) for part in ("key", "proof", "node")] for one in keys]
    return Genesis(
        version=1,
        name=name,
        hrp=name,
        main=main,
        checkpoint=genesis_entry(main),
        vault=b"\x05" * 32,
        terms=TERMS,
        assets=ASSETS,
        pegin_bp=0,
        pegout_bp=0,
        lag_pause=0,
        lag_stop=0,
        time=time.time_ns() // 1_000_000,
        consensus=NUMBERS[name],
        validators=tuple(
            Validator(key, proof, 1, node) for key, proof, node in parts[: VOTING[name]]
        ),
        modules=(),
    )


def homes(folder: Path) -> list[Daemon]:
    """Two nodes: both validate `duo`, the first validates `one` and the second follows it."""
    nodes, keys = [], []
    for number in range(2):
        home = folder / f"n{number}"
        home.mkdir(mode=0o700)
        asked = ("validator:duo", "validator:one")
        made = bystackd("key", "new", *asked, "--home", str(home), "--cheap")
        keys.append(msgspec.json.decode(made)["validator"])
        nodes.append(Daemon(home))
    ports = dict(zip(NUMBERS, free_ports(len(NUMBERS)), strict=True))
    for name, port in ports.items():
        genesis = genesis_of(name, keys)
        for number, node in enumerate(nodes):
            write_genesis(node.home / f"sidechains/{name}.genesis.toml", genesis)
            _write_table(node.home, name, port, number)
    for node in nodes:
        (node.home / "bystack.toml").write_text(CONFIG)
    return nodes


def _write_table(home: Path, name: str, port: int, number: int) -> None:
    lines = [f'name = "{name}"', f'genesis = "sidechains/{name}.genesis.toml"']
    if number:
        lines.append(f'peers = ["127.0.0.1:{port}"]')
    else:
        lines.append(f'listen = "127.0.0.1:{port}"')
    if number < VOTING[name]:
        lines.append(f'validator_key = "keys/{name}.validator.key"')
    (home / f"sidechains/{name}.toml").write_text("\n".join(lines) + "\n")


def height(node: Daemon, name: str) -> int:
    return int(node.call("getblockcount", path=f"/sidechain/{name}"))


def agree(nodes: list[Daemon], name: str, at: int) -> bool:
    path = f"/sidechain/{name}"
    return len({node.call("getblockhash", at, path=path) for node in nodes}) == 1


def test_authority_and_solo_make_blocks_and_survive_a_kill(tmp_path: Path) -> None:
    nodes = homes(tmp_path)
    with started(nodes):
        for name in NUMBERS:
            until(lambda name=name: all(height(node, name) >= 3 for node in nodes), name)
            assert agree(nodes, name, 3)
        info = nodes[1].call("getsidechaininfo", path="/sidechain/duo")
        assert (info["engine"], info["warnings"]) == ("authority", "")
        commit = nodes[1].call("getcommit", 3, path="/sidechain/one")
        assert commit["signers"] == [0]
        nodes[0].kill("signer")
        before = {name: height(nodes[1], name) for name in NUMBERS}
        for name, reached in before.items():
            until(
                lambda name=name, reached=reached: height(nodes[1], name) >= reached + 3,
                f"{name} after the signer was killed",
            )
        for name in NUMBERS:
            until(lambda name=name: agree(nodes, name, before[name] + 3), f"{name} agrees")
        for name in NUMBERS:
            proved_offline(nodes[1], name)


def proved_offline(node: Daemon, name: str) -> None:
    """Who knows the sidechain's id alone believes what its engine made final."""
    path = f"/sidechain/{name}"
    made = node.call("getproof", "claim", "aa" * 32 + ":0", path=path)
    file = read_proof(bytes.fromhex(made["hex"]))
    trusted = bytes.fromhex(node.call("getsidechaininfo", path=path)["chain_id"])
    claim = check_proof(file, trusted, verifier_of(file.genesis))
    assert not file.entries[0].value and claim.final.header.height == made["height"] > 0
