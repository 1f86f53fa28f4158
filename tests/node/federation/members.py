"""Three members, 2 of 3, in one program: real signers, bridges and purses over a real main chain.

Lines to the chains are answered from memory; the sidechain is what it records. The group key is
the vault's, its shares are made here.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache, partial
from pathlib import Path
from typing import Any

import trio
from msgspec.structs import replace

from bystack.federation.bridge import BridgeMessage
from bystack.federation.charter import parse_charter
from bystack.federation.messages import KeyCertificate
from bystack.federation.roster_file import AssetEntry, MemberEntry, RosterFile
from bystack.federation.session import Session
from bystack.federation.shares import KeyShare
from bystack.federation.trail import Trail
from bystack.federation.upstreams import Upstreams
from bystack.ledger.terms import Terms
from bystack.ledger.transactions import Transaction, decode_transaction
from bystack.mainchain.blocks import Block
from bystack.mainchain.params import chain_id
from bystack.mainchain.proofs import TransactionProof
from bystack.node.federation.events import (
    Ask,
    MainConnected,
    MainDisconnected,
    PeerMessage,
    SideFinal,
    Tick,
)
from bystack.node.federation.links import Links
from bystack.node.federation.member import BRIDGE, Member
from bystack.node.federation.requests import answer
from bystack.node.federation.setting import Setting
from bystack.node.ipc import RemoteError, Unavailable
from bystack.node.ipc.errors import from_invalid
from bystack.node.signer.audit_log import open_audit
from bystack.node.signer.vault.keeper import Held, VaultKeeper
from bystack.node.signer.vault.view import View
from bystack.node.store.journal import Journal
from bystack.primitives.codec import encode
from bystack.primitives.curve import ORDER, g1_mul
from bystack.primitives.errors import Invalid
from bystack.primitives.hashes import fixed
from bystack.primitives.keys import public_key
from bystack.sidechain.blocks import Header
from bystack.sidechain.params import Genesis
from bystack.sidechain.records import (
    OPEN,
    Batch,
    BatchRecord,
    BatchState,
    Loss,
    Pending,
    batch_key,
)
from bystack.sidechain.settlement import pending_key
from tests.federation.charters import TRADE
from tests.federation.peg import Outbox, certified, final, header_of, request_id
from tests.federation.stage import session
from tests.ledger.people import ALICE, BOB, CAROL
from tests.mainchain.builders import EASY
from tests.sidechain.mainside import GROUP, KEYS, TERMS, VaultChain, vault_chain
from tests.sidechain.world import genesis_for
from tests.simulation.schemes import bls_keyring

SLOPE = 77
SPONSORS = (ALICE, BOB, CAROL)


@lru_cache(maxsize=1)
def certificate() -> KeyCertificate:
    """Of the vault's group key, split 2 of 3."""
    held: Session = session((1, 1, 1), 2)
    polynomial = (g1_mul(int.from_bytes(GROUP, "big")), g1_mul(SLOPE))
    return KeyCertificate(held, bytes(32), polynomial, (bytes(64),) * 3, bytes(96))


def share(index: int) -> KeyShare:
    scalar = (int.from_bytes(GROUP, "big") + SLOPE * index) % ORDER
    return KeyShare(certificate().key_id, index, fixed(scalar, 32))


class Finished:
    """A key generation that is over."""

    def __init__(self, index: int) -> None:
        self.certificate, self.attempt = certificate(), None
        self._index = index

    def shares(self) -> tuple[KeyShare, ...]:
        return (share(self._index),)


class ToldView(View):
    """What a signer goes by, told its genesis and terms."""

    told_genesis: Genesis | None = None
    told_terms = TERMS

    def genesis(self) -> Genesis:
        assert self.told_genesis is not None
        return self.told_genesis

    def terms(self) -> Terms:
        return self.told_terms


class Keeper(VaultKeeper):
    """The signer's keeper, with such a view."""

    view_kind = ToldView
    view: ToldView


class Line:
    """A private line: a handler, up or down, with what was asked."""

    def __init__(self, handle: Callable[..., Awaitable[Any]]) -> None:
        self._handle, self.up = handle, True
        self.asked: list[str] = []
        self.refused: set[str] = set()

    @property
    def connected(self) -> bool:
        return self.up

    async def call(self, method: str, *params: Any) -> Any:
        if not self.up:
            raise Unavailable("nobody answers")
        self.asked.append(method)
        if method in self.refused:
            raise RemoteError(-26, "refused")
        try:
            return await self._handle(method, list(params))
        except Invalid as error:
            raise from_invalid(error) from None


@dataclass
class Voice:
    """What a member's host does: its words reach those who are up."""

    net: Net
    seat: int
    penalties: list[tuple[bytes, str]] = field(default_factory=list)

    def broadcast(self, kind: int, payload: bytes, _: Any) -> None:
        self.net.said.append((self.seat, kind, payload))

    def send(self, node: bytes, kind: int, payload: bytes, _: Any) -> None:
        self.net.said.append((self.seat, kind, payload))

    def penalise(self, node: bytes, score: int, rule: str) -> None:
        self.penalties.append((node, rule))

    def peers(self) -> list[Any]:
        return []


