"""Joining among liars: whoever gives something false is named and left, the others suffice."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest
import trio
import trio.testing
from msgspec.structs import replace

from bystack.node.sidechain.modules import modules_of
from bystack.node.sidechain.proving import Prover
from bystack.node.sidechain.snapshots.arriving import CHAIN, JOINING, Arriving, settle
from bystack.node.sidechain.snapshots.asking import PATIENCE, Asking, Unanswered
from bystack.node.sidechain.snapshots.giving import Answers
from bystack.node.sidechain.snapshots.joining import ROUNDS, Joining
from bystack.node.sidechain.store import SideStore
from bystack.node.store.errors import StoreFull
from bystack.p2p.queues import Class
from bystack.sidechain.consensus.certificates import CertificateSignature
from bystack.sidechain.consensus.light import Certified, EpochProof, FinalHeader
from bystack.sidechain.consensus.positions import Position
from bystack.sidechain.consensus.scheme import BlsScheme
from bystack.sidechain.consensus.validators import ValidatorSet
from bystack.sidechain.consensus.verifier import InstantFinality
from bystack.sidechain.snapshots.manifests import Manifest
from bystack.sidechain.snapshots.messages import (
    MAX_EPOCHS,
    Answer,
    ChunkGiven,
    Described,
    Epochs,
    GetChunk,
    GetEpochs,
    GetManifest,
    GetSnapshots,
    ManifestGiven,
    Offer,
    Request,
    Snapshots,
    read_aid,
)
from bystack.sidechain.snapshots.rows import Section
from tests.node.sidechain.snapshots.places import content, lived, shelved, small_chunks, store_at
from tests.node.sidechain.test_store import certificate_for
from tests.sidechain.snapshots.samples import Taken

Reply = Callable[[Request], Answer | None]
GOOD, OTHER, LIAR = b"g" * 32, b"o" * 32, b"l" * 32


class Signed(InstantFinality):
    """Believes the test world's certificates, which nobody really signed."""

    def check_final(
        self, line: Sequence[Certified], validators: ValidatorSet, chain_id: bytes
    ) -> None:
        if line[0].certificate.signature != b"\x01" * 96:
            raise CertificateSignature(height=line[0].header.height, view=0)

    def voted(self, certificate: object) -> Position:
        raise AssertionError("nobody asks")


class Street:
    """Peers by name, each with what it replies; who replies nothing is silent."""

    def __init__(self, **peers: Reply) -> None:
        self.replies = {dict(good=GOOD, other=OTHER, liar=LIAR)[n]: r for n, r in peers.items()}
        self.asking = Asking(self)
        self.blamed: list[tuple[bytes, str]] = []
        self.asked: list[tuple[bytes, Request]] = []
        self.nursery: trio.Nursery

    def send(self, peer: bytes, kind: int, payload: bytes, cls: Class) -> bool:
        request = read_aid(kind, payload)
        assert isinstance(request, Request)
        self.asked.append((peer, request))
        answer = self.replies[peer](request)
        if answer is not None:
            self.nursery.start_soon(self._answer, peer, answer)
        return True

    async def _answer(self, peer: bytes, answer: Answer) -> None:
        self.asking.hear(peer, answer)

    def penalise(self, peer: bytes, points: int, reason: str) -> None:
        self.blamed.append((peer, reason))

    def blame(self, peer: bytes, rule: str) -> None:
        self.blamed.append((peer, rule))


class Stage:
    """A store with a snapshot to give, and one that joins."""

    def __init__(self, folder: Path) -> None:
        world = lived()
        self.source = store_at(folder / "source", world)
        self.shelf, self.manifest = shelved(folder / "shelf", self.source)
        self.node = folder / "node"
        self.node.mkdir()
        self.genesis = world.genesis
        self.open()
        verifier = Signed(BlsScheme())
        self.verifier = verifier
        self.answers = Answers(self.source, self.shelf, Prover(self.source, verifier))
        self.certificate = certificate_for(world, self.source.height)

    def open(self) -> None:
        self.store = SideStore.open(str(self.node / CHAIN), self.genesis, modules_of(self.genesis))

    def honest(self, request: Request) -> Answer | None:
        return self.answers.answer(request)

    def join(self, street: Street, clock: trio.abc.Clock | None = None, least: int = 1) -> bool:
        async def main() -> bool:
            joining = Joining(
                str(self.node), self.store, street.asking, self.verifier,
                lambda: sorted(street.replies), street.blame, least,
            )  # fmt: skip
            async with trio.open_nursery() as nursery:
                street.nursery = nursery
                return await joining.run()

        return trio.run(main, clock=clock)

    def check(self) -> None:
        """What arrived is what there is."""
        self.store.close()
        assert settle(str(self.node), self.genesis.id)
        self.open()
        assert content(self.store) == content(self.source)
        assert self.store.certificate == self.certificate


