"""What a relayer has to prove to a sidechain: deposits, spends of its vault's anchor, payouts.

Fed with main-chain blocks as they join and leave the best chain, it remembers what concerns this
sidechain. Given the sidechain's state it names what can be proved now: claims and donations whose
deposit lies deep enough under the relayed tip, claims to be proved again after a reorganisation,
and the vault's operations in their order. It keeps nothing that the chains do not tell again.
Anyone may relay; nobody needs to be trusted to (federation.md, sections 1 and 2).
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from enum import IntEnum

from bystack.ledger.transactions import (
    Outpoint,
    Output,
    PolicyLock,
    Transaction,
    VaultLock,
    decode_transaction,
)
from bystack.ledger.vault_operations import COMPLETE, CREATE, ORDER, VAULT_KINDS, VETO, Order
from bystack.mainchain.actions import is_coinbase
from bystack.mainchain.blocks import Block
from bystack.primitives.codec import Wire
from bystack.sidechain.action_kinds import ANCHOR, CLAIM, DONATE, PENDING, REPROVE
from bystack.sidechain.actions import decode_action, system_transaction
from bystack.sidechain.burns import fee_share
from bystack.sidechain.claims import (
    DONATION,
    Claim,
    Donate,
    Reprove,
    claimable,
    claimed_at,
    deposits_in,
)
from bystack.sidechain.inclusion import Inclusion
from bystack.sidechain.mirror import AnchorSpend, PendingSpend, operation_in
from bystack.sidechain.params import Genesis
from bystack.sidechain.peg_numbers import PegNumbers, in_force
from bystack.sidechain.records import MIRROR, Mirror, Sums
from bystack.sidechain.relay import RelayView
from bystack.sidechain.relayed import Deposit, Found, KeptFound
from bystack.sidechain.settlement import pending_key
from bystack.sidechain.state import SystemState
from bystack.sidechain.sums import sums_of


class Proof(IntEnum):
    """What is to be proved."""

    CLAIM = 0
    DONATE = 1
    REPROVE = 2
    ANCHOR = 3
    PENDING = 4


@dataclass(frozen=True)
class Want:
    """A proof that the sidechain would take now: of output `index` of a main-chain transaction.

    `height` is that of its block; `under` the height of the header whose history root must prove
    that block's, or -1 while the relay still keeps the block's own header.
    """

    proof: Proof
    transaction: bytes
    index: int
    height: int
    under: int

    @property
    def outpoint(self) -> Outpoint:
        """The output meant."""
        return Outpoint(self.transaction, self.index)


class _Look:
    """A state as one round sees it: what every deposit is compared with is read once."""

    def __init__(self, state: SystemState) -> None:
        self.state, self.view = state, RelayView(state)
        self.best, self.numbers = self.view.best(), in_force(state)
        mirror = state.read(Mirror, MIRROR)
        self.anchor = None if mirror is None else mirror.anchor
        self.proved = -1 if mirror is None else mirror.height
        self._sums: dict[bytes, Sums] = {}

    def sums(self, asset: bytes) -> Sums:
        """An asset's sums."""
        if asset not in self._sums:
            self._sums[asset] = sums_of(self.state, asset)
        return self._sums[asset]


