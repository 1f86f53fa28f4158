from bystack.node.sidechain.executing.pace import LEAST, Pace


def after(blocks: int, transactions: int, seconds: float, pace: Pace | None = None) -> Pace:
    """A pace that saw so many blocks take so long."""
    made = pace or Pace()
    for height in range(blocks):
        at = made._height + 1
        made.begin(at, 10.0 * height)
        made.end(at, transactions, 10.0 * height + seconds)
    return made


def test_nothing_known_is_a_small_block() -> None:
    assert Pace().most == 2 * LEAST


def test_a_block_is_on_its_way_for_half_a_view() -> None:
    pace = after(20, 1_000, 0.3)
    assert 1_990 <= pace.most <= 2_000
    assert 1_000 <= after(20, 1_000, 0.6, pace).most <= 1_010


def test_a_slow_machine_still_makes_blocks_and_small_ones_say_nothing() -> None:
    pace = after(1, 1_000, 60.0)
    assert pace.most == LEAST
    assert after(5, 3, 0.000_1, pace).most == LEAST


def test_a_block_counts_from_when_it_was_first_begun_and_others_do_not() -> None:
    pace = Pace()
    pace.begin(7, 1.0)
    pace.begin(7, 5.0)
    pace.end(6, 1_000, 9.0)
    assert pace.most == 2 * LEAST
    pace.end(7, 4_000, 2.0)
    assert pace.most == 2_400


def test_a_block_holds_at_most_twice_what_the_last_did() -> None:
    pace = after(20, 200, 0.001)
    assert pace.most == LEAST
    assert after(1, 700, 0.001, pace).most == 1_400
