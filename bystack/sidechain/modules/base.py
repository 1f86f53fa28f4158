"""What an application module is: actions, state under its own prefix, and hooks that may refuse.

A module is pure. Its hooks can stop a claim, a burn or a batch and ask for a refund of what waits
in the queue; nothing it returns can mint (federation.md, section 5).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any, NamedTuple, Protocol

from bystack.ledger.effects import Effects
from bystack.ledger.transactions import Action, Approval, NoWitness, Spend
from bystack.mainchain.work import ENGINES, Engine
from bystack.primitives.errors import Invalid
from bystack.sidechain.consensus.validators import Validator, ValidatorSet
from bystack.sidechain.parameters import Parameters
from bystack.sidechain.peg_events import PegEvent
from bystack.sidechain.peg_numbers import PegNumbers
from bystack.sidechain.records import Return
from bystack.sidechain.state import StateView, SystemState, state_key


class ModuleUnknown(Invalid):
    """No module of this name is installed: its package must be, on every node of the sidechain."""


class ActionUnknown(Invalid):
    """No module of this sidechain has an action of this kind."""


@dataclass(frozen=True)
class BlockContext:
    """Where an action runs: the block it is in and the main-chain height relayed so far.

    `proposer`: validator key. `signers`: keys of the parent's commit certificate. `turns`: this is
    the last block of its epoch. `fees`: per asset, collected and not yet shared as rewards.
    `units`: per asset, what every amount is a multiple of. At the block's end also `spare`: per
    asset, the peg fees that nothing waits for; and `pegs`: what the pegs did in this block.
    `stops`: why the pegs stand still (`stops.Stop`). `terms`: the vault's, as bytes, as proved so
    far: before the block, and at its end after it.
    """

    chain: bytes
    height: int
    time: int
    relay_height: int
    epoch: int = 0
    proposer: bytes = b""
    signers: tuple[bytes, ...] = ()
    turns: bool = False
    fees: Mapping[bytes, int] = field(default_factory=dict)
    units: Mapping[bytes, int] = field(default_factory=dict)
    spare: Mapping[bytes, int] = field(default_factory=dict)
    pegs: tuple[PegEvent, ...] = ()
    stops: int = 0
    terms: bytes = b""


@dataclass(frozen=True)
class ActionContext:
    """An action and its surroundings; `transaction` is the id its signatures commit to."""

    block: BlockContext
    transaction: bytes
    position: int
    action: Action
    witness: NoWitness | Spend | Approval


class Payment(NamedTuple):
    """A coin the chain creates out of what a module holds, or of fees: to the policy `root`."""

    asset: bytes
    amount: int
    root: bytes


class Event(NamedTuple):
    """Something a module did, for subscribers: never an input to a rule."""

    name: str
    facts: dict[str, Any]


@dataclass(frozen=True)
class Outcome:
    """What a module's action does: effects on coins, and queued peg-outs to be refunded.

    What `effects` destroy passes into the module's holdings; `payments` come out of them (see
    `custody`). `resume`: pauses of the pegs it lifts (their condition is checked by the pegs).
    `parameters`: nothing, or the parameters from the next epoch on. `pegs`: the pegs' numbers
    (`peg_numbers.decide`). `returns`: deposits that nobody can claim, to be paid back on the main
    chain. `events`: for subscribers.
    """

    effects: Effects = field(default_factory=Effects)
    refunds: tuple[bytes, ...] = ()
    resume: bool = False
    payments: tuple[Payment, ...] = ()
    parameters: tuple[Parameters, ...] = ()
    pegs: tuple[PegNumbers, ...] = ()
    returns: tuple[Return, ...] = ()
    events: tuple[Event, ...] = ()


@dataclass(frozen=True)
class Ending:
    """What a module does at a block's end or when a validator is convicted.

    `payments`: out of its holdings. `rewards`: out of the fees not yet shared. `forfeits`: per
    asset, from its holdings to those fees. `events`: for subscribers. `shares`: out of the pegs'
    fees that nothing waits for.
    """

    payments: tuple[Payment, ...] = ()
    rewards: tuple[Payment, ...] = ()
    forfeits: Mapping[bytes, int] = field(default_factory=dict)
    events: tuple[Event, ...] = ()
    shares: tuple[Payment, ...] = ()


NO_ENDING = Ending()


class PrefixedState:
    """A module's part of the system state: it can neither read nor write beyond its prefix."""

    def __init__(self, state: SystemState, name: str) -> None:
        self._state, self._name = state, f"module/{name}"

    def get(self, *parts: bytes | int) -> bytes | None:
        """The value at the key made of `parts`."""
        return self._state.get(state_key(self._name, *parts))

    def put(self, value: bytes | None, *parts: bytes | int) -> None:
        """Write or delete the value at the key made of `parts`."""
        self._state.put(state_key(self._name, *parts), value)


