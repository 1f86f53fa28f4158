"""P03 all but one upstream DDoSed: what is left may be the liar, so nothing is signed.

The signer asks for two main-chain nodes that agree. While one alone is heard it is `stalled`: it
signs no order and no touch, says so, and goes on by itself once the second is heard again.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import trio

from bystack.federation.upstreams import AGE
from bystack.ledger.amounts import BTM
from bystack.node.signer.vault.deciding import PolicyWaits
from bystack.primitives.codec import encode
from tests.federation.peg import pays
from tests.ledger.people import ALICE
from tests.node.federation.members import Net
from tests.node.federation.test_orders import A_ROUND

OTHER = "aa@second:1"


class Two(Net):
    """A federation whose signers want two main-chain nodes to agree."""

    upstreams = (2, frozenset({OTHER}))

    def hear(self, source: str = "") -> None:
        """Every signer hears its own node (""), or another one, say what the chain is."""
        recent = [encode(entry.header) for entry in self.main.entries[-5:]]
        for signer in self.signers:
            if source:
                signer.answer("upstream", [source, recent])
            else:
                signer.answer("headers", [[]])

    def stalled(self) -> list[str]:
        return [str(signer.answer("info", [])["stalled"]) for signer in self.signers]


@pytest.fixture
def net(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Two:
    monkeypatch.chdir(tmp_path)
    net = Two(tmp_path)
    net.main.send(net.main.deposit(ALICE, 50_000, BTM, b"\x01" * 64))
    net.main.grow(200)
    return net


def waits(net: Net) -> list[dict[str, Any]]:
    return [row for signer in net.signers for row in signer._operators.call("requests", [])]


def test_p03_below_the_least_number_nothing_is_signed(net: Two) -> None:
    async def play() -> None:
        net.record(0, [pays(20)], [1])
        await net.final()
        await net.tick(A_ROUND)
        net.hear()
        assert net.payouts() == [] and {row["reason"] for row in waits(net)} == {"stalled"}
        assert all("1 of 2" in text for text in net.stalled())
        with pytest.raises(PolicyWaits):
            net.signers[0].answer("touch", [0, 0])
        net.hear("stranger")
        assert all(net.stalled()), "nobody counts whom the operator did not name"
        net.hear(OTHER)
        assert not any(net.stalled())
        await net.tick(2 * A_ROUND)
        assert len(net.payouts()) == 1

    trio.run(play)


def test_p03_a_source_that_fell_silent_counts_no_more(net: Two) -> None:
    async def play() -> None:
        await net.tick(2)
        net.hear()
        net.hear(OTHER)
        assert not any(net.stalled())
        for signer in net.signers:
            clock = signer.audit.clock
            signer.deciding._clock = lambda clock=clock: clock() + AGE + 1
        assert all("0 of 2" in text for text in net.stalled())

    trio.run(play)


def test_p03_an_upstream_that_has_the_better_chain_is_believed(net: Two) -> None:
    """The own node is cut off: another one's headers have more work, and are followed."""

    async def play() -> None:
        await net.tick(2)
        signer, at = net.signers[0], len(net.main.entries)
        net.main.grow(3)
        shown = [encode(entry.header) for entry in net.main.entries[at - 2 :]]
        assert signer.answer("upstream", [OTHER, shown])[1] == net.main.tip.id

    trio.run(play)
