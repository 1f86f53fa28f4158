"""`bystack wallet`: made and loaded, its addresses, balances, history and labels."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import click

from bystack.client.cli.conventions import guarded, home_option, json_option, node, show, tell
from bystack.client.cli.purses import (
    account_option,
    ask,
    first_line,
    password,
    password_option,
    wallet_option,
)
from bystack.client.cli.purses import chain_option as chain_option
from bystack.client.cli.reading_up import read_up
from bystack.client.patience import hushed

COLUMNS = ("category", "amount", "name", "fee", "confirmations", "address", "label", "txid")
MOVED = ("category", "amount", "name", "fee", "address", "label")
PAID = ("vout", "amount", "name", "address", "label")


@click.group()
def wallet() -> None:
    """Wallets of a node: keys, addresses, balances, history, backups.

    \b
    First steps:
      bystack wallet create                 a wallet; note the recovery phrase it shows
      bystack wallet address                where to be paid
      bystack wallet balance                what you have
      bystack send ADDRESS 2.5              pay
      bystack wallet backup FILE            all of it in one sealed file
    """


@wallet.command("create")
@click.argument("name", default="default")
@click.option("--encrypt", is_flag=True, help="Seal the keys under a passphrase.")
@password_option
@click.option("--watch-only", is_flag=True, help="No keys: it only watches what you import.")
@click.option("--gap", default=20, show_default=True, help="Unpaid addresses to look ahead.")
@home_option
@json_option
@guarded
def create(
    name: str, encrypt: bool, password_file: Path | None, watch_only: bool, gap: int, home: str,
    as_json: bool,
) -> None:  # fmt: skip
    """Make a wallet and load it; its recovery phrase is shown now and never again by itself.

    With --encrypt (or --password-file) it is locked: it shows everything, and pays after
    bystack wallet unlock.
    """
    sealed = encrypt or password_file is not None
    word = password(password_file, "New passphrase", fresh=True) if sealed else ""
    made = node(home).createwallet(name, word, "", watch_only, gap)
    show(made, as_json=as_json)
    if "mnemonic" in made and not as_json:
        click.echo("Write these words down: they are the money. Nobody can give them back.")


@wallet.command("load")
@click.argument("name", default="default")
@home_option
@json_option
@guarded
def load(name: str, home: str, as_json: bool) -> None:
    """Open a wallet made before; it is opened again at every start, until unload."""
    show(node(home).loadwallet(name), as_json=as_json)


@wallet.command("unload")
@click.argument("name", default="default")
@home_option
@json_option
@guarded
def unload(name: str, home: str, as_json: bool) -> None:
    """Close a wallet; its keys leave the node's memory."""
    node(home).unloadwallet(name)
    says = f"closed: {name}; bystack wallet load {name} opens it again"
    tell({"name": name, "loaded": False}, says, as_json=as_json)


@wallet.command("list")
@home_option
@json_option
@guarded
def list_wallets(home: str, as_json: bool) -> None:
    """Every wallet of the node, and whether it is loaded."""
    rpc = node(home)
    loaded = set(rpc.listwallets())
    every = [one["name"] for one in rpc.listwalletdir()["wallets"]]
    show([{"name": name, "loaded": name in loaded} for name in every], as_json=as_json)


@wallet.command("info")
@wallet_option
@home_option
@json_option
@guarded
def info(wallet: str, home: str, as_json: bool) -> None:
    """Whether it is locked, and how far it has followed each chain."""
    told = ask(home, wallet, "getwalletinfo")
    if as_json:
        show(told, as_json=True)
        return
    chains = told.pop("chains")
    show(told, as_json=False)
    show([{"chain": name, **facts} for name, facts in chains.items()], as_json=False)


@wallet.command("address")
@click.option("--label", default="", help="What to call it.")
@click.option("--force", is_flag=True, help="Beyond the gap; make a new backup afterwards.")
@chain_option
@account_option
@wallet_option
@home_option
@json_option
@guarded
def address(
    label: str, force: bool, chain: str, account: str, wallet: str, home: str, as_json: bool
) -> None:
    """A fresh address to be paid at."""
    made = ask(home, wallet, "getnewaddress", label, "", chain, account, force)
    tell({"address": made, "chain": chain, "label": label}, made, as_json=as_json)


@wallet.command("addresses")
@chain_option
@account_option
@wallet_option
@home_option
@json_option
@guarded
def addresses(chain: str, account: str, wallet: str, home: str, as_json: bool) -> None:
    """The addresses handed out or paid."""
    show(ask(home, wallet, "listaddresses", chain, account), as_json=as_json)


@wallet.command("balance")
@chain_option
@account_option
@wallet_option
@home_option
@json_option
@guarded
def balance(chain: str, account: str, wallet: str, home: str, as_json: bool) -> None:
    """What the wallet holds of each asset on a chain."""
    told = ask(home, wallet, "getbalances", chain, account)
    if as_json:
        show(told, as_json=True)
        return
    click.echo(f"{told['chain']} at {told['height']}")
    for kind in ("mine", "watchonly"):
        rows = [{"asset": name, **_sums(sums)} for name, sums in told.get(kind, {}).items()]
        if not rows and kind == "watchonly":
            continue
        if kind == "watchonly":
            click.echo("watched only:")
        show(rows, as_json=False)


def _sums(sums: dict[str, Any]) -> dict[str, Any]:
    shown = ("trusted", "untrusted_pending", "immature", "reserved")
    return {name: sums[name] for name in shown}


