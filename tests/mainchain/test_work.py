import math
from itertools import pairwise

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bystack.mainchain.chain import genesis_entry
from bystack.mainchain.params import MAIN
from bystack.mainchain.work import (
    ENGINES,
    NO_SEED,
    SHA256D,
    TargetInvalid,
    asert,
    bits_of,
    engine_named,
    meets,
    search,
    target_of,
    work_of,
)
from bystack.primitives.errors import Misuse
from bystack.primitives.hashes import sha256
from tests.mainchain.builders import EASY, child
from tests.mainchain.test_blocks import HEADER

LIMIT = target_of(0x1E00FFFF)
ANCHOR = target_of(0x1D00FFFF)
DAY = 86_400


def test_digest_is_double_sha256_of_the_id() -> None:
    assert SHA256D.digest(b"\x01" * 32, NO_SEED) == sha256(sha256(b"\x01" * 32))
    assert engine_named("sha256d") is ENGINES["sha256d"]
    with pytest.raises(Misuse):
        engine_named("tensority")


@pytest.mark.parametrize(
    ("bits", "target"),
    [  # as Bitcoin's nBits
        (0x1D00FFFF, 0xFFFF << 208),
        (0x207FFFFF, 0x7FFFFF << 232),
        (0x1B0404CB, 0x0404CB << 192),
        (0x01010000, 1),
        (0x02008000, 0x80),
        (0x03123456, 0x123456),
    ],
)
def test_compact_targets(bits: int, target: int) -> None:
    assert target_of(bits) == target and bits_of(target) == bits


@pytest.mark.parametrize(
    "bits",
    [
        0,
        0x01000000,
        0x1D000000,
        0x1D80FFFF,
        0x1DFFFFFF,
        0x1C0000FF,
        0x01010001,
        0xFF7FFFFF,
        2**32 - 1,
    ],
)
def test_targets_of_another_form_are_refused(bits: int) -> None:
    with pytest.raises(TargetInvalid):
        target_of(bits)


@given(st.integers(1, 2**256 - 1))
def test_compacting_loses_little_and_is_stable(target: int) -> None:
    again = target_of(bits_of(target))
    assert again <= target < again + max(1, again >> 14)
    assert bits_of(again) == bits_of(target)


@given(st.integers(1, 2**256 - 1), st.integers(1, 2**256 - 1))
def test_a_lower_target_is_more_work(one: int, other: int) -> None:
    assert one > other or work_of(one) >= work_of(other)
    assert work_of(2**255 - 1) == 2 and work_of(2**256 - 1) == 1


def test_meeting_a_target_includes_the_target_itself() -> None:
    assert meets((5).to_bytes(32, "big"), 5) and not meets((6).to_bytes(32, "big"), 5)


@given(st.integers(-40 * DAY, 8 * DAY))
def test_asert_is_the_exponential_it_stands_for(late: int) -> None:
    exact = ANCHOR * 2 ** (late / DAY)
    given_ = asert(ANCHOR, late, DAY, 2**256 - 1)
    assert math.isclose(given_, exact, rel_tol=2e-4)


@given(st.integers(-(10**12), 10**12), st.integers(0, 10**9))
def test_asert_never_falls_with_time_and_stays_in_bounds(late: int, more: int) -> None:
    first, second = (asert(ANCHOR, at, DAY, LIMIT) for at in (late, late + more))
    assert 1 <= first <= second <= LIMIT


def test_asert_rounds_the_lateness_towards_zero_on_either_side() -> None:
    """As aserti3-2d does: less than a 65,536th of the half-life moves nothing, early or late."""
    for late in (-1, 1):
        assert asert(ANCHOR, late, 100_000, LIMIT) == ANCHOR
    assert asert(ANCHOR, -2, 100_000, LIMIT) < ANCHOR < asert(ANCHOR, 2, 100_000, LIMIT)


def test_asert_doubles_and_halves_exactly_with_the_half_life() -> None:
    assert asert(ANCHOR, 0, DAY, LIMIT) == ANCHOR
    assert asert(ANCHOR, DAY, DAY, LIMIT) == 2 * ANCHOR
    assert asert(ANCHOR, -3 * DAY, DAY, LIMIT) == ANCHOR >> 3
    assert asert(ANCHOR, 10**15, DAY, LIMIT) == LIMIT
    assert asert(ANCHOR, -(10**15), DAY, LIMIT) == 1
    assert asert(ANCHOR, 2**63, 1, LIMIT) == LIMIT  # no number of 2**63 bits on the way


def _spacings(rates: list[float]) -> list[float]:
    """Expected seconds per block while the hash rate follows `rates` (hashes a second)."""
    now, spacings = 0.0, []
    for height, rate in enumerate(rates):
        late = round(now) - MAIN.spacing * height
        seconds = work_of(asert(ANCHOR, late, DAY, 2**256 - 1)) / rate
        spacings.append(seconds)
        now += seconds
    return spacings


@pytest.mark.parametrize("factor", [100.0, 0.01])
def test_a_hundredfold_jump_of_hash_rate_settles_without_oscillation(factor: float) -> None:
    usual = work_of(ANCHOR) / MAIN.spacing
    after = _spacings([usual] * 50 + [usual * factor] * 8_000)[50:]
    # From one side only towards the target spacing: no swing back beyond it.
    off = [seconds - MAIN.spacing for seconds in after]
    assert all(value < 1 if factor > 1 else value > -1 for value in off)
    assert all(abs(later) <= abs(earlier) + 1 for earlier, later in pairwise(off))
    assert abs(off[-1]) < 0.03 * MAIN.spacing


def test_search_finds_what_the_header_id_confirms() -> None:
    header = msgspec.structs.replace(HEADER, target=0x2000FFFF)
    nonce = search(header, 7, 10_000)
    assert nonce is not None
    found = msgspec.structs.replace(header, nonce=nonce)
    assert meets(SHA256D.digest(found.id, NO_SEED), target_of(header.target))
    first = int.from_bytes(nonce, "big")
    assert first >= 7 and search(header, 7, first - 7) is None
    assert search(header, first, 1) == nonce


def test_search_hands_the_seed_to_the_engine() -> None:
    seeds: list[bytes] = []

    class Spy:
        def digest(self, id: bytes, seed: bytes, /) -> bytes:
            seeds.append(seed)
            return bytes(32)

    parent = genesis_entry(EASY)
    assert search(child(parent).header, 0, 1, parent.seed, Spy()) == bytes(8)
    assert seeds == [parent.header.id]
