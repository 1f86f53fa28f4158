"""A node and its validator's signer: shown the chain always, and a journal that abstains."""

from __future__ import annotations

from pathlib import Path

import trio

from bystack.node.signer.journals import abstention
from bystack.node.signer.votes import Voter
from bystack.node.store.journal import Journal
from bystack.primitives.codec import decode, encode
from bystack.sidechain.consensus.positions import JournalRecord
from bystack.sidechain.consensus.validators import indexes_of
from tests.node.sidechain.network import SECRETS, Network, running, until

FLOOR = 8


def own_votes(journal: Journal) -> list[int]:
    return [decode(JournalRecord, one, 100_000).position.height for one in journal.records()]


def counted(net: Network, index: int, above: int) -> bool:
    """A certificate above a height carries this validator's bit."""
    store = net.nodes[0].store
    found = [store.certificate_at(height) for height in range(above + 1, store.height + 1)]
    return any(one and index in indexes_of(one.bitmap, 4) for one in found)


def test_a_signer_that_began_anew_is_shown_the_chain_again(tmp_path: Path) -> None:
    async def main() -> None:
        async with running(tmp_path) as net:
            await net.reach(3)
            node = net.nodes[1]
            assert node.signer is not None
            node.signer._voter = Voter(SECRETS[1], net.genesis, node.journal)
            reached = node.store.height
            await until(lambda: counted(net, 1, reached + 2))

    trio.run(main)


def test_who_lost_a_journal_votes_again_above_the_accepted_height(tmp_path: Path) -> None:
    async def main() -> None:
        folder = tmp_path / "node3"
        folder.mkdir()
        async with running(tmp_path, 3) as net:
            magic, payload = net.genesis.main.magic, encode(abstention(FLOOR))
            Journal.write(folder / "votes", kind="votes", magic=magic, payload=payload)
            node = await net.start(3)
            await until(lambda: counted(net, 3, FLOOR))
            assert own_votes(node.journal)[0] == FLOOR and own_votes(node.journal)[1] > FLOOR
            assert not any(
                (c := net.nodes[0].store.certificate_at(height)) and 3 in indexes_of(c.bitmap, 4)
                for height in range(1, FLOOR + 1)
            )

    trio.run(main)
