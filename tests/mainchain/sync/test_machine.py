import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bystack.mainchain.assembly import build_coinbase
from bystack.mainchain.blocks import Block
from bystack.mainchain.chain import HeaderTimeAhead
from bystack.mainchain.events import (
    Joined,
    KeepBlock,
    KeepHeaders,
    Left,
    Made,
    Penalise,
    Received,
    Send,
    Serve,
    Switch,
    Switched,
    Tick,
)
from bystack.mainchain.messages import (
    Announce,
    BlockMessage,
    BlockTransactions,
    CompactBlock,
    GetBlocks,
    GetHeaders,
    Headers,
    MainMessage,
    Missing,
    Status,
)
from bystack.mainchain.sync.headers import HURRY
from bystack.mainchain.sync.machine import REMIND, Sync
from bystack.mainchain.sync.peers import REST
from bystack.mainchain.sync.window import PATIENCE
from bystack.mainchain.transition import TransactionCount
from bystack.mainchain.tree import HeaderTree
from bystack.primitives.errors import Misuse
from tests.ledger.people import ALICE, BOB, CAROL
from tests.mainchain.builders import EASY, LATE, Chain, child, headers_after, remine
from tests.mainchain.network import Network, SimNode
from tests.mainchain.test_transition import recommitted

A, B, C, D = b"A", b"B", b"C", b"D"
NOW = LATE


def pair() -> Network:
    net = Network(A, B)
    net.join(A, B)
    net.run()
    return net


def forged(chain: Chain, reward: int) -> Block:
    """A block with true work on the tip that pays its miner `reward`."""
    height = chain.tip.header.height + 1
    block = recommitted(child(chain.tip), build_coinbase(height, reward, BOB.lock))
    return Block(remine(block.header, chain.tip), block.transactions)


# The usual ways


def test_a_newcomer_catches_up_and_follows() -> None:
    net = Network(A, B)
    net[A].mine(70, net.now)
    net.join(A, B)
    net.run()
    assert net[B].chain.tip == net[A].chain.tip and not net[B].sync.behind
    assert net[B].chain.coins == net[A].chain.coins
    net[A].mine(1, net.now)
    assert net.run() <= 6  # announcement, question, block, thanks and statuses: no chatter
    assert len(net.tips()) == 1 and net[A].penalties == net[B].penalties == []


def test_two_forks_meet_on_the_heavier() -> None:
    net = Network(A, B)
    net[A].mine(20, net.now)
    net[B].mine(25, net.now, miner=BOB)
    net.join(A, B)
    net.run()
    assert net.tips() == {net[B].chain.tip.id} and net[A].chain.tip.header.height == 25
    assert net[A].chain.coins == net[B].chain.coins and net[A].chain.undo == net[B].chain.undo
    (switch,) = [s for s in net[A].switches if s.disconnect]
    assert len(switch.disconnect) == 20 and len(switch.connect) >= 21


def test_of_equal_forks_each_keeps_its_own_until_one_grows() -> None:
    net = Network(A, B)
    net[A].mine(3, net.now)
    net[B].mine(3, net.now, miner=BOB)
    net.join(A, B)
    net.run()
    assert len(net.tips()) == 2
    net[B].mine(1, net.now, miner=BOB)
    net.run()
    assert net.tips() == {net[B].chain.tip.id}


def test_more_headers_than_fit_one_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    for module in ("answers", "headers"):
        monkeypatch.setattr(f"bystack.mainchain.sync.{module}.MAX_HEADERS", 10)
    for length in (30, 35):
        net = Network(A, B)
        net[A].mine(length, net.now)
        net[B].mine(4, net.now, miner=BOB)
        net.join(A, B)
        net.run()
        assert net.tips() == {net[A].chain.tip.id}
        assert net[B].penalties == []


def test_blocks_spread_over_a_line_of_nodes() -> None:
    net = Network(A, B, C, D)
    for one, other in ((A, B), (B, C), (C, D)):
        net.join(one, other)
    net[A].mine(3, net.now)
    net.run()
    net[D].mine(5, net.now, miner=CAROL)
    net.run()
    assert len(net.tips()) == 1 and net[A].chain.tip.header.height == 8


