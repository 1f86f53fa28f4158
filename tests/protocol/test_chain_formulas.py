"""Headers, difficulty, proofs, filters and peers: the second implementation and the program."""

import re
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bystack.mainchain.blocks import Header
from bystack.mainchain.chain import Entry, genesis_entry, next_target
from bystack.mainchain.filters import filter_of
from bystack.mainchain.history import history_nodes, prove_history
from bystack.mainchain.issues import issue_digest
from bystack.mainchain.params import MAIN, REGTEST, TEST, Params, chain_id, genesis, subsidy_at
from bystack.mainchain.proofs import prove_transaction
from bystack.mainchain.sync.compact import compact
from bystack.mainchain.work import TargetInvalid, bits_of, target_of, work_of
from bystack.p2p.frames import frame
from bystack.p2p.handshake import Channel, Role, prove
from bystack.p2p.whereabouts import declare
from bystack.primitives.codec import encode
from bystack.primitives.errors import Invalid
from tests.ledger.people import ALICE as PAYER
from tests.ledger.people import BOB as OTHER
from tests.mainchain.builders import EASY, MOVING, Chain, child
from tests.p2p.people import ALICE, BOB, CERTIFICATE, CHAIN, hello
from tests.protocol import examples, mainchain, peers
from tests.protocol.ledger import transaction_id, witness_id
from tests.protocol.pages import PAGES
from tests.protocol.reader import Refused, read, write
from tests.wire import golden

FEW = settings(max_examples=100)


def shown(value: Any) -> Any:
    """The second implementation's reading of a value's bytes."""
    return read(type(value).__name__, encode(value))


def fields(cells: list[str]) -> Any:
    return [cell.strip(" `").replace(",", "") for cell in cells]


@pytest.mark.parametrize(
    ("params", "other"), [(MAIN, {}), (TEST, examples.TEST), (REGTEST, examples.REGTEST)]
)
def test_networks(params: Params, other: dict[str, Any]) -> None:
    ours = examples.params(**other)
    assert write(ours) == encode(params)
    assert mainchain.genesis_header(ours) == shown(genesis(params).header)
    assert mainchain.chain_id(ours) == chain_id(params)


def as_shown(name: str, value: Any) -> str:
    if isinstance(value, bytes):
        return value.hex()
    return f"{value:08x}" if name in ("genesis_target", "target_limit") else str(value)


def test_networks_of_the_page() -> None:
    """The table of the page is where the others differ from the main network."""
    rows = [fields(row.split("|")[1:-1]) for row in PAGES.text["mainchain"].splitlines()]
    (head,) = [row for row in rows if row == ["", "main", "test", "regtest"]]
    table = rows[rows.index(head) + 2 :]
    seen = 0
    for name, *values in table[: next(i for i, row in enumerate(table) if not row)]:
        for params, value in zip((MAIN, TEST, REGTEST), values, strict=True):
            assert as_shown(name, getattr(params, name)) == value, name
            seen += 1
    assert seen == 21
    same = [name for name in Params.__struct_fields__ if getattr(MAIN, name) == getattr(TEST, name)]
    (sentence,) = re.findall(r"All three: (.*?)\.", PAGES.text["mainchain"])
    told = dict(one.replace(",", "").rsplit(" ", 1) for one in sentence.split(", "))
    assert told.keys() == set(same) - {"half_life", "retarget", "tolerance"}
    assert all(str(getattr(MAIN, name)) == value for name, value in told.items())


# Work


@FEW
@given(st.integers(0, 2**32 - 1))
def test_compact_targets(bits: int) -> None:
    try:
        wanted = target_of(bits)
    except TargetInvalid:
        with pytest.raises(Refused):
            mainchain.target(bits)
        return
    assert mainchain.target(bits) == wanted
    assert (mainchain.work(wanted), mainchain.compact_of(wanted)) == (work_of(wanted), bits)


