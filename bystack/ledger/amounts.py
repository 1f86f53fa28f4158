"""Amounts and assets: integers in [0, 2**63 - 1] of a 32-byte asset; every sum is checked.

The four classes of an issued asset: divisible or not (moves in whole units), fungible or not
(issued once per serial). A coin carries its asset's unit, so that no spend looks it up.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Annotated

from msgspec import Meta

from bystack.primitives.codec import MAX_INT, U8, Bit, Bytes32, Wire, encode
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
    non-fungible asset and is empty otherwise.
    """

    symbol: Annotated[str, Meta(min_length=1, max_length=16, pattern="^[A-Za-z][A-Za-z0-9.-]*$")]
    unit: Annotated[str, Meta(max_length=32)]
    decimals: U8
    divisible: Bit
    fungible: Bit
    serial: Annotated[bytes, Meta(max_length=64)]


def asset_id(issuance: bytes, definition: AssetDefinition) -> Bytes32:
    """The id of an asset issued under the policy root `issuance` (32 bytes)."""
    return _asset_id(issuance, encode(definition))


def check_definition(definition: AssetDefinition) -> None:
    """Raise `DefinitionInvalid` unless decimals and serial fit the class."""
    if definition.decimals > MAX_DECIMALS:
        raise DefinitionInvalid(decimals=definition.decimals, most=MAX_DECIMALS)
    if bool(definition.fungible) == bool(definition.serial):
        raise DefinitionInvalid(fungible=definition.fungible, serial=definition.serial)


def unit_of(definition: AssetDefinition) -> int:
    """The amount that every amount of the asset is a multiple of."""
    return 1 if definition.divisible else int(10**definition.decimals)


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
