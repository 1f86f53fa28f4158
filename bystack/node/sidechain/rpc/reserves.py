"""RPC about solvency: the law's terms, members' statements, and which ways the pegs are open."""

from __future__ import annotations

from functools import partial
from typing import Annotated, Any

from msgspec import Meta

from bystack.federation.module.records import NAME, rules_of, standing_of
from bystack.federation.statements import AssetTerms, Statement, age, agreeing, statement_of
from bystack.federation.stating import drafted, needed
from bystack.ledger.terms import decode_terms, terms_hash
from bystack.ledger.transactions import DepositLock, PolicyLock
from bystack.node.ipc import RemoteError
from bystack.node.rpc import IN_WARMUP, NOT_FOUND, Methods
from bystack.node.sidechain.reading import Reader
from bystack.node.sidechain.relaying import Relaying
from bystack.node.sidechain.rpc import shapes_pegs
from bystack.node.sidechain.rpc.forms import Json
from bystack.node.sidechain.rpc.proofs import once_final
from bystack.node.sidechain.voting.driver import Driver
from bystack.primitives.addresses import DEPOSIT, POLICY, decode_address
from bystack.primitives.codec import encode
from bystack.primitives.errors import Invalid
from bystack.primitives.plain import to_plain
from bystack.sidechain.gates import SOMEBODY, Gate, Gatekeeper, Hold
from bystack.sidechain.holdings import Row
from bystack.sidechain.modules.base import Modules, read_only
from bystack.sidechain.params import Genesis
from bystack.sidechain.proofs import StateProofs
from bystack.sidechain.records import MIRROR, Destination, Mirror
from bystack.sidechain.relay import RelayView
from bystack.sidechain.state import SystemState

Where = Annotated[str, Meta(max_length=300, description="a main-chain address to be paid at")]


class ReserveMethods:
    """Answers from one moment's state; the vault's side from this node's own main chain."""

    def __init__(self, driver: Driver, reader: Reader, relaying: Relaying) -> None:
        self._driver, self._reader, self._relaying = driver, reader, relaying
        self._genesis = driver.genesis
        self._names = {asset.asset: asset.name for asset in driver.genesis.assets}

    def register(self, methods: Methods) -> None:
        """Add every method of this file."""
        add = methods.add
        add(
            "getreserves",
            self.reserves,
            help="The vault against what it stands for.",
            returns=shapes_pegs.Reserves,
        )
        add(
            "draftstatement",
            self.draft,
            help="A statement about the reserves, to be signed.",
            returns=shapes_pegs.DraftedStatement,
        )
        add(
            "liststatements",
            self.statements,
            help="What each member stated last.",
            returns=list[shapes_pegs.MemberStatement],
        )
        add(
            "getvaultterms",
            self.terms,
            help="Who can do what with the vault, within which limits.",
            returns=shapes_pegs.VaultTerms,
        )
        add(
            "getpegstatus",
            self.status,
            help="Which ways the pegs are open, and why not.",
            returns=shapes_pegs.PegStatus,
        )

    # The law

    def reserves(self) -> Json:
        """Per asset the law's terms, in smallest units: the difference is 0. `statements`: how
        many members stated lately, and the most that say the same of one block."""
        store = self._driver.store
        with store.snapshot() as snapshot:
            height, rows = self._relaying.reserves(snapshot)
            base = store.base(snapshot)
            side, state = base.parent, SystemState(base.state)
            said = [one for _, one in self._said(state) if one is not None]
            lately = [one for one in said if self._age(state, one) < 2]
        return {
            "height": height,
            "sidechain_height": side.height,
            "blockhash": side.id.hex(),
            "holds": all(row.difference == 0 for row in rows.values()),
            "assets": {self._names[asset]: _row(asset, row) for asset, row in rows.items()},
            "statements": {
                "lately": len(lately),
                "agree": agreeing(lately),
                "hold": all(one.holds for one in lately),
                "newest": max((one.height for one in lately), default=None),
            },
        }

    async def draft(self) -> Json:
        """What a member's signer is asked to state now: `statement` without version, log and
        signature, and `proofs` (a `StateProofs`) of what it rests on; both in hex."""
        statement, found = self._drafted()
        made = partial(self._reader.prover.shown, found)
        proofs = await once_final(self._driver, made, statement.height)
        return {"statement": encode(statement).hex(), "proofs": encode(proofs).hex()}

    def _drafted(self) -> tuple[Statement, StateProofs]:
        """The law's terms and their proofs, of one block; raises `RemoteError` (-28)."""
        store = self._driver.store
        with store.snapshot() as snapshot:
            height, rows = self._relaying.reserves(snapshot)
            base = store.base(snapshot)
            view = RelayView(SystemState(base.state))
            place, relayed = (height, view.at(height).id), view.best().header.height
        found = store.state_proofs(needed(self._genesis))
        if found.final.header != base.parent:
            raise RemoteError(IN_WARMUP, "a block came in between; ask again")
        return drafted(self._genesis, base.parent, relayed, place, rows), found

    def _said(self, state: SystemState) -> list[tuple[str, Statement | None]]:
        """Each member's name and last statement, in seat order; none without a federation."""
        if all(module.name != NAME for module in self._reader.modules.modules):
            return []
        own = read_only(state, NAME)
        return [
            (seat.member.name.decode(), statement_of(own, seat.governance))
            for seat in standing_of(own).seats
        ]

    def _age(self, state: SystemState, said: Statement) -> int:
        """How many intervals ago a statement was made."""
        relayed = RelayView(state).best().header.height
        return age(said, relayed, rules_of(read_only(state, NAME)).statement)

    def statements(self) -> list[Json]:
        """One object per member in seat order; `statement` is null for one that made none."""
        with self._reader.state() as state:
            return [
                {
                    "member": name,
                    "intervals_ago": None if said is None else self._age(state, said),
                    "statement": None if said is None else self._statement(said),
                }
                for name, said in self._said(state)
            ]

    def _statement(self, said: Statement) -> Json:
        return {
            "sidechain_height": said.height,
            "blockhash": said.header.hex(),
            "relay_height": said.relay_height,
            "height": said.main_height,
            "main_blockhash": said.main_block.hex(),
            "version": said.version,
            "log": said.log.hex(),
            "holds": said.holds,
            "assets": {self._name(one.asset): _terms(one) for one in said.assets},
        }

    def _name(self, asset: bytes) -> str:
        return self._names.get(asset, asset.hex())

    # The vault

    def terms(self) -> Json:
        """The vault's terms as proved on the sidechain: `tiers` in order (policy, limits in
        smallest units, delay in blocks), `guard`, `govern`, `recover`; as of `height`."""
        mirror: Mirror | None = self._reader.look(lambda state: state.read(Mirror, MIRROR))
        if mirror is None:
            raise RemoteError(NOT_FOUND, "The vault's creation is not proved here yet")
        terms = decode_terms(mirror.terms)
        return {
            "vault": self._genesis.vault.hex(),
            "height": mirror.height,
            "hash": terms_hash(terms).hex(),
            "terms": to_plain(terms),
        }

    # The ways

    def status(self, destination: Where = "") -> Json:
        """`pegin` (claims), `pegout` (burns, to a destination if given), `payouts` (batches),
        `signing`: open or not, why, since when, until when or what lifts it."""
        lock = destination_at(self._genesis, destination) if destination else SOMEBODY
        with self._driver.store.snapshot() as snapshot:
            base = self._driver.store.base(snapshot)
            state, header = SystemState(base.state), base.parent
            keeper = Gatekeeper(
                self._genesis, self._reader.modules, state, header.height, header.time
            )
            gates = (*keeper.gates(lock), signing_gate(self._reader.modules, state))
            relayed = RelayView(state).best().header.height
        ways = {gate.way: _gate(gate) for gate in gates}
        return {"sidechain_height": header.height, "relay_height": relayed, **ways}


