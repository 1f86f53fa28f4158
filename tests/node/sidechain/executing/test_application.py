"""What the application answers the engine: verdicts on blocks, blocks of its own, commits once."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import trio
from msgspec.structs import replace

from bystack.ledger.checks import SignatureWrong
from bystack.ledger.transactions import Items, Spend, Transaction
from bystack.node.sidechain.executing.application import Application, BodyCertificate, StaleParent
from bystack.node.sidechain.modules import modules_of
from bystack.node.sidechain.store import SideStore
from bystack.node.verifying.verifier import Verifier
from bystack.primitives.codec import encode
from bystack.primitives.errors import Invalid
from bystack.sidechain.assembly import Built
from bystack.sidechain.consensus.events import BuildBlock, Decide
from bystack.sidechain.consensus.statements import COMMIT, Certificate
from bystack.sidechain.transition import HeaderWrong
from tests.ledger.people import CAROL
from tests.node.sidechain.test_store import follow
from tests.sidechain.world import World, ready


class Stage:
    """A store that follows a world, and the application over it."""

    def __init__(self, path: Path) -> None:
        self.world = ready()
        self.world.pegged(900)
        self.modules = modules_of(self.world.genesis)
        self.store = SideStore.open(str(path), self.world.genesis, self.modules)
        self.application = Application(self.store, self.modules, Verifier(1))
        trio.run(follow, self.store, self.world)

    def build(self, *txs: Transaction) -> Built:
        store, wish_time = self.store, self.world.now
        wish = BuildBlock(
            store.height + 1, 0, wish_time, store.header, store.certificate, proposer=2
        )
        return trio.run(self.application.build, wish, txs)

    def fresh(self) -> Application:
        """Another node's application over the same store: it remembers nothing."""
        return Application(self.store, self.modules, Verifier(1))

    def execute(self, built: Built, **changes: object) -> object:
        body = replace(built.body, **changes)
        return trio.run(self.fresh().execute, built.header, encode(body))


@pytest.fixture
def stage(tmp_path: Path) -> Iterator[Stage]:
    made = Stage(tmp_path)
    yield made
    made.store.close()


def certificate(built: Built) -> Certificate:
    header = built.header
    return Certificate(COMMIT, 0, header.height, 0, header.id, bytes(32), b"\x07", b"\x02" * 96)


def test_its_own_block_is_valid_for_others(stage: Stage) -> None:
    built = stage.build(stage.world.transact(CAROL))
    assert built.header.proposer == 2 and not built.refused
    assert built.header.parent_certificate == stage.store.certificate.hash
    assert len(built.body.transactions) == 1
    stage.execute(built)


def test_a_candidate_that_does_not_apply_is_left_out_and_named(stage: Stage) -> None:
    good = stage.world.transact(CAROL)
    twin = stage.world.transact(CAROL, fee=2)
    built = stage.build(good, twin)
    assert built.body.transactions == (good,)
    assert [tx for tx, _ in built.refused] == [twin]


def test_the_body_must_hold_the_certificate_the_header_names(stage: Stage) -> None:
    built = stage.build()
    other = replace(stage.store.certificate, view=8)
    with pytest.raises(BodyCertificate):
        stage.execute(built, certificate=encode(other))
    with pytest.raises(Invalid):
        stage.execute(built, certificate=b"")


def test_a_wrong_signature_is_no_block(stage: Stage) -> None:
    good = stage.world.transact(CAROL)
    (spend,) = good.witnesses
    assert isinstance(spend, Spend)
    (signature,) = spend.items
    broken: Items = (bytes([signature[0] ^ 1]) + signature[1:],)
    bad = replace(good, witnesses=(replace(spend, items=broken),))
    assert bad.id == good.id
    # A proposer leaves it out.
    assert stage.build(bad).refused
    # One that proposes it all the same, with a header to match, finds no voter.
    built = stage.build(good)
    header = replace(built.header, witness_root=_witness_root(bad))
    with pytest.raises(SignatureWrong):
        trio.run(stage.fresh().execute, header, encode(replace(built.body, transactions=(bad,))))


