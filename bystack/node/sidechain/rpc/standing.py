"""Where a peg-out stands: its state, what it waits for now, about how long, when the money arrives.

Pure: reads the sidechain's state, and beside it what this node has seen of the main chain and heard
of its federation's member (`Sight`). Blocks are the main chain's as relayed; times are estimates
from its spacing and the sidechain's interval of empty blocks.
"""

from __future__ import annotations

from typing import NamedTuple

from bystack.federation.warrants import TOUCH_AFTER
from bystack.ledger.buckets import levels
from bystack.ledger.terms import Limit, Terms, decode_terms
from bystack.ledger.vault_operations import Order
from bystack.ledger.vault_state import decode_state, order_sums
from bystack.sidechain import parameters, queue
from bystack.sidechain.batches import batch_of, open_seqs
from bystack.sidechain.gates import Gate, Gatekeeper, Hold
from bystack.sidechain.records import (
    MAX_BATCH,
    MAX_OPEN,
    MIRROR,
    Batch,
    BatchState,
    Mirror,
    PegoutState,
    Request,
    orphaned_key,
    request_key,
)
from bystack.sidechain.relay import RelayView
from bystack.sidechain.state import SystemState
from bystack.sidechain.tiering import APART, pays

LOOKED_AT = 10_000
"""How far into a queue somebody's place is counted."""

BEYOND_EVERY_TIER = (
    "new terms of the vault: no tier can pay so much at once; a quorum of the federation may "
    "refund it"
)


def main_blocks(count: int) -> str:
    """So many blocks that the sidechain is to see on the main chain."""
    return f"{count} more main-chain block" + ("s" if count > 1 else "")


class Wait(NamedTuple):
    """What something waits for: a word for programs, a sentence, and about how long.

    `blocks`: of the main chain; `side`: of the sidechain. Both 0 where nobody can tell.
    """

    code: str
    reason: str
    blocks: int = 0
    side: int = 0


class Signing(NamedTuple):
    """An order as this node's member knows it: weight signed of the threshold, who is missing."""

    weight: int
    threshold: int
    missing: tuple[str, ...]
    complete: bool
    sent: bool


class Sight(NamedTuple):
    """What this node sees beside the state.

    `ordered`, `resolved`: the main-chain heights of the batch's order, and of the completion or
    veto of what it set aside; -1 for none on this node's best chain. `signing`: None without a
    member that knows. `held`: whether the members' signing is paused.
    """

    ordered: int = -1
    resolved: int = -1
    signing: Signing | None = None
    held: Gate = Gate("signing", ())


NOTHING = Wait("nothing", "")


def request_at(state: SystemState, id: bytes) -> Request | None:
    """The request of a peg-out."""
    return state.read(Request, request_key(id))


def pegout_state(state: SystemState, request: Request) -> str:
    """requested, vetoed, batched, pending, orphaned, settled or refunded.

    Vetoed: back in the queue by the guard. Orphaned: its batch was settled once, and a
    reorganisation took that back.
    """
    found = PegoutState(request.state)
    if found == PegoutState.REQUESTED and request.vetoes:
        return "vetoed"
    again = found in (PegoutState.BATCHED, PegoutState.PENDING)
    if again and state.get(orphaned_key(request.seq)) is not None:
        return "orphaned"
    return found.name.lower()


def position(state: SystemState, request: Request, id: bytes) -> int:
    """How many requests stand before this one in its queue: all of them, where it is not in it."""
    before = 0
    for other, _ in queue.waiting(state, request.tier, LOOKED_AT):
        if other == id:
            break
        before += 1
    return before