class Module(Protocol):
    """An application module. Its action kinds are 0–255, in its own numbering.

    `free`: kinds that pay no fee when they stand alone without inputs; the module itself must make
    sure that they cannot be repeated. `approved`: kinds that begin with the policy root which must
    approve them (`approvals`). `queries`: the names `query` answers.
    """

    name: str
    free: frozenset[int]
    approved: frozenset[int]
    queries: tuple[str, ...]

    def start(self, state: PrefixedState, config: bytes) -> None:
        """Write the module's genesis state."""

    def act(self, state: PrefixedState, context: ActionContext, kind: int) -> Outcome:
        """Carry out an action of the module; raises `Invalid` to refuse."""
        ...

    def may_claim(self, state: PrefixedState, block: BlockContext, asset: bytes) -> None:
        """Raise `Invalid` to refuse a claim."""

    def may_burn(
        self, state: PrefixedState, block: BlockContext, destination: bytes, asset: bytes
    ) -> None:
        """Raise `Invalid` to refuse a burn; `destination` is the encoded lock."""

    def may_batch(self, state: PrefixedState, block: BlockContext) -> bool:
        """False to hold back batches in this block."""
        ...

    def end(self, state: PrefixedState, block: BlockContext) -> Ending:
        """After the block's transactions. If it raises, nothing of it happens."""
        ...

    def elect(
        self, state: PrefixedState, block: BlockContext, current: ValidatorSet
    ) -> tuple[Validator, ...]:
        """The next epoch's validators, when the genesis elects by this module; () keeps them."""
        ...

    def convict(self, state: PrefixedState, block: BlockContext, key: bytes) -> Ending:
        """Evidence convicts this validator key: asked once in the key's life."""
        ...

    def query(
        self, state: PrefixedState, name: str, params: Sequence[Any]
    ) -> Mapping[str, Any] | None:
        """Answer a read of the module's state, or None when it has no such query."""
        ...


class Quiet:
    """A module that refuses nothing and does nothing at a block's end: a base to override."""

    name = "quiet"
    free: frozenset[int] = frozenset()
    approved: frozenset[int] = frozenset()
    queries: tuple[str, ...] = ()

    def start(self, state: PrefixedState, config: bytes) -> None:
        """No genesis state."""

    def act(self, state: PrefixedState, context: ActionContext, kind: int) -> Outcome:
        """No actions."""
        raise ActionUnknown(module=self.name, kind=kind)

    def may_claim(self, state: PrefixedState, block: BlockContext, asset: bytes) -> None:
        """Every claim may pass."""

    def may_burn(
        self, state: PrefixedState, block: BlockContext, destination: bytes, asset: bytes
    ) -> None:
        """Every burn may pass."""

    def may_batch(self, state: PrefixedState, block: BlockContext) -> bool:
        """Batches may be formed."""
        return True

    def end(self, state: PrefixedState, block: BlockContext) -> Ending:
        """Nothing to do."""
        return NO_ENDING

    def elect(
        self, state: PrefixedState, block: BlockContext, current: ValidatorSet
    ) -> tuple[Validator, ...]:
        """No opinion: the validators stay."""
        return ()

    def convict(self, state: PrefixedState, block: BlockContext, key: bytes) -> Ending:
        """Nothing to take."""
        return NO_ENDING

    def query(
        self, state: PrefixedState, name: str, params: Sequence[Any]
    ) -> Mapping[str, Any] | None:
        """No queries."""
        return None


