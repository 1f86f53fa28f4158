"""Joining a long chain by a snapshot: epochs from what we know, a final header, its state.

Nothing is believed on a peer's word. Each epoch's validators are named by a header that those of
the epoch before made final; so is the snapshot's own header. Whoever gives a chunk that is not the
manifest's is left, and whoever offered a manifest whose content does not make the header's roots.
"""

from __future__ import annotations

import shutil
from collections import defaultdict
from collections.abc import Callable, Sequence
from functools import partial
from typing import Final, NamedTuple

import structlog
import trio

from bystack.node.sidechain.snapshots.arriving import Arriving
from bystack.node.sidechain.snapshots.asking import Asking, Unanswered
from bystack.node.sidechain.snapshots.carrying import Carrying, Incomplete
from bystack.node.sidechain.store import SideStore
from bystack.primitives.codec import encode
from bystack.primitives.errors import Invalid
from bystack.sidechain import epochs
from bystack.sidechain.consensus.engine import Verifier
from bystack.sidechain.consensus.light import Followed, LightClient
from bystack.sidechain.snapshots.manifests import check_manifest
from bystack.sidechain.snapshots.messages import (
    EPOCH_BYTES,
    MAX_EPOCHS,
    Described,
    Epochs,
    GetEpochs,
    GetManifest,
    GetSnapshots,
    ManifestGiven,
    Snapshots,
)
from bystack.sidechain.state import SystemState

ROUNDS: Final = 5
MOST_HOLDERS: Final = 8
ROOM: Final = 4
"""Bytes of disk for each byte of a snapshot: rows, nodes over them, and what LevelDB sorts."""

log = structlog.get_logger("snapshot")


def _full(given: Epochs) -> bool:
    """As many as one answer holds. Who gives fewer has no more, or gives a long chain bit by bit:
    each may take its time, and meanwhile nothing else is asked for.
    """
    return len(given.proofs) == MAX_EPOCHS or len(encode(given)) > EPOCH_BYTES


class ManifestForeign(Invalid):
    """The manifest is not the one that was asked for, or not of the height that was offered."""


class Chosen(NamedTuple):
    """A snapshot whose header is final, and who offers it."""

    described: Described
    holders: tuple[bytes, ...]


