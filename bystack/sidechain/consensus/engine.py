"""What an engine of consensus is: three narrow interfaces (bbft.md, section 11).

The *engine* is a machine without I/O: events in, effects out. Its *verifier* is pure and keyless:
full nodes, light clients, signers and the federation ask it what is final. The *application* is
the node's (`transition` and what stores it); an engine knows of it only `Execute`, `BuildBlock`
and `Decide`. An `EngineType` makes the first two and is what the genesis names.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from bystack.primitives.errors import Invalid
from bystack.sidechain.blocks import Header
from bystack.sidechain.consensus.events import Era, Input, Output
from bystack.sidechain.consensus.light import Certified
from bystack.sidechain.consensus.messages import BlockData, Status
from bystack.sidechain.consensus.positions import JournalRecord, Position
from bystack.sidechain.consensus.scheme import Scheme
from bystack.sidechain.consensus.statements import Certificate, Step
from bystack.sidechain.consensus.validators import ValidatorSet


class EngineUnfit(Invalid):
    """The genesis asks of its engine of consensus what this engine cannot do."""


@dataclass(frozen=True)
class Birth:
    """What an engine is made of.

    `era`: of the first height to decide; whoever's key is `key` votes where it is elected (empty:
    follows only). `start`: the last durable final header and its certificate. `recovered`: the
    vote journal's last record; `kept`: blocks of `Keep` not yet final. `since` and `slot`: the
    genesis' time and interval in milliseconds, for engines that count time from the beginning.
    """

    era: Era
    key: bytes
    chain_id: bytes
    scheme: Scheme
    start: tuple[Header, Certificate]
    recovered: JournalRecord | None = None
    kept: tuple[BlockData, ...] = ()
    since: int = 0
    slot: int = 500


class Engine(Protocol):
    """One node's part in one chain's consensus. Its driver calls `begin` once, then `handle`.

    Outputs are performed in order; `events` says which of them are answered, and how. `Decide` is
    for final blocks only, in order of height, each once per life of the engine.
    """

    @property
    def height(self) -> int:
        """The height to be final next."""
        ...

    @property
    def view(self) -> int:
        """How often the engine has moved on within it: a view, a slot."""
        ...

    @property
    def status(self) -> Status:
        """What to tell a peer on connecting."""
        ...

    @property
    def leader_index(self) -> int:
        """Which validator makes the next block."""
        ...

    def begin(self, now_ms: int) -> list[Output]:
        """The first effects."""
        ...

    def handle(self, event: Input, now_ms: int) -> list[Output]:
        """The effects of one event, in order. Refused messages change nothing."""
        ...


class Verifier(Protocol):
    """Judges headers by certificates alone: no keys, no state."""

    @property
    def depth(self) -> bool:
        """Finality takes headers above; a certificate alone does not make its header final."""
        ...

    @property
    def runs_ahead(self) -> bool:
        """A vote may lie any number of blocks beyond the last final one, not only in the next."""
        ...

    def check(
        self, header: Header, certificate: Certificate, validators: ValidatorSet, chain_id: bytes
    ) -> None:
        """Raise why this is not the header's certificate; `validators` are of its epoch."""
        ...

    def check_votes(
        self, certificate: Certificate, validators: ValidatorSet, chain_id: bytes
    ) -> None:
        """Raise why those a certificate names did not sign it, or are too few for one."""
        ...

    def check_final(
        self, line: Sequence[Certified], validators: ValidatorSet, chain_id: bytes
    ) -> None:
        """Raise why the first header of `line` is not final, the others standing on it."""
        ...

    def order(self, position: Position) -> tuple[int, ...]:
        """What grows from one signature of a key to the next; the vote journal compares it."""
        ...

    def voted(self, certificate: Certificate) -> Position:
        """The position of the votes that a certificate sums up."""
        ...


def seals_once(verifier: Verifier) -> bool:
    """Whether a key seals a slot once, whatever the height: then two seals of one slot are evidence
    (`offences.TwoSeals`). Where heights are told apart, views begin anew with each."""
    low, high = Position(1, 1, int(Step.COMMIT)), Position(2, 1, int(Step.COMMIT))
    return verifier.order(low) == verifier.order(high)


class EngineType(Protocol):
    """What the genesis' `consensus.type` stands for; packages offer one as `bystack.consensus`."""

    def check(self, validators: ValidatorSet, elected: bool) -> None:
        """Raise `EngineUnfit` for validators it cannot serve; `elected`: they will change."""
        ...

    def verifier(self, scheme: Scheme) -> Verifier:
        """The judge of this engine's certificates."""
        ...

    def make(self, birth: Birth) -> Engine:
        """An engine for one node."""
        ...
