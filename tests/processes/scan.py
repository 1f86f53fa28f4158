"""The laws of a whole network, read from every store of its stopped nodes.

No double payment, no double mint, no equivocation, no lost coin, and the reserves law. Each is
computed from blocks and journals, compared with what the stores say, and named when it fails.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from itertools import combinations, pairwise
from pathlib import Path

from bystack.client.devnet.layout import Layout
from bystack.federation.warrants import ORDER, Warrant
from bystack.ledger.coins import Coin
from bystack.ledger.transactions import DepositLock, Outpoint, PendingLock, TreasuryLock
from bystack.ledger.vault_state import decode_state
from bystack.mainchain.params import REGTEST
from bystack.node.sidechain.columns import STATE
from bystack.node.sidechain.store import SideStore
from bystack.node.store.journal import Journal
from bystack.primitives.codec import decode, encode
from bystack.sidechain.blocks import Header
from bystack.sidechain.consensus.evidence import Statement, detect
from bystack.sidechain.consensus.machine import Memory
from bystack.sidechain.consensus.positions import MAX_HIGH_QC, JournalRecord
from bystack.sidechain.consensus.scheme import BlsScheme
from bystack.sidechain.consensus.verifier import verify_final
from bystack.sidechain.params import Genesis
from bystack.sidechain.records import (
    MIRROR,
    NO_SUMS,
    Batch,
    Mirror,
    PegoutState,
    Request,
    Sums,
    batch_key,
    claimed_key,
    request_key,
    sums_key,
)
from bystack.sidechain.state import MAX_VALUE
from tests.processes.histories import (
    MainHistory,
    SideHistory,
    genesis_of,
    hold,
    main_store,
    replay_main,
    replay_side,
    side_store,
)

MAX_RECORD = 100_000


@dataclass
class Found:
    """How much a scan saw: a scan that saw nothing proves nothing."""

    main_height: int
    heights: dict[str, int]
    payments: int
    claims: int
    votes: int
    warrants: int


def scan(layout: Layout) -> Found:
    """Hold every law over all stores of a stopped network; raises `Broken`."""
    homes = [Path(node.home) for node in layout.nodes]
    mains = [scan_main(home) for home in homes]
    main = max(mains, key=lambda one: len(one.ids))
    found = Found(len(main.ids) - 1, {}, 0, 0, 0, 0)
    for name in layout.sidechains:
        genesis = genesis_of(homes[0], name)
        history = scan_sidechain(homes, genesis)
        found.heights[name] = history.height
        found.claims += len(history.claimed)
        found.votes += scan_votes(homes, genesis)
        found.payments += scan_payments(main, history, genesis)
        found.warrants += scan_warrants(homes, genesis)
        reserves(main, history, genesis)
    return found


def scan_main(home: Path) -> MainHistory:
    """One node's main chain: its coins are those its blocks leave."""
    with main_store(home) as store:
        history = replay_main(store)
        same_coins(f"{home.name} main", history.coins, store.coins.all())
    return history


def same_coins(
    what: str, expected: dict[Outpoint, Coin], stored: Iterable[tuple[Outpoint, Coin]]
) -> None:
    """What a store holds is what the blocks leave, coin by coin."""
    held = dict(stored)
    lost, extra = expected.keys() - held.keys(), held.keys() - expected.keys()
    hold("no lost coin", not lost and not extra, at=what, lost=lost, extra=extra)
    changed = {place for place, coin in expected.items() if held[place] != coin}
    hold("no lost coin", not changed, at=what, changed=changed)


def scan_sidechain(homes: list[Path], genesis: Genesis) -> SideHistory:
    """The longest copy executed again; every node's copy is a beginning of it, coins and all."""
    with ExitStack() as stack:
        stores = [stack.enter_context(side_store(home, genesis)) for home in homes]
        longest = max(stores, key=lambda store: store.height)

        def compare(height: int, header: Header, history: SideHistory) -> None:
            for home, store in zip(homes, stores, strict=True):
                same_block(home.name, store, height, header)
                if store.height == height:
                    same_state(f"{home.name} {genesis.name}", store, history)

        history = replay_side(longest, compare)
        one_certified(stores, genesis)
        for store in stores:
            hold("no equivocation", not list(store.evidence()), sidechain=genesis.name)
    return history


