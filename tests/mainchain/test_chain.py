from collections.abc import Callable

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bystack.mainchain.blocks import MAX_TRANSACTIONS, Header
from bystack.mainchain.chain import (
    Entry,
    HeaderCount,
    HeaderHeight,
    HeaderHistory,
    HeaderOrphan,
    HeaderTarget,
    HeaderTimeAhead,
    HeaderTimeOld,
    HeaderVersion,
    HeaderWork,
    add_headers,
    check_header,
    genesis_entry,
    history_leaf,
    median_time,
    next_peaks,
    next_target,
)
from bystack.mainchain.params import TEST, genesis
from bystack.mainchain.tree import HeaderTree
from bystack.mainchain.work import target_of, work_of
from bystack.primitives.errors import Invalid
from bystack.primitives.mountain import EMPTY_PEAKS, append, mountain_root
from tests.mainchain.builders import (
    EASY,
    MOVING,
    START,
    child,
    entries_after,
    headers_after,
    remine,
)
from tests.mainchain.test_blocks import HEADER
from tests.wire import check_wire

ROOT = genesis_entry(EASY)


def work(entry: Entry) -> int:
    return int.from_bytes(entry.work, "big")


def test_entry_on_the_wire() -> None:
    peaks, _ = append(EMPTY_PEAKS, history_leaf(b"\x01" * 32, b"\x02" * 32))
    check_wire(
        "mainchain_entry", Entry(HEADER, b"\x03" * 32, peaks, (1, 2, 1_735_689_600), b"\x04" * 32)
    )


def test_an_entry_carries_work_history_times_and_seed() -> None:
    headers = headers_after(ROOT, 14)
    entries = entries_after(ROOT, headers)
    per_block = work_of(target_of(EASY.genesis_target))
    assert [work(entry) for entry in entries] == [per_block * (n + 2) for n in range(14)]
    peaks = EMPTY_PEAKS
    for before, entry in zip([ROOT, *entries], entries, strict=False):
        peaks, _ = append(peaks, history_leaf(before.id, before.work))
        assert entry.peaks == peaks
        assert entry.header.history_root == mountain_root(peaks)
    assert entries[-1].times == tuple(header.time for header in headers[-11:])
    assert entries[2].times == (ROOT.header.time, *(header.time for header in headers[:3]))
    assert {entry.seed for entry in entries} == {ROOT.id}


def test_the_seed_changes_every_256_blocks() -> None:
    entries = entries_after(ROOT, headers_after(ROOT, 258))
    assert [entries[at].seed for at in (254, 255, 256)] == [
        ROOT.id,
        entries[255].id,
        entries[255].id,
    ]


def change(**fields: object) -> Callable[[Header], Header]:
    return lambda header: msgspec.structs.replace(header, **fields)


def spoil_work(header: Header) -> Header:
    for nonce in range(100):
        other = msgspec.structs.replace(header, nonce=nonce.to_bytes(8, "big"))
        tree = HeaderTree([ROOT], EASY)
        try:
            check_header(tree, other, EASY, None)
        except HeaderWork:
            return other
    raise AssertionError


@pytest.mark.parametrize(
    ("spoil", "error"),
    [
        (change(version=2), HeaderVersion),
        (change(version=0), HeaderVersion),
        (change(previous=bytes(32)), HeaderOrphan),
        (change(height=2), HeaderHeight),
        (change(height=0), HeaderHeight),
        (change(transaction_count=0), HeaderCount),
        (change(transaction_count=MAX_TRANSACTIONS + 1), HeaderCount),
        (change(time=START), HeaderTimeOld),
        (change(time=0), HeaderTimeOld),
        (change(time=START + EASY.tolerance + 51), HeaderTimeAhead),
        (change(history_root=bytes(32)), HeaderHistory),
        (change(target=0x207FFFFE), HeaderTarget),
        (change(target=0x01010000), HeaderTarget),
        (change(target=0), HeaderTarget),
        (spoil_work, HeaderWork),
    ],
)
def test_each_rule_refuses_by_name(spoil: Callable[[Header], Header], error: type[Invalid]) -> None:
    tree = HeaderTree([ROOT], EASY)
    good = child(ROOT).header
    assert check_header(tree, good, EASY, START + 50).header == good
    bad = spoil(good)
    if error is not HeaderWork and error is not HeaderTarget:
        bad = remine(bad, ROOT)
    with pytest.raises(error):
        check_header(tree, bad, EASY, START + 50)
    with pytest.raises(error):
        tree.add([bad], START + 50)
    assert tree.tip() == ROOT.id


def test_time_may_be_just_within_the_tolerance_and_is_not_judged_without_a_clock() -> None:
    tree = HeaderTree([ROOT], EASY)
    header = child(ROOT, time=START + EASY.tolerance + 50).header
    check_header(tree, header, EASY, START + 50)
    check_header(tree, header, EASY, None)
    with pytest.raises(HeaderTimeAhead):
        check_header(tree, header, EASY, START + 49)


