"""Something on its way, told stage by stage: payments, deposits, burns."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final, NamedTuple, Protocol

from bystack.client.rpc import NodeDown, NotRun, Rpc, RpcFailed

PAUSE: Final = 0.5
HISTORY: Final = 1_000
"""So many of the wallet's last transactions are looked through."""
NOT_FOUND: Final = -5
MINUTE, HOUR = 60, 3_600
RECEIVED: Final = ("receive", "generate", "immature")
CLAIMED: Final = "claimed"
NOT_MINTED: Final = {
    "orphaned": "it was minted, and the main chain dropped the deposit since",
    "unclaimable": "nobody can claim it; next: bystack prove-unclaimable",
    "stray": "nobody can claim it, which is proved; the federation may pay it back",
    "returning": "the federation pays it back",
    "returned": "the federation paid it back",
    "donation": "it was given to the vault, and mints nothing",
}


class Stage(NamedTuple):
    """Where it is, in a sentence; whether that is the end, and another than was wanted."""

    says: str
    over: bool = False
    failed: bool = False


class Asked(Protocol):
    """A wallet's answers."""

    def __call__(self, method: str, *params: Any) -> Any:
        """The result of a method on the wallet's path."""


def stages(look: Callable[[], Stage], pause: float = PAUSE) -> Iterator[Stage]:
    """A stage at every change, up to the last. A node that is away is waited for."""
    last = ""
    while True:
        try:
            stage = look()
        except NotRun:
            raise  # nothing will come of asking again
        except (RpcFailed, NodeDown) as error:
            stage = Stage(str(error))
        if stage.says != last:
            last = stage.says
            yield stage
        if stage.over:
            return
        time.sleep(pause)


def payment(ask: Asked, chain: str, txid: str, wanted: int) -> Stage:
    """A payment of ours on a chain, until `wanted` blocks lie on it, its own included."""
    depth = int(ask("gettransaction", txid, True, False, chain)["confirmations"])
    if depth < 0:
        return Stage(f"{chain}: another transaction took its coins; it is not paid", True, True)
    if depth == 0:
        return Stage(f"{chain}: waits for a block")
    blocks = "1 block" if depth == 1 else f"{depth} blocks"
    if depth < wanted:
        return Stage(f"{chain}: under {blocks} of {wanted}")
    return Stage(f"{chain}: paid, under {blocks}", True)


def deposit(rpc: Rpc, chain: str, txid: str, vout: int | None = None) -> Stage:
    """A deposit into a sidechain's vault, until it is minted there, or never will be."""
    try:
        told = rpc.side(chain, "getpeginstatus", txid, vout)
    except NotRun:
        raise
    except RpcFailed as error:
        why = "" if error.code == NOT_FOUND else f" ({error.message})"
        return Stage(f"main: in no block yet; waits for one{why}")
    return deposited(chain, told)


def deposited(chain: str, told: Mapping[str, Any]) -> Stage:
    """A deposit's stage, as `getpeginstatus` tells it."""
    amount, state = f"{told['value']} {told['name']}", told["state"]
    if state == CLAIMED:
        return Stage(f"{chain}: {amount} minted", True)
    if state in NOT_MINTED:
        return Stage(f"{chain}: {state}: {NOT_MINTED[state]}", True, True)
    if state == "claimable":
        claim = "waits for a block" if told["claim"] else "is made by itself"
        return Stage(f"{chain}: deep enough; its claim {claim}")
    return Stage(f"main: in block {told['height']}; {waiting(told)}")


def payout(rpc: Rpc, chain: str, pegout: str) -> Stage:
    """A burn on a sidechain, until the main chain has paid it, or it was given back."""
    try:
        told = rpc.side(chain, "getpegoutstatus", pegout)
    except RpcFailed as error:
        if error.code != NOT_FOUND:
            raise
        return Stage(f"{chain}: its burn is in no block yet; waits for one")
    return burned(chain, told)


def burned(chain: str, told: Mapping[str, Any]) -> Stage:
    """A burn's stage, as `getpegoutstatus` tells it."""
    match told["state"]:
        case "settled":
            return Stage(f"{chain}: {paid(told)} on the main chain", True)
        case "refunded":
            return Stage(f"{chain}: given back; the payout could not be made", True, True)
    return Stage(f"{chain}: {told['state']}; {waiting(told)}")


def paid(status: Mapping[str, Any]) -> str:
    """What a peg-out has paid, as far as the node tells it."""
    one = status.get("payout")
    return f"{one['value']} {one['name']} paid" if one else "paid"


def waiting(status: Mapping[str, Any]) -> str:
    """What it waits for, and about how long."""
    about = int(status.get("about_seconds") or 0)
    what = f"waits for {status['waits_for']}" if status["waits_for"] else "goes on by itself"
    return what + (f" (about {lasting(about)})" if about else "")


def lasting(seconds: int) -> str:
    """For example `40 s`, `18 min`, `3 h`: rounded up, since early money annoys nobody."""
    if seconds < 2 * MINUTE:
        return f"{seconds} s"
    size, unit = (MINUTE, "min") if seconds < 2 * HOUR else (HOUR, "h")
    return f"{-(-seconds // size)} {unit}"


def received(ask: Asked, chain: str, address: str) -> Stage:
    """What is paid to an address of ours, until a block holds it."""
    told = ask("listtransactions", "*", HISTORY, 0, True, chain)
    rows = [one for one in told if one.get("address") == address]
    mine = [one for one in rows if one["category"] in RECEIVED]
    if not mine:
        return Stage(f"{chain}: nothing yet at {address}")
    amounts = ", ".join(f"{one['amount']} {one['name']}" for one in mine)
    if any(one["confirmations"] > 0 for one in mine):
        return Stage(f"{chain}: {amounts} arrived", True)
    return Stage(f"{chain}: {amounts} on its way, waits for a block")
