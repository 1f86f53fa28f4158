"""Validators of a sidechain that stop, die, are cut off or have a wrong clock: real daemons.

Where more than two thirds of the weight is well the chain is final throughout; where it is not it
halts, and goes on without loss when they are back. Every block is read back from each node's own
store.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from bystack.client.devnet.layout import Node
from bystack.client.devnet.network import Devnet
from bystack.client.rpc import NodeDown, RpcFailed, wait_for
from bystack.node.processes.sandbox import landlock_abi
from bystack.primitives.codec import decode
from bystack.primitives.framing import scan
from bystack.sidechain.consensus.positions import JournalRecord
from bystack.sidechain.consensus.statements import Step
from tests.processes import load
from tests.processes.network import all_vote, back, best, find, grow, reach, side_height

pytestmark = pytest.mark.processes

CHAIN = "trade"
HOUR = 3_600
MAX_RECORD = 100_000
LOAD = 70
"""Payments that are handed over at once."""
HALT_MS = 6_000
"""Many times what an idle devnet takes for a block: longer without one is a halt."""


@pytest.fixture
def well(network: Devnet) -> Iterator[Devnet]:
    """The network, all its validators voting; in the end all nodes have one chain, and it grows.

    Whatever happened meanwhile, more than two thirds made each block of it final.
    """
    all_vote(network, CHAIN)
    start = best(network)[CHAIN]
    yield network
    for node in network.layout.nodes:
        wait_for(f"{node.name} runs", lambda node=node: find(node, "sidechain", CHAIN))
    goal = {CHAIN: best(network)[CHAIN] + 1}
    try:
        for node in network.layout.nodes:
            reach(network, node, goal)
    finally:
        agree(network)  # a fork is why a chain stands still
    certified(network, start)


def agree(net: Devnet) -> None:
    """Every node's own store holds the same blocks."""
    height = min(side_height(net, node, CHAIN) for node in net.layout.nodes)
    for at in {1, height // 2, height - 1, height}:
        ids = {side(net, node, "getblockhash", at) for node in net.layout.nodes}
        assert len(ids) == 1, f"a fork at height {at}: {ids}"


def certified(net: Devnet, above: int) -> None:
    """More than two thirds of the validators, who weigh the same, made each block final."""
    first, seats = net.layout.nodes[0], len(net.layout.validating)
    heights = range(above + 1, side_height(net, first, CHAIN) + 1)
    few = [at for at in heights if 3 * len(signers(net, first, at)) <= 2 * seats]
    assert not few, f"final without a quorum: {few}"


def side(net: Devnet, node: Node, method: str, *params: Any) -> Any:
    return net.rpcs[node.name].side(CHAIN, method, *params)


def voters(net: Devnet, *numbers: int) -> list[Node]:
    return [net.layout.validating[number] for number in numbers]


@contextmanager
def stopped(net: Devnet, *numbers: int) -> Iterator[None]:
    """The sidechain processes of these nodes stand still."""
    pids = []
    for node in voters(net, *numbers):
        process = find(node, "sidechain", CHAIN)
        assert process is not None
        os.kill(process.pid, signal.SIGSTOP)
        pids.append(process.pid)
    try:
        yield
    finally:
        for pid in pids:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGCONT)


@contextmanager
def cut(net: Devnet, one: list[Node], other: list[Node]) -> Iterator[None]:
    """No node of one side has a link to one of the other."""
    pairs = [(a, b) for a in one for b in other] + [(b, a) for a in one for b in other]
    names = {node.name: side(net, node, "getnetworkinfo")["nodeid"] for node in [*one, *other]}
    for here, there in pairs:
        side(net, here, "setban", names[there.name], "add", 600)
    try:
        for here in [*one, *other]:
            far = {names[there.name] for where, there in pairs if where is here}
            wait_for("the links are cut", lambda here=here, far=far: not peers(net, here) & far)
        yield
    finally:
        for here, there in pairs:
            side(net, here, "setban", names[there.name], "remove")