@settings(max_examples=15, deadline=None)
@given(
    st.lists(
        st.tuples(st.sampled_from([A, B, C]), st.integers(1, 6), st.booleans()),
        min_size=1,
        max_size=8,
    )
)
def test_parted_nodes_agree_once_joined(history: list[tuple[bytes, int, bool]]) -> None:
    net = Network(A, B, C)
    people = {A: ALICE, B: BOB, C: CAROL}
    for name, count, deliver in history:
        net[name].mine(count, net.now, miner=people[name], step=1 + name[0] % 3)
        if deliver:
            net.join(A, B)
            net.join(B, C)
            net.run()
            net.part(A, B)
            net.part(B, C)
    net[A].mine(40, net.now)
    for one, other in ((A, B), (B, C), (A, C)):
        net.join(one, other)
    net.run()
    assert net.tips() == {net[A].chain.tip.id}
    for node in net.nodes.values():
        assert node.chain.coins == net[A].chain.coins and node.chain.undo == net[A].chain.undo
        assert node.penalties == []


# Peers that fail us


def promised(net: Network) -> None:
    """A has told B where it is, and says no more."""
    net.join(A, B)
    net.deliver(A, *net[A].out.popleft())
    net.mute.add(A)


def test_a_peer_that_gives_no_headers_is_replaced() -> None:
    net = Network(A, B, C)
    net[A].mine(30, net.now)
    net.join(A, C)
    net.run()
    net.part(A, C)
    net[A].mine(1, net.now)
    promised(net)  # more than C has, so B asks A
    net.join(B, C)
    net.run()
    net.wait(HURRY - 1)
    net.run()
    assert net[B].chain.tip.header.height == 0
    net.wait(1)  # C is asked beside A
    net.run()
    assert net[B].chain.tip == net[C].chain.tip and net[B].penalties == []
    net.wait(PATIENCE)
    assert (A, 20, "stalled") in net[B].penalties


def test_the_only_peer_is_asked_again_after_its_rest() -> None:
    net = Network(A, B)
    net[A].mine(5, net.now)
    net.run()
    promised(net)
    net.run()
    net.wait(PATIENCE)
    assert net[B].penalties == [(A, 20, "stalled")]
    net.mute.clear()
    net.wait(REST)
    net.run()
    assert net[B].chain.tip == net[A].chain.tip


def test_a_peer_that_leaves_is_replaced_at_once() -> None:
    net = Network(A, B, C)
    net[A].mine(30, net.now)
    net.join(A, C)
    net.run()
    promised(net)
    net.part(A, B)
    net.join(B, C)
    net.run()
    assert net[B].chain.tip == net[A].chain.tip


def test_headers_whose_blocks_nobody_gives_hold_nothing_up() -> None:
    net = Network(A, B, C)
    net[A].mine(10, net.now)
    net[C].mine(8, net.now, miner=CAROL)
    for block in list(net[A].chain.blocks):
        del net[A].chain.blocks[block]
    net.join(A, B)
    net.join(B, C)
    net.run()
    assert net[B].chain.tip == net[C].chain.tip  # less work than the headers of A promise
    assert net[B].sync.tree.best().header.height == 10
    assert (A, 5, "missing") in net[B].penalties


def test_a_boaster_is_found_out_and_left_alone() -> None:
    node = SimNode(B)
    node.handle(Joined(A), NOW)
    boast = Status(10**6, b"\x01" * 32, b"\xff" * 32, 0)
    asked = lambda: [m for _, m in node.out if isinstance(m, GetHeaders)]  # noqa: E731
    node.handle(Received(A, boast), NOW)
    assert len(asked()) == 1
    node.handle(Received(A, Headers(())), NOW)
    assert node.penalties == [(A, 20, "claimed more work than it showed")]
    node.handle(Received(A, boast), NOW + 1)
    assert len(asked()) == 1
    for second in range(REST + 1):
        node.handle(Tick(), NOW + 1 + second)
    assert len(asked()) == 2


