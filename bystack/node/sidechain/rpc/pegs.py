"""RPC about what enters the sidechain: addresses, claims, where a deposit stands."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Annotated, Any, NamedTuple

from msgspec import Meta

from bystack.ledger.transactions import (
    DepositLock,
    Outpoint,
    Output,
    Transaction,
    decode_transaction,
)
from bystack.mainchain.actions import is_coinbase
from bystack.mainchain.proofs import TransactionProof
from bystack.node.ipc import RemoteError
from bystack.node.rpc import BAD_PARAMETER, NOT_FOUND, Hash, Methods
from bystack.node.sidechain.mainline import MainLine
from bystack.node.sidechain.reading import Reader
from bystack.node.sidechain.rpc import shapes_pegs
from bystack.node.sidechain.rpc.forms import Forms, Json
from bystack.node.sidechain.rpc.standing import main_blocks, request_at
from bystack.node.sidechain.voting.driver import Driver
from bystack.primitives.addresses import DEPOSIT, POLICY, Address, decode_address, encode_address
from bystack.primitives.codec import U32, encode
from bystack.primitives.errors import Invalid
from bystack.sidechain.actions import system_transaction
from bystack.sidechain.claims import (
    DONATION,
    Claim,
    Reprove,
    claimable,
    claimed_at,
    deposits_in,
    note_for,
)
from bystack.sidechain.peg_numbers import PegNumbers, in_force
from bystack.sidechain.records import PegoutState, return_id
from bystack.sidechain.relay import RelayView
from bystack.sidechain.relayer import Proof, Want, minted
from bystack.sidechain.state import SystemState
from bystack.sidechain.strays import ProveStray, stray_at

Text = Annotated[str, Meta(max_length=300)]
NewAddress = Callable[[], Awaitable[str]]


class Found(NamedTuple):
    """A deposit on the main chain's best chain."""

    proof: TransactionProof
    tx: Transaction
    place: Outpoint
    output: Output

    @property
    def recipient(self) -> bytes:
        """The policy root its note names; zeros for a donation."""
        assert isinstance(self.output.lock, DepositLock)
        return self.output.lock.note[32:]


class Window(NamedTuple):
    """The relayed tip's height, and whether a block's header has left the relay's window."""

    tip: int
    older: bool


def _window(state: SystemState, height: int) -> Window:
    view = RelayView(state)
    tip = view.best().header.height
    return Window(tip, height <= tip and not view.holds(height))


