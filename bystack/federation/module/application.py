"""The module named `federation`: members act, the pegs ask whether they may.

It may refuse claims, burns and batches for a while, ask for a waiting peg-out to be refunded, and
say the sidechain's parameters from the next epoch on; it never mints (federation.md, section 5).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from bystack.federation.certificates import check_polynomial
from bystack.federation.module import pauses
from bystack.federation.module.actions import (
    GOVERN,
    PAUSE,
    REFUND,
    RESUME,
    Govern,
    Pause,
    RefundRequests,
    Resume,
    check_quorum,
    decode_action,
    next_nonce,
    signers_of,
    use_nonce,
)
from bystack.federation.module.records import (
    KEY,
    MAX_ENTRY,
    NAME,
    RULES,
    STANDING,
    FederationConfig,
    FederationInvalid,
    check_standing,
    put_entry,
    rules_of,
    standing_of,
)
from bystack.ledger.effects import Effects
from bystack.primitives.codec import decode
from bystack.primitives.errors import Invalid
from bystack.sidechain.modules.base import (
    ActionContext,
    BlockContext,
    Outcome,
    PrefixedState,
    Quiet,
)


class FederationModule(Quiet):
    """Members, keys, pauses, governance; the module named `federation`."""

    name = NAME
    # Members' actions are rare and approved, and a federation in trouble may have no coins.
    free = frozenset((PAUSE, RESUME, REFUND, GOVERN))
    queries: tuple[str, ...] = ("listmembers", "getpauses")

    def start(self, state: PrefixedState, config: bytes) -> None:
        """Keep the genesis as the module's state; raises `FederationInvalid`."""
        first = decode(FederationConfig, config, MAX_ENTRY)
        _check_config(first)
        put_entry(state, first.standing, STANDING)
        put_entry(state, first.key, KEY)
        put_entry(state, first.rules, RULES)
        state.put(first.main, b"main")

    def act(self, state: PrefixedState, context: ActionContext, kind: int) -> Outcome:
        """Pause, resume, refund or govern, if the members who must have approved."""
        standing = standing_of(state)
        seats, checks = signers_of(standing, context, kind)
        action = decode_action(kind, context.action.body)
        use_nonce(state, action.nonce)
        if isinstance(action, Pause):
            identity = standing.seats[seats[0]].member.identity
            rules, height = rules_of(state), context.block.relay_height
            pauses.pause(state, rules, identity, action.what, height)
            return Outcome(Effects(checks=checks))
        check_quorum(standing, seats)
        match action:
            case Resume():
                pauses.resume(state)
                return Outcome(Effects(checks=checks), resume=True)
            case RefundRequests(_, ids):
                return Outcome(Effects(checks=checks), refunds=ids)
            case Govern(_, parameters):
                return Outcome(Effects(checks=checks), parameters=(parameters,))

    def may_claim(self, state: PrefixedState, block: BlockContext, asset: bytes) -> None:
        """Refused while claims are paused."""
        pauses.refuse_paused(state, "claims", block.relay_height)

    def may_burn(
        self, state: PrefixedState, block: BlockContext, destination: bytes, asset: bytes
    ) -> None:
        """Refused while burns are paused."""
        pauses.refuse_paused(state, "burns", block.relay_height)

    def may_batch(self, state: PrefixedState, block: BlockContext) -> bool:
        """False while batches are paused."""
        return not pauses.paused(state, pauses.BATCHES, block.relay_height)

    def query(
        self, state: PrefixedState, name: str, params: Sequence[Any]
    ) -> Mapping[str, Any] | None:
        """`listmembers` and `getpauses`."""
        if name == "listmembers":
            standing = standing_of(state)
            rows = [
                {
                    "name": one.member.name.decode(),
                    "weight": one.member.weight,
                    "identity": one.member.identity.hex(),
                    "key": one.governance.hex(),
                }
                for one in standing.seats
            ]
            nonce = next_nonce(state)
            return {"threshold": standing.threshold, "members": rows, "nonce": nonce}
        if name == "getpauses":
            return {label: pauses.until(state, what) for label, what in pauses.SWITCHES.items()}
        return None


def _check_config(config: FederationConfig) -> None:
    """The first key is that of the first standing; raises `FederationInvalid`."""
    try:
        check_standing(config.standing)
        check_polynomial(config.key.polynomial, config.standing.threshold)
    except Invalid as error:
        raise FederationInvalid(reason=f"{error.rule}: {error}") from None
    if config.key.roster != config.standing.roster:
        raise FederationInvalid(reason="the first key is of other members than those who sit")
    if config.key.key != config.key.polynomial[0]:
        raise FederationInvalid(reason="the first key is not its polynomial's constant")
