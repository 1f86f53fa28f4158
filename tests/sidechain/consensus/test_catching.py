"""Catching up: one certificate for a line of blocks, liars left, the next line asked in time."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace as changed

from msgspec.structs import replace

from bystack.sidechain.consensus.bbft import Bbft
from bystack.sidechain.consensus.events import (
    Era,
    Execute,
    Executed,
    Finalized,
    Output,
    Penalise,
    Received,
    Sign,
    Sync,
    Timer,
    TimerFired,
    TimerKind,
)
from bystack.sidechain.consensus.messages import Blocks, FinalBlock
from bystack.sidechain.consensus.validators import ValidatorSet
from tests.sidechain.consensus.test_bbft import ERA, chain_of, follow, key_of
from tests.simulation.harness import CHAIN, genesis
from tests.simulation.schemes import HashScheme, node_id
from tests.transcripts.bbft.play import RING

LIAR, HONEST = node_id(3), node_id(0)


class Counting(HashScheme):
    """Counts the certificates it is shown."""

    def __init__(self) -> None:
        self.shown = 0

    def fast_aggregate_verify(self, keys: Sequence[bytes], digest: bytes, signature: bytes) -> bool:
        self.shown += 1
        return super().fast_aggregate_verify(keys, digest, signature)


def counting(era: Era = ERA) -> tuple[Bbft, Counting]:
    scheme = Counting()
    made = Bbft(era, key_of(2), CHAIN, scheme, genesis(RING))
    made.begin(0)
    return made, scheme


def syncs(outputs: Sequence[Output]) -> list[Sync]:
    return [one for one in outputs if isinstance(one, Sync)]


def test_of_a_line_only_the_last_certificate_is_verified() -> None:
    node, scheme = counting()
    outputs = node.handle(Received(HONEST, Blocks(tuple(chain_of(7)))), 500)
    assert scheme.shown == 1
    assert len(follow(node, outputs, 500)) == 7 and node.height == 8
    assert scheme.shown == 1, "what the last one binds is not verified later either"


def test_what_is_not_bound_is_verified_for_itself() -> None:
    blocks = chain_of(4)
    other = chain_of(4)[1]
    signers = RING.validators
    digest = other.certificate.digest(CHAIN)
    shares = [RING.sign(index, digest) for index in (1, 2, 3)]
    again = replace(other.certificate, bitmap=b"\x0e", signature=RING.scheme.aggregate(shares))
    assert len(signers) == 4 and again != other.certificate
    node, scheme = counting()
    blocks[1] = FinalBlock(other.header, other.body, again)
    outputs = node.handle(Received(HONEST, Blocks(tuple(blocks))), 500)
    assert scheme.shown == 2 and len(follow(node, outputs, 500)) == 4


def test_a_false_line_changes_nothing_and_names_its_giver() -> None:
    blocks = chain_of(5)
    for at in range(5):
        lie = replace(blocks[at].certificate, signature=b"\1" * 96)
        false = [*blocks]
        false[at] = FinalBlock(blocks[at].header, blocks[at].body, lie)
        node, _ = counting()
        said = node.handle(Received(LIAR, Blocks(tuple(false))), 500)
        assert said == [Penalise(LIAR, "CertificateSignature")]
        assert (
            len(follow(node, node.handle(Received(HONEST, Blocks(tuple(blocks))), 500), 500)) == 5
        )


def test_a_header_of_another_chain_under_a_true_certificate_is_refused() -> None:
    blocks = chain_of(3)
    header = replace(blocks[1].header, state_root=b"x" * 32)
    false = (blocks[0], FinalBlock(header, blocks[1].body, blocks[1].certificate), blocks[2])
    node, _ = counting()
    assert node.handle(Received(LIAR, Blocks(false)), 500) == [Penalise(LIAR, "CertificateBlock")]


def test_a_false_body_costs_its_giver_and_another_gives_the_right_one() -> None:
    blocks = chain_of(2)
    false = FinalBlock(blocks[0].header, b"rubbish", blocks[0].certificate)
    node, _ = counting()
    outputs = node.handle(Received(LIAR, Blocks((false, blocks[1]))), 500)
    (run,) = [one for one in outputs if isinstance(one, Execute)]
    assert run.body == b"rubbish"
    refused = node.handle(Executed(run.header.id, False, "Malformed"), 500)
    assert Penalise(LIAR, "BlockInvalid: Malformed") in refused
    asked = node.handle(TimerFired(Timer(TimerKind.RETRY, 1, 0)), 1_100)
    assert any(one.from_height == 1 for one in syncs(asked))
    outputs = node.handle(Received(HONEST, Blocks(tuple(blocks))), 900)
    assert len(follow(node, outputs, 900)) == 2


def test_the_next_line_is_asked_for_while_this_one_is_executed() -> None:
    node, _ = counting()
    outputs = node.handle(Received(HONEST, Blocks(tuple(chain_of(6)))), 500)
    assert syncs(outputs) == [Sync(7, HONEST)]
    again = node.handle(Received(HONEST, Blocks(tuple(chain_of(6)))), 500)
    assert not syncs(again), "once for each line"


def test_one_block_is_news_and_not_a_line_of_many() -> None:
    node, _ = counting()
    assert not syncs(node.handle(Received(HONEST, Blocks(tuple(chain_of(1)))), 500))


def test_nothing_beyond_the_epoch_is_taken_or_asked_for_before_it_turned() -> None:
    node, _ = counting(changed(ERA, last=3))
    outputs = node.handle(Received(HONEST, Blocks(tuple(chain_of(6)))), 500)
    assert not syncs(outputs)
    done: list[Output] = []
    for height in (1, 2, 3):
        (run,) = [one for one in outputs if isinstance(one, Execute)]
        ready = node.handle(Executed(run.header.id, True), 500)
        assert len(ready) == 1
        following = Era(ValidatorSet(1, RING.validators.validators), ERA.config, 9)
        era = following if height == 3 else changed(ERA, last=3)
        outputs = done = node.handle(Finalized(height, era), 500)
    assert node.height == 4 and syncs(done) == [Sync(4, HONEST)]


def test_who_knows_of_a_later_final_block_signs_nothing() -> None:
    node, _ = counting()
    outputs = node.handle(Received(HONEST, Blocks(tuple(chain_of(3)[2:]))), 500)
    outputs += node.handle(TimerFired(Timer(TimerKind.VIEW, 1, 0)), 900)
    assert not any(isinstance(one, Sign) for one in outputs)
