"""What a light node shows of the chain: every watched transaction, at its height, through forks."""

from pathlib import Path
from typing import Any

import pytest
import trio
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bystack.ledger.amounts import BTM
from bystack.ledger.transactions import Output, TransactionBody
from bystack.mainchain.blocks import Block, decode_block
from bystack.mainchain.filters import keys_of
from bystack.node.ipc import RemoteError
from bystack.node.light.following import follow
from bystack.node.mainchain.following import follow as follow_whole
from tests.ledger.people import ALICE, BOB, CAROL
from tests.mainchain.builders import Chain
from tests.node.light.network import Light, light_among
from tests.node.mainchain.branches import branches
from tests.node.mainchain.network import Node, until
from tests.sidechain.mainside import SLOW, vault_chain

KNOWN = branches()
LEFT, RIGHT = (*KNOWN.trunk, *KNOWN.left), (*KNOWN.trunk, *KNOWN.right)


def expected(blocks: tuple[Block, ...], key: bytes) -> dict[int, list[bytes]]:
    found = {
        block.header.height: [tx.id for tx in block.transactions if key in keys_of(tx)]
        for block in blocks
    }
    return {height: ids for height, ids in found.items() if ids}


def test_it_finds_what_is_paid_and_spent_from_any_height(tmp_path: Path) -> None:
    async def main() -> None:
        async with light_among(tmp_path) as (light, nodes):
            for node in nodes:
                await node.take(*RIGHT)
            await light.at(RIGHT[-1].id)
            for key in (ALICE.lock.root, BOB.lock.root):
                assert await light.matched(key) == expected(RIGHT, key)
            assert await light.matched(CAROL.lock.root) == {}
            last = RIGHT[-3].header.height
            items = await light.read([BOB.lock.root], [(last, RIGHT[-3].id)])
            assert [item[1] for item in items] == [last + 1, last + 2]
            assert light.host.banned == {}

    trio.run(main)


def test_every_block_is_an_item_with_its_header_and_the_watched_alone(tmp_path: Path) -> None:
    async def main() -> None:
        async with light_among(tmp_path) as (light, nodes):
            for node in nodes:
                await node.take(*RIGHT)
            await light.at(RIGHT[-1].id)
            items = await light.read([BOB.lock.root])
            assert [item[1:3] for item in items] == [(b.header.height, b.id) for b in RIGHT]
            assert [item[3].header for item in items] == [b.header for b in RIGHT]

    trio.run(main)


def test_a_stream_goes_on_live_and_through_a_reorganisation(tmp_path: Path) -> None:
    async def main() -> None:
        async with light_among(tmp_path) as (light, nodes):
            for node in nodes:
                await node.take(*LEFT)
            await light.at(LEFT[-1].id)
            stream, shown = follow(light.scanner, [], [BOB.lock.root]), list[tuple[int, bytes]]()

            async def read_to(goal: bytes) -> None:
                async for item in stream:
                    take(shown, item)
                    if item[0] == "tip" and item[2] == goal:
                        return

            await read_to(LEFT[-1].id)
            for node in nodes:
                await node.take(*KNOWN.right)
            await read_to(RIGHT[-1].id)
            assert shown == [(block.header.height, block.id) for block in RIGHT]
            assert light.driver.deepest == len(KNOWN.left)
            assert await light.matched(BOB.lock.root) == expected(RIGHT, BOB.lock.root)

    trio.run(main)


def take(shown: list[tuple[int, bytes]], item: list[Any]) -> None:
    match item:
        case ["connect", height, id, _]:
            shown.append((height, id))
        case ["disconnect", height, id]:
            assert shown.pop() == (height, id)


def test_blocks_of_a_strange_branch_are_disconnected_as_far_as_named(tmp_path: Path) -> None:
    async def main() -> None:
        async with light_among(tmp_path) as (light, nodes):
            for node in nodes:
                await node.take(*RIGHT)
            await light.at(RIGHT[-1].id)
            known = [(b.header.height, b.id) for b in reversed(LEFT)]
            items = await light.read([], known)
            gone = [item[1:] for item in items if item[0] == "disconnect"]
            assert gone == known[: len(KNOWN.left)]
            assert [item[2] for item in items[len(gone) :]] == [b.id for b in KNOWN.right]

    trio.run(main)


