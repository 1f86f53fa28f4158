"""The application beside the engine: executes blocks, builds them, makes final ones durable.

A block is executed on the last final one, or on another that was executed and is not final yet:
what that one does lies over the store. Executing goes in slices of a few milliseconds, between
which votes go on. What a block does is remembered until its height is final; nothing is written
before a commit certificate is here.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import asynccontextmanager
from typing import Final, NamedTuple

import trio

from bystack.ledger.coins import Coin
from bystack.ledger.transactions import Outpoint, Transaction
from bystack.node.sidechain.accusing import verify_ahead
from bystack.node.sidechain.columns import MAX_CERTIFICATE
from bystack.node.sidechain.executing.layers import LayeredCoins, LayeredEntries, Prefetched
from bystack.node.sidechain.executing.pace import Pace
from bystack.node.sidechain.store import SideStore
from bystack.node.verifying.verifier import Verifier
from bystack.primitives.codec import decode, encode
from bystack.primitives.errors import Invalid
from bystack.primitives.hashes import sha256
from bystack.sidechain import epochs, parameters
from bystack.sidechain.assembly import Assembly, Built, Prelude, Proposal
from bystack.sidechain.blocks import Body, Header, decode_body
from bystack.sidechain.consensus.events import BuildBlock, Decide
from bystack.sidechain.consensus.statements import Certificate
from bystack.sidechain.engines import verifier_of
from bystack.sidechain.modules.base import Modules
from bystack.sidechain.state import SystemState
from bystack.sidechain.transition import Base, Executed, close_block, open_block

REMEMBERED: Final = 32
DEEP: Final = 1_024
"""Where finality is a matter of depth, a whole branch of blocks is executed and not final."""
BODIES: Final = 4
SLICE: Final = 100
"""Transactions executed at a time: two or three milliseconds of work."""


class BodyCertificate(Invalid):
    """The certificate in the body is not the one the header names."""


class StaleParent(Invalid):
    """The block follows neither the last final block nor one executed on top of it."""


class VersionUnknown(Invalid):
    """The block is made by rules that this program does not know: it is neither good nor bad."""

    def __init__(self, version: int, height: int, known: int) -> None:
        super().__init__(version=version, height=height, known=known)
        self.version, self.height = version, height


class Done(NamedTuple):
    """A block that was executed and is not final; `digest` is of the body's bytes."""

    header: Header
    body: Body
    executed: Executed
    digest: bytes


class Begun(NamedTuple):
    """A block begun on a parent: `coins` of the store that it reads, and the transactions `behind`
    it in blocks that were not final when it began."""

    parent: bytes
    prelude: Prelude
    coins: dict[Outpoint, Coin]
    behind: frozenset[bytes]