@FEW
@given(st.integers(1, 2**256 - 1))
def test_compact_rounds_down(target: int) -> None:
    assert mainchain.compact_of(target) == bits_of(target)


def at(params: Params, time: int, height: int) -> Entry:
    start = genesis_entry(params)
    header = {**shown(start.header), "time": time, "height": height}
    known = {name: header[name] for name in Header.__struct_fields__}
    return Entry(Header(**known), start.work, start.peaks, start.times, start.seed)


LATE = st.one_of(
    st.integers(-(10**7), 10**7), st.integers(-100_000, 100_000), st.sampled_from((0, 2**62))
)


@FEW
@given(LATE, st.integers(0, 10**6), st.sampled_from((MAIN, TEST, MOVING, REGTEST)))
def test_difficulty(late: int, height: int, params: Params) -> None:
    time = max(params.genesis_time + params.spacing * height + late, 0)
    ours = mainchain.next_target(shown(params), time, height)
    assert ours == next_target(at(params, time, height), params)


def test_difficulty_of_the_page() -> None:
    rows = re.findall(r"^\| ([−\d,]+) \| `(\w{8})` \| ([\d,]+) \|$", PAGES.text["mainchain"], re.M)
    assert len(rows) == 4
    main = examples.params()
    for late, target, work in rows:
        seconds = int(late.replace("−", "-").replace(",", ""))
        compact_target = mainchain.next_target(main, main["genesis_time"] + seconds, 0)
        assert f"{compact_target:08x}" == target
        assert mainchain.work(mainchain.target(compact_target)) == int(work.replace(",", ""))


@FEW
@given(st.integers(0, 10**8))
def test_subsidy(height: int) -> None:
    assert mainchain.subsidy(examples.params(), height) == subsidy_at(height, MAIN)


# A chain


@pytest.fixture(scope="module")
def chain() -> Chain:
    grown = Chain(MOVING)
    for number in range(1, 16):
        grown.mine(time=MOVING.genesis_time + number * 7 % 90)
    return grown


def second(chain: Chain) -> mainchain.Chain:
    """The same headers, each judged by the second implementation."""
    judged = mainchain.Chain(shown(chain.params))
    for block in chain.blocks.values():
        judged.add(shown(block.header))
    return judged


def test_a_chain_of_the_program_is_valid(chain: Chain) -> None:
    judged = second(chain)
    assert judged.work.to_bytes(32, "big") == chain.tip.work
    assert mainchain.header_id(judged.headers[-1]) == chain.tip.id
    assert judged.seed() == chain.tip.seed
    for block in chain.blocks.values():
        mainchain.check_roots(read("Block", encode(block)))


@pytest.mark.parametrize(
    ("change", "rule"),
    [
        ({"version": 2}, "HeaderVersion"),
        ({"previous": bytes(32)}, "HeaderOrphan"),
        ({"height": 99}, "HeaderHeight"),
        ({"transaction_count": 0}, "HeaderCount"),
        ({"transaction_count": 65_537}, "HeaderCount"),
        ({"time": MOVING.genesis_time}, "HeaderTimeOld"),
        ({"history_root": bytes(32)}, "HeaderHistory"),
        ({"target": 0x1D00FFFF}, "HeaderTarget"),
    ],
)
def test_headers_changed_are_refused_by_both(
    chain: Chain, change: dict[str, Any], rule: str
) -> None:
    judged = second(chain)
    block = child(chain.tip, time=MOVING.genesis_time + 500, params=MOVING)
    made = {**shown(block.header), **change}
    header = Header(**{name: made[name] for name in Header.__struct_fields__})
    with pytest.raises(Refused, match=rule):
        judged.add(made)
    with pytest.raises(Invalid) as refusal:
        chain.tree.add([header], None)
    assert refusal.value.rule == rule