def test_time_must_exceed_the_median_of_the_last_eleven_only() -> None:
    entries = entries_after(ROOT, headers_after(ROOT, 12, step=10))
    parent = entries[-1]
    assert median_time(parent) == entries[-6].header.time < parent.header.time
    tree = HeaderTree([ROOT, *entries], EASY)
    early = child(parent, time=median_time(parent) + 1).header
    assert check_header(tree, early, EASY, None).header.time == median_time(parent) + 1
    late = remine(msgspec.structs.replace(early, time=median_time(parent)), parent)
    with pytest.raises(HeaderTimeOld):
        check_header(tree, late, EASY, None)


def test_a_branch_with_one_bad_header_adds_nothing() -> None:
    tree = HeaderTree([ROOT], EASY)
    headers = headers_after(ROOT, 5)
    with pytest.raises(HeaderOrphan):
        tree.add([headers[0], headers[2]], None)
    with pytest.raises(HeaderOrphan):
        tree.add(headers[1:], None)
    assert tree.entry(headers[0].id) is None


def test_known_headers_are_passed_over() -> None:
    tree = HeaderTree([ROOT], EASY)
    headers = headers_after(ROOT, 5)
    tree.add(headers[:3], None)
    delta = add_headers(tree, [genesis(EASY).header, *headers], EASY, None)
    assert [entry.header for entry in delta.added] == headers[3:]
    assert tree.add(headers[:2], None) == ((), headers[2].id, headers[2].id, (), ())
    assert tree.add([], None).new_tip == headers[2].id


def test_most_work_wins_whatever_the_length() -> None:
    # Blocks a second apart are ten times too fast: they raise the difficulty, and with it the work.
    root = genesis_entry(MOVING)
    slow = headers_after(root, 24, MOVING, step=60)
    fast = headers_after(root, 22, MOVING, step=1)
    tree = HeaderTree([root], MOVING)
    tree.add(slow, None)
    delta = tree.add(fast, None)
    assert delta.old_tip == slow[-1].id and delta.new_tip == tree.tip() == fast[-1].id
    assert delta.disconnect == tuple(header.id for header in reversed(slow))
    assert delta.connect == tuple(header.id for header in fast)
    other = HeaderTree([root], MOVING)
    other.add(fast, None)
    assert other.add(slow, None)[1:] == (fast[-1].id, fast[-1].id, (), ())


def test_of_equals_the_first_seen_leads() -> None:
    one, other = headers_after(ROOT, 3), headers_after(ROOT, 3, step=2)
    for first, second in ((one, other), (other, one)):
        tree = HeaderTree([ROOT], EASY)
        tree.add(first, None)
        assert tree.add(second, None).connect == ()
        assert tree.tip() == first[-1].id


def test_a_reorganisation_starts_at_the_fork() -> None:
    trunk = headers_after(ROOT, 4)
    fork = entries_after(ROOT, trunk)[1]
    branch = headers_after(fork, 5, step=3)
    tree = HeaderTree([ROOT], EASY)
    tree.add(trunk, None)
    delta = tree.add(branch, None)
    assert delta.disconnect == (trunk[3].id, trunk[2].id)
    assert delta.connect == tuple(header.id for header in branch)


@settings(max_examples=25, deadline=None)
@given(st.lists(st.integers(1, 200), min_size=1, max_size=20), st.integers(0, 19))
def test_a_view_may_start_at_any_entry(steps: list[int], cut: int) -> None:
    """Target, median, work and history need the parent's entry and the genesis, no more."""
    root = genesis_entry(MOVING)
    headers: list[Header] = []
    entries = [root]
    for step in steps:
        header = child(entries[-1], time=entries[-1].header.time + step, params=MOVING).header
        headers.append(header)
        entries += entries_after(entries[-1], [header], MOVING)
    start = min(cut, len(headers) - 1)
    assert entries_after(entries[start], headers[start:], MOVING) == entries[start + 1 :]
    assert entries_after(root, headers, MOVING) == entries[1:]


def test_the_target_follows_the_schedule_and_only_where_it_may_move() -> None:
    root = genesis_entry(TEST)
    assert next_target(root, TEST) == TEST.genesis_target
    late = msgspec.structs.replace(
        root, header=msgspec.structs.replace(root.header, time=TEST.genesis_time + TEST.half_life)
    )
    assert target_of(next_target(late, TEST)) == 2 * target_of(TEST.genesis_target)
    assert next_target(late, EASY) == EASY.genesis_target


def test_a_view_must_hold_its_own_branch_to_the_fork() -> None:
    """A relay whose window begins above the fork refuses instead of walking on."""
    trunk = entries_after(ROOT, headers_after(ROOT, 6))
    window = HeaderTree(trunk[3:], EASY)
    branch = headers_after(trunk[1], 9, step=2)
    with pytest.raises(HeaderOrphan):
        add_headers(window, branch, EASY, None)
    assert next_peaks(trunk[3]) == trunk[4].peaks
