"""What a signer verifies by itself: headers, and its vault's anchor spends in order."""

import pytest
from msgspec.structs import replace

from bystack.federation.vetoes import SetAside
from bystack.federation.watch import (
    OTHERWISE,
    Mirrored,
    SpentSeq,
    Watch,
    Watched,
    WatchForeign,
    WindowRow,
)
from bystack.ledger.transactions import Outpoint
from bystack.ledger.vault_operations import Order, operation_digest
from bystack.mainchain.params import chain_id
from bystack.primitives.codec import decode, encode
from bystack.primitives.errors import Invalid
from bystack.sidechain.inclusion import NotDeepEnough
from bystack.sidechain.mirror import NotTheAnchor, NotTheCreation
from bystack.sidechain.records import Mirror
from bystack.sidechain.relay import RelayDetached, RelayNotBetter
from tests.ledger.people import ALICE
from tests.sidechain.world import K
from tests.wire import check_wire

from .peg import LATE, Peg, pays


@pytest.fixture
def peg() -> Peg:
    return Peg()


def paid(peg: Peg, amount: int = 20):
    """An order mined in the next block, with coins to pay it."""
    peg.main.send(peg.main.deposit(ALICE, 5_000, pays(1).asset, b"\x01" * 64))
    peg.main.grow(20)
    return peg.main.send(peg.main.order([pays(amount)]))


def test_it_starts_at_the_checkpoint_and_knows_nothing(peg: Peg) -> None:
    assert peg.watch.tip.id == peg.genesis.checkpoint.id
    assert peg.watch.vault is None and peg.watch.mirror is None and peg.watch.spent == {}
    assert peg.watch.terms == peg.genesis.terms


def test_headers_are_judged_here(peg: Peg) -> None:
    peg.main.grow(3)
    headers = [e.header for e in peg.main.entries[peg.genesis.checkpoint.header.height + 1 :]]
    for bad in ([headers[1]], headers[2:]):
        with pytest.raises(RelayDetached):
            peg.watch.headers(bad, LATE)
    with pytest.raises(Invalid):  # from the future, as this process's own clock says
        peg.watch.headers(headers, headers[0].time - peg.genesis.main.tolerance - 1)
    assert peg.watch.tip.id == peg.genesis.checkpoint.id
    peg.watch.headers(headers, LATE)
    assert peg.watch.tip.id == peg.main.tip.id
    with pytest.raises(RelayNotBetter):
        peg.watch.headers(headers[-1:], LATE)


def test_the_creation_and_each_spend_in_order_and_only_when_buried(peg: Peg) -> None:
    order = paid(peg)
    peg.feed()
    with pytest.raises(NotTheCreation):
        peg.main.grow(K)
        peg.feed()
        peg.watch.anchor(peg.main.inclusion(order))
    peg.watch.anchor(peg.main.inclusion(peg.main.created))
    assert peg.watch.vault is not None and peg.watch.vault.seq == 0 and peg.watch.spent == {}
    touch = peg.main.send(peg.main.touch())
    peg.feed()
    with pytest.raises(NotDeepEnough):
        peg.watch.anchor(peg.main.inclusion(touch))
    peg.main.grow(K)
    peg.feed()
    with pytest.raises(NotTheAnchor):
        peg.watch.anchor(peg.main.inclusion(touch))  # out of order
    peg.watch.anchor(peg.main.inclusion(order))
    digest = operation_digest(
        chain_id(peg.genesis.main), peg.genesis.vault, 0, Order(0, 0, (pays(20),))
    )
    assert peg.watch.spent == {0: digest}
    peg.watch.anchor(peg.main.inclusion(touch))
    assert peg.watch.spent == {0: digest, 1: OTHERWISE}
    assert peg.watch.vault.seq == 2


def test_a_reorganisation_takes_back_what_it_proved(peg: Peg) -> None:
    peg.created()
    peg.prove(peg.main.send(peg.main.touch()))
    assert peg.watch.spent == {0: OTHERWISE}
    peg.main.reorganise(K + 1)
    peg.feed()
    assert peg.watch.spent == {} and peg.watch.vault is not None and peg.watch.vault.seq == 0
    peg.main.reorganise(peg.main.height - peg.genesis.checkpoint.header.height)
    peg.feed()
    assert peg.watch.vault is None and peg.watch.mirror is None


