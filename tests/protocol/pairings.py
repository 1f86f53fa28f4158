"""BLS12-381 of py_ecc, whose import lifts the interpreter's recursion limit for the whole process:
beyond it hostile nesting is no error any more but a crash, in whatever test comes later."""

from __future__ import annotations

import sys

_limit = sys.getrecursionlimit()

from py_ecc.bls import G2ProofOfPossession as Suite  # noqa: E402
from py_ecc.bls.g2_primitives import (  # noqa: E402
    G1_to_pubkey,
    G2_to_signature,
    pubkey_to_G1,
    signature_to_G2,
)
from py_ecc.optimized_bls12_381 import add, curve_order, multiply  # noqa: E402

sys.setrecursionlimit(_limit)

__all__ = [
    "G1_to_pubkey",
    "G2_to_signature",
    "Suite",
    "add",
    "curve_order",
    "multiply",
    "pubkey_to_G1",
    "signature_to_G2",
]
