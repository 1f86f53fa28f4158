"""Partially signed transactions through files, keys and policies held by several, and swaps."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from bystack.client.cli.conventions import guarded, home_option, json_option, node, show
from bystack.client.cli.wallet import chain_option

MAX_FILE = 10_000_000

wallet_option = click.option("--wallet", default="", help="Which wallet, if several are loaded.")
file_argument = click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
out_option = click.option(
    "--out", type=click.Path(dir_okay=False, path_type=Path), help="File to write; FILE without it."
)


def ask(home: str, wallet: str, method: str, *params: Any) -> Any:
    """A call to the wallet named, or to the one that is loaded."""
    return node(home).call(method, *params, path=f"/wallet/{wallet}" if wallet else "/")


def read(path: Path) -> str:
    """The draft in a file."""
    if path.stat().st_size > MAX_FILE:
        raise click.ClickException(f"{path} is too long to be a partially signed transaction")
    return path.read_text(errors="replace")


def write(path: Path, made: dict[str, Any]) -> dict[str, Any]:
    """Put a draft into a file; what else was told of it, and the file."""
    path.write_text(made["pst"] + "\n")
    click.echo(f"written: {path}", err=True)
    return {"file": str(path), **{name: one for name, one in made.items() if name != "pst"}}


@click.group()
def pst() -> None:
    """Transactions that several people sign, passed on as files (.pst)."""


@pst.command("create")
@click.argument("to")
@click.argument("amount")
@click.argument("out", type=click.Path(dir_okay=False, path_type=Path))
@click.option("--asset", default="BTM", show_default=True, help="Name or id.")
@click.option("--from", "source", default="", help="Shared address to pay from; else our coins.")
@click.option("--branch", default=0, help="Which of its branches is to be satisfied.")
@click.option("--until", default=0, help="The last block the transaction is valid in.")
@chain_option
@wallet_option
@home_option
@json_option
@guarded
def create(
    to: str, amount: str, out: Path, asset: str, source: str, branch: int, until: int, chain: str,
    wallet: str, home: str, as_json: bool,
) -> None:  # fmt: skip
    """Draft a payment of AMOUNT to the address TO into the file OUT."""
    paid = [{"address": to, "amount": amount, "asset": asset}]
    options = {"source": source, "branch": branch, "valid_until": until}
    made = ask(home, wallet, "walletcreatefundedpst", paid, options, chain)
    told = write(out, made)
    show(told if as_json else {"fee": made["fee"]}, as_json=as_json)


def _sign(
    file: Path, out: Path | None, preimages: tuple[str, ...], flags: tuple[bool, bool], wallet: str,
    home: str, as_json: bool,
) -> None:  # fmt: skip
    offline, renew = flags
    params = [read(file), True, list(preimages), offline, False, renew]
    done = ask(home, wallet, "walletprocesspst", *params)
    told = write(out or file, done)
    if as_json:
        return show(told, as_json=True)
    gains = done["gains"] or "nothing"
    show({"signed by": done["signed_by"] or "nobody", "we gain": gains}, as_json=False)
    if done["coins_not_looked_up"]:
        show({"coins not looked up": done["coins_not_looked_up"]}, as_json=False)
    return show({"next": done["next"]}, as_json=False)


@click.command("sign")
@file_argument
@out_option
@click.option("--preimage", "preimages", multiple=True, help="A preimage in hex; several allowed.")
@click.option("--offline", is_flag=True, help="Do not look the coins up: this node has no chain.")
@click.option("--new-nonces", is_flag=True, help="Begin the signing of a shared key again.")
@wallet_option
@home_option
@json_option
@guarded
def sign(
    file: Path, out: Path | None, preimages: tuple[str, ...], offline: bool, new_nonces: bool,
    wallet: str, home: str, as_json: bool,
) -> None:  # fmt: skip
    """Sign what the wallet has keys for, and say what the transaction does to it.

    Look first: bystack pst show FILE.
    """
    _sign(file, out, preimages, (offline, new_nonces), wallet, home, as_json)


pst.add_command(sign)


@pst.command("combine")
@click.argument("out", type=click.Path(dir_okay=False, path_type=Path))
@click.argument(
    "files", nargs=-1, required=True, type=click.Path(exists=True, dir_okay=False, path_type=Path)
)
@wallet_option
@home_option
@json_option
@guarded
def combine(out: Path, files: tuple[Path, ...], wallet: str, home: str, as_json: bool) -> None:
    """Bring together what several copies hold, into the file OUT."""
    both = ask(home, wallet, "combinepst", [read(file) for file in files])
    told = write(out, {"pst": both})
    if as_json:
        show(told, as_json=True)


@pst.command("show")
@file_argument
@click.option("--missing", is_flag=True, help="What is still missing, input by input.")
@wallet_option
@home_option
@json_option
@guarded
def display(file: Path, missing: bool, wallet: str, home: str, as_json: bool) -> None:
    """What the transaction does, who has signed, who is next."""
    shown = ask(home, wallet, "analyzepst" if missing else "decodepst", read(file))
    if as_json:
        return show(shown, as_json=True)
    for name in ("inputs", "outputs", "issues", "slots"):
        for one in shown.pop(name, []):
            click.echo(f"{name.removesuffix('s')}:")
            show({f"  {key}": value for key, value in one.items()}, as_json=False)
    show(shown, as_json=False)


@pst.command("finalize")
@file_argument
@out_option
@wallet_option
@home_option
@json_option
@guarded
def finalize(file: Path, out: Path | None, wallet: str, home: str, as_json: bool) -> None:
    """Finish every input that has enough; the whole transaction in hex once all have."""
    done = ask(home, wallet, "finalizepst", read(file))
    told = write(out or file, done)
    if as_json:
        return show(told, as_json=True)
    return show(done.get("hex") or {"complete": False, "next": done["next"]}, as_json=False)


@pst.command("send")
@file_argument
@wallet_option
@home_option
@json_option
@guarded
def send(file: Path, wallet: str, home: str, as_json: bool) -> None:
    """Finish the transaction and hand it to the network."""
    show(ask(home, wallet, "sendpst", read(file)), as_json=as_json)


@pst.command("release")
@file_argument
@wallet_option
@home_option
@json_option
@guarded
def release(file: Path, wallet: str, home: str, as_json: bool) -> None:
    """Give a draft up: the coins set aside for it may be spent otherwise."""
    show(ask(home, wallet, "releasepst", read(file)), as_json=as_json)


@pst.command("key")
@chain_option
@wallet_option
@home_option
@json_option
@guarded
def key(chain: str, wallet: str, home: str, as_json: bool) -> None:
    """A fresh key of ours: `key` for policies, `point` for a key of several people."""
    show(ask(home, wallet, "getnewpublickey", chain), as_json=as_json)


@pst.command("policy")
@click.argument("branches", nargs=-1, required=True)
@chain_option
@wallet_option
@home_option
@json_option
@guarded
def policy(branches: tuple[str, ...], chain: str, wallet: str, home: str, as_json: bool) -> None:
    """The address any of these policies opens, such as "thresh(2, key(A), key(B), key(C))"."""
    show(ask(home, wallet, "createpolicyaddress", list(branches), chain), as_json=as_json)


@pst.command("musig")
@click.argument("points", nargs=-1, required=True)
@chain_option
@wallet_option
@home_option
@json_option
@guarded
def musig(points: tuple[str, ...], chain: str, wallet: str, home: str, as_json: bool) -> None:
    """One key that only all of these people sign for together (MuSig2), and its address."""
    show(ask(home, wallet, "createmusig", list(points), chain), as_json=as_json)


@click.group()
def swap() -> None:
    """One asset for another between two people: both or neither."""


@swap.command("offer")
@click.argument("give")
@click.argument("give_asset")
@click.argument("want")
@click.argument("want_asset")
@click.argument("out", type=click.Path(dir_okay=False, path_type=Path))
@click.option("--until", default=0, help="The last block the offer is good in.")
@chain_option
@wallet_option
@home_option
@json_option
@guarded
def offer(
    give: str, give_asset: str, want: str, want_asset: str, out: Path, until: int, chain: str,
    wallet: str, home: str, as_json: bool,
) -> None:  # fmt: skip
    """Offer GIVE of GIVE_ASSET for WANT of WANT_ASSET; who has the file OUT may take it."""
    params = [give, give_asset, want, want_asset, until, chain]
    told = write(out, ask(home, wallet, "createswap", *params))
    if as_json:
        show(told, as_json=True)


@swap.command("show")
@file_argument
@wallet_option
@home_option
@json_option
@guarded
def show_offer(file: Path, wallet: str, home: str, as_json: bool) -> None:
    """What an offer gives and wants, its signature and its coin checked."""
    show(ask(home, wallet, "decodeswap", read(file)), as_json=as_json)


@swap.command("accept")
@file_argument
@wallet_option
@home_option
@json_option
@guarded
def accept(file: Path, wallet: str, home: str, as_json: bool) -> None:
    """Pay what the offer wants and take what it gives."""
    show(ask(home, wallet, "acceptswap", read(file)), as_json=as_json)