def same_block(node: str, store: SideStore, height: int, header: Header) -> None:
    """A node has this very block at this height, or is not there yet."""
    if height <= store.height:
        own = store.header_at(height)
        same = own is not None and own.id == header.id
        hold("no equivocation", same, node=node, height=height)


def same_state(what: str, store: SideStore, history: SideHistory) -> None:
    """Coins, system state and roots of a store are those of the executed blocks."""
    same_coins(what, history.coins, store.coins.all())
    with store.snapshot() as view:
        stored = {key[1:]: value for key, value in view.iterate(STATE)}
    hold("the state is what the blocks leave", stored == history.state, at=what)
    roots = (store.tip.system_root, store.tip.multiset)
    hold("the state is what the blocks leave", roots == (history.system_root, history.multiset))
    for asset, sum in circulating(history).items():
        hold("no double mint", sum == sums_of(history, asset).circulating, at=what, asset=asset)


def circulating(history: SideHistory) -> Counter[bytes]:
    """What the coins of a sidechain and what its modules hold add up to, per asset."""
    sums: Counter[bytes] = Counter()
    for coin in history.coins.values():
        sums[coin.asset] += coin.amount
    for key, value in history.state.items():
        if key.startswith(b"held/"):
            sums[key[-32:]] += decode(int, value, MAX_VALUE)
    return sums


def sums_of(history: SideHistory, asset: bytes) -> Sums:
    """The sidechain's own record of the reserves law."""
    data = history.state.get(sums_key(asset))
    return NO_SUMS if data is None else decode(Sums, data, MAX_VALUE)


# No equivocation: certificates and journals


def one_certified(stores: list[SideStore], genesis: Genesis) -> None:
    """Every stored certificate holds, and no two of a height incriminate anyone."""
    for height in range(1, max(store.height for store in stores) + 1):
        certified = {c.hash: c for store in stores if (c := store.certificate_at(height))}
        header = next(h for store in stores if (h := store.header_at(height)))
        for certificate in certified.values():
            verify_final(header, certificate, genesis.validator_set, genesis.id, BlsScheme())
        lawful_together(certified.values())


def lawful_together(statements: Iterable[Statement]) -> None:
    """No two statements, whose signatures hold, are evidence of misbehaviour."""
    for one, other in combinations(statements, 2):
        hold("no equivocation", detect(one, other) is None, one=one, other=other)


def scan_votes(homes: list[Path], genesis: Genesis) -> int:
    """Vote journals only go forward, and what they remember is lawful together; their records."""
    remembered: dict[int, dict[bytes, Statement]] = {}
    count = 0
    for home in homes:
        path = home / f"data/signer/votes-{genesis.name}.journal"
        if path.exists():
            records = [decode(JournalRecord, data, MAX_RECORD) for data in journal(path, "votes")]
            forward(home.name, records)
            count += len(records)
            for record in records:
                kept = remembered.setdefault(record.position.height, {})
                kept |= {encode(one): one for one in memory_of(record)}
    for statements in remembered.values():
        lawful_together(statements.values())
    return count


def forward(node: str, records: list[JournalRecord]) -> None:
    """Each position once, each after the one before."""
    for before, after in pairwise(records):
        onward = after.position > before.position
        hold("no equivocation", onward, node=node, before=before.position, after=after.position)


def memory_of(record: JournalRecord) -> Iterator[Statement]:
    """The certificates a voter keeps beside its signature."""
    memory = decode(Memory, record.high_qc, MAX_HIGH_QC) if record.high_qc else Memory((), ())
    yield from memory.high_qc
    yield from memory.entry


