"""Money on its way from one sidechain to another, told stage by stage as the node sees it.

A burn on the one, one payout of its vault into the other's, an ordinary claim there: everything
happens by itself, and whoever watches only tells.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final, NamedTuple

from bystack.client.rpc import NodeDown, NotRun, Rpc, RpcFailed
from bystack.client.watching import NOT_FOUND, PAUSE, Stage, paid, stages, waiting

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
    return (stage.says for stage in stages(lambda: stage_of(rpc, crossing), pause))


def again(crossing: Crossing) -> str:
    """The command that watches it once more."""
    target = f" --to {crossing.target}" if crossing.target else ""
    words = f"bystack transfer {crossing.address} --from {crossing.source}{target}"
    return f"{words} --resume {crossing.pegout}"


def stage_of(rpc: Rpc, crossing: Crossing) -> Stage:
    """Where it is now."""
    try:
        left = rpc.side(crossing.source, "getpegoutstatus", crossing.pegout)
        if left["state"] in ENDED:
            return _there(rpc, crossing, left)
    except NotRun:
        raise
    except (RpcFailed, NodeDown) as error:
        if isinstance(error, RpcFailed) and error.code == NOT_FOUND:
            return Stage(f"{crossing.source}: its burn is in no block yet; waits for one")
        return Stage(f"{crossing.source}: {error}")
    return Stage(f"{crossing.source}: {left['state']}; {waiting(left)}")


def _there(rpc: Rpc, crossing: Crossing, left: dict[str, Any]) -> Stage:
    source, target = crossing.source, crossing.target
    if left["state"] == "refunded":
        return Stage(f"{source}: given back; the payout could not be made", True, True)
    if not target:
        return Stage(
            f"{source}: {paid(left)} into the other sidechain's vault; it mints by itself", True
        )
    mine = arrivals(rpc, target, crossing.address)
    new = [amount for txid, amount in mine.items() if txid not in crossing.before]
    if new:
        return Stage(f"{target}: {new[-1]} arrived at {crossing.address}", True)
    there = f"{source}: {paid(left)} on the main chain"
    return Stage(f"{there}; {target} mints it when the payout is deep enough")


def arrivals(rpc: Rpc, chain: str, address: str) -> dict[str, str]:
    """What was paid to an address in final blocks, by transaction: from the wallet's history, since
    a coin may be spent as soon as it is there. Raises as RPC does."""
    return {
        one["txid"]: f"{one['amount']} {one['name']}"
        for one in rpc.listtransactions("*", HISTORY, 0, True, chain)
        if one.get("address") == address
        and one["category"] == "receive"
        and one["confirmations"] > 0
    }
