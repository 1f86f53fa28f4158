"""A sidechain on top of a real main chain: blocks are proposed, validated, and kept in dicts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache

from bystack.ledger.amounts import BTM
from bystack.ledger.checks import verify_checks
from bystack.ledger.coins import Coin
from bystack.ledger.effects import Check
from bystack.ledger.signing import Signing
from bystack.ledger.transactions import (
    Action,
    DepositLock,
    NoWitness,
    Outpoint,
    Output,
    PolicyLock,
    Transaction,
    TransactionBody,
    Witness,
)
from bystack.primitives.codec import Wire, encode
from bystack.primitives.trie import EMPTY_ROOT
from bystack.sidechain.actions import encode_action, system_transaction
from bystack.sidechain.assembly import Built, Proposal, assemble
from bystack.sidechain.batches import batch_of, open_seqs
from bystack.sidechain.blocks import Header
from bystack.sidechain.burns import Burn, fee_share
from bystack.sidechain.claims import Claim, Donate, Reprove, note_for
from bystack.sidechain.consensus.validators import Validator
from bystack.sidechain.inclusion import Inclusion
from bystack.sidechain.mirror import AnchorSpend, PendingSpend
from bystack.sidechain.modules.base import Modules
from bystack.sidechain.params import Asset, Consensus, Genesis, ModuleConfig
from bystack.sidechain.records import (
    Batch,
    BatchRecord,
    PegoutState,
    Request,
    Sums,
    pegout_id,
    request_key,
)
from bystack.sidechain.relay import Relay, RelayView
from bystack.sidechain.start import start
from bystack.sidechain.state import SystemState
from bystack.sidechain.stops import Stop, stops_of
from bystack.sidechain.sums import sums_of
from bystack.sidechain.transition import Base, Executed, apply_block
from tests.ledger.people import ALICE, BOB, CAROL, Person
from tests.mainchain.builders import EASY
from tests.sidechain.mainside import GOLD, TERMS, VaultChain, vault_chain

K = 6
CERTIFICATE = b""
PEOPLE = (ALICE, BOB, CAROL)


def asset(name: str, id: bytes, **numbers: int) -> Asset:
    usual = {"decimals": 0, "unit": 1, "fungible": 1, "confirmations": K, "pegin_minimum": 10}
    limits = {"pegin_limit": 20_000, "pegout_minimum": 10, "pegout_fee": 4, "fee": 1}
    return Asset(name, id, **{**usual, **limits, **numbers})


ASSETS = (asset("BTM", BTM), asset("GOLD", GOLD))


def validators(count: int = 4) -> tuple[Validator, ...]:
    numbers = (bytes([n]) for n in range(1, count + 1))
    return tuple(Validator(n * 48, n * 96, 1, n * 32) for n in numbers)


def genesis_for(main: VaultChain, /, **fields: object) -> Genesis:
    """The genesis of a sidechain over this chain's vault; the checkpoint precedes the creation."""
    height = main.where[main.created.id][0] if hasattr(main, "created") else 1
    usual: dict[str, object] = {
        "version": 1,
        "name": "trade",
        "hrp": "tr",
        "main": EASY,
        "checkpoint": main.entries[height - 1],
        "vault": getattr(main, "vault", b"\x05" * 32),
        "terms": TERMS,
        "assets": ASSETS,
        "pegin_bp": 100,
        "pegout_bp": 200,
        "lag_pause": 0,
        "lag_stop": 0,
        "time": main.entries[height].header.time * 1000,
        "consensus": Consensus("bbft", "fixed", 500, 5000, 1500, 1, 0, 1200, 40, 1),
        "validators": validators(),
        "modules": (),
    }
    return Genesis(**{**usual, **fields})  # type: ignore[arg-type]


class Store(dict[bytes, bytes]):
    """A map that changes are made to."""

    def take(self, changes: Mapping[bytes, bytes | None]) -> None:
        for key, value in changes.items():
            if value is None:
                self.pop(key, None)
            else:
                self[key] = value


