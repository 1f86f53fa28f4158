"""A guard's commands: what it sees, what it raised, and the acts that need a person."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import click
import msgspec

from bystack.client.cli.amounts import Amounts, coins
from bystack.client.cli.conventions import (
    guarded,
    harmless,
    home_option,
    json_option,
    name_argument,
    node,
    show,
)

NEXT = {
    "freeze": "members find out why; recovery or a new quorum decides before the freeze ends",
    "veto": "the coin returns to the treasury; its requests return to the queue",
    "cancel": "govern may announce again: find out who holds its keys",
}


out_option = click.option(
    "--out",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Write the request to a file, for other guards' keys (bystackd key sign KEY FILE).",
)


@click.group()
def guard() -> None:
    """A watchtower over the vault of the sidechain NAME.

    It can freeze (no payouts for a while), veto (a delayed payout) and cancel (announced terms);
    it can move nothing. See docs/guards.md.
    """


@guard.command("status")
@name_argument
@home_option
@json_option
@guarded
def status(name: str, home: str, as_json: bool) -> None:
    """What the guard sees, how the vault stands, what it can pay in fees."""
    rpc = node(home)
    found = rpc.guard(name, "getguardinfo")
    if as_json:
        show(found, as_json=True)
        return
    vault = found.pop("vault") or {"vault": "not seen yet"}
    sponsor = found.pop("sponsor")
    purse = {
        "sponsor": sponsor["address"],
        "balance": coins(sponsor["balance"]),
        "coins": sponsor["coins"],
    }
    show({**found, **purse}, as_json=False)
    click.echo("")
    pending = vault.pop("pending", [])
    show({f"vault {key}": value for key, value in vault.items()}, as_json=False)
    amounts = Amounts(rpc)
    for coin in pending:
        held = harmless(amounts.said(coin["asset"], coin["units"]))
        click.echo(f"pending until {coin['mature']}: {coin['outpoint']} {held} ({coin['asset']})")
    click.echo(f"\nNext: {_advice(name, found, sponsor)}")


def _advice(name: str, found: dict[str, Any], sponsor: dict[str, Any]) -> str:
    if not found["seeing"]:
        return "the node is not up to date, so the guard judges nothing: see bystack status"
    if not sponsor["balance"]:
        return f"send BTM to {sponsor['address']}: without it no act gets into a block"
    if sponsor["coins"] < 2:
        return f"send a second coin to {sponsor['address']}: each act needs one of its own"
    if found["standing"] or found["alarms"]:
        return f"bystack guard alarms {name}"
    return "nothing to do: the guard watches"


@guard.command("alarms")
@name_argument
@click.option("--count", default=20, show_default=True, help="How many, newest last.")
@click.option("--follow", is_flag=True, help="Go on with each new one, one JSON object a line.")
@home_option
@json_option
@guarded
def alarms(name: str, count: int, follow: bool, home: str, as_json: bool) -> None:
    """What the guard raised: kind, height of the main chain, facts."""
    rpc = node(home)
    rows = rpc.guard(name, "listalarms", count)
    if follow:
        _follow(rpc, name, rows)
    if as_json or not rows:
        show(rows or ([] if as_json else "no alarms"), as_json=as_json)
        return
    amounts = Amounts(rpc)
    show([_row(one, amounts) for one in rows], as_json=False)
    click.echo(f"\nNext: bystack guard status {name}; what each kind means: docs/guards.md")


def _row(alarm: dict[str, Any], amounts: Amounts) -> dict[str, Any]:
    when = time.strftime("%Y-%m-%d %H:%M:%S", time.gmtime(alarm["time"]))
    over = not alarm["standing"] and not alarm["facts"]
    kind = alarm["kind"] + (" (over)" if over else "")
    facts = {name: _fact(name, fact, amounts) for name, fact in alarm["facts"].items()}
    return {"time": when, "height": alarm["height"], "kind": kind, "facts": facts}


def _fact(name: str, fact: Any, amounts: Amounts) -> Any:
    """A fact of an alarm, amounts as people read them."""
    match name:
        case "amounts" | "deficits" | "missing":
            return amounts.all_said(fact)
        case "balance" | "least":
            return coins(fact)
        case _:
            return fact


def _follow(rpc: Any, name: str, rows: list[dict[str, Any]]) -> None:
    """Print what is there and whatever comes, until interrupted."""
    seen = 0
    while True:
        for one in rows:
            click.echo(json.dumps(one))
        seen = seen or rpc.guard(name, "getguardinfo")["alarms"]
        time.sleep(1)
        total = rpc.guard(name, "getguardinfo")["alarms"]
        fresh = min(1000, total - seen)
        rows, seen = (rpc.guard(name, "listalarms", fresh) if fresh > 0 else []), total


@guard.command("acts")
@name_argument
@home_option
@json_option
@guarded
def acts(name: str, home: str, as_json: bool) -> None:
    """Acts on their way: what was sent, and what is missing."""
    rows = node(home).guard(name, "listacts")
    if not as_json:
        rows = [{key: one for key, one in row.items() if key != "request"} for row in rows]
    show(rows or ([] if as_json else "no act is on its way"), as_json=as_json)


@guard.command("freeze")
@name_argument
@out_option
@home_option
@json_option
@guarded
def freeze(name: str, out: Path | None, home: str, as_json: bool) -> None:
    """Stop payouts for the charter's number of blocks. Not again for four times as long after."""
    _acted(node(home).guard(name, "freezevault"), out, as_json=as_json)


