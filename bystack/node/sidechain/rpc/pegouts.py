"""RPC about what leaves the sidechain: what a burn would pay, and where a peg-out stands."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from functools import partial
from typing import Annotated, Any

from msgspec import Meta

from bystack.node import amounts_text
from bystack.node.ipc import RemoteError, Unavailable
from bystack.node.ipc.errors import from_invalid
from bystack.node.rpc import BAD_PARAMETER, NOT_FOUND, Hash, Methods
from bystack.node.sidechain.reading import Reader
from bystack.node.sidechain.relaying import Relaying
from bystack.node.sidechain.rpc import shapes_pegs
from bystack.node.sidechain.rpc.forms import AssetName, Forms, Json, asset_named
from bystack.node.sidechain.rpc.quoting import quote
from bystack.node.sidechain.rpc.reserves import (
    Where,
    destination_at,
    shown_hold,
    signing_gate,
)
from bystack.node.sidechain.rpc.standing import (
    Sight,
    Signing,
    Standing,
    pegout_state,
    position,
    request_at,
    seconds,
)
from bystack.node.sidechain.voting.driver import Driver
from bystack.primitives.errors import Invalid
from bystack.primitives.plain import to_plain
from bystack.sidechain.batches import batch_of
from bystack.sidechain.burns import AmountNotWhole, BurnBelowMinimum
from bystack.sidechain.gates import SOMEBODY, Gatekeeper
from bystack.sidechain.params import Asset
from bystack.sidechain.records import PegoutState, Request, pegout_id
from bystack.sidechain.state import SystemState
from bystack.sidechain.tiering import BurnAboveCapacity

MAX_BURNS = 16
"""Actions in one transaction."""

AskMember = Callable[[], Awaitable[list[Json]]]
"""What this node's federation member has pending; raises `Unavailable` where there is none."""

Index = Annotated[int, Meta(ge=0, lt=MAX_BURNS, description="which action of the transaction")]


