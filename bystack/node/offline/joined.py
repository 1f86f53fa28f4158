"""Checking a stopped sidechain's store that began from a snapshot.

Its first blocks cannot be executed again. So the state is built up anew from its entries, coins and
outbox leaves and must be what the last header commits to; and every block held must stand on the
one before, hold what its header says, and be certified by the validators its epoch's proof names.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator, Mapping
from functools import partial

from bystack.node.offline.comparing import differences
from bystack.node.offline.findings import Finding, Progress, Report
from bystack.node.sidechain import columns as keys
from bystack.node.sidechain.columns import MAX_CERTIFICATE, MAX_EPOCH_PROOF, Tip
from bystack.node.sidechain.snapshots.arriving import Arriving
from bystack.node.sidechain.snapshots.shelf import rows_of
from bystack.node.sidechain.voting.engines import verifier_of
from bystack.node.store.storage import Store
from bystack.primitives.codec import decode
from bystack.primitives.errors import Invalid
from bystack.primitives.hashes import fixed
from bystack.sidechain.blocks import Header, decode_body, decode_header
from bystack.sidechain.consensus.light import EpochProof
from bystack.sidechain.consensus.statements import Certificate
from bystack.sidechain.consensus.validators import ValidatorSet
from bystack.sidechain.params import Genesis
from bystack.sidechain.records import OUTBOX
from bystack.sidechain.snapshots.manifests import Manifest, check_manifest
from bystack.sidechain.snapshots.restoring import check_whole
from bystack.sidechain.snapshots.rows import cut


class BlockApart(Invalid):
    """The block does not stand on the one before it, or its body is another block's."""


def check_joined(
    store: Store, place: str, genesis: Genesis, report: Report, progress: Progress
) -> None:
    """Note in `report` what is wrong with the store; `place` is a folder to work in, gone after."""
    tip = decode(Tip, store.get(keys.TIP) or b"", 1_000)
    base = int.from_bytes(store.get(keys.BASE) or b"", "big")
    report.height, report.first_kept = tip.height, base + 1
    header = _header(store, tip.height)
    report.tip = header.id.hex()
    _guarded(report, "state", str(tip.height), partial(_state, store, place, header, tip, report))
    sets = dict(_sets(store, genesis)) if report.signatures else {}
    for height in range(base + 1, tip.height + 1):
        work = partial(_block, store, height, genesis, sets)
        _guarded(report, "block", str(height), work)
        report.blocks += 1
        progress("blocks", height - base, tip.height - base)


def _guarded(report: Report, kind: str, id: str, work: Callable[[], None]) -> None:
    try:
        work()
    except Invalid as error:
        report.damaged.append(Finding(kind, id, f"damaged or invalid ({error.rule})"))


def _header(store: Store, height: int) -> Header:
    return decode_header(store.get(keys.HEADER + fixed(height)) or b"")


def _state(store: Store, place: str, header: Header, tip: Tip, report: Report) -> None:
    manifest = Manifest(header, tip.system_root, tip.multiset, 1, (bytes(32),))
    check_manifest(manifest, header.chain)
    shutil.rmtree(place, ignore_errors=True)
    os.makedirs(place, mode=0o700)
    try:
        built = Arriving.open(place, header.chain)
        try:
            built.begin(manifest)
            for chunk in cut(rows_of(store)):
                built.take(chunk)
            check_whole(manifest, built.progress, store.get(keys.STATE + OUTBOX))
            for kind in (keys.TRIE, keys.NODE):
                for difference in differences(store, built.view, kind):
                    report.differs(difference.finding(KINDS))
        finally:
            built.close()
    finally:
        shutil.rmtree(place, ignore_errors=True)


KINDS: Mapping[bytes, str] = {keys.TRIE: "trie node", keys.NODE: "outbox node"}


def _sets(store: Store, genesis: Genesis) -> Iterator[tuple[int, ValidatorSet]]:
    """Every epoch's validators, as the proofs name them; the last ones are of recent epochs."""
    known = genesis.validator_set
    yield known.epoch, known
    for _, data in store.iterate(keys.EPOCH):
        chosen = decode(EpochProof, data, MAX_EPOCH_PROOF).validators
        known = ValidatorSet(known.epoch + 1, chosen or known.validators)
        yield known.epoch, known


def _block(store: Store, height: int, genesis: Genesis, sets: Mapping[int, ValidatorSet]) -> None:
    header, parent = _header(store, height), _header(store, height - 1)
    body = decode_body(store.get(keys.BODY + fixed(height)) or b"")
    found = decode(Certificate, store.get(keys.FINAL + fixed(height)) or b"", MAX_CERTIFICATE)
    before = decode(Certificate, store.get(keys.FINAL + fixed(height - 1)) or b"", MAX_CERTIFICATE)
    named = (header.height, header.parent, header.parent_certificate, found.block)
    if named != (height, parent.id, before.hash, header.id):
        raise BlockApart(height=height, parent=header.parent)
    if body.roots != (header.transaction_root, header.witness_root):
        raise BlockApart(height=height, transactions=len(body.transactions))
    if header.epoch in sets:
        verifier_of(genesis).check(header, found, sets[header.epoch], genesis.id)
