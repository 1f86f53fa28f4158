"""What people read when a node refuses: a sentence without the method, a rule once, a next step."""

import pytest

from bystack.client.cli.refusals import refusal
from bystack.client.rpc import RpcFailed

CASES = {
    "a rule that begins the sentence": (
        {
            "code": -5,
            "message": "Invalid address: AddressMalformed: A letter was mistyped (checksum)",
            "data": {"rule": "AddressMalformed"},
        },
        "Invalid address: A letter was mistyped (checksum) [AddressMalformed]\nNext: nothing",
    ),
    "a locked wallet": (
        {"code": -13, "message": "Please enter the wallet passphrase with walletpassphrase first."},
        "The wallet is locked.\nNext: bystack wallet unlock",
    ),
    "a step by the rule goes before one by the code": (
        {"code": -32601, "message": "no", "data": {"rule": "InsufficientFunds"}},
        "no [InsufficientFunds]\nNext: bystack wallet balance",
    ),
    "nothing to advise": ({"code": -8, "message": "out of range"}, "out of range"),
}


@pytest.mark.parametrize("name", CASES)
def test_a_refusal_reads(name: str) -> None:
    error, says = CASES[name]
    told = refusal(RpcFailed("sendtoaddress", error))
    assert told.startswith(says) and ("Next: " in told) == ("Next: " in says)
