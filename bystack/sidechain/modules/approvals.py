"""How a policy approves a module's action: whoever owns something says so under its policy root.

An approvable action is an array whose first field is the 32-byte root that must approve it; its
witness reveals one branch of that root and satisfies it over the transaction's id. So drafts of
several signers (`ledger.pst`) carry these actions as they carry spends, whatever the module.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from bystack.ledger.effects import Check
from bystack.ledger.policies import Policy
from bystack.ledger.pst import Branch
from bystack.ledger.satisfaction import Context, check_branch, satisfies
from bystack.ledger.transactions import Action, Approval, Items, Witness
from bystack.primitives.codec import Wire, decode, encode
from bystack.primitives.errors import Invalid
from bystack.primitives.hashes import fixed, tagged
from bystack.primitives.merkle import MerkleProof
from bystack.sidechain.modules.base import ActionContext, Module

MAX_REVEALED = 20_000
_FEW = 0x90
"""How MessagePack begins an array of fewer than sixteen fields."""
_ROOT = b"\xc4\x20"
"""How it begins a byte string of 32."""

_digest = tagged("sidechain/approval")


class ApprovalMissing(Invalid):
    """The action needs one approval by the policy it names."""


class OwnerUnnamed(Invalid):
    """The action does not begin with the policy root that must approve it."""


class OwnBranch(Wire):
    """What an approval reveals: a branch of the owner's policy and its place under the root."""

    policy: Policy
    branch: MerkleProof


def approval_digest(chain: bytes, transaction: bytes, position: int) -> bytes:
    """The 32 bytes to sign: the action at `position` of the transaction with this id."""
    return _digest(chain, transaction, fixed(position, 4))


def owner_named(action: Action) -> bytes:
    """The policy root an approvable action begins with; raises `OwnerUnnamed`."""
    body = action.body
    if len(body) < 35 or body[0] & 0xF0 != _FEW or body[1:3] != _ROOT:
        raise OwnerUnnamed(kind=action.kind)
    return body[3:35]


def approved_by(context: ActionContext, root: bytes) -> tuple[Check, ...]:
    """The signatures to verify before `root` has approved the action.

    Raises `ApprovalMissing`, and what the revealed policy raises. An action is no coin, so the age
    that `older` asks for is never reached.
    """
    branch, items = opened(context.witness)
    check_branch(root, branch.policy, branch.proof)
    block = context.block
    digest = approval_digest(block.chain, context.transaction, context.position)
    return satisfies(branch.policy, items, Context(block.height, block.height, digest))


def approval(branch: Branch, items: Sequence[bytes]) -> Approval:
    """The witness that reveals a branch and satisfies it."""
    return Approval(encode(OwnBranch(branch.policy, branch.proof)), (tuple(items),))


def opened(witness: Witness) -> tuple[Branch, Items]:
    """What an approval reveals, and its items; raises `ApprovalMissing`, the codec's errors."""
    if not isinstance(witness, Approval) or len(witness.signatures) != 1:
        raise ApprovalMissing(given=type(witness).__name__)
    revealed = decode(OwnBranch, witness.revealed, MAX_REVEALED)
    return Branch(revealed.policy, revealed.branch), witness.signatures[0]


def approved_kinds(modules: Sequence[Module]) -> frozenset[int]:
    """The wire kinds of a chain's actions that name who must approve them."""
    return frozenset(
        256 * (index + 1) + kind for index, module in enumerate(modules) for kind in module.approved
    )


class ModuleApprovals:
    """What modules' actions ask to be signed, for drafts (`ledger.pst_auditing.Approvals`).

    `kinds`: of the actions that name who must approve them, as `approved_kinds` gives them.
    """

    def __init__(self, kinds: Iterable[int]) -> None:
        self._kinds = frozenset(kinds)

    def root(self, action: Action, /) -> bytes | None:
        """The policy root that must approve the action; None where none must."""
        return owner_named(action) if action.kind in self._kinds else None

    def digest(self, chain: bytes, transaction: bytes, position: int, /) -> bytes:
        """As `approval_digest`."""
        return approval_digest(chain, transaction, position)

    def witness(self, branch: Branch, items: Sequence[bytes], /) -> Witness:
        """As `approval`."""
        return approval(branch, items)

    def opened(self, witness: Witness, /) -> tuple[Branch, Items]:
        """As `opened`."""
        return opened(witness)