def destination_at(genesis: Genesis, text: str) -> Destination:
    """Where a peg-out to a main-chain address is paid; raises `RemoteError` (-5)."""
    try:
        given = decode_address(text, genesis.main.hrp)
    except Invalid as error:
        facts = {"rule": error.rule}
        raise RemoteError(NOT_FOUND, f"Invalid address: {error}", facts) from None
    match given.version:
        case version if version == DEPOSIT:
            return DepositLock(given.payload[:32], given.payload[32:])
        case version if version == POLICY:
            return PolicyLock(given.payload)
        case _:
            raise RemoteError(NOT_FOUND, "Invalid address: nothing is paid out there")


def signing_gate(modules: Modules, state: SystemState) -> Gate:
    """Signers stop by a switch of the federation's own; no other module has a say in it."""
    for module in modules.modules:
        if module.name != NAME:
            continue
        pauses = module.query(read_only(state, module.name), "getpauses", []) or {}
        until = int(pauses.get("signing", 0))
        if until > RelayView(state).best().header.height:
            lifts = f"main-chain height {until}, or a quorum"
            why = "the federation has paused signing"
            return Gate("signing", (Hold("FederationPaused", why, None, until, lifts),))
    return Gate("signing", ())


def _gate(gate: Gate) -> Json:
    return {"open": gate.open, "why": [shown_hold(hold) for hold in gate.holds]}


def shown_hold(hold: Hold) -> Json:
    """What holds a way shut, as JSON."""
    since = None if hold.since is None else hold.since._asdict()
    return {**hold._asdict(), "since": since, "until": hold.until or None}


def _row(asset: bytes, row: Row) -> Json:
    return {**row._asdict(), "difference": row.difference, "asset": asset.hex()}


def _terms(said: AssetTerms) -> Json:
    names = ("vault", "circulating", "pool", "owed", "unclaimed", "surplus", "deficit")
    terms: dict[str, Any] = {name: getattr(said, name) for name in names}
    return {**terms, "difference": said.difference, "asset": said.asset.hex()}