@pytest.fixture
def stage(tmp_path: Path) -> Iterator[Stage]:
    with small_chunks():
        made = Stage(tmp_path)
        yield made
        made.store.close()
        made.source.close()


def test_from_two_peers_each_gives_its_part(stage: Stage) -> None:
    street = Street(good=stage.honest, other=stage.honest)
    assert stage.join(street)
    givers = {peer for peer, request in street.asked if isinstance(request, GetChunk)}
    asked = [r.index for _, r in street.asked if isinstance(r, GetChunk)]
    assert givers == {GOOD, OTHER} and sorted(asked) == list(range(len(stage.manifest.chunks)))
    assert not street.blamed
    stage.check()


def flipped(data: bytes) -> bytes:
    return data[:-1] + bytes([data[-1] ^ 1])


def test_a_false_chunk_names_its_giver(stage: Stage) -> None:
    def lies(request: Request) -> Answer | None:
        answer = stage.honest(request)
        if isinstance(answer, ChunkGiven):
            return replace(answer, data=(flipped(answer.data[0]),))
        return answer

    street = Street(good=stage.honest, liar=lies)
    assert stage.join(street)
    assert street.blamed == [(LIAR, "ChunkWrong")]
    asked = [peer for peer, request in street.asked if isinstance(request, GetChunk)]
    assert asked.count(LIAR) == 1
    stage.check()


def test_a_giver_of_nothing_and_a_silent_one_are_left_without_blame(stage: Stage) -> None:
    def empty(request: Request) -> Answer | None:
        found = stage.honest(request)
        return replace(found, data=()) if isinstance(found, ChunkGiven) else found

    def silent(request: Request) -> Answer | None:
        return None if isinstance(request, GetChunk) else stage.honest(request)

    street = Street(good=stage.honest, other=empty, liar=silent)
    clock = trio.testing.MockClock(autojump_threshold=0.5)
    assert stage.join(street, clock)
    assert not street.blamed
    chunks = [peer for peer, request in street.asked if isinstance(request, GetChunk)]
    assert chunks.count(OTHER) == 1 and chunks.count(LIAR) == 1
    stage.check()


def forged(stage: Stage, change: Callable[[Taken], None]) -> tuple[Manifest, list[bytes]]:
    """A snapshot whose manifest fits its chunks, though not its header."""
    taken = Taken.of(lived())
    change(taken)
    manifest = taken.manifest()
    return manifest, taken.chunks


def richer(taken: Taken) -> None:
    at = next(i for i, row in enumerate(taken.rows) if row.section == Section.COIN)
    taken.rows[at] = taken.rows[at]._replace(value=flipped(taken.rows[at].value))


def poorer(taken: Taken) -> None:
    del taken.rows[-1]


def giver(stage: Stage, manifest: Manifest, chunks: list[bytes]) -> Reply:
    def reply(request: Request) -> Answer | None:
        match request:
            case GetSnapshots():
                return Snapshots((Offer(manifest.header.height, manifest.id, manifest.size),))
            case GetManifest(id) if id == manifest.id:
                final = stage.source.final_header(manifest.header.height)
                assert final is not None
                return ManifestGiven(id, (Described(manifest, final),))
            case GetChunk(id, index) if id == manifest.id:
                return ChunkGiven(id, index, (chunks[index],))
            case _:
                return stage.honest(request)

    return reply


@pytest.mark.parametrize("change", [richer, poorer])
def test_a_false_manifest_names_all_who_offered_it(
    stage: Stage, change: Callable[[Taken], None]
) -> None:
    """The liars are more: their snapshot is tried first, and none of it stays."""
    false = giver(stage, *forged(stage, change))
    street = Street(good=stage.honest, liar=false, other=false)
    assert stage.join(street)
    assert {peer for peer, _ in street.blamed} == {LIAR, OTHER}
    stage.check()


def test_a_manifest_that_is_not_the_one_asked_for(stage: Stage) -> None:
    def lies(request: Request) -> Answer | None:
        answer = stage.honest(request)
        if isinstance(answer, ManifestGiven):
            (told,) = answer.found
            manifest = replace(told.manifest, chunks=tuple(reversed(told.manifest.chunks)))
            return replace(answer, found=(replace(told, manifest=manifest),))
        return answer

    street = Street(liar=lies)
    assert not stage.join(street)
    assert street.blamed == [(LIAR, "ManifestForeign")]


