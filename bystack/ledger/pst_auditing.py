"""What a draft asks to be signed, and whether what it holds is true.

Each witness asks for a branch under some root and for signatures of some digest: an input by the
coin it spends, an action by its chain's rules, which come in as `Approvals`. A draft that names a
branch of another root, a signature that does not verify, or a preimage of nothing is refused here,
with the slot and the key, so that nobody signs beside a lie or goes on with a spoiled file.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from hashlib import sha256
from typing import NamedTuple, Protocol

from bystack.ledger.checks import failed
from bystack.ledger.policies import All, Any, Bls, Key, Policy, Sha256, Thresh
from bystack.ledger.pst import Branch, Part, PartiallySigned, SharedKey
from bystack.ledger.satisfaction import Context, check_branch, satisfies
from bystack.ledger.signing import ALL, ModeUnknown, Signing
from bystack.ledger.transactions import (
    Action,
    Items,
    NoWitness,
    PolicyLock,
    Spend,
    Witness,
    transaction_id,
)
from bystack.primitives import bls, musig2
from bystack.primitives.codec import MAX_INT
from bystack.primitives.errors import Invalid, Misuse
from bystack.primitives.keys import verify


class BranchUnknown(Invalid):
    """The draft does not say which branch of the lock is to be satisfied."""


class BranchForeign(Invalid):
    """The draft's branch does not stand under the lock it is to open."""


class SignatureForeign(Invalid):
    """A signature is of a key that the branch does not have, or given twice."""


class SignatureForged(Invalid):
    """A signature in the draft does not verify: the draft was changed since, or somebody lied."""


class PreimageForeign(Invalid):
    """A preimage is of no hash in the branch."""


class SharedKeyForeign(Invalid):
    """The signers' keys do not make a key of the branch, or one of them is there twice."""


class PartialForged(Invalid):
    """A signer's partial signature is wrong, or was given before every nonce was there."""


class WitnessForged(Invalid):
    """A finished witness does not satisfy its lock."""


class SlotUnasked(Invalid):
    """Something was gathered for an input or action that asks for nothing."""


class Approvals(Protocol):
    """What a chain's actions ask to be signed."""

    def root(self, action: Action, /) -> bytes | None:
        """The policy root that approves the action; None for one that needs no approval here."""

    def digest(self, chain: bytes, transaction: bytes, position: int, /) -> bytes:
        """What the approval of the action at `position` signs."""

    def witness(self, branch: Branch, items: Sequence[bytes], /) -> Witness:
        """The approval that reveals the branch and satisfies it."""

    def opened(self, witness: Witness, /) -> tuple[Branch, Items]:
        """What such an approval reveals, and its items; raises `Invalid` for another witness."""


class NoApprovals:
    """For a chain without actions that are approved through drafts."""

    def root(self, action: Action, /) -> bytes | None:
        """None."""
        return None

    def digest(self, chain: bytes, transaction: bytes, position: int, /) -> bytes:
        """Never asked for."""
        raise Misuse("no action of this chain is approved through drafts")

    def witness(self, branch: Branch, items: Sequence[bytes], /) -> Witness:
        """Never asked for."""
        raise Misuse("no action of this chain is approved through drafts")

    def opened(self, witness: Witness, /) -> tuple[Branch, Items]:
        """Never asked for."""
        raise Misuse("no action of this chain is approved through drafts")


NO_APPROVALS = NoApprovals()


class Ask(NamedTuple):
    """What a witness must open, what its signatures sign, and the height of the coin it spends."""

    root: bytes
    digest: bytes
    coin_height: int


def asks(draft: PartiallySigned, approvals: Approvals) -> tuple[Ask | None, ...]:
    """What each slot asks for; None where it asks for nothing.

    Raises `ModeUnknown`, `OutputBesideMissing`.
    """
    pairs = tuple(zip(draft.body.inputs, draft.coins, strict=True))
    signing = Signing(draft.chain_id, draft.body, pairs)
    found: list[Ask | None] = []
    for index, coin in enumerate(draft.coins):
        if isinstance(coin.lock, PolicyLock):
            digest = signing.digest(index, mode_of(draft, index))
            found.append(Ask(coin.lock.root, digest, coin.height))
        else:
            found.append(None)
    found += (_action_ask(draft, n, approvals) for n in range(len(draft.body.actions)))
    return tuple(found)


def _action_ask(draft: PartiallySigned, position: int, approvals: Approvals) -> Ask | None:
    root = approvals.root(draft.body.actions[position])
    if root is None:
        return None
    if draft.parts[len(draft.coins) + position].mode != ALL:
        raise ModeUnknown(action=position)
    digest = approvals.digest(draft.chain_id, transaction_id(draft.body), position)
    return Ask(root, digest, MAX_INT)  # no coin, so `older` never passes


