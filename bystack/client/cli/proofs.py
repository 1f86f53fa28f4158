"""Proofs on paper: got from a node with `bystack proof`, checked with nothing by `verify-proof`."""

from __future__ import annotations

import sys
import tomllib
from pathlib import Path
from typing import Any

import click

from bystack.client.cli.amounts import SMALLEST, coins, decimal
from bystack.client.cli.conventions import guarded, home_option, json_option, node, show, tell
from bystack.ledger.amounts import BTM
from bystack.ledger.transactions import RetireLock
from bystack.mainchain.evidence import MAX_EVIDENCE, Proved, check_evidence, decode_evidence
from bystack.primitives.errors import Invalid
from bystack.primitives.plain import from_plain, to_plain
from bystack.sidechain.engines import ConsensusError, verifier_of
from bystack.sidechain.entries import in_words
from bystack.sidechain.params import MAX_GENESIS, Genesis
from bystack.sidechain.proof_files import (
    MAGIC,
    MAX_PROOF_FILE,
    BatchedOrder,
    BurnRecord,
    ProofFile,
    RecordProof,
    check_proof,
    is_proof,
    read_proof,
)
from bystack.sidechain.proofs import StateProof

AMOUNTS = frozenset(
    ("amount", "burned", "payout", "flat", "circulating", "pool", "owed", "lost", "donated")
)
"""Fields of what the chain proves that count smallest units of an asset."""

file_argument = click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))


@click.command()
@click.argument("what")
@click.argument("out", type=click.Path(dir_okay=False, path_type=Path))
@click.option("--under", default="", help="Id of a newer block to prove it under; else its own.")
@click.option("--sidechain", default="", help="Prove a fact of this sidechain.")
@home_option
@json_option
@guarded
def proof(what: str, out: Path, under: str, sidechain: str, home: str, as_json: bool) -> None:
    """Write the proof of WHAT into the file OUT.

    \b
    TXID                             a transaction of the main chain
    with --sidechain NAME:
      burn:PEGOUT_ID                 what was burned, and who is to be paid
      order:SEQ                      the batch that the federation has to sign
      claim:TXID:N  pegout:ID  batch:SEQ  certificate:DIGEST  epoch:N
      sums:ASSET  conviction:KEY     entries of the state as they are now, or their absence
      entry:KEY                      any entry, by its key in hex
    """
    if sidechain:
        return _side_proof(home, sidechain, what, out, as_json=as_json)
    data = bytes.fromhex(node(home).getevidence(what, under or None))
    out.write_bytes(data)
    header = decode_evidence(data).header.id.hex()
    return _written(out, "header", header, as_json=as_json)


def _written(out: Path, anchor: str, id: str, *, as_json: bool) -> None:
    """A proof lies in a file; `anchor` ("header", "chain") is what its reader must trust."""
    says = f"Checked by anybody with: bystack verify-proof {out} --{anchor} {id}"
    tell({"file": str(out), anchor: id}, says, as_json=as_json)


def _side_proof(home: str, sidechain: str, what: str, out: Path, *, as_json: bool) -> None:
    kind, _, asked = what.partition(":")
    made = node(home).side(sidechain, "getproof", kind, asked)
    out.write_bytes(bytes.fromhex(made["hex"]))
    _written(out, "chain", made["chain_id"], as_json=as_json)


@click.command("verify-proof")
@file_argument
@click.option("--header", default="", help="Main chain: id of a block you trust.")
@click.option("--chain", default="", help="Sidechain: its id, from where you trust it.")
@click.option(
    "--genesis",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="Sidechain: its genesis file, in place of its id.",
)
@json_option
def verify_proof(file: Path, header: str, chain: str, genesis: Path | None, as_json: bool) -> None:
    """Check a proof without any node, and say what it proves.

    A proof of the main chain stands under a block (--header); one of a sidechain under the
    sidechain's id (--chain, or --genesis): it shows itself who validates there since.
    """
    with file.open("rb") as data:
        begins = data.read(len(MAGIC))
        limit = MAX_PROOF_FILE if is_proof(begins) else MAX_EVIDENCE
        content = begins + data.read(limit)
    try:
        if is_proof(content):
            trusted = _trusted(chain, genesis, read_proof(content))
            return _show_fact(_checked(content, trusted), as_json=as_json)
        if not header:
            raise click.UsageError("--header is needed: this is no proof of a sidechain")
        proved = check_evidence(decode_evidence(content), _id(header, "a block"))
    except (Invalid, ConsensusError) as error:
        click.echo(f"Not proved. {error}", err=True)
        sys.exit(1)
    _show_proved(proved, as_json=as_json)


