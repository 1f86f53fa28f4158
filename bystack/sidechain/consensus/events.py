"""What enters and leaves the BBFT machine. The order of outputs is the order of effects.

The driver performs outputs and answers some of them with an input: `BuildBlock` with `Built`,
`Execute` with `Executed`, `Sign` with `Signed` or `SignRefused`, `Decide` with `Finalized`,
`SetTimer` with `TimerFired`. A lost answer costs a view, never safety.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum

from bystack.sidechain.blocks import Header
from bystack.sidechain.consensus.evidence import AnyEvidence
from bystack.sidechain.consensus.messages import BlockData, Message
from bystack.sidechain.consensus.positions import Position, SignRequest
from bystack.sidechain.consensus.statements import Certificate
from bystack.sidechain.consensus.validators import ValidatorSet


@dataclass(frozen=True)
class Config:
    """Times in milliseconds (bbft.md, section 10); `seed` rotates the leaders of the epoch."""

    interval: int = 500
    empty_interval: int = 5_000
    tau0: int = 1_500
    fallback: int = 400
    tolerance: int = 2_000
    blocks_per_leader: int = 1
    gateways: int = 1
    seed: bytes = bytes(32)


FOREVER = 2**63 - 1


@dataclass(frozen=True)
class Era:
    """All an engine must know of an epoch: who votes, its numbers, the last height of it.

    `previous`: the sets of earlier epochs whose evidence still counts, newest first.
    """

    validators: ValidatorSet
    config: Config
    last: int = FOREVER
    previous: tuple[ValidatorSet, ...] = ()


class TimerKind(IntEnum):
    """What a timer is for."""

    VIEW = 0  # give the view up
    REPEAT = 1  # say TIMEOUT again
    PROPOSE = 2  # my turn to propose
    RETRY = 3  # pull what is missing, send votes again
    FLUSH = 4  # share the votes gathered


@dataclass(frozen=True)
class Timer:
    """Names a timer; setting the same one again replaces it. Stale ones may fire: no harm."""

    kind: TimerKind
    height: int
    view: int


# Inputs


@dataclass(frozen=True)
class Received:
    """A decoded message from an authenticated node."""

    sender: bytes
    message: Message


@dataclass(frozen=True)
class TimerFired:
    """A timer reached its time."""

    timer: Timer


@dataclass(frozen=True)
class Built:
    """The application's block for a `BuildBlock`; it counts as executed and valid."""

    header: Header
    body: bytes


@dataclass(frozen=True)
class Executed:
    """The application's verdict on an `Execute`, in the order of the requests for one id."""

    block_id: bytes
    valid: bool
    reason: str = ""


@dataclass(frozen=True)
class Signed:
    """The signer journalled and signed the request with this digest."""

    position: Position
    signature: bytes
    digest: bytes


@dataclass(frozen=True)
class SignRefused:
    """The signer refused; the machine abstains at this position."""

    position: Position
    reason: str


@dataclass(frozen=True)
class WorkAvailable:
    """Transactions wait, so the next block need not keep the empty interval.

    Holds for the height being decided; say it again after `Finalized` while work remains.
    """


@dataclass(frozen=True)
class Finalized:
    """The block of a `Decide` is durable; `era` is that of the next height."""

    height: int
    era: Era


@dataclass(frozen=True)
class Synced:
    """The driver itself fetched, verified and stored blocks up to this final one."""

    header: Header
    certificate: Certificate
    era: Era


@dataclass(frozen=True)
class ClockMoved:
    """The wall clock, which dates blocks, is now `skew` ms ahead of the clock of `now_ms`.

    Timers run on a clock that never jumps; a wall clock set an hour back must not make them an
    hour late. The driver says so at the start and whenever the difference changes.
    """

    skew: int


Input = (
    Received
    | TimerFired
    | Built
    | Executed
    | Signed
    | SignRefused
    | WorkAvailable
    | ClockMoved
    | Finalized
    | Synced
)

# Outputs


@dataclass(frozen=True)
class Send:
    """A message to one node."""

    node: bytes
    message: Message


@dataclass(frozen=True)
class Broadcast:
    """A message to every other validator (and, if the driver likes, followers)."""

    message: Message


@dataclass(frozen=True)
class SetTimer:
    """Answer with `TimerFired(timer)` at `at_ms`."""

    timer: Timer
    at_ms: int


@dataclass(frozen=True)
class Execute:
    """Validate this block on top of the last final one; answer `Executed`."""

    header: Header
    body: bytes


@dataclass(frozen=True)
class Prepare:
    """Our next `BuildBlock` will likely be on this block, which was executed and is not final.

    A hint: whoever makes blocks may begin. Not answered.
    """

    parent: Header


@dataclass(frozen=True)
class BuildBlock:
    """Make a block on `parent`; its header takes exactly these values; answer `Built`.

    The header's `epoch` is the set's, `parent_certificate` is `certificate.hash`; it demotes
    `demote`, -1 for nobody, where it may (`demotions.choose`).
    """

    height: int
    view: int
    time: int
    parent: Header
    certificate: Certificate
    proposer: int
    demote: int = -1


@dataclass(frozen=True)
class Sign:
    """Journal, then sign. `digest` is what the machine expects; the signer computes its own."""

    position: Position
    digest: bytes
    epoch: int
    payload: bytes
    high_qc: bytes

    @property
    def request(self) -> SignRequest:
        """What goes to the signer, who applies `positions.judge` to it."""
        return SignRequest(self.position, self.epoch, self.payload, self.high_qc)


@dataclass(frozen=True)
class Keep:
    """Make this block durable before going on; hand it to the next machine of its height.

    It comes before our first PREPARE for the block. If everyone restarted with a prepare
    certificate and nobody had its block, the height could never end. Drop it once its height is
    final.
    """

    block: BlockData


@dataclass(frozen=True)
class Decide:
    """The block is final: store it with its certificate, answer `Finalized`. Idempotent."""

    header: Header
    body: bytes
    certificate: Certificate


@dataclass(frozen=True)
class Sync:
    """This node is ahead: send it `GetBlocks(from_height)` and feed me its `Blocks`."""

    from_height: int
    node: bytes


@dataclass(frozen=True)
class Penalise:
    """The node sent what an honest one never sends; `reason` is the rule's name."""

    node: bytes
    reason: str


@dataclass(frozen=True)
class ReportEvidence:
    """Proof of misbehaviour, for the next block."""

    evidence: AnyEvidence


Output = (
    Send
    | Broadcast
    | SetTimer
    | Execute
    | Prepare
    | BuildBlock
    | Keep
    | Sign
    | Decide
    | Sync
    | Penalise
    | ReportEvidence
)
