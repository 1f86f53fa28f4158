"""What can be done to a vault: the operations, their bytes, and what each is signed over.

An operation is an action of the main chain, at most one in a transaction (ledger.md, section 5).
A signature covers the chain, the vault, a counter and the fields, and names no coins and no fee:
whoever assembles the transaction picks the coins, and sponsors replace it without a new signature.
"""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta

from bystack.ledger.policies import Policy
from bystack.ledger.terms import Terms
from bystack.ledger.transactions import Action, Outpoint, Output
from bystack.primitives.codec import U8, U63, Bytes32, Wire, decode, encode
from bystack.primitives.errors import Invalid
from bystack.primitives.hashes import fixed, tagged

CREATE, ORDER, TOUCH, COMPLETE, VETO, ANNOUNCE = 16, 17, 18, 19, 20, 21
CANCEL, ADOPT, FREEZE, REPLACE, RECOVER, CONSOLIDATE = 22, 23, 24, 25, 26, 27

MAX_ORDER_OUTPUTS = 1024
MAX_OPERATION = 400_000
CREATE_WEIGHT = 20_000

_vault_id = tagged("vault")
_accept = tagged("vault/accept")
_guard_hash = tagged("vault/guard")
_outputs_hash = tagged("vault/outputs")


class OperationUnknown(Invalid):
    """No vault operation has this action kind."""


class Create(Wire, tag=CREATE):
    """Make a vault under `terms`; signed by each of their policies."""

    terms: Terms


class Order(Wire, tag=ORDER):
    """Pay `outputs` (`policy` or `deposit` locks) within the tier's buckets; signed by the tier."""

    seq: U63
    tier: U8
    outputs: Annotated[tuple[Output, ...], Meta(min_length=1, max_length=MAX_ORDER_OUTPUTS)]


class Touch(Wire, tag=TOUCH):
    """Void `seq` and show life; signed by the tier. Moves nothing."""

    seq: U63
    tier: U8


class Complete(Wire, tag=COMPLETE):
    """Pay out a mature pending coin, exactly as its order said; by anyone."""


class Veto(Wire, tag=VETO):
    """Return the pending coin `outpoint` to the treasury; signed by the guard the coin names."""

    outpoint: Outpoint


class Announce(Wire, tag=ANNOUNCE):
    """Say which terms may be adopted after the delay; signed by govern."""

    seq: U63
    terms: Bytes32


class Cancel(Wire, tag=CANCEL):
    """Withdraw the announcement of `terms`; signed by the guard."""

    turn: U63
    terms: Bytes32


class Adopt(Wire, tag=ADOPT):
    """Put ripe terms in force; by anyone, with the acceptance of the new policies."""

    terms: Terms


class Freeze(Wire, tag=FREEZE):
    """Stop order and touch for a while; signed by the guard."""

    turn: U63


class Replace(Wire, tag=REPLACE):
    """Put `terms` in force at once; signed by recover together with govern or guard.

    `turn`: any since the present terms came into force.
    """

    turn: U63
    terms: Terms


class Recover(Wire, tag=RECOVER):
    """Put `terms` in force after the vault lay idle; signed by recover alone; `turn` likewise."""

    turn: U63
    terms: Terms


class Consolidate(Wire, tag=CONSOLIDATE):
    """Join 8 to 256 deep vault coins of one asset into one; by anyone."""


Operation = (
    Create
    | Order
    | Touch
    | Complete
    | Veto
    | Announce
    | Cancel
    | Adopt
    | Freeze
    | Replace
    | Recover
    | Consolidate
)
AnchorOperation = Order | Touch | Announce | Cancel | Adopt | Freeze | Replace | Recover

_kinds: dict[int, type[Operation]] = {
    CREATE: Create,
    ORDER: Order,
    TOUCH: Touch,
    COMPLETE: Complete,
    VETO: Veto,
    ANNOUNCE: Announce,
    CANCEL: Cancel,
    ADOPT: Adopt,
    FREEZE: Freeze,
    REPLACE: Replace,
    RECOVER: Recover,
    CONSOLIDATE: Consolidate,
}
_numbers = {kind: number for number, kind in _kinds.items()}
VAULT_KINDS = frozenset(_kinds)


def decode_operation(kind: int, body: bytes) -> Operation:
    """The operation an action holds.

    Raises `OperationUnknown` for a kind that is none, and the codec's `Invalid`s; the body's tag is
    the kind, so an action of one kind never holds another's operation.
    """
    if kind not in _kinds:
        raise OperationUnknown(kind=kind)
    return decode(_kinds[kind], body, MAX_OPERATION)


def encode_operation(operation: Operation) -> Action:
    """The action that holds this operation."""
    return Action(_numbers[type(operation)], encode(operation))


def name_of(operation: Operation) -> str:
    """The operation's word on the wire's tags, in logs and in RPC."""
    return type(operation).__name__.lower()


def counter_of(operation: Operation) -> int:
    """The seq or turn the operation is signed for, 0 where it has none."""
    match operation:
        case Order(seq) | Touch(seq) | Announce(seq):
            return seq
        case Cancel(turn) | Freeze(turn) | Replace(turn) | Recover(turn):
            return turn
        case _:
            return 0


def vault_id(first_outpoint: Outpoint, output_index: int, terms: bytes) -> bytes:
    """The id of a vault: first outpoint its creation spends, the anchor's index, its terms' hash.

    An outpoint is spent once, so no two creations share an id, and the id fixes the terms even if
    a reorganisation lets the outpoint be spent again (V05, V06).
    """
    return _vault_id(encode(first_outpoint), fixed(output_index, 4), terms)


def operation_digest(chain_id: bytes, vault: bytes, counter: int, operation: Operation) -> bytes:
    """What an operation's policies sign: tag `bystack/vault/<operation>`, 32 bytes."""
    domain = tagged(f"vault/{name_of(operation)}")
    return domain(chain_id, vault, fixed(counter), encode(operation))


def accept_digest(chain_id: bytes, vault: bytes, new_terms_hash: bytes) -> bytes:
    """What the policies that new terms bring sign, to prove that somebody holds their keys."""
    return _accept(chain_id, vault, fixed(0), new_terms_hash)


def guard_hash(policy: Policy) -> bytes:
    """How a pending coin names the guard that may veto it."""
    return _guard_hash(encode(policy))


def outputs_hash(outputs: tuple[Output, ...]) -> bytes:
    """How a pending coin names the outputs it will become (those of its asset, in order)."""
    return _outputs_hash(encode(outputs))


def extra_weight(operation: Operation) -> int:
    """What the operation weighs beside its bytes and checks: a vault's state is kept for ever."""
    return CREATE_WEIGHT if isinstance(operation, Create) else 0