@dataclass(frozen=True)
class Told(Setting):
    """A setting told its genesis and terms."""

    held: list[Genesis] = field(default_factory=list)
    vault_terms: Terms = TERMS

    def genesis(self) -> Genesis | None:
        return self.held[0] if self.held else None

    def terms(self, group: bytes) -> Terms:
        return self.vault_terms


def roster_file(charter: Mapping[str, bytes] = KEYS) -> RosterFile:
    members = [
        MemberEntry(
            m.name.decode(), m.identity.hex(), m.node.hex(), m.weight, n.hex(), m.recipient.hex()
        )
        for m, n in zip(
            certificate().session.roster.members, (b"\x01" * 32, b"\x02" * 32, b"\x03" * 32),
            strict=True,
        )
    ]  # fmt: skip
    keys = {name: public_key(secret).hex() for name, secret in charter.items()}
    return RosterFile(2, members, keys, {"BTM": AssetEntry("ff" * 32, 8)})


class Net:
    """The members, the main chain they all follow, and a sidechain that records batches.

    `charter`: the secrets behind the roster's charter keys; `held`: whose signer holds which.
    """

    def __init__(
        self,
        folder: Path,
        main: VaultChain | None = None,
        founded: bool = True,
        terms: Terms = TERMS,
        charter: Mapping[str, bytes] = KEYS,
        held: Sequence[Sequence[str]] = (("super",), (), ()),
    ) -> None:
        self.main = main or vault_chain()
        self.terms, self.charter, self.held = terms, charter, held
        self.pending: dict[bytes, Pending] = {}
        self.said: list[tuple[int, int, bytes]] = []
        self.up = {0, 1, 2}
        self.outbox, self.batches, self.leaves = Outbox(), {}, {}
        self.genesis = None
        if founded:
            ring = bls_keyring(4).validators.validators
            self.genesis = genesis_for(self.main, validators=ring, terms=terms)
        self.folder = folder
        self.signers = [self.signer(seat) for seat in range(3)]
        self.members = [self.member(seat) for seat in range(3)]
        self.followed: list[Block] = []
        self.height, self.late, self.newest = 5, 900, 1
        self.headers: dict[int, Header] = {}
        self.counts: dict[int, int] = {}

    upstreams: tuple[int, frozenset[str]] = (1, frozenset())

    def signer(self, seat: int) -> Keeper:
        path = self.folder / f"warrants-{seat}.journal"
        journal = Journal.open(path, kind="warrants", magic=EASY.magic)
        named = {name: self.charter[name] for name in self.held[seat]}
        finished: Any = Finished(seat + 1)
        folder = self.folder / f"signer-{seat}"
        folder.mkdir(exist_ok=True)
        audit = open_audit(str(folder), "trade", EASY.magic, must_exist=False)
        held = Held("trade", chain_id(EASY), EASY.hrp, bytes(32), named, b"\x05" * 32, str(folder))
        keeper = Keeper(held, finished, journal, audit, Upstreams(*self.upstreams))
        keeper.view.told_genesis, keeper.view.told_terms = self.genesis, self.terms
        return keeper

    def restart_signer(self, seat: int) -> None:
        self.signers[seat].release.journal.close()
        self.signers[seat].audit.close()
        self.signers[seat] = self.signer(seat)

    def member(self, seat: int) -> Member:
        links = Links("trade")
        links.main = Line(self._main)  # type: ignore[assignment]
        links.side = Line(self._side)  # type: ignore[assignment]
        links.signer = Line(partial(self._signer, seat))  # type: ignore[assignment]
        setting = Told(
            "trade", EASY, parse_charter(TRADE), roster_file(self.charter),
            certificate().session.roster, seat, SPONSORS[seat].secret,
            [self.genesis] if self.genesis else [], self.terms,
        )  # fmt: skip
        trail = Trail(setting.main, setting.sponsor, EASY.maturity)
        return Member(setting, links, Voice(self, seat), trail)  # type: ignore[arg-type]

    async def _signer(self, seat: int, method: str, params: list[Any]) -> Any:
        return self.signers[seat].answer(method, params)

    # -- the chains

    async def _main(self, method: str, params: list[Any]) -> Any:
        match method, params:
            case "headers", [locator, most]:
                heights = {e.id: e.header.height for e in self.main.entries}
                known = next((heights[id] for id in locator if id in heights), 0)
                return [encode(e.header) for e in self.main.entries[known + 1 :][:most]]
            case "vault", [vault]:
                mine = [
                    (p, c) for p, c in self.main.coins.items()
                    if getattr(c.lock, "vault", None) == vault
                ]  # fmt: skip
                return [[encode(point), encode(coin)] for point, coin in mine]
            case "inclusion", [txid]:
                there = txid in self.main.where
                return encode(self._proof(txid)) if there else None
            case "history", [old, newer]:
                (history,) = self.main.inclusion(self.main.line[old - 1].transactions[0], newer)[1]
                return encode(history)
            case "entry_at", [height]:
                return encode(self.main.entries[height])
            case "status", []:
                return {"height": self.main.height}
            case "submit", [data]:
                return self._submit(decode_transaction(data))
        raise AssertionError(method)

    def _proof(self, txid: bytes) -> TransactionProof:
        return self.main.inclusion(txid).proof

    def _submit(self, tx: Transaction) -> bytes:
        """Mined at once, with the coinbase to a stranger."""
        self.main.mine(tx)
        return tx.id

    async def _side(self, method: str, params: list[Any]) -> Any:
        match method, params:
            case "state", [key]:
                if key == OPEN:
                    return encode(tuple(self.batches))
                if key in self.pending:
                    return encode(self.pending[key])
                found = [b for seq, b in self.batches.items() if batch_key(seq) == key]
                return encode(found[0]) if found else None
            case "record", [leaf, height]:
                return encode(self.outbox.prove(leaf, self.counts[height]))
            case "final_header", [height]:
                return encode(final(self.header_at(height)))
            case "newest_final", []:
                return encode(final(self.header_at(self.newest)))
            case "epoch_proofs", _:
                return []
            case "status", []:
                return {"height": self.newest}
            case "proved_entry", [_]:
                raise RemoteError(-1, "this sidechain keeps no state")
        raise AssertionError(method)

    def record(self, seq: int, outputs: Any, requests: Any, tier: int = 0) -> None:
        """A batch in the sidechain's next block."""
        assert self.genesis is not None
        ids = tuple(request_id(number) for number in requests)
        record = BatchRecord(self.genesis.vault, seq, tier, tuple(outputs), ids)
        self.height += 3  # so that no two blocks are neighbours by chance
        self.batches[seq] = Batch(record, 0, self.outbox.add(record), self.height)
        self.header_at(self.height)

    def set_aside(self, seq: int) -> None:
        """The sidechain proved the delayed order of a batch: its pending coins are known."""
        self.batches[seq] = replace(self.batches[seq], state=int(BatchState.PENDING))
        for point, coin in self.main.pendings():
            known = Pending(seq, 1, Loss(coin.asset, coin.amount))
            self.pending[pending_key(point)] = known

    # -- time

    def header_at(self, height: int) -> Header:
        """The sidechain's header at a height: the same for ever."""
        assert self.genesis is not None
        below = self.headers.get(height - 1)
        more = {"parent": below.id} if below else {}
        if height not in self.headers:
            self.counts[height] = self.outbox.peaks.count
            self.headers[height] = header_of(self.genesis, height, self.outbox.root, **more)
        return self.headers[height]

    async def final(self, height: int = 0) -> None:
        """A final block, later than all before unless it is told which."""
        self.late += 2
        header = self.header_at(height or self.late)
        self.newest = header.height
        event = SideFinal(header.height, encode(header), encode(certified(header)))
        await self._each(event)

    async def follow(self) -> None:
        """Everybody follows the main chain to its tip."""
        while self.followed and self.followed[-1].id not in {b.id for b in self.main.line}:
            gone = self.followed.pop()
            await self._each(MainDisconnected(gone.header.height, gone.id))
        for block in self.main.line[len(self.followed) :]:
            self.followed.append(block)
            await self._each(MainConnected(block.header.height, block.id, block))

    async def _each(self, event: Any, seats: set[int] | None = None) -> None:
        for seat in sorted(self.up if seats is None else seats):
            await self.handle(seat, event)

    async def handle(self, seat: int, event: Any) -> None:
        """As the member's task does: a refusal is put off."""
        try:
            await self.members[seat]._handle(event)
        except (RemoteError, Unavailable, Invalid) as error:
            self.put_off = error

    async def tick(self, count: int = 1) -> None:
        for _ in range(count):
            await self.follow()
            await self._each(Tick())
            await self.deliver()

    async def deliver(self) -> None:
        while self.said:
            sender, kind, payload = self.said.pop(0)
            for seat in sorted(self.up - {sender}):
                await self.handle(seat, PeerMessage(self.node(sender), kind, payload))

    async def hear(self, seat: int, sender: int, message: BridgeMessage) -> None:
        await self.handle(seat, PeerMessage(self.node(sender), BRIDGE, encode(message)))

    def node(self, seat: int) -> bytes:
        """The node of the member that sits there."""
        return certificate().session.roster.members[seat].node

    async def ask(self, seat: int, method: str, *params: Any) -> Any:
        send, receive = trio.open_memory_channel[Any](1)
        await answer(self.members[seat], Ask(method, params, send))
        result = await receive.receive()
        if isinstance(result, Exception):
            raise result
        return result

    def payouts(self, tx_kind: int = 17) -> list[Transaction]:
        """Orders on the main chain."""
        return [
            tx
            for tx in self.main.transactions(self.main.height)
            if any(action.kind == tx_kind for action in tx.body.actions)
        ]
