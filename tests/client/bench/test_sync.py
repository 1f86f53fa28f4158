"""The sync benchmark's parts: the chain it makes is valid; figures come from what was measured."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest
import trio

from bystack.client.bench import chains
from bystack.client.bench.chains import FRAMES, Connected, build, connect
from bystack.client.bench.sync import Joined, _measured
from bystack.mainchain.params import REGTEST
from bystack.node.store.chainstore import ChainStore


def test_the_chain_it_makes_connects(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(chains, "COINS", 7)  # so that coins are spent again
    build(tmp_path, 4, 5)
    frames = msgspec.msgpack.decode((tmp_path / FRAMES).read_bytes())
    store = ChainStore.open(tmp_path / "chain", REGTEST)
    try:
        done = trio.run(connect, frames, store)
        assert (done.blocks, done.transactions) == (106, 106 + 1 + 20)
        assert store.connected_at(106) == store.tip()
    finally:
        store.close()


def test_what_it_says_is_what_was_measured() -> None:
    measured = _measured(Connected(2.0, 100, 1_000), Joined(4.0, 7))
    assert measured.figures["joined_tx_per_second"] == 250
    assert measured.figures["joined_blocks_per_second"] == 25
    assert measured.floor["validated_tx_per_second"] == 500
    assert measured.ratio == {"joined_to_validated": 0.5}
