"""Money on its way: payments on a chain, and the three ways across the pegs."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import click

from bystack.client.cli.conventions import guarded, home_option, json_option, node, show
from bystack.client.cli.gates import check_claimable, check_crossing, check_open, reasons
from bystack.client.cli.purses import account_option, ask, asset_option, rate_option, wallet_option
from bystack.client.crossing import Crossing, arrivals, told, unwatched
from bystack.client.rpc import Rpc

INTERRUPTED = 130
"""The exit code of shells for a command ended by Ctrl-C."""
AMOUNTS = ("burned", "payout", "pegout_fee", "basis_points_fee", "minimum")


@click.command()
@click.argument("to")
@click.argument("amount")
@asset_option
@click.option("--fee-off", is_flag=True, help="The fee comes off AMOUNT.")
@click.option("--comment", default="", help="A note for yourself.")
@rate_option
@account_option
@wallet_option
@home_option
@guarded
def send(
    to: str, amount: str, asset: str, fee_off: bool, comment: str, fee_rate: str, account: str,
    wallet: str, home: str,
) -> None:  # fmt: skip
    """Pay AMOUNT to the address TO, on the chain the address belongs to.

    AMOUNT may be "all": every coin of the asset, the fee off the sum. Where that takes more than
    one transaction, see bystack wallet sweep.
    """
    params = (to, amount, asset, comment, "", fee_off, fee_rate or 0, account)
    show(ask(home, wallet, "sendtoaddress", *params), as_json=False)


@click.command()
@click.argument("chain")
@click.argument("amount")
@asset_option
@click.option("--to", default="", help="Address on the sidechain; your own without it.")
@click.option("--anyway", is_flag=True, help="Deposit though nothing is minted for now.")
@home_option
@json_option
@guarded
def pegin(
    chain: str, amount: str, asset: str, to: str, anyway: bool, home: str, as_json: bool
) -> None:
    """Deposit AMOUNT into the vault of the sidechain CHAIN; it is minted there by proof.

    Refused while the way in is shut (bystack peg-status CHAIN), and for what nobody could claim
    (below the minimum, an asset that CHAIN does not take), unless told to go on --anyway: the
    deposit then lies in the vault.
    """
    rpc = node(home)
    if not anyway:
        check_open(rpc, chain, "pegin")
        check_claimable(rpc, chain, amount, asset)
    show(rpc.pegin(chain, amount, asset, to), as_json=as_json)


@click.command()
@click.argument("chain")
@click.argument("to")
@click.argument("amount")
@asset_option
@home_option
@json_option
@guarded
def pegout(chain: str, to: str, amount: str, asset: str, home: str, as_json: bool) -> None:
    """Burn AMOUNT on CHAIN, to be paid at the main-chain address TO.

    Before: bystack pegout-quote CHAIN AMOUNT tells what is paid out of it, and about when.
    Next: bystack pegout-status CHAIN PEGOUT tells what it waits for, and about how long.
    """
    rpc = node(home)
    check_open(rpc, chain, "pegout", to)
    show(rpc.sendtomainchain(chain, to, amount, asset), as_json=as_json)


@click.command("pegout-quote")
@click.argument("chain")
@click.argument("amount")
@asset_option
@click.option("--to", default="", help="The main-chain address that would be paid.")
@home_option
@json_option
@guarded
def pegout_quote(chain: str, amount: str, asset: str, to: str, home: str, as_json: bool) -> None:
    """What burning AMOUNT on CHAIN would pay out and cost, and about when. Burns nothing."""
    told: dict[str, Any] = node(home).side(chain, "getpegoutquote", amount, asset, to)
    if as_json:
        return show(told, as_json=True)
    for line in quoted(told):
        click.echo(line)


def quoted(told: dict[str, Any]) -> Iterator[str]:
    """A quote in sentences."""
    named = {key: f"{told[key]['value']} {told[key]['name']}" for key in AMOUNTS}
    yield (
        f"Of {named['burned']} burned {named['payout']} are paid out; fees: "
        f"{named['pegout_fee']} flat, {named['basis_points_fee']} by basis points. "
        f"At least {named['minimum']}."
    )
    delay = f", which pays after {told['delay']} main-chain blocks" if told["delay"] else ""
    yield f"Tier {told['tier']}{delay}; {told['before']} before it in the queue."
    if not told["open"]:
        yield f"It cannot be burned now. {reasons(told['why'])}"
    elif not told["payouts_open"]:
        yield f"Payouts stand still now: what is burned waits. {reasons(told['why'])}"
    elif told["paid_in_about_seconds"]:
        minutes = -(-told["paid_in_about_seconds"] // 60)
        yield f"Paid in about {minutes} min; it would wait for {told['waits_for']}."


@click.command("pegout-status")
@click.argument("chain")
@click.argument("pegout")
@home_option
@json_option
@guarded
def pegout_status(chain: str, pegout: str, home: str, as_json: bool) -> None:
    """Where the peg-out PEGOUT of CHAIN stands, what it waits for, about how long."""
    show(node(home).side(chain, "getpegoutstatus", pegout), as_json=as_json)


@click.command("prove-unclaimable")
@click.argument("chain")
@click.argument("txid")
@click.argument("vout", type=int)
@home_option
@json_option
@guarded
def prove_unclaimable(chain: str, txid: str, vout: int, home: str, as_json: bool) -> None:
    """Show CHAIN that nobody can claim the deposit VOUT of TXID into its vault.

    Next: tell the federation where to pay it back; a quorum decides. PEGOUT follows it then.
    """
    show(node(home).proveunclaimable(chain, txid, vout), as_json=as_json)


@click.command("pegin-status")
@click.argument("chain")
@click.argument("txid")
@home_option
@json_option
@guarded
def pegin_status(chain: str, txid: str, home: str, as_json: bool) -> None:
    """Where the deposit TXID into CHAIN stands: how deep it lies, whether it is claimed."""
    show(node(home).side(chain, "getpeginstatus", txid), as_json=as_json)


@click.command()
@click.argument("words", metavar="[ADDRESS] AMOUNT", nargs=-1, required=True)
@asset_option
@click.option("--from", "source", required=True, help="The sidechain the money leaves.")
@click.option(
    "--to", "target", default="", help="The sidechain it goes to: your own address there."
)
@click.option("--wait", is_flag=True, help="Tell every stage until it has arrived.")
@click.option("--resume", default="", help="Watch PEGOUT on its way to ADDRESS; sends nothing.")
@home_option
@json_option
@guarded
def transfer(
    words: tuple[str, ...], asset: str, source: str, target: str, wait: bool, resume: str,
    home: str, as_json: bool,
) -> None:  # fmt: skip
    """Move AMOUNT from one sidechain to another, through the main chain.

    It goes to a new address of your own on the sidechain --to, or to ADDRESS. A burn, one payout of
    the one vault into the other, an ordinary claim: all of it happens by itself, watched or not.
    What would not arrive (a shut peg, an amount below either minimum) is refused beforehand.

    \b
    bystack transfer 20 --from trade --to games --wait
    bystack transfer ADDRESS 20 --from trade
    bystack transfer ADDRESS --from trade --to games --resume PEGOUT
    """
    rpc = node(home)
    if resume:
        if len(words) != 1:
            raise click.UsageError("give the ADDRESS it goes to, and no amount: nothing is sent")
        return watch(rpc, Crossing(source, target, words[0], resume))
    amount = words[-1]
    if len(words) > 2 or (len(words) == 1) != bool(target):
        raise click.UsageError("give AMOUNT and --to CHAIN, or ADDRESS and AMOUNT")
    to = rpc.getnewaddress(target) if target else words[0]
    if source != "main":
        check_crossing(rpc, source, target, to, amount, asset)
    elif target:
        check_open(rpc, target, "pegin")
        check_claimable(rpc, target, amount, asset)
    before = frozenset(arrivals(rpc, target, to)) if target and wait else frozenset()
    sent = _sent(rpc, source, to, amount, asset)
    show({**sent, "to": to}, as_json=as_json)
    if wait and "pegout" in sent:
        watch(rpc, Crossing(source, target, to, sent["pegout"], before))
    elif not as_json:
        click.echo(f"Next: bystack pegout-status {source} {sent.get('pegout', '')}")
    return None


def _sent(rpc: Rpc, source: str, to: str, amount: str, asset: str) -> dict[str, Any]:
    """Send, once: who interrupts it before the answer is told that it may be on its way."""
    try:
        return dict(rpc.sendtosidechain(source, to, amount, asset))
    except KeyboardInterrupt:
        look = f"bystack wallet history --chain {source}"
        text = "Interrupted before the node answered: it may be sent. Before you send it again:"
        click.echo(f"{text} {look}", err=True)
        raise click.exceptions.Exit(INTERRUPTED) from None


def watch(rpc: Rpc, crossing: Crossing) -> None:
    """Tell every stage of a crossing as it comes, on standard error."""
    try:
        for sentence in told(rpc, crossing):
            click.echo(sentence, err=True)
    except KeyboardInterrupt:
        click.echo(unwatched(crossing), err=True)
        raise click.exceptions.Exit(INTERRUPTED) from None
