"""A validator that comes late to a chain of several epochs: by a snapshot, between real daemons."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from bystack.mainchain.chain import genesis_entry
from bystack.mainchain.params import REGTEST
from bystack.node.genesis_files import genesis_path, write_genesis
from bystack.node.keyfiles import write_key
from bystack.p2p.identity import Identity
from bystack.primitives import bls
from bystack.sidechain.consensus.validators import Validator
from bystack.sidechain.params import Consensus, Genesis
from tests.processes.daemons import CONFIG, Daemon, Refused, started, until
from tests.processes.pages import Part, Reader, reading
from tests.sidechain.mainside import vault_chain
from tests.sidechain.world import genesis_for

pytestmark = pytest.mark.processes

PAGE = Part("docs/sidechain-sync.md")
EPOCH, FREEZE = 10, 4
NUMBERS = Consensus("bbft", "fixed", 50, 100, 200, 1, 0, EPOCH, FREEZE, 1)
WEIGHTS = (3, 1)
"""The first decides alone; the second votes when it is there."""

TABLE = """
[wallet]
enabled = false
[[sidechain]]
name = "trade"
genesis = "sidechains/trade.genesis.toml"
validator_key = "keys/trade.validator.key"
join = "snapshot"
peers = [{peers}]
"""


def seed(number: int) -> bytes:
    return bytes([number + 1]) * 32


def genesis() -> Genesis:
    voters = []
    for number, weight in enumerate(WEIGHTS):
        key, node = bls.key_gen(seed(number)), Identity.from_seed(seed(number)).node_id
        voters.append(Validator(bls.sk_to_pk(key), bls.pop_prove(key), weight, node))
    first = genesis_entry(REGTEST)
    fields: dict[str, Any] = {"main": REGTEST, "checkpoint": first, "consensus": NUMBERS}
    made = genesis_for(vault_chain(), **fields, validators=tuple(voters))
    return replace(made, time=first.header.time * 1000)


class Validating(Daemon):
    """Ready when its sidechain answers: the signer has no line to the supervisor."""

    def ready(self) -> bool:
        assert self.process is not None
        assert self.process.poll() is None, (self.home / "stderr").read_text()
        return bool(side(self, "getblockcount") >= 0)


def home(folder: Path, number: int, peers: str = "") -> Daemon:
    """A validator's home: keys, genesis, configuration."""
    place = folder / f"n{number}"
    place.mkdir(mode=0o700)
    (place / "bystack.toml").write_text(CONFIG + TABLE.format(peers=peers))
    write_genesis(place / genesis_path("trade"), genesis())
    key = bls.key_gen(seed(number))
    write_key(place / "keys/trade.validator.key", "validator", key, None)
    write_key(place / "keys/trade.node.key", "node", seed(number), None)
    return Validating(place)


def side(node: Daemon, method: str, *params: Any) -> Any:
    return node.call(method, *params, path="/sidechain/trade")


@pytest.fixture
def first(tmp_path: Path) -> Iterator[Daemon]:
    node = home(tmp_path, 0)
    with started([node]):
        until(lambda: side(node, "getblockcount") > 3 * EPOCH)
        yield node


def test_a_validator_joins_a_chain_of_several_epochs_and_votes(
    first: Daemon, tmp_path: Path
) -> None:
    kept = until(lambda: side(first, "getsidechaininfo")["sync"]["snapshots"])
    assert all(height % EPOCH == EPOCH - 1 - FREEZE for height in kept)
    address = first.announced("sidechain-trade")["listen"]
    late = home(tmp_path, 1, f'"{address}"')
    with started([late]):
        sync = until(lambda: (s := side(late, "getsidechaininfo")["sync"])["first"] and s)
        assert sync["first"] - 1 >= min(kept) and sync["mode"] != "epochs"
        below = sync["first"] - 1
        for asked in (below - 1, 1):
            with pytest.raises(Refused, match="not held") as refused:
                side(late, "getblockhash", asked)
            assert (refused.value.code, refused.value.rule) == (-1, "BlockNotHeld")
        until(lambda: side(late, "getsidechaininfo")["sync"]["mode"] == "none")
        with reading(Reader({}, late.home), PAGE) as page:
            assert '"mode": "none"' in page.unseen("bystack rpc getsidechaininfo")
            assert "trade" in page.unseen("bystack status")
        height = side(late, "getblockcount")
        assert side(late, "getblockhash", height) == side(first, "getblockhash", height)
        until(lambda: 1 in side(first, "getcommit", side(first, "getblockcount"))["signers"])
        assert "a snapshot takes the chain's place" in late.log("sidechain-trade")
        # It serves others in turn: epochs from the first one on, although it never saw them.
        proofs = side(late, "getepochproofs", 0)
        assert [one["epoch"] for one in proofs[:2]] == [1, 2]
