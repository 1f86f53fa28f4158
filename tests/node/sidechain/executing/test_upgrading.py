"""What a chain asks of this program: said ahead, once each, and a stop from the epoch on."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, cast

import pytest
import trio
from structlog.testing import capture_logs

from bystack.node.mainchain.signals import Signal
from bystack.node.sidechain.executing.application import Application, VersionUnknown
from bystack.node.sidechain.executing.upgrading import Upgrade
from bystack.node.sidechain.executing.workshop import Workshop
from bystack.primitives.codec import encode
from bystack.sidechain import epochs, parameters
from bystack.sidechain.consensus.validators import Validator, ValidatorSet
from bystack.sidechain.parameters import Parameters

FIRST = Parameters(1, 500, 5_000, 1_500, 1, 0, 1_200, 40, 6_000_000)
NEXT = 1_200


class State(dict[bytes, bytes]):
    """The state of a chain at version `now`, its governance having decided on `later`."""

    def __init__(self, now: int, later: int | None = None, first: int = 0) -> None:
        voters = ValidatorSet(0, (Validator(b"\1" * 48, b"\2" * 96, 1, b"\3" * 32),))
        record = epochs.EpochRecord(0, first, first + NEXT - 1, bytes(32), voters)
        super().__init__({epochs.record_key(0): encode(record)})
        self[parameters.IN_FORCE] = encode(_version(now))
        if later is not None:
            self[parameters.DECIDED] = encode(_version(later))


def _version(number: int) -> Parameters:
    return Parameters(number, *(getattr(FIRST, f) for f in Parameters.__struct_fields__[1:]))


def upgrade(state: State, height: int = 10) -> Upgrade:
    store = SimpleNamespace(state=state, height=height)
    application: Any = SimpleNamespace(store=store, protocol=parameters.PROTOCOL)
    return Upgrade(cast(Application, application))


def test_a_version_known_here_asks_for_nothing() -> None:
    known = upgrade(State(1, 1))
    with capture_logs() as said:
        known.look()
    assert not known.outdated and known.warnings == "" and said == []


def test_a_version_decided_is_warned_of_once_until_its_epoch_begins() -> None:
    state = State(1, 2)
    asked = upgrade(state)
    with capture_logs() as said:
        asked.look()
        asked.look()
    (line,) = said
    assert (line["log_level"], line["version"], line["height"]) == ("warning", 2, NEXT)
    assert f"begins at height {NEXT}" in asked.warnings and not asked.outdated
    asked._store.height = NEXT - 2
    assert not asked.outdated, "the last block of the epoch is made by the rules known"
    asked._store.height = NEXT - 1
    assert asked.outdated
    with capture_logs() as said:
        asked.look()
        asked.look()
    (line,) = said
    assert line["log_level"] == "error" and "neither executes blocks nor votes" in asked.warnings


def test_it_is_looked_at_after_each_block() -> None:
    state = State(1)
    asked = upgrade(state)
    asked.look()
    assert asked.warnings == ""
    state[parameters.DECIDED] = encode(_version(2))
    asked.look()
    assert f"begins at height {NEXT}" in asked.warnings
    del state[parameters.DECIDED]
    asked.look()
    assert asked.warnings == "", "decided otherwise meanwhile"


def test_a_version_in_force_is_told_since_its_epoch() -> None:
    old = upgrade(State(2, first=NEXT), NEXT + 5)
    assert old.outdated and f"at height {NEXT}" in old.warnings


def test_a_block_met_on_a_parent_not_final_stops_at_once() -> None:
    asked = upgrade(State(1))
    asked.meet(2, 700)
    assert asked.outdated and "at height 700" in asked.warnings


@pytest.mark.parametrize("late", [False, True])
def test_who_is_too_old_begins_no_block(late: bool) -> None:
    found = upgrade(State(2 if late else 1))
    begun = list[object]()

    async def run(parent: object, most: int) -> None:
        begun.append(parent)

    pooling: Any = SimpleNamespace(waiting=Signal())
    shop = Workshop(found._application, pooling, cast(Any, None), found)
    found._application.pace = SimpleNamespace(most=5)  # type: ignore[assignment]
    shop._beginning.run = run  # type: ignore[method-assign,assignment]
    trio.run(shop.begin, cast(Any, "parent"))
    assert begun == ([] if late else ["parent"])


async def unknown(*given: object) -> None:
    raise VersionUnknown(version=2, height=700, known=1)


def test_a_block_to_be_executed_by_unknown_rules_gets_no_verdict_and_stops() -> None:
    found = upgrade(State(1))
    found._application.execute = unknown  # type: ignore[method-assign,assignment]
    pooling: Any = SimpleNamespace(waiting=Signal())
    shop = Workshop(found._application, pooling, cast(Any, None), found)
    assert trio.run(shop.execute, cast(Any, None), b"") is None
    assert found.outdated and "at height 700" in found.warnings
