"""What a sidechain's own actions do: relay, claims, burns, proofs; the rest is modules'.

Relay, claims, proofs and evidence are transactions of their own: no inputs, one action. They need
no fee, for each is refused unless it brings something new. Burns and proofs of stray deposits stand
in ordinary transactions and pay as these do.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from bystack.ledger.amounts import add
from bystack.ledger.coins import Coin, Delta
from bystack.ledger.effects import NO_EFFECTS, Effects
from bystack.ledger.transactions import (
    MAX_ACTION_BODY,
    Action,
    NoWitness,
    Outpoint,
    Output,
    PolicyLock,
    Transaction,
    TransactionBody,
    Witness,
)
from bystack.ledger.transactions import VERSION as TRANSACTION_VERSION
from bystack.ledger.validation import WitnessCount
from bystack.mainchain.departures import Departure
from bystack.primitives.codec import Wire, decode, encode
from bystack.primitives.errors import Invalid
from bystack.sidechain import custody, parameters, peg_numbers
from bystack.sidechain.action_kinds import (
    ANCHOR,
    BURN,
    CLAIM,
    DETACHED,
    DONATE,
    EVIDENCE,
    MODULE_KINDS,
    PAID,
    PENDING,
    RELAY,
    REPROVE,
    STRAY,
    SYSTEM_OUTPUTS,
)
from bystack.sidechain.burns import Burn, burn, refund
from bystack.sidechain.claims import (
    Claim,
    Donate,
    Reprove,
    claim,
    donate,
    orphan_claims,
    reprove,
)
from bystack.sidechain.detachment import detach
from bystack.sidechain.lifting import resume
from bystack.sidechain.mirror import (
    AnchorSpend,
    PendingSpend,
    prove_anchor,
    prove_pending,
    terms_in_force,
)
from bystack.sidechain.misconduct import Accuse, accuse
from bystack.sidechain.modules.base import ActionContext, Modules, Payment
from bystack.sidechain.orphans import take_back
from bystack.sidechain.relay import Relay, relay
from bystack.sidechain.stage import Stage
from bystack.sidechain.strays import ProveStray, pay_back, prove_stray

_KINDS: dict[int, type[Wire]] = {
    RELAY: Relay,
    CLAIM: Claim,
    DONATE: Donate,
    REPROVE: Reprove,
    ANCHOR: AnchorSpend,
    PENDING: PendingSpend,
    BURN: Burn,
    EVIDENCE: Accuse,
    DETACHED: Departure,
    STRAY: ProveStray,
}
_NUMBERS = {kind: number for number, kind in _KINDS.items()}


class ActionUnknown(Invalid):
    """The sidechain knows no action of this kind."""


class NotAlone(Invalid):
    """This action is a transaction of its own: no inputs, no other action, no outputs."""


class ActionUnsigned(Invalid):
    """This action takes no witness."""


def encode_action(action: Wire) -> Action:
    """The wire form of one of this file's actions."""
    return Action(_NUMBERS[type(action)], encode(action))


def decode_action(action: Action) -> Any:
    """The action, typed; raises `ActionUnknown` or the codec's errors."""
    if action.kind not in _KINDS:
        raise ActionUnknown(kind=action.kind)
    return decode(_KINDS[action.kind], action.body, MAX_ACTION_BODY)


def system_transaction(
    action: Wire, outputs: tuple[Output, ...] = (), memo: bytes = b""
) -> Transaction:
    """A transaction of its own for a relay, a claim, a proof or evidence."""
    body = TransactionBody(TRANSACTION_VERSION, (), outputs, (encode_action(action),), 0, 0, memo)
    return Transaction(body, (NoWitness(),))


def needs_no_fee(modules: Modules, tx: Transaction) -> bool:
    """True for a transaction of its own: relay, claim, proof, evidence, a module's free action."""
    if tx.body.inputs or len(tx.body.actions) != 1:
        return False
    kind = tx.body.actions[0].kind
    return (kind < MODULE_KINDS and kind not in PAID) or modules.free(kind)


def sidechain_effects(stage: Stage, tx: Transaction) -> Effects:
    """What the transaction's actions do; `stage` is written."""
    total = NO_EFFECTS
    for position in range(len(tx.body.actions)):
        total = _join(total, _act(stage, tx, position))
    return total


def _act(stage: Stage, tx: Transaction, position: int) -> Effects:
    action = tx.body.actions[position]
    if action.kind >= MODULE_KINDS:
        return _module(stage, tx, position)
    if _witness(tx, position) != NoWitness():
        raise ActionUnsigned(position=position)
    typed = decode_action(action)
    if isinstance(typed, Burn):
        burn(stage, terms_in_force(stage), typed, tx.id, position)
        return Effects(destroyed={typed.asset: typed.amount})
    if isinstance(typed, ProveStray):
        prove_stray(stage, typed)
        return NO_EFFECTS
    if tx.body.inputs or len(tx.body.actions) > 1:
        raise NotAlone(kind=action.kind)
    if isinstance(typed, Claim):
        return _claim(stage, typed, tx)
    if tx.body.outputs:
        raise NotAlone(kind=action.kind)
    return _prove(stage, typed, tx)


