"""The reserves law from public data: main-chain blocks, proved entries of a sidechain's state.

Nobody's sums are believed. Headers are judged by the main chain's rules, block bodies by what their
headers commit to, entries by proofs under a final header; where the sidechain's relay stands, that
header says itself. What is taken on trust: that the chain shown with the most work is valid (a full
node executes it; here it is not), and the sidechain's validators (federation.md, section 5).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from bystack.ledger.transactions import Outpoint, Transaction, VaultLock
from bystack.ledger.vault_operations import CREATE, VAULT_KINDS
from bystack.mainchain.blocks import Block
from bystack.mainchain.transition import check_block
from bystack.mainchain.work import ENGINES, Engine
from bystack.primitives.errors import Invalid
from bystack.sidechain.blocks import Header
from bystack.sidechain.holdings import NEVER, Holdings, Row
from bystack.sidechain.params import Genesis
from bystack.sidechain.peg_numbers import IN_FORCE
from bystack.sidechain.records import MIRROR, Mirror, claimed_key, sums_key
from bystack.sidechain.relay import extend, start_relay
from bystack.sidechain.settlement import pending_key
from bystack.sidechain.state import SystemState
from bystack.sidechain.sums import retired, retired_key


class RelayElsewhere(Invalid):
    """The sidechain's relay stands on a header that is not of the main chain shown."""


class EntryMissing(Invalid):
    """An entry of the state that the law needs was not proved."""


class Proved:
    """Entries of one state, each proved: what was not asked for is no entry that is absent."""

    def __init__(self, entries: Mapping[bytes, bytes | None]) -> None:
        self._entries = entries

    def get(self, key: bytes, /) -> bytes | None:
        """The proved value; raises `EntryMissing`."""
        if key not in self._entries:
            raise EntryMissing(key=key)
        return self._entries[key]


class Verdict(NamedTuple):
    """The law's terms per asset, at a main-chain height under a sidechain's final header."""

    header: Header
    height: int
    rows: dict[bytes, Row]

    @property
    def holds(self) -> bool:
        """True if every asset's terms explain what the vault holds, deficits included."""
        return not any(row.difference for row in self.rows.values())

    @property
    def backed(self) -> bool:
        """True if the law holds and nothing is missing."""
        return self.holds and not any(row.deficit for row in self.rows.values())


class Auditor:
    """Reads the main chain from the sidechain's checkpoint on, block by block, then judges."""

    def __init__(self, genesis: Genesis, engines: Mapping[str, Engine] = ENGINES) -> None:
        self.genesis, self._engines = genesis, engines
        self._window: dict[bytes, bytes] = {}
        self._heights = {genesis.checkpoint.id: genesis.checkpoint.header.height}
        self._holdings = Holdings(genesis)
        self._anchors: dict[Outpoint | None, int] = {}
        state = SystemState(self._window)
        start_relay(state, genesis)
        self._take(state)

    @property
    def height(self) -> int:
        """The height of the last block read."""
        return self._holdings.height

    def connect(self, block: Block, now: int) -> None:
        """The next block of the main chain; `now` in seconds.

        Raises the header rule it breaks, `RelayDetached` where it does not follow the last one, and
        what `check_block` raises; nothing has changed then.
        """
        check_block(block)
        state = SystemState(self._window)
        extend(state, self.genesis, (block.header,), now, self._engines)
        self._take(state)
        height = block.header.height
        self._heights[block.id] = height
        self._holdings.connect(height, block)
        for tx in block.transactions:
            self._note(height, tx)

    def _take(self, state: SystemState) -> None:
        for key, value in state.changes.items():
            if value is None:
                self._window.pop(key, None)
            else:
                self._window[key] = value

    def _note(self, height: int, tx: Transaction) -> None:
        """A spend of the vault's anchor, or its creation, under what it spends."""
        kinds = {action.kind for action in tx.body.actions} & VAULT_KINDS
        if kinds and any(one.lock == VaultLock(self.genesis.vault) for one in tx.body.outputs):
            self._anchors[None if CREATE in kinds else tx.body.inputs[0]] = height

    # The sidechain's side

    def wanted(self) -> list[bytes]:
        """What must be proved of the sidechain's state, as of the blocks read."""
        assets = [asset.asset for asset in self.genesis.assets]
        return [
            MIRROR,
            IN_FORCE,
            *map(sums_key, assets),
            *map(retired_key, assets),
            *(claimed_key(place) for place, _ in self._holdings.deposits()),
            *(pending_key(place) for place, _ in self._holdings.ended()),
        ]

    def knows(self, id: bytes) -> bool:
        """True if the main-chain block with this id was read."""
        return id in self._heights

    def relayed(self, header: Header) -> int:
        """The height of the header's relayed tip; raises `RelayElsewhere`."""
        found = self._heights.get(header.relay_tip)
        if found is None:
            raise RelayElsewhere(tip=header.relay_tip, read=self.height)
        return found

    def judge(self, header: Header, entries: Mapping[bytes, bytes | None]) -> Verdict:
        """The law under a final header whose entries are proved; both for the caller to check.

        Raises `RelayElsewhere`, `EntryMissing`.
        """
        state = SystemState(Proved(entries))
        height = self._proved_up_to(state, self.relayed(header) - self.genesis.depth)
        rows = self._holdings.reserves(state, height, lambda asset: retired(state, asset))
        return Verdict(header, height, rows)

    def _proved_up_to(self, state: SystemState, deep: int) -> int:
        """The greatest height so deep below which the sidechain knows every vault operation."""
        mirror = state.read(Mirror, MIRROR)
        following = self._anchors.get(None if mirror is None else mirror.anchor, NEVER)
        open = (at for place, at in self._holdings.ended() if state.get(pending_key(place)))
        return min(deep, following - 1, *(at - 1 for at in open))
