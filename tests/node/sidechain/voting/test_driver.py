"""Four validators and followers in one program: blocks, catching up, restarts, a signer away."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
import trio

from tests.node.sidechain.network import Network, node_id, running, until


def agreed(net: Network, height: int) -> bool:
    ids = {node.store.header_at(height).id for node in net.nodes.values()}  # type: ignore[union-attr]
    return len(ids) == 1


def test_four_validators_make_blocks_and_agree(tmp_path: Path) -> None:
    async def main() -> None:
        async with running(tmp_path) as net:
            await net.reach(6)
            assert all(agreed(net, height) for height in range(7))
            for node in net.nodes.values():
                assert node.driver.index == node.number
                assert not node.host.penalties
            signers = (await net.nodes[0].rpc("getcommit", 5))["signers"]
            assert len(signers) >= 3

    trio.run(main)


def test_the_relay_follows_the_main_chain(tmp_path: Path) -> None:
    async def main() -> None:
        async with running(tmp_path) as net:
            for blocks in (1, 9):
                net.grow(blocks)
                tip = net.main.chain.tip.id
                await until(lambda tip=tip: all(_relayed(net, n) == tip for n in net.nodes))
            net.main.chain.reorganise(3)
            net.main.moved.notify()
            tip = net.main.chain.tip.id
            await until(lambda: all(_relayed(net, n) == tip for n in net.nodes))

    trio.run(main)


def _relayed(net: Network, number: int) -> bytes:
    return net.nodes[number].store.header.relay_tip


def test_without_a_main_chain_blocks_go_on(tmp_path: Path) -> None:
    async def main() -> None:
        async with running(tmp_path) as net:
            net.main.up = False
            await net.reach(net.nodes[0].store.height + 4)

    trio.run(main)


def test_a_follower_and_a_late_validator_catch_up(tmp_path: Path) -> None:
    async def main() -> None:
        async with running(tmp_path, nodes=3) as net:
            await net.reach(20)
            follower = await net.start(4)
            late = await net.start(3)
            goal = net.nodes[0].store.height
            await net.reach(goal)
            await until(lambda: late.driver.index == 3)
            assert follower.driver.index is None
            assert agreed(net, goal)
            # The late one votes: its name stands in a certificate.
            await until(lambda: _voted(net, 3))

    trio.run(main)


def _voted(net: Network, index: int) -> bool:
    certificate = net.nodes[0].store.certificate
    return bool(certificate.bitmap and certificate.bitmap[0] >> index & 1)


def test_a_validator_that_lost_its_chain_gets_it_again(tmp_path: Path) -> None:
    async def main() -> None:
        async with running(tmp_path) as net:
            await net.reach(10)
            await net.stop(2)
            shutil.rmtree(net.folder(2) / "chain")
            await net.start(2)
            await net.reach(20)
            await until(lambda: _voted(net, 2))

    trio.run(main)


def test_everyone_restarts_at_once(tmp_path: Path) -> None:
    async def main() -> None:
        async with running(tmp_path) as net:
            await net.reach(8)
            for number in list(net.nodes):
                await net.stop(number)
            for number in range(4):
                await net.start(number)
            await net.reach(16)
            assert all(agreed(net, height) for height in range(17))

    trio.run(main)


def test_one_signer_away_and_back(tmp_path: Path) -> None:
    async def main() -> None:
        async with running(tmp_path) as net:
            await net.reach(3)
            signer = net.nodes[1].signer
            assert signer is not None
            signer.up = False
            await net.reach(net.nodes[0].store.height + 3)
            signer.up = True
            await net.reach(net.nodes[0].store.height + 3)
            await until(lambda: _voted(net, 1))

    trio.run(main)


def test_a_key_whose_journal_is_lost_does_not_vote(tmp_path: Path) -> None:
    async def main() -> None:
        async with running(tmp_path) as net:
            await until(lambda: _voted(net, 1) and net.nodes[1].store.height > 5)
            await net.stop(1)
            (net.folder(1) / "votes").unlink()
            node = await net.start(1)
            await net.reach(net.nodes[0].store.height + 6)
            assert node.driver.index is None

    trio.run(main)


def test_a_peer_that_sends_rubbish_is_blamed(tmp_path: Path) -> None:
    async def main() -> None:
        async with running(tmp_path, nodes=4) as net:
            stranger = await net.start(5)
            stranger.host.send(node_id(0), 17, b"\x00", 0)  # type: ignore[arg-type]
            stranger.host.send(node_id(0), 250, b"", 0)  # type: ignore[arg-type]
            penalties = net.nodes[0].host.penalties
            await until(lambda: len(penalties) == 2)
            assert {reason for _, _, reason in penalties} == {"Malformed", "MessageUnknown"}

    trio.run(main)


@pytest.mark.parametrize("validator", [True, False])
def test_words_of_validators_never_put_them_out(tmp_path: Path, validator: bool) -> None:
    async def main() -> None:
        async with running(tmp_path) as net:
            driver = net.nodes[0].driver
            driver._penalise(node_id(1 if validator else 9), "VoteSignature")
            assert bool(net.nodes[0].host.penalties) is not validator

    trio.run(main)