def test_proofs_of_the_program(chain: Chain) -> None:
    blocks = list(chain.blocks.values())
    old, newer = blocks[4], blocks[-1]
    proof = prove_transaction(old, 0)
    header, tx = shown(old.header), read("Transaction", proof.transaction)
    mainchain.check_transaction_proof(header, shown(proof), tx)
    with pytest.raises(Refused):
        mainchain.check_transaction_proof(shown(newer.header), shown(proof), tx)
    nodes, entry = dict[tuple[int, int], bytes](), chain.tree.entry(newer.header.previous)
    line = [chain.tree.first, *(chain.tree.entry(block.id) for block in blocks)]
    for one in line[:-1]:
        nodes.update({(level, place): hash for level, place, hash in history_nodes(one)})
    history = prove_history(lambda *place: nodes[place], newer.header, line[5])
    assert entry is not None and line[5].id == old.id
    mainchain.check_history(shown(newer.header), shown(history))
    with pytest.raises(Refused):
        mainchain.check_history(shown(newer.header), {**shown(history), "work": bytes(32)})


def test_filters() -> None:
    chain = Chain(EASY)
    chain.grow(3)
    for _ in range(3):
        block = chain.mine(chain.pay(PAYER, OTHER, 5))
        found = shown(filter_of(block))
        assert mainchain.filter_of(read("Block", encode(block))) == found
        assert found["count"] > 1


def test_issues() -> None:
    assert mainchain.issue_digest(b"\x01" * 32, b"\x02" * 32, 3) == issue_digest(
        b"\x01" * 32, b"\x02" * 32, 3
    )


# Peers


def test_handshakes() -> None:
    """A proof made by the program is good under the digest of the page, for its role alone."""
    own, other = hello(ALICE), hello(BOB, listen=b"127.0.0.1:9735")
    proof = prove(ALICE, Channel(Role.DIALER, CERTIFICATE), own, other)
    for role, certificate, good in (
        (0, CERTIFICATE, True),
        (1, CERTIFICATE, False),
        (0, b"", False),
    ):
        digest = peers.handshake_digest(role, certificate, shown(own), shown(other))
        assert peers.ed25519(own.key, digest, proof.signature) is good
    assert peers.node_id(own.key) == ALICE.node_id


def test_whereabouts() -> None:
    said = declare(ALICE, CHAIN, "10.0.0.1:9735", 1_700_000_000_000)
    digest = peers.whereabouts_digest(CHAIN, shown(said))
    assert peers.ed25519(said.key, digest, said.signature)
    other = peers.whereabouts_digest(bytes(32), shown(said))
    assert not peers.ed25519(said.key, other, said.signature)


@pytest.mark.parametrize(
    ("kind", "file"),
    [(0, "p2p_hello"), (2, "p2p_ping"), (5, "p2p_addresses"), (17, "mainchain_get_headers"),
     (25, "mainchain_compact_block"), (32, "gossip_item"), (40, "mainchain_light_proof")],
)  # fmt: skip
def test_framed_messages(kind: int, file: str) -> None:
    data = frame(kind, golden(file))
    name, message = peers.unframed(data)
    assert (peers.CAPS[kind][0], write(message)) == (name, golden(file))
    assert peers.frame(kind, write(message)) == data


def test_frames_refused() -> None:
    for data, rule in (
        (frame(99, b""), "UnknownKind"),
        (frame(2, bytes(30)), "FrameTooLong"),
        (frame(2, b"")[:-1], "FrameMalformed"),
    ):
        with pytest.raises(Refused, match=rule):
            peers.unframed(data)


def test_compact_blocks() -> None:
    chain = Chain(EASY)
    chain.grow(3)
    block = chain.mine(chain.pay(PAYER, OTHER, 5))
    made = compact(block, b"saltsalt")
    key = peers.compact_key(shown(block.header), made.salt)
    assert [peers.short_id(key, tx.witness_id) for tx in block.transactions[1:]] == list(made.short)
    last = read("Transaction", encode(block.transactions[1]))
    ids = (transaction_id(last), witness_id(last))
    assert ids == (block.transactions[1].id, block.transactions[1].witness_id)
