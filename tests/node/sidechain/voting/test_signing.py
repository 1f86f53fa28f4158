"""A node and its validator's signer: shown the chain always, and a journal that abstains."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any, cast

import pytest
import trio

from bystack.node.ipc import INTERNAL, Reconnecting, RemoteError
from bystack.node.ipc.errors import BUSY
from bystack.node.sidechain.voting.hearing import Hearing
from bystack.node.sidechain.voting.signing import Admitted, SignerLine
from bystack.node.signer.journals import abstention
from bystack.node.signer.votes import Voter
from bystack.node.store.journal import Journal
from bystack.primitives.codec import decode, encode
from bystack.sidechain.consensus.positions import JournalRecord
from bystack.sidechain.consensus.validators import indexes_of
from tests.node.sidechain.network import SECRETS, Network, PlayedSigner, running, until

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


def test_a_second_signer_with_one_key_ends_when_it_sees_votes_that_are_not_its_own(
    tmp_path: Path,
) -> None:
    """Two hosts cannot lock each other out; what the other signs stands in certificates."""

    async def main() -> None:
        async with running(tmp_path) as net:
            await net.reach(3)
            twin = await net.start(4)
            journal = Journal.open(tmp_path / "twin", kind="votes", magic=net.genesis.main.magic)
            voter = Voter(SECRETS[1], net.genesis, journal)
            line = SignerLine(cast(Reconnecting, PlayedSigner(voter)), twin.store)
            twin.driver._signer = line
            async with trio.open_nursery() as nursery:
                nursery.start_soon(line.run, twin.driver._inbox.send, twin.driver._inbox.send)
                await until(lambda: voter._refusal is not None)
                nursery.cancel_scope.cancel()
            assert voter._refusal.rule in ("JournalOld", "KeyElsewhere")
            first = net.nodes[1].signer
            assert first is not None and first._voter._refusal is None
            journal.close()

    trio.run(main)


def test_without_word_of_a_quorum_nothing_is_signed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A restored home does not know how old it is; who waits for the others loses nothing."""
    looks: Counter[Hearing] = Counter()
    ready = Hearing.ready

    def counted(hearing: Hearing) -> bool:
        looks[hearing] += bool(hearing._heights)
        return ready(hearing)

    monkeypatch.setattr(Hearing, "ready", counted)

    async def main() -> None:
        async with running(tmp_path, 2) as net:
            await until(lambda: len(looks) == 2 and min(looks.values()) > 3)
            for node in net.nodes.values():
                assert not node.driver.key and not len(node.journal)
            await net.start(2)
            await net.reach(2)

    trio.run(main)


def test_a_signer_that_stumbled_is_asked_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Only a rule's refusal is its last word: else one would be out until restarted."""
    stumbles = [RemoteError(BUSY, "too many requests in flight"), RemoteError(INTERNAL, "error")]
    answer, admission, found = PlayedSigner.answer, SignerLine._admission, list[Admitted | None]()

    async def admitted(line: SignerLine) -> Admitted | None:
        found.append(await admission(line))
        return found[-1]

    async def stumbling(signer: PlayedSigner, method: str, params: list[Any]) -> Any:
        if method == "ready_empty" and stumbles:
            raise stumbles.pop()
        return await answer(signer, method, params)

    monkeypatch.setattr(PlayedSigner, "answer", stumbling)
    monkeypatch.setattr(SignerLine, "_admission", admitted)

    async def main() -> None:
        async with running(tmp_path) as net:
            await until(lambda: len(found) == 4 or None in found)
            assert None not in found and not stumbles
            await until(lambda: all(counted(net, index, 0) for index in range(4)))

    trio.run(main)
