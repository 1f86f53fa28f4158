"""Two people with a node each sign through files: a swap, one key of both, a proof kept."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest
from click.testing import CliRunner

from bystack.client.cli.main import main
from bystack.mainchain.params import REGTEST
from bystack.primitives.addresses import POLICY, Address, encode_address
from tests.processes.daemons import Daemon, daemons, until

pytestmark = pytest.mark.processes

SINK = encode_address(Address(REGTEST.hrp, POLICY, b"\x11" * 32))
"""An address nobody has the key of."""


def run(node: Daemon, *words: str, fails: bool = False) -> str:
    """What the command line says, asked at a node."""
    result = CliRunner().invoke(main, [*words, "--home", str(node.home)])
    assert (result.exit_code != 0) == fails, result.output
    return result.output if fails else result.stdout


def balance(node: Daemon, asset: str = "BTM") -> float:
    return float(node.call("getbalance", asset=asset))


def mine(node: Daemon, other: Daemon, blocks: int = 1) -> None:
    """Blocks for nobody, once both have the same payments; both reach them."""
    until(lambda: set(node.call("getrawmempool")) == set(other.call("getrawmempool")))
    node.call("generatetoaddress", blocks, SINK)
    until(lambda: node.call("getbestblockhash") == other.call("getbestblockhash"))


def test_a_swap_a_shared_key_and_a_proof(tmp_path: Path) -> None:
    with daemons(tmp_path, 2) as (ann, ben):
        hers, his = ann.wallet_of(), ben.wallet_of()
        ben.join(ann)
        ann.call("generatetoaddress", 2, hers)
        ann.call("generatetoaddress", 2, his)
        ann.call("generatetoaddress", 101, SINK)
        gold = _issue(ann)
        mine(ann, ben)
        _swap(ann, ben, gold, tmp_path)
        _shared_key(ann, ben, tmp_path)
        _proof(ann, ben, tmp_path)


def _issue(ann: Daemon) -> str:
    words = ["asset", "issue", "GOLD", "100", "--decimals", "2", "--cap", "100", "--unit", "gram"]
    made = msgspec.json.decode(run(ann, *words, "--json"))
    return str(made["asset"])


def _swap(ann: Daemon, ben: Daemon, gold: str, folder: Path) -> None:
    file = str(folder / "offer.pst")
    run(ann, "swap", "offer", "30", "GOLD", "50", "BTM", file)
    until(lambda: len(ben.call("getrawmempool")) == 1, "her exact coin travels")
    assert "wants: BTM 50" in run(ben, "swap", "show", file)
    before = balance(ben)
    run(ben, "swap", "accept", file)
    mine(ben, ann)
    assert balance(ben, gold) == 30
    assert balance(ann, gold) == 70
    assert before - 50.1 < balance(ben) <= before - 50
    assert "CoinGone" in run(ben, "swap", "accept", file, fails=True)


def _shared_key(ann: Daemon, ben: Daemon, folder: Path) -> None:
    file = str(folder / "joint.pst")
    points = [msgspec.json.decode(run(n, "pst", "key", "--json"))["point"] for n in (ann, ben)]
    made = [msgspec.json.decode(run(n, "pst", "musig", *points, "--json")) for n in (ann, ben)]
    assert made[0] == made[1]
    address = made[0]["address"]
    ann.call("sendtoaddress", address, 10)
    mine(ann, ben)
    run(ann, "pst", "create", SINK, "4", file, "--from", address)
    run(ann, "wallet", "sign", file)
    ann.kill("wallet")  # between the rounds: her nonce is kept
    assert "partial_signatures" in run(ben, "pst", "show", file, "--missing")
    assert "next: signer" in run(ben, "pst", "sign", file)
    until(lambda: ann.call("getbalances"), "her wallet is back")
    assert "next: extractor" in run(ann, "pst", "sign", file)
    txid = run(ben, "pst", "send", file).strip()
    mine(ben, ann)
    (spend,) = ann.call("getrawtransaction", txid, 1)["vin"]
    assert spend["witness"]["policy"]["kind"] == "Key"
    assert [len(item) for item in spend["witness"]["items"]] == [128]


def _proof(ann: Daemon, ben: Daemon, folder: Path) -> None:
    file, data = str(folder / "retired.proof"), b"melted down".hex()
    gone = msgspec.json.decode(run(ann, "asset", "retire", "GOLD", "1.5", "--data", data, "--json"))
    mine(ann, ben)
    mine(ann, ben, 3)
    tip = str(ben.call("getbestblockhash"))
    run(ann, "proof", gone["txid"], file, "--under", tip)
    told = CliRunner().invoke(main, ["verify-proof", file, "--header", tip, "--json"])
    shown = msgspec.json.decode(told.stdout)
    assert shown["retired"] == [{"asset": gone["asset"], "units": 150, "data": data}]
    wrong = CliRunner().invoke(main, ["verify-proof", file, "--header", "11" * 32])
    assert wrong.exit_code == 1
    assert "HeaderNotTrusted" in wrong.output
