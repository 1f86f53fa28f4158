"""Amounts and assets: integers in [0, 2**63 - 1] of a 32-byte asset; every sum is checked.

The four classes of an issued asset: divisible or not (moves in whole units), fungible or not
(issued once per serial, one unit of it). A coin carries its asset's unit, so that no spend looks it
up.
"""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal, localcontext
from typing import Annotated

from msgspec import Meta

from bystack.primitives.codec import MAX_INT, U8, U63, Bit, Bytes32, Wire, encode
from bystack.primitives.errors import Invalid
from bystack.primitives.hashes import tagged

BTM = b"\xff" * 32
BTM_DECIMALS = 8
MAX_DECIMALS = 18

_asset_id = tagged("asset")


class AmountOverflow(Invalid):
    """A sum of amounts exceeds 2**63 - 1."""


class DefinitionInvalid(Invalid):
    """The asset's definition contradicts itself."""


class AssetDefinition(Wire):
    """What an issued asset is; its id commits to this.

    An amount of 10**decimals is one `unit` as people say it. `serial` names the one issue of a
    non-fungible asset and is empty otherwise. `cap` is the most that is ever issued, in base units;
    0 where there is none, as for a non-fungible asset, of which one unit is issued.
    """

    symbol: Annotated[str, Meta(min_length=1, max_length=16, pattern=r"^[A-Za-z][A-Za-z0-9.-]*\Z")]
    unit: Annotated[str, Meta(max_length=32)]
    decimals: U8
    divisible: Bit
    fungible: Bit
    serial: Annotated[bytes, Meta(max_length=64)]
    cap: U63


def asset_id(issuance: bytes, definition: AssetDefinition) -> Bytes32:
    """The id of an asset issued under the policy root `issuance` (32 bytes)."""
    return _asset_id(issuance, encode(definition))


def check_definition(definition: AssetDefinition) -> None:
    """Raise `DefinitionInvalid` unless decimals, serial and cap fit the class."""
    if definition.decimals > MAX_DECIMALS:
        raise DefinitionInvalid(decimals=definition.decimals, most=MAX_DECIMALS)
    if bool(definition.fungible) == bool(definition.serial):
        raise DefinitionInvalid(fungible=definition.fungible, serial=definition.serial)
    if definition.cap and not definition.fungible:
        raise DefinitionInvalid(cap=definition.cap, fungible=definition.fungible)
    if definition.cap % unit_of(definition):
        raise DefinitionInvalid(cap=definition.cap, unit=unit_of(definition))


def unit_of(definition: AssetDefinition) -> int:
    """The amount that every amount of the asset is a multiple of."""
    return 1 if definition.divisible else whole_of(definition)


def whole_of(definition: AssetDefinition) -> int:
    """The amount that people call one unit."""
    return int(10**definition.decimals)


def class_of(definition: AssetDefinition) -> str:
    """The asset's class by name (ledger.md, section 2): byte, atomic, quark or quantum."""
    match definition.divisible, definition.fungible:
        case 1, 1:
            return "byte"
        case 1, _:
            return "atomic"
        case _, 1:
            return "quantum"
        case _:
            return "quark"


def total(amounts: Iterable[int]) -> int:
    """The sum; raises `AmountOverflow` above 2**63 - 1."""
    result = sum(amounts)
    if result > MAX_INT:
        raise AmountOverflow(sum=result)
    return result


def add(sums: dict[bytes, int], asset: bytes, amount: int) -> None:
    """Add to a per-asset sum in place, checked."""
    value = sums.get(asset, 0) + amount
    if value > MAX_INT:
        raise AmountOverflow(asset=asset, sum=value)
    sums[asset] = value


Shown = int | float | str
_DIGITS = 60


def shown_amount(amount: int, decimals: int) -> Shown:
    """An amount of base units for JSON: a number when that is exact, else decimal text."""
    if decimals == 0:
        return amount
    with localcontext() as context:
        context.prec = _DIGITS
        exact = Decimal(amount).scaleb(-decimals)
        number = float(exact)
        return number if Decimal(repr(number)) == exact else format(exact, "f")
