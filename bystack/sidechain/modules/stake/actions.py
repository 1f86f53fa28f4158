"""What may be asked of the stake module, and what a registration must prove.

Every action begins with the policy root it concerns: the operator of a candidate, the owner of a
ballot. All but a vote and a withdrawal need that policy's approval (`modules.approvals`); a vote is
authorised by the coins it locks, a withdrawal pays nobody but the owner.
"""

from __future__ import annotations

from bystack.ledger.effects import BlsCheck, Check
from bystack.primitives.codec import U16, U63, Bytes32, Bytes48, Bytes96, Wire, decode, encode
from bystack.primitives.errors import Invalid
from bystack.primitives.hashes import tagged
from bystack.sidechain.consensus.scheme import BlsScheme
from bystack.sidechain.modules.base import ActionUnknown

REGISTER, UPDATE, UNREGISTER, UNJAIL, VOTE, UNVOTE, WITHDRAW = range(1, 8)
MAX_BODY = 1_000

_consent = tagged("stake/consent")


class PossessionWrong(Invalid):
    """The proof of possession is not that of the validator key."""


class Register(Wire):
    """Stand for election, with `amount` of own stake. `consent`: see `consent_message`."""

    operator: Bytes32
    key: Bytes48
    proof: Bytes96
    consent: Bytes96
    node: Bytes32
    commission: U16
    amount: U63


class Update(Wire):
    """Another node speaks for the candidate; its commission may only sink."""

    operator: Bytes32
    key: Bytes48
    node: Bytes32
    commission: U16


class Unregister(Wire):
    """Stand no more; the operator's own stake is taken back."""

    operator: Bytes32
    key: Bytes48


class Unjail(Wire):
    """Stand again after a time in jail."""

    operator: Bytes32
    key: Bytes48


class VoteFor(Wire):
    """Lock `amount` for a candidate; `owner` may take it back and is paid its rewards."""

    owner: Bytes32
    key: Bytes48
    amount: U63


class Unvote(Wire):
    """Take back `amount` of a ballot."""

    owner: Bytes32
    key: Bytes48
    amount: U63


class Withdraw(Wire):
    """Pay out what the owner took back and has waited for."""

    owner: Bytes32


StakeAction = Register | Update | Unregister | Unjail | VoteFor | Unvote | Withdraw

KINDS: dict[int, type[StakeAction]] = {
    REGISTER: Register,
    UPDATE: Update,
    UNREGISTER: Unregister,
    UNJAIL: Unjail,
    VOTE: VoteFor,
    UNVOTE: Unvote,
    WITHDRAW: Withdraw,
}
NUMBERS = {kind: number for number, kind in KINDS.items()}


def decode_action(kind: int, body: bytes) -> StakeAction:
    """The action of a kind; raises `ActionUnknown` and the codec's errors."""
    if kind not in KINDS:
        raise ActionUnknown(module="stake", kind=kind)
    return decode(KINDS[kind], body, MAX_BODY)


def encode_action(action: StakeAction) -> tuple[int, bytes]:
    """An action's kind among the module's, and its bytes."""
    return NUMBERS[type(action)], encode(action)


def consent_message(chain: bytes, operator: bytes) -> bytes:
    """What the validator key signs: who may register it, and where. No vote has this tag.

    The proof of possession is public and binds neither: without this anyone could register
    another's key, be paid for its work, and have it answer for their operator.
    """
    return _consent(chain, operator)


def key_checks(chain: bytes, action: Register) -> tuple[Check, ...]:
    """The signature by which the key lets the operator register it; raises `PossessionWrong`.

    The proof of possession is verified here, for it has a tag of its own; the check left bounds how
    many a block can have.
    """
    if not BlsScheme().prove_check(action.key, action.proof):
        raise PossessionWrong(key=action.key)
    return (BlsCheck(action.key, consent_message(chain, action.operator), action.consent),)
