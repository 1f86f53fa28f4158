"""The roles that fill a draft: tell branches, sign, give nonces and partial signatures, combine.

Each returns a new draft and takes nothing away. A signer gives its signature only for a branch that
has its key, over the digest that the draft itself leads to; the digest covers the coins spent, so
one that was lied to signed something no chain accepts.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

import msgspec

from bystack.ledger.policies import Key, Policy, Sha256
from bystack.ledger.pst import (
    Branch,
    Contribution,
    KeySignature,
    Origin,
    PartiallySigned,
    SharedKey,
)
from bystack.ledger.pst_auditing import NO_APPROVALS, Approvals, Ask, asks, leaves_of
from bystack.ledger.satisfaction import prove_branch
from bystack.ledger.transactions import NoWitness
from bystack.primitives import musig2
from bystack.primitives.errors import Invalid, Misuse
from bystack.primitives.hashes import fixed, sha256, tagged
from bystack.primitives.keys import sign

_aux = tagged("pst/aux")


class DraftsDiffer(Invalid):
    """The partially signed transactions are not of the same transaction."""


class ModesDiffer(Invalid):
    """One draft signs an input in another mode than the other."""


class Known(NamedTuple):
    """What an updater knows of a lock: its policies, shared keys in them, origins of its keys."""

    policies: tuple[Policy, ...]
    shared: tuple[tuple[bytes, ...], ...] = ()
    origins: tuple[Origin, ...] = ()


class Turn(NamedTuple):
    """What a signer of a shared key is to give next: a nonce, or a partial signature.

    `place` is its place among the signers of `parts[slot].shared[number]`.
    """

    slot: int
    number: int
    place: int
    digest: bytes
    keys: tuple[bytes, ...]
    nonces: tuple[bytes, ...]

    @property
    def key(self) -> bytes:
        """The signer's 33-byte key."""
        return self.keys[self.place]

    @property
    def first_round(self) -> bool:
        """Whether it is the nonce that is asked for."""
        return not self.nonces[self.place]


def update(
    draft: PartiallySigned,
    known: Mapping[bytes, Known],
    approvals: Approvals = NO_APPROVALS,
    branch: int = 0,
) -> PartiallySigned:
    """Tell the branch (the `branch`-th of several) of every open slot whose root is known."""
    for slot, ask in _open(draft, approvals):
        if ask.root in known and not draft.parts[slot].branch:
            told = known[ask.root]
            chosen = min(branch, len(told.policies) - 1)
            proof = prove_branch(told.policies, chosen)
            shared = tuple(
                SharedKey(tuple(Contribution(key, b"", b"") for key in keys))
                for keys in told.shared
                if Key(musig2.aggregate(keys)) in set(leaves_of(told.policies[chosen]))
            )
            branches = (Branch(told.policies[chosen], proof),)
            draft = draft.with_part(slot, branch=branches, shared=shared, origins=told.origins)
    return draft


def sign_draft(
    draft: PartiallySigned,
    secrets: Mapping[bytes, bytes],
    aux: bytes,
    approvals: Approvals = NO_APPROVALS,
) -> PartiallySigned:
    """Sign every open slot with each key of `secrets` (by x-only key) that its branch has.

    `aux` is 32 fresh random bytes. A slot signs in the mode its part names.
    """
    for slot, ask in _open(draft, approvals):
        part = draft.parts[slot]
        leaves = leaves_of(part.branch[0].policy) if part.branch else iter(())
        done = {one.key for one in part.signatures}
        made = [
            KeySignature(leaf.key, sign(secrets[leaf.key], ask.digest, _fresh(aux, slot, leaf.key)))
            for leaf in dict.fromkeys(leaves)
            if isinstance(leaf, Key) and leaf.key in secrets and leaf.key not in done
        ]
        if made:
            draft = _signed(draft, slot, made)
    return draft


def reveal(
    draft: PartiallySigned, preimages: Sequence[bytes], approvals: Approvals = NO_APPROVALS
) -> PartiallySigned:
    """Add each preimage wherever a branch asks for it."""
    for slot, _ in _open(draft, approvals):
        part = draft.parts[slot]
        leaves = leaves_of(part.branch[0].policy) if part.branch else iter(())
        asked = {leaf.hash for leaf in leaves if isinstance(leaf, Sha256)}
        fitting = {one for one in preimages if len(one) == 32 and sha256(one) in asked}
        if fitting - set(part.preimages):
            draft = draft.with_part(slot, preimages=tuple(sorted({*part.preimages, *fitting})))
    return draft


def turns(
    draft: PartiallySigned, own: frozenset[bytes], approvals: Approvals = NO_APPROVALS
) -> tuple[Turn, ...]:
    """What the holder of the 33-byte keys `own` can give to shared keys now."""
    found: list[Turn] = []
    for slot, ask in _open(draft, approvals):
        for number, shared in enumerate(draft.parts[slot].shared):
            keys = tuple(signer.key for signer in shared.signers)
            nonces = tuple(signer.nonce for signer in shared.signers)
            for place, signer in enumerate(shared.signers):
                ready = not signer.nonce or (all(nonces) and not signer.partial)
                if signer.key in own and ready:
                    found.append(Turn(slot, number, place, ask.digest, keys, nonces))
    return tuple(found)


