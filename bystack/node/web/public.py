"""What `[rpc] dashboard = "open"` lets anybody ask without a credential: the dashboard's reads.

A list, not a scope: with the scope `read` one may also hand in blocks and transactions, ask for
proofs that cost work, or read a member's audit log. What stands here is cheap, changes nothing and
tells only what every peer of the chain knows.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from bystack.node import rpc
from bystack.node.ipc import RemoteError
from bystack.node.web.access import Credential

METHODS: Final = frozenset(
    {
        "getaddressbalance",
        "getaddresshistory",
        "getaddressutxos",
        "getassetinfo",
        "getblock",
        "getblockchaininfo",
        "getblockcount",
        "getblockhash",
        "getblockheader",
        "getblockstats",
        "getcandidates",
        "getcertificate",
        "getcommit",
        "getepoch",
        "getfeereport",
        "getmempoolinfo",
        "getnetworkhashps",
        "getnetworkinfo",
        "getorderbook",
        "getparameters",
        "getpauses",
        "getpegoutstatus",
        "getpeginstatus",
        "getpegstatus",
        "getrawmempool",
        "getrawtransaction",
        "getregistryinfo",
        "getreserves",
        "getsidechaininfo",
        "getstaking",
        "gettxout",
        "getvalidators",
        "getvault",
        "getvaultterms",
        "listevidence",
        "listmarkets",
        "listmembers",
        "listproposals",
        "listqueries",
        "liststatements",
        "listtrades",
        "listvaults",
    }
)
PATHS: Final = ("", "sidechain")
"""Where they may be asked: never a member, a guard or a wallet."""
ROLES: Final = frozenset({"mainchain", "sidechain"})
"""Whose state anybody may know."""
ANYBODY: Final = Credential("public", "", "read")
"""The caller without a credential; all of them share one rate."""


def allowed(path: str, method: str) -> bool:
    """Anybody may ask this method on this path."""
    return method in METHODS and path.strip("/").partition("/")[0] in PATHS


def refused(path: str, requests: Sequence[rpc.Request | RemoteError]) -> str:
    """The first method among these that anybody may not ask on this path, or nothing."""
    asked = (one for one in requests if isinstance(one, rpc.Request))
    return next((one.method for one in asked if not allowed(path, one.method)), "")
