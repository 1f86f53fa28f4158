"""What a signer has verified by itself: main-chain headers, and its vault's anchor spends.

It keeps the same window and mirror as the sidechain does, with the same code, but from its own
checks: so that a request is never signed under two seqs unless the first is *proved* spent
otherwise, whatever the sidechain or the member says (W04, S01).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Annotated

from msgspec import Meta

from bystack.federation.vetoes import SetAside, Vetoes
from bystack.ledger.terms import Terms, decode_terms
from bystack.ledger.vault_operations import AnchorOperation, Order, operation_digest
from bystack.ledger.vault_state import AnchorState, decode_state
from bystack.mainchain.blocks import Header
from bystack.mainchain.chain import Entry
from bystack.mainchain.params import chain_id
from bystack.mainchain.work import ENGINES, Engine
from bystack.primitives.codec import U63, Bytes32, Wire
from bystack.primitives.errors import Invalid
from bystack.sidechain.inclusion import Included, Inclusion, verify_included
from bystack.sidechain.mirror import follow, pending_coins
from bystack.sidechain.params import Genesis
from bystack.sidechain.records import Mirror
from bystack.sidechain.relay import RelayView, extend, start_relay
from bystack.sidechain.state import SystemState

OTHERWISE = b""
MAX_ENTRY = 10_000


class WatchForeign(Invalid):
    """What was kept is of another sidechain."""


class WindowRow(Wire):
    """An entry of the relay window."""

    key: Annotated[bytes, Meta(max_length=64)]
    value: Annotated[bytes, Meta(max_length=MAX_ENTRY)]


class Mirrored(Wire):
    """The vault after a proved spend; `seqs`: the seq that was spent, none for the creation."""

    mirror: Mirror
    seqs: Annotated[tuple[U63, ...], Meta(max_length=1)]


class SpentSeq(Wire):
    """What spent a seq: an order's digest, or nothing for anything else."""

    seq: U63
    digest: Annotated[bytes, Meta(max_length=32)]


class Watched(Wire):
    """All that a signer verified of the main chain, to be kept: it need not be fed again.

    Whoever keeps it sees to it that nobody else wrote it: nothing in it is verified again.
    """

    chain: Bytes32
    window: tuple[WindowRow, ...]
    history: tuple[Mirrored, ...]
    spent: tuple[SpentSeq, ...]
    set_aside: tuple[SetAside, ...]


class Window:
    """The bytes a relay window is kept in: a plain map, since this process can be fed again."""

    def __init__(self, rows: Iterable[WindowRow] = ()) -> None:
        self._entries: dict[bytes, bytes] = {row.key: row.value for row in rows}

    @property
    def rows(self) -> tuple[WindowRow, ...]:
        """All of it, to be kept."""
        return tuple(WindowRow(key, value) for key, value in self._entries.items())

    def get(self, key: bytes, /) -> bytes | None:
        """The value at `key`, or None."""
        return self._entries.get(key)

    def take(self, changes: dict[bytes, bytes | None]) -> None:
        """Write what a rule changed."""
        for key, value in changes.items():
            if value is None:
                self._entries.pop(key, None)
            else:
                self._entries[key] = value


