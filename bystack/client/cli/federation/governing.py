"""What members decide: pauses by one, proposals and votes, a quorum's decision at once."""

from __future__ import annotations

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
    tell,
)
from bystack.client.rpc import Rpc, RpcFailed

SHOWN = ("number", "kind", "state", "proposer", "yes", "needed", "expires", "note")
CLOSED = "ProposalClosed"
ENDED = {"executed": "is adopted", "rejected": "is rejected", "expired": "has expired"}
COUNTED = ("statements", "headers", "settlements", "proposals", "votes")


PASS_ON = (
    "pass this line on to the members who approve too; once a threshold has, one of them runs the"
    " same words --with each of the others' lines. Whatever else is decided or paused meanwhile"
    " makes these lines void: all approve again"
)


def _next(step: str, *, as_json: bool) -> None:
    """What the operator does now, for people."""
    if not as_json:
        click.echo(f"Next: {step}")


def approval(text: str) -> tuple[int, int, str]:
    """A member's approval – seat, signer's version, signature – as `govern` prints it."""
    seat, version, signature = (*text.split(":"), "", "", "")[:3]
    numbers = seat.isascii() and seat.isdigit() and version.isascii() and version.isdigit()
    if not (numbers and len(seat) < 6 and len(version) < 10 and len(signature) == 128):
        raise click.BadParameter(f"{text} is no SEAT:VERSION:HEX as `govern` prints it")
    return int(seat), int(version), signature


def change(text: str) -> tuple[str, int]:
    """A parameter's name and its new value."""
    name, _, number = text.partition("=")
    if not (name and number.isascii() and number.isdigit() and len(number) < 12):
        raise click.BadParameter(f"{text} is no NAME=NUMBER, for example interval=400")
    return name, int(number)


def detail(text: str) -> tuple[str, Any]:
    """A detail of a decision: a number where it is one, JSON where it begins like one, or text."""
    name, equals, value = text.partition("=")
    if not (name and equals):
        raise click.BadParameter(f"{text} is no NAME=VALUE, for example identity=bob")
    if value.isascii() and value.isdigit() and len(value) < 20:
        return name, int(value)
    if value[:1] in "[{":
        try:
            return name, msgspec.json.decode(value)
        except msgspec.DecodeError as error:
            raise click.BadParameter(f"{text}: {error}") from None
    return name, value


def _told(kind: str, changes: tuple[str, ...]) -> dict[str, Any]:
    """What a decision is told; parameters are numbers, and at least one."""
    if kind != "parameters":
        return dict(detail(one) for one in changes)
    if not changes:
        raise click.UsageError("which parameters? NAME=NUMBER ..., for example interval=400")
    return dict(change(one) for one in changes)


@click.command("govern")
@name_argument
@click.argument("changes", nargs=-1)
@click.option(
    "--decide",
    "kind",
    default="parameters",
    show_default=True,
    help="The kind of decision, as `propose` has them: pause, resume, freeze, refund ...",
)
@click.option(
    "--with",
    "approvals",
    multiple=True,
    help="Another member's approval, as their `govern` printed it. Send once it is a quorum.",
)
@home_option
@json_option
@guarded
def govern(
    name: str,
    changes: tuple[str, ...],
    kind: str,
    approvals: tuple[str, ...],
    home: str,
    as_json: bool,
) -> None:
    """The fast way to a decision: enough members sign it together, without a vote.

    \b
    bystack federation govern trade interval=400
    bystack federation govern trade --decide pause what=claims blocks=2000 reason=audit
    bystack federation govern trade --decide resume

    Without --decide it is about the sidechain's parameters, from its next epoch on: NAME=NUMBER ...
    Every approving member runs this with the same words and passes on the approval it prints;
    one of them runs it again --with the others' approvals, which sends the decision.
    """
    wanted = _told(kind, changes)
    rpc = node(home)
    others = [approval(one) for one in approvals]
    own = rpc.federation(name, "approvedecision", kind, wanted)
    if not others:
        show({"approval": ":".join(str(part) for part in own)}, as_json=as_json)
        return _next(PASS_ON, as_json=as_json)
    everyone = sorted({one[0]: one for one in (*others, tuple(own))}.values())
    sent = rpc.federation(name, "submitdecision", kind, wanted, everyone)
    show({"transaction": sent}, as_json=as_json)
    return _next(
        f"bystack federation proposals {name} --all shows it carried out, with the sidechain's next"
        " block",
        as_json=as_json,
    )