def test_a_refused_branch_changes_nothing(peg: Peg) -> None:
    peg.created()
    before = (peg.watch.tip.id, peg.watch.mirror, dict(peg.watch.spent))
    fork = peg.main.copy()
    fork.reorganise(3, more=0)
    with pytest.raises(RelayNotBetter):
        peg.watch.headers([e.header for e in fork.entries[-3:]], LATE)
    assert (peg.watch.tip.id, peg.watch.mirror, peg.watch.spent) == before


def test_mirrors_stay_bounded_and_what_was_spent_is_kept() -> None:
    """Old mirrors go, and a reorganisation of the whole window finds the one before it."""
    peg = Peg()
    peg.created()
    window, mirrors = peg.genesis.window, []
    for seq in range(12):
        peg.prove(peg.main.send(peg.main.touch()))
        mirrors.append(peg.watch.mirror)
        peg.main.grow(window // 6)
        peg.feed()
        assert len(peg.watch._history) <= 8 and len(peg.watch.spent) == seq + 1
    oldest = peg.watch._history[0][0]
    assert oldest in mirrors[4:]
    peg.main.reorganise(window - 1)
    peg.feed()
    assert peg.watch.mirror == oldest and peg.watch.vault is not None
    assert set(peg.watch.spent) == set(range(peg.watch.vault.seq))


def test_the_window_stays_bounded(peg: Peg) -> None:
    small = Peg()
    small.main.grow(2 * small.genesis.window + 50)
    headers = [e.header for e in small.main.entries[small.genesis.checkpoint.header.height + 1 :]]
    for start in range(0, len(headers), 400):
        small.watch.headers(headers[start : start + 400], LATE)
    # An entry, its height, and the tip.
    assert len(small.watch._window._entries) <= 2 * small.genesis.window + 3


MIRROR = Mirror(Outpoint(b"\x01" * 32, 0), b"state", b"terms", 7, b"\x02" * 32)
WIRES = {
    "window_row": WindowRow(b"relay/tip/", b"\x03" * 32),
    "mirrored": Mirrored(MIRROR, (3,)),
    "spent_seq": SpentSeq(3, b"\x04" * 32),
    "watched": Watched(
        b"\x05" * 32,
        (WindowRow(b"relay/tip/", b"\x03" * 32),),
        (Mirrored(MIRROR, ()),),
        (SpentSeq(3, b""),),
        (SetAside(3, Outpoint(b"\x06" * 32, 1), (b"\x07" * 32,)),),
    ),
    "set_aside": SetAside(3, Outpoint(b"\x06" * 32, 1), ()),
}


@pytest.mark.parametrize("name", WIRES)
def test_golden_bytes(name: str) -> None:
    check_wire(f"federation_{name}", WIRES[name])


def kept(peg: Peg) -> Watch:
    """Another watch that goes on from this one's bytes."""
    watch = Watch(peg.genesis)
    watch.resume(decode(Watched, encode(peg.watch.watched), 10_000_000))
    return watch


def test_what_was_verified_is_taken_up_again(peg: Peg) -> None:
    order = paid(peg)
    peg.main.grow(K)
    peg.feed()
    peg.created()
    peg.prove(order)
    again = kept(peg)
    assert again.tip.id == peg.watch.tip.id and again.mirror == peg.watch.mirror
    assert again.spent == peg.watch.spent and set(again.spent) == {0}
    assert again.watched == peg.watch.watched
    # A reorganisation takes back there what it takes back here.
    depth = len(peg.main.entries) - peg.genesis.checkpoint.header.height - 2
    peg.main.reorganise(depth)
    above = [e.header for e in peg.main.entries[peg.genesis.checkpoint.header.height + 1 :]]
    for watch in (peg.watch, again):
        watch.headers(above, LATE)
    assert again.watched == peg.watch.watched and again.spent == {}


def test_what_another_sidechains_signer_kept_is_refused(peg: Peg) -> None:
    foreign = replace(peg.watch.watched, chain=b"\x09" * 32)
    with pytest.raises(WatchForeign):
        Watch(peg.genesis).resume(foreign)
