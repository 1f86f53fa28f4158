"""The codes of errors: Bitcoin Core's where it has one, JSON-RPC 2.0's for the rest."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

MISC: Final = -1
WRONG_TYPE: Final = -3
NOT_FOUND: Final = -5
BAD_PARAMETER: Final = -8
UNDECODABLE: Final = -22
IN_WARMUP: Final = -28
BAD_REQUEST: Final = -32600
BAD_PARAMS: Final = -32602
FORBIDDEN_BY_SCOPE: Final = -32604
BAD_JSON: Final = -32700

ERRORS: Final[Mapping[int, str]] = {
    MISC: "it could not be done; the sentence says why",
    WRONG_TYPE: "a parameter of another type, or an amount that is none",
    -4: "the wallet could not do it",
    NOT_FOUND: "an address, a key, or something that is not there",
    -6: "not enough coins",
    BAD_PARAMETER: "a parameter out of range, or at odds with another",
    -10: "the node is still catching up",
    -11: "no address has this label",
    -12: "so many addresses in a row were never paid: `force`, and a new backup",
    -13: "the wallet is locked: walletpassphrase first",
    -14: "a wrong passphrase",
    -15: "the wallet is not encrypted, or is already",
    -18: "no such wallet is loaded, on whatever path it is asked for",
    -19: "several wallets are loaded: say which, by /wallet/NAME before or after the path",
    UNDECODABLE: "the bytes could not be decoded",
    -24: "no such peer",
    -25: "a rule of the chain refused it",
    -26: "a rule refused it: `data.rule` names it, `data.facts` the numbers",
    -27: "it is in the chain already",
    IN_WARMUP: "the process that answers is not up, or does not answer: try again",
    -35: "the wallet is loaded already",
    BAD_JSON: "the body is not JSON",
    BAD_REQUEST: "the body is JSON and no request",
    -32601: "no such method on this path",
    BAD_PARAMS: "too many, unknown or missing parameters",
    -32603: "a fault of this node; its log says more",
    FORBIDDEN_BY_SCOPE: "beyond what the token may do",
    -32005: "too much at a time",
}
"""What each code says; the sentence of an error says more, and `data.rule` names the rule."""