class Watch:
    """Verified headers and the vault as proved under them. One task owns it.

    `depth`: how many headers lie on top of what counts as proved; K, unless said otherwise.
    """

    def __init__(
        self,
        genesis: Genesis,
        engines: Mapping[str, Engine] = ENGINES,
        depth: int | None = None,
    ) -> None:
        self.genesis = genesis
        self._depth = genesis.depth if depth is None else depth
        self._engines = engines
        self._window = Window()
        state = SystemState(self._window)
        start_relay(state, genesis)
        self._window.take(state.changes)
        self._history: list[tuple[Mirror, int]] = []
        self.spent: dict[int, bytes] = {}
        self.vetoes = Vetoes()

    @property
    def watched(self) -> Watched:
        """All that was verified so far, for `resume`."""
        return Watched(
            self.genesis.id,
            self._window.rows,
            tuple(Mirrored(mirror, (seq,) if seq >= 0 else ()) for mirror, seq in self._history),
            tuple(SpentSeq(seq, digest) for seq, digest in self.spent.items()),
            self.vetoes.rows,
        )

    def resume(self, kept: Watched) -> None:
        """Go on where another watch of the same sidechain was; raises `WatchForeign`."""
        if kept.chain != self.genesis.id:
            raise WatchForeign(kept=kept.chain, sidechain=self.genesis.id)
        self._window = Window(kept.window)
        self._history = [(one.mirror, one.seqs[0] if one.seqs else -1) for one in kept.history]
        self.spent = {one.seq: one.digest for one in kept.spent}
        self.vetoes = Vetoes(kept.set_aside)

    @property
    def view(self) -> RelayView:
        """The headers kept."""
        return RelayView(SystemState(self._window))

    @property
    def tip(self) -> Entry:
        """The best header's entry."""
        return self.view.best()

    @property
    def mirror(self) -> Mirror | None:
        """The vault as proved so far; None before its creation is proved."""
        return self._history[-1][0] if self._history else None

    @property
    def vault(self) -> AnchorState | None:
        """The anchor's state as proved so far."""
        return decode_state(self.mirror.state) if self.mirror else None

    @property
    def terms(self) -> Terms:
        """The terms in force, as proved so far."""
        return decode_terms(self.mirror.terms) if self.mirror else self.genesis.terms

    def headers(self, headers: Sequence[Header], now: int) -> None:
        """Add a better branch; raises as `sidechain.relay.extend`, and changes nothing then."""
        state = SystemState(self._window)
        delta = extend(state, self.genesis, headers, now, self._engines)
        self._window.take(state.changes)
        gone = set(delta.disconnect)
        while self._history and self._history[-1][0].header in gone:
            _, seq = self._history.pop()
            self.spent.pop(seq, None)
            self.vetoes.forget(seq)
        self.vetoes.leave(gone)
        self._forget()

    def anchor(self, inclusion: Inclusion) -> None:
        """Follow the vault by one proved transaction; raises why the proof does not hold."""
        included = verify_included(self.view, inclusion, self._depth)
        terms, step = self.terms, follow(self.genesis, self.mirror, included)
        self._history.append((step.mirror, step.seq if step.operation else -1))
        if step.operation is not None:
            self.spent[step.seq] = self._digest(step.seq, step.operation)
            self._set_aside(step.seq, step.operation, included, terms)
        self._forget()

    def _set_aside(
        self, seq: int, operation: AnchorOperation, included: Included, terms: Terms
    ) -> None:
        """The coins that a delayed order made, which a guard may send back."""
        if isinstance(operation, Order) and terms.tiers[operation.tier].delay:
            coins = pending_coins(included.transaction, operation)
            self.vetoes.ordered(seq, [coin for coin, _ in coins])

    def veto(self, inclusion: Inclusion) -> None:
        """A guard's veto, proved; raises `NotVetoed` and why the proof does not hold."""
        self.vetoes.prove(verify_included(self.view, inclusion, self.genesis.depth))

    def _forget(self) -> None:
        """Drop the mirrors that no branch leaving from the window can bring back.

        A better branch leaves from a kept header, so the newest mirror at or below the lowest of
        them is the last that can ever be present again. `spent` is kept for ever.
        """
        floor = self.tip.header.height - self.genesis.window
        deep = sum(mirror.height <= floor for mirror, _ in self._history)
        del self._history[: max(0, deep - 1)]

    def _digest(self, seq: int, operation: object) -> bytes:
        """The digest of the order that spent a seq, or `OTHERWISE`."""
        if not isinstance(operation, Order):
            return OTHERWISE
        main = chain_id(self.genesis.main)
        return operation_digest(main, self.genesis.vault, seq, operation)