class Relayer:
    """Remembers the main chain's best chain as far as it concerns one sidechain.

    A want is named once; `failed` says that it did not reach the chain, and it is named again when
    the relay's tip is another one.
    """

    def __init__(self, genesis: Genesis) -> None:
        self._genesis = genesis
        self._found: dict[int, Found] = {}
        self._named: set[tuple[Proof, Outpoint]] = set()
        self._failed: dict[tuple[Proof, Outpoint], bytes] = {}

    # The main chain

    def connect(self, height: int, block: Block) -> None:
        """A block joined the best chain at a height."""
        self.disconnect(height)
        found = Found(block.id)
        for tx in block.transactions:
            self._read(found, tx)
        if found:
            self._found[height] = found

    def disconnect(self, height: int) -> None:
        """The blocks from a height on left the best chain."""
        for gone in [at for at in self._found if at >= height]:
            del self._found[gone]

    def _read(self, found: Found, tx: Transaction) -> None:
        genesis = self._genesis
        for index in deposits_in(tx, genesis.vault, genesis.id):
            output = tx.body.outputs[index]
            asset = genesis.by_asset.get(output.asset)
            if asset is not None:
                age = genesis.main.maturity if is_coinbase(tx) else 0
                depth = max(asset.confirmations, age)
                found.deposits.append(Deposit(tx.id, index, output, depth))
        self._read_operation(found, tx)

    def _read_operation(self, found: Found, tx: Transaction) -> None:
        kinds = {action.kind for action in tx.body.actions} & VAULT_KINDS
        spent = tx.body.inputs[0] if tx.body.inputs else None
        if kinds & {COMPLETE, VETO} and spent is not None:
            found.payouts[spent] = tx.id
        if not any(output.lock == VaultLock(self._genesis.vault) for output in tx.body.outputs):
            return
        if kinds:
            found.anchors[None if CREATE in kinds else spent] = tx.id
        if ORDER in kinds:
            order = operation_in(tx)
            assert isinstance(order, Order), "the main chain takes one operation a transaction"
            found.orders[order.seq] = tx.id

    # Kept between two runs

    @property
    def kept(self) -> tuple[KeptFound, ...]:
        """What was read so far, for `resume`."""
        return tuple(found.kept(height) for height, found in sorted(self._found.items()))

    def resume(self, kept: Iterable[KeptFound]) -> None:
        """Go on where another relayer of this sidechain was."""
        self._found = {one.height: Found.of(one) for one in kept}

    def order_at(self, seq: int) -> tuple[int, bytes] | None:
        """Where the order of a seq lies on this node's best chain: height, transaction."""
        for height, found in reversed(self._found.items()):
            if seq in found.orders:
                return height, found.orders[seq]
        return None

    def resolved_at(self, order: bytes) -> int:
        """The height at which what an order set aside was completed or vetoed, -1 if not yet.

        Its first coin is asked for: a delayed batch is of one asset.
        """
        coin = Outpoint(order, 1)
        return next((at for at, found in self._found.items() if coin in found.payouts), -1)

    # The sidechain

    def wanted(self, state: SystemState, most: int = 32) -> tuple[Want, ...]:
        """At most `most` proofs that the chain with this state would take, none named before.

        The vault's operations come first, since claims do not depend on one another.
        """
        tip = RelayView(state).tip()
        fresh: list[Want] = []
        for want in self._all(state):
            key = (want.proof, want.outpoint)
            if key in self._named or self._failed.get(key) == tip:
                continue
            fresh.append(want)
            self._named.add(key)
            if len(fresh) == most:
                break
        return tuple(fresh)

    def proved_up_to(self, state: SystemState) -> int:
        """The greatest height that lies deep enough below which every vault operation is proved."""
        view = RelayView(state)
        height = view.best().header.height - self._genesis.depth
        open = {Proof.ANCHOR, Proof.PENDING}
        behind = (want.height - 1 for want in self._all(state) if want.proof in open)
        return min(behind, default=height)

    def failed(self, want: Want, state: SystemState) -> None:
        """The proof was refused or lost on its way."""
        key = (want.proof, want.outpoint)
        self._named.discard(key)
        self._failed[key] = RelayView(state).tip()

    def settle(self, state: SystemState, waiting: Collection[Outpoint]) -> None:
        """After a final block: forget what is proved, and what neither waits nor is proved.

        `waiting` holds the outpoints whose proofs are in the pool.
        """
        self._drop_done(state)
        open = {(want.proof, want.outpoint) for want in self._all(state)}
        lost = {key for key in self._named & open if key[1] not in waiting}
        tip = RelayView(state).tip()
        self._named &= open
        self._named -= lost
        self._failed = {key: at for key, at in self._failed.items() if key in open and at == tip}
        self._failed |= dict.fromkeys(lost, tip)

    def _drop_done(self, state: SystemState) -> None:
        """Forget what is proved below the relay's window: no reorganisation takes that back.

        Without it every deposit ever made would be looked at after each block.
        """
        look = _Look(state)
        floor = look.best.header.height - self._genesis.window
        for height in [at for at in self._found if at <= floor]:
            found = self._found[height]
            if height <= look.proved:
                found.anchors.clear()
                # Of what is delayed it is told where its order lies.
                found.orders = {n: tx for n, tx in found.orders.items() if _waits(state, tx)}
            found.payouts = {c: tx for c, tx in found.payouts.items() if _pends(state, c)}
            found.deposits = [d for d in found.deposits if self._remains(look, d)]
            if not found:
                del self._found[height]

    def _remains(self, look: _Look, deposit: Deposit) -> bool:
        """It may yet be proved: it is not, or it was orphaned."""
        if not claimable(self._genesis, look.numbers, deposit.output):
            return True  # nobody could have claimed it, or it is a donation, of which one may count
        record = claimed_at(look.state, deposit.outpoint)
        return record is None or bool(record.orphaned)

    def _all(self, state: SystemState) -> Iterator[Want]:
        look = _Look(state)
        yield from self._anchor(look)
        for height, found in sorted(self._found.items()):
            if not self._relayed(look, height, found):
                return
            yield from self._payouts(look, height, found)
            yield from self._deposits(look, height, found)

    def _relayed(self, look: _Look, height: int, found: Found) -> bool:
        """The relay stands above this block and, as far as it knows, on its branch."""
        if height > look.best.header.height:
            return False
        return not look.view.holds(height) or look.view.at(height).id == found.id

    def _anchor(self, look: _Look) -> Iterator[Want]:
        """The creation of the vault, or the spend of the anchor proved last: one at a time."""
        for height, found in self._found.items():
            spend = found.anchors.get(look.anchor)
            if spend is not None and self._relayed(look, height, found):
                yield from self._deep(look, Proof.ANCHOR, spend, 0, height)

    def _payouts(self, look: _Look, height: int, found: Found) -> Iterator[Want]:
        for pending, transaction in found.payouts.items():
            if _pends(look.state, pending):
                yield from self._deep(look, Proof.PENDING, transaction, 0, height)

    def _deposits(self, look: _Look, height: int, found: Found) -> Iterator[Want]:
        for deposit in found.deposits:
            proof = self._use(look, deposit)
            if proof is not None:
                place = (deposit.transaction, deposit.index, height, deposit.depth)
                yield from self._deep(look, proof, *place)

    def _use(self, look: _Look, deposit: Deposit) -> Proof | None:
        """What proving a deposit would do now, if anything.

        Dust and donations cost no look into the state while nothing was lost: there may be any
        number of them (P13).
        """
        sums = look.sums(deposit.output.asset)
        minted = claimable(self._genesis, look.numbers, deposit.output)
        if not minted and not sums.lost:
            return None
        record = claimed_at(look.state, deposit.outpoint)
        if record is not None:
            return Proof.REPROVE if record.orphaned else None
        if deposit.recipient == DONATION:
            return Proof.DONATE if sums.deficit else None
        return Proof.CLAIM if minted else None

    def _deep(
        self, look: _Look, proof: Proof, transaction: bytes, index: int, height: int,
        depth: int = 0,
    ) -> Iterator[Want]:  # fmt: skip
        """The want, if its block lies deep enough under the relay's tip."""
        depth = depth or self._genesis.depth
        tip = look.best.header.height
        if tip - height >= depth:
            under = -1 if look.view.holds(height) else tip - depth
            yield Want(proof, transaction, index, height, under)

    # Transactions

    def transaction(
        self, want: Want, inclusion: Inclusion, numbers: PegNumbers
    ) -> Transaction | None:
        """The sidechain transaction that proves it; None if its block has left meanwhile."""
        match want.proof:
            case Proof.CLAIM:
                return self._claim(want, inclusion, numbers)
            case Proof.ANCHOR:
                return system_transaction(AnchorSpend(inclusion))
            case Proof.PENDING:
                return system_transaction(PendingSpend(inclusion))
            case Proof.DONATE:
                return system_transaction(Donate(inclusion, want.index))
            case Proof.REPROVE:
                return system_transaction(Reprove(inclusion, want.index))

    def _claim(self, want: Want, inclusion: Inclusion, numbers: PegNumbers) -> Transaction | None:
        found = self._found.get(want.height)
        for deposit in found.deposits if found else ():
            if deposit.outpoint == want.outpoint:
                output = minted(self._genesis, numbers, deposit.output, deposit.recipient)
                action: Wire = Claim(inclusion, want.index)
                return system_transaction(action, (output,))
        return None


def _pends(state: SystemState, coin: Outpoint) -> bool:
    return state.get(pending_key(coin)) is not None


def _waits(state: SystemState, order: bytes) -> bool:
    return _pends(state, Outpoint(order, 1))


def proved_by(tx: Transaction) -> Outpoint | None:
    """The main-chain output that a claim or proof is about: at most one in the pool may be.

    None for other transactions; raises the codec's errors.
    """
    for action in tx.body.actions:
        if action.kind in (CLAIM, DONATE, REPROVE, ANCHOR, PENDING):
            typed = decode_action(action)
            proved = decode_transaction(typed.inclusion.proof.transaction)
            return Outpoint(proved.id, getattr(typed, "index", 0))
    return None


def minted(genesis: Genesis, numbers: PegNumbers, deposit: Output, recipient: bytes) -> Output:
    """What claiming a deposit gives: its amount less the peg-in fee, to its recipient."""
    fee = fee_share(genesis.by_asset[deposit.asset], deposit.amount, numbers.pegin_bp)
    return Output(deposit.asset, deposit.amount - fee, PolicyLock(recipient))