def test_many_matches_in_a_block_come_from_the_block_itself(tmp_path: Path) -> None:
    chain = Chain()
    chain.grow(8)
    payments = []
    for place, coin in chain.owned(ALICE)[:6]:
        outputs = (Output(coin.asset, 9, BOB.lock), Output(coin.asset, coin.amount - 9, ALICE.lock))
        payments.append(chain.sign(TransactionBody(1, (place,), outputs, (), 0, 0, b""), ALICE))
    block = chain.mine(*payments)
    blocks = tuple(chain.blocks.values())

    async def main() -> None:
        async with light_among(tmp_path) as (light, nodes):
            for node in nodes:
                await node.take(*blocks)
            await light.at(block.id)
            assert await light.matched(BOB.lock.root) == expected(blocks, BOB.lock.root)
            found = await light.matched(BOB.lock.root, ALICE.lock.root)
            assert found[9] == [tx.id for tx in block.transactions]

    trio.run(main)


def test_a_restart_resumes_with_the_headers_kept(tmp_path: Path) -> None:
    async def main() -> None:
        async with light_among(tmp_path) as (light, nodes):
            for node in nodes:
                await node.take(*RIGHT)
            await light.at(RIGHT[-1].id)
            await light.matched(BOB.lock.root)
        again = Light(tmp_path / "light")
        try:
            assert again.tip == RIGHT[-1].id
            assert again.driver.machine.tip == light.driver.machine.tip
            paid = next(iter(expected(RIGHT, BOB.lock.root).values()))[0]
            assert again.reader.transaction(paid).tx.id == paid
        finally:
            again.store.close()

    trio.run(main)


def test_nothing_is_read_until_enough_full_peers_are_there(tmp_path: Path) -> None:
    async def main() -> None:
        async with light_among(tmp_path, fulls=2) as (light, nodes):
            light.host.part(nodes[1].host)
            await nodes[0].take(*RIGHT)
            await nodes[1].take(*RIGHT)
            await light.at(RIGHT[-1].id)
            await until(lambda: light.scanner.lacking == 1)
            found = dict[int, list[bytes]]()

            async def read() -> None:
                found.update(await light.matched(BOB.lock.root))

            waited, wait = [0], light.scanner._wait

            async def counted() -> None:
                waited[0] += 1
                await wait()

            light.scanner._wait = counted  # type: ignore[method-assign]
            async with trio.open_nursery() as nursery:
                nursery.start_soon(read)
                await until(lambda: waited[0] > 1)
                assert found == {}
                light.host.join(nodes[1].host)
            assert found == expected(RIGHT, BOB.lock.root)

    trio.run(main)


def test_a_reader_whose_blocks_nobody_keeps_holds_up_no_other(tmp_path: Path) -> None:
    """A sidechain that reads from its vault's checkpoint, beside a wallet at the tip."""

    async def main() -> None:
        async with light_among(tmp_path, fulls=2) as (light, nodes):
            for node in nodes:
                await node.take(*RIGHT)
            await light.at(RIGHT[-1].id)
            await until(lambda: len(light.driver.machine.serving(len(RIGHT))) == 2)
            for peer in (peers := light.driver.machine._peers):
                peers[peer].blocks_from = 5
            async with trio.open_nursery() as nursery:
                nursery.start_soon(light.matched, ALICE.lock.root)
                await until(lambda: light.scanner.waits == 1)
                known = [(5, RIGHT[4].id)]
                with trio.fail_after(180):
                    items = await light.read([BOB.lock.root], known)
                assert [item[1] for item in items] == [6, 7, 8]
                assert light.scanner.waits == 1 and light.scanner.lacking == 2
                nursery.cancel_scope.cancel()
            assert light.scanner.waits is None and light.scanner.lacking == 0

    trio.run(main)


