from collections.abc import Callable

import msgspec
import pytest

from bystack.ledger.amounts import (
    BTM,
    AmountOverflow,
    AssetDefinition,
    DefinitionInvalid,
    asset_id,
)
from bystack.ledger.checks import verify_checks
from bystack.ledger.coins import Coin
from bystack.ledger.policies import Key, Older
from bystack.ledger.satisfaction import (
    CoinTooYoung,
    ItemsMissing,
    PolicyUnsatisfied,
    policy_root,
    prove_branch,
)
from bystack.ledger.transactions import (
    Action,
    Approval,
    DepositLock,
    NoWitness,
    Outpoint,
    Output,
    RecordLock,
    Spend,
    Transaction,
    TransactionBody,
    VaultLock,
)
from bystack.ledger.validation import UnitBroken, WitnessKind
from bystack.ledger.vault_errors import OneOperation
from bystack.ledger.vault_operations import Complete, encode_operation
from bystack.mainchain.actions import (
    COINBASE,
    ISSUE,
    RECORD_INDEX,
    ActionUnknown,
    AlreadyIssued,
    Coinbase,
    CoinbaseHeight,
    CoinbaseLock,
    CoinbaseMalformed,
    CoinbaseMisplaced,
    Issue,
    IssueAmount,
    IssueUnapproved,
    IssueUnbound,
    Registration,
    Revealed,
    RewardExceeded,
    coinbase_action,
    coinbase_effects,
    is_coinbase,
    issue_action,
    issue_digest,
    issued_asset,
    main_effects,
    needs,
    record_outpoint,
    registration_of,
)
from bystack.mainchain.assembly import build_coinbase
from bystack.mainchain.params import chain_id
from bystack.mainchain.transition import FeeAsset, apply_main
from bystack.primitives.codec import MAX_INT, Malformed, encode
from bystack.primitives.errors import Invalid, Misuse
from bystack.primitives.merkle import ProofMismatch
from tests.ledger.people import ALICE, BOB
from tests.mainchain.builders import EASY, Chain
from tests.wire import check_wire

GOLD = AssetDefinition("GOLD", "gram", 2, 1, 1, b"")
QUANTUM = AssetDefinition("SEAT", "seat", 0, 0, 1, b"")
BAR = AssetDefinition("BAR", "bar", 2, 0, 1, b"")
DEED = AssetDefinition("DEED", "deed", 0, 0, 0, b"plot 7")
ROOT = ALICE.lock.root


def rich() -> Chain:
    chain = Chain()
    chain.grow(6)
    return chain


def apply(chain: Chain, tx: Transaction) -> None:
    """Judge a transaction for the next block, signatures included."""
    done = apply_main(chain.coins, tx, chain.tip.header.height + 1, EASY)
    assert verify_checks(done.checks)


# On the wire


def test_coinbase_on_the_wire() -> None:
    check_wire("mainchain_coinbase", Coinbase(7, b"extra"))


def test_issue_on_the_wire() -> None:
    check_wire("mainchain_issue", Issue(b"\x01" * 32, GOLD, 1_000))


def test_revealed_on_the_wire() -> None:
    check_wire("mainchain_revealed", Revealed(Key(b"\x02" * 32), prove_branch([ALICE.policy], 0)))


def test_registration_on_the_wire() -> None:
    check_wire("mainchain_registration", Registration(b"\x01" * 32, GOLD, 2_000))


# Issue


def test_an_issue_creates_coins_and_a_record() -> None:
    chain = rich()
    asset = issued_asset(Issue(ROOT, GOLD, 500))
    assert asset == asset_id(ROOT, GOLD)
    chain.mine(chain.issue(ALICE, Issue(ROOT, GOLD, 500), to=BOB))
    assert [coin.amount for _, coin in chain.owned(BOB, asset)] == [500]
    record = chain.coins[Outpoint(asset, RECORD_INDEX)]
    assert registration_of(record) == Registration(ROOT, GOLD, 500)
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
        (Issue(ROOT, msgspec.structs.replace(GOLD, serial=b"x"), 1), DefinitionInvalid),
        (Issue(ROOT, msgspec.structs.replace(GOLD, decimals=19), 1), DefinitionInvalid),
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
    good = encode(Registration(ROOT, GOLD, 1))
    assert registration_of(Coin(BTM, 0, RecordLock(good), 1, 0, 1, b"")).issued == 1