def peers(net: Devnet, node: Node) -> set[str]:
    return {one["nodeid"] for one in side(net, node, "getpeerinfo")}


def halted(net: Devnet, nodes: list[Node]) -> int:
    """Wait until none of these nodes has had a final block for a while; the greatest height."""
    facts: list[dict[str, Any]] = []

    def in_vain() -> bool:
        facts[:] = [side(net, node, "getsidechaininfo") for node in nodes]
        return all(one["since_final"] > HALT_MS for one in facts)

    wait_for("the chain halts", in_vain, 180)
    return max(one["blocks"] for one in facts)


def paid(net: Devnet, node: Node, address: str) -> str:
    """A payment from a node's wallet on the sidechain; its id."""
    return str(net.rpcs[node.name].side(CHAIN, "sendtoaddress", address, "0.1"))


def confirmed(net: Devnet, node: Node, txid: str) -> bool:
    """Whether a node's own store holds a transaction in a final block."""
    try:
        return int(side(net, node, "getrawtransaction", txid, True)["confirmations"]) > 0
    except (RpcFailed, NodeDown, KeyError):
        return False


@pytest.fixture(scope="module")
def rich(network: Devnet) -> Devnet:
    """The first node's wallet holds something on the sidechain."""
    rpc = network[0]
    if float(rpc.side(CHAIN, "getbalance")) < 5:
        rpc.pegin(CHAIN, "40", "BTM", rpc.getnewaddress("", "", CHAIN))
        network.mine(8)
        wait_for("a claim", lambda: float(rpc.side(CHAIN, "getbalance")) >= 5)
    return network


def test_one_of_four_stops_and_the_chain_is_final_throughout(rich: Devnet, well: Devnet) -> None:
    first, *_, late = voters(well, 0, 1, 2, 3)
    address = well[1].getnewaddress("", "", CHAIN)
    with stopped(well, 3):
        txid, start = paid(well, first, address), side_height(well, first, CHAIN)
        for node in voters(well, 0, 1, 2):  # beyond what is under way, each one's turn; its own too
            reach(well, node, {CHAIN: start + 5})
        wait_for("paid while one stands", lambda: confirmed(well, first, txid))
    wait_for("read back from the one that stood", lambda: confirmed(well, late, txid), 180)


def test_two_of_four_stop_and_the_chain_halts_and_resumes_without_loss(
    rich: Devnet, well: Devnet
) -> None:
    first, second, third, _ = voters(well, 0, 1, 2, 3)
    address = well[1].getnewaddress("", "", CHAIN)
    with stopped(well, 2, 3):
        height = halted(well, [first, second])
        txid = paid(well, first, address)
        assert not confirmed(well, first, txid)
        assert side_height(well, first, CHAIN) <= height + 1
    for node in (first, third):
        wait_for("paid after all", lambda node=node: confirmed(well, node, txid), 180)


def test_two_of_four_are_killed_at_once_and_nothing_is_lost(rich: Devnet, well: Devnet) -> None:
    """With payments on their way: before, while nobody can make a block, and once both run."""
    first, address = well.layout.nodes[0], well[1].getnewaddress("", "", CHAIN)
    victims = voters(well, 1, 2)
    pids = [
        wait_for("it runs", lambda node=node: find(node, "sidechain", CHAIN)).pid
        for node in victims
    ]
    sent = [paid(well, first, address)]
    for pid in pids:
        os.kill(pid, signal.SIGKILL)
    sent.append(paid(well, first, address))
    for node, pid in zip(victims, pids, strict=True):
        back(node, "sidechain", CHAIN, pid)
    sent.append(paid(well, first, address))
    for txid in sent:
        for node in well.layout.nodes:
            wait_for("each payment, everywhere", lambda n=node, t=txid: confirmed(well, n, t), 180)


