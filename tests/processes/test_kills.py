"""Twenty seeded kills of random processes in one running network with traffic, then every store.

The last tests of the shared network: they stop it. Each kill is seen to have hit; the other nodes
go on meanwhile, and the killed one catches up.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from random import Random

import pytest

from bystack.client.devnet import processes
from bystack.client.devnet.layout import Layout, Node
from bystack.client.devnet.network import Devnet
from bystack.client.rpc import wait_for
from bystack.ledger.coins import NO_CHANGE, Delta
from bystack.mainchain.params import REGTEST
from bystack.node.sidechain import columns
from bystack.node.store import chainstore
from bystack.node.store.journal import Journal
from bystack.node.store.storage import Store
from tests.processes.histories import Broken, genesis_of, main_store, side_store
from tests.processes.network import (
    Process,
    back,
    best,
    bystack,
    find,
    gone,
    grow,
    main_height,
    pids_of,
    processes_of,
    reach,
    whole,
)
from tests.processes.scan import Found, scan
from tests.processes.traffic import Traffic, settle

pytestmark = [pytest.mark.processes, pytest.mark.timeout(900)]

SEED = 20
KILLS = 20
VICTIMS = (
    ("mainchain", ""),
    ("sidechain", "trade"),
    ("sidechain", "games"),
    ("federation", "trade"),
    ("federation", "games"),
    ("signer", ""),
    ("wallet", ""),
    ("bystackd", ""),
)


def plan(seed: int, nodes: int) -> list[tuple[int, tuple[str, str]]]:
    """Which node loses which process, in order: every kind of process at least twice."""
    dice = Random(seed)
    kinds = [*VICTIMS, *VICTIMS, *dice.choices(VICTIMS, k=KILLS - 2 * len(VICTIMS))]
    dice.shuffle(kinds)
    return [(dice.randrange(nodes), kind) for kind in kinds]


def kill(net: Devnet, node: Node, role: str, name: str) -> None:
    """Kill -9, seen to hit; the others go on; what died is back and has caught up."""
    victim = wait_for(f"{role} {name} runs", lambda: find(node, role, name))
    family = processes_of(node) if role == "bystackd" else [victim]
    os.kill(victim.pid, signal.SIGKILL)
    for one in family:
        gone(one.pid)
    others = [one for one in net.layout.nodes if one is not node][:2]
    mined = [] if node is net.layout.nodes[0] else ["main"]
    grow(net, others, [*mined, *net.layout.sidechains])
    if role == "bystackd":
        restart(node, family)
    else:
        back(node, role, name, victim.pid)
    reach(net, node, best(net))


def restart(node: Node, family: list[Process]) -> None:
    """What a service manager does: start the daemon again; all its children are new."""
    assert not processes.running(node)
    processes.start(node)
    processes.wait_started(node)
    wait_for(f"{node.name} is whole", lambda: whole(node))
    old = {one.pid for one in family}
    assert old.isdisjoint(one.pid for one in processes_of(node))


@pytest.fixture(scope="module")
def hurt(network: Devnet) -> Devnet:
    """The network after all kills, caught up and stopped by command."""
    for name in network.layout.sidechains:
        network[0].pegin(name, "50", "BTM", network[1].getnewaddress("", "", name))
    settle(network)
    begun = main_height(network, network.layout.nodes[1])
    with Traffic(network, SEED) as traffic:
        for number, (role, name) in plan(SEED, len(network.layout.nodes)):
            kill(network, network.layout.nodes[number], role, name)
    settle(network)
    assert main_height(network, network.layout.nodes[1]) > begun + KILLS
    acts = {"mine", "deposit", "pay_main", "pay_side", "burn", "across"}
    assert acts <= set(traffic.done), (traffic.done, traffic.faults)
    for node in network.layout.nodes:
        reach(network, node, best(network))
        assert whole(node)
    done = bystack("devnet", "down", "--dir", str(network.folder))
    assert done.returncode == 0, done.stderr
    return network


def test_nothing_runs_on_after_down(hurt: Devnet) -> None:
    assert pids_of(hurt.folder) == set()


def test_every_store_tells_one_lawful_story(hurt: Devnet) -> None:
    found = scan(hurt.layout)
    assert found.main_height > 120 + KILLS
    assert min(found.heights.values()) > KILLS
    assert found.payments >= 1
    assert found.claims >= 2
    assert found.warrants >= 10
    assert found.votes > 100


def test_bystackd_check_finds_every_store_of_a_home_sound(hurt: Devnet) -> None:
    """Main chain and sidechains executed again with true certificates, the rest read through."""
    home = hurt.layout.nodes[1].home
    argv = [sys.executable, "-m", "bystack.node.main", "check", "--home", home, "--json"]
    done = subprocess.run(argv, check=False, capture_output=True, text=True, timeout=600)
    stores = json.loads(done.stdout)["stores"]
    assert [one for one in stores if not one["sound"]] == []
    executed = [one for one in stores if one.get("blocks", 0) > KILLS]
    assert len(executed) == 1 + len(hurt.layout.sidechains)
    assert done.returncode == 0, done.stdout


# The scan itself: each of these must be seen, or its silence above means nothing.


def lose_main_coin(home: Path) -> None:
    with main_store(home) as store:
        place, coin = next(iter(store.coins.all()))
        remove = store.coins.changes(Delta({place: coin}, {}))
    with Store.open(
        home / "data/mainchain/chain",
        kind="mainchain",
        magic=REGTEST.magic,
        version=chainstore.FORMAT,
    ) as raw:
        raw.commit_now(remove)


def double_side_coin(home: Path) -> None:
    genesis = genesis_of(home, "trade")
    with side_store(home, genesis) as store:
        place, coin = next(iter(store.coins.all()))
        again = place.__class__(place.transaction, place.index + 1000)
        add = store.coins.changes(NO_CHANGE._replace(created={again: coin}))
    path = home / "data/sidechain-trade/chain"
    with Store.open(path, kind="sidechain", magic=genesis.id[:4], version=columns.FORMAT) as raw:
        raw.commit_now(add)


def vote_again(home: Path) -> None:
    path = home / "data/signer/votes-trade.journal"
    with Journal.open(path, kind="votes", magic=REGTEST.magic) as journal:
        journal.append(next(journal.records()))


@pytest.mark.parametrize(
    ("harm", "law"),
    [
        (lose_main_coin, "no lost coin"),
        (double_side_coin, "no lost coin"),
        (vote_again, "no equivocation"),
    ],
)
def test_the_scan_sees_harm(
    hurt: Devnet, tmp_path: Path, harm: Callable[[Path], None], law: str
) -> None:
    """In copies of two nodes' stores, which are in order before the harm."""
    sound, harmed = (_copied(node, tmp_path) for node in hurt.layout.nodes[1:3])
    layout = hurt.layout
    layout = Layout([sound, harmed], layout.sidechains, layout.validators, layout.members)
    assert isinstance(scan(layout), Found)
    harm(Path(harmed.home))
    with pytest.raises(Broken) as seen:
        scan(layout)
    assert seen.value.law == law


def _copied(node: Node, folder: Path) -> Node:
    home = folder / node.name
    shutil.copytree(node.home, home, ignore=shutil.ignore_patterns("run", "logs"))
    return Node(node.name, str(home), node.rpc, node.main, node.side, node.member)
