"""Two people with a node each sign through files, as docs/signing-together.md says it: a policy and
one key of both, a swap; and a proof is kept."""

from __future__ import annotations

import shutil
from pathlib import Path

import msgspec
import pytest
from click.testing import CliRunner

from bystack.client.cli.main import main
from bystack.mainchain.params import REGTEST
from bystack.primitives.addresses import POLICY, Address, encode_address
from tests.processes.daemons import Daemon, daemons, until
from tests.processes.pages import Part, Reader, Script, reading

pytestmark = pytest.mark.processes

PAGE = Part("docs/signing-together.md")
SINK = encode_address(Address(REGTEST.hrp, POLICY, b"\x11" * 32))
"""An address nobody has the key of."""


def run(node: Daemon, *words: str, fails: bool = False) -> str:
    """What the command line says, asked at a node."""
    result = CliRunner().invoke(main, [*words, "--home", str(node.home)])
    assert (result.exit_code != 0) == fails, result.output
    return result.output if fails else result.stdout


def json(node: Daemon, *words: str) -> dict[str, str]:
    """The same, as values."""
    told: dict[str, str] = msgspec.json.decode(run(node, *words, "--json"))
    return told


def balance(node: Daemon, asset: str = "BTM") -> float:
    return float(node.call("getbalance", asset=asset))


def mine(node: Daemon, other: Daemon, blocks: int = 1) -> None:
    """Blocks for nobody, once both have the same payments; both reach them."""
    until(lambda: set(node.call("getrawmempool")) == set(other.call("getrawmempool")))
    node.call("generatetoaddress", blocks, SINK)
    until(lambda: node.call("getbestblockhash") == other.call("getbestblockhash"))


def test_a_policy_a_shared_key_a_swap_and_a_proof(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with daemons(tmp_path, 2) as (ann, ben):
        hers, his = ann.wallet_of(), ben.wallet_of()
        ben.join(ann)
        ann.call("generatetoaddress", 2, hers)
        ann.call("generatetoaddress", 2, his)
        ann.call("generatetoaddress", 101, SINK)
        gold = _issue(ann)
        mine(ann, ben)
        with reading(Typing(ann, ben), PAGE) as page:
            page.reader.home = ann.home
            _policy(page, ann, ben)
            _shared_key(page, ann, ben)
            _swap(page, ann, ben, gold)
        _proof(ann, ben, tmp_path)


class Typing(Reader):
    """Ann or Ben, who has the page before him; each with his own node."""

    def __init__(self, ann: Daemon, ben: Daemon) -> None:
        super().__init__({})
        self.points = [json(n, "pst", "key")["point"] for n in (ann, ben)]
        self.changes |= {"02facff972…": self.points[0], "02f49f6ca6…": self.points[1]}
        self.changes |= {"key(facff972…)": f"key({self.points[0][2:]})"}
        self.changes |= {"key(f49f6ca6…)": f"key({self.points[1][2:]})"}


def _issue(ann: Daemon) -> str:
    words = ["asset", "issue", "GOLD", "100", "--decimals", "2", "--cap", "100", "--unit", "gram"]
    made = msgspec.json.decode(run(ann, *words, "--json"))
    return str(made["asset"])


def _policy(page: Script[Typing], ann: Daemon, ben: Daemon) -> None:
    page.type("bystack pst key")
    said = page.type("bystack pst policy")
    address = json(ben, "pst", "policy", page.reader.meant(PAGE.lines[1].words)[-1])["address"]
    assert address in said
    ann.call("sendtoaddress", address, 10)
    mine(ann, ben)
    page.reader.changes |= {"rm1qyf2s…e5mds": ben.call("getnewaddress")}
    page.type("bystack pst create")
    page.reader.home = ben.home
    page.type("bystack pst show")
    page.type("bystack pst sign rent.pst --out rent-ben.pst")
    page.reader.home = ann.home
    page.type("bystack pst sign rent-ben.pst")
    page.type("bystack pst send")
    mine(ann, ben)


def _shared_key(page: Script[Typing], ann: Daemon, ben: Daemon) -> None:
    page.type("bystack pst musig")
    address = page.reader.ids["rm1qdsh8cztestprxh7h6wt84zy6ymy8k7yxh8p2fsf9qzt8fnvr5uyszddzd3"]
    made = json(ben, "pst", "musig", *page.reader.points)
    assert made["address"] == address
    ann.call("sendtoaddress", address, 10)
    mine(ann, ben)
    page.reader.changes["rm1qyf2s…e5mds"] = SINK
    page.type("bystack pst create")
    page.type("bystack pst sign joint.pst")
    shutil.copy("joint.pst", "old.pst")
    ann.kill("wallet")  # between the rounds: her nonce is kept
    assert "partial_signatures" in run(ben, "pst", "show", "joint.pst", "--missing")
    assert "next: signer" in run(ben, "pst", "sign", "joint.pst")
    shutil.copy("joint.pst", "old.pst")
    until(lambda: ann.call("getbalances"), "her wallet is back")
    assert "next: extractor" in run(ann, "pst", "sign", "joint.pst")
    page.type("bystack pst sign old.pst", code=1)
    txid = run(ben, "pst", "send", "joint.pst").strip()
    mine(ben, ann)
    (spend,) = ann.call("getrawtransaction", txid, 1)["vin"]
    assert spend["witness"]["policy"]["kind"] == "Key"
    assert [len(item) for item in spend["witness"]["items"]] == [128]


def _swap(page: Script[Typing], ann: Daemon, ben: Daemon, gold: str) -> None:
    page.type("bystack swap offer")
    until(lambda: len(ben.call("getrawmempool")) == 1, "her exact coin travels")
    page.reader.home = ben.home
    page.type("bystack swap show")
    before = balance(ben)
    page.type("bystack swap accept")
    mine(ben, ann)
    assert balance(ben, gold) == 30
    assert balance(ann, gold) == 70
    assert before - 50.1 < balance(ben) <= before - 50
    assert "CoinGone" in run(ben, "swap", "accept", "offer.pst", fails=True)


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