class Joining:
    """One attempt to join. `peers` tells who is connected; `blame` is told of liars; `least` is
    the lowest height of a snapshot that is worth it: peers may say what they like of how far the
    chain is, but not make a header final.
    """

    def __init__(
        self,
        folder: str,
        store: SideStore,
        asking: Asking,
        verifier: Verifier,
        peers: Callable[[], Sequence[bytes]],
        blame: Callable[[bytes, str], None],
        least: int,
    ) -> None:
        self._folder, self._store, self._asking, self._least = folder, store, asking, least
        self._verifier, self._peers, self._tell = verifier, peers, blame
        self._bad: set[bytes] = set()
        self._wrong: set[bytes] = set()
        self.carrying: Carrying | None = None
        self.epoch = 0

    async def run(self) -> bool:
        """Whether a whole snapshot lies beside the chain now; False: nobody gave one."""
        arriving = Arriving.open(self._folder, self._store.genesis.id)
        try:
            for _ in range(ROUNDS):
                chosen = await self._choose(arriving)
                if chosen is None:
                    return False
                if await self._fetch(arriving, chosen):
                    return True
            return False
        finally:
            arriving.close()

    def _blame(self, peer: bytes, error: Invalid) -> None:
        log.warning("false answer", peer=peer.hex(), rule=error.rule, reason=str(error))
        self._bad.add(peer)
        self._tell(peer, error.rule)

    # Choosing

    async def _choose(self, arriving: Arriving) -> Chosen | None:
        """The snapshot that most peers offer; of those the one begun before, else the newest.

        One that a single liar made up, and gives slowly, does not come first again after a restart.
        """
        offered = await self._offers()
        resumed = b"" if arriving.resumed is None else arriving.resumed.id

        def worth(one: tuple[int, bytes]) -> tuple[int, bool, int]:
            return len(offered[one]), one[1] == resumed, one[0]

        for one in sorted(offered, key=worth, reverse=True):
            described = await self._describe(arriving, one, offered[one])
            if described is not None and self._room_for(described):
                return Chosen(described, tuple(offered[one][:MOST_HOLDERS]))
        return None

    async def _offers(self) -> dict[tuple[int, bytes], list[bytes]]:
        """Who offers what: by height and id."""
        found: defaultdict[tuple[int, bytes], list[bytes]] = defaultdict(list)
        async with trio.open_nursery() as nursery:
            for peer in self._peers():
                if peer not in self._bad:
                    nursery.start_soon(self._offers_of, peer, found)
        return found

    async def _offers_of(self, peer: bytes, found: dict[tuple[int, bytes], list[bytes]]) -> None:
        try:
            given = await self._asking.ask(peer, GetSnapshots(), Snapshots)
        except Unanswered:
            return
        for offer in {(one.height, one.manifest) for one in given.offers}:
            if offer[0] >= self._least and offer[1] not in self._wrong:
                found[offer].append(peer)

    async def _describe(
        self, arriving: Arriving, offer: tuple[int, bytes], holders: Sequence[bytes]
    ) -> Described | None:
        """The manifest of an offer with a header that is final, from one of its holders."""
        id = offer[1]
        for peer in [one for one in holders if one not in self._bad]:
            try:
                given = await self._asking.ask(peer, GetManifest(id), ManifestGiven)
                for described in given.found:
                    await self._judge(arriving, peer, offer, described)
                    return described
            except Unanswered:
                log.info("peer left", peer=peer.hex(), reason="no answer")
            except Invalid as error:
                self._blame(peer, error)
        return None

    async def _judge(
        self, arriving: Arriving, peer: bytes, offer: tuple[int, bytes], told: Described
    ) -> None:
        """Raises why the header is not final, or the manifest no snapshot of its state."""
        header = told.manifest.header
        if (header.height, told.manifest.id) != offer or told.final.header != header:
            raise ManifestForeign(asked=offer[1], given=told.manifest.id, height=header.height)
        check_manifest(told.manifest, self._store.genesis.id)
        light = await self._follow(arriving, peer, header.epoch)
        await trio.to_thread.run_sync(light.verify, told.final)

    async def _follow(self, arriving: Arriving, peer: bytes, epoch: int) -> LightClient:
        """A light client that knows the validators of an epoch; what proves them is kept."""
        known = epochs.current(SystemState(self._store.state)).validators
        known = arriving.follow(known, epoch)
        light = LightClient(Followed(self._store.genesis.id, (known,), (), ()), self._verifier)
        while light.epoch < epoch:
            self.epoch = light.epoch
            given = await self._asking.ask(peer, GetEpochs(light.epoch), Epochs)
            if not given.proofs:
                raise Unanswered
            wanted = given.proofs[: epoch - light.epoch]  # beyond, the set would be forgotten
            for proof in wanted:
                await trio.to_thread.run_sync(light.advance, proof)
            await trio.to_thread.run_sync(arriving.keep, wanted)
            if light.epoch < epoch and not _full(given):
                raise Unanswered
        return light

    def _room_for(self, described: Described) -> bool:
        free = shutil.disk_usage(self._folder).free
        needed = described.manifest.size * ROOM
        if free < needed:
            log.error("no room for a snapshot", needed=needed, free=free)
        return free >= needed

    # Fetching

    async def _fetch(self, arriving: Arriving, chosen: Chosen) -> bool:
        """Take the snapshot in; False: nobody gives the rest of it, or it is a false one."""
        described, holders = chosen
        await trio.to_thread.run_sync(arriving.begin, described.manifest)
        self.carrying = Carrying(arriving, self._asking, self._blame)
        log.info(
            "taking a snapshot in", height=described.manifest.header.height, peers=len(holders)
        )
        try:
            await self.carrying.run([one for one in holders if one not in self._bad])
            finish = partial(arriving.finish, described.final, self._store.lasting_rows())
            await trio.to_thread.run_sync(finish)
        except Incomplete:
            return False
        except Invalid as error:
            # The rows are the chunks' that the manifest names: its makers are to blame.
            for peer in holders:
                self._blame(peer, error)
            self._wrong.add(described.manifest.id)
            await trio.to_thread.run_sync(arriving.clear)
            return False
        return True