def mode_of(draft: PartiallySigned, slot: int) -> int:
    """The signing mode of a slot: of its finished witness, else of its part."""
    witness = draft.witnesses[slot]
    return witness.mode if isinstance(witness, Spend) else draft.parts[slot].mode


def leaves_of(policy: Policy) -> Iterator[Policy]:
    """The leaves of a policy, depth first."""
    match policy:
        case Thresh(_, subs) | All(subs) | Any(subs):
            for sub in subs:
                yield from leaves_of(sub)
        case _:
            yield policy


def branch_of(part: Part, slot: int = 0) -> Branch:
    """The branch of a part; raises `BranchUnknown`."""
    if not part.branch:
        raise BranchUnknown(slot=slot)
    return part.branch[0]


def audit(draft: PartiallySigned, approvals: Approvals = NO_APPROVALS) -> None:
    """Refuse a draft that holds anything untrue about itself; raises an error of this file."""
    for slot, ask in enumerate(asks(draft, approvals)):
        part, witness = draft.parts[slot], draft.witnesses[slot]
        if ask is None:
            _check_unasked(slot, part, witness)
        elif isinstance(witness, NoWitness):
            _check_part(slot, part, ask)
        elif slot < len(draft.coins) and not isinstance(witness, Spend):
            raise WitnessForged(slot=slot)
        else:
            _check_finished(slot, witness, ask, approvals)


def _check_unasked(slot: int, part: Part, witness: Witness) -> None:
    if part.branch or part.signatures or part.preimages or part.shared or part.origins:
        raise SlotUnasked(slot=slot)
    if isinstance(witness, Spend):
        raise SlotUnasked(slot=slot)


def _check_part(slot: int, part: Part, ask: Ask) -> None:
    if not part.branch:
        if part.signatures or part.preimages or part.shared:
            raise BranchUnknown(slot=slot)
        return
    branch = part.branch[0]
    try:
        check_branch(ask.root, branch.policy, branch.proof)
    except Invalid as error:
        raise BranchForeign(slot=slot, reason=error.rule) from None
    leaves = set(leaves_of(branch.policy))
    _check_signatures(slot, part, ask, leaves)
    hashes = {leaf.hash for leaf in leaves if isinstance(leaf, Sha256)}
    for preimage in part.preimages:
        if sha256(preimage).digest() not in hashes:
            raise PreimageForeign(slot=slot)
    for shared in part.shared:
        _check_shared(slot, shared, ask.digest, leaves)


def _check_signatures(slot: int, part: Part, ask: Ask, leaves: set[Policy]) -> None:
    seen: set[bytes] = set()
    for key, signature in ((one.key, one.signature) for one in part.signatures):
        schnorr = Key(key) in leaves if len(key) == 32 else False
        if key in seen or not (schnorr or (len(key) == 48 and Bls(key) in leaves)):
            raise SignatureForeign(slot=slot, key=key)
        seen.add(key)
        if not (verify if schnorr else bls.verify)(key, ask.digest, signature):
            raise SignatureForged(slot=slot, key=key)


def _check_shared(slot: int, shared: SharedKey, digest: bytes, leaves: set[Policy]) -> None:
    keys = tuple(signer.key for signer in shared.signers)
    if len(set(keys)) != len(keys) or Key(musig2.aggregate(keys)) not in leaves:
        raise SharedKeyForeign(slot=slot)
    nonces = tuple(signer.nonce for signer in shared.signers)
    for nonce in nonces:
        if nonce:
            musig2.check_nonce(nonce)
    partials = tuple(signer.partial for signer in shared.signers)
    early = next((signer.key for signer in shared.signers if signer.partial), None)
    if early is None:
        return
    if not all(nonces):
        raise PartialForged(slot=slot, key=early)
    try:
        musig2.check_partials(keys, nonces, digest, partials)
    except musig2.PartialInvalid as error:
        raise PartialForged(slot=slot, key=error.facts["key"]) from None


def _check_finished(slot: int, witness: Witness, ask: Ask, approvals: Approvals) -> None:
    """A finished witness opens its lock by true signatures; heights are left to the chain."""
    try:
        branch, items = _opened(witness, approvals)
        check_branch(ask.root, branch.policy, branch.proof)
        checks = satisfies(branch.policy, items, Context(MAX_INT, 0, ask.digest))
    except Invalid as error:
        raise WitnessForged(slot=slot, reason=error.rule) from None
    if failed(checks) is not None:
        raise WitnessForged(slot=slot)


def _opened(witness: Witness, approvals: Approvals) -> tuple[Branch, Items]:
    if isinstance(witness, Spend):
        return Branch(witness.policy, witness.branch), witness.items
    return approvals.opened(witness)
