"""Every release is decided here, and the decision is durable before anything leaves.

What proofs allow still waits for, or is refused by, what the federation decreed (pauses, freezes,
allowances, as proved), the member's policy file, its plug-ins and its operators.
"""

from __future__ import annotations

from collections import OrderedDict
from typing import Final, NamedTuple

import structlog

from bystack.federation.policies.decrees import decreed, frozen_keys, standing_keys
from bystack.federation.policies.judging import Decreed, decide
from bystack.federation.policies.requests import ACTION, CREATE, Decision, Outcome, Request
from bystack.federation.upstreams import Upstreams
from bystack.node.signer.audit_log import AuditLog, Clock
from bystack.node.signer.plugins import opinion_of
from bystack.node.signer.policy_file import PolicyFile
from bystack.node.signer.vault.view import View
from bystack.primitives.errors import Invalid

MAX_WAITING: Final = 1_000
BEFORE: Final = (ACTION, CREATE)
"""Kinds that are decided before, or without, anything verified of the vault."""

log = structlog.get_logger("signer")


class PolicyDenied(Invalid):
    """The policy of this member, or the federation's decree, refuses it."""


class PolicyWaits(Invalid):
    """The policy of this member has it wait: for an hour, its allowance, an operator, upstreams."""


class RequestUnknown(Invalid):
    """No request with this digest waits here, or was denied lately."""


class Waiting(NamedTuple):
    """A request that was not let through, and why."""

    request: Request
    decision: Decision


class Deciding:
    """The policy at work. `hrp`: the main chain's address prefix; `clock`: Unix seconds."""

    def __init__(self, view: View, audit: AuditLog, hrp: str, upstreams: Upstreams) -> None:
        self._view, self.audit, self._upstreams = view, audit, upstreams
        self._clock: Clock = audit.clock
        self.file = PolicyFile(view.name, hrp)
        self.waiting: OrderedDict[bytes, Waiting] = OrderedDict()

    def check(self, request: Request) -> None:
        """Decide, make it durable, and raise `PolicyDenied` or `PolicyWaits` unless it is allowed.

        Raises `EntryNotShown` or `EntryStale` until the member has shown what is decreed.
        """
        request = request._replace(height=max(request.height, self.audit.height))
        decision = self._decide(request)
        self.audit.note(request, decision)
        self._wait(request, decision)
        facts = {"kind": request.kind, "digest": request.digest, "reason": decision.reason}
        match decision.outcome:
            case Outcome.DENY:
                raise PolicyDenied(**facts, words=decision.words)
            case Outcome.WAIT:
                raise PolicyWaits(**facts, words=decision.words)
            case Outcome.ALLOW:
                return

    def refused(self, request: Request, error: Invalid) -> None:
        """Make a refusal durable that rests on what was proved: an attempt to have us sign twice.

        The rule's name is the reason.
        """
        decision = Decision(Outcome.DENY, error.rule, str(error))
        self.audit.note(request, decision)

    def _decide(self, request: Request) -> Decision:
        read, now = self.file.now, self._clock()
        self.audit.bind(read.digest)
        known = Decreed()
        if request.kind not in BEFORE:
            if lack := self.stalled(now):
                return Decision(Outcome.WAIT, "stalled", lack)
            known = self._decreed(request)
        if read.fault and request.kind != ACTION:
            return Decision(Outcome.WAIT, "policy_faulty", read.fault)
        plugins = [opinion_of(one) for one in read.policy.plugins]
        return decide(read.policy, known, self.audit.past, request, now, plugins)

    def stalled(self, now: int) -> str:
        """Why too few main-chain nodes agree for anything to be signed; empty when enough do."""
        watch = self._view.watch
        return self._upstreams.lack(watch.view, watch.genesis.depth, now)

    def stalled_now(self) -> str:
        """The same at this moment; also empty before there is a vault to sign for."""
        return (
            self.stalled(self._clock()) if self._upstreams.needed > 1 and self._view.founded else ""
        )

    def _decreed(self, request: Request) -> Decreed:
        genesis, knowledge = self._view.watch.genesis, self._view.knowledge
        if standing_keys(genesis, self._view.identity):
            self._view.want(frozen_keys(knowledge, request).values())
        return decreed(knowledge, genesis, self._view.identity, request)

    def _wait(self, request: Request, decision: Decision) -> None:
        self.waiting.pop(request.digest, None)
        if decision.outcome is not Outcome.ALLOW:
            log.warning("not signed", reason=decision.reason, words=decision.words)
            self.waiting[request.digest] = Waiting(request, decision)
            while len(self.waiting) > MAX_WAITING:
                self.waiting.popitem(last=False)

    def say(self, digest: bytes, *, approved: bool, reason: str) -> None:
        """An operator's word on a request that waits or was denied; raises `RequestUnknown`.

        It binds the exact digest, and lasts.
        """
        if digest not in self.waiting:
            raise RequestUnknown(digest=digest)
        self.audit.say(self.waiting[digest].request, approved=approved, reason=reason)
        if approved:
            self.waiting.pop(digest)
