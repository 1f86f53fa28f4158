"""Carrying a chain out of a running node and into one: `bystack export`, `bystack import`.

The file is that of `bystackd export` and `import`; here the node's RPC gives and takes the blocks.
For analysts `export` writes tables instead (`bystack.client.indexing`), of any chain.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO, Final

import click

from bystack.client.bars import Bar
from bystack.client.cli.conventions import guarded, harmless, home_option, json_option, node, tell
from bystack.client.indexing.source import (
    MAIN,
    ChangedMeanwhile,
    NodeSource,
    Unreadable,
    every_block,
)
from bystack.client.rpc import Rpc
from bystack.mainchain.archive import Network, Reader, Writer
from bystack.mainchain.blocks import Block, decode_block
from bystack.primitives.codec import encode
from bystack.primitives.errors import Invalid

AT_ONCE: Final = 8
"""Blocks asked for in one request: eight full ones are 64 MB of hex."""
CHUNK: Final = 1_000_000
REORGANISED: Final = "the chain was reorganised meanwhile; run it again"
KNOWN: Final = ("duplicate", "inconclusive")


@click.command("export")
@click.option("--file", "file", type=click.Path(dir_okay=False), help="To write.")
@click.option("--parquet", type=click.Path(path_type=Path), help="Folder to make, with tables.")
@click.option("--chain", default=MAIN, show_default=True, help="main, or a sidechain's name.")
@click.option(
    "--from",
    "first",
    type=click.IntRange(1, 2**53),
    default=1,
    show_default=True,
    help="First height.",
)
@home_option
@json_option
@guarded
def export_command(
    file: str | None, parquet: Path | None, chain: str, first: int, home: str, as_json: bool
) -> None:
    """Write the main chain's blocks to a file, from a running node; or any chain's to tables.

    The file appears when it is whole; a file of that name is never overwritten. bystackd import
    reads it into a stopped node, bystack import into a running one.

    \b
    bystack export --file main.chain
    bystack export --parquet chain-1 --from 1
    bystack export --parquet trade-1 --chain trade

    With --parquet a folder appears, with a file for each table, which DuckDB, Spark and others
    read; the tables are those of bystack index. The main chain's last blocks may yet be
    reorganised away.
    """
    target = file if file is not None else parquet
    if target is None or None not in (file, parquet):
        raise click.UsageError("give --file or --parquet, one of them")
    if os.path.lexists(target):
        raise click.ClickException(f"{target} exists already; choose another name")
    rpc = node(home)
    if isinstance(target, Path):
        told = _tabled(NodeSource(rpc, chain), target, first)
    elif chain != MAIN:
        raise click.UsageError("--file is for the main chain; sidechains have --parquet")
    else:
        told = _filed(rpc, target, first)
    says = f"{target}: blocks {told['first']} to {told['last']}, "
    says += f"as {', '.join(told['tables'])}" if parquet else f"{told['bytes']} bytes"
    tell({"path": str(target), **told}, says, as_json=as_json)


def _filed(rpc: Rpc, file: str, first: int) -> dict[str, Any]:
    """Write an archive; its first and last block, its size in bytes."""
    info = rpc.call("getblockchaininfo")
    first, last = max(first, int(info.get("pruneheight", 1))), int(info["blocks"])
    heights = _there(range(first, last + 1), MAIN)
    writer = Writer(_network(info), heights.start, heights.stop - 1)
    draft = f"{file}.part"
    try:
        with open(draft, "wb") as out:
            _write(rpc, out, writer, heights)
            out.flush()
            os.fsync(out.fileno())
        os.rename(draft, file)
    finally:
        if os.path.lexists(draft):
            os.unlink(draft)
    return {"first": first, "last": last, "bytes": os.path.getsize(file)}


def _tabled(source: NodeSource, folder: Path, first: int) -> dict[str, Any]:
    """Write the tables; the first and last block in them, and what they are called."""
    try:
        from bystack.client.indexing.parquet import Files
    except ImportError as error:
        text = "tables need pyarrow; install it with: pip install 'bystack[parquet]'"
        raise click.ClickException(text) from error
    now, chain = source.standing(), source.identity
    heights = _there(range(max(first, now.first), now.height + 1), chain.name)
    place = {"first": heights.start, "last": now.height}
    about = {"chain": chain.name, "chain_id": chain.chain_id, **place}
    draft = folder.with_name(f"{folder.name}.part")
    try:
        draft.mkdir(parents=True)
    except FileExistsError:
        text = f"{draft} is there: another run writes it, or one was killed; then remove it"
        raise click.ClickException(text) from None
    try:
        with Files(draft, chain.kind, about) as files, Bar("blocks") as bar:
            files.add({"assets": list(source.assets)})
            for number, block in enumerate(every_block(source, heights), 1):
                files.add(block.rows)
                bar.show(number / len(heights))
        draft.rename(folder)
    except ChangedMeanwhile:
        raise click.ClickException(REORGANISED) from None
    except Unreadable as error:
        raise click.ClickException(harmless(str(error))) from None
    finally:
        shutil.rmtree(draft, ignore_errors=True)
    return {**place, "tables": list(files.names)}


def _there(heights: range, chain: str) -> range:
    """Heights of which there is one at least."""
    if not heights:
        text = f"no block at {heights.start} yet: the chain {chain} ends at {heights.stop - 1}"
        raise click.ClickException(text)
    return heights


def _network(info: dict[str, Any]) -> Network:
    return Network(bytes.fromhex(info["magic"]), bytes.fromhex(info["chain_id"]))


def _write(rpc: Rpc, out: BinaryIO, writer: Writer, heights: range) -> None:
    out.write(writer.begin)
    with Bar("blocks") as bar:
        for number, data in enumerate(_blocks(rpc, heights), 1):
            out.write(writer.block(data))
            bar.show(number / len(heights))
    out.write(writer.end())


def _blocks(rpc: Rpc, heights: range) -> Iterator[bytes]:
    """The blocks at these heights, each the child of the one before."""
    previous = b""
    for start in range(0, len(heights), AT_ONCE):
        part = heights[start : start + AT_ONCE]
        ids = rpc.batch("getblockhash", [[height] for height in part])
        for text in rpc.batch("getblock", [[id, 0] for id in ids]):
            data = bytes.fromhex(text)
            header = decode_block(data).header
            if previous and header.previous != previous:
                raise click.ClickException(REORGANISED)
            previous = header.id
            yield data


@click.command("import")
@click.option("--file", "file", required=True, type=click.Path(exists=True, dir_okay=False))
@home_option
@json_option
@guarded
def import_command(file: str, home: str, as_json: bool) -> None:
    """Hand the blocks of a file to a running node, one by one; those it knows are passed over.

    For many blocks stop the node and use bystackd import, which is faster.
    """
    rpc = node(home)
    reader, known, taken = Reader(_network(rpc.call("getblockchaininfo"))), 0, 0
    try:
        with open(file, "rb") as source, Bar("blocks") as bar:
            size = max(1, os.path.getsize(file))
            for block in _read(source, reader):
                bar.show(source.tell() / size)
                answer = rpc.call("submitblock", encode(block).hex())
                if answer is not None and answer not in KNOWN:
                    text = f"the block at height {block.header.height} is refused: {answer}"
                    raise click.ClickException(text)
                known, taken = known + (answer in KNOWN), taken + (answer is None)
    except Invalid as error:
        raise click.ClickException(str(error)) from None
    finally:
        says = f"{file}: {taken} blocks taken, {known} known"
        tell({"path": file, "taken": taken, "known": known}, says, as_json=as_json)


def _read(source: BinaryIO, reader: Reader) -> Iterator[Block]:
    while data := source.read(CHUNK):
        for block, _ in reader.receive(data):
            yield block
    reader.finish()