def test_one_cut_off_stands_still_the_others_go_on(well: Devnet) -> None:
    lonely, others = voters(well, 3), [*voters(well, 0, 1, 2), *well.layout.nodes[4:]]
    with cut(well, lonely, others):
        height = halted(well, lonely)
        for node in others:
            reach(well, node, {CHAIN: height + 5})
        assert side_height(well, lonely[0], CHAIN) == height
    reach(well, lonely[0], {CHAIN: best(well)[CHAIN]})


def test_two_halves_both_halt_and_become_one_again(well: Devnet) -> None:
    left, right = voters(well, 0, 1), [*voters(well, 2, 3), *well.layout.nodes[4:]]
    with cut(well, left, right):
        heights = {halted(well, left), halted(well, right[:2])}
        # One half may have heard of the last block's votes before the cut, none makes another.
        assert max(heights) - min(heights) <= 1
    grow(well, [*left, *right], [CHAIN])


@pytest.mark.parametrize("offset", [HOUR, -HOUR])
def test_one_clock_is_an_hour_wrong(rich: Devnet, well: Devnet, offset: int) -> None:
    """Ahead, the others refuse its blocks, and it prepares theirs; behind, it prepares none of
    them, and leads (a block is later than its parent). All go on, and right again it prepares,
    commits and takes its turn as before.
    """
    wrong, first = voters(well, 2)[0], voters(well, 0)[0]
    address = well[1].getnewaddress("", "", CHAIN)
    clock = Path(wrong.home) / "run" / "clock-offset"
    clock.write_text(str(offset))
    try:
        start = best(well)[CHAIN] + 1  # one proposed before may be under way
        for node in voters(well, 0, 1, 3, 2):
            reach(well, node, {CHAIN: start + 6})
        txid = paid(well, first, address)
        wait_for("read back from the wrong one", lambda: confirmed(well, wrong, txid), 180)
        seat = side(well, wrong, "getsidechaininfo")["validator"]
        leaders = proposers(well, first, start)
        if offset > 0:
            assert seat not in leaders.values()
            wait_for("it prepares", lambda: preparing(wrong, proposers(well, first, start), seat))
        else:
            assert not preparing(wrong, leaders, seat)
            wait_for("it leads", lambda: seat in leading_at_once(well, first, start))
    finally:
        clock.unlink()
    start = best(well)[CHAIN] + 1

    def takes_part() -> bool:
        leaders = proposers(well, first, start)
        voted = [at for at in preparing(wrong, leaders, seat) if seat in signers(well, first, at)]
        return seat in leaders.values() and bool(voted)

    wait_for("it leads and votes again", takes_part, 180)


def proposers(net: Devnet, node: Node, above: int) -> dict[int, int]:
    """By height, whose block became final above a height."""
    heights = range(above + 1, side_height(net, node, CHAIN) + 1)
    return {at: side(net, node, "getblock", id_at(net, node, at))["proposer"] for at in heights}


def leading_at_once(net: Devnet, node: Node, above: int) -> set[int]:
    """Whose blocks above a height became final in their first view."""
    leaders = proposers(net, node, above)
    return {who for at, who in leaders.items() if not side(net, node, "getcommit", at)["view"]}


def signers(net: Devnet, node: Node, height: int) -> list[int]:
    return list(side(net, node, "getcommit", height)["signers"])


def preparing(node: Node, leaders: dict[int, int], seat: int) -> list[int]:
    """At which heights a validator signed PREPARE for another's block, as its own journal has it.

    A COMMIT proves no judgement of its own: it may follow a certificate of the others' PREPAREs.
    In a view that it led it prepared what it proposed, whoever led the view that was final.
    """
    data = (Path(node.home) / f"data/signer/votes-{CHAIN}.journal").read_bytes()
    records = [decode(JournalRecord, data[a:b], MAX_RECORD) for a, b in scan(data).spans[1:]]
    led, prepared = (
        {(p.height, p.view) for p in (one.position for one in records) if p.step == step}
        for step in (Step.PROPOSE, Step.PREPARE)
    )
    heights = {height for height, _ in prepared - led}
    return [at for at, leader in leaders.items() if leader != seat and at in heights]