def _witness_root(tx: object) -> bytes:
    from bystack.sidechain.blocks import body_roots

    return body_roots((tx,))[1]  # type: ignore[arg-type]


@pytest.mark.parametrize("field", ["state_root", "outbox_root", "relay_tip", "transaction_root"])
def test_a_wrong_root_is_no_block(stage: Stage, field: str) -> None:
    built = stage.build(stage.world.transact(CAROL))
    header = replace(built.header, **{field: bytes(32)})
    with pytest.raises(HeaderWrong):
        trio.run(stage.fresh().execute, header, encode(built.body))


def test_other_bytes_under_a_known_header_are_judged_anew(stage: Stage) -> None:
    built = stage.build(stage.world.transact(CAROL))
    application = stage.fresh()
    trio.run(application.execute, built.header, encode(built.body))
    without = replace(built.body, transactions=())
    for body in (b"", b"rubbish", encode(without)):
        with pytest.raises(Invalid):
            trio.run(application.execute, built.header, body)
    trio.run(application.execute, built.header, encode(built.body))


def test_a_block_on_another_parent_is_stale(stage: Stage) -> None:
    built = stage.build()
    header = replace(built.header, parent=bytes(32))
    with pytest.raises(StaleParent):
        trio.run(stage.fresh().execute, header, encode(built.body))


def test_nothing_is_written_before_the_decision(stage: Stage) -> None:
    before = stage.store.tip
    built = stage.build(stage.world.transact(CAROL))
    stage.execute(built)
    assert stage.store.tip == before and stage.store.final(before.height + 1) is None


def test_a_decided_block_is_durable_once(stage: Stage) -> None:
    built = stage.build(stage.world.transact(CAROL))
    decided = Decide(built.header, encode(built.body), certificate(built))
    # Also where the block was executed by an earlier process: it is executed again.
    application = stage.fresh()
    assert trio.run(application.finish, decided) == built.body
    assert stage.store.header == built.header
    assert trio.run(application.finish, decided) is None


def test_what_it_remembers_is_bounded(stage: Stage) -> None:
    world: World = stage.world
    for fee in range(1, 60):
        stage.build(world.transact(CAROL, fee=fee))
    assert len(stage.application._done) == 32


def test_a_block_on_one_not_final_does_what_it_does_once_that_is(stage: Stage) -> None:
    """State, coins, trie and digest of a parent that no store has lie over the store's."""
    world = stage.world
    first = stage.build(world.transact(CAROL, fee=3))
    world.side.commit(first)
    burn = world.burn_tx(200)
    wish = BuildBlock(
        first.header.height + 1, 0, first.header.time + 10, first.header, certificate(first), 1
    )
    second = trio.run(stage.application.build, wish, [burn])
    assert second.body.transactions == (burn,)
    over = trio.run(stage.application.execute, second.header, encode(second.body))
    finish(stage.application, first)
    after = trio.run(stage.fresh().execute, second.header, encode(second.body))
    assert over == after
    finish(stage.application, second)
    assert stage.store.header == second.header
    assert stage.store.tip.system_root == after.trie.root


def test_what_stands_on_another_block_is_forgotten(stage: Stage) -> None:
    world = stage.world
    first, rival = stage.build(world.transact(CAROL, fee=3)), stage.build()
    height, time = first.header.height + 1, first.header.time + 10
    wishes = [
        BuildBlock(height, 0, time, one.header, certificate(one), 1) for one in (first, rival)
    ]
    mine, other = (trio.run(stage.application.build, wish, []) for wish in wishes)
    finish(stage.application, first)
    assert set(stage.application._done) == {mine.header.id}
    with pytest.raises(StaleParent):
        trio.run(stage.application.execute, other.header, encode(other.body))


def finish(application: Application, built: Built) -> None:
    trio.run(application.finish, Decide(built.header, encode(built.body), certificate(built)))
