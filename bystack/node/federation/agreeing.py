"""Whether a node and its signer speak of one time and one chain, asked when a role starts (K14).

Delays are counted in blocks, but allowances, working hours and the age of what a signer is shown go
by its clock. Where the two clocks are apart, or the signer has verified more of the main chain than
this node has (an old copy of a disk), what either says of "now" is wrong.
"""

from __future__ import annotations

import time
from typing import Final

import structlog
import trio

from bystack.node.federation.links import Links
from bystack.node.ipc import RemoteError, Unavailable
from bystack.primitives.errors import Invalid

log = structlog.get_logger("federation")

MOST_APART: Final = 10
"""Seconds, the call's own time included."""
WAIT_SECONDS: Final = 1.0


class ClocksApart(Invalid):
    """The signer's clock is not this node's: set both by the network's time, then start again."""


class NodeBehind(Invalid):
    """The signer has verified more of the main chain than this node has: let it catch up first."""


def check_clocks(before: int, signer: int, after: int) -> None:
    """Raise `ClocksApart` unless the signer's time lies within the call's, give or take 10 s."""
    if not before - MOST_APART <= signer <= after + MOST_APART:
        raise ClocksApart(signer=signer, node=after, most_apart=MOST_APART)


def check_heights(signer: int, node: int) -> None:
    """Raise `NodeBehind` while the node's main chain is shorter than what its signer verified."""
    if node < signer:
        raise NodeBehind(signer=signer, node=node)


async def agree(links: Links) -> None:
    """Ask the signer for its time, once it answers; raises `ClocksApart`, which ends the role."""
    while True:
        before = int(time.time())
        try:
            told = await links.signer.call("info")
        except (Unavailable, RemoteError) as error:
            log.info("signer not asked for its time yet", reason=str(error))
            await trio.sleep(WAIT_SECONDS)
            continue
        match told:
            case {"time": int() as signer} if not isinstance(signer, bool):
                return check_clocks(before, signer, int(time.time()))
            case _:
                log.warning("signer told no time; is it of this version?")
                await trio.sleep(WAIT_SECONDS)
