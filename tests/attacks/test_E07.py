"""E07 A quorum prepares a block that its timeout certificate forbids: another may be final."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from bystack.sidechain.consensus.bbft import Bbft
from bystack.sidechain.consensus.events import Config, Era, Input, Received, ReportEvidence
from bystack.sidechain.consensus.evidence import ForbiddenBlock
from bystack.sidechain.consensus.messages import Message
from bystack.sidechain.consensus.statements import (
    NO_SIGNATURE,
    PREPARE,
    Certificate,
    HighSigners,
    TimeoutCertificate,
)
from bystack.sidechain.consensus.validators import bitmap_of
from tests.simulation.harness import genesis
from tests.simulation.offenders import RING, chain, convicts_once, proves_nothing
from tests.simulation.schemes import node_id

TRAITORS, HONEST = (1, 2, 3), 0
FINAL, OTHER = b"a" * 32, b"b" * 32


def prepared(block: bytes, view: int, justify: bytes) -> Certificate:
    """What three traitors prepare."""
    who = bitmap_of(TRAITORS, 4)
    bare = Certificate(PREPARE, 0, 1, view, block, justify, who, NO_SIGNATURE)
    parts = [RING.sign(i, bare.digest(chain().genesis.id)) for i in TRAITORS]
    return replace(bare, signature=RING.scheme.aggregate(parts))


def closed(best: Certificate) -> TimeoutCertificate:
    """They give view 0 up, and admit what was prepared in it."""
    groups = (HighSigners(0, bitmap_of(TRAITORS, 4)),)
    bare = TimeoutCertificate(0, 1, 0, groups, NO_SIGNATURE, (best,))
    parts = [RING.sign(i, bare.digest(chain().genesis.id, 0)) for i in TRAITORS]
    return replace(bare, signature=RING.scheme.aggregate(parts))


def reported(*messages: Message) -> list[ForbiddenBlock]:
    """What the honest validator reports that hears these."""
    key = RING.validators.validators[HONEST].key
    start = genesis(RING, chain=chain().genesis.id)
    node = Bbft(Era(RING.validators, Config()), key, start[0].chain, RING.scheme, start)
    node.begin(0)
    heard: list[Input] = [Received(node_id(1), message) for message in messages]
    outputs = [output for event in heard for output in node.handle(event, 100)]
    return [
        o.evidence
        for o in outputs
        if isinstance(o, ReportEvidence) and isinstance(o.evidence, ForbiddenBlock)
    ]


BEST = prepared(FINAL, 0, bytes(32))
CLOSED = closed(BEST)
FORBIDDEN = prepared(OTHER, 1, CLOSED.hash)


@pytest.mark.parametrize("order", [(CLOSED, FORBIDDEN), (FORBIDDEN, CLOSED)])
def test_an_ordinary_node_finds_it_and_the_chain_convicts_once(order: tuple[Message, ...]) -> None:
    (evidence,) = reported(*order)
    convicts_once(evidence, {*TRAITORS})
    lawful = prepared(FINAL, 1, CLOSED.hash)
    assert not reported(CLOSED, lawful)
    proves_nothing(replace(evidence, certificate=lawful))


def test_it_is_found_because_it_is_looked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bystack.sidechain.consensus.watching.detect", lambda *_: None)
    assert not reported(CLOSED, FORBIDDEN)
