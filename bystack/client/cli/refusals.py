"""What people read when a node refuses: one sentence, the rule's name, and a next step if any."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from bystack.client.rpc import RpcFailed

BY_RULE: Final[Mapping[str, str]] = MappingProxyType({
    "InsufficientFunds": "bystack wallet balance tells what there is, and what waits for a block",
    "AddressMalformed": "nothing was signed; copy the address again, or ask the payee for it",
    "AddressNetwork": "nothing was signed; bystack status lists the chains of this node",
})  # fmt: skip
BY_CODE: Final[Mapping[int, str]] = MappingProxyType({
    -13: "bystack wallet unlock",
    -18: "bystack wallet list shows the wallets there are; load opens one, create makes one",
    -19: "--wallet NAME, or BYSTACK_WALLET=NAME for every command of this shell",
    -32601: "bystack rpc help lists the methods (--path for those of a sidechain)",
    404: "bystack status shows what this node runs",
})  # fmt: skip
"""Codes of Bitcoin Core's wallet, of JSON-RPC, of HTTP."""
OWN_WORDS: Final[Mapping[int, str]] = MappingProxyType({-13: "The wallet is locked."})
"""In place of words that name RPC methods: clients of Bitcoin Core look for those."""


def refusal(error: RpcFailed) -> str:
    """For example `Insufficient funds: 5.0 BTM needed … [InsufficientFunds]` and a line `Next: …`.

    A rule that begins the sentence as well is named once.
    """
    said = OWN_WORDS.get(error.code, error.message).strip()
    if error.rule:
        said = said.replace(f"{error.rule}: ", "", 1) + f" [{error.rule}]"
    step = BY_RULE.get(error.rule) or BY_CODE.get(error.code, "")
    return f"{said}\nNext: {step}" if step else said
