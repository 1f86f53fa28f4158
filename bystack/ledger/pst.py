"""Partially signed transactions: what goes from signer to signer, and its bounds (after BIP 174).

A draft carries the coins with the body, so whoever signs sees, and signs, what is spent. Beside
each witness stands a part: the branch to satisfy and what has been gathered for it. Nothing in a
draft is believed: `ledger.pst_auditing` holds it against itself, a node against the chain.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping
from typing import Annotated

import msgspec
from msgspec import Meta

from bystack.ledger.coins import Coin
from bystack.ledger.policies import MAX_KEYS, MAX_NODES, Policy
from bystack.ledger.signing import ALL
from bystack.ledger.transactions import (
    MAX_ACTIONS,
    MAX_INPUTS,
    MAX_TRANSACTION,
    NoWitness,
    TransactionBody,
    Witness,
)
from bystack.primitives.codec import U8, U32, Bytes32, Wire, decode
from bystack.primitives.errors import Invalid
from bystack.primitives.merkle import MerkleProof
from bystack.primitives.musig2 import KEY, MAX_SIGNERS, NONCE, PARTIAL

MAX_DRAFT = 2 * MAX_TRANSACTION
PREFIX = "bystack-pst:"

Key33 = Annotated[bytes, Meta(min_length=KEY, max_length=KEY)]


class DraftMalformed(Invalid):
    """A partially signed transaction has one coin per input, and one witness and part per slot."""


class DraftTextInvalid(Invalid):
    """The text is not a partially signed transaction."""


class Branch(Wire):
    """The branch of a lock (or of an issuance policy) that is to be satisfied."""

    policy: Policy
    proof: MerkleProof


class KeySignature(Wire):
    """A signature by a key of the branch: Schnorr (32 and 64 bytes) or BLS (48 and 96)."""

    key: Annotated[bytes, Meta(min_length=32, max_length=48)]
    signature: Annotated[bytes, Meta(min_length=64, max_length=96)]


class Origin(Wire):
    """Where a wallet finds the secret of `key`: below its account, at chain/index. A hint."""

    key: Bytes32
    account: U32
    chain: U32
    index: U32


class Contribution(Wire):
    """What one signer of a shared key has given: nothing, a nonce, then a partial signature."""

    key: Key33
    nonce: Annotated[bytes, Meta(max_length=NONCE)]
    partial: Annotated[bytes, Meta(max_length=PARTIAL)]


class SharedKey(Wire):
    """A key of the branch that several people hold (BIP 327); signers in order."""

    signers: Annotated[tuple[Contribution, ...], Meta(min_length=1, max_length=MAX_SIGNERS)]


class Part(Wire):
    """What is gathered for one witness. `branch` is empty until somebody who knows it tells."""

    mode: U8
    branch: Annotated[tuple[Branch, ...], Meta(max_length=1)]
    signatures: Annotated[tuple[KeySignature, ...], Meta(max_length=MAX_KEYS)]
    preimages: Annotated[tuple[Bytes32, ...], Meta(max_length=MAX_NODES)]
    shared: Annotated[tuple[SharedKey, ...], Meta(max_length=MAX_KEYS)]
    origins: Annotated[tuple[Origin, ...], Meta(max_length=4 * MAX_KEYS)]


EMPTY = Part(ALL, (), (), (), (), ())


class PartiallySigned(Wire):
    """A transaction on its way from signer to signer, with the coins it spends, in order.

    Witnesses and parts: one for each input, then for each action. A `NoWitness` stands where an
    input is not finished, or needs nothing.
    """

    chain_id: Bytes32
    body: TransactionBody
    coins: Annotated[tuple[Coin, ...], Meta(max_length=MAX_INPUTS)]
    witnesses: Annotated[tuple[Witness, ...], Meta(max_length=MAX_INPUTS + MAX_ACTIONS)]
    parts: Annotated[tuple[Part, ...], Meta(max_length=MAX_INPUTS + MAX_ACTIONS)]

    @property
    def fee(self) -> Mapping[bytes, int]:
        """What comes in and does not go out, per asset; actions are not counted."""
        sums: dict[bytes, int] = {}
        for coin in self.coins:
            sums[coin.asset] = sums.get(coin.asset, 0) + coin.amount
        for output in self.body.outputs:
            sums[output.asset] = sums.get(output.asset, 0) - output.amount
        return {asset: amount for asset, amount in sums.items() if amount}

    def with_part(self, slot: int, **fields: object) -> PartiallySigned:
        """The draft with some fields of one part replaced."""
        part = msgspec.structs.replace(self.parts[slot], **fields)
        parts = (*self.parts[:slot], part, *self.parts[slot + 1 :])
        return msgspec.structs.replace(self, parts=parts)

    def with_witness(self, slot: int, witness: Witness) -> PartiallySigned:
        """The draft with one witness in its final form, and nothing left to gather for it."""
        witnesses = (*self.witnesses[:slot], witness, *self.witnesses[slot + 1 :])
        parts = (*self.parts[:slot], EMPTY, *self.parts[slot + 1 :])
        return msgspec.structs.replace(self, witnesses=witnesses, parts=parts)


def unsigned(chain_id: bytes, body: TransactionBody, coins: tuple[Coin, ...]) -> PartiallySigned:
    """A draft nobody has signed; `coins` are those of the inputs, in order."""
    slots = len(body.inputs) + len(body.actions)
    return PartiallySigned(chain_id, body, coins, (NoWitness(),) * slots, (EMPTY,) * slots)


def decode_draft(data: bytes) -> PartiallySigned:
    """A draft from its bytes, its counts in order.

    Raises as `decode`, and `DraftMalformed`.
    """
    draft = decode(PartiallySigned, data, MAX_DRAFT)
    inputs, slots = len(draft.body.inputs), len(draft.body.inputs) + len(draft.body.actions)
    counts = len(draft.coins), len(draft.witnesses), len(draft.parts)
    if counts != (inputs, slots, slots):
        raise DraftMalformed(inputs=inputs, slots=slots, given=list(counts))
    return draft


def draft_text(data: bytes) -> str:
    """The text form of an encoded draft: prefix and base64 (RFC 4648), on one line."""
    return PREFIX + base64.b64encode(data).decode()


def parse_draft(text: str) -> PartiallySigned:
    """A draft from its text form; white space between the letters does not count.

    Raises `DraftTextInvalid`, and as `decode_draft`.
    """
    if len(text) > 2 * MAX_DRAFT:
        raise DraftTextInvalid(length=len(text), limit=2 * MAX_DRAFT)
    head, prefix, letters = text.partition(PREFIX)
    if head.strip() or not prefix:
        raise DraftTextInvalid(expected=PREFIX)
    try:
        data = base64.b64decode("".join(letters.split()), validate=True)
    except (binascii.Error, ValueError):
        raise DraftTextInvalid(expected="base64") from None
    return decode_draft(data)
