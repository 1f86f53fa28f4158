"""RPC of proofs that need no node to be checked: for `bystack verify-proof`, and light clients."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Annotated, Final, TypeVar

import trio
from msgspec import Meta

from bystack.node.ipc import RemoteError
from bystack.node.rpc import BAD_PARAMETER, NOT_FOUND, Height, Methods
from bystack.node.sidechain.moments import MomentGone
from bystack.node.sidechain.proving import MOST_EPOCHS, NotProvable, Prover
from bystack.node.sidechain.rpc import shapes_validators
from bystack.node.sidechain.rpc.forms import Json
from bystack.node.sidechain.voting.driver import Driver
from bystack.primitives.codec import encode
from bystack.primitives.errors import Invalid
from bystack.sidechain.entries import entry_key
from bystack.sidechain.proof_files import ProofFile, write_proof
from bystack.sidechain.proofs import MAX_ENTRIES, MAX_KEY, StateProof, StateProofs

PATIENCE: Final = 30.0
"""Seconds that a proof waits for headers on top of it, where finality is a matter of depth."""

T = TypeVar("T")

Name = Annotated[str, Meta(max_length=32)]
Asked = Annotated[str, Meta(max_length=2_100)]
Key = Annotated[str, Meta(pattern="^([0-9a-fA-F]{2})*$", max_length=2 * MAX_KEY)]
Keys = Annotated[list[Key], Meta(min_length=1, max_length=MAX_ENTRIES)]
Page = Annotated[str, Meta(pattern="^(first|[0-9a-fA-F]{64})?$", max_length=64)]
Most = Annotated[int, Meta(ge=1, le=MOST_EPOCHS)]


async def once_final(driver: Driver, made: Callable[[], T], height: int) -> T:
    """What `made` gives, as soon as the header it stands under can be shown final.

    Raises `NotProvable` after `PATIENCE`; at once for the genesis' header, which no vote and no
    block shows: whoever asks anew once there is a block has a proof, and was not held up.
    """
    if not height:
        raise NotProvable(height=height, tip=driver.store.height)
    with trio.move_on_after(PATIENCE):
        while True:
            try:
                return await trio.to_thread.run_sync(made)
            except NotProvable:
                await driver.changed.wait()
    raise NotProvable(height=height, tip=driver.store.height)


async def entry_shown(driver: Driver, prover: Prover, key: bytes) -> StateProof:
    """A state entry as of now under a header that is shown final; raises `NotProvable`."""
    proof = prover.entry(key)
    return await once_final(driver, partial(prover.entry_shown, proof), proof.header.height)


class ProofMethods:
    """Answers from the store; what is long is made in a thread."""

    def __init__(self, driver: Driver, prover: Prover) -> None:
        self._driver, self._prover = driver, prover

    def register(self, methods: Methods) -> None:
        """Add every method of this file."""
        add = methods.add
        add(
            "getproof",
            self.proof,
            help="A file that proves a burn, a batch or a state entry.",
            returns=shapes_validators.Proof,
        )
        add(
            "getepochproofs",
            self.epochs,
            help="Who votes after each epoch, proved.",
            returns=list[shapes_validators.EpochProof],
        )
        add(
            "getstateproofs",
            self.entries,
            help="Entries of the state at one block, proved.",
            returns=shapes_validators.StateProofs,
        )
        add("getfinalheader", self.final, help="A header with all that shows it final, in hex.")

    async def proof(self, kind: Name, what: Asked) -> Json:
        """The proof of one fact. `kind`: `burn` (a peg-out's id), `order` (a batch's seq), or an
        entry of the state: `claim` (TXID:N), `pegout`, `batch`, `sums`, `epoch`, `conviction`,
        `certificate`, `entry` (the key in hex)."""
        try:
            made = await self._made(kind, what)
        except (Invalid, ValueError) as error:
            rule = error.rule if isinstance(error, Invalid) else "EntryName"
            raise RemoteError(NOT_FOUND, f"Not provable: {error}", {"rule": rule}) from None
        final = made.claim.final
        return {
            "chain_id": made.genesis.id.hex(),
            "kind": kind,
            "height": final.header.height,
            "blockhash": final.header.id.hex(),
            "epochs": len(made.epochs),
            "hex": (await trio.to_thread.run_sync(write_proof, made)).hex(),
        }

    async def _made(self, kind: str, what: str) -> ProofFile:
        prover = self._prover
        match kind:
            case "burn":
                return await trio.to_thread.run_sync(prover.burn, bytes.fromhex(what))
            case "order":
                return await trio.to_thread.run_sync(prover.batch, int(what))
            case _:
                return await self._entry(entry_key(kind, what))

    async def _entry(self, key: bytes) -> ProofFile:
        """An entry as of now, once its header can be shown final; raises `NotProvable`."""
        proof = self._prover.entry(key)
        return await self._once_final(partial(self._prover.entry_file, proof), proof.header.height)

    async def _once_final(self, made: Callable[[], T], height: int) -> T:
        return await once_final(self._driver, made, height)

    async def entries(self, keys: Keys, page: Page = "") -> Json:
        """What keys of the state (in hex) have after one block, the last final one: `hex` is a
        `StateProofs`, checked against that block's header. `page`: `first` where more pages of the
        same block are to follow, which then name its hash (for some hundred blocks more)."""
        asked = [bytes.fromhex(key) for key in keys]
        try:
            found = await trio.to_thread.run_sync(self._page, asked, page)
            header = found.final.header
            proofs = await self._once_final(partial(self._prover.shown, found), header.height)
        except (NotProvable, MomentGone) as error:
            raise RemoteError(NOT_FOUND, str(error), {"rule": error.rule}) from None
        return {
            "height": header.height,
            "blockhash": header.id.hex(),
            "hex": (await trio.to_thread.run_sync(encode, proofs)).hex(),
        }

    def _page(self, keys: list[bytes], page: str) -> StateProofs:
        if not page:
            return self._prover.entries(keys)
        return self._prover.page(keys, b"" if page == "first" else bytes.fromhex(page))

    def epochs(self, epoch: Height, count: Most = MOST_EPOCHS) -> list[Json]:
        """The proofs of the sets that vote after `epoch`, after the next, and so on."""
        return [
            {
                "epoch": one.final.header.epoch + 1,
                "height": one.final.header.height,
                "validators_hash": one.final.header.next_validators_hash.hex(),
                "changed": bool(one.validators),
                "hex": encode(one).hex(),
            }
            for one in self._prover.epochs(epoch, count)
        ]

    def final(self, height: Height) -> str:
        """The header, its certificate, and what stands on it where that matters."""
        if height > self._driver.store.height:
            raise RemoteError(BAD_PARAMETER, "Block height out of range")
        try:
            return encode(self._prover.final(height)).hex()
        except NotProvable as error:
            raise RemoteError(NOT_FOUND, str(error), {"rule": error.rule}) from None
