"""Amounts as people and RPC clients write them: decimal, in units of 10**decimals.

How one is shown is the ledger's (`shown_amount`); how one is read, here.
"""

from __future__ import annotations

import re
from decimal import Decimal, InvalidOperation, localcontext
from typing import Annotated

from msgspec import Meta

from bystack.ledger.amounts import Shown, shown_amount
from bystack.node.ipc import RemoteError
from bystack.node.rpc import WRONG_TYPE
from bystack.primitives.codec import MAX_INT

Given = Annotated[str | int | float, Meta(description="an amount: a number or decimal text")]

__all__ = ["Given", "Shown", "read", "show"]

show = shown_amount

_DIGITS = 60
_PLAIN = re.compile(r"[0-9]+(\.[0-9]+)?")


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
    shape = f"digits, at most {decimals} of them after a point" if decimals else "digits alone"
    text = f"{str(given)[:40]!r} is no amount: {shape}"
    return RemoteError(WRONG_TYPE, text, {"parameter": "amount"})
