from collections.abc import Callable

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bystack.ledger.amounts import BTM, AssetDefinition
from bystack.ledger.coins import CoinMissing, Delta
from bystack.ledger.effects import Applied, BlsCheck, Effects
from bystack.ledger.terms import Govern, Guard, Recover, Terms, Tier
from bystack.ledger.transactions import NoWitness, Outpoint, Output, Transaction
from bystack.ledger.validation import Immature, NothingDone, Overspent
from bystack.ledger.vault_operations import Create, encode_operation
from bystack.mainchain import transition
from bystack.mainchain.actions import CoinbaseMisplaced, RewardExceeded
from bystack.mainchain.assembly import COINBASE_WEIGHT, block_fees, build_block, build_coinbase
from bystack.mainchain.blocks import Block, transaction_root, witness_root
from bystack.mainchain.chain import HeaderCount, genesis_entry
from bystack.mainchain.issues import Issue
from bystack.mainchain.params import genesis, subsidy_at
from bystack.mainchain.transition import (
    BlockTooHeavy,
    BlockUnlinked,
    Change,
    TooManyBlsChecks,
    TransactionCount,
    TransactionRoot,
    Undo,
    WitnessRoot,
    block_needs,
    check_block,
    connect_block,
    decode_undo,
    disconnect,
    undo_of,
    weigh,
)
from bystack.primitives.codec import encode
from bystack.primitives.errors import Invalid
from tests.ledger.people import ALICE, BOB, CAROL
from tests.mainchain.builders import EASY, Chain, SignatureWrong, child
from tests.wire import check_wire

GOLD = AssetDefinition("GOLD", "gram", 2, 1, 1, b"", 0)
SUBSIDY = EASY.subsidy


def rich() -> Chain:
    chain = Chain()
    chain.grow(6)
    return chain


def recommitted(block: Block, *transactions: Transaction) -> Block:
    """The block with other transactions and a header that commits to them."""
    header = msgspec.structs.replace(
        block.header,
        transaction_count=len(transactions),
        transaction_root=transaction_root(transactions),
        witness_root=witness_root(transactions),
    )
    return Block(header, transactions)


def test_undo_on_the_wire() -> None:
    chain = rich()
    place, coin = chain.owned(ALICE)[0]
    change = Change(place, coin)
    check_wire("mainchain_undo", Undo((change,), (change,)))


def test_a_block_pays_subsidy_and_fees_and_moves_coins() -> None:
    chain = rich()
    tx = chain.pay(ALICE, BOB, 1_000, fee=7)
    parent = chain.tip
    block = child(parent, [tx], fees=7, miner=CAROL)
    done = connect_block(chain.coins, block, parent, EASY)
    assert done.fees == 7 and len(done.checks) == 1
    assert done.weights == (block.transactions[0].size, tx.size + 50)
    assert set(done.delta.spent) == set(tx.body.inputs)
    rewards = [coin for coin in done.delta.created.values() if coin.coinbase]
    assert [(coin.amount, coin.lock, coin.height) for coin in rewards] == [
        (SUBSIDY + 7, CAROL.lock, 7)
    ]


def test_coins_made_and_spent_in_one_block_leave_no_trace() -> None:
    chain = rich()
    first = chain.pay(ALICE, ALICE, 1_000)
    middle = Outpoint(first.id, 0)
    made = connect_block(chain.coins, child(chain.tip, [first]), chain.tip, EASY).delta.created
    body = msgspec.structs.replace(
        first.body, inputs=(middle,), outputs=(Output(BTM, 1_000, BOB.lock),)
    )
    second = chain.sign(body, ALICE, more=dict(made))
    block = child(chain.tip, [first, second])
    assert middle not in block_needs(block)
    assert set(first.body.inputs) <= block_needs(block)
    done = connect_block(chain.coins, block, chain.tip, EASY)
    assert middle not in done.delta.created and middle not in done.delta.spent
    with pytest.raises(CoinMissing):
        connect_block(chain.coins, child(chain.tip, [second, first]), chain.tip, EASY)


def test_needs_are_all_that_connecting_reads() -> None:
    chain = rich()
    issue = chain.issue(ALICE, Issue(ALICE.lock.root, GOLD, 5))
    chain.mine(issue)
    more = chain.issue(ALICE, Issue(ALICE.lock.root, GOLD, 6), spends=1)
    block = child(chain.tip, [chain.pay(ALICE, BOB, 10), more])
    read: set[Outpoint] = set()

    class Spy:
        def get(self, place: Outpoint, /) -> object:
            read.add(place)
            return chain.coins.get(place)

    connect_block(Spy(), block, chain.tip, EASY)  # type: ignore[arg-type]
    own = {tx.id for tx in block.transactions}  # that a new coin is new is looked up too
    assert {place for place in read if place.transaction not in own} <= block_needs(block)


