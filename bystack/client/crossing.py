"""Money on its way from one sidechain to another, told stage by stage as the node sees it.

A burn on the one, one payout of its vault into the other's, an ordinary claim there: everything
happens by itself, and whoever watches only tells.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any, Final, NamedTuple

from bystack.client.rpc import NodeDown, Rpc, RpcFailed

PAUSE: Final = 0.5
ENDED: Final = ("settled", "refunded")
HISTORY: Final = 1_000
"""So many of the wallet's last transactions are looked through."""


class Crossing(NamedTuple):
    """A burn under way: from which chain, where to, under which id.

    `target`: empty where the address is somebody else's. `before`: the transactions that had paid
    the address already.
    """

    source: str
    target: str
    address: str
    pegout: str
    before: frozenset[str] = frozenset()


def told(rpc: Rpc, crossing: Crossing, pause: float = PAUSE) -> Iterator[str]:
    """A sentence at every change, until the money is there, or came back."""
    last = ""
    while True:
        said, over = _stage(rpc, crossing)
        if said != last:
            last = said
            yield said
        if over:
            return
        time.sleep(pause)


def unwatched(crossing: Crossing) -> str:
    """What somebody is told who watches no longer: nothing depends on it."""
    target = f" --to {crossing.target}" if crossing.target else ""
    again = f"bystack transfer {crossing.address} --from {crossing.source}{target}"
    gone = "Watched no longer; the money goes on by itself, and nothing is sent twice."
    return f"{gone}\nNext: {again} --resume {crossing.pegout}"


def _stage(rpc: Rpc, crossing: Crossing) -> tuple[str, bool]:
    try:
        left = rpc.side(crossing.source, "getpegoutstatus", crossing.pegout)
        if left["state"] in ENDED:
            return _there(rpc, crossing, left)
    except (RpcFailed, NodeDown) as error:
        return f"{crossing.source}: {error}", False
    return f"{crossing.source}: {left['state']}; {_waiting(left)}", False


def _waiting(status: dict[str, Any]) -> str:
    """What it waits for, and about how long."""
    about = int(status.get("about_seconds") or 0)
    return f"{status['waits_for']}" + (f" (about {about} s)" if about else "")


def _there(rpc: Rpc, crossing: Crossing, left: dict[str, Any]) -> tuple[str, bool]:
    if left["state"] == "refunded":
        return f"{crossing.source}: given back; the payout could not be made", True
    if not crossing.target:
        return f"{crossing.source}: paid into the other sidechain's vault; it mints by itself", True
    mine = arrivals(rpc, crossing.target, crossing.address)
    new = [amount for txid, amount in mine.items() if txid not in crossing.before]
    if new:
        return f"{crossing.target}: {new[-1]} arrived at {crossing.address}", True
    paid = f"{crossing.source}: paid on the main chain"
    return f"{paid}; {crossing.target} mints it when the payout is deep enough", False


def arrivals(rpc: Rpc, chain: str, address: str) -> dict[str, Any]:
    """What was paid to an address in final blocks, by transaction: from the wallet's history, since
    a coin may be spent as soon as it is there. Raises as RPC does."""
    return {
        one["txid"]: one["amount"]
        for one in rpc.listtransactions(chain, HISTORY)
        if one.get("address") == address
        and one["category"] == "receive"
        and one["confirmations"] > 0
    }
