"""Every store of a stopped home, each checked as far as its kind allows.

The main chain and sidechains are executed again; wallets, light chains and whatever else there is
are read through against their checksums.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any, Final

import trio

from bystack.node.config import Config
from bystack.node.engines import engines_of
from bystack.node.genesis_files import GenesisFileError, read_genesis
from bystack.node.networks import params_of
from bystack.node.offline.checking import SCRATCH, Options, check_chain
from bystack.node.offline.findings import SHOWN, Report
from bystack.node.offline.showing import Bar
from bystack.node.offline.sidechains import check_sidechain
from bystack.node.sidechain.modules import modules_of
from bystack.node.store.storage import StoreError, read_through
from bystack.primitives.errors import Invalid

CHAIN: Final = "data/mainchain/chain"
LEVELDB: Final = ("CURRENT", "MANIFEST-*", "*.ldb")
AWAY: Final = (
    "move it away: a chain is fetched again, a wallet restored from its phrase or its backup"
)

Say = Callable[[str], None]
Facts = dict[str, Any]


def network_at(home: str, network: str) -> str:
    """The network as `params_of` takes it: a genesis file is named relative to the home."""
    path = os.path.join(home, network)
    return path if os.path.isfile(path) else network


def check_stores(home: str, config: Config, options: Options, say: Say) -> Iterator[Facts]:
    """Check them all; what is found goes to `say` in lines and is given as JSON values."""
    works: dict[str, Callable[[], Facts]] = {}
    for folder in _folders(Path(home, "data")):
        works[folder] = partial(_read, folder, say)
    for one in config.sidechain:
        folder = os.path.join(home, f"data/sidechain-{one.name}/chain")
        if os.path.isdir(folder):
            genesis = os.path.join(home, one.genesis)
            works[folder] = partial(_side, folder, genesis, options.signatures, say)
    chain = os.path.join(home, CHAIN)
    if os.path.isdir(chain):
        works[chain] = partial(_main, chain, network_at(home, config.network), options, say)
    for folder, work in sorted(works.items()):
        yield _guarded(folder, work, say)


def _folders(data: Path) -> set[str]:
    """Every LevelDB directory, also one that has lost files.

    Not what a killed check left behind, nor what LevelDB put aside when it was repaired.
    """
    places = {file.parent for pattern in LEVELDB for file in data.glob(f"**/{pattern}")}
    return {str(one) for one in places if one.suffix != SCRATCH and one.name != "lost"}


def _guarded(folder: str, work: Callable[[], Facts], say: Say) -> Facts:
    """What a check finds, or why the store cannot be checked at all."""
    try:
        return work()
    except StoreError as error:
        say(f"FAIL  {error}")
        return {"path": folder, "sound": False, "error": str(error), "step": error.step}
    except (GenesisFileError, Invalid) as error:
        say(f"FAIL  {folder}: {error}")
        return {"path": folder, "sound": False, "error": str(error), "step": ""}


def _main(folder: str, network: str, options: Options, say: Say) -> Facts:
    params = params_of(network)
    with Bar() as bar:
        report = trio.run(check_chain, folder, params, engines_of(params), options, bar)
    _show(report, bar, say)
    return report.as_json()


def _side(folder: str, file: str, signatures: bool, say: Say) -> Facts:
    genesis = read_genesis(Path(file))
    with Bar() as bar:
        work = partial(check_sidechain, folder, genesis, modules_of(genesis), signatures, bar)
        report = trio.run(work)
    _show(report, bar, say)
    return report.as_json()


def _read(folder: str, say: Say) -> Facts:
    try:
        keys = read_through(folder)
    except StoreError as error:
        raise StoreError(folder, error.fault, AWAY) from None
    say(f"ok    {folder}: {keys} keys read")
    return {"path": folder, "sound": True, "keys": keys}


def _show(report: Report, bar: Bar, say: Say) -> None:
    if report.sound:
        text = f"{report.path}: height {report.height}, {report.coins} coins"
        checked = f"{report.blocks} blocks, {report.transactions} transactions"
        say(f"ok    {text}; {checked} executed again {bar.rate(report.transactions)}")
    else:
        say(f"FAIL  {report.path}: not what its blocks give")
    if report.first_kept > 1:
        say(f"      pruned: blocks from {report.first_kept} on; older coins as stored")
    for finding in (*report.damaged, *report.differences):
        say(f"      {finding}")
    for kind, count in report.counts.items():
        if count > SHOWN:
            say(f"      {kind}: {count} in all")
    if report.step:
        say(f"      {report.step}")