def test_a_coinbase_waits() -> None:
    chain = Chain()
    chain.grow(1)
    young = chain.coins
    (place,) = young
    body = msgspec.structs.replace(
        build_coinbase(1, 5, ALICE.lock).body, inputs=(place,), actions=()
    )
    tx = chain.sign(body, ALICE)
    with pytest.raises(Immature):
        connect_block(young, child(chain.tip, [tx]), chain.tip, EASY)
    chain.grow(1)
    connect_block(chain.coins, child(chain.tip, [tx], fees=SUBSIDY - 5), chain.tip, EASY)


def spoiled(chain: Chain, spoil: Callable[[Block, Transaction], Block]) -> Block:
    tx = chain.pay(ALICE, BOB, 1_000, fee=7)
    return spoil(child(chain.tip, [tx], fees=7), tx)


def header_with(**fields: object) -> Callable[[Block, Transaction], Block]:
    return lambda block, _: Block(
        msgspec.structs.replace(block.header, **fields), block.transactions
    )


@pytest.mark.parametrize(
    ("spoil", "error"),
    [
        (header_with(previous=b"\x01" * 32), BlockUnlinked),
        (header_with(height=9), BlockUnlinked),
        (header_with(transaction_count=3), TransactionCount),
        (header_with(transaction_root=bytes(32)), TransactionRoot),
        (header_with(witness_root=bytes(32)), WitnessRoot),
        (lambda block, tx: Block(block.header, block.transactions[:1]), TransactionCount),
        (lambda block, tx: Block(block.header, block.transactions[::-1]), TransactionRoot),
        (
            lambda block, tx: Block(
                block.header,
                (block.transactions[0], Transaction(tx.body, (NoWitness(),))),
            ),
            WitnessRoot,
        ),
        (lambda block, tx: recommitted(block), HeaderCount),
        (lambda block, tx: recommitted(block, tx), CoinbaseMisplaced),
        (lambda block, tx: recommitted(block, *block.transactions[::-1]), CoinbaseMisplaced),
        (
            lambda block, tx: recommitted(block, block.transactions[0], *block.transactions),
            CoinbaseMisplaced,
        ),
        (lambda block, tx: recommitted(block, *block.transactions, tx), CoinMissing),
        (
            lambda block, tx: recommitted(block, build_coinbase(7, SUBSIDY + 8, ALICE.lock), tx),
            RewardExceeded,
        ),
        (lambda block, tx: recommitted(block, block.transactions[0]), RewardExceeded),
        (
            lambda block, tx: recommitted(
                block,
                block.transactions[0],
                Transaction(msgspec.structs.replace(tx.body, inputs=()), ()),
            ),
            NothingDone,
        ),
    ],
)
def test_each_block_rule_refuses_by_name_and_changes_nothing(
    spoil: Callable[[Block, Transaction], Block], error: type[Invalid]
) -> None:
    chain = rich()
    before = chain.coins.image()
    with pytest.raises(error):
        connect_block(chain.coins, spoiled(chain, spoil), chain.tip, EASY)
    assert chain.coins.image() == before


def test_a_coinbase_may_take_less_but_only_of_btm() -> None:
    chain = rich()
    block = child(chain.tip)
    less = recommitted(block, build_coinbase(7, SUBSIDY - 1, ALICE.lock))
    done = connect_block(chain.coins, less, chain.tip, EASY)
    assert sum(coin.amount for coin in done.delta.created.values()) == SUBSIDY - 1
    odd = build_coinbase(7, 5, ALICE.lock)
    outputs = (Output(b"\x01" * 32, 5, ALICE.lock),)
    odd = Transaction(msgspec.structs.replace(odd.body, outputs=outputs), odd.witnesses)
    with pytest.raises(Overspent):
        connect_block(chain.coins, recommitted(block, odd), chain.tip, EASY)


def test_genesis_connects_to_nothing() -> None:
    with pytest.raises(HeaderCount):
        check_block(genesis(EASY))
    with pytest.raises(BlockUnlinked):
        connect_block(Chain().coins, genesis(EASY), genesis_entry(EASY), EASY)


def test_weight_is_limited() -> None:
    chain = rich()
    tx = chain.pay(ALICE, BOB, 5)
    block = child(chain.tip, [tx])
    weight = sum(connect_block(chain.coins, block, chain.tip, EASY).weights)
    exact = msgspec.structs.replace(EASY, max_weight=weight)
    connect_block(chain.coins, block, chain.tip, exact)
    with pytest.raises(BlockTooHeavy):
        connect_block(
            chain.coins, block, chain.tip, msgspec.structs.replace(EASY, max_weight=weight - 1)
        )


def test_the_longest_coinbase_fits_what_is_left_free_for_it() -> None:
    chain = rich()
    block = build_block(chain.tip, (), ALICE.lock, 0, EASY, fees=2**62, extra=bytes(100))
    assert block.transactions[0].size <= COINBASE_WEIGHT


def test_bls_signatures_are_counted_over_the_block(monkeypatch: pytest.MonkeyPatch) -> None:
    chain = rich()
    spend = [chain.pay(ALICE, BOB, 5)]
    check = BlsCheck(bytes(48), bytes(32), bytes(96))
    monkeypatch.setattr(
        transition, "main_effects", lambda *_: Effects(checks=(check,) * EASY.max_bls_checks)
    )
    connect_block(chain.coins, child(chain.tip, spend), chain.tip, EASY)
    monkeypatch.setattr(
        transition, "main_effects", lambda *_: Effects(checks=(check,) * (EASY.max_bls_checks + 1))
    )
    with pytest.raises(TooManyBlsChecks):
        connect_block(chain.coins, child(chain.tip, spend), chain.tip, EASY)


