"""A guard's private lines to its own node, and the view of the sidechain they give."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TypeVar

from bystack.federation.guarding.decided import rekeyed
from bystack.federation.guarding.view import View
from bystack.federation.module.records import (
    KEY,
    KEY_NEXT,
    TERMS,
    KeyEpoch,
    TermsDecision,
    entry_key,
)
from bystack.ledger.terms import Terms, terms_hash
from bystack.ledger.vault_state import decode_state
from bystack.node.federation.links import Links
from bystack.node.ipc import Reconnecting
from bystack.primitives.codec import decode
from bystack.sidechain.params import Genesis
from bystack.sidechain.records import (
    LAST_SEQ,
    MIRROR,
    Batch,
    Mirror,
    Sums,
    batch_key,
    sums_key,
)
from bystack.sidechain.state import MAX_VALUE
from bystack.sidechain.stops import STOPS, Stop

T = TypeVar("T")


class GuardLinks(Links):
    """Lines to the main chain, the follower of the sidechain, and the guard's signer."""

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self.signer = Reconnecting(f"run/signer-guard-{name}.sock")

    async def view(self, genesis: Genesis, terms: Terms, seqs: Sequence[int]) -> View:
        """The sidechain's final state now, with the batches of these seqs.

        `terms`: of the vault in force, for which a next key counts. Raises `Unavailable`.
        """
        status = await self.side.call("status")
        attached = await self.main.call("verdict", status["relay_tip"]) == "best"
        accused = await self.side.call("accusations")  # before the state, which may have taken them
        keys = [*FIXED, *(sums_key(one.asset) for one in genesis.assets)]
        keys += [batch_key(seq) for seq in seqs]
        height, time, values = await self.side.call("states", keys)
        first, last = len(FIXED), len(FIXED) + len(genesis.assets)
        mirror, next_seq, stops, *decisions = values[:first]
        sums = zip(genesis.assets, values[first:last], strict=True)
        batches = zip(seqs, values[last:], strict=True)
        return View(
            height=height,
            time=time,
            peers=int(status["peers"]),
            relay_height=int(status["relay_height"]),
            attached=attached,
            mirrored=decode_state(_read(Mirror, mirror).state).seq if mirror else -1,
            next_seq=_number(next_seq),
            stops=Stop(_number(stops)),
            batches={seq: _read(Batch, data) if data else None for seq, data in batches},
            sums={one.asset: _read(Sums, data) for one, data in sums if data},
            decided=frozenset(_decided(terms, *decisions)),
            accused=int(accused),
        )


FIXED = (
    MIRROR, LAST_SEQ, STOPS,
    entry_key(TERMS), entry_key(KEY), entry_key(KEY_NEXT),
)  # fmt: skip


def _read(kind: type[T], data: bytes) -> T:
    return decode(kind, data, MAX_VALUE)


def _number(data: bytes | None) -> int:
    return _read(int, data) if data else 0


def _decided(
    terms: Terms, decision: bytes | None, key: bytes | None, following: bytes | None
) -> Iterator[bytes]:
    """The terms decided by governance, and the present ones with the next key."""
    if decision:
        yield _read(TermsDecision, decision).terms
    if key and following:
        old, new = _read(KeyEpoch, key).key, _read(KeyEpoch, following).key
        yield terms_hash(rekeyed(terms, old, new))