class Standing(NamedTuple):
    """One peg-out, on one state, as one node sees it."""

    keeper: Gatekeeper
    id: bytes
    request: Request
    sight: Sight

    @property
    def state(self) -> SystemState:
        """The sidechain's state."""
        return self.keeper.state

    @property
    def relayed(self) -> int:
        """The relayed main chain's height."""
        return RelayView(self.state).best().header.height

    @property
    def terms(self) -> Terms | None:
        """The vault's terms as proved; None before its creation is."""
        mirror = self.state.read(Mirror, MIRROR)
        return decode_terms(mirror.terms) if mirror else None

    @property
    def delay(self) -> int:
        """Blocks that a payout of this tier waits."""
        terms, tier = self.terms, self.request.tier
        return terms.tiers[tier].delay if terms and tier < len(terms.tiers) else 0

    @property
    def before(self) -> int:
        """How many stand before it in its queue."""
        return position(self.state, self.request, self.id)

    def wait(self) -> Wait:
        """What it waits for now."""
        match PegoutState(self.request.state):
            case PegoutState.REQUESTED:
                return self._in_queue()
            case PegoutState.BATCHED:
                return self._in_batch()
            case PegoutState.PENDING:
                return self._pending()
            case _:
                return NOTHING

    def arrives(self, wait: Wait) -> tuple[int, int]:
        """After about how many main-chain and sidechain blocks from now the money is there."""
        finality = self.keeper.genesis.consensus.finality
        later = self.delay + 1 if self.delay else 0
        match wait.code:
            case "nothing" | "headers":
                return 0, 0
            case "delay":
                return wait.blocks, 0
            case "burial" | "signatures" | "sending" | "block" | "signing" | "frozen":
                return max(wait.blocks, 1) + later, wait.side
            case _:
                return wait.blocks + 1 + later, wait.side + 1 + finality

    # -- in the queue

    def _in_queue(self) -> Wait:
        held = self._held()
        if held is not None:
            return held
        if self.request.tier == APART:
            return Wait("terms", BEYOND_EVERY_TIER)
        if len(open_seqs(self.state)) >= MAX_OPEN:
            reason = f"one of the {MAX_OPEN} open batches to be proved on the main chain"
            return Wait("open_batches", reason, self._oldest_open())
        return self._for_bucket()

    def _held(self) -> Wait | None:
        """What shuts the way of payouts, and what opens it."""
        for gate in self.keeper.gates():
            for hold in gate.holds if gate.way == "payouts" else ():
                return self._hold(hold, "stopped")
        if self.terms is None:
            return Wait("vault", "the proof of the vault's creation", 1)
        return None

    def _hold(self, hold: Hold, code: str) -> Wait:
        left = max(0, hold.until - self.relayed)
        return Wait(code, f"{hold.why}; what lifts it: {hold.lifts}", left)

    def _oldest_open(self) -> int:
        """At the soonest its order is mined at once and buried."""
        return self.keeper.genesis.depth + 1

    def _for_bucket(self) -> Wait:
        """The allowance of its tier must cover all before it in the queue, and itself."""
        before = self.before
        later = 1 + before // MAX_BATCH
        next_batch = Wait("batch", f"the next batch of its tier; {before} before it", 0, later)
        limit = self._limit()
        if limit is None:
            return next_batch
        missing = self._needed(before) - self._free()
        if missing <= 0:
            return next_batch
        blocks = -(-missing // limit.refill) * limit.period
        return Wait("allowance", f"its tier's allowance to refill; {before} before it", blocks)

    def _limit(self) -> Limit | None:
        terms, request = self.terms, self.request
        limits = terms.tiers[request.tier].limits if terms else ()
        return next((one for one in limits if one.asset == request.asset), None)

    def _needed(self, before: int) -> int:
        """What it and all before it in its queue take of its asset, as far as one refill tells."""
        ahead = queue.waiting(self.state, self.request.tier, before)
        asset = self.request.asset
        return self.request.payout + sum(r.payout for _, r in ahead if r.asset == asset)

    def _free(self) -> int:
        """What its tier may pay of its asset at the relayed tip, less what is on its way."""
        state, request = self.state, self.request
        mirror = state.read(Mirror, MIRROR)
        assert mirror is not None, "a tier has a limit, so its vault is proved"
        height = max(self.relayed, mirror.height)
        buckets = decode_state(mirror.state).buckets
        free = levels(buckets, decode_terms(mirror.terms), height)
        open_batches = (batch_of(state, seq) for seq in open_seqs(state))
        taken = (
            output.amount
            for batch in open_batches
            if batch and batch.state == BatchState.OPEN and batch.record.tier == request.tier
            for output in batch.record.outputs
            if output.asset == request.asset
        )
        return free.get((request.tier, request.asset), 0) - sum(taken)

    # -- in a batch

    def _in_batch(self) -> Wait:
        request = self.request
        if self.sight.ordered >= 0:
            return self._headers(self.sight.ordered, f"the order of seq {request.seq}")
        batch = batch_of(self.state, request.seq)
        finality = self.keeper.genesis.consensus.finality
        left = 0 if batch is None else batch.height + finality - self.keeper.height
        if left > 0:
            return Wait(
                "burial",
                f"{left} more final block{'s' if left > 1 else ''} on the batch's",
                0,
                left,
            )
        if not self.sight.held.open:
            return self._hold(self.sight.held.holds[0], "signing")
        return self._barred(batch) or self._signatures()

    def _barred(self, batch: Batch | None) -> Wait | None:
        """What keeps the main chain from taking the order, whoever signs it."""
        mirror, terms = self.state.read(Mirror, MIRROR), self.terms
        if batch is None or mirror is None or terms is None:
            return None
        left = decode_state(mirror.state).frozen_until - self.relayed
        if left > 0:
            return Wait("frozen", f"the end of the guard's freeze, in {left} blocks", left)
        record = batch.record
        sums = order_sums(Order(record.seq, record.tier, record.outputs))
        if all(pays(terms, record.tier, *one) for one in sums.items()):
            return None
        reason = (
            f"seq {record.seq} to be voided by the members, as the vault's new terms do not pay "
            "its order; then it is queued again"
        )
        return Wait("void", reason, TOUCH_AFTER + self.keeper.genesis.depth)

    def _signatures(self) -> Wait:
        seq, known = self.request.seq, self.sight.signing
        if known is None:
            asked = f"bystack federation pending {self.keeper.genesis.name}, on a member's node"
            reason = f"members to sign and send the order of seq {seq}; {asked}, says who has"
            return Wait("signatures", reason, 1)
        if not known.complete:
            missing = ", ".join(known.missing) or "named keys of its tier"
            reason = f"signatures: weight {known.weight} of {known.threshold}; missing: {missing}"
            return Wait("signatures", reason, 1)
        mirror = self.state.read(Mirror, MIRROR)
        first = decode_state(mirror.state).seq if mirror else 0
        if not known.sent and seq > first:
            reason = f"its turn to be sent: seq {seq}, and {first} is the first not proved spent"
            return Wait("sending", reason, seq - first + 1)
        # Another member may have sent it: members take turns, and do not tell each other.
        sender = "" if known.sent else "a member whose turn it is to send, and "
        return Wait("block", f"{sender}a main-chain block to take the order of seq {seq}", 1)

    def _headers(self, mined: int, what: str) -> Wait:
        depth = self.keeper.genesis.depth
        left = max(0, mined + depth - self.relayed)
        if not left:
            return Wait("proof", f"the proof of {what}, which any node brings", 0, 1)
        return Wait("headers", f"{main_blocks(left)} on {what}", left)

    # -- set aside

    def _pending(self) -> Wait:
        if self.sight.resolved >= 0:
            return self._headers(self.sight.resolved, "its completion or veto")
        mirror, delay = self.state.read(Mirror, MIRROR), self.delay
        ordered = self.sight.ordered if self.sight.ordered >= 0 else mirror.height if mirror else 0
        left = max(1, ordered + delay - self.relayed)
        reason = f"the delay of its tier, {delay} blocks, in which a guard may veto it"
        return Wait("delay", reason, left)


def seconds(keeper: Gatekeeper, blocks: int, side: int) -> int:
    """About how long so many blocks of each chain take."""
    interval = parameters.in_force(keeper.state).empty_interval
    return blocks * keeper.genesis.main.spacing + side * interval // 1000