class PegoutMethods:
    """Answers from the state, this node's main chain and, where it runs one, its member."""

    def __init__(
        self, driver: Driver, reader: Reader, relaying: Relaying, member: AskMember
    ) -> None:
        self._driver, self._reader, self._relaying = driver, reader, relaying
        self._genesis, self._member = driver.genesis, member
        self._forms = Forms(driver.genesis)

    def register(self, methods: Methods) -> None:
        """Add every method of this file."""
        methods.add(
            "getpegoutstatus",
            self.pegout,
            help="Where a peg-out stands.",
            returns=shapes_pegs.PegoutStatus,
        )
        methods.add(
            "getpegoutquote",
            self.quote,
            help="What a burn would pay out, and when.",
            returns=shapes_pegs.PegoutQuote,
        )

    async def pegout(self, id: Hash, index: Index | None = None) -> Json:
        """A peg-out's state, what it waits for, about how long, and when the money arrives.

        `id`: the peg-out's, or that of the transaction that burned (then `index` says which of
        its actions, if several burned).
        """
        asked = bytes.fromhex(id)
        key, seq = self._reader.look(lambda state: self._find(state, asked, index))
        signing = await self._signing(seq)
        with self._driver.store.snapshot() as snapshot:
            base = self._driver.store.base(snapshot)
            state, at = SystemState(base.state), (base.parent.height, base.parent.time)
            keeper = Gatekeeper(self._genesis, self._reader.modules, state, *at)
            return self._shown(keeper, key, signing)

    def quote(self, amount: amounts_text.Given, asset: AssetName = "BTM", to: Where = "") -> Json:
        """What burning `amount` now would pay out and cost, through which tier, and about when.

        `open`: whether it may be burned now (to `to`, if given), else `why` not; `payouts_open`:
        whether what is burned is paid out for now. Refused as the burn would be: below the minimum,
        above every tier, to a destination that cannot be paid.
        """
        entry = asset_named(self._genesis, asset)
        lock = destination_at(self._genesis, to) if to else SOMEBODY
        units = amounts_text.read(amount, entry.decimals)
        with self._driver.store.snapshot() as snapshot:
            base = self._driver.store.base(snapshot)
            state, at = SystemState(base.state), (base.parent.height, base.parent.time)
            keeper = Gatekeeper(self._genesis, self._reader.modules, state, *at)
            try:
                found = quote(keeper, entry.asset, units, lock)
            except (BurnBelowMinimum, BurnAboveCapacity, AmountNotWhole) as error:
                raise _refused(error, entry) from None
            wait = found.wait
            about = seconds(keeper, wait.blocks, wait.side)
        show = partial(self._forms.asset, entry.asset)
        return {
            "burned": show(units),
            "payout": show(found.payout),
            "pegout_fee": show(found.flat),
            "basis_points_fee": show(found.share),
            "minimum": show(found.minimum),
            "tier": found.tier,
            "delay": found.delay,
            "open": found.burns.open,
            "payouts_open": found.payouts.open,
            "why": [shown_hold(hold) for hold in (*found.burns.holds, *found.payouts.holds)],
            "before": found.before,
            "waits_for": wait.reason,
            "wait": wait.code,
            "about_blocks": wait.blocks,
            "about_seconds": about,
            "paid_in_about_seconds": found.seconds,
        }

    def _find(self, state: SystemState, asked: bytes, index: int | None) -> tuple[bytes, int]:
        """The peg-out's id, and its batch's seq (-1 while it has none); raises -5, -8."""
        found = asked if request_at(state, asked) else self._burned_in(state, asked, index)
        request = request_at(state, found)
        assert request is not None
        return found, request.seq if request.state == PegoutState.BATCHED else -1

    def _burned_in(self, state: SystemState, tx: bytes, index: int | None) -> bytes:
        indexes = range(MAX_BURNS) if index is None else (index,)
        ids = [pegout_id(self._genesis.id, tx, one) for one in indexes]
        known = [id for id in ids if request_at(state, id)]
        if not known:
            raise RemoteError(NOT_FOUND, "No such peg-out")
        if len(known) > 1:
            every = ", ".join(id.hex() for id in known)
            raise RemoteError(BAD_PARAMETER, f"This transaction burned more than once: {every}")
        return known[0]

    async def _signing(self, seq: int) -> Signing | None:
        """What the own member knows of the order of a seq."""
        try:
            rows = await self._member() if seq >= 0 else []
        except (Unavailable, RemoteError):
            return None
        row = next((r for r in rows if r["seq"] == seq and r["operation"] == "order"), None)
        return None if row is None else _signing_of(row)

    def _shown(self, keeper: Gatekeeper, id: bytes, signing: Signing | None) -> Json:
        state, request = keeper.state, request_at(keeper.state, id)
        if request is None:
            raise RemoteError(NOT_FOUND, "No such peg-out")
        in_batch = request.state in (PegoutState.BATCHED, PegoutState.PENDING)
        seen = self._relaying.sight(request.seq) if in_batch else (-1, -1)
        held = signing_gate(self._reader.modules, state)
        standing = Standing(keeper, id, request, Sight(*seen, signing, held))
        wait = standing.wait()
        return {
            "id": id.hex(),
            "state": pegout_state(state, request),
            "number": request.number,
            "destination": self._forms.main_address(request.destination),
            "lock": to_plain(request.destination),
            "burned": self._forms.asset(request.asset, request.burned),
            "payout": self._forms.asset(request.asset, request.payout),
            "tier": request.tier,
            "vetoes": request.vetoes,
            **self._place(state, request, id),
            "waits_for": wait.reason,
            "wait": wait.code,
            "about_blocks": wait.blocks,
            "about_seconds": seconds(keeper, wait.blocks, wait.side),
            "paid_in_about_seconds": seconds(keeper, *standing.arrives(wait)),
            "signing": None if signing is None else signing._asdict(),
        }

    def _place(self, state: SystemState, request: Request, id: bytes) -> Json:
        """In the queue, or in which batch."""
        if request.state == PegoutState.REQUESTED:
            return {"before": position(state, request, id), "seq": None, "batch_height": None}
        batch = batch_of(state, request.seq)
        height = None if batch is None else batch.height
        return {"before": 0, "seq": request.seq, "batch_height": height}


def _signing_of(row: dict[str, Any]) -> Signing:
    return Signing(
        int(row["weight"]),
        int(row["threshold"]),
        tuple(str(name) for name in row["missing"]),
        bool(row["complete"]),
        bool(row["sent"]),
    )


def _refused(error: Invalid, entry: Asset) -> RemoteError:
    """Why a burn would be refused, for people in the asset's own amounts; in `data` as ever."""
    plain = from_invalid(error)
    sentence = plain.message.partition(" (")[0]
    amounts = {
        name: f"{amounts_text.show(max(0, fact), entry.decimals)} {entry.name}"
        for name, fact in error.facts.items()
        if isinstance(fact, int)
    }
    shown = ", ".join(f"{name} {amount}" for name, amount in amounts.items())
    return RemoteError(plain.code, f"{sentence} ({shown})", plain.data)