def verified(tx: Transaction, checks: tuple[Check, ...]) -> bool:
    return verify_checks(checks)


@dataclass
class Side:
    """One node's sidechain: what its store holds."""

    genesis: Genesis
    modules: Modules
    header: Header
    state: Store
    nodes: Store
    root: bytes
    multiset: bytes
    coins: dict[Outpoint, Coin] = field(default_factory=dict)
    outbox: list[bytes] = field(default_factory=list)
    blocks: list[Built] = field(default_factory=list)
    events: list[tuple[str, dict[str, object]]] = field(default_factory=list)

    @classmethod
    def begin(cls, genesis: Genesis, modules: Modules) -> Side:
        started = start(genesis, modules)
        state, nodes = Store(), Store()
        state.take(started.changes)
        nodes.take(dict(started.trie.added))
        assert started.trie.root != EMPTY_ROOT
        return cls(
            genesis, modules, started.header, state, nodes, started.trie.root, started.multiset
        )

    def copy(self) -> Side:
        other = Side(**self.__dict__)
        other.state, other.nodes = Store(self.state), Store(self.nodes)
        other.coins, other.outbox = dict(self.coins), list(self.outbox)
        other.blocks, other.events = list(self.blocks), list(self.events)
        return other

    @property
    def base(self) -> Base:
        return Base(self.header, self.coins, self.state, self.nodes, self.root, self.multiset)

    @property
    def view(self) -> SystemState:
        return SystemState(self.state)

    def build(
        self,
        txs: Sequence[Transaction],
        time: int = 0,
        proposer: int = 0,
        certificate: bytes = CERTIFICATE,
    ) -> Built:
        """What a proposer makes of these transactions."""
        proposal = Proposal(proposer, time, certificate, bytes(32))
        return assemble(self.genesis, self.modules, self.base, proposal, txs, verified)

    def validate(self, built: Built) -> Executed:
        """What a validator says of it, signatures included."""
        executed = apply_block(self.genesis, self.modules, self.base, built.header, built.body)
        assert verify_checks(executed.checks)
        return executed

    def commit(self, built: Built) -> None:
        """Make a block final."""
        done = built.executed
        for place, coin in done.delta.spent.items():
            assert self.coins.pop(place) == coin
        self.coins.update(done.delta.created)
        self.state.take(done.changes)
        self.nodes.take(dict(done.trie.added))
        self.nodes.take(dict.fromkeys(done.trie.removed))
        self.root, self.multiset, self.header = done.trie.root, done.multiset, built.header
        self.outbox += done.outbox
        self.blocks.append(built)
        self.events += [(event.name, event.facts) for event in done.events]

    def block(self, *txs: Transaction, time: int = 0) -> Built:
        """Propose and make final; the first transaction refused is raised, and nothing changes."""
        built = self.build(txs, time)
        for _, error in built.refused:
            raise error
        self.commit(built)
        return built


