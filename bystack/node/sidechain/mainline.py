"""The line to this node's own main chain: headers for the relay, proofs for claims.

A node without a main chain, or one whose main chain is down, takes part in consensus all the same:
it only relays nothing (a block's verdict never depends on another process).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import structlog

from bystack.mainchain.blocks import Header, decode_header
from bystack.mainchain.departures import Departure
from bystack.mainchain.proofs import HistoryProof, TransactionProof
from bystack.node.ipc import Reconnecting, RemoteError, Unavailable
from bystack.primitives.codec import decode
from bystack.sidechain.inclusion import Inclusion
from bystack.sidechain.params import Genesis
from bystack.sidechain.relay import MAX_BRANCH, Relay, RelayView, locator, oldest_kept
from bystack.sidechain.relayer import Want
from bystack.sidechain.state import StateView, SystemState
from bystack.sidechain.stops import Stop, stops_of

# A better branch comes whole, or its first part has less work than the tip it replaces and the
# relay sticks; one from below any kept header fits.
HEADERS: Final = MAX_BRANCH
HEADERS_SECONDS: Final = 1.0
PROOF_SECONDS: Final = 10.0
MAX_PROOF: Final = 3_000_000

log = structlog.get_logger("relay")


class MainLine:
    """Asks the main chain of this node, over a client of its socket.

    `carrier`: the policy root, or nothing, to whose holder the headers count that it relays.
    """

    def __init__(self, client: Reconnecting, genesis: Genesis, carrier: bytes = b"") -> None:
        self.client, self._genesis, self.carrier = client, genesis, carrier
        self.work = b""
        """The work of its best chain when last heard of, 32 bytes; empty before."""

    async def relay(self, state: StateView, latest: int) -> Relay | None:
        """Headers the relay in `state` does not have yet, stamped `latest` (seconds) at most.

        None if there are none, or if our main chain is known to have no more work than the relay.
        Whether they are better is the relay's own judgement.
        """
        if self.work and RelayView(SystemState(state)).best().work >= self.work:
            return None
        known = list(locator(RelayView(SystemState(state)), self._genesis))
        try:
            found: list[bytes] = await self.client.call(
                "headers", known, HEADERS, timeout=HEADERS_SECONDS
            )
        except (Unavailable, RemoteError) as error:
            log.debug("nothing to relay", reason=str(error))
            return None
        headers = _in_time([decode_header(data) for data in found], latest)
        return Relay(tuple(headers)) if headers else None

    async def departure(self, state: SystemState) -> Departure | None:
        """That the own main chain left the relayed one below the relay's window, if it did.

        Raises `Unavailable`, `RemoteError`.
        """
        oldest, best = oldest_kept(state, self._genesis), RelayView(state).best()
        if self.work <= best.work or stops_of(state) & Stop.DETACHED:
            return None
        data = await self.client.call("departure", oldest.id, best.work, timeout=PROOF_SECONDS)
        return None if data is None else decode(Departure, data, MAX_PROOF)

    async def proof(self, transaction: bytes) -> TransactionProof | None:
        """The Merkle proof of a transaction on the best chain. Raises as `inclusion`."""
        data = await self.client.call("inclusion", transaction, timeout=PROOF_SECONDS)
        return None if data is None else decode(TransactionProof, data, MAX_PROOF)

    async def inclusion(self, want: Want) -> Inclusion | None:
        """The proof of a transaction on the best chain; None while it has none.

        Raises `Unavailable`, `RemoteError`.
        """
        proof = await self.proof(want.transaction)
        if proof is None:
            return None
        if want.under < 0:
            return Inclusion(proof, ())
        data = await self.client.call("history", want.height, want.under, timeout=PROOF_SECONDS)
        return Inclusion(proof, (decode(HistoryProof, data, MAX_PROOF),))


def _in_time(headers: Sequence[Header], latest: int) -> list[Header]:
    """Those before the first that the relay would find too far in the future."""
    taken: list[Header] = []
    for header in headers:
        if header.time > latest:
            break
        taken.append(header)
    return taken