@click.command("pause")
@name_argument
@click.argument("what", type=click.Choice(["claims", "burns", "batches", "signing", "all"]))
@click.option("--reason", default="", help="Published with the pause.")
@home_option
@json_option
@guarded
def pause(name: str, what: str, reason: str, home: str, as_json: bool) -> None:
    """Pause WHAT for 720 main-chain blocks; each member may do so once in 8064.

    A quorum pauses for longer: bystack federation govern NAME --decide pause what=... blocks=...
    """
    show(node(home).federation(name, "pause", what, reason), as_json=as_json)
    _next(
        f"bystack peg-status {name} shows it with the sidechain's next block; if it does not,"
        " another action came first: run this again. To lift it:"
        f" bystack federation unpause {name}",
        as_json=as_json,
    )


@click.command("unpause")
@name_argument
@click.option("--note", default="", help="Published with the proposal.")
@home_option
@json_option
@guarded
def unpause(name: str, note: str, home: str, as_json: bool) -> None:
    """Propose to lift every pause, and each stop whose cause is gone; you vote yes with it.

    As bystack federation propose NAME resume. Without a vote, if enough members sign it together:
    bystack federation govern NAME --decide resume
    """
    made = node(home).federation(name, "unpause", note)
    show(made, as_json=as_json)
    _voting(name, made["number"], as_json=as_json)


@click.command("propose")
@name_argument
@click.argument("kind")
@click.argument("details", nargs=-1)
@click.option("--note", default="", help="Published with the proposal.")
@home_option
@json_option
@guarded
def propose(
    name: str, kind: str, details: tuple[str, ...], note: str, home: str, as_json: bool
) -> None:
    """Propose a decision of KIND, told by NAME=VALUE ...; you vote yes with it.

    Kinds: add remove reweigh refresh newkey cause parameters pegs terms pause resume refund return
    freeze unfreeze rules allowances abandon region. For example:

    bystack federation propose trade freeze destination=bm1q... rule=EU-2580 reference=case-17

    Next: the other members see it with `proposals` and vote.
    """
    said = dict(detail(one) for one in details)
    made = node(home).federation(name, "propose", kind, said, note)
    show(made, as_json=as_json)
    _voting(name, made["number"], as_json=as_json)


def _voting(name: str, number: int, *, as_json: bool) -> None:
    _next(
        f"the other members run `bystack federation vote {name} {number}`; the vote that"
        " completes the threshold carries it out",
        as_json=as_json,
    )


@click.command("vote")
@name_argument
@click.argument("number", type=click.IntRange(min=0))
@click.argument("word", type=click.Choice(["yes", "no"]), default="yes")
@home_option
@json_option
@guarded
def vote(name: str, number: int, word: str, home: str, as_json: bool) -> None:
    """Vote on proposal NUMBER: yes, or no.

    Your signer signs for the decision as your own node's sidechain has it. The vote that completes
    the threshold carries the decision out.
    """
    rpc = node(home)
    try:
        cast = rpc.federation(name, "vote", number, word == "yes")
    except RpcFailed as error:
        if error.rule != CLOSED:
            raise
        return _late(rpc, name, number, word, as_json=as_json)
    show(cast, as_json=as_json)
    step = f"bystack federation proposals {name} --number {number} shows whether it is carried out"
    return _next(step, as_json=as_json)