def _id(text: str, what: str) -> bytes:
    try:
        data = bytes.fromhex(text)
    except ValueError:
        data = b""
    if len(data) != 32:
        raise click.BadParameter(f"the id of {what} is 64 hex digits")
    return data


def _trusted(chain: str, genesis: Path | None, file: ProofFile) -> bytes:
    """The sidechain's id as the user brings it; never the file's own."""
    if genesis is not None:
        return _genesis_of(genesis).id
    if not chain:
        claimed = file.genesis.id.hex()
        text = f"--chain or --genesis is needed: the proof claims to be of the sidechain {claimed}"
        raise click.UsageError(f"{text}; compare that with what people you believe say")
    return _id(chain, "a sidechain")


def _genesis_of(path: Path) -> Genesis:
    try:
        with path.open("rb") as file:
            table = tomllib.loads(file.read(8 * MAX_GENESIS).decode())
    except (ValueError, RecursionError) as error:
        raise click.BadParameter(f"{path}: no genesis file ({error})") from None
    found: Genesis = from_plain(Genesis, table)
    return found


def _checked(content: bytes, trusted: bytes) -> tuple[ProofFile, RecordProof | StateProof]:
    file = read_proof(content)
    return file, check_proof(file, trusted, verifier_of(file.genesis))


def _show_fact(checked: tuple[ProofFile, RecordProof | StateProof], *, as_json: bool) -> None:
    file, claim = checked
    told, header = _told(claim), claim.final.header
    facts = {
        "proved": True,
        "sidechain": file.genesis.name,
        "chain_id": file.genesis.id.hex(),
        "height": header.height,
        "block": header.id.hex(),
        "time": header.time // 1000,
        "epoch": header.epoch,
    }
    if as_json:
        return show({**facts, **told}, as_json=True)
    click.echo(told["says"])
    asset, kind = "", told["kind"]
    if isinstance(claim, StateProof):
        asset, kind = claim.key[-32:].hex(), in_words(claim.key, None).kind
    own = _readable(told["fields"], file.genesis, asset)
    # What is proved has a height, a time of its own: they are not those of the block that shows it.
    shown = {f"{kind}_{name}" if name in facts else name: one for name, one in own.items()}
    show({**facts, **shown}, as_json=False)


def _readable(value: Any, genesis: Genesis, asset: str = "") -> Any:
    """What is proved as people read it: amounts; times in seconds, as the block's. `asset`: theirs
    where nothing else says.

    The sidechain's genesis, which was proved with it, says how many decimals an asset has.
    """
    match value:
        case dict():
            known = genesis.by_asset.get(bytes.fromhex(value.get("asset", asset)))
            return {
                name: f"{decimal(one, known.decimals)} {known.name}"
                if known is not None and name in AMOUNTS and type(one) is int
                else one // 1000
                if name == "time"
                else _readable(one, genesis, asset)
                for name, one in value.items()
            }
        case list():
            return [_readable(one, genesis, asset) for one in value]
        case _:
            return value


def _told(claim: RecordProof | StateProof) -> dict[str, Any]:
    if isinstance(claim, StateProof):
        found = in_words(claim.key, claim.value[0] if claim.value else None)
        facts = {"kind": "entry", "key": claim.key.hex(), "present": bool(claim.value)}
        return {**facts, "says": found.sentence, "fields": found.fields}
    match claim.record:
        case BurnRecord(id, request):
            says = "This was burned on the sidechain, and is to be paid on the main chain."
            fields = {"pegout_id": id.hex(), **to_plain(request)}
            return {"kind": "burn", "says": says, "fields": fields}
        case BatchedOrder(batch):
            says = "The sidechain recorded this order, which the federation has to sign."
            return {"kind": "order", "says": says, "fields": to_plain(batch)}


def _show_proved(proved: Proved, *, as_json: bool) -> None:
    retired = [
        {"asset": output.asset.hex(), "units": output.amount, "data": output.lock.data.hex()}
        for output in proved.retired
        if isinstance(output.lock, RetireLock)
    ]
    facts = {
        "proved": True,
        "txid": proved.transaction.id.hex(),
        "block": proved.header.id.hex(),
        "height": proved.header.height,
        "time": proved.header.time,
    }
    if as_json:
        return show({**facts, "retired": retired}, as_json=True)
    show(facts, as_json=False)
    for one in retired:
        click.echo(f"retired: {_retired(one)} with data {one['data']}")


def _retired(one: dict[str, Any]) -> str:
    """How much; no node is asked, and the proof does not say how many decimals an asset has."""
    if one["asset"] == BTM.hex():
        return coins(one["units"])
    return f"{one['units']} {SMALLEST} of {one['asset']}"
