"""The view of the sidechain comes from one moment of its state, entry by entry."""

from __future__ import annotations

from pathlib import Path

import pytest

from bystack.federation.guarding.decided import rekeyed
from bystack.federation.module.records import (
    KEY,
    KEY_NEXT,
    TERMS,
    KeyEpoch,
    TermsDecision,
    entry_key,
)
from bystack.ledger.terms import terms_hash
from bystack.primitives import bls
from bystack.primitives.codec import encode
from bystack.sidechain.records import Sums, sums_key
from bystack.sidechain.stops import STOPS, Stop
from tests.federation.guarding.tower import BTM, paid
from tests.node.federation.members import certificate
from tests.node.guard.post import Post, in_trio
from tests.sidechain import mainside
from tests.sidechain.mainside import GROUP

FRESH = bls.sk_to_pk(bls.key_gen(b"fresh" * 8))


def epoch(number: int, key: bytes) -> bytes:
    held = certificate()
    return encode(KeyEpoch(number, 0, b"\x05" * 32, key, held.polynomial, held.session.roster, 0))


@in_trio
async def test_entries_of_the_state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    post = Post(tmp_path, monkeypatch)
    post.batch(4, [paid(3)])
    post.state[sums_key(BTM)] = encode(Sums(1, 2, 3, 4, 5))
    post.state[STOPS] = encode(int(Stop.LAG | Stop.ORPHANED))
    post.state[entry_key(TERMS)] = encode(TermsDecision(1, bytes(32), b"\x07" * 32, 9))
    view = await post.guard.links.view(post.genesis, mainside.TERMS, (3, 4))
    assert (view.height, view.time, view.peers, view.attached) == (5, 10_000_000, 3, True)
    assert view.batches[3] is None and view.batches[4] is not None
    assert view.batches[4].record.outputs == (paid(3),)
    assert (view.next_seq, view.mirrored) == (5, -1)
    assert view.sums == {BTM: Sums(1, 2, 3, 4, 5)}
    assert view.stops == Stop.LAG | Stop.ORPHANED
    assert view.decided == {b"\x07" * 32}


@in_trio
async def test_the_next_key_makes_the_present_terms_with_it_decided(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    post = Post(tmp_path, monkeypatch)
    old = bls.sk_to_pk(GROUP)
    post.state[entry_key(KEY)] = epoch(0, old)
    post.state[entry_key(KEY_NEXT)] = epoch(1, FRESH)
    view = await post.guard.links.view(post.genesis, mainside.TERMS, ())
    new = rekeyed(mainside.TERMS, old, FRESH)
    assert view.decided == {terms_hash(new)} and new != mainside.TERMS
    assert rekeyed(new, FRESH, old) == mainside.TERMS