def test_a_made_up_header_is_not_final_because_another_is(stage: Stage) -> None:
    """Else whoever makes up a state would show it under any header that is final."""
    header = stage.manifest.header
    made_up = replace(stage.manifest, header=replace(header, time=header.time + 1))
    street = Street(liar=giver(stage, made_up, []))
    assert not stage.join(street)
    assert street.blamed == [(LIAR, "ManifestForeign")]
    assert not any(isinstance(request, GetChunk) for _, request in street.asked)


def test_an_offer_of_another_height_than_its_snapshot_has_is_a_lie(stage: Stage) -> None:
    """Else a snapshot of no use, or one older than our chain, would be taken for a far one."""

    def lies(request: Request) -> Answer | None:
        if isinstance(request, GetSnapshots):
            return Snapshots((Offer(1 << 40, stage.manifest.id, stage.manifest.size),))
        return stage.honest(request)

    street = Street(liar=lies)
    assert not stage.join(street)
    assert street.blamed == [(LIAR, "ManifestForeign")]


def test_what_is_hardly_ahead_of_us_is_not_taken_in(stage: Stage) -> None:
    height = stage.manifest.header.height
    street = Street(good=stage.honest)
    assert not stage.join(street, least=height + 1)
    assert not street.blamed and not any(isinstance(r, GetManifest) for _, r in street.asked)
    assert stage.join(Street(good=stage.honest), least=height)
    stage.check()


def test_who_offers_the_same_twice_is_one_holder(stage: Stage) -> None:
    """Two of the same would weigh more than one, and be asked at once."""

    def twice(request: Request) -> Answer | None:
        answer = stage.honest(request)
        if isinstance(answer, Snapshots):
            return replace(answer, offers=answer.offers * 2)
        return replace(answer, data=()) if isinstance(answer, ChunkGiven) else answer

    street = Street(liar=twice)
    assert not stage.join(street)
    assert sum(isinstance(request, GetChunk) for _, request in street.asked) == ROUNDS


