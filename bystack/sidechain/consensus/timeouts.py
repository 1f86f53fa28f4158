"""How TIMEOUTs become timeout certificates: the highest of each validator, bad ones blamed."""

from __future__ import annotations

from collections.abc import Sequence

from bystack.sidechain.consensus.evidence import AnyEvidence, detect
from bystack.sidechain.consensus.scheme import Scheme
from bystack.sidechain.consensus.statements import HighSigners, Timeout, TimeoutCertificate
from bystack.sidechain.consensus.tally import SignatureMalformed, VoteSignature, find_bad
from bystack.sidechain.consensus.validators import ValidatorSet, bitmap_of, quorum, weak


class Timeouts:
    """The highest TIMEOUT of each validator at one height, and the certificates they make."""

    def __init__(self, validators: ValidatorSet, chain_id: bytes, scheme: Scheme) -> None:
        self._validators, self._chain, self._scheme = validators, chain_id, scheme
        self._highest: dict[int, Timeout] = {}

    def add(self, timeout: Timeout) -> tuple[AnyEvidence, ...]:
        """Take a TIMEOUT whose sender is authenticated and whose best certificate is verified.

        Raises `SignatureMalformed`, `VoteSignature` (of a second report for one view).
        """
        if not self._scheme.signature_valid(timeout.signature):
            raise SignatureMalformed(index=timeout.index)
        before = self._highest.get(timeout.index)
        if before and before.view > timeout.view:
            return ()
        if before and before.view == timeout.view:
            return self._second(before, timeout)
        self._highest[timeout.index] = timeout
        return ()

    def _second(self, before: Timeout, timeout: Timeout) -> tuple[AnyEvidence, ...]:
        if before.bare() == timeout.bare():
            return ()
        if not self._single(timeout):
            raise VoteSignature(index=timeout.index)
        if not self._single(before):
            self._highest[timeout.index] = timeout
            return ()
        return tuple(found for found in [detect(before, timeout)] if found)

    def weak_from(self, view: int) -> bool:
        """Whether at least one honest validator gave up `view` or a later one."""
        indexes = [i for i, t in self._highest.items() if t.view >= view]
        return self._validators.weight_of(indexes) >= weak(self._validators.total)

    def certify(self, least: int) -> tuple[tuple[TimeoutCertificate, ...], list[int]]:
        """The certificate of the highest view from `least` on that a quorum gave up, if any, and
        those blamed on the way.
        """
        bad: list[int] = []
        view = max((v for v in self._views() if v >= least and self._decisive(v)), default=least)
        if self._decisive(view):
            bad = find_bad(self._at(view), self._together)
        for index in bad:
            del self._highest[index]
        return ((self._certificate(view),) if self._decisive(view) else ()), bad

    def _views(self) -> set[int]:
        return {t.view for t in self._highest.values()}

    def _decisive(self, view: int) -> bool:
        return self._validators.weight_of(self._at(view)) >= quorum(self._validators.total)

    def _at(self, view: int) -> list[int]:
        return sorted(i for i, t in self._highest.items() if t.view == view)

    def _certificate(self, view: int) -> TimeoutCertificate:
        taken = [self._highest[i] for i in self._at(view)]
        best = max(taken, key=lambda t: t.high)
        groups = tuple(
            HighSigners(high, bitmap_of(_with_high(taken, high), len(self._validators)))
            for high in sorted({t.high for t in taken})
        )
        whole = self._scheme.aggregate([t.signature for t in taken])
        return TimeoutCertificate(best.epoch, best.height, view, groups, whole, best.best)

    def _together(self, indexes: Sequence[int]) -> bool:
        taken = [self._highest[i] for i in indexes]
        groups = []
        for high in sorted({t.high for t in taken}):
            same = [t for t in taken if t.high == high]
            keys = self._validators.keys_of([t.index for t in same])
            groups.append((keys, same[0].digest(self._chain)))
        return self._scheme.group_verify(
            groups, self._scheme.aggregate([t.signature for t in taken])
        )

    def _single(self, timeout: Timeout) -> bool:
        return self._scheme.verify(
            self._validators.validators[timeout.index].key,
            timeout.digest(self._chain),
            timeout.signature,
        )


def _with_high(timeouts: Sequence[Timeout], high: int) -> list[int]:
    return [t.index for t in timeouts if t.high == high]
