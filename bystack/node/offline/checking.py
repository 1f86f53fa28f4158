"""Checking a stopped main chain's store: everything recomputed from its blocks, then compared.

What should be there is made in a scratch store beside it (`NAME.check`, as large as the store
without its blocks), which is removed at the end.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Final, NamedTuple

from bystack.mainchain.chain import Entry, path
from bystack.mainchain.params import Params, genesis
from bystack.mainchain.work import ENGINES, Engine
from bystack.node.addresses import rows as addresses
from bystack.node.offline.comparing import differences, is_left_over
from bystack.node.offline.findings import KINDS, Finding, Progress, Report, named, silent
from bystack.node.offline.growth import Growth, Unverified
from bystack.node.offline.headers import Judged, judge_entries, rescue
from bystack.node.offline.rebuilding import Rebuilt, filter_differs, judge_block, rebuild
from bystack.node.offline.repairing import Right, repair
from bystack.node.offline.rewinding import Rewinding
from bystack.node.store import chainstore as keys
from bystack.node.store.chainstore import ChainStore
from bystack.node.store.coinstore import PREFIX as COIN
from bystack.node.store.storage import Store, StoreCorrupt, View, salvage
from bystack.node.verifying.verifier import Verifier
from bystack.primitives.codec import encode
from bystack.primitives.hashes import fixed

DERIVED: Final = (keys.UNDO, keys.TRANSACTION, keys.VAULT, keys.ANCHOR, keys.LINE, keys.TIP)
EVERY_KEYS: Final = 10_000
SCRATCH: Final = ".check"

REPAIR: Final = "the blocks are intact: bystackd check --repair rebuilds the rest from them"
SHORTEN: Final = "bystackd check --repair keeps what is sound; the rest is fetched again"
AFRESH: Final = "move the directory away and let the process fetch its chain again"
REPAIRED: Final = "repaired; the node may run, and fetches what is missing from its peers"


class Options(NamedTuple):
    """How to check: whether signatures are verified, whether what is wrong is put right."""

    signatures: bool = True
    repair: bool = False


async def check_chain(
    folder: str,
    params: Params,
    engines: Mapping[str, Engine] = ENGINES,
    options: Options = Options(),  # noqa: B008 (an immutable value)
    progress: Progress = silent,
) -> Report:
    """Check the store in `folder`, and repair it if asked to.

    Raises a `StoreError` where LevelDB cannot read it and no repair is asked for.
    """
    with _opened(folder, params, options.repair) as store, _scratch(folder, params, engines) as own:
        return await Checking(store, own, engines, options, progress).run(folder)


class Checking:
    """One check of one store."""

    def __init__(
        self,
        store: Store,
        scratch: ChainStore,
        engines: Mapping[str, Engine],
        options: Options,
        progress: Progress,
    ) -> None:
        self._store, self._scratch, self._options = store, scratch, options
        self._engines, self._progress = engines, progress
        self._verifier = Verifier() if options.signatures else Unverified()

    async def run(self, folder: str) -> Report:
        """Everything, in the order in which one thing rests on the other."""
        report = Report(folder, signatures=self._options.signatures)
        if next(self._store.iterate(), None) is None:
            return report  # a store that was made and not begun: the next start begins it
        judged = judge_entries(self._store, self._scratch.params, self._engines)
        for finding in judged.findings:
            report.differs(finding)
        if judged.findings:
            judged = rescue(self._store, judged)
        line = self._line(judged, report)
        report.first_kept = int.from_bytes(self._store.get(keys.PRUNED) or fixed(1), "big")
        done = await self._execute(judged, line, report)
        reached = line if done.damage is None else line[: done.blocks + 1]
        self._compare(report, done)
        self._scan(report, {entry.id for entry in line})
        report.height, report.tip = line[-1].header.height, line[-1].id.hex()
        report.blocks, report.transactions = done.blocks, done.transactions
        await self._conclude(report, judged, reached, done)
        return report

    def _line(self, judged: Judged, report: Report) -> list[Entry]:
        """The entries of the connected chain, the first one included."""
        tree, tip = judged.tree, self._store.get(keys.TIP)
        goal = tree.entry(tip) if tip else None
        if goal is None:
            report.differs(Finding("tip", (tip or b"").hex() or "-", "its header is missing"))
            goal = tree.best()
        ids = path(tree, tree.first, goal)[1]
        return [tree.first, *(entry for id in ids if (entry := tree.entry(id)))]

    async def _execute(self, judged: Judged, line: Sequence[Entry], report: Report) -> Rebuilt:
        ids = [entry.id for entry in line[1:]]
        if report.first_kept <= 1:
            growth = Growth(self._scratch, judged.tree, self._verifier)
            done = await rebuild(self._store, growth, ids, self._progress)
        else:
            kept = len(line) - report.first_kept
            rewinding = Rewinding(self._store, self._scratch, self._verifier, self._progress)
            count, damage = await rewinding.run(line, kept)
            done = Rebuilt(kept, count, damage)
        return done

    def _compare(self, report: Report, done: Rebuilt) -> None:
        if done.damage is not None:
            report.damaged.append(done.damage)
            return
        for prefix in self._prefixes(report):
            for difference in differences(self._store, self._scratch_view, prefix):
                if not is_left_over(difference):
                    report.differs(difference.finding())

    def _prefixes(self, report: Report) -> tuple[bytes, ...]:
        whole = () if report.first_kept > 1 else (COIN,)
        return (*whole, *DERIVED, keys.NODE)

    @property
    def _scratch_view(self) -> View:
        return self._scratch.view

    def _scan(self, report: Report, line: set[bytes]) -> None:
        """Read every key once: what belongs to no kind, and the blocks beside the chain."""
        loose = {key[1:] for key, _ in self._store.iterate(keys.LOOSE)}
        bodies: set[bytes] = set()
        number = 0
        for number, (key, data) in enumerate(self._store.iterate(), 1):
            if number % EVERY_KEYS == 0:
                self._progress("keys", number, 0)
            report.coins += key[:1] == COIN
            if key[:1] not in KINDS and key[:1] not in addresses.KINDS:
                report.differs(Finding(*named(key), "surplus"))
            elif key[:1] == keys.FILTER and filter_differs(self._store, key[1:], data):
                report.differs(Finding(*named(key), "changed"))
            elif key[:1] == keys.BLOCK:
                bodies.add(key[1:])
                self._judge_body(report, key[1:], data, line, loose)
        self._progress("keys", number, number)
        for id in loose - bodies:
            report.differs(Finding("block at hand", id.hex(), "missing"))
        first = genesis(self._scratch.params)
        if self._store.get(keys.BLOCK + first.id) != encode(first):
            report.differs(Finding("block", first.id.hex(), "missing"))

    def _judge_body(
        self, report: Report, id: bytes, data: bytes, line: set[bytes], loose: set[bytes]
    ) -> None:
        if (id in line) == (id in loose):
            fault = "connected" if id in line else "surplus"
            report.differs(Finding("block at hand", id.hex(), fault))
        known = {one.id for one in report.damaged}
        if id not in line or report.damaged:
            found = judge_block(id, data)
            if isinstance(found, Finding) and id.hex() not in known:
                report.damaged.append(found)

    async def _conclude(
        self, report: Report, judged: Judged, reached: Sequence[Entry], done: Rebuilt
    ) -> None:
        if report.sound:
            return
        lost = report.first_kept > 1 and done.damage is not None
        report.step = AFRESH if lost else SHORTEN if report.damaged else REPAIR
        if self._options.repair and not lost:
            right = Right(self._scratch_view, judged, [one.id for one in reached], done.damage)
            repair(self._store, right, (*self._prefixes(report),))
            report.step, report.repaired = REPAIRED, True


@contextmanager
def _opened(folder: str, params: Params, repairing: bool) -> Iterator[Store]:
    store = _readable(folder, params) if repairing else keys.open_raw(folder, params)
    try:
        yield store
    finally:
        store.close()


def _readable(folder: str, params: Params) -> Store:
    """The store, made readable first where it is not."""
    for _ in range(2):
        try:
            store = Store.open_unfinished(
                folder,
                kind=keys.KIND,
                magic=params.magic,
                version=keys.FORMAT,
                migrations=keys.MIGRATIONS,
            )
        except StoreCorrupt:
            salvage(folder)
            continue
        try:
            for _ in store.iterate():
                pass
        except StoreCorrupt:
            store.close()
            salvage(folder)
            continue
        return store
    raise StoreCorrupt(folder, "damaged beyond repair", AFRESH)


@contextmanager
def _scratch(folder: str, params: Params, engines: Mapping[str, Engine]) -> Iterator[ChainStore]:
    place = os.path.normpath(folder) + SCRATCH
    shutil.rmtree(place, ignore_errors=True)
    try:
        store = ChainStore.open(place, params, engines=engines)
        try:
            yield store
        finally:
            store.close()
    finally:
        shutil.rmtree(place, ignore_errors=True)
