from collections.abc import Callable

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bystack.ledger.amounts import (
    BTM,
    AmountOverflow,
    AssetDefinition,
    DefinitionInvalid,
    asset_id,
    class_of,
)
from bystack.ledger.checks import verify_checks
from bystack.ledger.coins import Coin
from bystack.ledger.policies import Key, Older
from bystack.ledger.pst import unsigned
from bystack.ledger.pst_auditing import audit
from bystack.ledger.satisfaction import (
    CoinTooYoung,
    ItemsMissing,
    PolicyUnsatisfied,
    policy_root,
    prove_branch,
)
from bystack.ledger.signing import SINGLE_ANYONE, ModeUnknown
from bystack.ledger.transactions import (
    Action,
    Approval,
    NoWitness,
    Outpoint,
    Output,
    RecordLock,
    RetireLock,
    Spend,
    Transaction,
    TransactionBody,
)
from bystack.ledger.validation import UnitBroken
from bystack.mainchain.actions import needs
from bystack.mainchain.issues import (
    ISSUE,
    ISSUE_APPROVALS,
    RECORD_INDEX,
    AlreadyIssued,
    Issue,
    IssueAmount,
    IssueCapExceeded,
    IssueUnapproved,
    IssueUnbound,
    Registration,
    Revealed,
    issue_action,
    issue_digest,
    issued_asset,
    record_outpoint,
    registration_of,
)
from bystack.mainchain.transition import FeeAsset, apply_main
from bystack.primitives.codec import MAX_INT, Malformed, encode
from bystack.primitives.errors import Invalid, Misuse
from bystack.primitives.merkle import ProofMismatch
from tests.ledger.people import ALICE, BOB
from tests.mainchain.builders import EASY, Chain
from tests.wire import check_wire

GOLD = AssetDefinition("GOLD", "gram", 2, 1, 1, b"", 0)
QUANTUM = AssetDefinition("SEAT", "seat", 0, 0, 1, b"", 0)
BAR = AssetDefinition("BAR", "bar", 2, 0, 1, b"", 0)
DEED = AssetDefinition("DEED", "deed", 0, 0, 0, b"plot 7", 0)
ACRE = AssetDefinition("ACRE", "acre", 2, 1, 0, b"plot 8", 0)
ROOT = ALICE.lock.root


def rich() -> Chain:
    chain = Chain()
    chain.grow(6)
    return chain


def apply(chain: Chain, tx: Transaction) -> None:
    """Judge a transaction for the next block, signatures included."""
    done = apply_main(chain.coins, tx, chain.tip.header.height + 1, EASY)
    assert verify_checks(done.checks)


def replaced(tx: Transaction, **fields: object) -> Transaction:
    return Transaction(msgspec.structs.replace(tx.body, **fields), tx.witnesses)


PLAIN = rich()
CLASSES = ((1, 1), (1, 0), (0, 1), (0, 0))

# On the wire


def test_issue_on_the_wire() -> None:
    check_wire("mainchain_issue", Issue(b"\x01" * 32, GOLD, 1_000))


def test_revealed_on_the_wire() -> None:
    check_wire("mainchain_revealed", Revealed(Key(b"\x02" * 32), prove_branch([ALICE.policy], 0)))


def test_registration_on_the_wire() -> None:
    check_wire("mainchain_registration", Registration(b"\x01" * 32, GOLD, 2_000, 6))


def test_an_issue_creates_coins_and_a_record() -> None:
    chain = rich()
    asset = issued_asset(Issue(ROOT, GOLD, 500))
    assert asset == asset_id(ROOT, GOLD)
    chain.mine(chain.issue(ALICE, Issue(ROOT, GOLD, 500), to=BOB))
    assert [coin.amount for _, coin in chain.owned(BOB, asset)] == [500]
    record = chain.coins[Outpoint(asset, RECORD_INDEX)]
    assert registration_of(record) == Registration(ROOT, GOLD, 500, 7)
    assert (record.amount, record.height, record.unit) == (0, 7, 1)


def test_further_issues_add_up_in_the_one_record() -> None:
    chain = rich()
    issue = Issue(ROOT, GOLD, 500)
    chain.mine(chain.issue(ALICE, issue))
    before = chain.coins.image()
    twice = chain.issue(ALICE, Issue(ROOT, GOLD, 30), Issue(ROOT, GOLD, 1))
    chain.mine(twice, chain.issue(ALICE, Issue(ROOT, GOLD, 7), spends=1))
    place = record_outpoint(issued_asset(issue))
    assert registration_of(chain.coins[place]).issued == 538
    assert sum(coin.amount for _, coin in chain.owned(ALICE, issued_asset(issue))) == 538
    chain.disconnect()
    assert chain.coins.image() == before
    assert registration_of(chain.coins[place]).issued == 500


