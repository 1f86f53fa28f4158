"""A module of somebody else's package, held to what a module may do.

Whatever its code raises refuses the action alone; it reads and writes a bounded number of bounded
entries below its own prefix; what it returns is looked at before it counts. All of that comes out
alike on every node, as long as the module's code is the same and decides by its arguments alone. A
loop that touches no state, a clock, or memory without end cannot be caught here.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any, TypeVar

from bystack.ledger.effects import NO_EFFECTS, BlsCheck, Effects, SchnorrCheck
from bystack.primitives.codec import MAX_INT, decode, encode
from bystack.primitives.errors import Invalid
from bystack.sidechain.consensus.validators import Validator, ValidatorSet
from bystack.sidechain.modules.base import (
    ActionContext,
    BlockContext,
    Ending,
    Event,
    Module,
    Outcome,
    Payment,
    PrefixedState,
)
from bystack.sidechain.parameters import Parameters
from bystack.sidechain.peg_numbers import PegNumbers
from bystack.sidechain.records import Return

MAX_ACCESSES = 20_000
MAX_KEY = 256
MAX_VALUE = 65_536
MAX_PAYMENTS = 64
MAX_EVENTS = 64
MAX_EVENT_BYTES = 65_536
"""Of all events of one call together."""
MAX_REFUSAL = 4_096
MAX_ANSWER = 4_000_000
"""Of a query."""

T = TypeVar("T")


class ModuleFailed(Invalid):
    """The module's code failed: it raised something that is no refusal."""


class ModuleOversteps(Invalid):
    """The module would do what no module may, or gave an answer of another shape."""


class AccessesExceeded(Invalid):
    """The module reads and writes more entries than one call may."""


class MeteredState(PrefixedState):
    """A module's state in one call: so many accesses, keys and values of so many bytes."""

    def __init__(self, state: PrefixedState) -> None:
        self._inner, self._left = state, MAX_ACCESSES

    def get(self, *parts: bytes | int) -> bytes | None:
        """The value at the key made of `parts`; raises as `_count`."""
        self._count(parts)
        return self._inner.get(*parts)

    def put(self, value: bytes | None, *parts: bytes | int) -> None:
        """Write or delete the value at the key made of `parts`; raises as `_count`."""
        self._count(parts)
        if value is not None and (type(value) is not bytes or len(value) > MAX_VALUE):
            raise ModuleOversteps(value=type(value).__name__, most=MAX_VALUE)
        self._inner.put(value, *parts)

    def _count(self, parts: Sequence[bytes | int]) -> None:
        """Raises `AccessesExceeded`, `ModuleOversteps` for a key of another shape."""
        self._left -= 1
        if self._left < 0:
            raise AccessesExceeded(most=MAX_ACCESSES)
        if not all(_is_number(part) or type(part) is bytes for part in parts):
            raise ModuleOversteps(key=[type(part).__name__ for part in parts])
        if sum(len(part) if isinstance(part, bytes) else 8 for part in parts) > MAX_KEY:
            raise ModuleOversteps(reason="key too long", most=MAX_KEY)


class Contained:
    """A module whose every call is watched. `queries` and kinds are those it had at the start.

    Raises `ModuleOversteps` for queries without names.
    """

    def __init__(self, inner: Module, name: str) -> None:
        _require(all(type(query) is str for query in inner.queries), "queries")
        self._inner = inner
        self.name = name
        self.free = frozenset(inner.free)
        self.approved = frozenset(inner.approved)
        self.queries = tuple(inner.queries)

    def start(self, state: PrefixedState, config: bytes) -> None:
        """Write the module's genesis state; raises `ModuleFailed`."""
        self._call(lambda: self._inner.start(_metered(state), config))

    def act(self, state: PrefixedState, context: ActionContext, kind: int) -> Outcome:
        """Carry out an action; raises `ModuleFailed` or what the module refuses with."""
        return self._call(lambda: typed_outcome(self._inner.act(_metered(state), context, kind)))

    def may_claim(self, state: PrefixedState, block: BlockContext, asset: bytes) -> None:
        """Refused also where the module fails."""
        self._call(lambda: self._inner.may_claim(_metered(state), block, asset))

    def may_burn(
        self, state: PrefixedState, block: BlockContext, destination: bytes, asset: bytes
    ) -> None:
        """Refused also where the module fails."""
        self._call(lambda: self._inner.may_burn(_metered(state), block, destination, asset))

    def may_batch(self, state: PrefixedState, block: BlockContext) -> bool:
        """Held back also where the module fails."""
        try:
            return self._call(lambda: self._inner.may_batch(_metered(state), block) is True)
        except Invalid:
            return False

    def end(self, state: PrefixedState, block: BlockContext) -> Ending:
        """What the module does at the block's end; raises `ModuleFailed`."""
        return self._call(lambda: typed_ending(self._inner.end(_metered(state), block)))

    def elect(
        self, state: PrefixedState, block: BlockContext, current: ValidatorSet
    ) -> tuple[Validator, ...]:
        """Whom the module elects; where it fails it is forgotten, and the validators stay."""
        return self._call(lambda: _elected(self._inner.elect(_metered(state), block, current)))

    def convict(self, state: PrefixedState, block: BlockContext, key: bytes) -> Ending:
        """What a conviction costs; where it fails nothing, for it convicts all the same."""
        return self._call(lambda: typed_ending(self._inner.convict(_metered(state), block, key)))

    def query(
        self, state: PrefixedState, name: str, params: Sequence[Any]
    ) -> Mapping[str, Any] | None:
        """The module's answer; raises `ModuleFailed`, and `ModuleOversteps` for one too long."""
        return self._call(lambda: _told(self._inner.query(_metered(state), name, params)))

    def _call(self, work: Callable[[], T]) -> T:
        try:
            return work()
        # How much memory this machine has must not decide what a block does, nor who stops it: the
        # process ends.
        except (MemoryError, KeyboardInterrupt):
            raise
        except Invalid as refusal:
            if _can_be_told(refusal):
                raise
            raise ModuleOversteps(part="refusal", most=MAX_REFUSAL) from refusal
        # Of every kind: a call of `sys.exit` must not end the process of all nodes alike.
        except BaseException as error:
            raise ModuleFailed(module=self.name, error=type(error).__name__) from error


