"""Random histories with everything the pegs know: governance, rotations, returns, crashes.

Beside the moves of `histories`: members join, leave and weigh otherwise, keys are refreshed,
reshared and renewed (`reshaping`), vault terms and keys change by announce and adopt, the pegs'
numbers by decision, stray deposits are paid back, modules hold coins and share fees, and the node
crashes and starts again from its bytes: of memory, or of a store on a disk. The law is checked by
the model that shares no rule (`law`) and by what nodes and auditors reckon (`holdings`), every few
steps.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import replace
from functools import lru_cache
from pathlib import Path

import msgspec

from bystack.federation.module.application import FederationModule
from bystack.ledger.amounts import BTM
from bystack.ledger.coins import Coin
from bystack.ledger.policies import Bls
from bystack.ledger.terms import Terms, terms_hash
from bystack.ledger.transactions import Action, DepositLock, Outpoint, Output, Transaction
from bystack.ledger.vault_operations import Adopt, Announce
from bystack.node.store.storage import Store as Disk
from bystack.primitives.codec import Wire, decode, encode
from bystack.primitives.multiset import EMPTY, Running, multiset_digest
from bystack.primitives.trie import EMPTY_ROOT, update
from bystack.sidechain import custody, peg_numbers
from bystack.sidechain.actions import encode_action
from bystack.sidechain.blocks import decode_header
from bystack.sidechain.claims import claimable, claimed_at, note_for
from bystack.sidechain.holdings import Holdings
from bystack.sidechain.modules.base import Modules
from bystack.sidechain.params import MAX_GENESIS, Consensus, Genesis
from bystack.sidechain.payments import coin_elements
from bystack.sidechain.records import Return, return_id
from bystack.sidechain.relayer import Relayer
from bystack.sidechain.strays import ProveStray, stray_at
from bystack.sidechain.sums import retired
from tests.ledger.people import ALICE, BOB
from tests.sidechain import reshaping
from tests.sidechain.council import DECIDE, HOLD, Council, Decision, Held, decided
from tests.sidechain.histories import ASSETS, History, Move
from tests.sidechain.law import deposits
from tests.sidechain.mainside import GOLD, VARIANTS, vault_chain
from tests.sidechain.world import PEOPLE, K, Store, World, genesis_for, module_config

COUNCIL = 512
CHECK_EVERY = 25
EPOCH = Consensus("bbft", "fixed", 500, 5000, 1500, 1, 0, 40, 4, 1)


@lru_cache(maxsize=1)
def _template() -> World:
    main = vault_chain()
    configs = (
        module_config("federation", reshaping.config()),
        module_config("council", Held(BTM, 0)),
    )
    genesis = genesis_for(main, modules=configs, consensus=EPOCH)
    world = World(main, genesis, modules())
    world.relay(K)
    world.block(world.anchor_tx(world.main.created))
    world.relay(12)
    btm, gold = world.deposit(3_000), world.deposit(2_000, GOLD)
    world.relay(K)
    world.block(world.claim_tx(btm), world.claim_tx(gold))
    return world


def modules() -> Modules:
    """A process' own: nothing in them outlives it."""
    return Modules([FederationModule(), Council()])


