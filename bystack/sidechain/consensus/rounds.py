"""THE RULE TABLE: what a validator may sign, view by view, at one height (bbft.md, section 3).

Each function is one line of the table: (round, input) -> (round, what to cast). No clocks, no
network, no topology enter: safety rests on this file, `evidence.justifies`, `validators.quorum`
and the vote journal alone (bbft.md, section 4).
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from bystack.sidechain.consensus.statements import COMMIT, Certificate, TimeoutCertificate

MAX_DOUBLING = 6


@dataclass(frozen=True)
class Round:
    """A validator's place in one height. -1: in no view yet. `high_qc` is empty or one QC."""

    height: int
    view: int = 0
    high_qc: tuple[Certificate, ...] = ()
    prepared: int = -1
    committed: int = -1
    timed_out: int = -1

    @property
    def high(self) -> int:
        """The view of the highest prepare certificate known, -1 for none."""
        return self.high_qc[0].view if self.high_qc else -1


@dataclass(frozen=True)
class CastPrepare:
    """Sign PREPARE(block, justify)."""

    view: int
    block: bytes
    justify: bytes


@dataclass(frozen=True)
class CastCommit:
    """Sign COMMIT(block), the prepare certificate journalled with it."""

    view: int
    block: bytes


@dataclass(frozen=True)
class CastTimeout:
    """Sign TIMEOUT, showing the highest prepare certificate."""

    view: int
    high_qc: tuple[Certificate, ...]


@dataclass(frozen=True)
class Enter:
    """The view changed: arm its timers, lead or follow."""

    view: int


Cast = CastPrepare | CastCommit | CastTimeout | Enter
Step = tuple[Round, tuple[Cast, ...]]


def view_timeout(tau0: int, view: int) -> int:
    """tau(v) = tau0 · 2^min(v, 6), in the unit of tau0."""
    return tau0 << min(view, MAX_DOUBLING)


def learn(now: Round, certificate: Certificate) -> Round:
    """A prepare certificate of any view: keep the higher. Learning is always safe."""
    return replace(now, high_qc=(certificate,)) if certificate.view > now.high else now


def active(now: Round, view: int) -> bool:
    """Votes are cast in the current view alone, and never after giving it up."""
    return view == now.view and now.timed_out < view


def on_valid_proposal(now: Round, view: int, block: bytes, justify: bytes) -> Step:
    """A justified, executed proposal: PREPARE it, once a view and never after its COMMIT."""
    if not active(now, view) or max(now.prepared, now.committed) >= view:
        return now, ()
    return replace(now, prepared=view), (CastPrepare(view, block, justify),)


def on_prepare_certificate(now: Round, certificate: Certificate) -> Step:
    """Learn it; COMMIT when it is of the current view, once a view."""
    learned, view = learn(now, certificate), certificate.view
    if not active(now, view) or now.committed >= view:
        return learned, ()
    return replace(learned, committed=view), (CastCommit(view, certificate.block),)


def on_view_over(now: Round) -> Step:
    """View timer, or a weak set of TIMEOUTs of this view or later: give the view up."""
    if now.timed_out >= now.view:
        return now, ()
    return replace(now, timed_out=now.view), (CastTimeout(now.view, reported(now)),)


def reported(now: Round) -> tuple[Certificate, ...]:
    """What a TIMEOUT shows: leaving it out would let a final block be forgotten."""
    return now.high_qc


def on_timeout_certificate(now: Round, timeouts: TimeoutCertificate) -> Step:
    """A quorum gave up a view: learn its best certificate and enter the next view."""
    for best in timeouts.best:
        now = learn(now, best)
    if timeouts.view < now.view:
        return now, ()
    return replace(now, view=timeouts.view + 1), (Enter(timeouts.view + 1),)


def decides(certificate: Certificate) -> bool:
    """One COMMIT certificate makes a block final. (A PREPARE certificate may be forgotten.)"""
    return certificate.kind == COMMIT


def forced(timeouts: TimeoutCertificate) -> bytes:
    """The block a leader must propose again after these timeouts; empty: a new one."""
    return timeouts.best[0].block if timeouts.best else b""
