"""Money on its way: payments on a chain, and the three ways across the pegs."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any

import click

from bystack.client.cli.completing import sidechain_names
from bystack.client.cli.conventions import guarded, home_option, json_option, node, show, tell
from bystack.client.cli.following import INTERRUPTED, follow, wait_option
from bystack.client.cli.gates import check_claimable, check_crossing, check_open
from bystack.client.cli.purses import (
    account_option,
    ask,
    asset_option,
    on_wallet,
    rate_option,
    sidechain_argument,
    wallet_option,
)
from bystack.client.crossing import Crossing, again, arrivals, stage_of
from bystack.client.destinations import (
    MAIN,
    chain_of,
    check_payout,
    check_recipient,
    check_transfer,
)
from bystack.client.rpc import Rpc
from bystack.client.watching import deposit, payment, payout


@click.command()
@click.argument("to")
@click.argument("amount")
@asset_option
@click.option("--fee-off", is_flag=True, help="The fee comes off AMOUNT.")
@click.option("--comment", default="", help="A note for yourself.")
@wait_option
@click.option("--blocks", default=1, show_default=True, help="With --wait: how deep it is to lie.")
@rate_option
@account_option
@wallet_option
@home_option
@json_option
@guarded
def send(
    to: str, amount: str, asset: str, fee_off: bool, comment: str, wait: bool, blocks: int,
    fee_rate: str, account: str, wallet: str, home: str, as_json: bool,
) -> None:  # fmt: skip
    """Pay AMOUNT to the address TO, on the chain the address belongs to.

    AMOUNT may be "all": every coin of the asset, the fee off the sum. Where that takes more than
    one transaction, see bystack wallet sweep.
    """
    core = (to, amount, comment, "", fee_off, True, None, None, None, fee_rate or 0)
    asked = partial(ask, home, wallet)
    chain = chain_of(asked, to)
    txid = ask(home, wallet, "sendtoaddress", *core, asset, account)
    tell({"txid": txid, "chain": chain}, txid, as_json=as_json)
    if wait:
        look = f"bystack wallet transaction {txid} --chain {chain}"
        follow(lambda: payment(asked, chain, txid, blocks), look)


@click.command()
@sidechain_argument
@click.argument("amount")
@asset_option
@click.option("--to", default="", help="Address on the sidechain; your own without it.")
@click.option("--anyway", is_flag=True, help="Deposit though nothing is minted for now.")
@wait_option
@wallet_option
@home_option
@json_option
@guarded
def pegin(
    chain: str, amount: str, asset: str, to: str, anyway: bool, wait: bool, wallet: str,
    home: str, as_json: bool,
) -> None:  # fmt: skip
    """Deposit AMOUNT into the vault of the sidechain CHAIN; it is minted there by proof.

    Refused while the way in is shut (bystack peg-status CHAIN), and for what nobody could claim
    (below the minimum, an asset that CHAIN does not take), unless told to go on --anyway: the
    deposit then lies in the vault.
    """
    rpc = node(home)
    if not anyway:
        check_open(rpc, chain, "pegin")
        check_claimable(rpc, chain, amount, asset)
    if to:
        check_recipient(rpc.call, to, chain)
    made = rpc.pegin(chain, amount, asset, to, **on_wallet(wallet))
    show(made, as_json=as_json)
    if wait:
        watch = f"bystack pegin-status {chain} {made['txid']} --wait"
        follow(lambda: deposit(rpc, chain, made["txid"], made["vout"]), watch)


@click.command()
@sidechain_argument
@click.argument("to")
@click.argument("amount")
@asset_option
@wait_option
@wallet_option
@home_option
@json_option
@guarded
def pegout(
    chain: str, to: str, amount: str, asset: str, wait: bool, wallet: str, home: str,
    as_json: bool,
) -> None:  # fmt: skip
    """Burn AMOUNT on CHAIN, to be paid at the main-chain address TO.

    Before: bystack pegout-quote CHAIN AMOUNT tells what is paid out of it, and about when.
    Next: bystack pegout-status CHAIN PEGOUT tells what it waits for, and about how long.
    """
    rpc = node(home)
    check_payout(rpc.call, to, chain)
    check_open(rpc, chain, "pegout", to)
    made = rpc.sendtomainchain(chain, to, amount, asset, **on_wallet(wallet))
    show(made, as_json=as_json)
    if wait:
        watch = f"bystack pegout-status {chain} {made['pegout']} --wait"
        follow(lambda: payout(rpc, chain, made["pegout"]), watch)


@click.command()
@click.argument("words", metavar="[ADDRESS] AMOUNT", nargs=-1, required=True)
@asset_option
@click.option(
    "--from",
    "source",
    required=True,
    shell_complete=sidechain_names,
    help="The sidechain the money leaves.",
)
@click.option(
    "--to",
    "target",
    default="",
    shell_complete=sidechain_names,
    help="The sidechain it goes to: your own address there.",
)
@wait_option
@click.option("--resume", default="", help="Watch PEGOUT on its way to ADDRESS; sends nothing.")
@wallet_option
@home_option
@json_option
@guarded
def transfer(
    words: tuple[str, ...], asset: str, source: str, target: str, wait: bool, resume: str,
    wallet: str, home: str, as_json: bool,
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
    found = target or check_transfer(rpc.call, words[0], source)
    to = rpc.getnewaddress("", "", target, **on_wallet(wallet)) if target else words[0]
    if source != MAIN:
        check_crossing(rpc, source, target, to, amount, asset)
    elif target := found:
        check_open(rpc, target, "pegin")
        check_claimable(rpc, target, amount, asset)
    before = frozenset(arrivals(rpc, target, to)) if target and wait else frozenset()
    sent = _sent(rpc, wallet, source, to, amount, asset)
    show({**sent, "to": to}, as_json=as_json)
    if wait and "pegout" in sent:
        watch(rpc, Crossing(source, target, to, sent["pegout"], before))
    elif wait and target:
        look = f"bystack pegin-status {target} {sent['txid']} --wait"
        follow(lambda: deposit(rpc, target, sent["txid"], sent.get("vout")), look)
    elif not as_json:
        click.echo(f"Next: {_look(source, target, sent)}")
    return None


def _look(source: str, target: str, sent: Mapping[str, Any]) -> str:
    """The command that tells where what was sent stands."""
    if "pegout" in sent:
        return f"bystack pegout-status {source} {sent['pegout']}"
    txid = sent["txid"]
    return (
        f"bystack pegin-status {target} {txid}" if target else f"bystack wallet transaction {txid}"
    )


def _sent(rpc: Rpc, wallet: str, source: str, to: str, amount: str, asset: str) -> dict[str, Any]:
    """Send, once: who interrupts it before the answer is told that it may be on its way."""
    try:
        return dict(rpc.sendtosidechain(source, to, amount, asset, **on_wallet(wallet)))
    except KeyboardInterrupt:
        look = f"bystack wallet history --chain {source}"
        text = "Interrupted before the node answered: it may be sent. Before you send it again:"
        click.echo(f"{text} {look}", err=True)
        raise click.exceptions.Exit(INTERRUPTED) from None


def watch(rpc: Rpc, crossing: Crossing) -> None:
    """Tell every stage of a crossing as it comes, on standard error."""
    follow(lambda: stage_of(rpc, crossing), again(crossing))