def test_a_non_fungible_asset_is_issued_once() -> None:
    chain = rich()
    with pytest.raises(AlreadyIssued):
        apply(chain, chain.issue(ALICE, Issue(ROOT, DEED, 1), Issue(ROOT, DEED, 1)))
    chain.mine(chain.issue(ALICE, Issue(ROOT, DEED, 1)))
    again = chain.issue(ALICE, Issue(ROOT, DEED, 1))
    with pytest.raises(AlreadyIssued):
        apply(chain, again)
    chain.mine(chain.issue(ALICE, Issue(ROOT, msgspec.structs.replace(DEED, serial=b"8"), 1)))
    with pytest.raises(AlreadyIssued):
        apply(chain, again)


@pytest.mark.parametrize(
    ("issue", "error"),
    [
        (Issue(ROOT, GOLD, 0), IssueAmount),
        (Issue(ROOT, BAR, 150), IssueAmount),
        (Issue(ROOT, DEED, 2), IssueAmount),
        (Issue(ROOT, ACRE, 1), IssueAmount),
        (Issue(ROOT, msgspec.structs.replace(GOLD, serial=b"x"), 1), DefinitionInvalid),
        (Issue(ROOT, msgspec.structs.replace(DEED, serial=b""), 1), DefinitionInvalid),
        (Issue(ROOT, msgspec.structs.replace(DEED, cap=1), 1), DefinitionInvalid),
        (Issue(ROOT, msgspec.structs.replace(BAR, cap=150), 100), DefinitionInvalid),
        (Issue(ROOT, msgspec.structs.replace(GOLD, decimals=19), 1), DefinitionInvalid),
        (Issue(ROOT, msgspec.structs.replace(GOLD, symbol="GOLD\n"), 1), Malformed),
        (Issue(ROOT, msgspec.structs.replace(GOLD, symbol="GO LD"), 1), Malformed),
    ],
)
def test_what_cannot_be_issued(issue: Issue, error: type[Invalid]) -> None:
    chain = rich()
    with pytest.raises(error):
        apply(chain, chain.issue(ALICE, issue))


def test_an_indivisible_asset_stays_in_whole_units_from_its_issue_on() -> None:
    chain = rich()
    issue = Issue(ROOT, BAR, 300)
    whole = chain.issue(ALICE, issue)
    halves = (whole.body.outputs[0], *(Output(issued_asset(issue), 150, ALICE.lock),) * 2)
    split = chain.sign(msgspec.structs.replace(whole.body, outputs=halves), ALICE, ALICE)
    with pytest.raises(UnitBroken):
        apply(chain, split)
    chain.mine(whole)
    assert chain.owned(ALICE, issued_asset(issue))[0][1].unit == 100


def test_the_total_issued_is_an_amount() -> None:
    chain = rich()
    chain.mine(chain.issue(ALICE, Issue(ROOT, GOLD, MAX_INT)))
    with pytest.raises(AmountOverflow):
        apply(chain, chain.issue(ALICE, Issue(ROOT, GOLD, 1)))


def test_a_cap_holds_over_all_issues_and_blocks() -> None:
    chain, capped = rich(), msgspec.structs.replace(GOLD, cap=1_000)
    with pytest.raises(IssueCapExceeded):
        apply(chain, chain.issue(ALICE, Issue(ROOT, capped, 1_001)))
    with pytest.raises(IssueCapExceeded):
        apply(chain, chain.issue(ALICE, Issue(ROOT, capped, 600), Issue(ROOT, capped, 401)))
    chain.mine(chain.issue(ALICE, Issue(ROOT, capped, 600)))
    last = chain.issue(ALICE, Issue(ROOT, capped, 400))
    with pytest.raises(IssueCapExceeded) as caught:
        apply(chain, chain.issue(ALICE, Issue(ROOT, capped, 401)))
    assert (caught.value.facts["issued"], caught.value.facts["cap"]) == (1_001, 1_000)
    chain.mine(last)
    with pytest.raises(IssueCapExceeded):
        apply(chain, chain.issue(ALICE, Issue(ROOT, capped, 1)))
    chain.disconnect()  # what a reorganisation takes back may be issued again
    apply(chain, last)


def test_what_is_retired_does_not_come_back_under_a_cap() -> None:
    chain, capped = rich(), msgspec.structs.replace(GOLD, cap=10)
    chain.mine(chain.issue(ALICE, Issue(ROOT, capped, 10)))
    ((place, _),) = chain.owned(ALICE, asset := issued_asset(Issue(ROOT, capped, 10)))
    body = TransactionBody(1, (place,), (Output(asset, 10, RetireLock(b"gone")),), (), 0, 0, b"")
    chain.mine(chain.sign(body, ALICE))
    with pytest.raises(IssueCapExceeded):
        apply(chain, chain.issue(ALICE, Issue(ROOT, capped, 1)))