def test_neither_a_clock_that_is_set_nor_our_own_pause_makes_a_peer_late() -> None:
    for leap in (10_000, -10_000):
        net = Network(A, B)
        net[A].mine(5, net.now)
        promised(net)
        net.run()
        net.now += leap
        net.wait(PATIENCE - 3)
        assert net[B].penalties == []
        net.wait(4)
        assert net[B].penalties == [(A, 20, "stalled")]


def test_a_known_tip_with_other_work_is_a_contradiction() -> None:
    net = Network(A)
    net[A].mine(3, net.now)
    sync, tip = net[A].sync, net[A].chain.tip
    sync.handle(Joined(B), net.now)
    for wrong in (Status(3, tip.id, b"\x01" * 32, 0), Status(9, tip.id, tip.work, 0)):
        out = sync.handle(Received(B, wrong), net.now)
        assert Penalise(B, 50, "two different answers") in out
    assert sync.handle(Received(B, Status(3, tip.id, tip.work, 0)), net.now) == []


@pytest.mark.parametrize("spoil", ["work", "orphan", "time"])
def test_bad_headers_cost_their_sender(spoil: str) -> None:
    node, other = SimNode(B), Chain()
    other.grow(3)
    headers = [block.header for block in other.blocks.values()]
    match spoil:
        case "work":
            headers[2] = msgspec.structs.replace(headers[2], history_root=bytes(32))
        case "orphan":
            headers = headers[1:]
        case _:
            late = child(other.tip, time=NOW + EASY.tolerance + 1).header
            headers.append(late)
    node.handle(Joined(A), NOW)
    node.handle(Received(A, Status(3, other.tip.id, b"\x00" * 31 + b"\xff", 0)), NOW)
    node.handle(Received(A, Headers(tuple(headers))), NOW)
    assert node.sync.tree.best() == node.chain.tip
    points = 1 if spoil == "time" else 100
    assert [(who, cost) for who, cost, _ in node.penalties] == [(A, points)]
    assert spoil != "time" or node.penalties[0][2] == HeaderTimeAhead.__name__


def test_a_body_that_does_not_fit_its_header_is_the_peers_fault_alone() -> None:
    net = Network(A, B, C)
    net[A].mine(4, net.now)
    net.join(A, C)
    net.run()
    tip = net[A].chain.tip.id
    net[A].chain.blocks[tip] = Block(net[A].chain.blocks[tip].header, ())
    net.join(A, B)
    net.run()
    assert net[B].penalties[0] == (A, 100, TransactionCount.__name__)
    assert net[B].sync.tree.entry(tip) is not None
    net.part(A, B)
    net.join(B, C)
    net.run()
    assert net[B].chain.tip.id == tip


def test_an_invalid_block_is_refused_with_its_descendants_and_what_precedes_it_kept() -> None:
    node, other = SimNode(B), Chain()
    other.grow(3)
    bad = forged(other, 10**18)
    other.tree.add([bad.header], None)
    after = child(other.tree.best())
    branch = [*other.blocks.values(), bad, after]
    node.handle(Joined(A), NOW)
    node.handle(Received(A, Status(5, after.id, (12).to_bytes(32, "big"), 0)), NOW)
    node.handle(Received(A, Headers(tuple(block.header for block in branch))), NOW)
    for block in branch[::-1]:
        node.handle(Received(A, BlockMessage((block,))), NOW)
    assert node.chain.tip.id == branch[2].id
    assert node.penalties == [(A, 100, "RewardExceeded")]
    assert node.sync.tree.entry(bad.id) is None and node.sync.tree.entry(after.id) is None
    node.handle(Received(A, Announce(after.header)), NOW)
    assert node.penalties[-1] == (A, 100, "BranchInvalid")
    node.mine(1, NOW)
    assert node.chain.tip.header.height == 4


