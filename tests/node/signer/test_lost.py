"""A signer's process whose journals were deleted: it serves none of the keys they spoke for."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator

import pytest

from bystack.primitives.codec import encode
from tests.node.signer.asked import cast, genesis_of, record, sign_order, vote
from tests.node.signer.homes import FEDERATION, VALIDATOR, Signer, bystackd, keyed, refusal, until

pytestmark = pytest.mark.processes


@pytest.fixture
def signer() -> Iterator[Signer]:
    with keyed() as signer:
        yield signer.start()


def served(signer: Signer, name: str) -> bool:
    return os.path.exists(signer.socket(name))


def test_without_its_vote_journal_a_key_is_not_served_until_accepted(signer: Signer) -> None:
    cast(signer, vote(9))
    signer.stop()
    os.unlink(signer.home / "data/signer/votes-trade.journal")
    os.unlink(signer.socket(VALIDATOR))
    signer.start()
    until(lambda: "accept-lost-journal trade" in signer.log)
    assert not served(signer, VALIDATOR) and signer.call(FEDERATION, "info")["shares"] == 2
    words = ("trade", "--home", str(signer.home), "--after-height", "12", "--yes")
    bystackd("key", "accept-lost-journal", *words)
    until(lambda: served(signer, VALIDATOR))  # by the running signer
    assert refusal(signer, VALIDATOR, "sign", encode(vote(9))) == "NotIntroduced"
    signer.call(VALIDATOR, "ready_empty", 12)
    assert refusal(signer, VALIDATOR, "sign", encode(vote(12))) == "Abstaining"
    cast(signer, vote(13))


def test_a_home_without_data_serves_nothing(signer: Signer) -> None:
    cast(signer, vote(9))
    sign_order(signer, record(genesis_of(signer), 0))
    signer.stop()
    shutil.rmtree(signer.home / "data")
    for name in (VALIDATOR, FEDERATION):
        os.unlink(signer.socket(name))
    signer.start()
    until(lambda: "move keys/trade-epoch-" in signer.log and "accept-lost" in signer.log)
    assert not served(signer, VALIDATOR) and not served(signer, FEDERATION)
    assert not list((signer.home / "data/signer").glob("*.journal"))


def test_a_copied_home_is_not_served_beside_the_first(signer: Signer) -> None:
    """Its journal has another path and another lock; the key is the same."""
    until(lambda: served(signer, VALIDATOR))
    with keyed() as twin:
        twin.start()
        until(lambda: "another signer on this host serves the key" in twin.log)
        assert not served(twin, VALIDATOR)
        signer.stop()
        until(lambda: served(twin, VALIDATOR))
