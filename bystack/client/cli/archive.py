"""Carrying a chain out of a running node and into one: `bystack export`, `bystack import`.

The file is that of `bystackd export` and `import`; here the node's RPC gives and takes the blocks.
For analysts `export` writes tables instead (`columns`).
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO, Final

import click

from bystack.client.bars import Bar
from bystack.client.cli.conventions import guarded, home_option, node
from bystack.client.rpc import Rpc
from bystack.mainchain.archive import Network, Reader, Writer
from bystack.mainchain.blocks import Block, decode_block
from bystack.primitives.addresses import split_address
from bystack.primitives.codec import encode
from bystack.primitives.errors import Invalid

AT_ONCE: Final = 8
"""Blocks asked for in one request: eight full ones are 64 MB of hex."""
CHUNK: Final = 1_000_000
KNOWN: Final = ("duplicate", "inconclusive")


@click.command("export")
@click.option("--file", "file", type=click.Path(dir_okay=False), help="To write.")
@click.option("--parquet", type=click.Path(path_type=Path), help="Folder to make, with tables.")
@click.option("--from", "first", default=1, show_default=True, help="First height.")
@home_option
@guarded
def export_command(file: str | None, parquet: Path | None, first: int, home: str) -> None:
    """Write the main chain's blocks to a file, from a running node; or to tables, for analysts.

    The file appears when it is whole; a file of that name is never overwritten. bystackd import
    reads it into a stopped node, bystack import into a running one.

    \b
    bystack export --file main.chain
    bystack export --parquet chain-1 --from 1

    With --parquet a folder appears, with blocks, transactions, inputs and outputs, which DuckDB,
    Spark and others read. The last blocks may yet be reorganised away.
    """
    target = file if file is not None else parquet
    if target is None or None not in (file, parquet):
        raise click.UsageError("give --file or --parquet, one of them")
    if os.path.lexists(target):
        raise click.ClickException(f"{target} exists already; choose another name")
    rpc = node(home)
    info = rpc.call("getblockchaininfo")
    first, last = max(first, int(info.get("pruneheight", 1))), int(info["blocks"])
    if isinstance(target, Path):
        told = _tabled(rpc, target, info, range(first, last + 1))
    else:
        told = _filed(rpc, target, info, range(first, last + 1))
    click.echo(f"{target}: blocks {first} to {last}, {told}")


def _filed(rpc: Rpc, file: str, info: dict[str, Any], heights: range) -> str:
    """Write an archive; what became of it, in words."""
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
    return f"{os.path.getsize(file)} bytes"


def _tabled(rpc: Rpc, folder: Path, info: dict[str, Any], heights: range) -> str:
    """Write the tables; what became of them, in words."""
    try:
        from bystack.client.columns import SCHEMAS, Tables
    except ImportError as error:
        text = "tables need pyarrow; install it with: pip install 'bystack[parquet]'"
        raise click.ClickException(text) from error
    about = {"chain_id": info["chain_id"], "first": heights.start, "last": heights.stop - 1}
    draft = folder.with_name(f"{folder.name}.part")
    draft.mkdir(parents=True)
    try:
        with Tables(draft, _prefix(rpc, heights), about) as tables, Bar("blocks") as bar:
            for number, data in enumerate(_blocks(rpc, heights), 1):
                tables.block(decode_block(data), len(data))
                bar.show(number / len(heights))
        draft.rename(folder)
    finally:
        shutil.rmtree(draft, ignore_errors=True)
    return f"as {', '.join(SCHEMAS)}"


def _prefix(rpc: Rpc, heights: range) -> str:
    """What the network's addresses begin with, seen on one of them; empty if none is seen."""
    if not heights:
        return ""
    (block,) = rpc.batch("getblock", [[rpc.call("getblockhash", heights[0]), 2]])
    outputs = [one for transaction in block["tx"] for one in transaction["vout"]]
    found = [split_address(one["address"]).hrp for one in outputs if "address" in one]
    return found[0] if found else ""


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
                raise click.ClickException("the chain was reorganised meanwhile; run it again")
            previous = header.id
            yield data


@click.command("import")
@click.option("--file", "file", required=True, type=click.Path(exists=True, dir_okay=False))
@home_option
@guarded
def import_command(file: str, home: str) -> None:
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
        click.echo(f"{file}: {taken} blocks taken, {known} known")


def _read(source: BinaryIO, reader: Reader) -> Iterator[Block]:
    while data := source.read(CHUNK):
        for block, _ in reader.receive(data):
            yield block
    reader.finish()
