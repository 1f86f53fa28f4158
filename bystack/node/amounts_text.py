"""Amounts as people and RPC clients write them: decimal, in units of 10**decimals.

A number where a number is exact, as Bitcoin Core shows amounts; else the exact decimal text.
"""

from __future__ import annotations

import re
from decimal import Decimal, InvalidOperation, localcontext
from typing import Annotated

from msgspec import Meta

from bystack.node.ipc import RemoteError
from bystack.node.rpc import WRONG_TYPE
from bystack.primitives.codec import MAX_INT

Given = Annotated[str | int | float, Meta(description="an amount: a number or decimal text")]
Shown = int | float | str

_DIGITS = 60
_PLAIN = re.compile(r"[0-9]+(\.[0-9]+)?")


def show(amount: int, decimals: int) -> Shown:
    """An amount of base units for JSON: a number when that is exact, else decimal text."""
    if decimals == 0:
        return amount
    with localcontext() as context:
        context.prec = _DIGITS
        exact = Decimal(amount).scaleb(-decimals)
        number = float(exact)
        return number if Decimal(repr(number)) == exact else format(exact, "f")


def read(given: str | int | float, decimals: int) -> int:
    """Base units from what a client gave; raises `RemoteError` (-3) for what is no such amount."""
    with localcontext() as context:
        context.prec = _DIGITS
        try:
            # repr of a float is the shortest text that means it: what the client wrote
            text = given if isinstance(given, str) else repr(given)
            # Nobody means 1e3 by mistake and survives it: text is digits and a point.
            if isinstance(given, str) and not _PLAIN.fullmatch(text):
                raise _bad(given, decimals)
            exact = Decimal(text).scaleb(decimals)
        except InvalidOperation:
            raise _bad(given, decimals) from None
        if not exact.is_finite() or exact != exact.to_integral_value() or exact < 0:
            raise _bad(given, decimals)
        if exact > MAX_INT:
            raise _bad(given, decimals)
        return int(exact)


def _bad(given: str | int | float, decimals: int) -> RemoteError:
    text = f"{str(given)[:40]!r} is no amount with at most {decimals} decimals"
    return RemoteError(WRONG_TYPE, text, {"parameter": "amount"})
