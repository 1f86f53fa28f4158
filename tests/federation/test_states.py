"""What a key generation keeps on disk: one golden file per state, strict bytes, nothing printed."""

import re

import pytest

from bystack.federation.events import Persist
from bystack.federation.shares import KeyShare
from bystack.federation.states import CeremonyState, Part, decode_state
from bystack.primitives.codec import encode
from tests.wire import check_wire, golden, refused

from .stage import Network, session
from .villains import WrongShare


class Recorder(Network):
    """A network that remembers the first state of each kind that a member wrote down."""

    def __init__(self, *given) -> None:
        self.found: dict[str, CeremonyState] = {}
        super().__init__(*given)

    def perform(self, member, output) -> None:
        if isinstance(output, Persist):
            self.found.setdefault(type(output.state.step).__name__.lower(), output.state)
        super().perform(member, output)


def states() -> dict[str, CeremonyState]:
    """Every state there is: of an honest attempt, and of one with a bad share."""
    honest, disputed = Recorder(session()), Recorder(session(), WrongShare(session(), 1))
    honest.run()
    disputed.run()
    return {**disputed.found, **honest.found}


STATES = states()
KINDS = {"greeted", "dealt", "acknowledged", "opened", "certified", "finished", "ended"}


def test_the_two_attempts_pass_through_every_state() -> None:
    assert STATES.keys() == KINDS


@pytest.mark.parametrize("kind", sorted(KINDS))
def test_a_state_has_golden_bytes_and_no_others(kind: str) -> None:
    data = encode(STATES[kind])
    assert data == golden(f"federation_{kind}")
    assert decode_state(data) == STATES[kind]
    assert all(refused(CeremonyState, data[:cut]) for cut in range(0, len(data), 7))
    assert refused(CeremonyState, data + b"\0")
    for bit in range(0, len(data) * 8, 61):
        flipped = bytearray(data)
        flipped[bit // 8] ^= 1 << bit % 8
        refused(CeremonyState, bytes(flipped))


def test_a_share_has_golden_bytes_and_no_others() -> None:
    check_wire("federation_key_share", KeyShare(b"\x01" * 32, 7, b"\x02" * 32))


def test_what_was_dealt_has_golden_bytes_and_no_others() -> None:
    check_wire("federation_part", Part(3, 7, b"\x02" * 32))


def test_a_share_index_is_never_zero() -> None:
    assert refused(KeyShare, encode(KeyShare(b"\x01" * 32, 0, b"\x02" * 32)))


@pytest.mark.parametrize("kind", sorted(KINDS))
def test_no_state_prints_what_it_holds(kind: str) -> None:
    state = STATES[kind]
    for shown in (repr(state), str(state), repr(state.step), f"{state.step}"):
        assert re.fullmatch(r"\w+\(redacted\)", shown)
