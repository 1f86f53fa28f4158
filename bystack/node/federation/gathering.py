"""Members find each other: a connection to one of them suffices to be connected to all.

Ceremonies and partial signatures go from member to member and are passed on by nobody. So each
member says where it is (signed with its node key, for this charter alone), everyone passes that
on, and each dials the others and expects the node that the roster names.
"""

from __future__ import annotations

from typing import Final

import trio

from bystack.node.federation.events import Event, PeerMessage
from bystack.node.federation.member import CAPS
from bystack.node.federation.sitting import Sitting
from bystack.p2p.addresses import BadAddress, is_hearsay, is_name, parse
from bystack.p2p.host import Connected, Host, Message
from bystack.p2p.meeting import WHEREABOUTS, Meeting
from bystack.p2p.whereabouts import MAX_MESSAGE

LOOK_SECONDS: Final = 1.0
MEMBER_CAPS: Final = {**CAPS, WHEREABOUTS: MAX_MESSAGE}


def reachable(advertised: str, listening: str) -> str:
    """What a member says of where it is: `advertised`, else where it listens; "" if that names no
    one machine, as 0.0.0.0, or it does not listen."""
    try:
        bound = parse(listening)
    except BadAddress:
        return advertised
    own = is_name(bound.host) or is_hearsay(bound, bound.host)
    return advertised or (listening if own else "")


class Gathering:
    """The members' host as this member hears it: who comes, where others are, what they send."""

    def __init__(self, host: Host, meeting: Meeting, sitting: Sitting) -> None:
        self._host, self._meeting, self._sitting = host, meeting, sitting
        self._nodes: frozenset[bytes] = frozenset()

    async def run(self, inbox: trio.MemorySendChannel[Event]) -> None:
        """Hand on what members send; the host admits nobody else, and who has left counts no
        more. Runs until cancelled."""
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self._look)
            async for event in self._host.events:
                match event:
                    case Connected(peer):
                        self._meeting.join(peer)
                    case Message(peer, kind, payload) if kind == WHEREABOUTS:
                        self._meeting.hear(peer, payload)
                    case Message(peer, kind, payload):
                        if self._sitting.of_node(peer) is not None:
                            await inbox.send(PeerMessage(peer, kind, payload))

    async def _look(self) -> None:
        """Who is looked for changes with the members, newcomers included."""
        while True:
            if self._sitting.nodes != self._nodes:
                self._nodes = self._sitting.nodes
                self._meeting.turn(self._nodes)
            await trio.sleep(LOOK_SECONDS)