class World:
    """Main chain and sidechain together."""

    def __init__(
        self, main: VaultChain, genesis: Genesis | None = None, modules: Modules | None = None
    ) -> None:
        self.main = main
        self.genesis = genesis or genesis_for(main)
        self.side = Side.begin(self.genesis, modules or Modules(()))
        self.strict = True

    def copy(self) -> World:
        other = type(self).__new__(type(self))
        other.__dict__.update(self.__dict__)
        other.main, other.side = self.main.copy(), self.side.copy()
        return other

    @property
    def view(self) -> SystemState:
        return self.side.view

    @property
    def relayed(self) -> int:
        """The height of the relay's tip."""
        return RelayView(self.view).best().header.height

    @property
    def now(self) -> int:
        """A time for the next block at which the main chain's tip is not ahead."""
        return max(self.side.header.time + 500, self.main.tip.header.time * 1000)

    # -- blocks

    def block(self, *txs: Transaction) -> Built:
        """A block of these transactions, as proposer and validator see it."""
        built = self.side.build(txs, self.now, *self.parent())
        for _, error in built.refused:
            raise error
        if self.strict:
            done = self.side.validate(built)
            assert done.state_root == built.executed.state_root
            assert done.changes == built.executed.changes
        self.side.commit(built)
        return built

    def parent(self) -> tuple[int, bytes]:
        """Who proposes the next block, and the certificate of its parent that it carries."""
        return 0, CERTIFICATE

    def idle(self, count: int = 1) -> None:
        for _ in range(count):
            self.block()

    # -- proofs

    def relay_tx(self) -> Transaction | None:
        """The main chain's headers that the relay lacks."""
        view = RelayView(self.view)
        known = min(self.main.height, view.best().header.height)
        while view.entry(self.main.entries[known].id) is None:
            known -= 1
        headers = tuple(entry.header for entry in self.main.entries[known + 1 :])
        return system_transaction(Relay(headers)) if headers else None

    def relay(self, mine: int = 0) -> None:
        """Mine some blocks, then bring the relay up to date."""
        self.main.grow(mine)
        tx = self.relay_tx()
        if tx is not None:
            self.block(tx)

    def claim_tx(
        self, deposit: Transaction, index: int = 0, under: int | None = None
    ) -> Transaction:
        return self.claim_of(self.main.inclusion(deposit, under), deposit, index)

    def claim_of(self, inclusion: Inclusion, deposit: Transaction, index: int = 0) -> Transaction:
        output = deposit.body.outputs[index]
        entry = self.genesis.by_asset.get(output.asset, ASSETS[0])
        lock = output.lock
        root = lock.note[32:] if isinstance(lock, DepositLock) else ALICE.lock.root
        amount = output.amount - fee_share(entry, output.amount, self.genesis.pegin_bp)
        given = (Output(output.asset, amount, PolicyLock(root)),)
        return system_transaction(Claim(inclusion, index), given)

    def reprove_tx(self, deposit: Transaction, index: int = 0) -> Transaction:
        return system_transaction(Reprove(self.main.inclusion(deposit), index))

    def donate_tx(self, deposit: Transaction, index: int = 0) -> Transaction:
        return system_transaction(Donate(self.main.inclusion(deposit), index))

    def anchor_tx(self, spend: Transaction) -> Transaction:
        return system_transaction(AnchorSpend(self.main.inclusion(spend)))

    def pending_tx(self, spend: Transaction) -> Transaction:
        return system_transaction(PendingSpend(self.main.inclusion(spend)))

    # -- the main chain's side

    def note(self, recipient: Person | None) -> bytes:
        return note_for(self.genesis.id, recipient.lock.root if recipient else bytes(32))

    def deposit(self, amount: int, asset: bytes = BTM, to: Person | None = CAROL) -> Transaction:
        """Pay into the vault; Alice pays BTM, Bob GOLD. `to` None: a donation."""
        payer = ALICE if asset == BTM else BOB
        return self.main.send(self.main.deposit(payer, amount, asset, self.note(to)))

    def pegged(self, amount: int, asset: bytes = BTM, to: Person = CAROL) -> Transaction:
        """A deposit, buried, relayed and claimed."""
        paid = self.deposit(amount, asset, to)
        self.relay(K)
        self.block(self.claim_tx(paid))
        return paid

    def order_of(self, seq: int, memo: bytes = b"") -> Transaction:
        """The main-chain transaction that carries out a batch."""
        record = self.batch(seq).record
        return self.main.order(record.outputs, record.tier, memo, seq)

    def pay(self, seq: int, memo: bytes = b"") -> Transaction:
        """Carry out a batch and prove it."""
        return self.prove(self.main.send(self.order_of(seq, memo)))

    def prove(self, spend: Transaction) -> Transaction:
        """Bury an anchor spend, relay and prove it."""
        self.relay(K)
        self.block(self.anchor_tx(spend))
        return spend

    # -- the sidechain's side

    def coins_of(self, owner: Person, asset: bytes = BTM) -> list[tuple[Outpoint, Coin]]:
        return [
            (place, coin)
            for place, coin in self.side.coins.items()
            if coin.lock == owner.lock and coin.asset == asset
        ]

    def balance(self, owner: Person, asset: bytes = BTM) -> int:
        return sum(coin.amount for _, coin in self.coins_of(owner, asset))

    def supply(self, asset: bytes) -> int:
        return sum(coin.amount for coin in self.side.coins.values() if coin.asset == asset)

    def sums(self, asset: bytes = BTM) -> Sums:
        return sums_of(self.view, asset)

    def transact(
        self,
        owner: Person,
        outputs: Sequence[Output] = (),
        actions: Sequence[Action] = (),
        destroyed: int = 0,
        asset: bytes = BTM,
        fee: int | None = None,
        witnesses: Sequence[Witness] | None = None,
    ) -> Transaction:
        """Spend all the owner's coins of an asset, change back; the least fee if none is named."""
        coins = self.coins_of(owner, asset)
        fee = max(1, len(actions)) if fee is None else fee
        given = sum(o.amount for o in outputs) + destroyed + fee
        rest = sum(coin.amount for _, coin in coins) - given
        assert rest >= 0
        change = [Output(asset, rest, owner.lock)] if rest else []
        body = TransactionBody(
            1, tuple(p for p, _ in coins), (*outputs, *change), tuple(actions), 0, 0, b""
        )
        signing = Signing(self.genesis.id, body, coins)
        spends = tuple(owner.spend(signing, index) for index in range(len(coins)))
        more = (NoWitness(),) * len(actions) if witnesses is None else tuple(witnesses)
        return Transaction(body, spends + more)

    def burn_tx(
        self,
        amount: int,
        owner: Person = CAROL,
        asset: bytes = BTM,
        to: PolicyLock | DepositLock | None = None,
        refund: bytes | None = None,
    ) -> Transaction:
        action = burn_action(amount, asset, to or owner.lock, refund or owner.lock.root)
        return self.transact(owner, actions=(encode_action(action),), destroyed=amount, asset=asset)

    def burn(self, amount: int, owner: Person = CAROL, asset: bytes = BTM) -> bytes:
        """Burn in a block; the peg-out's id."""
        tx = self.burn_tx(amount, owner, asset)
        self.block(tx)
        return pegout_id(self.genesis.id, tx.id, 0)

    def request(self, id: bytes) -> Request:
        found = self.view.read(Request, request_key(id))
        assert found is not None
        return found

    def stands(self, id: bytes) -> PegoutState:
        return PegoutState(self.request(id).state)

    def batch(self, seq: int) -> Batch:
        found = batch_of(self.view, seq)
        assert found is not None
        return found

    def record(self, seq: int) -> BatchRecord:
        return self.batch(seq).record

    @property
    def open(self) -> tuple[int, ...]:
        return open_seqs(self.view)

    @property
    def stops(self) -> Stop:
        return stops_of(self.view)


def burn_action(amount: int, asset: bytes, to: PolicyLock | DepositLock, refund: bytes) -> Burn:
    return Burn(to, asset, amount, refund)


def module_config(name: str, config: Wire) -> ModuleConfig:
    return ModuleConfig(name, encode(config))


@lru_cache(maxsize=1)
def _ready() -> World:
    world = World(vault_chain())
    world.relay(K)
    world.block(world.anchor_tx(world.main.created))
    # Buckets fill: five periods of two blocks and some.
    world.relay(12)
    return world


def ready() -> World:
    """A world whose vault is proved, with full buckets and nobody's coins yet."""
    return _ready().copy()


@lru_cache(maxsize=1)
def _funded() -> World:
    world = ready()
    btm, gold = world.deposit(5_000), world.deposit(3_000, GOLD)
    world.relay(K)
    world.block(world.claim_tx(btm), world.claim_tx(gold))
    return world


def funded() -> World:
    """The same with 4,950 BTM and 2,970 GOLD of Carol's on the sidechain."""
    return _funded().copy()