class Application:
    """What final blocks and proposals do to one sidechain's store."""

    def __init__(self, store: SideStore, modules: Modules, verifier: Verifier) -> None:
        self.store, self.modules = store, modules
        self._verifier = verifier
        self._most = DEEP if verifier_of(store.genesis).depth else REMEMBERED
        self._done: dict[bytes, Done] = {}
        self._bodies: dict[bytes, Body] = {}
        self.pace = Pace()
        self.protocol = parameters.PROTOCOL

    def know(self, data: bytes, body: Body) -> None:
        """These bytes are this body, whose objects the pool has judged: not decoded again."""
        while len(self._bodies) >= BODIES:
            del self._bodies[next(iter(self._bodies))]
        self._bodies[data] = body

    def body_of(self, data: bytes) -> Body | None:
        """The body that these bytes are, if it is known."""
        return self._bodies.get(data)

    async def execute(self, header: Header, body: bytes) -> Executed:
        """What a block does, signatures verified; raises the rule it breaks."""
        known, digest = self._done.get(header.id), sha256(body)
        # Of a known header other bytes may come from a peer: they are judged, not stored unread.
        if known is not None and known.digest == digest:
            return known.executed
        read = self._bodies.get(body) or decode_body(body)
        _check_certificate(header, read)
        places = [place for tx in read.transactions for place in tx.body.inputs]
        await verify_ahead(self.store, read.transactions)
        self.pace.begin(header.height, trio.current_time())
        async with self._base(header.parent, places) as base:
            executed = await self._apply(header, read, base)
        await self._verifier.require(executed.checks)
        self._remember(Done(header, read, executed, digest))
        return executed

    async def _apply(self, header: Header, body: Body, base: Base) -> Executed:
        execution = open_block(self.store.genesis, self.modules, base, header, body)
        for at in range(0, len(body.transactions), SLICE):
            for tx in body.transactions[at : at + SLICE]:
                execution.add(tx)
            await trio.lowlevel.checkpoint()
            execution.fold()
            await trio.lowlevel.checkpoint()
        return close_block(execution, header, body)

    def begin(self, parent: Header) -> Begun:
        """The beginning of a block on `parent`, which may not be final; raises `StaleParent`."""
        line, coins = self._line(parent.id), dict[Outpoint, Coin]()
        with self.store.snapshot() as snapshot:
            base = self.store.base(snapshot)._replace(coins=coins)
            for done in line:
                base = over(base, done)
            room = parameters.in_force(SystemState(base.state)).block_bytes // 4 * 3
        prelude = Prelude(self.store.genesis, base.coins, base.multiset, parent.height + 1, room)
        behind = frozenset(tx.id for done in line for tx in done.body.transactions)
        return Begun(parent.id, prelude, coins, behind)

    async def extend(self, begun: Begun, candidates: Sequence[Transaction]) -> None:
        """Take more payments into a beginning."""
        begun.coins.update(await self._fetch([p for tx in candidates for p in tx.body.inputs]))
        for tx in candidates:
            begun.prelude.offer(tx, lambda _, checks: self._verifier.holds(checks))
        await trio.lowlevel.checkpoint()
        begun.prelude.tally.fold()
        await trio.lowlevel.checkpoint()

    async def build(
        self, wish: BuildBlock, candidates: Sequence[Transaction], prelude: Prelude | None = None
    ) -> Built:
        """A block of what was begun and of the candidates that apply, as the engine wishes it."""
        certificate = wish.certificate
        named = (encode(certificate), certificate.hash)
        proposal = Proposal(wish.proposer, wish.time, *named, wish.demote)
        places = [place for tx in candidates for place in tx.body.inputs]
        self.pace.begin(wish.height, trio.current_time())
        async with self._base(wish.parent.id, places) as base:
            if prelude is not None:
                prelude.stand_on(base.coins)
            built = await self._assemble(proposal, candidates, base, prelude)
        data = encode(built.body)
        self._remember(Done(built.header, built.body, built.executed, sha256(data)))
        self.know(data, built.body)
        return built

    async def _assemble(
        self, proposal: Proposal, candidates: Sequence[Transaction], base: Base,
        prelude: Prelude | None,
    ) -> Built:  # fmt: skip
        holds = self._verifier.holds
        assembly = Assembly(
            self.store.genesis, self.modules, base, proposal, lambda _, checks: holds(checks),
            prelude,
        )  # fmt: skip
        for at in range(0, len(candidates), SLICE):
            for tx in candidates[at : at + SLICE]:
                assembly.offer(tx)
            await trio.lowlevel.checkpoint()
            assembly.fold()
            await trio.lowlevel.checkpoint()
        return assembly.finish()

    async def finish(self, decided: Decide) -> Body | None:
        """Make a decided block durable; its body, None when it was durable already."""
        header, body, certificate = decided.header, decided.body, decided.certificate
        if header.height <= self.store.height:
            return None
        executed = await self.execute(header, body)
        done = self._done[header.id]
        read = await self.store.commit(header, body, certificate, executed, done.body)
        self.pace.end(header.height, len(done.body.transactions), trio.current_time())
        self._forget()
        return read

    # On what a block is executed

    @asynccontextmanager
    async def _base(self, parent: bytes, places: Iterable[Outpoint]) -> AsyncIterator[Base]:
        """What executing a block after `parent` reads, coins at these places at hand.

        Raises `StaleParent`, `VersionUnknown`.
        """
        coins = await self._fetch(places)
        with self.store.snapshot() as snapshot:
            base = self.store.base(snapshot)
            base = base._replace(coins=Prefetched(coins, base.coins))
            for done in self._line(parent):
                base = over(base, done)
            self._check_version(base)
            yield base

    def _check_version(self, base: Base) -> None:
        """Also where the parent is not final: by depth an epoch turns before its end is final."""
        version = version_after(base)
        if version > self.protocol:
            height = base.parent.height + 1
            raise VersionUnknown(version=version, height=height, known=self.protocol)

    async def _fetch(self, places: Iterable[Outpoint]) -> dict[Outpoint, Coin]:
        """The coins of the tip; a block that becomes final meanwhile may have spent some."""
        wanted = list(places)
        while True:
            height = self.store.height
            coins = await self.store.coins.fetch(wanted)
            if height == self.store.height:
                return coins

    def taken(self, parent: bytes) -> frozenset[bytes]:
        """The transactions of blocks up to `parent` that are not final; none if it is unknown."""
        try:
            line = self._line(parent)
        except StaleParent:
            return frozenset()
        return frozenset(tx.id for done in line for tx in done.body.transactions)

    def _line(self, parent: bytes) -> list[Done]:
        """The executed blocks from above the tip up to `parent`, lowest first."""
        line, tip = list[Done](), self.store.header.id
        at = parent
        while at != tip:
            done = self._done.get(at)
            if done is None:
                raise StaleParent(parent=parent, tip=tip)
            line.append(done)
            at = done.header.parent
        return line[::-1]

    # What is remembered

    def _remember(self, done: Done) -> None:
        while len(self._done) >= self._most:
            del self._done[next(iter(self._done))]
        self._done[done.header.id] = done

    def _forget(self) -> None:
        """Keep what was executed on the new tip, and on that."""
        kept, roots = dict[bytes, Done](), {self.store.header.id}
        for id, done in sorted(self._done.items(), key=lambda item: item[1].header.height):
            if done.header.parent in roots:
                kept[id] = done
                roots.add(id)
        self._done = kept


def version_after(base: Base) -> int:
    """The version of the rules by which a block on this base is made."""
    state = SystemState(base.state)
    epochs.turn(state, base.parent)
    return parameters.in_force(state).version


def over(base: Base, done: Done) -> Base:
    """What executing a block after `done` reads, which was executed on `base` and not committed."""
    executed = done.executed
    return Base(
        parent=done.header,
        coins=LayeredCoins(base.coins, executed.delta),
        state=LayeredEntries(base.state, executed.changes),
        nodes=LayeredEntries(base.nodes, executed.trie.added),
        system_root=executed.trie.root,
        multiset=executed.multiset,
    )


def _check_certificate(header: Header, body: Body) -> None:
    """Raises `BodyCertificate`."""
    named = decode(Certificate, body.certificate, MAX_CERTIFICATE)
    if named.hash != header.parent_certificate:
        raise BodyCertificate(named=named.hash, header=header.parent_certificate)
