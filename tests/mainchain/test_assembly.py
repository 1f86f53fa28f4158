import msgspec

from bystack.ledger.transactions import PolicyLock, RetireLock
from bystack.mainchain.actions import Coinbase
from bystack.mainchain.assembly import build_block, mine, with_nonce
from bystack.mainchain.chain import check_header, genesis_entry, median_time
from bystack.mainchain.params import subsidy_at
from bystack.mainchain.transition import check_block, connect_block
from bystack.primitives.codec import decode
from tests.ledger.people import ALICE
from tests.mainchain.builders import EASY, LATE, MOVING, START, Chain, child, judged

ROOT = genesis_entry(EASY)


def test_a_built_block_needs_only_its_work() -> None:
    block = build_block(ROOT, (), ALICE.lock, START + 5, EASY, extra=b"hello")
    check_block(block)
    mined = mine(block, ROOT)
    assert mined is not None
    chain = Chain()
    assert judged(chain.tree, mined.header).header.time == START + 5
    connect_block(chain.coins, mined, ROOT, EASY)
    action = mined.transactions[0].body.actions[0]
    assert decode(Coinbase, action.body, 200) == Coinbase(1, b"hello")


def test_time_is_raised_to_what_is_allowed() -> None:
    chain = Chain()
    chain.grow(12)
    assert build_block(chain.tip, (), ALICE.lock, 0, EASY).header.time == median_time(chain.tip) + 1
    assert build_block(chain.tip, (), ALICE.lock, LATE, EASY).header.time == LATE


def test_two_miners_and_two_heights_never_share_a_coinbase_id() -> None:
    first, second = child(ROOT), child(ROOT, extra=b"other")
    chain = Chain()
    chain.grow(2)
    ids = {block.transactions[0].id for block in (first, second, *chain.blocks.values())}
    assert len(ids) == 3  # the first of the chain is the same block as `first`


def test_the_reward_follows_subsidy_and_fees_and_may_be_retired() -> None:
    halved = msgspec.structs.replace(EASY, halving=1)
    lock = RetireLock(b"nobody")
    assert subsidy_at(1, halved) == EASY.subsidy // 2
    block = build_block(ROOT, (), lock, 0, halved, fees=9)
    (output,) = block.transactions[0].body.outputs
    assert (output.amount, output.lock) == (EASY.subsidy // 2 + 9, lock)
    assert isinstance(child(ROOT).transactions[0].body.outputs[0].lock, PolicyLock)


def test_mining_gives_up_after_so_many_attempts() -> None:
    hard = msgspec.structs.replace(
        build_block(ROOT, (), ALICE.lock, 0, EASY).header, target=0x01010000
    )
    block = build_block(ROOT, (), ALICE.lock, 0, EASY)
    assert mine(msgspec.structs.replace(block, header=hard), ROOT, most=50) is None
    assert with_nonce(block, b"12345678").header.nonce == b"12345678"


def test_a_moving_target_is_followed() -> None:
    root = genesis_entry(MOVING)
    chain = Chain(MOVING)
    for _ in range(20):
        chain.mine()
    assert chain.tip.header.target < root.header.target
    check_header(chain.tree, child(chain.tip, params=MOVING).header, MOVING, None)
