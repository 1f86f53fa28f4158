"""One value of each wire type of the ledger, pinned by a golden file of the same name."""

from __future__ import annotations

from bystack.ledger.accounts import CHANGE, SINGLES, Place
from bystack.ledger.addressbook import AddressRecord
from bystack.ledger.amounts import BTM, AssetDefinition
from bystack.ledger.coins import Coin
from bystack.ledger.policies import After, All, Any, Bls, Key, Older, Sha256, Thresh
from bystack.ledger.pst import (
    EMPTY,
    Branch,
    Contribution,
    KeySignature,
    Origin,
    Part,
    PartiallySigned,
    SharedKey,
)
from bystack.ledger.transactions import (
    Action,
    Approval,
    DepositLock,
    NoWitness,
    Outpoint,
    Output,
    PendingLock,
    PolicyLock,
    RecordLock,
    RetireLock,
    Spend,
    Transaction,
    TransactionBody,
    TreasuryLock,
    VaultLock,
)
from bystack.ledger.wallet_records import HistoryRecord, Movement, Reservation
from bystack.primitives.codec import MAX_INT, Wire
from bystack.primitives.merkle import MerkleProof


def _fill(number: int, size: int = 32) -> bytes:
    return bytes([number]) * size


KEY, BLS = Key(_fill(1)), Bls(_fill(2, 48))
POLICY = Thresh(2, (KEY, BLS, All((After(600), Older(144))), Any((Sha256(_fill(3)), KEY))))
OUTPOINT = Outpoint(_fill(4), 70_000)
OUTPUT = Output(BTM, 41_250_000_000, PolicyLock(_fill(5)))
SPEND = Spend(POLICY, MerkleProof(1, 2, (_fill(6),)), 1, (_fill(7, 64), b"", b"\x01"))
APPROVAL = Approval(b"revealed", ((_fill(8, 96), b""), ()))
BODY = TransactionBody(
    version=1,
    inputs=(OUTPOINT,),
    outputs=(OUTPUT, Output(_fill(9), 1, RetireLock(b"why"))),
    actions=(Action(300, b"body"),),
    valid_from=10,
    valid_until=2**32,
    memo=b"memo",
)
BRANCH = Branch(POLICY, MerkleProof(1, 2, (_fill(6),)))
SIGNATURE = KeySignature(_fill(2, 48), _fill(8, 96))
ORIGIN = Origin(_fill(1), 0, 2, 7)
CONTRIBUTION = Contribution(_fill(2, 33), _fill(3, 66), b"")
SHARED = SharedKey((CONTRIBUTION, Contribution(_fill(3, 33), b"", b"")))
PART = Part(1, (BRANCH,), (SIGNATURE,), (_fill(16),), (SHARED,), (ORIGIN,))
COIN = Coin(BTM, MAX_INT, PolicyLock(_fill(5)), 840_000, 1, 1, b"state")
MOVEMENT = Movement(BTM, 30, 2**40)
HISTORY = HistoryRecord(_fill(15), 9, 2, 2**31, 0, (MOVEMENT,), ((BTM, 500),))

SAMPLES: dict[str, Wire] = {
    "outpoint": OUTPOINT,
    "lock_policy": PolicyLock(_fill(5)),
    "lock_retire": RetireLock(b"why"),
    "lock_vault": VaultLock(_fill(10)),
    "lock_deposit": DepositLock(_fill(10), _fill(11, 64)),
    "lock_treasury": TreasuryLock(_fill(10)),
    "lock_pending": PendingLock(_fill(10), _fill(12), _fill(13), 432),
    "lock_record": RecordLock(b"record"),
    "output": OUTPUT,
    "action": Action(300, b"body"),
    "witness_none": NoWitness(),
    "witness_spend": SPEND,
    "witness_approval": APPROVAL,
    "transaction_body": BODY,
    "transaction": Transaction(BODY, (SPEND, APPROVAL)),
    "policy_key": KEY,
    "policy_bls": BLS,
    "policy_thresh": POLICY,
    "policy_all": All((KEY,)),
    "policy_any": Any((KEY, BLS)),
    "policy_after": After(600),
    "policy_older": Older(144),
    "policy_sha256": Sha256(_fill(3)),
    "pst_branch": BRANCH,
    "pst_key_signature": SIGNATURE,
    "pst_origin": ORIGIN,
    "pst_contribution": CONTRIBUTION,
    "pst_shared_key": SHARED,
    "pst_part": PART,
    "partially_signed": PartiallySigned(
        _fill(14), BODY, (COIN,), (SPEND, NoWitness()), (EMPTY, PART)
    ),
    "wallet_movement": MOVEMENT,
    "wallet_history_record": HISTORY,
    "wallet_reservation": Reservation(_fill(15), 1),
    "account_place": Place(CHANGE, 70_000, SINGLES),
    "address_record": AddressRecord(b"xpub", (3, 0), (2, 1)),
    "coin": COIN,
    "asset_definition": AssetDefinition("GOLD", "ounce", 8, 1, 1, b"", 10**15),
}