class Governed(History):
    """One history of everything. `disk`: where it crashes onto, if not into memory."""

    def __init__(self, seed: int, deep: bool, disk: Path | None = None) -> None:
        super().__init__(seed, deep, _template())
        self._disk = disk
        self._decisions = 0
        self._since_check = 0

    def moves(self) -> tuple[Move, ...]:
        return (
            *super().moves(),
            (self.announce, 1), (self.adopt, 2), (self.numbers, 1), (self.stray, 2),
            (self.give_back, 2), (self.hold, 1), (self.give, 1), (self.crash, 1),
            (self.reshape, 2), (self.certify, 2),
        )  # fmt: skip

    def after(self) -> None:
        self._since_check += 1
        if self._since_check >= CHECK_EVERY:
            self._since_check = 0
            self.check()

    # -- the law as nodes reckon it

    def check(self) -> None:
        super().check()
        world, relayer = self.world, Relayer(self.world.genesis)
        held = Holdings(world.genesis)
        start = world.genesis.checkpoint.header.height
        for height, block in enumerate(world.main.line[start:], start + 1):
            relayer.connect(height, block)
            held.connect(height, block)
        height = relayer.proved_up_to(world.view)
        assert height == world.relayed - K, (height, world.relayed)
        rows = held.reserves(world.view, height, lambda asset: retired(world.view, asset))
        for asset in ASSETS:
            assert rows[asset].difference == 0, rows[asset]
            assert min(rows[asset]) >= 0, rows[asset]

    # -- rotations

    def announce(self) -> bool:
        if self.world.main.state.announced:
            return False
        new = self.random.choice(self._chosen())
        if terms_hash(new) == self.world.main.state.terms:
            return False
        state = self.world.main.state
        self.world.main.send(self.world.main.spend(Announce(state.seq, terms_hash(new))))
        return True

    def _chosen(self) -> Sequence[Terms]:
        """What may be announced: mostly with the key that the federation waits for."""
        awaited = reshaping.awaited_key(self.world)
        with_it = [one for one in VARIANTS if one.tiers[0].policy == Bls(awaited or b"")]
        return with_it if with_it and self.random.random() < 0.8 else VARIANTS

    def reshape(self) -> bool:
        return reshaping.reshape(self.world, self.random)

    def certify(self) -> bool:
        return reshaping.certify(self.world, self.random)

    def approved(self, kind: int, make: Callable[[int], Wire]) -> Transaction:
        return reshaping.signed(self.world, kind, make)

    def adopt(self) -> bool:
        """Adopt what was announced, having waited its delay out."""
        for told in self.world.main.state.announced:
            self.world.main.grow(max(0, told.ripe - self.world.main.height - 1))
            new = next(terms for terms in VARIANTS if terms_hash(terms) == told.terms)
            self.world.main.send(self.world.main.spend(Adopt(new)))
            return True
        return False

    # -- decisions

    def _decide(self, **parts: object) -> None:
        self._decisions += 1
        decision = {"returns": (), "numbers": (), "gives": (), **parts}
        made = Decision(self._decisions, **decision)  # type: ignore[arg-type]
        self.world.block(decided(COUNCIL + DECIDE, made))

    def numbers(self) -> bool:
        """Another least deposit, other fees and limits, at most twofold up."""
        present = peg_numbers.in_force(self.world.view)

        def changed(number: int, least: int) -> int:
            return max(least, self.random.choice((number // 2, number, 2 * number)))

        assets = tuple(
            msgspec.structs.replace(
                one,
                pegin_minimum=min(40, changed(one.pegin_minimum, 1)),
                pegin_limit=changed(one.pegin_limit, 5_000),
                pegout_fee=min(8, changed(one.pegout_fee, 0)),
            )
            for one in present.assets
        )
        points = min(400, changed(present.pegout_bp, 10))
        new = msgspec.structs.replace(present, assets=assets, pegout_bp=points)
        self._decide(numbers=(new,))
        return new != present

    def stray(self) -> bool:
        """Make or prove deposits that nobody can claim; for a fee, which Bob pays."""
        world = self.world
        if self.random.random() < 0.3:
            note = note_for(b"\x77" * 32, BOB.lock.root)
            world.main.send(world.main.deposit(ALICE, 60, BTM, note))
        world.relay()
        lost = [place for place, output in self._buried() if self._returnable(place, output)]
        for place in lost[: world.balance(BOB) // 10]:
            action = ProveStray(world.main.inclusion(place.transaction), place.index)
            world.block(world.transact(BOB, actions=(encode_action(action),)))
        return bool(lost)

    def _buried(self) -> list[tuple[Outpoint, Output]]:
        return list(deposits(self.world, self.world.relayed - K))

    def _returnable(self, place: Outpoint, output: Output) -> bool:
        view, genesis = self.world.view, self.world.genesis
        assert isinstance(output.lock, DepositLock)
        taken = claimable(genesis, peg_numbers.in_force(view), output)
        known = claimed_at(view, place) or stray_at(view, place)
        return not (taken or known) and output.lock.note != self.world.note(None)

    def give_back(self) -> bool:
        """A quorum names who gets a stray deposit."""
        view = self.world.view
        found = [p for p, _ in self._buried() if stray_at(view, p) and not claimed_at(view, p)]
        for place in found[:1]:
            self._decide(returns=(Return(place, BOB.lock),))
            self.claims.add(place)
            self.pegouts.append(return_id(self.world.genesis.id, place))
        return bool(found)

    # -- modules' own coins

    def hold(self) -> bool:
        owner, asset = self.random.choice(PEOPLE), self.random.choice(ASSETS)
        if self.world.balance(owner, asset) < 40:
            return False
        action = Action(COUNCIL + HOLD, encode(Held(asset, 30)))
        self.world.block(self.world.transact(owner, (), (action,), 30, asset))
        return True

    def give(self) -> bool:
        held = {asset: custody.held(self.world.view, "council", asset) for asset in ASSETS}
        gives = tuple((asset, (n + 1) // 2) for asset, n in held.items() if n)
        if gives:
            self._decide(gives=gives)
        return bool(gives)

    # -- the process

    def crash(self) -> None:
        """The node ends and begins again from its bytes; roots and digests are reckoned anew.

        Half of the time in the midst of a block, of which nothing may stay.
        """
        side, genesis = self.world.side, self.world.genesis
        if self.random.random() < 0.5:
            side.build((), self.world.now, *self.world.parent())
        state = self._kept(dict(side.state))
        coins = {place: decode(Coin, encode(coin), 100_000) for place, coin in side.coins.items()}
        trie = update(Store(), EMPTY_ROOT, state)
        running = Running(EMPTY)
        running.update(coin_elements(coins), ())
        assert trie.root == side.root
        assert multiset_digest(running.state) == multiset_digest(side.multiset)
        self.world.side = replace(
            side,
            genesis=decode(Genesis, encode(genesis), MAX_GENESIS),
            modules=modules(),
            header=decode_header(encode(side.header)),
            state=Store(state),
            nodes=Store(trie.added),
            coins=coins,
        )

    def _kept(self, state: dict[bytes, bytes]) -> dict[bytes, bytes]:
        """The state as the disk has it, where there is one: written, closed, opened, read."""
        if self._disk is None:
            return state
        with closing(opened(self._disk)) as store:
            gone = {key: None for key, _ in store.iterate() if key[1:] not in state}
            store.commit_now(gone | {b"s" + key: value for key, value in state.items()})
        with closing(opened(self._disk)) as store:
            return {key[1:]: value for key, value in store.iterate()}


def opened(folder: Path) -> Disk:
    """A node's store, as its processes open theirs."""
    return Disk.open(folder, kind="law", magic=b"test", version=1)