@guard.command("veto")
@name_argument
@click.argument("outpoint", metavar="TXID:VOUT")
@out_option
@home_option
@json_option
@guarded
def veto(name: str, outpoint: str, out: Path | None, home: str, as_json: bool) -> None:
    """Send a delayed payout back; `status` lists those that wait."""
    txid, _, index = outpoint.partition(":")
    if not index.isdigit():
        raise click.BadParameter(f"{outpoint}: expected TXID:VOUT as bystack guard status shows it")
    _acted(node(home).guard(name, "vetopayout", txid, int(index)), out, as_json=as_json)


@guard.command("cancel")
@name_argument
@click.argument("terms")
@out_option
@home_option
@json_option
@guarded
def cancel(name: str, terms: str, out: Path | None, home: str, as_json: bool) -> None:
    """Withdraw announced TERMS, given by their hash as `status` shows it."""
    _acted(node(home).guard(name, "cancelterms", terms), out, as_json=as_json)


@guard.command("sign")
@name_argument
@click.argument("digest")
@click.argument("signatures", nargs=-1, required=True, metavar="NAME=HEX...")
@home_option
@json_option
@guarded
def sign(name: str, digest: str, signatures: tuple[str, ...], home: str, as_json: bool) -> None:
    """Bring other guards' signatures of an act, where the charter asks for more than one guard.

    As `bystackd key sign` prints them, from the file that --out of the act wrote.
    """
    given = dict(one.split("=", 1) for one in signatures if "=" in one)
    if len(given) != len(signatures):
        raise click.BadParameter("signatures are NAME=HEX, as bystackd key sign prints them")
    _acted(node(home).guard(name, "addguardsignature", digest, given), None, as_json=as_json)


def _acted(found: dict[str, Any], out: Path | None, *, as_json: bool) -> None:
    if out is not None:
        out.write_bytes(msgspec.json.format(msgspec.json.encode(found["request"])))
        click.echo(f"{out}: carry it to the other guards' keys", err=True)
    if as_json:
        return show(found, as_json=True)
    show({key: value for key, value in found.items() if key != "request"}, as_json=False)
    if "SignaturesInsufficient" in found["refused"]:
        click.echo(
            "\nNext: other guards sign (--out FILE; bystackd key sign KEY FILE), then bystack"
        )
        click.echo(f"guard sign NAME {found['digest']} NAME=HEX")
    elif found["refused"]:
        click.echo(f"\nNot sent yet: {found['refused']}. It is tried again; see bystack guard acts")
    else:
        click.echo(f"\nNext: {NEXT[found['act']]}")
