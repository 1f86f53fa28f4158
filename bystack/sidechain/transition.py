"""What a sidechain block does to coins and state, and whether its header says so.

Executing precedes voting: a block whose roots are not those of its execution gets no vote. The
proposer builds with the same code, so the two can never differ.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import NamedTuple

from bystack.ledger.coins import CoinView, Delta
from bystack.ledger.effects import NO_EFFECTS, Applied, BlsCheck, Check, Effects
from bystack.ledger.transactions import PolicyLock, RetireLock, Transaction
from bystack.ledger.validation import LockForbidden, Rules, apply_transaction
from bystack.primitives.errors import Invalid, Misuse
from bystack.primitives.hashes import fixed, tagged
from bystack.primitives.mountain import EMPTY_PEAKS, Peaks, mountain_root
from bystack.primitives.multiset import multiset_digest
from bystack.primitives.trie import Nodes, TrieUpdate, update
from bystack.sidechain import batches, custody, detours, epochs, parameters
from bystack.sidechain.actions import needs_no_fee, sidechain_effects
from bystack.sidechain.blocks import Body, Header
from bystack.sidechain.burden import MAX_BURDEN, TooManyProofs, burden
from bystack.sidechain.fees import check_fees, least_fees
from bystack.sidechain.modules.base import BlockContext, Modules, Payment
from bystack.sidechain.params import Genesis
from bystack.sidechain.payments import SignatureWrong, Tally, Verified
from bystack.sidechain.records import MIRROR, OUTBOX, Mirror
from bystack.sidechain.relay import RelayView
from bystack.sidechain.stage import Stage, Told
from bystack.sidechain.state import StateView, SystemState, state_root
from bystack.sidechain.stops import stops_of, watch_lag
from bystack.sidechain.sums import retire

BLOCK_VERSION = 1
PAYMENTS_FIRST = 2**16
"""Outputs of the block's own payments begin here, under the payment id of the block."""

_payments_id = tagged("sidechain/payments")


class HeaderWrong(Invalid):
    """A field of the header is not what executing the block gives."""


class TooManyBlsChecks(Invalid):
    """The block has more BLS signatures than a block may."""


class BlockTooLarge(Invalid):
    """The block's transactions exceed the size limit."""


class Base(NamedTuple):
    """Everything executing a block reads: the parent's header, coins, state and digests.

    `system_root` is the trie's root, `multiset` the coin set's 384-byte state, both after `parent`.
    """

    parent: Header
    coins: CoinView
    state: StateView
    nodes: Nodes
    system_root: bytes
    multiset: bytes


class Executed(NamedTuple):
    """What a block does to coins, state, trie and outbox, and what its header commits to."""

    delta: Delta
    changes: Mapping[bytes, bytes | None]
    trie: TrieUpdate
    multiset: bytes
    outbox: tuple[bytes, ...]
    outbox_root: bytes
    relay_tip: bytes
    epoch: int
    validators_hash: bytes
    next_validators_hash: bytes
    checks: tuple[Check, ...]
    events: tuple[Told, ...]

    @property
    def state_root(self) -> bytes:
        """The root the header must name."""
        return state_root(self.trie.root, multiset_digest(self.multiset))


class Place(NamedTuple):
    """Where a block stands: height, time in milliseconds; who proposes it, by index.

    `certificate`: the parent's, encoded as the body carries it. `demotions`: what its header shows;
    None in one that is being built, whose proposer wishes to `demote` a gateway (-1: none).
    """

    height: int
    time: int
    proposer: int = 0
    certificate: bytes = b""
    demotions: bytes | None = None
    demote: int = -1


class Trial(NamedTuple):
    """A transaction tried out: its own stage, what its actions do, what that does to coins."""

    stage: Stage
    effects: Effects
    applied: Applied


