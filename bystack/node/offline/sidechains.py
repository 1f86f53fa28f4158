"""Checking a stopped sidechain's store: every final block executed again, then compared.

Each block's certificate is verified and its body executed on a scratch store beside it, by the
node's own code; coins, state, trie, outbox and indexes must be the same under every key. What waits
for a vote and evidence are the validator's own and are only read.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from types import MappingProxyType
from typing import Final

from bystack.node.addresses import rows as addresses
from bystack.node.offline.checking import SCRATCH
from bystack.node.offline.comparing import differences
from bystack.node.offline.findings import Finding, Progress, Report, named, silent
from bystack.node.offline.growth import Unverified
from bystack.node.offline.joined import check_joined
from bystack.node.sidechain import columns as keys
from bystack.node.sidechain.columns import MAX_CERTIFICATE, Tip
from bystack.node.sidechain.store import SideStore
from bystack.node.store.coinstore import PREFIX as COIN
from bystack.node.store.storage import Store
from bystack.node.verifying.verifier import Verifier
from bystack.primitives.codec import decode
from bystack.primitives.errors import Invalid
from bystack.primitives.hashes import fixed
from bystack.sidechain.blocks import Header, decode_body, decode_header
from bystack.sidechain.consensus.statements import Certificate
from bystack.sidechain.engines import verifier_of
from bystack.sidechain.eras import era_after
from bystack.sidechain.modules.base import Modules
from bystack.sidechain.params import Genesis
from bystack.sidechain.transition import apply_block

OWN: Final = (keys.KEPT, keys.EVIDENCE)
KINDS: Mapping[bytes, str] = MappingProxyType(
    {
        COIN: "coin",
        keys.STATE: "state entry",
        keys.TRIE: "trie node",
        keys.HEADER: "header",
        keys.BODY: "body",
        keys.FINAL: "certificate",
        keys.EVENTS: "events",
        keys.LEAVES: "outbox leaves",
        keys.NODE: "outbox node",
        keys.BLOCK: "block index",
        keys.TRANSACTION: "transaction index",
        keys.KEPT: "kept block",
        keys.EVIDENCE: "evidence",
        keys.EPOCH: "epoch proof",
        keys.BASE: "base",
        keys.TIP: "tip",
    }
)
AFRESH: Final = "move the directory away and let the process fetch its chain again"


async def check_sidechain(
    folder: str,
    genesis: Genesis,
    modules: Modules,
    signatures: bool = True,
    progress: Progress = silent,
) -> Report:
    """Check the store in `folder`; raises a `StoreError` where LevelDB cannot read it."""
    magic = genesis.id[:4]
    report = Report(folder, signatures=signatures)
    with Store.open(folder, kind=keys.KIND, magic=magic, version=keys.FORMAT) as store:
        if store.get(keys.TIP) is None:
            return report  # made and not begun
        if store.get(keys.BASE) is not None:
            check_joined(store, _place(folder), genesis, report, progress)
            _kinds(store, report)
        else:
            with _scratch(folder, genesis, modules) as scratch:
                executing = _Executing(store, scratch, modules, signatures)
                await _check_all(executing, store, scratch, report, progress)
    report.step = "" if report.sound else AFRESH
    return report


async def _check_all(
    executing: _Executing, store: Store, scratch: SideStore, report: Report, progress: Progress
) -> None:
    height = decode(Tip, store.get(keys.TIP) or b"", 1_000).height
    for at in range(1, height + 1):
        damage = await executing.step(at, report)
        if damage is not None:
            report.damaged.append(damage)
            break
        progress("blocks", at, height)
    _compare(store, scratch, report)
    report.height, report.tip = scratch.height, scratch.header.id.hex()


def _place(folder: str) -> str:
    """The folder beside the store to work in."""
    return os.path.normpath(folder) + SCRATCH


class _Executing:
    """The blocks of a store, one after the other, on a scratch store."""

    def __init__(
        self, store: Store, scratch: SideStore, modules: Modules, signatures: bool
    ) -> None:
        self._store, self._scratch, self._modules = store, scratch, modules
        self._signatures = signatures
        self._verifier = Verifier() if signatures else Unverified()
        self._judge = verifier_of(scratch.genesis)

    async def step(self, height: int, report: Report) -> Finding | None:
        """Execute the block at a height; what is wrong with it, if anything."""
        parts = [self._store.get(kind + fixed(height)) for kind in _PARTS]
        header, body, certificate = parts
        if header is None or body is None or certificate is None:
            return Finding("block", str(height), "missing")
        try:
            count = await self._execute(decode_header(header), body, certificate)
        except Invalid as error:
            return Finding("block", str(height), f"damaged or invalid ({error.rule})")
        report.blocks, report.transactions = height, report.transactions + count
        return None

    async def _execute(self, header: Header, body: bytes, certificate: bytes) -> int:
        genesis, read = self._scratch.genesis, decode_body(body)
        proof = decode(Certificate, certificate, MAX_CERTIFICATE)
        with self._scratch.snapshot() as snapshot:
            base = self._scratch.base(snapshot)
            if self._signatures:
                validators = era_after(base.state, base.parent).validators
                self._judge.check(header, proof, validators, genesis.id)
            executed = apply_block(genesis, self._modules, base, header, read)
        await self._verifier.require(executed.checks)
        await self._scratch.commit(header, body, proof, executed)
        return len(read.transactions)


_PARTS: Final = (keys.HEADER, keys.BODY, keys.FINAL)


def _kinds(store: Store, report: Report) -> None:
    """Count the coins; what is no key of ours is surplus."""
    for key, _ in store.iterate():
        report.coins += key[:1] == COIN
        if key[:1] not in KINDS and key[:1] not in addresses.KINDS:
            report.differs(Finding(*named(key, KINDS), "surplus"))


def _compare(store: Store, scratch: SideStore, report: Report) -> None:
    """Every key of both, where all blocks could be executed; else only what is no key of ours."""
    _kinds(store, report)
    if report.damaged:
        return
    with scratch.snapshot() as right:
        for kind in KINDS:
            for difference in differences(store, right, kind) if kind not in OWN else ():
                report.differs(difference.finding(KINDS))


@contextmanager
def _scratch(folder: str, genesis: Genesis, modules: Modules) -> Iterator[SideStore]:
    place = _place(folder)
    shutil.rmtree(place, ignore_errors=True)
    try:
        store = SideStore.open(place, genesis, modules)
        try:
            yield store
        finally:
            store.close()
    finally:
        shutil.rmtree(place, ignore_errors=True)