def journal(path: Path, kind: str) -> list[bytes]:
    """The records of a stopped signer's journal."""
    with Journal.open(path, kind=kind, magic=REGTEST.magic, must_exist=True) as opened:
        return list(opened.records())


# No double payment: orders, warrants, requests


def scan_warrants(homes: list[Path], genesis: Genesis) -> int:
    """Over all members one order per seq; the number of warrants."""
    orders: dict[int, Warrant] = {}
    count = 0
    for home in homes:
        path = home / f"data/signer/warrants-{genesis.name}.journal"
        for data in journal(path, "warrants") if path.exists() else ():
            warrant, count = decode(Warrant, data, MAX_RECORD), count + 1
            if warrant.kind == ORDER:
                first = orders.setdefault(warrant.seq, warrant)
                hold("no double payment", first == warrant, at=home.name, seq=warrant.seq)
    return count


def scan_payments(main: MainHistory, history: SideHistory, genesis: Genesis) -> int:
    """Each order on the main chain is the batch of its seq; each request is paid once at most."""
    paid: Counter[bytes] = Counter()
    for seq, order in main.orders.get(genesis.vault, {}).items():
        data = history.state.get(batch_key(seq))
        hold("no payment but of a batch", data is not None, seq=seq)
        record = decode(Batch, data or b"", MAX_VALUE).record
        hold("no payment but of a batch", order.outputs == record.outputs, seq=seq)
        if (genesis.vault, seq) not in main.vetoed:
            paid.update(record.requests)
    for id, times in paid.items():
        hold("no double payment", times == 1, pegout=id, times=times)
        request = request_of(history, id)
        hold("no double payment", request.state != PegoutState.REFUNDED, pegout=id)
    for id, request in requests_of(history):
        settled = request.state == PegoutState.SETTLED
        hold("settled is paid", not settled or paid[id] == 1, pegout=id)
    return len(paid)


def request_of(history: SideHistory, id: bytes) -> Request:
    """A peg-out as the sidechain knows it."""
    return decode(Request, history.state[request_key(id)], MAX_VALUE)


def requests_of(history: SideHistory) -> Iterator[tuple[bytes, Request]]:
    """Every peg-out there ever was."""
    prefix = request_key(b"")
    for key, data in history.state.items():
        if key.startswith(prefix) and len(key) == len(prefix) + 32:
            yield key[len(prefix) :], decode(Request, data, MAX_VALUE)


# The reserves law


def reserves(main: MainHistory, history: SideHistory, genesis: Genesis) -> None:
    """vault + paid but not proved = circulating + pool + owed + unclaimed − deficit, per asset."""
    held, unclaimed, unproved = Counter[bytes](), Counter[bytes](), Counter[bytes]()
    for coin in main.coins.values():
        match coin.lock:
            case TreasuryLock(vault) | DepositLock(vault) | PendingLock(vault):
                held[coin.asset] += coin.amount if vault == genesis.vault else 0
            case _:
                continue
    for place, deposit in main.deposits.get(genesis.vault, {}).items():
        if claimed_key(place) not in history.state:
            unclaimed[deposit.asset] += deposit.amount
    for seq, order in main.orders.get(genesis.vault, {}).items():
        for output in order.outputs if seq >= proved_seq(history) else ():
            unproved[output.asset] += output.amount
    for asset in genesis.by_asset:
        sums = sums_of(history, asset)
        stands_for = sums.circulating + sums.pool + sums.owed + unclaimed[asset] - sums.deficit
        whole = held[asset] + unproved[asset]
        hold("reserves", whole == stands_for, asset=asset, vault=whole, stands_for=stands_for)


def proved_seq(history: SideHistory) -> int:
    """The seq of the vault as the sidechain has it proved; 0 before its creation is."""
    data = history.state.get(MIRROR)
    return 0 if data is None else decode_state(decode(Mirror, data, MAX_VALUE).state).seq