class Execution:
    """A block being executed, transaction by transaction; `tally`: what was paid beforehand."""

    def __init__(
        self, genesis: Genesis, modules: Modules, base: Base, place: Place,
        tally: Tally | None = None,
    ) -> None:  # fmt: skip
        self.genesis, self.base = genesis, base
        self._tally = tally or Tally(genesis, base.coins, base.multiset, place.height)
        if self._tally.height != place.height:
            raise Misuse("paid beforehand for a block of another height")
        state = SystemState(base.state)
        epochs.turn(state, base.parent)
        shown = detours.settle(state, place.height, place.demotions, place.demote)
        self.place = place._replace(demotions=shown)
        self.stage = Stage(genesis, modules, _context(genesis, base.parent, place, state), state)
        self._pairings = self._burden = 0
        self._rules = Rules(genesis.id, genesis.main.maturity)
        self._least = least_fees(genesis)
        watch_lag(self.stage, self._tip_time())

    def _tip_time(self) -> int:
        return RelayView(self.stage.state).best().header.time

    def add(self, tx: Transaction, verified: Verified | None = None) -> tuple[Check, ...]:
        """Apply a transaction, or raise why not and change nothing. The checks it still needs.

        A proposer passes `verified` and gets `SignatureWrong` before anything is applied.
        """
        paid = self._tally.pay(tx, verified)
        return self._add(tx, verified) if paid is None else paid

    def fold(self) -> None:
        """Bring the coin set's digest up to date: a part of `finish` that may be done before."""
        self._tally.fold()

    def _gather(self) -> None:
        """Payments' fees reach the state, before anything reads it."""
        custody.collect(self.stage.state, self._tally.take_fees())

    def _add(self, tx: Transaction, verified: Verified | None) -> tuple[Check, ...]:
        """As `add`, for a transaction of any shape."""
        self._gather()
        proofs = self._burden + burden(tx)
        if proofs > MAX_BURDEN:  # asked before it is tried: what is too much costs nothing
            raise TooManyProofs(most=MAX_BURDEN)
        stage, _, applied = self._trial(tx)
        pairings = self._pairings + sum(isinstance(c, BlsCheck) for c in applied.checks)
        if pairings > self.genesis.main.max_bls_checks:
            raise TooManyBlsChecks(most=self.genesis.main.max_bls_checks)
        if verified is not None and not verified(tx, applied.checks):
            raise SignatureWrong(transaction=tx.id)
        # Of the transactions that need no fee only a claim has a surplus: what the pegs take.
        free = needs_no_fee(stage.modules, tx)
        (custody.earn if free else custody.collect)(stage.state, applied.fees)
        for output in tx.body.outputs:
            if isinstance(output.lock, RetireLock):
                retire(stage.state, output.asset, output.amount)
        self.stage.merge(stage)
        self._tally.move(applied.delta, applied.checks)
        self._pairings, self._burden = pairings, proofs
        return applied.checks

    def trial(self, tx: Transaction) -> Trial:
        """What a transaction would do at this point; raises why not. Changes nothing."""
        payment = self._tally.judge(tx)
        if payment is None:
            self._gather()
            return self._trial(tx)
        return Trial(self.stage, NO_EFFECTS, payment)

    def _trial(self, tx: Transaction) -> Trial:
        """As `trial`, rule by rule."""
        _check_locks(tx)
        stage = self.stage.fork()
        effects = sidechain_effects(stage, tx)
        applied = apply_transaction(self._tally.coins, tx, stage.block.height, effects, self._rules)
        if not needs_no_fee(stage.modules, tx):
            check_fees(self._least, applied.fees, len(tx.body.actions))
        return Trial(stage, effects, applied)

    @property
    def room(self) -> int:
        """The most bytes of transactions in this block."""
        return parameters.in_force(self.stage.state).block_bytes

    def _end_modules(self) -> None:
        """What modules pay at the block's end, out of what they hold and of fees."""
        stage, paid = self.stage, list[Payment]()
        for name, end in stage.modules.endings(self._seen):
            paid += custody.settle(stage, name, end)
        height = stage.block.height
        id = _payments_id(self.genesis.id, fixed(height))
        if paid:
            coins = [[one.asset, one.amount, one.root] for one in paid]
            stage.tell("payments", id=id, first=PAYMENTS_FIRST, count=len(paid), coins=coins)
        made = custody.coins_of(self.genesis, paid, height, id, PAYMENTS_FIRST)
        self._tally.move(Delta({}, made))

    def _seen(self) -> BlockContext:
        """The block as a module sees it at the end: fees to share, what the pegs did."""
        stage = self.stage
        fees = custody.unshared(stage.state, self.genesis)
        spare = custody.spare(stage.state, self.genesis)
        terms = _terms(stage.state)
        return replace(stage.block, fees=fees, spare=spare, pegs=tuple(stage.pegs), terms=terms)

    def finish(self) -> Executed:
        """End the block: form a batch, tell the modules, compute the roots."""
        self._gather()
        stage = self.stage
        batches.form(stage, self._tip_time())
        self._end_modules()
        epochs.freeze(stage.state, self.genesis, stage.modules, stage.block)
        record = epochs.current(stage.state)
        delta, changes = self._tally.coins.delta(), stage.state.changes
        trie = update(self.base.nodes, self.base.system_root, changes)
        peaks = stage.state.read(Peaks, OUTBOX) or EMPTY_PEAKS
        return Executed(
            delta=delta,
            changes=changes,
            trie=trie,
            multiset=self._tally.multiset,
            outbox=tuple(stage.outbox),
            outbox_root=mountain_root(peaks),
            relay_tip=RelayView(stage.state).tip(),
            epoch=record.epoch,
            validators_hash=record.validators.hash,
            next_validators_hash=epochs.next_hash(stage.state),
            checks=tuple(self._tally.checks),
            events=tuple(stage.events),
        )


