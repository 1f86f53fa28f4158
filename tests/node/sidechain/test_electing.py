"""An election among running nodes: who is elected votes, without a restart; RPC tells of it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import trio

from bystack.ledger.amounts import BTM
from bystack.ledger.transactions import Action, Transaction, Witness
from bystack.node.ipc import RemoteError
from bystack.primitives import bls
from bystack.primitives.codec import encode
from bystack.sidechain.consensus.validators import Validator
from bystack.sidechain.modules.stake.actions import (
    Register,
    consent_message,
    encode_action,
)
from bystack.sidechain.modules.stake.records import StakeConfig, encode_config
from bystack.sidechain.params import Consensus, ModuleConfig
from tests.ledger.people import CAROL
from tests.node.sidechain.network import SECRETS, Network, Node, node_id, running, until
from tests.node.sidechain.test_pegs import pegged, transact
from tests.sidechain.modules.desk import approved, root_of

CONFIG = StakeConfig(BTM, 4, 4, 100, 10, 5, 2_000, 500, 500)
MODULES = (ModuleConfig("stake", encode_config(CONFIG)),)
ELECTING = Consensus("bbft", "stake", 20, 60, 400, 1, 0, 8, 3, 1)
THREE = tuple(
    Validator(bls.sk_to_pk(secret), bls.pop_prove(secret), 1, node_id(number))
    for number, secret in enumerate(SECRETS[:3])
)


def registering(net: Network, node: Node) -> Transaction:
    """All four stand, the fourth with the most stake; one operator runs them all."""
    actions = []
    for number, secret in enumerate(SECRETS):
        consent = bls.sign(secret, consent_message(net.genesis.id, root_of(CAROL)))
        key, proof = bls.sk_to_pk(secret), bls.pop_prove(secret)
        made = Register(root_of(CAROL), key, proof, consent, node_id(number), 0, 100 + number)
        kind, body = encode_action(made)
        actions.append(Action(256 + kind, body))
    tx = transact(node, CAROL, actions=tuple(actions), destroyed=406, fee=4)
    witnesses: list[Witness] = list(tx.witnesses[: len(tx.body.inputs)])
    witnesses += [approved(CAROL, tx.id, place, net.genesis.id) for place in range(4)]
    return Transaction(tx.body, tuple(witnesses))


def test_the_elected_vote_and_rpc_tells_it(tmp_path: Path) -> None:
    async def main() -> None:
        fields: dict[str, Any] = {"consensus": ELECTING, "validators": THREE, "modules": MODULES}
        async with running(tmp_path, **fields) as net:
            await pegged(net, 1_000)
            node, newcomer = net.nodes[0], net.nodes[3]
            assert newcomer.driver.index is None
            assert [one["self"] for one in await newcomer.rpc("getvalidators")] == [False] * 3
            await node.service.handle("submit", [encode(registering(net, node))])
            await until(lambda: newcomer.driver.index is not None)
            epoch = newcomer.store.header.epoch
            await until(lambda: newcomer.store.header.epoch > epoch + 1)
            await elected(net, newcomer)

    trio.run(main)


async def elected(net: Network, newcomer: Node) -> None:
    """The fourth signs as the others do, and is paid as they are."""
    rows = await newcomer.rpc("getvalidators")
    mine = next(one for one in rows if one["self"])
    assert len(rows) == 4 and mine["stake"] == 103 and mine["operator"].startswith("tr1")
    height = newcomer.store.height
    signers = [(await newcomer.rpc("getcommit", height - n))["signers"] for n in range(4)]
    assert any(mine["index"] in one for one in signers)
    epoch = await newcomer.rpc("getepoch")
    assert (epoch["validators"], epoch["quorum"], epoch["election"]) == (4, 3, "stake")
    before = await newcomer.rpc("getepoch", epoch["epoch"] - 1)
    assert before["last"] == epoch["first"] - 1 and "leader" not in before
    await known(newcomer)
    await until(lambda: all(n.store.header.epoch > epoch["epoch"] for n in net.nodes.values()))


async def known(node: Node) -> None:
    """What the module's own methods tell, and what they refuse."""
    ranked = await node.rpc("getcandidates")
    assert [one["stake"] for one in ranked] == [103, 102, 101, 100]
    assert all(one["electable"] for one in ranked)
    root = root_of(CAROL).hex()
    told = await node.rpc("getstake", [root])
    assert told["staked"] == 406 == (await node.rpc("getstaking"))["staked"]
    assert told["ballots"][0]["owner_root"] == root
    assert (await node.rpc("getstake", [told["ballots"][0]["owner"]])) == told
    assert (await node.rpc("getunbonding", [root]))["returns"] == []
    wrong: list[tuple[Any, ...]] = [
        ("getvalidators", "others"),
        ("getepoch", 10**6),
        ("getstake", ["zz"]),
        ("getstake", "tr1"),
    ]
    for method, *params in wrong:
        with pytest.raises(RemoteError):
            await node.rpc(method, *params)
