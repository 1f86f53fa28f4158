"""W02 equivocation: two certified blocks of one height. No payment after it until people decide.

Both headers are kept as they are, with their certificates; the signer's client is frozen, whoever
shows them and in whatever order, also after a restart; each signer's operator says which of the two
stands, so it takes a quorum of signers before anything is paid again.
"""

from __future__ import annotations

import pytest

from bystack.federation.warrants import Warrants
from bystack.primitives.codec import decode, encode
from bystack.sidechain.consensus.light import ClientFrozen, Conflict, Followed, LightClient
from bystack.sidechain.consensus.verifier import InstantFinality
from tests.federation.peg import RING, USUAL, Peg, final, header_of


def restarted(peg: Peg) -> None:
    """The process begins anew with the bytes it kept."""
    kept = decode(Followed, encode(peg.client.followed), 10_000_000)
    peg.client = LightClient(kept, InstantFinality(RING.scheme))
    peg.warrants = Warrants(peg.watch, peg.journal, peg.client)


@pytest.mark.parametrize("height", [0, 1])
def test_w02_nothing_is_paid_after_two_final_blocks(height: int) -> None:
    """The other block competes with the one of the record, or with the one on top of it."""
    peg = Peg()
    request = peg.request(peg.record(0, *USUAL))
    pair = (request.final, request.later)
    rival = final(header_of(peg.genesis, pair[height].header.height, proposer=9))
    peg.client.verify(rival)
    with pytest.raises(ClientFrozen):
        peg.warrants.order(request)
    assert peg.journal == []
    for _ in range(2):
        later = peg.request(peg.record(1, *USUAL))
        with pytest.raises(ClientFrozen):
            peg.warrants.order(later)
        restarted(peg)
    (kept,) = peg.client.followed.conflict
    assert rival.header.id in (kept.first.header.id, kept.second.header.id)
    assert isinstance(kept, Conflict)


def test_w02_people_say_which_block_stands() -> None:
    peg = Peg()
    request = peg.request(peg.record(0, *USUAL))
    rival = final(header_of(peg.genesis, request.final.header.height, proposer=9))
    peg.client.verify(request.final)
    with pytest.raises(ClientFrozen):
        peg.client.verify(rival)
    assert not peg.client.believe(b"\x01" * 32)
    assert peg.client.believe(request.final.header.id)
    assert peg.warrants.order(request).seq == 0
    with pytest.raises(ClientFrozen):
        peg.client.verify(rival)
