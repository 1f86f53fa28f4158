from bystack.node.sidechain.pace import LEAST, Pace


def test_nothing_known_is_a_small_block() -> None:
    assert Pace().most(0.5) == 2 * LEAST


def test_a_block_takes_an_interval_to_execute() -> None:
    pace = Pace()
    for _ in range(20):
        pace.took(1_000, 0.2)
    assert 2_400 <= pace.most(0.5) <= 2_500
    for _ in range(20):
        pace.took(1_000, 0.4)
    assert 1_240 <= pace.most(0.5) <= 1_260


def test_a_slow_machine_still_makes_blocks_and_small_ones_say_nothing() -> None:
    pace = Pace()
    pace.took(1_000, 60.0)
    assert pace.most(0.5) == LEAST
    pace.took(3, 0.000_1)
    assert pace.most(0.5) == LEAST
