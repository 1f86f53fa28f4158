"""Whether an address is of the chain and kind that a command pays to, before anything is signed.

The node checks the same again; here people are told what they may have meant.
"""

from __future__ import annotations

from typing import Any, Final

from bystack.client.rpc import RpcFailed
from bystack.client.watching import Asked

MAIN: Final = "main"
POLICY, DEPOSIT = "policy", "deposit"


class WrongDestination(Exception):
    """The address is of another chain or kind; the message says which, and what to use instead."""


def chain_of(ask: Asked, address: str) -> str:
    """The chain that an ordinary payment to `address` is made on.

    Raises `WrongDestination` for a deposit address, which mints only what `pegin` pays, and
    `RpcFailed` for what is no address of any chain of this node.
    """
    info: dict[str, Any] = ask("getaddressinfo", address)
    if info["kind"] == DEPOSIT:
        raise WrongDestination(
            f"{address} is a deposit address of a sidechain's vault: to pay into it, "
            "bystack pegin CHAIN AMOUNT --to ADDRESS-ON-CHAIN"
        )
    return str(info["chain"])


def check_payout(ask: Asked, address: str, source: str) -> None:
    """Raise `WrongDestination` unless `address` is of the main chain, where peg-outs are paid."""
    chain = chain_of(ask, address)
    if chain == source:
        raise WrongDestination(f"{address} is on {source} itself: bystack send pays it")
    if chain != MAIN:
        told = f"bystack transfer {address} AMOUNT --from {source}"
        raise WrongDestination(f"{address} is on {chain}, not on the main chain: {told}")


def check_recipient(ask: Asked, address: str, chain: str) -> None:
    """Raise `WrongDestination` unless `address` is of the sidechain that is to mint."""
    found = chain_of(ask, address)
    if found != chain:
        raise WrongDestination(f"{address} is on {found}, and the deposit is minted on {chain}")


def check_transfer(ask: Asked, address: str, source: str) -> str:
    """The chain of an address; raise `WrongDestination` where no transfer from `source` goes there.

    One of a sidechain that this node does not run is left to the wallet; its chain is "".
    """
    try:
        chain = chain_of(ask, address)
    except RpcFailed:
        return ""
    if chain == source:
        raise WrongDestination(f"{address} is on {source} itself: bystack send pays it")
    if chain == MAIN:
        told = f"bystack pegout {source} {address} AMOUNT"
        raise WrongDestination(f"{address} is on the main chain: {told}")
    return chain