class PegMethods:
    """Answers from the state, and for deposits from this node's main chain."""

    def __init__(
        self,
        driver: Driver,
        reader: Reader,
        main: MainLine,
        new_address: NewAddress,
    ) -> None:
        self._driver, self._reader = driver, reader
        self._genesis, self._main = driver.genesis, main
        self._forms = Forms(driver.genesis)
        self._new_address = new_address

    def register(self, methods: Methods) -> None:
        """Add every method of this file."""
        add = methods.add
        add(
            "getpeginaddress",
            self.address,
            help="Where to deposit on the main chain.",
            returns=shapes_pegs.PeginAddress,
        )
        add("claimpegin", self.claim, scope="wallet", help="Prove a deposit; anyone may.")
        add("getstrayproof", self.stray, help="The proof that nobody can claim a deposit.")
        add(
            "getpeginstatus",
            self.pegin,
            help="Where a deposit stands.",
            returns=shapes_pegs.PeginStatus,
        )

    async def address(self, recipient: Text = "") -> Json:
        """The deposit address for a recipient here (an address; a new one of the wallet)."""
        genesis, home = self._genesis, recipient or await self._new_address()
        numbers: PegNumbers = self._reader.look(in_force)
        try:
            given = decode_address(home, genesis.hrp)
        except Invalid as error:
            facts = {"rule": error.rule}
            raise RemoteError(NOT_FOUND, f"Invalid address: {error}", facts) from None
        if given.version != POLICY or given.payload == DONATION:
            raise RemoteError(NOT_FOUND, "Invalid address: recipients are policy addresses")
        note = note_for(genesis.id, given.payload)
        deposit = Address(genesis.main.hrp, DEPOSIT, genesis.vault + note)
        return {
            "mainchain_address": encode_address(deposit),
            "recipient": home,
            "vault": genesis.vault.hex(),
            "note": note.hex(),
            "assets": [
                {
                    "name": asset.name,
                    "asset": asset.asset.hex(),
                    "minimum": numbers.of(asset.asset).pegin_minimum,
                    "confirmations": asset.confirmations,
                }
                for asset in genesis.assets
            ],
        }

    # Deposits

    async def _deposit(self, txid: str, vout: int | None, *, lost: bool = False) -> Found:
        """The deposit meant; raises -5 where there is none on the best chain.

        `lost`: also one into the vault whose note names no recipient of this sidechain.
        """
        proof = await self._main.proof(bytes.fromhex(txid))
        if proof is None:
            raise RemoteError(
                NOT_FOUND,
                "In no block of this node's main chain; a new transaction waits for one",
            )
        tx = decode_transaction(proof.transaction)
        indexes = deposits_in(tx, self._genesis.vault, self._genesis.id)
        if lost:
            indexes += self._others(tx)
        if vout is None and indexes:
            vout = indexes[0]
        if vout is None or vout not in indexes:
            raise RemoteError(NOT_FOUND, "This is no deposit for this sidechain")
        return Found(proof, tx, Outpoint(tx.id, vout), tx.body.outputs[vout])

    def _others(self, tx: Transaction) -> tuple[int, ...]:
        """Outputs into the vault, whatever their notes say."""
        locks = [output.lock for output in tx.body.outputs]
        vault = self._genesis.vault
        return tuple(
            index
            for index, lock in enumerate(locks)
            if isinstance(lock, DepositLock) and lock.vault == vault
        )

    async def stray(self, txid: Hash, vout: U32) -> str:
        """The proof, as the bytes of an action, that nobody can claim a deposit into the vault.

        A wallet sends it in a transaction that pays a fee (`proveunclaimable`); then a quorum of
        the federation can have the deposit paid back on the main chain.
        """
        found = await self._deposit(txid, vout, lost=True)
        height, depth = found.proof.height, self._genesis.depth
        view = self._reader.look(lambda state: _window(state, height))
        under = view.tip - max(depth, self._ripens(found)) if view.older else -1
        want = Want(Proof.CLAIM, found.place.transaction, found.place.index, height, under)
        inclusion = await self._main.inclusion(want)
        if inclusion is None:
            raise RemoteError(NOT_FOUND, "The deposit has just left the main chain")
        return encode(ProveStray(inclusion, found.place.index)).hex()

    def _ripens(self, found: Found) -> int:
        return self._genesis.main.maturity if is_coinbase(found.tx) else 0

    async def claim(self, txid: Hash, vout: U32 | None = None) -> str:
        """Send the claim of a deposit (or its proof again, once orphaned); its transaction id."""
        found = await self._deposit(txid, vout)
        record, under = self._reader.look(lambda state: self._ground(state, found))
        again = record is not None and bool(record.orphaned)
        want = Want(
            Proof.REPROVE if again else Proof.CLAIM,
            found.place.transaction,
            found.place.index,
            found.proof.height,
            under,
        )
        inclusion = await self._main.inclusion(want)
        if inclusion is None:
            raise RemoteError(NOT_FOUND, "The deposit has just left the main chain")
        if again:
            tx = system_transaction(Reprove(inclusion, found.place.index))
        else:
            numbers: PegNumbers = self._reader.look(in_force)
            output = minted(self._genesis, numbers, found.output, found.recipient)
            tx = system_transaction(Claim(inclusion, found.place.index), (output,))
        if tx.id not in self._driver.pooling.pool.machine:
            await self._driver.pooling.submit(tx)
        return tx.id.hex()

    def _ground(self, state: SystemState, found: Found) -> tuple[Any, int]:
        """Its record if claimed, and the height whose history must prove it (-1: none)."""
        asset = self._genesis.by_asset.get(found.output.asset)
        if asset is None:
            raise RemoteError(BAD_PARAMETER, "This sidechain does not take the asset")
        tip, older = _window(state, found.proof.height)
        depth = max(asset.confirmations, self._ripens(found))
        return claimed_at(state, found.place), tip - depth if older else -1

    async def pegin(self, txid: Hash, vout: U32 | None = None) -> Json:
        """A deposit's state: waiting, claimable, claimed, orphaned, donation; or unclaimable, stray
        (that is proved: a quorum may pay it back), returning, returned."""
        found = await self._deposit(txid, vout, lost=True)
        state, wait = self._reader.look(lambda state: self._pegin_state(state, found))
        waiting = self._driver.pooling.pool.machine.taker(("proof", found.place))
        return {
            "txid": txid.lower(),
            "vout": found.place.index,
            **self._forms.asset(found.output.asset, found.output.amount),
            "recipient": found.recipient.hex(),
            "state": state,
            "height": found.proof.height,
            "blocks_left": wait,
            "waits_for": main_blocks(wait) if wait else "",
            "about_seconds": wait * self._genesis.main.spacing,
            "claim": None if waiting is None else waiting.hex(),
        }

    def _pegin_state(self, state: SystemState, found: Found) -> tuple[str, int]:
        record = claimed_at(state, found.place)
        back = request_at(state, return_id(self._genesis.id, found.place))
        if back is not None:
            return ("returned" if back.state == PegoutState.SETTLED else "returning"), 0
        if stray_at(state, found.place) is not None:
            return "stray", 0
        if record is not None:
            return ("orphaned" if record.orphaned else "claimed"), 0
        asset = self._genesis.by_asset.get(found.output.asset)
        if asset is not None and found.recipient == DONATION:
            return "donation", 0
        if asset is None or not claimable(self._genesis, in_force(state), found.output):
            return "unclaimable", 0
        due = found.proof.height + max(asset.confirmations, self._ripens(found))
        left = max(0, due - RelayView(state).best().header.height)
        return ("waiting" if left else "claimable"), left