def test_a_create_weighs_more() -> None:
    tx = rich().pay(ALICE, BOB, 5)
    plain = Applied(Delta({}, {}), (), {})
    assert weigh(tx, plain) == tx.size
    tier, guard = Tier(ALICE.policy, (), 144), Guard(BOB.policy, 1)
    govern, recover = Govern(ALICE.policy, 1), Recover(CAROL.policy, 1)
    create = encode_operation(Create(Terms((tier,), guard, govern, recover, bytes(32))))
    made = Transaction(msgspec.structs.replace(tx.body, actions=(create,)), tx.witnesses)
    assert weigh(made, plain) == made.size + 20_000


def test_a_wrong_signature_is_found_in_the_checks() -> None:
    chain = rich()
    tx = chain.pay(ALICE, BOB, 5)
    forged = chain.sign(tx.body, BOB)
    forged = Transaction(
        forged.body, (msgspec.structs.replace(tx.witnesses[0], items=forged.witnesses[0].items),)
    )  # type: ignore[union-attr]
    with pytest.raises(SignatureWrong):
        chain.connect(child(chain.tip, [forged]))


def test_block_fees_are_what_connecting_finds() -> None:
    chain = rich()
    pair = [chain.pay(ALICE, BOB, 5, fee=3)]
    assert block_fees(chain.coins, pair, 7, EASY) == 3
    assert subsidy_at(7, EASY) == SUBSIDY


def random_block(chain: Chain, choice: int, number: int) -> Block:
    """A block of one of the kinds of transactions there are."""
    coins = chain.owned(ALICE)
    match choice % 4 if len(coins) > 2 else 0:
        case 1:
            return chain.mine(chain.pay(ALICE, BOB, 1 + choice, fee=choice))
        case 2:
            return chain.mine(chain.issue(ALICE, Issue(ALICE.lock.root, GOLD, 1 + choice)))
        case 3:
            twice = (Issue(ALICE.lock.root, GOLD, 1), Issue(ALICE.lock.root, GOLD, 2))
            return chain.mine(
                chain.pay(ALICE, BOB, 1 + choice), chain.issue(ALICE, *twice, spends=1)
            )
        case _:
            return chain.mine(miner=(ALICE, BOB)[choice % 2], extra=bytes([number % 256]))


@settings(max_examples=20, deadline=None)
@given(st.lists(st.integers(0, 50), min_size=1, max_size=10))
def test_connecting_and_disconnecting_is_the_identity(choices: list[int]) -> None:
    chain = Chain()
    chain.grow(4)
    images = []
    for number, choice in enumerate(choices):
        images.append(chain.coins.image())
        random_block(chain, choice, number)
    for image in reversed(images):
        undo = decode_undo(chain.undo[chain.tip.id])
        assert undo_of(disconnect(undo).inverse()) == undo
        chain.disconnect()
        assert chain.coins.image() == image


@settings(max_examples=20, deadline=None)
@given(
    st.lists(st.integers(0, 50), min_size=1, max_size=5),
    st.lists(st.integers(0, 50), min_size=1, max_size=5),
    st.integers(0, 3),
    st.randoms(use_true_random=False),
)
def test_two_branches_in_any_order_end_the_same(
    one: list[int], other: list[int], fork: int, dice: object
) -> None:
    """Same tip, same coins, same undo data, whatever the order of arrival."""
    if len(one) == len(other):
        one = [*one, 0]
    branches = []
    for salt, choices in ((0, one), (100, other)):
        chain = Chain()
        chain.grow(4 + fork)
        for number, choice in enumerate(choices):
            random_block(chain, choice, salt + number)
        branches.append(list(chain.blocks.values()))
    queues, nodes = [list(branch) for branch in branches], []
    shuffled: list[Block] = []
    while any(queues):
        queue = dice.choice([queue for queue in queues if queue])  # type: ignore[attr-defined]
        shuffled.append(queue.pop(0))
    for arrival in (branches[0] + branches[1], branches[1] + branches[0], shuffled):
        node = Chain()
        for block in arrival:
            delta = node.tree.add([block.header], None)
            node.blocks[block.id] = block
            node.switch(delta.disconnect, delta.connect)
        nodes.append(node)
    first = nodes[0]
    best = max(branches, key=len)[-1]
    for node in nodes:
        assert node.tip.id == best.id
        assert node.coins.image() == first.coins.image()
        assert node.undo == first.undo


def test_two_hundred_blocks_mine_quickly_and_undo_to_nothing() -> None:
    chain = Chain()
    chain.grow(200)
    assert len(chain.coins) == 200 and encode(chain.tip)
    for _ in range(200):
        chain.disconnect()
    assert chain.coins == {} and chain.tip == genesis_entry(EASY)