def _late(rpc: Rpc, name: str, number: int, word: str, *, as_json: bool) -> None:
    """A vote on what is decided: well if it ended as the voter wanted, else exit code 1."""
    found = rpc.federation(name, "getproposal", [number])
    ended = ENDED.get(found["state"], ENDED["expired"])  # the chain strikes it at its next block
    wanted = (found["state"] == "executed") == (word == "yes")
    says = f"Proposal {number} ({found['kind']}) {ended} already: your vote counts no more"
    if not wanted:
        step = f"bystack federation proposals {name} --number {number} shows who voted"
        text = f"{says}, and it ended otherwise. [{CLOSED}]\nNext: {step}; propose it anew"
        raise click.ClickException(text)
    facts = {"number": number, "state": found["state"], "counted": False}
    tell(facts, f"{says}, and is not needed: it ended as you wanted.", as_json=as_json)


@click.command("proposals")
@name_argument
@click.option("--all", "everything", is_flag=True, help="Closed ones too, the last 200.")
@click.option("--number", type=click.IntRange(min=0), help="One of them, with all it says.")
@home_option
@json_option
@guarded
def proposals(name: str, everything: bool, number: int | None, home: str, as_json: bool) -> None:
    """The proposals that are open: what they ask for, who voted, until when."""
    rpc = node(home)
    if number is not None:
        found = rpc.federation(name, "getproposal", [number])
        return show(found, as_json=as_json)
    asked = rpc.federation(name, "listproposals", [everything, 200])["proposals"]
    rows = asked if as_json else [{key: one[key] for key in SHOWN} for one in asked]
    show(rows or "none", as_json=as_json)
    if any(one["state"] == "open" for one in asked):
        _next(
            f"bystack federation proposals {name} --number N shows what it says, bystack federation"
            f" vote {name} N yes|no is your word on it",
            as_json=as_json,
        )


@click.command("members")
@name_argument
@home_option
@json_option
@guarded
def members(name: str, home: str, as_json: bool) -> None:
    """Who sits, with what weight, in which key epoch; a change in flight."""
    found = node(home).federation(name, "listmembers")
    if as_json:
        return show(found, as_json=True)
    total = sum(row["weight"] for row in found["members"])
    click.echo(f"threshold {found['threshold']} of {total}, key epoch {found['epoch']}")
    if found["change"]:
        one = found["change"]
        click.echo(f"in flight: {one['kind']} to epoch {one['epoch']}, until {one['expires']}")
        _next(f"bystack federation status {name} says what it waits for", as_json=False)
    keys = ("name", "weight", "identity", "recipient")
    show([{key: row[key] for key in keys} for row in found["members"]], as_json=False)


@click.command("freezes")
@name_argument
@home_option
@json_option
@guarded
def freezes(name: str, home: str, as_json: bool) -> None:
    """Frozen destinations, by which rule and reference; the regional rules in force."""
    found = node(home).federation(name, "getfreezes")
    if as_json:
        return show(found, as_json=True)
    click.echo(found["region"] or "no regional rules are published")
    show(found["freezes"] or "nothing is frozen", as_json=False)


@click.command("report")
@name_argument
@home_option
@json_option
@guarded
def report(name: str, home: str, as_json: bool) -> None:
    """What each member did since peg fees were shared last, and what it was paid."""
    rpc = node(home)
    found, amounts = rpc.federation(name, "getfeereport"), Amounts(rpc)
    if as_json:
        return show(found, as_json=True)
    heads = ("member", "weight", *COUNTED, "points")
    show([{key: row[key] for key in heads} for row in found["members"]], as_json=False)
    paid = [
        {
            "member": row["member"],
            "asset": one["asset"],
            "last": amounts.said(one["asset"], one["last"]),
            "ever": amounts.said(one["asset"], one["total"]),
        }
        for row in found["members"]
        for one in row["paid"]
    ]
    show(paid or "nothing was paid yet", as_json=False)
