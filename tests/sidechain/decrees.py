"""A module that decides what a test tells it to: numbers, returns, shares."""

from __future__ import annotations

from dataclasses import dataclass, field

from bystack.ledger.transactions import Action, NoWitness, Transaction, TransactionBody
from bystack.sidechain.modules.base import (
    ActionContext,
    BlockContext,
    Ending,
    Modules,
    Outcome,
    PrefixedState,
    Quiet,
)
from bystack.sidechain.params import ModuleConfig
from tests.sidechain.mainside import VaultChain, vault_chain
from tests.sidechain.world import K, World, genesis_for

CONFIG = (ModuleConfig("decree", b""),)


@dataclass
class Decree(Quiet):
    """Kind 0 does what `outcome` says; the block's end what `ending` says, and `seen` it."""

    outcome: Outcome = field(default_factory=Outcome)
    ending: Ending = field(default_factory=Ending)
    seen: list[BlockContext] = field(default_factory=list)
    name = "decree"
    free = frozenset((0,))

    def act(self, state: PrefixedState, context: ActionContext, kind: int) -> Outcome:
        return self.outcome

    def end(self, state: PrefixedState, block: BlockContext) -> Ending:
        self.seen.append(block)
        return self.ending


@dataclass
class Decreed:
    """A world with such a module, its vault proved and its buckets full."""

    world: World
    module: Decree
    made: int = 0

    def decide(self, **outcome: object) -> None:
        """A block in which the module decides; raises what refuses it."""
        self.module.outcome = Outcome(**outcome)  # type: ignore[arg-type]
        self.made += 1
        body = TransactionBody(1, (), (), (Action(256, bytes([self.made])),), 0, 0, b"")
        self.world.block(Transaction(body, (NoWitness(),)))

    def share(self, *payments: object) -> None:
        """A block at whose end the module shares."""
        self.module.ending = Ending(shares=payments)  # type: ignore[arg-type]
        self.world.idle()
        self.module.ending = Ending()


def decreed(main: VaultChain | None = None, **fields: object) -> Decreed:
    """With 5,000 BTM paid in for Carol."""
    module, chain = Decree(), main or vault_chain()
    world = World(chain, genesis_for(chain, **{"modules": CONFIG, **fields}), Modules([module]))
    world.relay(K)
    world.block(world.anchor_tx(world.main.created))
    world.relay(12)
    world.pegged(5_000)
    return Decreed(world, module)
