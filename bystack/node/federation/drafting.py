"""A decision from what a person says: names instead of identities, changes instead of whole tables.

Numbers that are not said stay as they are; a member may go by its name; text is text.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final, TypeVar

import msgspec

from bystack.federation.module.decisions import (
    NAMES,
    Decision,
    SetParameters,
    SetPegs,
    SetRules,
    SetTerms,
)
from bystack.federation.module.pauses import EVERYTHING, SWITCHES
from bystack.federation.module.records import Rules, Standing
from bystack.ledger.terms import decode_terms
from bystack.ledger.transactions import DepositLock, PolicyLock
from bystack.primitives.addresses import DEPOSIT, POLICY, decode_address
from bystack.primitives.codec import MAX_INT, Wire, decode, encode
from bystack.primitives.errors import Invalid
from bystack.primitives.plain import from_plain
from bystack.sidechain.parameters import Parameters, changed, check_parameters
from bystack.sidechain.params import Genesis
from bystack.sidechain.peg_numbers import PegNumbers, check_numbers

Details = dict[str, Any]
W = TypeVar("W", bound=Wire)

MAX_NUMBERS: Final = 100_000

PAUSES: Final = {**SWITCHES, "all": EVERYTHING}
TEXTS: Final = frozenset(("reason", "rule", "reference", "text", "name"))
KINDS: Final[Mapping[str, type[Wire]]] = {name: kind for kind, name in NAMES.items()}


class DetailWrong(Invalid):
    """What is said of the decision is not what its kind wants to be told."""


@dataclass(frozen=True)
class Present:
    """What a decision is drafted against: how the sidechain's state stands."""

    genesis: Genesis
    standing: Standing
    parameters: Parameters
    pegs: PegNumbers
    rules: Rules


def drafted(kind: str, details: Details, now: Present) -> Decision:
    """The decision; raises `DetailWrong`, `PlainInvalid`, `ParametersInvalid`, `PegNumbersInvalid`
    for numbers no chain can run on, and the codec's errors."""
    if kind not in KINDS:
        raise DetailWrong(kind=kind, expected=sorted(KINDS))
    if kind in _WHOLE:
        return _WHOLE[kind](details, now)
    plain = {name: _said(name, value, now) for name, value in details.items()}
    whole = {"kind": KINDS[kind].__name__, **_usual(kind, now), **plain}
    built: Decision = from_plain(KINDS[kind], whole)
    return built


def _usual(kind: str, now: Present) -> Details:
    """What need not be said."""
    usual: Details = {"threshold": now.standing.threshold, "fresh": 0, "evidence": []}
    usual |= dict.fromkeys(("reason", "reference", "rule", "text"), "")
    fields = KINDS[kind].__struct_fields__
    return {name: value for name, value in usual.items() if name in fields}


def _said(name: str, value: Any, now: Present) -> Any:
    if name in TEXTS and isinstance(value, str):
        return value.encode().hex()
    if name == "identity" and isinstance(value, str):
        return _identity(value, now)
    if name == "what" and isinstance(value, str):
        return PAUSES.get(value, value)
    if name == "destination" and isinstance(value, str):
        return encode(destination_of(value, now.genesis)).hex()
    if name == "fresh":
        return int(value)
    return value


def _identity(text: str, now: Present) -> str:
    for one in now.standing.seats:
        if one.member.name.decode() == text:
            return one.member.identity.hex()
    return text


def destination_of(text: str, genesis: Genesis) -> PolicyLock | DepositLock:
    """Where a peg-out pays, from a main-chain address; raises `DetailWrong`, address errors."""
    given = decode_address(text, genesis.main.hrp)
    if given.version == POLICY:
        return PolicyLock(given.payload)
    if given.version == DEPOSIT:
        return DepositLock(given.payload[:32], given.payload[32:])
    raise DetailWrong(field="destination", given=text, expected="an address that is paid to")


def _parameters(details: Details, now: Present) -> Decision:
    chosen = changed(now.parameters, details)
    check_parameters(chosen)
    return SetParameters(chosen)


def _rules(details: Details, now: Present) -> Decision:
    work = {k.removeprefix("work."): v for k, v in details.items() if k.startswith("work.")}
    rest = {k: v for k, v in details.items() if not k.startswith("work.")}
    points = _changed(now.rules.work, work)
    return SetRules(msgspec.structs.replace(_changed(now.rules, rest), work=points))


def _pegs(details: Details, now: Present) -> Decision:
    """`pegin_bp`, `pegout_bp`, and of an asset by its name `BTM.pegin_limit`, …"""
    own = {name: value for name, value in details.items() if "." not in name}
    names = {asset.name: place for place, asset in enumerate(now.genesis.assets)}
    rows = list(now.pegs.assets)
    for field, value in details.items():
        asset, point, number = field.partition(".")
        if not point:
            continue
        if asset not in names:
            raise DetailWrong(field=field, expected=sorted(names))
        rows[names[asset]] = _changed(rows[names[asset]], {number: value})
    chosen = msgspec.structs.replace(_changed(now.pegs, own), assets=tuple(rows))
    check_numbers(now.genesis, chosen)
    return SetPegs(chosen)


def _changed(present: W, changes: Details) -> W:
    """A wire value with some of its numbers others; raises `DetailWrong`, `Malformed`."""
    numbers = [f for f in present.__struct_fields__ if isinstance(getattr(present, f), int)]
    for name, value in changes.items():
        if name not in numbers:
            raise DetailWrong(field=name, expected=numbers)
        if type(value) is not int or not 0 <= value <= MAX_INT:
            raise DetailWrong(field=name, given=str(value), expected="a whole number")
    made = msgspec.structs.replace(present, **changes)
    return decode(type(present), encode(made), MAX_NUMBERS)


def _terms(details: Details, now: Present) -> Decision:
    """`terms`: the compiled terms as bytes in hex."""
    data = details.get("terms")
    if not isinstance(data, str):
        raise DetailWrong(field="terms", expected="compiled terms in hex")
    try:
        terms = decode_terms(bytes.fromhex(data))
    except ValueError:
        raise DetailWrong(field="terms", expected="compiled terms in hex") from None
    return SetTerms(terms.note, terms)


_WHOLE: Final[Mapping[str, Callable[[Details, Present], Decision]]] = {
    "parameters": _parameters,
    "rules": _rules,
    "pegs": _pegs,
    "terms": _terms,
}
