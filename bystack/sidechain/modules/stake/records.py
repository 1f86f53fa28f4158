"""What the stake module keeps: candidates, ballots, stake on its way back, the epoch's tally.

Stake of a candidate is the sum of its ballots; its operator's own stake is a ballot like any other.
Every entry is bounded, and no rule but the election reads more than a few of them.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated

from msgspec import Meta

from bystack.primitives.codec import (
    U16,
    U32,
    U63,
    Bit,
    Bytes32,
    Bytes48,
    Bytes96,
    Wire,
    encode,
)
from bystack.primitives.errors import Invalid
from bystack.sidechain.consensus.validators import MAX_VALIDATORS
from bystack.sidechain.parameters import EVIDENCE_EPOCHS

MAX_CONFIG = 1_000
MAX_CANDIDATES = 1_000
MAX_BALLOTS = 100
MAX_RETURNS = 64
MAX_WAITING = 1_000
"""Returns of one owner in all: 64 it asked for, the others of ballots that were turned out, which
must not fail because their owner lets its returns pile up."""

LEAST_SET = 4
"""With fewer validators not one may be faulty."""

LEAST_UNBONDING = EVIDENCE_EPOCHS + 2
"""Stake taken back in an epoch may stand behind the next one's validators, whose evidence counts
for `EVIDENCE_EPOCHS` more: only then is nothing left that it answers for."""

WHOLE = 10_000
"""Basis points of everything."""


class StakeInvalid(Invalid):
    """The stake module's genesis contradicts itself."""


class StakeConfig(Wire):
    """The module's genesis.

    `asset`: what is staked. `seats`: the most validators elected; `least_set`: the fewest, else the
    set stays. `own`: least stake of the operator itself; `vote`: least of any ballot. `unbonding`:
    epochs before stake taken back is paid out. Basis points: `proposer` of the fees go to
    proposers, the rest to signers; `slash` of the stake is lost to evidence; `presence` of an
    epoch's certificates must bear a validator's signature, or it is jailed.
    """

    asset: Bytes32
    seats: U16
    least_set: U16
    own: U63
    vote: U63
    unbonding: U32
    proposer: U16
    slash: U16
    presence: U16


class Candidate(Wire):
    """Who stands for election with the validator key `key`.

    `operator`: policy root that governs it and is paid. `commission`: basis points of the rewards
    kept before voters share. `stake`: all ballots, `own`: the operator's. `place`: in the roster.
    `gone`: 1 once it stands no more. `jailed`: 0, or the epoch from which it may come back.
    """

    key: Bytes48
    proof: Bytes96
    node: Bytes32
    operator: Bytes32
    commission: U16
    stake: U63
    own: U63
    place: U32
    gone: Bit
    jailed: U63


class Ballot(Wire):
    """Stake locked for a candidate. `fresh`: the part added in `epoch`, which earns from the next
    one on."""

    owner: Bytes32
    amount: U63
    fresh: U63
    epoch: U63


Ballots = Annotated[tuple[Ballot, ...], Meta(max_length=MAX_BALLOTS)]


class Returning(Wire):
    """Stake taken back in `epoch`, not yet paid. `settled`: 1 if evidence against the candidate
    was counted already when it was taken back."""

    key: Bytes48
    amount: U63
    epoch: U63
    settled: Bit


Returns = Annotated[tuple[Returning, ...], Meta(max_length=MAX_WAITING)]


class Work(Wire):
    """What a validator did in an epoch: certificates it signed, blocks it proposed."""

    key: Bytes48
    signed: U32
    proposed: U32


class Tally(Wire):
    """The epoch being counted, how many certificates it has so far, who signed them."""

    epoch: U63
    blocks: U32
    works: Annotated[tuple[Work, ...], Meta(max_length=2 * MAX_VALIDATORS)]


class Seats(Wire):
    """The validators of an epoch, as the election for the next one found them."""

    epoch: U63
    keys: Annotated[tuple[Bytes48, ...], Meta(max_length=MAX_VALIDATORS)]


class Tomb(Wire):
    """A convicted validator: in which epoch."""

    epoch: U63


def check_config(config: StakeConfig) -> None:
    """Refuse numbers that no election can run on; raises `StakeInvalid`."""
    if not LEAST_SET <= config.least_set <= config.seats <= MAX_VALIDATORS:
        raise StakeInvalid(seats=config.seats, least_set=config.least_set, fewest=LEAST_SET)
    if not config.own or not config.vote:
        raise StakeInvalid(reason="a least stake of 0", own=config.own, vote=config.vote)
    if config.unbonding < LEAST_UNBONDING:
        raise StakeInvalid(unbonding=config.unbonding, least=LEAST_UNBONDING)
    if max(config.proposer, config.slash, config.presence) > WHOLE or not config.slash:
        raise StakeInvalid(reason="basis points above 10,000, or nothing to lose")


def check_asset(config: StakeConfig, units: Mapping[bytes, int]) -> None:
    """The staked asset is of the chain, and least stakes are whole units; raises `StakeInvalid`.

    `units`: what every amount of an asset of the chain is a multiple of.
    """
    unit = units.get(config.asset)
    if unit is None:
        raise StakeInvalid(asset=config.asset, reason="the chain does not take it")
    if config.own % unit or config.vote % unit:
        raise StakeInvalid(unit=unit, own=config.own, vote=config.vote)


def encode_config(config: StakeConfig) -> bytes:
    """The bytes a genesis carries; raises `StakeInvalid`."""
    check_config(config)
    return encode(config)
