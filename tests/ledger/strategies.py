"""Random values of every ledger type, within the bounds of the types."""

from __future__ import annotations

from hypothesis import strategies as st

from bystack.ledger.policies import (
    MAX_KEYS,
    After,
    All,
    Any,
    Bls,
    Key,
    Older,
    Policy,
    PolicyInvalid,
    Sha256,
    Thresh,
    check_policy,
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
from bystack.primitives.merkle import MerkleProof

hashes = st.binary(min_size=32, max_size=32)
u8 = st.integers(0, 2**8 - 1)
u16 = st.integers(0, 2**16 - 1)
u32 = st.integers(0, 2**32 - 1)
u63 = st.integers(0, 2**63 - 1)


def _bounded(policy: Policy) -> bool:
    try:
        return check_policy(policy) > 0
    except PolicyInvalid:
        return False


def leaves() -> st.SearchStrategy[Policy]:
    return st.one_of(
        st.builds(Key, hashes),
        st.builds(Bls, st.binary(min_size=48, max_size=48)),
        st.builds(After, u63),
        st.builds(Older, u63),
        st.builds(Sha256, hashes),
    )


@st.composite
def _threshold(draw: st.DrawFn, children: st.SearchStrategy[Policy]) -> Policy:
    subs = draw(st.lists(children, min_size=1, max_size=4))
    return Thresh(draw(st.integers(1, len(subs))), tuple(subs))


def policies() -> st.SearchStrategy[Policy]:
    """Policies within the bounds."""
    return st.recursive(
        leaves(),
        lambda children: st.one_of(
            _threshold(children),
            st.builds(All, st.lists(children, min_size=1, max_size=4).map(tuple)),
            st.builds(Any, st.lists(children, min_size=1, max_size=4).map(tuple)),
        ),
        max_leaves=MAX_KEYS // 2,
    ).filter(_bounded)


outpoints = st.builds(Outpoint, hashes, u32)
locks = st.one_of(
    st.builds(PolicyLock, hashes),
    st.builds(RetireLock, st.binary(max_size=256)),
    st.builds(VaultLock, hashes),
    st.builds(DepositLock, hashes, st.binary(min_size=64, max_size=64)),
    st.builds(TreasuryLock, hashes),
    st.builds(PendingLock, hashes, hashes, hashes, u63),
    st.builds(RecordLock, st.binary(max_size=300)),
)
outputs = st.builds(Output, hashes, u63, locks)
actions = st.builds(Action, u16, st.binary(max_size=300))
items = st.lists(st.binary(max_size=96), max_size=8).map(tuple)
proofs = st.builds(MerkleProof, u32, u32, st.lists(hashes, max_size=10).map(tuple))
witnesses = st.one_of(
    st.builds(NoWitness),
    st.builds(Spend, policies(), proofs, u8, items),
    st.builds(Approval, st.binary(max_size=300), st.lists(items, max_size=3).map(tuple)),
)
bodies = st.builds(
    TransactionBody,
    u16,
    st.lists(outpoints, max_size=4).map(tuple),
    st.lists(outputs, max_size=4).map(tuple),
    st.lists(actions, max_size=2).map(tuple),
    u63,
    u63,
    st.binary(max_size=256),
)
transactions = st.builds(Transaction, bodies, st.lists(witnesses, max_size=4).map(tuple))