def _context(genesis: Genesis, parent: Header, place: Place, state: SystemState) -> BlockContext:
    record = epochs.current(state)
    if place.proposer >= len(record.validators):
        raise HeaderWrong(field="proposer", given=place.proposer, below=len(record.validators))
    return BlockContext(
        chain=genesis.id,
        height=place.height,
        time=place.time,
        relay_height=RelayView(state).best().header.height,
        epoch=record.epoch,
        proposer=record.validators.validators[place.proposer].key,
        signers=epochs.signers_of(state, parent, place.certificate),
        turns=place.height == record.last,
        units=genesis.units,
        stops=int(stops_of(state)),
        terms=_terms(state),
    )


def _terms(state: SystemState) -> bytes:
    """The vault's terms as proved so far, empty before it is."""
    mirror = state.read(Mirror, MIRROR)
    return b"" if mirror is None else mirror.terms


def _check_locks(tx: Transaction) -> None:
    """No vault lives on a sidechain: a coin under a vault's lock could never be spent here."""
    for index, output in enumerate(tx.body.outputs):
        if not isinstance(output.lock, PolicyLock | RetireLock):
            raise LockForbidden(index=index, lock=type(output.lock).__name__)


def make_header(
    genesis: Genesis, executed: Executed, place: Place, parent: Header, certificate: bytes,
    body: Body, proposer: int,
) -> Header:  # fmt: skip
    """The header of an executed block; `certificate` is the hash of the parent's certificate."""
    ids, witnesses = body.roots
    return Header(
        version=BLOCK_VERSION,
        chain=genesis.id,
        height=place.height,
        epoch=executed.epoch,
        time=place.time,
        parent=parent.id,
        parent_certificate=certificate,
        transaction_root=ids,
        witness_root=witnesses,
        transaction_count=len(body.transactions),
        state_root=executed.state_root,
        outbox_root=executed.outbox_root,
        relay_tip=executed.relay_tip,
        validators_hash=executed.validators_hash,
        next_validators_hash=executed.next_validators_hash,
        demotions=place.demotions or b"",
        proposer=proposer,
    )


def apply_block(
    genesis: Genesis, modules: Modules, base: Base, header: Header, body: Body
) -> Executed:
    """Execute a proposed block on its parent; raises the rule it breaks.

    What is left to the caller: the signatures in `checks`, the clock, and the parent's certificate
    in the body, which the engine verifies.
    """
    execution = open_block(genesis, modules, base, header, body)
    for tx in body.transactions:
        execution.add(tx)
    return close_block(execution, header, body)


def open_block(
    genesis: Genesis, modules: Modules, base: Base, header: Header, body: Body
) -> Execution:
    """Begin to execute a proposed block: its transactions are to be added in order, then
    `close_block`. Raises as `apply_block`, for what shows before the first of them."""
    asked = (header.time, header.proposer, body.certificate, header.demotions)
    place = Place(base.parent.height + 1, *asked)
    if header.time <= base.parent.time:
        raise HeaderWrong(field="time", given=header.time, above=base.parent.time)
    execution = Execution(genesis, modules, base, place)
    if sum([tx.size for tx in body.transactions]) > execution.room:
        raise BlockTooLarge(most=execution.room)
    return execution


def close_block(execution: Execution, header: Header, body: Body) -> Executed:
    """End a block whose transactions were all added; raises `HeaderWrong`."""
    executed = execution.finish()
    expected = make_header(
        execution.genesis, executed, execution.place, execution.base.parent,
        header.parent_certificate, body, header.proposer,
    )  # fmt: skip
    check_same(expected, header)
    return executed


def check_same(expected: Header, given: Header) -> None:
    """Raise `HeaderWrong` naming the first field in which two headers differ."""
    for field in Header.__struct_fields__:
        if getattr(expected, field) != getattr(given, field):
            raise HeaderWrong(
                field=field, expected=getattr(expected, field), given=getattr(given, field)
            )