def with_nonce(draft: PartiallySigned, turn: Turn, nonce: bytes) -> PartiallySigned:
    """The draft with a signer's public nonce. Partial signatures over another set of nonces go."""
    signers = list(draft.parts[turn.slot].shared[turn.number].signers)
    signers = [msgspec.structs.replace(signer, partial=b"") for signer in signers]
    signers[turn.place] = msgspec.structs.replace(signers[turn.place], nonce=nonce)
    return _with_signers(draft, turn, signers)


def with_partial(draft: PartiallySigned, turn: Turn, partial: bytes) -> PartiallySigned:
    """The draft with a signer's partial signature; once all are there, with the whole one.

    Raises `PartialInvalid` with the signer's key when one of them is wrong.
    """
    signers = list(draft.parts[turn.slot].shared[turn.number].signers)
    signers[turn.place] = msgspec.structs.replace(signers[turn.place], partial=partial)
    return _with_signers(draft, turn, signers)


def combine(
    one: PartiallySigned, other: PartiallySigned, approvals: Approvals = NO_APPROVALS
) -> PartiallySigned:
    """What both hold. Raises `DraftsDiffer`, `ModesDiffer`, `PartialInvalid`."""
    if (one.chain_id, one.body, one.coins) != (other.chain_id, other.body, other.coins):
        raise DraftsDiffer()
    for slot, theirs in enumerate(other.witnesses):
        if isinstance(one.witnesses[slot], NoWitness) and not isinstance(theirs, NoWitness):
            one = one.with_witness(slot, theirs)
    for slot, ask in _open(one, approvals):
        one = _merge_part(one, other, slot, ask)
    return one


def _merge_part(
    one: PartiallySigned, other: PartiallySigned, slot: int, ask: Ask
) -> PartiallySigned:
    ours, theirs = one.parts[slot], other.parts[slot]
    if not theirs.branch:
        return one
    if not ours.branch:
        return one.with_part(slot, **msgspec.structs.asdict(theirs))
    if ours.branch != theirs.branch or ours.mode != theirs.mode:
        raise ModesDiffer(slot=slot)
    made = one.with_part(
        slot,
        preimages=tuple(sorted({*ours.preimages, *theirs.preimages})),
        origins=tuple(dict.fromkeys((*ours.origins, *theirs.origins)))[:128],
        shared=_merge_shared(ours.shared, theirs.shared),
    )
    have = {signature.key for signature in ours.signatures}
    made = _signed(made, slot, [s for s in theirs.signatures if s.key not in have])
    return _whole(made, slot, ask.digest)


def _merge_shared(ours: Sequence[SharedKey], theirs: Sequence[SharedKey]) -> tuple[SharedKey, ...]:
    """Nonces and partial signatures of both."""
    if [_keys(one) for one in ours] != [_keys(one) for one in theirs]:
        return tuple(ours) or tuple(theirs)
    return tuple(_merge_signers(x, y) for x, y in zip(ours, theirs, strict=True))


def _merge_signers(ours: SharedKey, theirs: SharedKey) -> SharedKey:
    """Where two nonces differ, ours. A partial signature counts under the nonces it was made over:
    beside any other it would be wrong, and blamed on its honest signer."""
    nonces = [x.nonce or y.nonce for x, y in zip(ours.signers, theirs.signers, strict=True)]
    partials = [b""] * len(nonces)
    for side in (theirs, ours):
        if [signer.nonce for signer in side.signers] == nonces:
            given = zip(side.signers, partials, strict=True)
            partials = [signer.partial or before for signer, before in given]
    parts = zip(_keys(ours), nonces, partials, strict=True)
    return SharedKey(tuple(Contribution(*part) for part in parts))


def _keys(shared: SharedKey) -> tuple[bytes, ...]:
    return tuple(signer.key for signer in shared.signers)


def _with_signers(
    draft: PartiallySigned, turn: Turn, signers: Sequence[Contribution]
) -> PartiallySigned:
    shared = list(draft.parts[turn.slot].shared)
    shared[turn.number] = SharedKey(tuple(signers))
    return _whole(draft.with_part(turn.slot, shared=tuple(shared)), turn.slot, turn.digest)


def _whole(draft: PartiallySigned, slot: int, digest: bytes) -> PartiallySigned:
    """Put together the signatures of shared keys whose every partial signature is there."""
    done = {one.key for one in draft.parts[slot].signatures}
    for shared in draft.parts[slot].shared:
        keys = _keys(shared)
        whole = musig2.aggregate(keys)
        if whole in done or not all(signer.partial for signer in shared.signers):
            continue
        nonces = [signer.nonce for signer in shared.signers]
        partials = [signer.partial for signer in shared.signers]
        signature = musig2.combine(keys, nonces, digest, partials)
        draft = _signed(draft, slot, [KeySignature(whole, signature)])
    return draft


def _signed(draft: PartiallySigned, slot: int, made: Sequence[KeySignature]) -> PartiallySigned:
    """Signatures stand in order of their keys, so that it does not count who came first."""
    every = sorted((*draft.parts[slot].signatures, *made), key=lambda one: one.key)
    return draft.with_part(slot, signatures=tuple(every))


def _open(draft: PartiallySigned, approvals: Approvals) -> Iterator[tuple[int, Ask]]:
    """The slots that ask for something and are not finished."""
    for slot, ask in enumerate(asks(draft, approvals)):
        if ask is not None and isinstance(draft.witnesses[slot], NoWitness):
            yield slot, ask


def _fresh(aux: bytes, slot: int, key: bytes) -> bytes:
    if len(aux) != 32:
        raise Misuse("auxiliary randomness is 32 bytes")
    return _aux(aux, fixed(slot, 4), key)