KEYS = [ALICE.lock.root, BOB.lock.root, CAROL.lock.root, b"\x42" * 32]


@given(
    starts=st.lists(st.sampled_from([*LEFT, *RIGHT]), min_size=1, max_size=3),
    watched=st.sets(st.sampled_from(KEYS)),
    sparse=st.booleans(),
)
@settings(
    max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
def test_a_light_stream_is_a_full_nodes_less_what_nobody_watches(
    tmp_path: Path, starts: list[Block], watched: set[bytes], sparse: bool
) -> None:
    """From wherever a reader stands, on whichever branch."""
    path = tmp_path / str(len(list(tmp_path.iterdir())))

    async def main() -> None:
        async with light_among(path, fulls=1, agree=1) as (light, nodes):
            await nodes[0].take(*LEFT)
            await light.at(LEFT[-1].id)
            await nodes[0].take(*KNOWN.right)
            await light.at(RIGHT[-1].id)
            for start in starts:
                line = LEFT if start in KNOWN.left else RIGHT
                known = [
                    (b.header.height, b.id) for b in line if b.header.height <= start.header.height
                ]
                locator = known[::-1][:1] if sparse else known[::-1]
                assert await light.read(watched, locator) == await narrowed(
                    nodes[0], locator, watched
                )

    trio.run(main)


async def narrowed(node: Node, locator: list[tuple[int, bytes]], keys: set[bytes]) -> list[Any]:
    """What a full node's stream says up to its tip, with the watched transactions alone."""
    items: list[Any] = []
    async for item in follow_whole(node.driver, locator):
        match item:
            case ["connect", height, id, data]:
                block = decode_block(data)
                taken = tuple(tx for tx in block.transactions if keys_of(tx) & keys)
                items.append(("connect", height, id, Block(block.header, taken)))
            case ["tip", *_]:
                return items
            case other:
                items.append(tuple(other))
    raise AssertionError("the stream ended")


def test_what_left_the_best_chain_is_not_shown(tmp_path: Path) -> None:
    gone = KNOWN.left[1].transactions[1]

    async def main() -> None:
        async with light_among(tmp_path) as (light, nodes):
            for node in nodes:
                await node.take(*LEFT)
            await light.at(LEFT[-1].id)
            await light.matched(BOB.lock.root)
            assert light.reader.transaction(gone.id).tx == gone
            assert await light.scanner.fetcher.proof(gone.id) is not None
            for node in nodes:
                await node.take(*KNOWN.right)
            await light.at(RIGHT[-1].id)
            with pytest.raises(RemoteError):
                light.reader.transaction(gone.id)
            assert await light.scanner.fetcher.proof(gone.id) is None

    trio.run(main)


def test_a_vaults_payout_that_waited_is_seen_when_it_completes(tmp_path: Path) -> None:
    """It names no vault: its reader learnt on the way which coin waits."""
    main_chain = vault_chain()
    main_chain.send(main_chain.deposit(ALICE, 900, BTM, bytes(64)))
    main_chain.grow(12)
    outputs = (Output(BTM, 200, BOB.lock),)
    order = main_chain.send(main_chain.order(outputs, SLOW))
    ((waits, _),) = main_chain.pendings()
    main_chain.grow(4)
    completed = main_chain.send(main_chain.complete(waits, outputs))
    blocks, vault = tuple(main_chain.line), main_chain.vault
    assert vault not in keys_of(completed)

    async def main() -> None:
        async with light_among(tmp_path) as (light, nodes):
            for node in nodes:
                await node.take(*blocks)
            await light.at(blocks[-1].id)
            found = await light.matched(vault)
            heights = {tx: height for height, ids in found.items() for tx in ids}
            assert heights[completed.id] == blocks[-1].header.height
            assert heights[order.id] == blocks[-1].header.height - 5
            assert len(heights) == 4  # creation, deposit, order, payout

    trio.run(main)