class Modules:
    """The modules of one sidechain in the order of its genesis; action kinds are 256·(i+1) + k.

    Beside them `engines`, by which the headers of its main chain are judged.
    """

    def __init__(self, modules: Sequence[Module], engines: Mapping[str, Engine] = ENGINES) -> None:
        self.modules = tuple(modules)
        self.engines = engines

    def start(self, state: SystemState, configs: Sequence[bytes]) -> None:
        """Write every module's genesis state."""
        for module, config in zip(self.modules, configs, strict=True):
            module.start(PrefixedState(state, module.name), config)

    def act(self, state: SystemState, context: ActionContext) -> Outcome:
        """Hand an action to the module its kind names."""
        index, kind = divmod(context.action.kind, 256)
        if not 1 <= index <= len(self.modules):
            raise ActionUnknown(kind=context.action.kind)
        module = self.modules[index - 1]
        return module.act(PrefixedState(state, module.name), context, kind)

    def free(self, kind: int) -> bool:
        """True if an action of this wire kind, alone without inputs, pays no fee."""
        index, own = divmod(kind, 256)
        return 1 <= index <= len(self.modules) and own in self.modules[index - 1].free

    def may_claim(self, state: SystemState, block: BlockContext, asset: bytes) -> None:
        """Ask every module; the first refusal is raised."""
        for module in self.modules:
            module.may_claim(PrefixedState(state, module.name), block, asset)

    def may_burn(
        self, state: SystemState, block: BlockContext, destination: bytes, asset: bytes
    ) -> None:
        """Ask every module; the first refusal is raised."""
        for module in self.modules:
            module.may_burn(PrefixedState(state, module.name), block, destination, asset)

    def may_batch(self, state: SystemState, block: BlockContext) -> bool:
        """True if no module holds batches back."""
        return all(m.may_batch(PrefixedState(state, m.name), block) for m in self.modules)

    def endings(
        self, block: Callable[[], BlockContext]
    ) -> Iterator[tuple[str, Callable[[SystemState], Ending]]]:
        """How to tell each module that the block ends: its name, and what asks it.

        `block` is asked before each: the fees one has shared are not there for the next.
        """
        for module in self.modules:
            yield module.name, partial(_end, module, block())

    def elect(
        self, state: SystemState, block: BlockContext, name: str, current: ValidatorSet
    ) -> tuple[Validator, ...]:
        """The validators the module with this name elects."""
        for module in self.modules:
            if module.name == name:
                return module.elect(PrefixedState(state, name), block, current)
        raise ModuleUnknown(name=name)

    def convictions(
        self, block: BlockContext, key: bytes
    ) -> Iterator[tuple[str, Callable[[SystemState], Ending]]]:
        """How to tell each module that a validator is convicted: its name, and what asks it."""
        for module in self.modules:
            yield module.name, partial(_convict, module, block, key)

    def name(self, kind: int) -> str:
        """The name of the module a wire kind belongs to; raises `ActionUnknown`."""
        index = kind // 256
        if not 1 <= index <= len(self.modules):
            raise ActionUnknown(kind=kind)
        return self.modules[index - 1].name

    def kind(self, name: str, kind: int) -> int:
        """The wire kind of a module's own action kind; raises `ModuleUnknown`."""
        for index, module in enumerate(self.modules):
            if module.name == name:
                return 256 * (index + 1) + kind
        raise ModuleUnknown(name=name)


def _end(module: Module, block: BlockContext, state: SystemState) -> Ending:
    return module.end(PrefixedState(state, module.name), block)


def _convict(module: Module, block: BlockContext, key: bytes, state: SystemState) -> Ending:
    return module.convict(PrefixedState(state, module.name), block, key)


def read_only(view: StateView, name: str) -> PrefixedState:
    """A module's part of a state for queries; writes are thrown away."""
    return PrefixedState(SystemState(view), name)