def _witness(tx: Transaction, position: int) -> Witness:
    """The witness of an action; the ledger counts them only after the actions were judged."""
    at = len(tx.body.inputs) + position
    if at >= len(tx.witnesses):
        raise WitnessCount(expected=at + 1, given=len(tx.witnesses))
    return tx.witnesses[at]


def _claim(stage: Stage, action: Claim, tx: Transaction) -> Effects:
    asset, amount = claim(stage, action, tx.body.outputs)
    return Effects(created={asset: amount}, units={asset: stage.genesis.by_asset[asset].unit})


def _prove(stage: Stage, action: Any, tx: Transaction) -> Effects:
    match action:
        case Relay():
            delta = relay(stage, action, tx.body.memo)
            orphan_claims(stage, delta)
            take_back(stage, delta)
        case Donate():
            donate(stage, action)
        case Reprove():
            reprove(stage, action)
        case Accuse():
            return _given(stage, tx, 0, _outputs(accuse(stage, action)))
        case Departure():
            detach(stage, action)
        case AnchorSpend():
            return _given(stage, tx, 0, prove_anchor(stage, action))
        case PendingSpend():
            return _given(stage, tx, 0, prove_pending(stage, action))
    return NO_EFFECTS


def _given(stage: Stage, tx: Transaction, position: int, outputs: tuple[Output, ...]) -> Effects:
    """Coins the chain itself gives out; what they are taken from was moved by the rule."""
    first = SYSTEM_OUTPUTS * (position + 1)
    if outputs:
        stage.tell("given", id=tx.id, first=first, coins=[_told(output) for output in outputs])
    created = {
        Outpoint(tx.id, first + number): Coin(
            output.asset,
            output.amount,
            output.lock,
            stage.block.height,
            0,
            stage.genesis.by_asset[output.asset].unit,
            b"",
        )
        for number, output in enumerate(outputs)
    }
    return Effects(records=Delta({}, created))


def _told(output: Output) -> list[Any]:
    assert isinstance(output.lock, PolicyLock)
    return [output.asset, output.amount, output.lock.root]


def _module(stage: Stage, tx: Transaction, position: int) -> Effects:
    witness, action = _witness(tx, position), tx.body.actions[position]
    context = ActionContext(stage.block, tx.id, position, action, witness)
    outcome = stage.modules.act(stage.state, context)
    _check_module(outcome.effects, action.kind)
    name = stage.modules.name(action.kind)
    custody.take(stage.state, name, outcome.effects.destroyed)
    custody.pay(stage, name, outcome.payments)
    for chosen in outcome.parameters:
        parameters.decide(stage.state, chosen)
    for numbers in outcome.pegs:
        peg_numbers.decide(stage.state, stage.genesis, numbers)
    for stray in outcome.returns:
        pay_back(stage, stray)
    for event in outcome.events:
        stage.tell(f"{name}.{event.name}", **event.facts)
    if outcome.resume:
        resume(stage)
    refunds = [refund(stage, id) for id in outcome.refunds]
    outputs = tuple(Output(r.asset, amount, PolicyLock(r.refund)) for r, amount in refunds)
    outputs += _outputs(outcome.payments)
    return _join(outcome.effects, _given(stage, tx, position, outputs))


def _outputs(payments: Iterable[Payment]) -> tuple[Output, ...]:
    return tuple(Output(one.asset, one.amount, PolicyLock(one.root)) for one in payments)


class ModuleMints(Invalid):
    """A module tried to create coins: only a proved deposit does."""


class ModuleAuthorises(Invalid):
    """A module tried to allow a spend or a lock that no witness allows."""


def _check_module(effects: Effects, kind: int) -> None:
    """Of all effects a module's are two: it takes amounts, and asks for signatures."""
    made = effects.created or effects.records != NO_EFFECTS.records
    if made or any(amount < 0 for amount in effects.destroyed.values()):
        raise ModuleMints(kind=kind)
    if effects.inputs or effects.outputs or effects.units or effects.coinbase:
        raise ModuleAuthorises(kind=kind)


def _join(one: Effects, two: Effects) -> Effects:
    created, destroyed = dict(one.created), dict(one.destroyed)
    for asset, amount in two.created.items():
        add(created, asset, amount)
    for asset, amount in two.destroyed.items():
        add(destroyed, asset, amount)
    records = Delta(
        {**one.records.spent, **two.records.spent}, {**one.records.created, **two.records.created}
    )
    return Effects(
        created,
        destroyed,
        {**one.units, **two.units},
        one.inputs | two.inputs,
        {**one.outputs, **two.outputs},
        records,
        one.checks + two.checks,
    )
