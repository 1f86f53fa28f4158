"""What docs/protocol/sidechain.md says, done by a reader of its own, is what the program does."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import pytest

from bystack.primitives.codec import encode
from bystack.sidechain.modules.stake.sharing import shares
from tests.protocol import sidechain_reader as reader
from tests.protocol.sidechain_tables import PAGES
from tests.sidechain.modules.stake.table import CONFIG, Table, person, runner
from tests.sidechain.test_proof_files import BURN, PLACE, claimed_key, of_entry, of_record
from tests.sidechain.world import World, funded
from tests.wire import golden

PAGE = (PAGES / "sidechain.md").read_text()
OTHER = type(PLACE)(PLACE.transaction, PLACE.index + 1)


def test_a_blocks_id() -> None:
    assert reader.header_id(reader.read(golden("sidechain_header"))).hex() in PAGE


# -- section 12: one fact of a sidechain, believed by its id alone


@lru_cache(maxsize=1)
def proved() -> tuple[Any, list[Any]]:
    """The file of a burn, and the sets it proves: two aggregate signatures are verified."""
    file = reader.read(golden("example_proved_burn"))
    return file, reader.follow(file[0], file[1])


def test_the_examples_are_the_programs() -> None:
    assert golden("example_proved_burn") == encode(of_record(BURN))
    assert golden("example_proved_entry") == encode(of_entry(claimed_key(PLACE)))


def test_a_burn_is_proved_from_the_id_of_its_chain() -> None:
    file, sets = proved()
    assert reader.tagged("sidechain/genesis", reader.write(file[0])).hex() in PAGE
    assert [(epoch, len(voters)) for epoch, voters in sets] == [(0, 4), (1, 4), (2, 3)]
    ((final, (tag, id, request), proof),) = file[2]
    reader.final(final[0], final[1], sets[-1])
    leaf = reader.tagged("sidechain/record", id, reader.write(request))
    assert tag == 1 and reader.mountain_root(leaf, proof) == final[0][11]
    more = (*request[:4], request[4] + 1, *request[5:])
    leaf = reader.tagged("sidechain/record", id, reader.write(more))
    assert reader.mountain_root(leaf, proof) != final[0][11]


def test_too_few_or_foreign_signers_make_nothing_final() -> None:
    file, sets = proved()
    ((final, _, _),) = file[2]
    header, certificate = final[:2]
    few = (*certificate[:7], b"\x03", certificate[8])
    strangers = (*certificate[:7], b"\x0f", certificate[8])
    for faulty, reason in ((few, "quorum"), (strangers, "bits")):
        with pytest.raises(ValueError, match=reason):
            reader.final(header, faulty, sets[-1])
    with pytest.raises(ValueError, match="another block"):
        reader.final((*header[:4], header[4] + 1, *header[5:]), certificate, sets[-1])


@pytest.mark.parametrize("place", [PLACE, OTHER])
def test_an_entry_and_that_there_is_none(place: Any) -> None:
    """Its header's own signature is verified as the burn's was: here, that it names a quorum."""
    _, sets = proved()
    key = b"claimed/" + place.transaction + reader.fixed(place.index)
    data = golden("example_proved_entry") if place == PLACE else encode(of_entry(key))
    ((final, root, coins, named, value, proof),) = reader.read(data)[3]
    assert reader.signed_by(final[0], final[1], sets[-1])
    assert reader.state_root(root, coins) == final[0][10] and named == key
    assert bool(value) == (place == PLACE)
    assert reader.trie_root(key, value[0] if value else None, proof) == root
    assert reader.trie_root(key, b"else", (proof[0], ())) != root


# -- sections 2, 3 and 5: what a block's header commits to


def raw(world: World) -> tuple[Any, dict[bytes, bytes], dict[tuple[bytes, int], bytes]]:
    """A chain's last header, state and coins, as bytes."""
    coins = {(p.transaction, p.index): encode(coin) for p, coin in world.side.coins.items()}
    return reader.read(encode(world.side.header)), dict(world.side.state), coins


def test_a_header_commits_to_coins_state_and_records() -> None:
    world = funded()
    burn = world.burn_tx(300)
    built = world.block(burn)
    header, state, coins = raw(world)
    assert len(state) > 20 and len(coins) > 1
    root = reader.state_root(reader.trie_of(state), reader.coin_digest(coins))
    assert header[10] == root and reader.header_id(header) == world.side.header.id
    assert header[11] == reader.range_root(world.side.outbox) and len(world.side.outbox) == 2
    transactions = [reader.read(encode(tx)) for tx in built.body.transactions]
    ids = [reader.tagged("transaction", reader.write(body)) for body, _ in transactions]
    witnesses = [
        reader.tagged("witness", id, reader.write(given))
        for id, (_, given) in zip(ids, transactions, strict=True)
    ]
    assert header[7:10] == (reader.merkle(ids), reader.merkle(witnesses), len(ids))
    assert header[12] == state[b"relay/tip/"]
    assert header[13] == header[14] == reader.set_hash((0, reader.read(encode(world.genesis))[14]))