@wallet.command("coins")
@chain_option
@account_option
@wallet_option
@home_option
@json_option
@guarded
def coins(chain: str, account: str, wallet: str, home: str, as_json: bool) -> None:
    """The wallet's coins on a chain."""
    show(
        ask(home, wallet, "listunspent", 1, None, None, True, None, chain, account), as_json=as_json
    )


@wallet.command("history")
@click.option("--count", default=20, show_default=True, help="How many, the newest.")
@click.option("--skip", default=0, help="How many of the newest to leave out.")
@click.option("--label", default="", help="Only those of a label.")
@chain_option
@wallet_option
@home_option
@json_option
@guarded
def history(
    count: int, skip: int, label: str, chain: str, wallet: str, home: str, as_json: bool
) -> None:
    """What came and went, the newest last; 0 confirmations: still on its way."""
    told = ask(home, wallet, "listtransactions", label, count, skip, True, chain)
    shown = told if as_json else [{name: one.get(name, "") for name in COLUMNS} for one in told]
    show(shown, as_json=as_json)


@wallet.command("transaction")
@click.argument("txid")
@chain_option
@wallet_option
@home_option
@json_option
@guarded
def transaction(txid: str, chain: str, wallet: str, home: str, as_json: bool) -> None:
    """One transaction of this wallet: what it moved, its outputs; with --json all, the hex too."""
    told = ask(home, wallet, "gettransaction", txid, True, False, chain)
    if as_json:
        return show(told, as_json=True)
    for line in (f"transaction {told['txid']}", f"{told['chain']}: {_depth(told)}"):
        click.echo(line)
    show([{name: one.get(name, "") for name in MOVED} for one in told["movements"]], as_json=False)
    click.echo("outputs:")
    rows = [{**{name: one[name] for name in PAID}, "whose": _whose(one)} for one in told["details"]]
    return show(rows, as_json=False)


def _depth(told: dict[str, Any]) -> str:
    """Whether it is paid, in words; a depth below 0 is that of whatever spends its coins."""
    if told["abandoned"]:
        return "given up"
    match int(told["confirmations"]):
        case 0:
            return "in no block yet"
        case depth if depth < 0:
            return "not paid: another transaction took its coins"
        case depth:
            return f"under {depth} block{'s' * (depth > 1)}"


def _whose(output: dict[str, Any]) -> str:
    if output["ischange"]:
        return "change"
    return "ours" if output["ismine"] else ""


@wallet.command("label")
@click.argument("address")
@click.argument("label")
@wallet_option
@home_option
@json_option
@guarded
def set_label(address: str, label: str, wallet: str, home: str, as_json: bool) -> None:
    """Call an address, yours or another's, LABEL; "" takes the label away."""
    ask(home, wallet, "setlabel", address, label)
    says = f"{address} is called {label}" if label else f"{address} has no label now"
    tell({"address": address, "label": label}, says, as_json=as_json)


@wallet.command("labels")
@chain_option
@wallet_option
@home_option
@json_option
@guarded
def labels(chain: str, wallet: str, home: str, as_json: bool) -> None:
    """The labels, and the addresses of each."""
    rows = [
        {"label": label, "address": address, **facts}
        for label in ask(home, wallet, "listlabels", "", chain)
        for address, facts in ask(home, wallet, "getaddressesbylabel", label, chain).items()
    ]
    show(rows, as_json=as_json)


@wallet.command("restore")
@click.argument("name", default="default")
@click.option(
    "--backup",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="What bystack wallet backup wrote; the phrase is asked for without it.",
)
@click.option(
    "--phrase-file",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="File whose first line is the recovery phrase.",
)
@click.option("--encrypt", is_flag=True, help="Seal the keys of a phrase under a passphrase.")
@password_option
@click.option("--gap", default=20, show_default=True, help="Unpaid addresses to look ahead.")
@click.option("--birth", default=0, help="Main-chain height before which nothing was paid to it.")
@click.option("--wait", is_flag=True, help="Until its chains are read, with a bar.")
@home_option
@json_option
@guarded
def restore(
    name: str, backup: Path | None, phrase_file: Path | None, encrypt: bool,
    password_file: Path | None, gap: int, birth: int, wait: bool, home: str, as_json: bool,
) -> None:  # fmt: skip
    """Make the wallet NAME again from a backup file, or from its recovery phrase.

    From a phrase alone, addresses more than --gap unpaid ones away are not found, and labels and
    notes are lost; a backup has them. The chains are read again: see bystack wallet info.
    """
    if backup is not None:
        text = backup.read_text(errors="replace")
        clear = '"kdf":"none"' in text[:200]
        word = "" if clear and password_file is None else password(password_file)
        show(node(home).restorewallet(name, text, word), as_json=as_json)
    else:
        _from_phrase(name, phrase_file, encrypt, password_file, (gap, birth), home, as_json)
    if wait:
        read_up(home, name)
        click.echo("read to the end of every chain", err=True)


def _from_phrase(
    name: str, phrase_file: Path | None, encrypt: bool, password_file: Path | None,
    reach: tuple[int, int], home: str, as_json: bool,
) -> None:  # fmt: skip
    gap, birth = reach
    phrase = first_line(phrase_file) if phrase_file else _asked_phrase()
    sealed = encrypt or password_file is not None
    word = password(password_file, "New passphrase", fresh=True) if sealed else ""
    show(node(home).createwallet(name, word, phrase, False, gap, "scrypt", birth), as_json=as_json)


def _asked_phrase() -> str:
    if not sys.stdin.isatty():
        raise click.ClickException("no terminal to ask for the phrase: give --phrase-file")
    with hushed():
        said: str = click.prompt("Recovery phrase", hide_input=True)
    return said
