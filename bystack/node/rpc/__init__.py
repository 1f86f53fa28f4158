"""JSON-RPC 2.0 (and 1.0): a role's methods, the envelope of requests, and what describes both.

A role registers plain functions; their annotations are the parameters' types, checked by msgspec
before the function runs. Help and the OpenRPC document are made of the same types. Codes are
Bitcoin Core's. Nothing here touches HTTP: see `web`.
"""

from bystack.node.rpc.codes import (
    BAD_JSON,
    BAD_PARAMETER,
    BAD_PARAMS,
    BAD_REQUEST,
    ERRORS,
    FORBIDDEN_BY_SCOPE,
    IN_WARMUP,
    MISC,
    NOT_FOUND,
    UNDECODABLE,
    WRONG_TYPE,
)
from bystack.node.rpc.describing import document, merged
from bystack.node.rpc.envelope import MAX_BATCH, MAX_PARAMS, Request, failure, parse, success
from bystack.node.rpc.kinds import Amount, Hash, Height, Hex, decoded
from bystack.node.rpc.method import Method, arguments, expected
from bystack.node.rpc.methods import (
    DISCOVER,
    SCOPES,
    Methods,
    allows,
    calling_chain,
    calling_wallet,
)

__all__ = [
    "BAD_JSON",
    "BAD_PARAMETER",
    "BAD_PARAMS",
    "BAD_REQUEST",
    "DISCOVER",
    "ERRORS",
    "FORBIDDEN_BY_SCOPE",
    "IN_WARMUP",
    "MAX_BATCH",
    "MAX_PARAMS",
    "MISC",
    "NOT_FOUND",
    "SCOPES",
    "UNDECODABLE",
    "WRONG_TYPE",
    "Amount",
    "Hash",
    "Height",
    "Hex",
    "Method",
    "Methods",
    "Request",
    "allows",
    "arguments",
    "calling_chain",
    "calling_wallet",
    "decoded",
    "document",
    "expected",
    "failure",
    "merged",
    "parse",
    "success",
]