def _can_be_told(refusal: Invalid) -> bool:
    """Whether a refusal fits in an answer, a log and an event: short, and text as others read it.

    Its class may be the module's own, and so may be the values of its facts.
    """
    try:
        facts = {name: str(fact) for name, fact in refusal.facts.items()}
        return len(encode([refusal.rule, str(refusal), facts])) <= MAX_REFUSAL
    except (MemoryError, KeyboardInterrupt):
        raise
    except BaseException:
        return False


def _metered(state: PrefixedState) -> PrefixedState:
    return MeteredState(state)


def typed_outcome(given: Outcome) -> Outcome:
    """The outcome, every part of the kind it must be; raises `ModuleOversteps`."""
    _require(type(given) is Outcome and type(given.effects) is Effects, "outcome")
    effects = _typed_effects(given.effects)
    _require(type(given.resume) is bool, "resume")
    _require(all(_is_bytes(id, 32) for id in given.refunds), "refunds")
    _require(len(given.refunds) + len(given.payments) <= MAX_PAYMENTS, "payments")
    _require(len(given.pegs) + len(given.returns) <= MAX_PAYMENTS, "returns")
    return Outcome(
        effects=effects,
        refunds=tuple(given.refunds),
        resume=given.resume,
        payments=_payments(given.payments),
        parameters=tuple(_same(Parameters, one) for one in given.parameters),
        pegs=tuple(_same(PegNumbers, one) for one in given.pegs),
        returns=tuple(_same(Return, one) for one in given.returns),
        events=_events(given.events),
    )


def typed_ending(given: Ending) -> Ending:
    """The ending, every part of the kind it must be; raises `ModuleOversteps`."""
    _require(type(given) is Ending, "ending")
    every = (given.payments, given.rewards, given.shares)
    _require(sum(map(len, every)) <= MAX_PAYMENTS, "payments")
    payments, rewards, shares = map(_payments, every)
    return Ending(payments, rewards, _amounts(given.forfeits), _events(given.events), shares)


def _typed_effects(given: Effects) -> Effects:
    """What a module may not do is left for the chain to refuse, but in no shape it trips over."""
    for name, usual in vars(NO_EFFECTS).items():
        if name not in ("destroyed", "checks"):
            _require(type(getattr(given, name)) is type(usual), name)
    _require(all(map(_is_check, given.checks)), "checks")
    return replace(given, destroyed=_amounts(given.destroyed), checks=tuple(given.checks))


def _payments(given: Sequence[Payment]) -> tuple[Payment, ...]:
    for one in given:
        _require(type(one) is Payment, "payment")
        whole = _is_bytes(one.asset, 32) and _is_bytes(one.root, 32) and _is_number(one.amount)
        _require(whole, "payment")
    return tuple(given)


def _events(given: Sequence[Event]) -> tuple[Event, ...]:
    _require(len(given) <= MAX_EVENTS, "events")
    size = 0
    for one in given:
        named = type(one) is Event and type(one.name) is str and type(one.facts) is dict
        plain = named and all(
            type(name) is str and type(fact) in (str, int, bytes)
            for name, fact in one.facts.items()
        )
        _require(plain and not one.facts.keys() & {"self", "name"}, "event")
        size += len(encode([one.name, one.facts]))  # fails for what could not be kept and told
    _require(size <= MAX_EVENT_BYTES, "events")
    return tuple(given)


def _told(given: Mapping[str, Any] | None) -> Mapping[str, Any] | None:
    """An answer that can be told: plain data, as it goes to whoever asks; of a bounded length."""
    if given is None:
        return None
    told = encode(given)  # fails for what is no plain data, or holds itself
    _require(type(given) is dict and len(told) <= MAX_ANSWER, "answer")
    return given


def _elected(given: Sequence[Validator]) -> tuple[Validator, ...]:
    return tuple(_same(Validator, one) for one in given)


def _same(kind: type[T], given: T) -> T:
    """A value of a wire type as it will be read from the state: any may be made in Python, also
    one that nobody could read again. Raises `ModuleOversteps` and the codec's errors."""
    _require(type(given) is kind, kind.__name__)
    return decode(kind, encode(given), MAX_VALUE)


def _is_check(given: object) -> bool:
    known = type(given) in (SchnorrCheck, BlsCheck)
    return known and all(type(part) is bytes for part in given)  # type: ignore[attr-defined]


def _amounts(given: Mapping[bytes, int]) -> dict[bytes, int]:
    amounts = dict(given)
    _require(len(amounts) <= MAX_PAYMENTS, "amounts")
    _require(all(_is_bytes(a, 32) and _is_number(n) for a, n in amounts.items()), "amounts")
    return amounts


def _is_number(value: object) -> bool:
    return type(value) is int and 0 <= value <= MAX_INT


def _is_bytes(value: object, size: int) -> bool:
    return type(value) is bytes and len(value) == size


def _require(holds: bool, part: str) -> None:
    if not holds:
        raise ModuleOversteps(part=part)