def test_a_refused_reorganisation_leaves_the_old_chain() -> None:
    net = pair()
    net[B].mine(2, net.now, miner=BOB)
    net.run()
    net.part(A, B)
    net[A].mine(1, net.now)
    fork = Chain()
    for block in net[B].chain.blocks.values():
        fork.tree.add([block.header], None)
        fork.connect(block)
    bad = forged(fork, 10**18)
    fork.tree.add([bad.header], None)
    after = child(fork.tree.best())
    before, coins = net[A].chain.tip, net[A].chain.coins.image()
    node = net[A]
    node.handle(Joined(C), NOW)
    node.handle(Received(C, Announce(bad.header)), NOW)
    node.handle(Received(C, Announce(after.header)), NOW)
    node.handle(Received(C, BlockMessage((bad,))), NOW)
    node.handle(Received(C, BlockMessage((after,))), NOW)
    assert node.switches[-1] == Switch((before.id,), (bad.id, after.id))
    assert node.chain.tip == before and node.chain.coins.image() == coins
    assert node.penalties[-1] == (C, 100, "RewardExceeded")


# What the machine does not do


def machine() -> tuple[Sync, Chain]:
    chain = Chain()
    return Sync(HeaderTree([chain.tip], EASY), chain.tip.id), chain


def test_what_was_not_asked_for_is_not_kept_and_costs() -> None:
    block = Chain().mine()
    unasked: list[MainMessage] = [
        Headers((block.header,)),
        BlockMessage((block,)),
        CompactBlock(block.header, bytes(8), block.transactions[0], ()),
        BlockTransactions(block.id, ()),
    ]
    for message in unasked:
        sync, _ = machine()
        assert sync.handle(Received(A, message), NOW) == []  # a stranger
        sync.handle(Joined(A), NOW)
        out = sync.handle(Received(A, message), NOW)
        assert out == [Penalise(A, 10, "answer to no question")]
        assert sync.tree.entry(block.id) is None
        assert sync.handle(Received(A, Missing((block.id,))), NOW) == []


def test_one_switch_at_a_time() -> None:
    sync, chain = machine()
    sync.handle(Joined(A), NOW)
    first, second = chain.mine(), chain.mine()
    out = sync.handle(Made(first), NOW)
    assert [type(action) for action in out][-1] is Switch
    assert not any(isinstance(a, Switch) for a in sync.handle(Made(second), NOW))
    news, switch = sync.handle(Switched(), NOW)
    assert news == Send(A, Announce(first.header)) and switch == Switch((), (second.id,))
    sync.handle(Switched(), NOW)
    assert sync.tip.id == second.id
    assert sync.handle(Made(second), NOW) == []
    with pytest.raises(Misuse):
        sync.handle(Switched(), NOW)


