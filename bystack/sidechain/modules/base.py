"""What an application module is: actions, state under its own prefix, and hooks that may refuse.

A module is pure. Its hooks can stop a claim, a burn or a batch and ask for a refund of what waits
in the queue; nothing it returns can mint (federation.md, section 5).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from bystack.ledger.effects import Effects
from bystack.ledger.transactions import Action, Approval, NoWitness, Spend
from bystack.mainchain.work import ENGINES, Engine
from bystack.primitives.errors import Invalid
from bystack.sidechain.state import StateView, SystemState, state_key


class ModuleUnknown(Invalid):
    """No module with this name is installed."""


class ActionUnknown(Invalid):
    """No module of this sidechain has an action of this kind."""


@dataclass(frozen=True)
class BlockContext:
    """Where an action runs: the block it is in and the main-chain height relayed so far."""

    chain: bytes
    height: int
    time: int
    relay_height: int


@dataclass(frozen=True)
class ActionContext:
    """An action and its surroundings; `transaction` is the id its signatures commit to."""

    block: BlockContext
    transaction: bytes
    position: int
    action: Action
    witness: NoWitness | Spend | Approval


@dataclass(frozen=True)
class Outcome:
    """What a module's action does: effects on coins, and queued peg-outs to be refunded.

    `resume`: pauses of the pegs it lifts (their condition is checked by the pegs).
    """

    effects: Effects = field(default_factory=Effects)
    refunds: tuple[bytes, ...] = ()
    resume: bool = False


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
    sure that they cannot be repeated.
    """

    name: str
    free: frozenset[int]

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

    def end(self, state: PrefixedState, block: BlockContext) -> None:
        """After the block's transactions."""

    def query(
        self, state: PrefixedState, name: str, params: Sequence[Any]
    ) -> Mapping[str, Any] | None:
        """Answer a read of the module's state, or None when it has no such query."""
        ...


class Quiet:
    """A module that refuses nothing and does nothing at a block's end: a base to override."""

    name = "quiet"
    free: frozenset[int] = frozenset()

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

    def end(self, state: PrefixedState, block: BlockContext) -> None:
        """Nothing to do."""

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

    def end(self, state: SystemState, block: BlockContext) -> None:
        """Tell every module that the block ends."""
        for module in self.modules:
            module.end(PrefixedState(state, module.name), block)

    def kind(self, name: str, kind: int) -> int:
        """The wire kind of a module's own action kind; raises `ModuleUnknown`."""
        for index, module in enumerate(self.modules):
            if module.name == name:
                return 256 * (index + 1) + kind
        raise ModuleUnknown(name=name)


def read_only(view: StateView, name: str) -> PrefixedState:
    """A module's part of a state for queries; writes are thrown away."""
    return PrefixedState(SystemState(view), name)