def test_a_full_disk_ends_the_joining_by_its_own_name(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The process goes on by blocks: what ends it must be no group of errors."""

    def full(self: Arriving, data: bytes) -> None:
        raise StoreFull("joining", "no room", "make room")

    monkeypatch.setattr(Arriving, "take", full)
    with pytest.raises(ExceptionGroup) as raised:
        stage.join(Street(good=stage.honest))
    (error,) = raised.value.exceptions  # the group is the stage's own nursery's
    assert isinstance(error, StoreFull)


def test_a_header_that_nobody_made_final_is_refused_before_any_chunk(stage: Stage) -> None:
    def lies(request: Request) -> Answer | None:
        answer = stage.honest(request)
        if isinstance(answer, ManifestGiven):
            (told,) = answer.found
            unsigned = replace(told.final.certificate, signature=b"\x02" * 96)
            final = replace(told.final, certificate=unsigned)
            return replace(answer, found=(replace(told, final=final),))
        return answer

    street = Street(liar=lies)
    assert not stage.join(street)
    assert street.blamed == [(LIAR, "CertificateSignature")]
    assert not any(isinstance(request, GetChunk) for _, request in street.asked)


def test_without_room_on_the_disk_nothing_is_fetched(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    usage = shutil.disk_usage(stage.node)
    monkeypatch.setattr(shutil, "disk_usage", lambda path: usage._replace(free=1_000))
    street = Street(good=stage.honest)
    assert not stage.join(street)
    assert not any(isinstance(request, GetChunk) for _, request in street.asked)


def test_when_all_leave_on_the_way_it_gives_up_and_goes_on_from_there_next_time(
    stage: Stage,
) -> None:
    def leaves(request: Request) -> Answer | None:
        if isinstance(request, GetChunk) and request.index >= 5:
            return ChunkGiven(request.manifest, request.index, ())
        return stage.honest(request)

    assert not stage.join(Street(good=leaves))
    arriving = Arriving.open(str(stage.node), stage.genesis.id)
    assert arriving.resumed == stage.manifest
    arriving.close()
    street = Street(good=stage.honest)
    assert stage.join(street)
    asked = [r.index for _, r in street.asked if isinstance(r, GetChunk)]
    assert asked == list(range(5, len(stage.manifest.chunks)))
    stage.check()


def test_epochs_learnt_for_a_newer_snapshot_do_not_make_an_older_one_false(stage: Stage) -> None:
    """Proofs of later epochs are kept from an earlier try; the offer now is of an epoch before."""
    arriving = Arriving.open(str(stage.node), stage.genesis.id)
    header = replace(stage.manifest.header, epoch=0)
    final = FinalHeader(header, stage.certificate, ())
    arriving.keep([EpochProof(final, ())])
    assert arriving.follow(stage.genesis.validator_set, 0).epoch == 0
    assert arriving.follow(stage.genesis.validator_set, 5).epoch == 1
    arriving.close()
    street = Street(good=stage.honest)
    assert stage.join(street) and not street.blamed
    stage.check()


def test_of_many_epochs_given_only_those_up_to_the_snapshot_are_followed(stage: Stage) -> None:
    """A light client keeps the last sets only; a snapshot may be older than those."""

    def generous(request: Request) -> Answer | None:
        match request:
            case GetSnapshots():
                return Snapshots((Offer(later.header.height, later.id, later.size),))
            case GetManifest():
                final = FinalHeader(later.header, stage.certificate, ())
                return ManifestGiven(later.id, (Described(later, final),))
            case GetEpochs(epoch):
                return Epochs(tuple(proof_of(stage, at) for at in range(epoch, epoch + 9)))
            case _:
                return stage.honest(request)

    later = replace(stage.manifest, header=replace(stage.manifest.header, epoch=2))
    street = Street(good=generous)
    stage.join(street)
    assert any(isinstance(request, GetChunk) for _, request in street.asked)
    assert "EpochUnknown" not in {rule for _, rule in street.blamed}


@pytest.mark.parametrize(("bit", "asked"), [(1, [0]), (MAX_EPOCHS - 1, [0]), (MAX_EPOCHS, [0, 64])])
def test_who_gives_epochs_bit_by_bit_is_not_waited_for(
    stage: Stage, bit: int, asked: list[int]
) -> None:
    """A thousand epochs, each after as long as a peer may think, are hours without a block."""

    def drips(request: Request) -> Answer | None:
        match request:
            case GetSnapshots():
                return Snapshots((Offer(later.header.height, later.id, later.size),))
            case GetManifest():
                final = FinalHeader(later.header, stage.certificate, ())
                return ManifestGiven(later.id, (Described(later, final),))
            case GetEpochs(epoch):
                return Epochs(tuple(proof_of(stage, at) for at in range(epoch, epoch + bit)))
            case _:
                return None

    later = replace(stage.manifest, header=replace(stage.manifest.header, epoch=MAX_EPOCHS + 6))
    street = Street(liar=drips)
    stage.join(street, clock=trio.testing.MockClock(autojump_threshold=0.1))
    assert [r.epoch for _, r in street.asked if isinstance(r, GetEpochs)] == asked


def proof_of(stage: Stage, epoch: int) -> EpochProof:
    """That the same validators go on after an epoch."""
    members = stage.genesis.validator_set.validators
    named = ValidatorSet(epoch + 1, members).hash
    fields = {"epoch": epoch, "height": 10 * epoch, "next_validators_hash": named}
    header = replace(stage.manifest.header, **fields)
    return EpochProof(FinalHeader(header, stage.certificate, ()), ())


def test_what_more_peers_offer_comes_before_what_was_begun(stage: Stage) -> None:
    """A lone liar's snapshot was begun, and he gives it no end; the others offer the right one."""
    false, chunks = forged(stage, richer)
    begun = Arriving.open(str(stage.node), stage.genesis.id)
    begun.begin(false)
    begun.close()
    liar = giver(stage, false, chunks)
    street = Street(good=stage.honest, other=stage.honest, liar=liar)
    assert stage.join(street) and not street.blamed
    assert {r.manifest for _, r in street.asked if isinstance(r, GetChunk)} == {stage.manifest.id}
    stage.check()


def test_nobody_who_offers_any_is_no_joining(stage: Stage) -> None:
    def none(request: Request) -> Answer | None:
        return Snapshots(()) if isinstance(request, GetSnapshots) else stage.honest(request)

    assert not stage.join(Street(good=none))
    assert not stage.join(Street())
    assert not (stage.node / JOINING / "CURRENT").exists() or not settle(
        str(stage.node), stage.genesis.id
    )


def test_an_answer_nobody_asked_for_costs_its_sender_unless_it_is_late() -> None:
    async def main() -> None:
        street = Street(good=lambda _: None)
        async with trio.open_nursery() as nursery:
            street.nursery = nursery
            street.asking.hear(OTHER, Snapshots(()))
            nursery.start_soon(_ask, street)
            await trio.sleep(PATIENCE + 1)
            street.asking.hear(GOOD, Snapshots(()))
        assert street.blamed == [(OTHER, "unasked")]

    trio.run(main, clock=trio.testing.MockClock(autojump_threshold=0.05))


async def _ask(street: Street) -> None:
    with pytest.raises(Unanswered):
        await street.asking.ask(GOOD, GetSnapshots(), Snapshots)
