"""A member's policy file: TOML, read strictly, every fault at once.

Assets are named as in the federation's roster file; destinations are main-chain addresses, or
`vault:` and a vault's id in hex.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from types import MappingProxyType
from typing import Final

from bystack.federation.charter import ListedAsset
from bystack.federation.charter_compiling import AmountUnfit, amount_of, bucket
from bystack.federation.charter_reading import CharterInvalid, Fault, Table, load_toml
from bystack.federation.policies.hours import DAYS, Hours
from bystack.federation.policies.policy import Plugin, Policy
from bystack.federation.policies.requests import POLICY_KEY, VAULT_KEY
from bystack.ledger.terms import Limit
from bystack.primitives.addresses import DEPOSIT, decode_address
from bystack.primitives.errors import Invalid

MAX_WINDOW: Final = 1_000_000
MAX_LISTED: Final = 10_000
MAX_PLUGINS: Final = 16
MAX_AGE: Final = 31_536_000

_clock = re.compile(r"([01][0-9]|2[0-3]):([0-5][0-9])")
_zone = re.compile(r"([+-])(0[0-9]|1[0-4]):([0-5][0-9])")
_operation = re.compile(r"[a-z]{1,32}")

Assets = Mapping[str, ListedAsset]


class PolicyInvalid(Invalid):
    """The policy file breaks rules; every fault is named."""

    def __str__(self) -> str:
        return "\n".join([super().__str__().split(" (")[0], *map(str, self.facts["found"])])  # type: ignore[call-overload]


def parse_policy(data: bytes, assets: Assets, hrp: str) -> Policy:
    """The policy in a file's bytes; `hrp`: the main chain's address prefix.

    Raises `PolicyInvalid` with every fault.
    """
    faults: list[Fault] = []
    root = Table("", _tables(data), faults)
    places, manual = (root.table(key, optional=True) for key in ("destinations", "manual"))
    policy = Policy(
        limits=_limits(root.table("allowance", optional=True), assets),
        allow=_listed(places, "allow", hrp),
        deny=_listed(places, "deny", hrp),
        hours=_hours(root.table("hours", optional=True)),
        manual=_above(manual, assets),
        approve=_approved(manual),
        plugins=tuple(_plugins(root)),
        state_age=_age(root),
        names={listed.id: (name, listed.decimals) for name, listed in assets.items()},
    )
    for table in (places, manual, root):
        if table is not None:
            table.close()
    if faults:
        raise PolicyInvalid(found=tuple(faults))
    return policy


def _age(root: Table) -> int | None:
    """None where the file does not say."""
    return root.number("state_age", 0, MAX_AGE, 0) if "state_age" in root.values else None


def _tables(data: bytes) -> Mapping[str, object]:
    try:
        return load_toml(data)
    except CharterInvalid as error:
        raise PolicyInvalid(found=tuple(f._replace(where="policy") for f in error.faults)) from None


def _limits(table: Table | None, assets: Assets) -> tuple[Limit, ...]:
    if table is None:
        return ()
    window = table.number("window", 1, MAX_WINDOW)
    found = _amounts(table, "limit", assets)
    if not found:
        table.fault("limit", None, "a table of amounts per asset")
    table.close()
    return tuple(bucket(asset, amount, window) for asset, amount in found.items())


def _amounts(table: Table, key: str, assets: Assets) -> dict[bytes, int]:
    found: dict[bytes, int] = {}
    for name, text in table.amounts(key):
        if name not in assets:
            table.fault(f"{key}.{name}", name, f"an asset of the roster: {', '.join(assets)}")
            continue
        try:
            found[assets[name].id] = amount_of(name, text, assets)
        except AmountUnfit:
            decimals = assets[name].decimals
            table.fault(f"{key}.{name}", text, f"an amount with at most {decimals} decimals")
    return found


def _texts(table: Table, key: str, most: int) -> tuple[str, ...]:
    value = table.values.get(key, [])
    table.asked.append(key)
    if isinstance(value, list) and len(value) <= most and all(isinstance(v, str) for v in value):
        return tuple(value)
    table.fault(key, value, f"a list of at most {most} texts")
    return ()


def _listed(table: Table | None, key: str, hrp: str) -> frozenset[bytes]:
    if table is None:
        return frozenset()
    found = {text: _destination(text, hrp) for text in _texts(table, key, MAX_LISTED)}
    for text, place in found.items():
        if place is None:
            table.fault(key, text, f"an address that begins with {hrp}1, or vault:ID in hex")
    if key == "allow" and "allow" in table.values and not found:
        table.fault(key, [], "at least one destination; leave it out to allow all")
    return frozenset(place for place in found.values() if place is not None)


def _destination(text: str, hrp: str) -> bytes | None:
    if text.startswith("vault:"):
        vault = text.removeprefix("vault:")
        return VAULT_KEY + bytes.fromhex(vault) if re.fullmatch("[0-9a-f]{64}", vault) else None
    try:
        address = decode_address(text, hrp)
    except Invalid:
        return None
    deposit = address.version == DEPOSIT
    return (VAULT_KEY if deposit else POLICY_KEY) + address.payload[:32]


def _hours(table: Table | None) -> Hours | None:
    if table is None:
        return None
    days = _texts(table, "days", len(DAYS))
    for day in days:
        if day not in DAYS:
            table.fault("days", day, f"some of {', '.join(DAYS)}")
    if not days:
        table.fault("days", [], f"some of {', '.join(DAYS)}")
    hours = Hours(
        tuple(DAYS.index(day) for day in days if day in DAYS),
        _minutes(table, "from"),
        _minutes(table, "to"),
        _offset(table),
    )
    table.close()
    return hours


def _minutes(table: Table, key: str) -> int:
    text = table.text(key, 'a time of day such as "08:30"')
    found = _clock.fullmatch(text)
    if text and not found:
        table.fault(key, text, 'a time of day such as "08:30"')
    return 60 * int(found[1]) + int(found[2]) if found else 0


def _offset(table: Table) -> int:
    text = table.text("zone", 'an offset from UTC such as "+02:00"')
    found = _zone.fullmatch(text)
    if text and not found:
        table.fault("zone", text, 'an offset from UTC such as "+02:00"')
    sign = -1 if found and found[1] == "-" else 1
    return sign * (60 * int(found[2]) + int(found[3])) if found else 0


def _above(table: Table | None, assets: Assets) -> Mapping[bytes, int]:
    return MappingProxyType(_amounts(table, "above", assets) if table else {})


def _approved(table: Table | None) -> frozenset[str]:
    kinds = _texts(table, "operations", 32) if table else ()
    for kind in kinds:
        if table and not _operation.fullmatch(kind):
            table.fault("operations", kind, "names of operations, such as announce")
    return frozenset(kinds)


def _plugins(root: Table) -> Iterator[Plugin]:
    if "plugin" not in root.values:
        root.asked.append("plugin")
        return
    for table in root.tables("plugin", MAX_PLUGINS):
        name = table.name("name")
        settings = table.table("settings", optional=True)
        table.close()
        yield Plugin(name, MappingProxyType(dict(settings.values) if settings else {}))
