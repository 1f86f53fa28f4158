"""Why a vault operation is refused: one class per reason, the facts as fields."""

from __future__ import annotations

from bystack.primitives.errors import Invalid


class VaultInvalid(Invalid):
    """A vault operation breaks a rule."""


class OperationTooLong(VaultInvalid):
    """The transaction is too long for its proof to be handed to another chain."""


class OneOperation(VaultInvalid):
    """A vault operation stands alone: one action in the transaction."""


class NotAnAnchor(VaultInvalid):
    """The first input is not a vault's anchor."""


class NotPending(VaultInvalid):
    """The first input is not a pending coin."""


class CreateSpendsNothing(VaultInvalid):
    """A creation spends at least one coin, which names the vault."""


class StateInvalid(VaultInvalid):
    """An anchor's stored state cannot be read."""


class TermsUnknown(VaultInvalid):
    """The revealed terms are not those in force."""


class GuardUnknown(VaultInvalid):
    """The revealed guard is not the one the pending coin names."""


class SeqMismatch(VaultInvalid):
    """The operation is signed for another seq."""


class TurnMismatch(VaultInvalid):
    """The operation is signed for another turn."""


class TierUnknown(VaultInvalid):
    """The terms have no tier of this number."""


class VaultFrozen(VaultInvalid):
    """The guard has frozen the vault: no order, no touch."""


class FrozenTooOften(VaultInvalid):
    """The guard may not freeze again yet."""


class OrderOutputInvalid(VaultInvalid):
    """An order pays positive amounts to policy or deposit locks only."""


class OrderUnit(VaultInvalid):
    """An order pays a fraction of an indivisible asset's unit."""


class AssetNotListed(VaultInvalid):
    """The tier has limits and none for this asset."""


class BucketExceeded(VaultInvalid):
    """The order takes more of the asset than the tier's bucket holds."""


class Underfunded(VaultInvalid):
    """The vault coins given do not cover what the order pays."""


class PendingInOrder(VaultInvalid):
    """A pending coin is spent only by its complete or its veto."""


class ForeignVaultCoin(VaultInvalid):
    """A coin of another vault is among the inputs."""


class SponsorInvalid(VaultInvalid):
    """Sponsors spend and receive coins with policy locks only, after the vault's part."""


class OutputsMismatch(VaultInvalid):
    """The outputs are not exactly those of the operation."""


class AnchorMismatch(OutputsMismatch):
    """The first output is not the vault's successor anchor."""


class RemainderMismatch(OutputsMismatch):
    """What remains does not return to the treasury, one output per asset, in ascending order."""


class VaultFee(RemainderMismatch):
    """Value of the vault would leave as a fee."""


class NotMature(VaultInvalid):
    """The pending coin's delay is not over."""


class TooLate(VaultInvalid):
    """The pending coin is mature: no veto any more."""


class NotAnnounced(VaultInvalid):
    """These terms are not the announced ones."""


class NotRipe(VaultInvalid):
    """The announced terms are not ripe yet."""


class NotIdle(VaultInvalid):
    """The vault was touched too recently to be recovered."""


class NewKeysUnsigned(VaultInvalid):
    """A policy of the new terms has not accepted them."""


class ApprovalInvalid(VaultInvalid):
    """The approval has not the form the operation asks for."""


class SecondApproval(VaultInvalid):
    """A replacement is approved by recover with exactly one of govern and guard."""


class ConsolidationInvalid(VaultInvalid):
    """A consolidation joins 8 to 256 coins of one vault and asset, each 100 blocks deep."""