def test_block_0() -> None:
    world = World(funded().main)
    header, state, _ = raw(world)
    genesis = reader.read(encode(world.genesis))
    zeros, none = bytes(32), reader.merkle([])
    root = reader.state_root(reader.trie_of(state), reader.coin_digest({}))
    voters, chain = (0, genesis[14]), reader.tagged("sidechain/genesis", reader.write(genesis))
    checkpoint = reader.tagged("mainchain/header", reader.write(genesis[4][0]))
    assert header == (
        1, chain, 0, 0, genesis[12], zeros, zeros, none, none, 0, root, reader.range_root([]),
        checkpoint, reader.set_hash(voters), reader.set_hash(voters), b"", 0,
    )  # fmt: skip


# -- sections 8 and 9: shares, elections


def test_shares() -> None:
    assert reader.shares(10, (3, 3, 1)) == [4, 4, 2]
    for total in (0, 1, 7, 100, 2**62):
        for weights in ((), (0, 0), (1,), (1, 1, 1), (5, 0, 7, 11, 2), tuple(range(40))):
            assert tuple(reader.shares(total, weights)) == shares(total, weights)


def stood(table: Table, numbers: range) -> list[tuple[bytes, int, int, int, bool]]:
    found = [table.candidate(runner(n)) for n in numbers]
    return [
        (one.key, one.stake, one.own, one.jailed, table.book.tomb(one.key) is not None)
        for one in found
    ]


def test_an_epochs_validators() -> None:
    table, numbers = Table(), range(6)
    for number in numbers:
        table.register(runner(number), 100 + number % 2)
    for number, amount in ((1, 500), (2, 500), (4, 30)):
        table.vote(person(50), runner(number), amount)
    for step in range(3):
        candidates = stood(table, numbers)
        own = reader.elected(candidates, CONFIG.own, CONFIG.seats, CONFIG.least_set)
        assert [one.key for one in table.elect(*map(runner, range(4)))] == own
        assert len(own) == (4 if step < 3 else 0)
        table.convict(runner(step))
    assert not reader.elected(stood(table, numbers)[3:], CONFIG.own, 4, 4)
    assert table.elect(*map(runner, range(4))) == ()


def test_an_epochs_rewards() -> None:
    """Validators, commission, a voter, fees that do not divide: by the page, to the last unit."""
    table = Table()
    for number in range(4):
        table.register(runner(number), 100, commission=1_500)
    table.vote(person(60), runner(0), 33)
    table.next_epoch()
    table.blocks(*map(runner, range(3)), count=5, proposer=runner(1))
    table.blocks(runner(0), count=2, proposer=runner(0))
    table.fees[next(iter(table.fees), CONFIG.asset)] += 1_009
    before = dict(table.rewards)
    table.next_epoch(runner(0))
    paid = {root: n - before.get((root, a), 0) for (root, a), n in table.rewards.items()}
    keys = sorted(runner(n).key for n in range(3))
    signed = {runner(0).key: 8, runner(1).key: 5, runner(2).key: 5}
    made = {runner(0).key: 2, runner(1).key: 5, runner(2).key: 0}
    part = 1_009 * CONFIG.proposer // 10_000
    blocks = reader.shares(part, [made[key] for key in keys])
    votes = reader.shares(1_009 - part, [signed[key] for key in keys])
    expected: dict[bytes, int] = {}
    for key, reward in zip(keys, map(sum, zip(blocks, votes, strict=True)), strict=True):
        (one,) = [runner(n) for n in range(3) if runner(n).key == key]
        ballots = sorted([(one.root, 100)] + [(person(60).lock.root, 33)] * (one.number == 0))
        kept = reward * 1_500 // 10_000
        parts = reader.shares(reward - kept, [amount for _, amount in ballots])
        owners = [root for root, _ in ballots]
        for root, amount in zip([one.root, *owners], [kept, *parts], strict=True):
            expected[root] = expected.get(root, 0) + amount
    assert paid == {root: amount for root, amount in expected.items() if amount}
    assert sum(paid.values()) == 1_009
