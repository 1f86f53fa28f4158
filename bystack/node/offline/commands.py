"""`bystackd check`, `export`, `import`: commands on a home whose node is stopped.

Imports of weight wait until a command runs.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import click

from bystack.node.config import Config
from bystack.node.homes import end, expanded, home_option, json_option, load, tell


@contextmanager
def _stopped(home: str) -> Iterator[None]:
    """Hold the home's lock; exit 1 when a node runs on it."""
    from bystack.node.processes.supervisor import HomeLocked, lock_home

    try:
        handle = lock_home(home)
    except HomeLocked as error:
        end(str(error), 1)
    try:
        yield
    finally:
        os.close(handle)


@click.command()
@home_option
@click.option("--quick", is_flag=True, help="Leave the stored chains alone.")
@click.option("--no-signatures", is_flag=True, help="Take stored signatures for true.")
@click.option("--repair", is_flag=True, help="Put right what can be put right.")
@json_option
def check(home: str, quick: bool, no_signatures: bool, repair: bool, as_json: bool) -> None:
    """Check a home: configuration, files, permissions, disk, kernel, and the stored chains.

    The node must be stopped. Coins, undo data and indexes of the main chain, coins and state of
    sidechains are computed again from the stored blocks, signatures included, and compared with
    what is stored; every difference is named. With --repair the main chain is rebuilt from its
    sound blocks; damaged ones are fetched again. Exit code 1 when something is wrong and not
    repaired.
    """
    from bystack.node.processes.health import examine

    home = expanded(home)
    config = load(home)
    findings = examine(home, config)
    reports: list[dict[str, Any]] = []
    if not as_json:
        for finding in findings:
            click.echo(f"{'ok  ' if finding.good else 'FAIL'}  {finding.text}")
    if not quick:
        with _stopped(home):
            reports = _checked(home, config, not no_signatures, repair, as_json)
    if as_json:
        _print_json([finding._asdict() for finding in findings], reports)
    sound = all(one["sound"] or one.get("repaired") for one in reports)
    sys.exit(0 if sound and all(finding.good for finding in findings) else 1)


def _checked(
    home: str, config: Config, signatures: bool, repair: bool, quiet: bool
) -> list[dict[str, Any]]:
    from bystack.node.offline.checking import Options
    from bystack.node.offline.stores import check_stores

    say = (lambda line: None) if quiet else click.echo
    return list(check_stores(home, config, Options(signatures, repair), say))


def _print_json(findings: list[dict[str, Any]], reports: list[dict[str, Any]]) -> None:
    tell({"home": findings, "stores": reports}, "", as_json=True)


@click.command("export")
@home_option
@click.option("--file", "file", required=True, type=click.Path(dir_okay=False), help="To write.")
@click.option(
    "--from", "first", type=click.IntRange(1), default=1, show_default=True, help="First height."
)
@json_option
def export_command(home: str, file: str, first: int, as_json: bool) -> None:
    """Write the main chain's blocks to a file. The node must be stopped.

    The file is a stream of MessagePack objects; `bystackd import` reads it. It appears when it is
    whole; a file of that name is never overwritten.
    """
    from bystack.node.offline.exporting import export_chain
    from bystack.node.offline.showing import Bar

    home = expanded(home)
    with _main_store(home) as store, _explained(), Bar() as bar:
        begin, last = export_chain(store, file, first, bar)
        size = os.path.getsize(file)
    says = f"{file}: blocks {begin} to {last}, {size} bytes, {bar.rate(last - begin + 1)}"
    facts = {"path": file, "first": begin, "last": last, "bytes": size}
    tell(facts, says, as_json=as_json)


@click.command("import")
@home_option
@click.option(
    "--file", "file", required=True, type=click.Path(exists=True, dir_okay=False), help="To read."
)
@json_option
def import_command(home: str, file: str, as_json: bool) -> None:
    """Take blocks from a file into the main chain. The node must be stopped.

    Every block is judged as if a peer had sent it; blocks known here are passed over, so an import
    that was cut short goes on where it stopped. Of a file that turns bad in the middle the valid
    blocks before that place are kept.
    """
    import time

    import trio

    from bystack.node.offline.importing import Importing
    from bystack.node.offline.showing import Bar
    from bystack.node.verifying.verifier import Verifier

    home = expanded(home)
    with _main_store(home) as store, _explained(), open(file, "rb") as source:
        bar = Bar()
        importing = Importing(store, Verifier(), int(time.time()), bar)
        try:
            with bar:  # stopped before anything else is written
                trio.run(importing.run, source)
        finally:
            done = importing.done
            text = f"{done.read} blocks read, {done.known} of them known; height {done.height}"
            facts = {"path": file, "read": done.read, "known": done.known, "height": done.height}
            tell(facts, f"{file}: {text}, {bar.rate(done.read)}", as_json=as_json)


@contextmanager
def _main_store(home: str) -> Iterator[Any]:
    """The store of a stopped node's main chain."""
    from bystack.node.engines import engines_of
    from bystack.node.networks import params_of
    from bystack.node.offline.stores import CHAIN, network_at
    from bystack.node.store.chainstore import ChainStore

    config = load(home)
    params = params_of(network_at(home, config.network))
    with _stopped(home), _explained():
        os.makedirs(os.path.dirname(os.path.join(home, CHAIN)), mode=0o700, exist_ok=True)
        store = ChainStore.open(
            os.path.join(home, CHAIN), params, config.mainchain.cache_mb, engines_of(params)
        )
        try:
            yield store
        finally:
            store.close()


@contextmanager
def _explained() -> Iterator[None]:
    """What a file or a store may do wrong, as one sentence and exit code 1."""
    from bystack.node.offline.importing import BlockRefused
    from bystack.node.store.storage import StoreError
    from bystack.primitives.errors import Invalid

    try:
        yield
    except (Invalid, BlockRefused, StoreError, OSError) as error:
        end(str(error), 1)