def test_a_block_at_hand_is_not_forgotten_for_a_lighter_one(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """After a kill the best branch lies at hand: it is gone to whatever else is handed in."""
    monkeypatch.setattr("bystack.mainchain.switching.BATCH", 1)
    chain, side = Chain(), Chain()
    chain.grow(3)
    side.grow(2, BOB)
    (ids, blocks), other = zip(*chain.blocks.items(), strict=True), list(side.blocks.values())
    tree = HeaderTree([chain.tree.first], EASY)
    tree.add([block.header for block in blocks], NOW)
    sync = Sync(tree, chain.tree.first.id, ids)
    assert sync.handle(Tick(), NOW)[-1] == Switch((), ids[:1])
    for block in other:  # while that switch is under way
        sync.handle(Made(block), NOW)
    assert sync.handle(Switched(), NOW)[-1] == Switch((), ids[1:2])
    assert sync.handle(Switched(), NOW)[-1] == Switch((), ids[2:])
    sync.handle(Switched(), NOW)
    assert sync.tip.id == ids[-1]


def test_blocks_handed_in_from_the_last_one_on_are_connected_together() -> None:
    chain = Chain()
    blocks = [chain.mine() for _ in range(3)]
    tree = HeaderTree([chain.tree.first], EASY)
    tree.add([block.header for block in blocks], NOW)
    sync = Sync(tree, chain.tree.first.id)
    for block in (blocks[2], blocks[1]):
        assert not any(isinstance(one, Switch) for one in sync.handle(Made(block), NOW))
    ids = tuple(block.id for block in blocks)
    assert sync.handle(Made(blocks[0]), NOW)[-1] == Switch((), ids)


def test_a_switch_is_no_longer_than_memory_bears(monkeypatch: pytest.MonkeyPatch) -> None:
    """Blocks at hand go in batches; a reorganisation takes what it needs to gain work."""
    monkeypatch.setattr("bystack.mainchain.switching.BATCH", 4)
    chain, side = Chain(), Chain()
    chain.grow(10)
    side.grow(6, BOB)
    ids, tree = tuple(chain.blocks), HeaderTree([chain.tree.first], EASY)
    tree.add([block.header for block in side.blocks.values()], None)
    tree.add([block.header for block in chain.blocks.values()], None)
    sync = Sync(tree, side.tip.id, at_hand=ids)
    (switch,) = sync.handle(Tick(), NOW)
    assert switch == Switch(tuple(reversed(side.blocks)), ids[:7])
    assert sync.handle(Switched(), NOW)[-1] == Switch((), ids[7:])
    sync.handle(Switched(), NOW)
    assert sync.tip.id == ids[-1]
    line = Sync(tree, chain.tree.first.id, at_hand=ids)
    (switch,) = line.handle(Tick(), NOW)
    assert switch == Switch((), ids[:4])


def test_a_switch_is_bounded_in_bytes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bystack.mainchain.switching.BATCH_BYTES", 1_000)
    sync, _ = machine()
    chain = Chain()
    chain.grow(6)
    blocks = list(chain.blocks.values())
    sync.handle(Joined(A), NOW)
    sync.handle(Received(A, Announce(chain.tip.header)), NOW)
    sync.handle(Received(A, Headers(tuple(block.header for block in blocks))), NOW)
    sync.handle(Received(A, BlockMessage((blocks[0],)), 400), NOW)
    sync.handle(Received(A, BlockMessage(tuple(blocks[1:])), 2_000), NOW)  # 400 bytes each
    ids = [block.id for block in blocks]
    switches = [s for _ in range(3) for s in sync.handle(Switched(), NOW) if isinstance(s, Switch)]
    assert [list(s.connect) for s in switches] == [ids[1:3], ids[3:5], ids[5:]]


def test_no_second_switch_while_blocks_go_on_coming() -> None:
    sync, chain = machine()
    blocks = [chain.mine() for _ in range(3)]
    sync.handle(Joined(A), NOW)
    sync.handle(Received(A, Announce(blocks[2].header)), NOW)
    sync.handle(Received(A, Headers(tuple(block.header for block in blocks))), NOW)
    outs = [sync.handle(Received(A, BlockMessage((block,))), NOW) for block in blocks]
    assert [out[1:] for out in outs] == [[Switch((), (blocks[0].id,))], [], []]
    assert sync.handle(Switched(), NOW) == [Switch((), (blocks[1].id, blocks[2].id))]
    assert sync.busy and not sync.may_connect(blocks[0].id) and sync.may_connect(blocks[2].id)


def test_a_block_of_our_own_is_judged_like_any_other() -> None:
    sync, chain = machine()
    block = chain.mine()
    with pytest.raises(TransactionCount):
        sync.handle(Made(Block(block.header, ())), NOW)
    with pytest.raises(HeaderTimeAhead):
        sync.handle(Made(child(chain.tree.first, time=NOW + 10**6)), NOW)
    assert sync.tree.best().header.height == 0


def test_questions_are_answered_from_the_connected_chain_only() -> None:
    sync, chain = machine()
    sync.handle(Joined(A), NOW)
    blocks = [chain.mine() for _ in range(3)]
    sync.handle(Made(blocks[0]), NOW)
    sync.handle(Switched(), NOW)
    announced = sync.handle(Received(A, Announce(blocks[1].header)), NOW)
    assert isinstance(announced[0], KeepHeaders)
    assert announced[1:] == [Send(A, GetBlocks((blocks[1].id,)))]
    question = GetHeaders((chain.tree.first.id,))
    (answer,) = sync.handle(Received(A, question), NOW)
    assert answer == Send(A, Headers((blocks[0].header,)))
    ids = (blocks[0].id,)
    assert sync.handle(Received(A, GetBlocks(ids)), NOW) == [Serve(A, ids)]


def test_an_announcement_from_far_ahead_is_followed_by_a_question() -> None:
    sync, _ = machine()
    chain = Chain()
    chain.grow(5)
    sync.handle(Joined(A), NOW)
    (question,) = sync.handle(Received(A, Announce(chain.tip.header)), NOW)
    assert isinstance(question, Send) and isinstance(question.message, GetHeaders)
    headers = tuple(block.header for block in chain.blocks.values())
    _, ask = sync.handle(Received(A, Headers(headers)), NOW)
    assert ask == Send(A, GetBlocks(tuple(chain.blocks)))


def test_a_longer_branch_of_the_source_is_fetched_at_once() -> None:
    sync, chain = machine()
    blocks = [chain.mine() for _ in range(2)]
    sync.handle(Joined(A), NOW)
    sync.handle(Received(A, Announce(blocks[0].header)), NOW)
    out = sync.handle(Received(A, Announce(blocks[1].header)), NOW)
    assert out[-1] == Send(A, GetBlocks((blocks[1].id,)))


def test_blocks_of_a_branch_we_left_are_not_fetched_again() -> None:
    net = pair()
    net[A].mine(2, net.now)
    net.run()
    net.part(A, B)
    (first,) = net[A].mine(1, net.now)
    net[B].mine(2, net.now, miner=BOB)
    net.join(A, B)
    net.run()
    assert net[A].chain.tip.header.height == 4
    longer = Chain()
    for block in (*list(net[A].chain.blocks.values())[:2], first):
        longer.tree.add([block.header], None)
        longer.connect(block)
    more = [longer.mine(miner=CAROL) for _ in range(2)]
    net[A].handle(Joined(C), NOW)
    for block in more:
        net[A].handle(Received(C, Announce(block.header)), NOW)
    asked = [m.ids for to, m in net[A].out if to == C and isinstance(m, GetBlocks)]
    assert asked == [(more[0].id, more[1].id)]  # `first` is still at hand


def test_a_block_without_its_parent_waits_for_it() -> None:
    sync, chain = machine()
    first, second = chain.mine(), chain.mine()
    sync.handle(Joined(A), NOW)
    sync.handle(Received(A, Announce(first.header)), NOW)
    out = sync.handle(Made(second), NOW)
    assert [type(action) for action in out] == [KeepHeaders, KeepBlock]
    out = sync.handle(Received(A, BlockMessage((first,))), NOW)
    assert out == [KeepBlock(first), Switch((), (first.id,))]
    assert sync.handle(Switched(), NOW)[-1] == Switch((), (second.id,))


def test_blocks_at_hand_are_not_asked_for_after_a_restart() -> None:
    chain = Chain()
    chain.grow(3)
    ids = tuple(chain.blocks)
    entries = [
        e for height in range(4) if (e := chain.tree.entry(chain.tree.line.at(height) or b""))
    ]
    sync = Sync(HeaderTree(entries, EASY), ids[0], at_hand=[ids[1]])
    assert sync.handle(Tick(), NOW) == [Switch((), (ids[1],))]
    sync.handle(Joined(A), NOW)
    sync.handle(Received(A, Status(3, ids[2], chain.tip.work, 0)), NOW)
    out = sync.handle(Switched(), NOW)
    assert out == [Send(A, GetBlocks((ids[2],)))]
    assert sync.handle(Left(A), NOW) == []
    assert sync.tip.id == ids[1]


def test_an_announcement_that_was_lost_is_made_up_for() -> None:
    net = pair()
    net.wait(REMIND)
    net.mute.add(A)
    net[A].mine(3, net.now)
    net.run()
    net.mute.clear()
    net.wait(REMIND - 1)
    assert net.run() == 0
    net.wait(1)
    net.run()
    assert net.tips() == {net[A].chain.tip.id}


def test_a_stall_is_not_called_while_we_are_busy_ourselves() -> None:
    sync, chain = machine()
    block = chain.mine()
    sync.handle(Joined(A), NOW)
    sync.handle(Received(A, Announce(block.header)), NOW)
    out = sync.handle(Received(A, BlockMessage((block,))), NOW)
    assert out[-1] == Switch((), (block.id,))
    later = sync.handle(Tick(), NOW + 10 * PATIENCE)
    assert not any(isinstance(action, Penalise) for action in later)
    assert headers_after(chain.tip, 1)
