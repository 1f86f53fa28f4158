"""The figures of a member's process."""

from __future__ import annotations

from typing import Any

from bystack.node.federation.member import Member
from bystack.node.ipc import RemoteError, Unavailable
from bystack.node.metrics.figures import MemberFigures


async def figures(member: Member) -> MemberFigures:
    """As they are now. The signer is asked; what it does not say is 0."""
    answers, height, told = await _signer(member)
    roster, seat = member.roster, member.seat
    peers = {one.node_id for one in member.host.peers()}
    others = (one.node for one in roster.members if one.identity != member.setting.identity)
    return MemberFigures(
        height=member.purse.height,
        peers=len(peers),
        members_missing=sum(node not in peers for node in others),
        weight=roster.members[seat].weight if seat < len(roster.members) else 0,
        weight_of_all=roster.total,
        weight_threshold=roster.threshold,
        orders_pending=len(member.orders.jobs),
        sponsor_balance=member.purse.balance,
        signer_answers=int(answers),
        signer_height=height,
        signer_waiting=told.get("waiting", 0),
        signer_stalled=int(bool(told.get("stalled"))),
        signer_frozen=int(bool(told.get("frozen"))),
    )


async def _signer(member: Member) -> tuple[bool, int, dict[str, Any]]:
    """Whether it answers, the height that it verified, what it tells of itself."""
    if member.setting.genesis() is None:
        return False, 0, {}
    try:
        seen = await member.links.signer.call("seen")
        return True, int(seen[0]), await member.links.signer.call("info")
    except (Unavailable, RemoteError):
        return False, 0, {}
