"""Never two signatures for one place: any interleaving of votes, crashes, restored copies, losses.

The model is what was released. Copies are restored as far as the documents promise that they are
found (docs/operations.md): any after an orderly end; after a kill those older than the mark; a
whole home once the chain shows a vote that it lacks.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from functools import lru_cache
from pathlib import Path

import trio
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from bystack.mainchain.params import REGTEST
from bystack.node.signer import journals
from bystack.node.signer.marks import Mark, mark_path
from bystack.node.signer.marks import Vote as Vote_
from bystack.node.signer.votes import Voter
from bystack.node.store.journal import JournalError
from bystack.primitives import bls
from bystack.primitives.codec import encode
from bystack.primitives.errors import Invalid
from bystack.sidechain.consensus.positions import Position, SignRequest
from bystack.sidechain.consensus.statements import COMMIT, Certificate, Step, Vote
from bystack.sidechain.params import Genesis
from tests.sidechain.world import genesis_for, vault_chain
from tests.simulation.schemes import bls_keyring

SECRET = bls.key_gen(b"simulated validator %d" % 0 + bytes(32))
DATA = "data/signer"
VOTES, MARK = Path(DATA, "votes-trade.journal"), Path(mark_path("trade"))
BLOCKS = [bytes([n]) * 32 for n in (1, 2)]
ASKED = st.tuples(
    st.sampled_from([0, 0, 0, 1, -1]),
    st.integers(0, 1),
    st.sampled_from(list(Step)),
    st.sampled_from(BLOCKS),
)


@lru_cache(maxsize=1)
def genesis() -> Genesis:
    return genesis_for(vault_chain(), validators=bls_keyring(4).validators.validators)


class OneVote(RuleBasedStateMachine):
    """A home, its signer while it runs, and everything that ever left it."""

    def __init__(self) -> None:
        super().__init__()
        self.before, self.folder = os.getcwd(), tempfile.mkdtemp()
        os.chdir(self.folder)
        os.makedirs("keys")
        self.released: dict[Position, bytes] = {}
        self.blocks: dict[Position, bytes] = {}
        self.commits: dict[Position, tuple[bytes, bytes]] = {}
        self.copies: list[tuple[bytes, bytes, int]] = []
        self.voter: Voter | None = None
        self.votes: journals.Votes | None = None
        self.orderly, self.doubled, self.served = True, False, True
        self.height = 1

    @initialize()
    def begin(self) -> None:
        self.start()

    # -- the signer's process

    def start(self) -> None:
        """Serve the key, and show what the chain knows of it; or not."""
        try:
            mark = Mark(bls.sk_to_pk(SECRET), genesis().id)
            self.votes = journals.open_votes(DATA, "trade", mark, REGTEST.magic)
        except JournalError:
            self.served = False
            return
        self.served = True
        self.copy()
        self.voter = Voter(SECRET, genesis(), self.votes)
        try:
            self.introduce()
        except Invalid:
            return

    def copy(self) -> None:
        """Somebody's backup, made at every start."""
        self.copies.append((VOTES.read_bytes(), MARK.read_bytes(), len(self.commits)))

    def introduce(self) -> None:
        if self.commits:
            sets = encode(genesis().validator_set)
            self.ask("ready", encode(self.certificate(max(self.commits))), sets)
        else:
            self.ask("ready_empty", self.height + 4)

    def certificate(self, place: Position) -> Certificate:
        """What the others made of our COMMIT."""
        block, signature = self.commits[place]
        ring, none = bls_keyring(4), bytes(32)
        bare = Vote(COMMIT, 0, place.height, place.view, block, none, 0, bytes(96))
        digest = bare.digest(genesis().id)
        whole = bls.aggregate([signature, ring.sign(1, digest), ring.sign(2, digest)])
        return Certificate(COMMIT, 0, place.height, place.view, block, none, b"\x07", whole)

    def ask(self, method: str, *params: object) -> object:
        assert self.voter is not None
        return trio.run(self.voter.handle, method, params)

    def end(self, *, orderly: bool) -> None:
        if self.votes is not None:
            if orderly and self.voter is not None:
                self.voter.mark()
            self.votes.journal.close()
            self.orderly = orderly
        self.votes = self.voter = None

    # -- what happens to it

    def contradict(self) -> None:
        """Ask for another block wherever something left of late."""
        for place in sorted(self.blocks)[-6:]:
            if self.voter is not None:
                self.sign(place, next(one for one in BLOCKS if one != self.blocks[place]))

    running = precondition(lambda self: self.voter is not None)

    @running
    @rule(asked=st.lists(ASKED, min_size=2, max_size=8))
    def votes_are_asked(self, asked: list[tuple[int, int, Step, bytes]]) -> None:
        for one in asked:
            self.vote(*one)

    @running
    @rule(asked=st.lists(ASKED, min_size=2, max_size=8))
    def more_votes_are_asked(self, asked: list[tuple[int, int, Step, bytes]]) -> None:
        for one in asked:
            self.vote(*one)

    def vote(self, ahead: int, view: int, step: Step, block: bytes) -> None:
        self.sign(Position(max(1, self.height + ahead), view, int(step)), block)

    def sign(self, place: Position, block: bytes) -> None:
        """Ask for a signature; what leaves is compared with what left before."""
        payload = block if place.step == Step.COMMIT else block + bytes(32)
        if place.step == Step.TIMEOUT:
            payload = bytes(7) + block[:1]
        try:
            answer = self.ask("sign", encode(SignRequest(place, 0, payload, b"")))
        except Invalid:
            return
        _, signature, digest = answer  # type: ignore[misc]
        self.doubled |= self.released.get(place, digest) != digest
        self.released[place] = digest
        self.blocks[place] = block
        self.height = max(self.height, place.height)
        if place.step == Step.COMMIT:
            self.commits[place] = (block, signature)

    @running
    @rule(orderly=st.booleans())
    def restart(self, orderly: bool) -> None:
        self.end(orderly=orderly)
        self.start()

    @running
    @rule(tail=st.binary(min_size=1, max_size=7))
    def torn(self, tail: bytes) -> None:
        self.end(orderly=False)
        with VOTES.open("ab") as file:
            file.write(tail)
        self.start()

    @running
    @rule(data=st.data(), orderly=st.booleans())
    def restore_journal(self, data: st.DataObject, orderly: bool) -> None:
        """The journal alone; the mark lies with the key."""
        assert self.votes is not None
        held = self.votes.mark.holds
        self.end(orderly=orderly)
        journal, _, _ = data.draw(st.sampled_from(self.copies))
        now = VOTES.read_bytes()
        VOTES.write_bytes(journal)
        if not orderly and self.lacks(held, journal) is False:
            VOTES.write_bytes(now)
        self.start()
        self.contradict()

    def lacks(self, held: tuple[Vote_, ...], journal: bytes) -> bool:
        """Whether a copy lacks what the mark knows of."""
        Path("look").write_bytes(journal)
        with journals.Journal.open("look", kind="votes", magic=REGTEST.magic) as look:
            votes, floor = journals.votes_in(look), journals.floor_of(look)
            return any(vote not in votes and vote.position.height > floor for vote in held)

    @running
    @rule(data=st.data())
    def restore_home(self, data: st.DataObject) -> None:
        """Journal and mark together, as from a snapshot of the machine."""
        journal, mark, commits = data.draw(st.sampled_from(self.copies))
        if commits == len(self.commits) or max(self.released) > max(self.commits):
            return  # nothing that others can show was lost, or something more than that
        self.end(orderly=True)
        VOTES.write_bytes(journal)
        MARK.write_bytes(mark)
        self.start()
        self.contradict()

    @running
    @rule()
    def lose(self) -> None:
        self.end(orderly=True)
        VOTES.unlink()
        self.start()
        assert self.voter is None

    @rule(more=st.integers(0, 2))
    def accept_the_loss(self, more: int) -> None:
        """The operator reads another node's height, and adds two."""
        self.end(orderly=True)
        floor = max([self.height, *(place.height for place in self.released)]) + 2 + more
        journals.begin_abstaining(DATA, "trade", floor, REGTEST.magic)
        self.height = floor + 1
        self.start()
        assert self.served

    @invariant()
    def one_place_one_signature(self) -> None:
        assert not self.doubled

    def teardown(self) -> None:
        self.end(orderly=False)
        os.chdir(self.before)
        shutil.rmtree(self.folder)


def test_a_journal_from_before_a_second_loss_is_not_taken_for_the_newest() -> None:
    """Two losses accepted, then the first journal is found again and put back."""
    home = OneVote()
    try:
        home.begin()
        home.vote(0, 0, Step.PROPOSE, BLOCKS[0])
        first = VOTES.read_bytes()
        for _ in range(2):
            home.lose()
            home.accept_the_loss(0)
        home.end(orderly=True)
        VOTES.write_bytes(first)
        home.start()
        assert not home.served
    finally:
        home.teardown()


TestOneVote = OneVote.TestCase
TestOneVote.settings = settings(max_examples=30, stateful_step_count=12, deadline=None)