def id_at(net: Devnet, node: Node, height: int) -> str:
    return str(side(net, node, "getblockhash", height))


def test_a_gateway_is_killed_under_load_and_the_chain_stays_final(
    rich: Devnet, well: Devnet
) -> None:
    """Votes find another way; its group's too. Payments are on their way when it stops, while it
    stands, and when it dies.
    """
    first, start = well.layout.nodes[0], best(well)[CHAIN]
    seats = {one["node"]: one["index"] for one in side(well, first, "getvalidators")}
    carriers = set(side(well, first, "getepoch")["gateways"])
    assert len(carriers) == 2, "the shared network has two gateways"
    named = {side(well, n, "getnetworkinfo")["nodeid"]: n for n in well.layout.validating}
    victims = [named[node] for node, seat in seats.items() if seat in carriers]
    payments = load.prepared(well, CHAIN, 3 * LOAD * len(victims))
    waiting = batched(list(payments.values()), LOAD)
    for victim in victims:
        witness = next(n for n in well.layout.validating if n is not victim)
        process = wait_for("it runs", lambda v=victim: find(v, "sidechain", CHAIN))
        payer = well.rpcs[witness.name]
        load.sent(payer, CHAIN, next(waiting))
        os.kill(process.pid, signal.SIGSTOP)
        try:
            height = int(payer.side(CHAIN, "getblockcount"))
            load.sent(payer, CHAIN, next(waiting))
            reach(well, witness, {CHAIN: height + 4})
            load.sent(payer, CHAIN, next(waiting))
        finally:
            os.kill(process.pid, signal.SIGKILL)
        back(victim, "sidechain", CHAIN, process.pid)
        all_vote(well, CHAIN)
    for node in well.layout.nodes:
        everywhere = partial(load.in_blocks, well, node, CHAIN, start)
        wait_for("all payments, everywhere", lambda e=everywhere: payments.keys() <= e(), 180)


def batched(items: list[str], size: int) -> Iterator[list[str]]:
    return (items[at : at + size] for at in range(0, len(items), size))


PRY = """
import sys
from pathlib import Path
from bystack.node.config import load_config
from bystack.node.processes.role_main import RoleContext, _confine

_confine(RoleContext("sidechain", sys.argv[1], ".", load_config("."), None))
for line in sys.stdin:
    try:
        with open(line.strip(), "rb") as file:
            file.read(1)
    except OSError:
        continue
    print(line.strip())
"""
"""Confined as the role confines itself, in a real home: which of these files can be read?"""


@pytest.mark.skipif(landlock_abi() == 0, reason="the kernel offers no Landlock")
def test_a_sidechains_process_reads_no_other_roles_files(network: Devnet) -> None:
    home = Path(network.layout.nodes[0].home)
    files = [str(p.relative_to(home)) for p in home.rglob("*") if p.is_file()]
    for folder in ("data/mainchain/", "data/sidechain-games/", "data/signer/", "data/wallet/"):
        assert any(file.startswith(folder) for file in files), folder
    done = subprocess.run(
        [sys.executable, "-c", PRY, CHAIN],
        input="\n".join(files),
        cwd=home,
        capture_output=True,
        text=True,
        timeout=180,
        check=True,
    )
    read = set(done.stdout.splitlines())
    assert any(file.startswith(f"data/sidechain-{CHAIN}/") for file in read)
    allowed = (f"data/sidechain-{CHAIN}/", "run/", "sidechains/", "federations/")
    single = {"bystack.toml", "in-force/bystack.toml", f"keys/{CHAIN}.node.key"}
    assert [f for f in read if not f.startswith(allowed) and f not in single] == []
