"""The charter: what a federation promises, read from TOML and compiled to a vault's terms.

The charter names roles, keys and assets, but holds no members, key bytes or asset ids, so it has
one hash for ever; the terms' note is that hash, and every member compiles and compares before it
signs (`federation.md` section 5). The rules: guard, recover, and tiers with govern share no key;
no limit is zero or left out; a tier without limits waits at least 144 blocks.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

from bystack.federation.charter_reading import (
    CharterInvalid,
    Fault,
    Table,
    load_toml,
)
from bystack.federation.members import MAX_WEIGHT
from bystack.ledger.policies import All, Any, Bls, Key, Policy, Thresh
from bystack.ledger.policy_text import parse_policy
from bystack.ledger.terms import MAX_BLOCKS, MAX_FREEZE, MIN_UNLIMITED_DELAY
from bystack.primitives.errors import Invalid
from bystack.primitives.hashes import tagged

MAX_TIERS = 8
MAX_LIMITS = 16
MAX_BASIS_POINTS = 10_000
_leaf = re.compile(r"\b(key|bls)\s*\(\s*([A-Za-z0-9_.-]+)\s*\)")
_bytes = re.compile(r"(?:[0-9a-fA-F]{64}|[0-9a-fA-F]{96})")
_POLICY = "a policy of key, bls, thresh, all and any over names"

Amounts = tuple[tuple[str, str], ...]  # asset name, decimal amount
Roles = tuple[tuple[str, int], ...]  # role of members, weight in the group


class ListedAsset(NamedTuple):
    """What a name of an asset stands for: its 32-byte id and its decimals."""

    id: bytes
    decimals: int


@dataclass(frozen=True)
class TierRule:
    """A way to pay out: who signs, how much per window of blocks, how long it waits."""

    name: str
    policy: str
    window: int
    limits: Amounts
    delay: int


@dataclass(frozen=True)
class Fees:
    """What pegging costs: basis points, and a flat fee per peg-out and asset."""

    pegin_bp: int
    pegout_bp: int
    flat: Amounts


@dataclass(frozen=True)
class Role:
    """Guard, govern or recover: its policy and its number of blocks (freeze, delay, idle)."""

    policy: str
    blocks: int


@dataclass(frozen=True)
class Charter:
    """A valid charter; `hash` (of the file's bytes) names the federation."""

    name: str
    tiers: tuple[TierRule, ...]
    guard: Role
    govern: Role
    recover: Role
    fees: Fees
    hash: bytes
    roles: Roles = ()

    @property
    def policies(self) -> tuple[str, ...]:
        """Every policy's text: the tiers in order, guard, govern, recover."""
        roles = (self.guard, self.govern, self.recover)
        return (*(tier.policy for tier in self.tiers), *(role.policy for role in roles))

    @property
    def keys(self) -> tuple[str, ...]:
        """The names of all keys, ascending; `group_keys` are those of `bls`."""
        return tuple(sorted({name for text in self.policies for _, name in key_names(text)}))

    @property
    def group_keys(self) -> tuple[str, ...]:
        """The names of the group keys, ascending."""
        every = {pair for text in self.policies for pair in key_names(text)}
        return tuple(sorted(name for kind, name in every if kind == "bls"))

    @property
    def assets(self) -> tuple[str, ...]:
        """The names of all assets limited or charged in, ascending."""
        tables = (*(tier.limits for tier in self.tiers), self.fees.flat)
        return tuple(sorted({asset for table in tables for asset, _ in table}))


def parse_charter(data: bytes) -> Charter:
    """The charter in these bytes; raises `CharterInvalid` with every fault."""
    faults: list[Fault] = []
    root = Table("", load_toml(data), faults)
    name = root.name("name")
    tiers = tuple(_tier(table) for table in root.tables("tier", MAX_TIERS))
    guard = _role(root, "guard", "freeze", MAX_FREEZE)
    govern = _role(root, "govern", "delay", MAX_BLOCKS)
    recover = _role(root, "recover", "idle", MAX_BLOCKS)
    fees = _fees(root.table("fees", optional=True))
    roles = root.numbers("roles", 1, MAX_WEIGHT)
    root.close()
    charter = Charter(name, tiers, guard, govern, recover, fees, tagged("charter")(data), roles)
    _check_together(charter, faults)
    if faults:
        raise CharterInvalid(found=tuple(faults))
    return charter


def _tier(table: Table) -> TierRule:
    name, policy = table.name("name"), _policy(table)
    limits = table.amounts("limit")
    delay = table.number("delay", 0, MAX_BLOCKS, default=0)
    window = table.number("window", 1, MAX_BLOCKS, default=None if limits else 0)
    if not limits and "limit" in table.values:
        table.fault("limit", {}, "at least one asset, or no limit table and a delay")
    if not limits and delay < MIN_UNLIMITED_DELAY:
        table.fault("delay", delay, f"at least {MIN_UNLIMITED_DELAY} blocks, as nothing is limited")
    if not limits and window:
        table.fault("window", window, "no window, as nothing is limited")
    if len(limits) > MAX_LIMITS:
        table.fault("limit", len(limits), f"at most {MAX_LIMITS} assets")
    table.close()
    return TierRule(name, policy, window, limits, delay)


def _role(root: Table, key: str, blocks: str, most: int) -> Role:
    table = root.table(key)
    if table is None:
        return Role("", 1)
    role = Role(_policy(table), table.number(blocks, 1, most))
    table.close()
    return role


def _fees(table: Table | None) -> Fees:
    if table is None:
        return Fees(0, 0, ())
    pegin = table.number("pegin_bp", 0, MAX_BASIS_POINTS, default=0)
    pegout = table.number("pegout_bp", 0, MAX_BASIS_POINTS, default=0)
    fees = Fees(pegin, pegout, table.amounts("flat"))
    table.close()
    return fees


def _policy(table: Table) -> str:
    text = table.text("policy", _POLICY)
    if not text:
        return ""
    if any(_bytes.fullmatch(name) for _, name in key_names(text)):
        table.fault("policy", text, "names, not key bytes: a charter outlives its keys")
    try:
        if foreign := tuple(_foreign(named_policy(text))):
            table.fault("policy", foreign[0], _POLICY)
    except Invalid as error:
        table.fault("policy", text, f"{_POLICY} ({error})")
    return text


def key_names(text: str) -> tuple[tuple[str, str], ...]:
    """The (kind, name) of each key in a policy's text, in order."""
    return tuple((found[1], found[2]) for found in _leaf.finditer(text))


def stand_in(kind: str, name: str) -> bytes:
    """Bytes that stand for a key while only its name is known."""
    wide = tagged("charter/name")(kind.encode(), name.encode())
    return wide + wide[:16] if kind == "bls" else wide


def named_policy(text: str) -> Policy:
    """The policy of a text over names, each key its `stand_in`."""
    return parse_policy(text, {name: stand_in(kind, name) for kind, name in key_names(text)})


def _foreign(policy: Policy) -> Iterator[str]:
    match policy:
        case Key() | Bls():
            return
        case Thresh(_, subs) | All(subs) | Any(subs):
            for sub in subs:
                yield from _foreign(sub)
        case _:
            yield type(policy).__name__.lower()


def _check_together(charter: Charter, faults: list[Fault]) -> None:
    """The rules over several tables: names, kinds, and separation of powers."""
    names = [tier.name for tier in charter.tiers]
    for name in sorted({name for name in names if names.count(name) > 1}):
        faults.append(Fault("tier", f"given {name!r} twice", "a name of its own for each tier"))
    for name in charter.group_keys:
        if ("key", name) in {pair for text in charter.policies for pair in key_names(text)}:
            faults.append(Fault(name, "both key() and bls()", "one kind of key for one name"))
    moving = {name for text in _moving(charter) for _, name in key_names(text)}
    guard = {name for _, name in key_names(charter.guard.policy)}
    recover = {name for _, name in key_names(charter.recover.policy)}
    pairs = (("guard", guard, moving), ("recover", recover, moving), ("recover", recover, guard))
    for where, one, other in pairs:
        for name in sorted(one & other):
            faults.append(Fault(where, f"key {name!r} has another power too", "keys of its own"))


def _moving(charter: Charter) -> tuple[str, ...]:
    return (*(tier.policy for tier in charter.tiers), charter.govern.policy)