def test_the_record_keeps_the_height_of_the_first_issue() -> None:
    chain = rich()
    for _ in range(2):
        chain.mine(chain.issue(ALICE, Issue(ROOT, GOLD, 5)))
    record = chain.coins[record_outpoint(asset_id(ROOT, GOLD))]
    assert (record.height, registration_of(record).first) == (8, 7)


@pytest.mark.parametrize("amounts", [(MAX_INT, 1), (MAX_INT, MAX_INT), (2**62, 2**62)])
def test_issues_of_one_transaction_do_not_overflow(amounts: tuple[int, ...]) -> None:
    chain = rich()
    with pytest.raises(AmountOverflow):
        apply(chain, chain.issue(ALICE, *(Issue(ROOT, GOLD, n) for n in amounts)))


def test_an_issue_does_not_overflow_with_the_coins_beside_it() -> None:
    """The record stays below the bound here: it is the sum of coins and issue that breaks it."""
    chain, asset = rich(), asset_id(ROOT, GOLD)
    huge = Coin(asset, MAX_INT, ALICE.lock, 1, 0, 1, b"")
    place = Outpoint(b"\x05" * 32, 0)
    chain.coins[place] = huge
    tx = chain.issue(ALICE, Issue(ROOT, GOLD, 1))
    body = msgspec.structs.replace(tx.body, inputs=(*tx.body.inputs, place))
    with pytest.raises(AmountOverflow):
        apply(chain, chain.sign(body, ALICE, ALICE))


def test_outputs_that_wrap_around_are_an_overflow_not_a_gift() -> None:
    chain = rich()
    tx = chain.issue(ALICE, Issue(ROOT, GOLD, 5))
    wrap = tuple(Output(asset_id(ROOT, GOLD), n, ALICE.lock) for n in (MAX_INT, MAX_INT, 7))
    body = msgspec.structs.replace(tx.body, outputs=(tx.body.outputs[0], *wrap))
    with pytest.raises(AmountOverflow):
        apply(chain, chain.sign(body, ALICE, ALICE))


@given(
    decimals=st.integers(0, 6),
    divisible=st.integers(0, 1),
    fungible=st.integers(0, 1),
    cap=st.integers(0, 3),
    amount=st.integers(0, 3 * 10**6),
    parts=st.lists(st.integers(1, 10**6), max_size=2),
)
@settings(max_examples=150, deadline=None)
def test_an_issue_and_its_split_pass_exactly_when_the_class_allows(
    decimals: int, divisible: int, fungible: int, cap: int, amount: int, parts: list[int]
) -> None:
    """The four classes against a plain reading of ledger.md, section 2."""
    one = 10**decimals
    serial = b"" if fungible else b"no 1"
    definition = AssetDefinition("A", "", decimals, divisible, fungible, serial, cap * one)
    chain, issue = PLAIN, Issue(ROOT, definition, amount)
    whole = chain.issue(ALICE, issue)
    shares = [n for n in (*parts, amount - sum(parts)) if n > 0]
    outputs = tuple(Output(issued_asset(issue), n, ALICE.lock) for n in shares)
    body = msgspec.structs.replace(whole.body, outputs=(whole.body.outputs[0], *outputs))
    unit = 1 if divisible else one
    fits = (
        amount > 0
        and sum(shares) == amount
        and all(n % unit == 0 for n in (amount, *shares))
        and (cap == 0 or amount <= cap * one)
        and (bool(fungible) or (amount == one and cap == 0))
    )
    try:
        apply(chain, chain.sign(body, ALICE, ALICE))
    except Invalid:
        assert not fits
    else:
        assert fits


def test_the_classes_have_the_names_people_know() -> None:
    named = [class_of(msgspec.structs.replace(GOLD, divisible=d, fungible=f)) for d, f in CLASSES]
    assert named == ["byte", "atomic", "quantum", "quark"]


def test_only_the_issuance_policy_issues() -> None:
    chain = rich()
    with pytest.raises(ProofMismatch):  # Alice reveals her own branch for Bob's asset
        apply(chain, chain.issue(ALICE, Issue(BOB.lock.root, GOLD, 5)))
    tx = chain.issue(ALICE, Issue(ROOT, GOLD, 5))
    forged = chain.sign(tx.body, ALICE, BOB)
    with pytest.raises(ProofMismatch):
        apply(chain, forged)


