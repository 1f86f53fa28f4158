"""Other engines on real nodes, stores and signers; a node that is too old for its chain."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import pytest
import trio

from bystack.federation.module.actions import GOVERN, Govern, MemberApproval, action_digest
from bystack.ledger.transactions import Action, Approval, Transaction, TransactionBody
from bystack.node.sidechain.executing.upgrading import Upgrade
from bystack.node.sidechain.proving import NotProvable
from bystack.primitives.codec import encode
from bystack.sidechain.consensus.bbft import Bbft
from bystack.sidechain.consensus.engine import EngineUnfit
from bystack.sidechain.consensus.events import Input, Output
from bystack.sidechain.engines import ConsensusError, engine_of, verifier_of
from bystack.sidechain.epochs import current
from bystack.sidechain.parameters import Parameters, changed, in_force
from bystack.sidechain.params import Consensus
from bystack.sidechain.state import SystemState
from tests.mainchain.builders import LATE
from tests.node.sidechain.network import FAST, Network, Node, genesis_of, running, until
from tests.sidechain.federations import CONFIG, MEMBERS
from tests.sidechain.mainside import vault_chain
from tests.sidechain.world import module_config

AUTHORITY = Consensus("authority", "constant", 200, 200, 600, 1, 0, 10, 3, 1)
SOLO = Consensus("solo", "constant", 20, 60, 300, 1, 0, 1200, 40, 1)
GOVERNED = Consensus("bbft", "fixed", 20, 60, 400, 1, 0, 12, 4, 1)


def final_everywhere(net: Network, height: int) -> bool:
    headers = [node.store.header_at(height) for node in net.nodes.values()]
    return None not in headers and len({h.id for h in headers if h is not None}) == 1


def test_authorities_make_blocks_final_by_depth_and_go_on_after_a_restart(tmp_path: Path) -> None:
    async def main() -> None:
        async with running(tmp_path, nodes=5, consensus=AUTHORITY, time=LATE * 1000) as net:
            net.grow(2)
            await net.reach(4)
            await net.stop(1)
            await net.start(1)
            await net.reach(net.nodes[0].store.height + 4)
            assert all(final_everywhere(net, height) for height in range(5))
            relayed = net.nodes[4].store.header.relay_tip
            assert relayed in {entry.id for entry in net.main.chain.entries}
            await until(lambda: provable(net))

    trio.run(main)


def provable(net: Network) -> bool:
    """A node shows a header with enough above it to a verifier that holds the genesis alone."""
    try:
        proved = net.nodes[0].reader.prover.newest()
    except NotProvable:
        return False
    validators = net.genesis.validator_set
    verifier_of(net.genesis).check_final(proved.line, validators, net.genesis.id)
    return len(proved.above) >= 6


def test_authorities_decide_over_epochs_and_all_may_stop(tmp_path: Path) -> None:
    async def main() -> None:
        modules = (module_config("federation", CONFIG),)
        numbers: dict[str, Any] = {"consensus": AUTHORITY, "time": LATE * 1000, "modules": modules}
        async with running(tmp_path, **numbers) as net:
            await net.reach(3)
            await net.nodes[1].pooling.submit(governed(net, 0, timeout=700))
            await until(lambda: all(numbers_of(net, n).timeout == 700 for n in net.nodes))
            assert not len(net.nodes[1].pooling)
            for number in range(4):
                await net.stop(number)
            for number in range(4):
                await net.start(number)
            await net.reach(net.nodes[0].store.height + 3)

    trio.run(main)


def test_one_key_makes_blocks_and_others_follow(tmp_path: Path) -> None:
    async def main() -> None:
        only = genesis_of(vault_chain()).validators[:1]
        async with running(tmp_path, nodes=3, consensus=SOLO, validators=only) as net:
            await net.reach(5)
            await net.stop(0)
            await net.start(0)
            await net.reach(net.nodes[1].store.height + 5)
            assert final_everywhere(net, 9)
            certificate = await net.nodes[1].rpc("getcommit", 3)
            assert certificate["signers"] == [0]
            assert (await net.nodes[2].rpc("getparameters"))["engine"] == "solo"

    trio.run(main)


@pytest.mark.parametrize(
    ("consensus", "reason"),
    [
        (Consensus("authority", "fixed", 100, 200, 300, 1, 0, 12, 4, 1), "constant"),
        (Consensus("solo", "constant", 100, 200, 300, 1, 0, 12, 4, 1), "validators=4"),
        (Consensus("solo", "fixed", 100, 200, 300, 1, 0, 12, 4, 1), "validators=4"),
    ],
)
def test_what_an_engine_cannot_do_is_refused(consensus: Consensus, reason: str) -> None:
    with pytest.raises(EngineUnfit, match=reason):
        engine_of(genesis_of(vault_chain(), consensus=consensus))


def test_an_engine_that_is_not_installed_is_named_with_what_to_install() -> None:
    numbers = Consensus("paxos", "fixed", 100, 200, 300, 1, 0, 12, 4, 1)
    with pytest.raises(ConsensusError, match=r"paxos is not installed.*bystack\.consensus"):
        engine_of(genesis_of(vault_chain(), consensus=numbers))


def governed(net: Network, nonce: int, **changes: int) -> Transaction:
    """Two of three members decide."""
    present = in_force(SystemState(net.nodes[0].store.state))
    body = encode(Govern(nonce, changed(present, changes)))
    digest = action_digest(net.genesis.id, GOVERN, body)
    signed = tuple(MemberApproval(m, 1, MEMBERS[m].sign(digest)) for m in (0, 1))
    inner = TransactionBody(1, (), (), (Action(256 + GOVERN, body),), 0, 0, b"")
    return Transaction(inner, (Approval(encode(signed), ()),))


def numbers_of(net: Network, number: int) -> Parameters:
    return in_force(SystemState(net.nodes[number].store.state))


def test_parameters_change_when_the_epoch_turns_and_engines_follow(tmp_path: Path) -> None:
    async def main() -> None:
        modules = (module_config("federation", CONFIG),)
        async with running(tmp_path, consensus=GOVERNED, modules=modules) as net:
            await net.nodes[0].pooling.submit(governed(net, 0, empty_interval=100, timeout=500))
            await until(lambda: all(numbers_of(net, n).timeout == 500 for n in net.nodes))
            await net.reach(net.nodes[0].store.height + 3)
            for node in net.nodes.values():
                assert node.driver.era.config.tau0 == 500
                assert (await node.rpc("getparameters"))["current"]["empty_interval"] == 100

    trio.run(main)


def test_a_node_too_old_for_the_chain_warns_then_stops_and_the_others_go_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    look, ahead = Upgrade.look, set[Upgrade]()

    def looking(upgrade: Upgrade) -> None:
        look(upgrade)
        if upgrade.warnings and not upgrade.outdated:
            ahead.add(upgrade)

    monkeypatch.setattr(Upgrade, "look", looking)

    async def main() -> None:
        modules = (module_config("federation", CONFIG),)
        async with running(tmp_path, consensus=GOVERNED, modules=modules) as net:
            for number in range(3):
                net.nodes[number].driver.upgrade.protocol = 2
            old = net.nodes[3]
            await net.nodes[0].pooling.submit(governed(net, 0, version=2))
            await until(lambda: warned(old))
            numbers = await old.rpc("getparameters")
            first = numbers["next_from"]
            assert numbers["next"]["version"] == 2
            assert f"begins at height {first}" in numbers["warnings"] or numbers["outdated"]
            await until(lambda: old.driver.upgrade.outdated)
            assert ahead == {old.driver.upgrade}
            await until(lambda: net.nodes[0].store.height >= first + 12)
            assert old.store.height == first - 1
            said = (await old.rpc("getparameters"))["warnings"]
            assert "neither executes blocks nor votes" in said
            assert old.service.metrics()["outdated"] == 1
            assert not await votes_after(net, 3, first)
            assert not net.nodes[0].driver.upgrade.warnings

    trio.run(main)


def test_an_authority_too_old_seals_nothing_beyond_though_the_epochs_end_is_not_final(
    tmp_path: Path,
) -> None:
    """By depth the last block of an epoch is final long after the next epoch began."""

    async def main() -> None:
        modules = (module_config("federation", CONFIG),)
        numbers: dict[str, Any] = {"consensus": AUTHORITY, "time": LATE * 1000, "modules": modules}
        async with running(tmp_path, **numbers) as net:
            for number in range(3):
                net.nodes[number].driver.upgrade.protocol = 2
            old = net.nodes[3]
            await net.reach(2)
            await net.nodes[0].pooling.submit(governed(net, 0, version=2))
            await until(lambda: old.driver.upgrade.outdated)
            assert "neither executes blocks nor votes" in old.driver.upgrade.warnings
            await until(lambda: numbers_of(net, 0).version == 2)
            first = current(SystemState(net.nodes[0].store.state)).first
            assert old.store.height < first
            await until(lambda: net.nodes[0].store.height >= first + 8)
            assert not await votes_after(net, 3, first)

    trio.run(main)


def warned(node: Node) -> bool:
    return bool(node.driver.upgrade.warnings)


async def votes_after(net: Network, index: int, first: int) -> list[int]:
    """The heights from `first` on that a validator signed."""
    top = net.nodes[0].store.height
    found = []
    for height in range(first, top + 1):
        if index in (await net.nodes[0].rpc("getcommit", height))["signers"]:
            found.append(height)
    return found


def test_a_node_started_on_a_chain_it_does_not_know_votes_for_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its engine is not even told what others say."""
    handle, heard = Bbft.handle, Counter[Bbft]()

    def hearing(machine: Bbft, event: Input, now: int) -> list[Output]:
        heard[machine] += 1
        return handle(machine, event, now)

    monkeypatch.setattr(Bbft, "handle", hearing)

    async def main() -> None:
        async with running(tmp_path, nodes=3, consensus=FAST) as net:
            await net.reach(2)
            await net.stop(2)
            late = await net.start(3)
            late.driver.upgrade.protocol = 0
            height = late.store.height
            assert late.driver._begin() == [] and late.driver.upgrade.outdated
            before = heard[late.driver.machine]
            await net.start(2)
            await until(lambda: net.nodes[0].store.height > height + 8)
            assert late.store.height <= height + 1
            # None: another machine, since its signer came.
            assert heard[late.driver.machine] in {0, before}

    trio.run(main)
