"""Which ways the pegs are open: what holds each one shut, since when, and what opens it again.

Users are told before they deposit or burn (federation.md, section 5). Answers come from the very
rules that would refuse, so that nothing is told otherwise than the chain decides.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from functools import partial
from typing import NamedTuple

from bystack.ledger.transactions import PolicyLock
from bystack.primitives.codec import encode
from bystack.primitives.errors import Invalid
from bystack.sidechain.epochs import current
from bystack.sidechain.lifting import kept
from bystack.sidechain.modules.base import BlockContext, Modules
from bystack.sidechain.params import Genesis
from bystack.sidechain.records import MIRROR, Destination
from bystack.sidechain.relay import RelayView
from bystack.sidechain.state import SystemState
from bystack.sidechain.stops import Since, Stop, lag_at, since, stops_of

SOMEBODY = PolicyLock(b"\x01" * 32)
"""A destination like any: what is refused to it is refused to all."""

_SENTENCES = {
    Stop.ORPHANED: "a claimed deposit was reorganised away",
    Stop.UNKNOWN_SPEND: "the vault paid what this sidechain did not order",
    Stop.DEEP_REORG: "the main chain was reorganised deeper than deposits are confirmed",
    Stop.LAG: "no main-chain header was relayed for too long",
    Stop.EQUIVOCATION: "validators contradicted themselves",
    Stop.DETACHED: "the main chain left the relayed one where the relay cannot follow",
}


class Hold(NamedTuple):
    """Something that holds a way shut: the rule's name, why in words, and what opens it.

    `since`: None where it was not written down. `until`: the main-chain height at which it ends by
    itself, 0 if it does not.
    """

    rule: str
    why: str
    since: Since | None
    until: int
    lifts: str


class Gate(NamedTuple):
    """One way: `pegin` (claims), `pegout` (burns) or `payouts` (batches), and what holds it."""

    way: str
    holds: tuple[Hold, ...]

    @property
    def open(self) -> bool:
        """True if nothing holds it."""
        return not self.holds


class Gatekeeper(NamedTuple):
    """The chain as the next block would find it. `time`: of the last block, in milliseconds."""

    genesis: Genesis
    modules: Modules
    state: SystemState
    height: int
    time: int

    def gates(self, destination: Destination = SOMEBODY) -> tuple[Gate, ...]:
        """All three; `destination`: where a burn would be paid out."""
        stops, lag = tuple(self._stops()), tuple(self._lag())
        return (
            Gate("pegin", (*stops, *lag, *self._claims())),
            Gate("pegout", (*stops, *self._vault(), *self._burns(destination))),
            Gate("payouts", (*stops, *lag, *self._batches())),
        )

    @property
    def _block(self) -> BlockContext:
        relayed = RelayView(self.state).best().header.height
        return BlockContext(
            chain=self.genesis.id,
            height=self.height + 1,
            time=self.time,
            relay_height=relayed,
            epoch=current(self.state).epoch,
            units=self.genesis.units,
        )

    def _stops(self) -> Iterator[Hold]:
        standing = kept(self.state, self.genesis, self.time)
        for reason in stops_of(self.state):
            still = standing.get(reason, "")
            lifts = (
                f"a quorum of the federation, but not before: {still}"
                if still
                else ("a quorum of the federation")
            )
            begun = since(self.state, reason)
            yield Hold(str(reason.name), _SENTENCES[reason], begun, 0, lifts)

    def _lag(self) -> Iterator[Hold]:
        """The pause that ends by itself; a lag that became a stop is told as one."""
        pause, tip = self.genesis.lag_pause, RelayView(self.state).best().header.time
        spacings = lag_at(self.time, tip, self.genesis.main.spacing)
        if 0 < pause < spacings and not stops_of(self.state) & Stop.LAG:
            why = f"the relayed main-chain tip is {spacings} spacings old"
            yield Hold("LAG", why, None, 0, "newer main-chain headers, by themselves")

    def _vault(self) -> Iterator[Hold]:
        if self.state.get(MIRROR) is None:
            why = "the vault's creation is not proved here yet"
            yield Hold("VaultUnproven", why, None, 0, "its proof, which any node brings")

    def _claims(self) -> tuple[Hold, ...]:
        ask = partial(self.modules.may_claim, self.state.fork(), self._block)
        return _refusals(partial(ask, asset.asset) for asset in self.genesis.assets)

    def _burns(self, destination: Destination) -> tuple[Hold, ...]:
        ask = partial(self.modules.may_burn, self.state.fork(), self._block, encode(destination))
        return _refusals(partial(ask, asset.asset) for asset in self.genesis.assets)

    def _batches(self) -> Iterator[Hold]:
        if not self.modules.may_batch(self.state.fork(), self._block):
            yield Hold("Paused", "a module holds payouts back", None, 0, "that module")


def _refusals(asks: Iterable[Callable[[], None]]) -> tuple[Hold, ...]:
    """What modules refuse with, each once though they say so of every asset."""
    return tuple(dict.fromkeys(hold for ask in asks for hold in _refusal(ask)))


def _refusal(ask: Callable[[], None]) -> Iterator[Hold]:
    try:
        ask()
    except Invalid as error:
        until = error.facts.get("until")
        height = until if isinstance(until, int) else 0
        lifts = f"main-chain height {height}, or a quorum" if height else "whoever refuses it"
        yield Hold(error.rule, str(error), None, height, lifts)