def test_an_issue_signature_counts_for_its_transaction_position_and_chain_only() -> None:
    digests = {
        issue_digest(b"\x01" * 32, b"\x02" * 32, 0),
        issue_digest(b"\x03" * 32, b"\x02" * 32, 0),
        issue_digest(b"\x01" * 32, b"\x03" * 32, 0),
        issue_digest(b"\x01" * 32, b"\x02" * 32, 1),
    }
    assert len(digests) == 4
    chain = rich()
    one, other = (chain.issue(ALICE, Issue(ROOT, GOLD, n)) for n in (5, 6))
    moved = Transaction(other.body, (*other.witnesses[:-1], one.witnesses[-1]))
    done = apply_main(chain.coins, moved, 7, EASY)
    assert not verify_checks(done.checks)


def test_an_issue_without_a_coin_spent_could_be_repeated_and_is_refused() -> None:
    chain = rich()
    issue = Issue(ROOT, GOLD, 5)
    out = Output(issued_asset(issue), 5, ALICE.lock)
    body = TransactionBody(1, (), (out,), (issue_action(issue),), 0, 0, b"")
    with pytest.raises(IssueUnbound):
        apply(chain, chain.sign(body, ALICE, ALICE))


def _witness(change: Callable[[Approval], object]) -> Callable[[Transaction], Transaction]:
    def spoil(tx: Transaction) -> Transaction:
        approval = tx.witnesses[-1]
        assert isinstance(approval, Approval)
        return Transaction(tx.body, (*tx.witnesses[:-1], change(approval)))  # type: ignore[arg-type]

    return spoil


@pytest.mark.parametrize(
    ("change", "error"),
    [
        (lambda _: NoWitness(), IssueUnapproved),
        (lambda _: Spend(ALICE.policy, prove_branch([ALICE.policy], 0), 0, ()), IssueUnapproved),
        (lambda a: Approval(a.revealed, ()), IssueUnapproved),
        (lambda a: Approval(a.revealed, a.signatures * 2), IssueUnapproved),
        (lambda a: Approval(a.revealed, ((),)), ItemsMissing),
        (lambda a: Approval(a.revealed, ((b"",),)), PolicyUnsatisfied),
        (lambda a: Approval(a.revealed + b"\x00", a.signatures), Malformed),
        (lambda a: Approval(b"", a.signatures), Malformed),
    ],
)
def test_an_approval_has_one_form(
    change: Callable[[Approval], object], error: type[Invalid]
) -> None:
    chain = rich()
    tx = _witness(change)(chain.issue(ALICE, Issue(ROOT, GOLD, 5)))
    with pytest.raises(error):
        apply(chain, tx)


def test_an_issuance_policy_with_an_age_never_passes() -> None:
    chain = rich()
    policies = (Older(1),)
    tx = chain.issue(ALICE, Issue(policy_root(policies), GOLD, 5))
    revealed = encode(Revealed(policies[0], prove_branch(policies, 0)))
    aged = Transaction(tx.body, (*tx.witnesses[:-1], Approval(revealed, ((b"\x01",),))))
    with pytest.raises(CoinTooYoung):
        apply(chain, aged)


def test_a_draft_has_an_issue_approved_as_a_whole_only() -> None:
    tx = rich().issue(ALICE, Issue(ROOT, GOLD, 5))
    coin = Coin(BTM, 1_000, ALICE.lock, 1, 0, 1, b"")
    draft = unsigned(bytes(32), tx.body, (coin,) * len(tx.body.inputs))
    audit(draft, ISSUE_APPROVALS)
    with pytest.raises(ModeUnknown):
        audit(draft.with_part(len(tx.body.inputs), mode=SINGLE_ANYONE), ISSUE_APPROVALS)


def test_issued_surplus_is_no_fee() -> None:
    chain = rich()
    tx = chain.issue(ALICE, Issue(ROOT, GOLD, 5))
    less = tx.body.outputs[0], msgspec.structs.replace(tx.body.outputs[1], amount=4)
    body = msgspec.structs.replace(tx.body, outputs=less)
    with pytest.raises(FeeAsset) as caught:
        apply(chain, chain.sign(body, ALICE, ALICE))
    assert caught.value.facts == {"asset": issued_asset(Issue(ROOT, GOLD, 5)), "surplus": 1}


def test_needs_names_inputs_and_records() -> None:
    chain = rich()
    tx = chain.issue(ALICE, Issue(ROOT, GOLD, 5))
    assert needs(tx) == (*tx.body.inputs, record_outpoint(issued_asset(Issue(ROOT, GOLD, 5))))
    with pytest.raises(Malformed):
        needs(replaced(tx, actions=(Action(ISSUE, b"\xc0"),)))


def test_only_a_record_holds_a_registration() -> None:
    with pytest.raises(Misuse):
        registration_of(Coin(BTM, 1, ALICE.lock, 1, 0, 1, b""))
    good = encode(Registration(ROOT, GOLD, 1, 3))
    assert registration_of(Coin(BTM, 0, RecordLock(good), 1, 0, 1, b"")).issued == 1
