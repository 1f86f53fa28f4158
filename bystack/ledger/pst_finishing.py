"""The last roles: what a draft still misses, its finished witnesses, and the transaction itself."""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import sha256
from typing import NamedTuple

from bystack.ledger.fulfilment import Gathered, SignaturesInsufficient, gathered_items
from bystack.ledger.policies import After, Bls, Key, Older, Policy, Sha256
from bystack.ledger.pst import Branch, Part, PartiallySigned
from bystack.ledger.pst_auditing import (
    NO_APPROVALS,
    Approvals,
    Ask,
    asks,
    audit,
    leaves_of,
    mode_of,
)
from bystack.ledger.transactions import Items, NoWitness, Spend, Transaction, Witness
from bystack.primitives.errors import Invalid
from bystack.primitives.musig2 import aggregate


class DraftUnfinished(Invalid):
    """Something is still missing before the transaction can be sent."""


class SlotReport(NamedTuple):
    """How one witness stands. Keys are those of the branch, of shared keys the signers'.

    `heights` are the least block heights that unsatisfied `after` and `older` leaves wait for.
    """

    slot: int
    root: bytes
    mode: int
    policy: tuple[Policy, ...]
    finished: bool
    ready: bool
    signed: tuple[bytes, ...]
    unsigned: tuple[bytes, ...]
    hashes: tuple[bytes, ...]
    heights: tuple[int, ...]
    no_nonce: tuple[bytes, ...]
    no_partial: tuple[bytes, ...]


def analyse(
    draft: PartiallySigned, height: int, approvals: Approvals = NO_APPROVALS
) -> tuple[SlotReport, ...]:
    """How each slot that asks for something stands, for a block at `height`."""
    return tuple(
        _report(draft, slot, ask, height)
        for slot, ask in enumerate(asks(draft, approvals))
        if ask is not None
    )


def next_role(reports: Sequence[SlotReport]) -> str:
    """Who is needed next: updater, signer, finalizer or extractor (BIP 174's words)."""
    if any(not report.policy and not report.finished for report in reports):
        return "updater"
    if any(not report.ready and not report.finished for report in reports):
        return "signer"
    return "extractor" if all(report.finished for report in reports) else "finalizer"


def finalize(
    draft: PartiallySigned, height: int, approvals: Approvals = NO_APPROVALS
) -> PartiallySigned:
    """The draft with every witness finished for which enough is there, for a block at `height`.

    Raises an error of `pst_auditing` for a draft that holds something untrue.
    """
    audit(draft, approvals)
    for slot, ask in enumerate(asks(draft, approvals)):
        part = draft.parts[slot]
        if ask is None or not part.branch or not isinstance(draft.witnesses[slot], NoWitness):
            continue
        items = _items(part, ask, height)
        if items is not None:
            witness = _witness(draft, slot, part.branch[0], items, approvals)
            draft = draft.with_witness(slot, witness)
    return draft


def extract(draft: PartiallySigned, approvals: Approvals = NO_APPROVALS) -> Transaction:
    """The transaction, every witness finished. Raises `DraftUnfinished` with the slots."""
    open_slots = [
        slot
        for slot, ask in enumerate(asks(draft, approvals))
        if ask is not None and isinstance(draft.witnesses[slot], NoWitness)
    ]
    if open_slots:
        raise DraftUnfinished(slots=open_slots)
    return Transaction(draft.body, draft.witnesses)


def _witness(
    draft: PartiallySigned, slot: int, branch: Branch, items: Items, approvals: Approvals
) -> Witness:
    if slot >= len(draft.coins):
        return approvals.witness(branch, items)
    return Spend(branch.policy, branch.proof, draft.parts[slot].mode, items)


def _items(part: Part, ask: Ask, height: int) -> Items | None:
    signatures = {one.key: one.signature for one in part.signatures}
    preimages = {sha256(one).digest(): one for one in part.preimages}
    gathered = Gathered(signatures, preimages, height, height - ask.coin_height)
    try:
        return gathered_items(part.branch[0].policy, gathered)
    except SignaturesInsufficient:
        return None


def _report(draft: PartiallySigned, slot: int, ask: Ask, height: int) -> SlotReport:
    part, finished = draft.parts[slot], not isinstance(draft.witnesses[slot], NoWitness)
    policy = tuple(branch.policy for branch in part.branch)
    leaves = tuple(dict.fromkeys(leaf for one in policy for leaf in leaves_of(one)))
    signed = tuple(one.key for one in part.signatures)
    shared = {aggregate([s.key for s in one.signers]): one.signers for one in part.shared}
    waiting = [s for whole, signers in shared.items() if whole not in signed for s in signers]
    known = {sha256(one).digest() for one in part.preimages}
    keys = [leaf.key for leaf in leaves if isinstance(leaf, Key | Bls)]
    return SlotReport(
        slot=slot,
        root=ask.root,
        mode=mode_of(draft, slot),
        policy=policy,
        finished=finished,
        ready=bool(policy) and not finished and _items(part, ask, height) is not None,
        signed=signed,
        unsigned=tuple(key for key in keys if key not in signed),
        hashes=tuple(x.hash for x in leaves if isinstance(x, Sha256) and x.hash not in known),
        heights=tuple(at for leaf in leaves if (at := _least(leaf, ask)) > height),
        no_nonce=tuple(signer.key for signer in waiting if not signer.nonce),
        no_partial=tuple(signer.key for signer in waiting if not signer.partial),
    )


def _least(leaf: Policy, ask: Ask) -> int:
    match leaf:
        case After(height):
            return height
        case Older(blocks):
            return ask.coin_height + blocks
        case _:
            return 0
