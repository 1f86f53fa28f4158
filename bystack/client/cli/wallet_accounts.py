"""`bystack wallet`: accounts, and what is watched without keys, in and out as text."""

from __future__ import annotations

import click

from bystack.client.cli.conventions import guarded, home_option, json_option, show, tell
from bystack.client.cli.purses import ask, chain_option, wallet_option
from bystack.client.cli.wallet import wallet


@wallet.group("account")
def account() -> None:
    """Accounts: pots of one wallet, each with addresses and coins of its own.

    One phrase restores them all. --account NAME of other commands pays from one, shows one.
    """


@account.command("create")
@click.argument("name")
@wallet_option
@home_option
@json_option
@guarded
def create(name: str, wallet: str, home: str, as_json: bool) -> None:
    """Use one more account and call it NAME."""
    show(ask(home, wallet, "createaccount", name), as_json=as_json)


@account.command("list")
@chain_option
@wallet_option
@home_option
@json_option
@guarded
def accounts(chain: str, wallet: str, home: str, as_json: bool) -> None:
    """The accounts, with what they hold."""
    show(ask(home, wallet, "listaccounts", chain), as_json=as_json)


@account.command("rename")
@click.argument("old")
@click.argument("new")
@wallet_option
@home_option
@json_option
@guarded
def rename(old: str, new: str, wallet: str, home: str, as_json: bool) -> None:
    """Call the account OLD otherwise."""
    ask(home, wallet, "renameaccount", old, new)
    tell({"account": new, "was": old}, f"{old} is called {new} now", as_json=as_json)


@wallet.command("export-key")
@chain_option
@wallet_option
@home_option
@json_option
@guarded
def export_key(chain: str, wallet: str, home: str, as_json: bool) -> None:
    """The accounts' public keys and watched locks, as texts for import-key elsewhere.

    Whoever has an account's text sees every payment to it, and can spend none.
    """
    told = ask(home, wallet, "listdescriptors", chain)["descriptors"]
    if as_json:
        show(told, as_json=True)
        return
    for one in told:
        click.echo(f"{one['label'] or '-'}: {one['desc']}")


@wallet.command("import-key")
@click.argument("text")
@click.option("--label", default="", help="What to call it.")
@click.option("--from-height", type=int, help="The first block it can be paid in; 0 for all.")
@wallet_option
@home_option
@json_option
@guarded
def import_key(
    text: str, label: str, from_height: int | None, wallet: str, home: str, as_json: bool
) -> None:
    """Watch what TEXT says: an account(…), a policy(…) or an address(…), as export-key shows them.

    Without --from-height only payments from now on are found.
    """
    height = "now" if from_height is None else from_height
    (told,) = ask(
        home, wallet, "importdescriptors", [{"desc": text, "label": label, "height": height}]
    )
    if not told["success"]:
        raise click.ClickException(told["error"]["message"])
    tell(told, f"watched on {told['chain']}", as_json=as_json)


@wallet.command("import-address")
@click.argument("address")
@click.option("--label", default="", help="What to call it.")
@click.option("--rescan/--no-rescan", default=True, help="Look for payments in the past.")
@wallet_option
@home_option
@json_option
@guarded
def import_address(
    address: str, label: str, rescan: bool, wallet: str, home: str, as_json: bool
) -> None:
    """Watch one address of anybody's."""
    ask(home, wallet, "importaddress", address, label, rescan)
    then = "; bystack wallet info tells how far its past is read" if rescan else ""
    facts = {"address": address, "label": label, "rescan": rescan}
    tell(facts, f"watched: {address}{then}", as_json=as_json)


@wallet.command("gap")
@click.argument("gap", type=click.IntRange(1, 10_000))
@wallet_option
@home_option
@json_option
@guarded
def set_gap(gap: int, wallet: str, home: str, as_json: bool) -> None:
    """Look GAP unpaid addresses ahead from now on; rescan to find what was paid before."""
    show(ask(home, wallet, "setaddressgap", gap), as_json=as_json)
