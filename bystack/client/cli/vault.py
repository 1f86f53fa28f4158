"""`bystack vault`: operations on a federation's vault, one command each.

Each builds the operation on a member's node, shows what is to be signed and by whom, and says the
next step. Guards and recovery sign offline; `submit` brings their signatures and sends.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import click
import msgspec

from bystack.client.cli.amounts import Amounts
from bystack.client.cli.conventions import (
    guarded,
    home_option,
    json_option,
    name_argument,
    node,
    show,
)
from bystack.client.cli.vault_forms import lines
from bystack.client.rpc import Rpc
from bystack.ledger.amounts import BTM

ID_DIGITS = 64

out_option = click.option(
    "--out", type=click.Path(dir_okay=False, path_type=Path), help="Write it to a file to carry."
)
charter_path = click.Path(exists=True, dir_okay=False, path_type=Path)
charter_argument = click.argument("charter", type=charter_path)
coin_argument = click.argument("coin", default="")
key_option = click.option("--key", default="", help="Group key of terms nobody decided on.")


@click.group()
def vault() -> None:
    """Operations on the vault of federation NAME.

    \b
    Paying:     order, complete, touch         members do these by themselves
    Stopping:   freeze, veto, cancel           the guard
    New terms:  announce, adopt                govern, after its delay
                replace, recover               recovery
    Upkeep:     create, consolidate

    Each command shows the digest that is to be signed, by whom, and what comes next.
    """


def _build(
    name: str, operation: str, home: str, as_json: bool, out: Path | None, **params: Any
) -> None:
    built = node(home).federation(name, "buildvaultoperation", operation, params)
    if out is not None:
        out.write_bytes(msgspec.json.format(msgspec.json.encode({"federation": name, **built})))
        click.echo(f"{out}: carry it to who signs", err=True)
    _tell(name, built, as_json)


def _tell(name: str, built: dict[str, Any], as_json: bool) -> None:
    if as_json:
        return show(built, as_json=True)
    for line in lines(name, built):
        click.echo(line)


def _common(command: Callable[..., None]) -> Callable[..., None]:
    """NAME first; then --home, --json, --out; errors as one sentence."""
    return name_argument(home_option(json_option(out_option(guarded(command)))))


@vault.command("create")
@_common
def create(name: str, home: str, as_json: bool, out: Path | None) -> None:
    """Draft the vault's creation; every policy of the terms signs it.

    Members' keys sign by themselves; guards and recovery sign the file of --out
    offline (bystackd key sign). Next: bystack vault submit NAME tower-1=HEX r1=HEX ...
    """
    _build(name, "create", home, as_json, out)


@vault.command("order")
@_common
@click.argument("seq", type=click.IntRange(0))
def order(name: str, seq: int, home: str, as_json: bool, out: Path | None) -> None:
    """The order of the recorded batch SEQ: who has signed it.

    Signers sign recorded batches only, and members send them by themselves; this shows what one
    waits for, and lets you send it now.
    """
    _build(name, "order", home, as_json, out, seq=seq)


@vault.command("touch")
@_common
@click.option("--tier", default=0, show_default=True, help="Number of the tier that signs.")
def touch(name: str, tier: int, home: str, as_json: bool, out: Path | None) -> None:
    """Void the vault's present seq, when its order stood still for 144 blocks.

    It moves nothing, and shows that the vault lives: recovery alone waits again from here on.
    """
    _build(name, "touch", home, as_json, out, tier=tier)


@vault.command("complete")
@_common
@coin_argument
def complete(name: str, coin: str, home: str, as_json: bool, out: Path | None) -> None:
    """Pay out the pending COIN (TRANSACTION:INDEX) whose delay is over.

    Anybody may; members do it by themselves. COIN may be left out where only one waits.
    """
    _build(name, "complete", home, as_json, out, coin=coin)


@vault.command("veto")
@_common
@coin_argument
@click.option("--charter", type=charter_path, help="Charter it was ordered under, if not this one.")
def veto(
    name: str, coin: str, charter: Path | None, home: str, as_json: bool, out: Path | None
) -> None:
    """Return the pending COIN (TRANSACTION:INDEX) to the vault; the guard signs.

    Only before its delay is over. The requests that it was to pay go back to the queue or are
    refunded; nothing is lost. COIN may be left out where only one waits. The guard is that of the
    terms under which the payout was ordered, even if others are in force since.
    """
    text = _text(charter) if charter else ""
    _build(name, "veto", home, as_json, out, coin=coin, charter=text)


@vault.command("freeze")
@_common
def freeze(name: str, home: str, as_json: bool, out: Path | None) -> None:
    """Stop every order and touch for the guard's time; the guard signs.

    Payouts that wait are not stopped by it: veto them. It can be done again only four times that
    time after it ended. Next: find out what happened; replace the keys if they leaked.
    """
    _build(name, "freeze", home, as_json, out)


@vault.command("announce")
@_common
@charter_argument
def announce(name: str, charter: Path, home: str, as_json: bool, out: Path | None) -> None:
    """Announce the terms of CHARTER, which the federation decided on; govern signs.

    Signers compile the terms themselves and sign only those that were decided on the sidechain.
    They ripen after govern's delay. Next: bystack vault adopt NAME CHARTER
    """
    _build(name, "announce", home, as_json, out, charter=_text(charter))


@vault.command("cancel")
@_common
def cancel(name: str, home: str, as_json: bool, out: Path | None) -> None:
    """Withdraw the announced terms; the guard signs."""
    _build(name, "cancel", home, as_json, out)


@vault.command("adopt")
@_common
@charter_argument
def adopt(name: str, charter: Path, home: str, as_json: bool, out: Path | None) -> None:
    """Put the announced terms of CHARTER in force, once ripe; new keys sign that they are held.

    What the present terms have already signs nothing. Deposit addresses stay as they are.
    """
    _build(name, "adopt", home, as_json, out, charter=_text(charter))


@vault.command("replace")
@_common
@charter_argument
@key_option
def replace(name: str, charter: Path, key: str, home: str, as_json: bool, out: Path | None) -> None:
    """Put the terms of CHARTER in force at once; recovery signs together with govern or guard.

    For keys that leaked: freeze first. Without a decision of the federation the group key stays
    the one in force, save with --key, and a guard signs in govern's place. What is signed is good
    until other terms are in force, whatever guards, or thieves of their keys, do meanwhile; it is
    sent again until it is mined.
    """
    _build(name, "replace", home, as_json, out, charter=_text(charter), key=key)


@vault.command("recover")
@_common
@charter_argument
@key_option
def recover(name: str, charter: Path, key: str, home: str, as_json: bool, out: Path | None) -> None:
    """Put the terms of CHARTER in force; recovery alone signs, once the vault lay idle.

    For a federation that is gone. Any order, touch or announcement makes it wait anew.
    """
    _build(name, "recover", home, as_json, out, charter=_text(charter), key=key)


@vault.command("consolidate")
@_common
@click.argument("asset")
def consolidate(name: str, asset: str, home: str, as_json: bool, out: Path | None) -> None:
    """Join the smallest coins of ASSET (BTM or its id), each 100 blocks deep, into one.

    Anybody may.
    """
    id = BTM.hex() if asset.upper() == "BTM" else asset.lower()
    _build(name, "consolidate", home, as_json, out, asset=id)


def _text(path: Path) -> str:
    try:
        return path.read_text()
    except (OSError, UnicodeDecodeError) as error:
        raise click.ClickException(f"{path}: {error}") from None


@vault.command("submit")
@name_argument
@click.argument("signatures", nargs=-1)
@click.option("--operation", default="", help="Name or id of what was built; else the latest.")
@home_option
@json_option
@guarded
def submit(
    name: str, signatures: tuple[str, ...], operation: str, home: str, as_json: bool
) -> None:
    """Complete and send what was built. SIGNATURES are NAME=HEX, by charter key name.

    Example: bystack vault submit trade tower-1=5f0c... --operation veto
    """
    given = dict(_signature(one) for one in signatures)
    sent = node(home).federation(name, "submitvaultoperation", given, operation)
    show(sent, as_json=as_json)
    if not as_json and sent.get("operation") == "create":
        click.echo(
            "Next: once it lies K main-chain blocks deep: bystack federation genesis"
            f" {name}, on every member's node"
        )


def _signature(text: str) -> tuple[str, str]:
    name, _, signature = text.partition("=")
    if not name or len(signature) != 128:
        raise click.BadParameter(f"{text} is no NAME=HEX with a signature of 64 bytes")
    return name, signature


@vault.command("operations")
@name_argument
@home_option
@json_option
@guarded
def operations(name: str, home: str, as_json: bool) -> None:
    """What was built on this node: who has signed, what is missing, what was sent."""
    found = node(home).federation(name, "listvaultoperations")
    if as_json:
        return show(found, as_json=True)
    for built in found:
        _tell(name, built, False)


@vault.command("show")
@click.argument("name", metavar="NAME|ID")
@home_option
@json_option
@guarded
def show_vault(name: str, home: str, as_json: bool) -> None:
    """A vault as the main chain has it: state, holdings, coins. NAME: of a sidechain of this node;
    the vault of any other by its ID."""
    rpc = node(home)
    id = name if len(name) == ID_DIGITS else rpc.side(name, "getsidechaininfo")["vault"]
    found = rpc.getvault(id)
    show(found if as_json else _readable(rpc, found), as_json=as_json)


def _readable(rpc: Rpc, vault: dict[str, Any]) -> dict[str, Any]:
    """`getvault` with amounts in the units of their assets."""
    amounts, state = Amounts(rpc), vault["state"]
    buckets = [
        {**one, "level": amounts.said(one["asset"], one["level"])} for one in state["buckets"]
    ]
    coins = [
        {**_without(one, "units", "value"), "amount": amounts.said(one["asset"], one["units"])}
        for one in vault["coins"]
    ]
    held = amounts.all_said(vault["holdings"])
    return {**vault, "state": {**state, "buckets": buckets}, "holdings": held, "coins": coins}


def _without(row: dict[str, Any], *names: str) -> dict[str, Any]:
    return {name: one for name, one in row.items() if name not in names}