# Other actions


def replaced(tx: Transaction, **fields: object) -> Transaction:
    return Transaction(msgspec.structs.replace(tx.body, **fields), tx.witnesses)


@pytest.mark.parametrize("kind", [0, 3, 15, 28, 65_535])
def test_unknown_kinds_are_refused_by_name(kind: int) -> None:
    chain = rich()
    tx = chain.pay(ALICE, BOB, 5)
    odd = replaced(tx, actions=(Action(kind, b""),))
    with pytest.raises(ActionUnknown) as caught:
        main_effects(chain.coins, odd, 7, EASY)
    assert caught.value.facts == {"kind": kind}
    beside = chain.issue(ALICE, Issue(ROOT, GOLD, 5))
    with pytest.raises(ActionUnknown):
        main_effects(
            chain.coins,
            replaced(beside, actions=(*beside.body.actions, Action(kind, b""))),
            7,
            EASY,
        )


def test_a_vault_operation_stands_alone() -> None:
    chain = rich()
    tx = chain.issue(ALICE, Issue(ROOT, GOLD, 5))
    operation = encode_operation(Complete())
    for actions in ((operation, operation), (*tx.body.actions, operation)):
        with pytest.raises(OneOperation):
            main_effects(chain.coins, replaced(tx, actions=actions), 7, EASY)
    spend = Transaction(
        msgspec.structs.replace(tx.body, actions=(operation,)),
        (*tx.witnesses[:-1], tx.witnesses[0]),
    )
    with pytest.raises(WitnessKind):
        main_effects(chain.coins, spend, 7, EASY)


# Coinbase

COIN = build_coinbase(7, 100, ALICE.lock)


def test_a_coinbase_creates_its_reward() -> None:
    assert is_coinbase(COIN) and not is_coinbase(rich().pay(ALICE, BOB, 5))
    effects = coinbase_effects(COIN, 7, 100)
    assert dict(effects.created) == {BTM: 100} and effects.coinbase == 1
    assert build_coinbase(7, 0, ALICE.lock).body.outputs == ()


@pytest.mark.parametrize(
    ("change", "error"),
    [
        ({"inputs": (Outpoint(b"\x01" * 32, 0),)}, CoinbaseMalformed),
        ({"valid_from": 1}, CoinbaseMalformed),
        ({"valid_until": 9}, CoinbaseMalformed),
        ({"actions": ()}, CoinbaseMisplaced),
        ({"actions": (coinbase_action(7),) * 2}, CoinbaseMisplaced),
        ({"actions": (coinbase_action(7), encode_operation(Complete()))}, CoinbaseMisplaced),
        ({"actions": (coinbase_action(8),)}, CoinbaseHeight),
        ({"actions": (Action(COINBASE, b"\x90"),)}, Malformed),
        ({"actions": (Action(COINBASE, encode((7, bytes(101)))),)}, Malformed),
        ({"outputs": (Output(BTM, 101, ALICE.lock),)}, RewardExceeded),
        ({"outputs": (Output(BTM, 60, ALICE.lock), Output(BTM, 41, BOB.lock))}, RewardExceeded),
        ({"outputs": (Output(BTM, 1, DepositLock(b"\x01" * 32, bytes(64))),)}, CoinbaseLock),
        ({"outputs": (Output(BTM, 0, VaultLock(b"\x01" * 32)),)}, CoinbaseLock),
    ],
)
def test_each_coinbase_rule_refuses_by_name(
    change: dict[str, object], error: type[Invalid]
) -> None:
    with pytest.raises(error):
        coinbase_effects(replaced(COIN, **change), 7, 100)


def test_a_coinbase_carries_no_witness_to_play_with() -> None:
    with pytest.raises(CoinbaseMalformed):
        coinbase_effects(Transaction(COIN.body, (Approval(b"", ()),)), 7, 100)
    with pytest.raises(CoinbaseMalformed):
        coinbase_effects(Transaction(COIN.body, ()), 7, 100)


def test_a_coinbase_outside_a_block_is_refused() -> None:
    with pytest.raises(CoinbaseMisplaced):
        main_effects({}, COIN, 7, EASY)  # type: ignore[arg-type]
    assert chain_id(EASY) not in (b"", bytes(32))
