"""What the commands about wallets share: which wallet, which account, passwords, secret files."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any

import click

from bystack.client.cli.completing import chain_names, sidechain_names
from bystack.client.cli.conventions import node
from bystack.client.patience import hushed

MAX_SECRET = 2_000

asset_option = click.option("--asset", default="BTM", show_default=True, help="Name or id.")
chain_option = click.option(
    "--chain",
    default="main",
    show_default=True,
    shell_complete=chain_names,
    help="main or a sidechain.",
)
sidechain_argument = click.argument("chain", shell_complete=sidechain_names)
wallet_option = click.option(
    "--wallet", default="", envvar="BYSTACK_WALLET", help="Which wallet, if several are loaded."
)
account_option = click.option("--account", default="", help="Which account; see account list.")
rate_option = click.option(
    "--fee-rate", default="", help="BTM per 1,000 of weight; what the chain asks for without it."
)
password_option = click.option(
    "--password-file",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="File whose first line is the passphrase; asked for without it.",
)


def ask(home: str, wallet: str, method: str, *params: Any) -> Any:
    """A call to the wallet named, or to the one that is loaded."""
    return node(home).call(method, *params, **on_wallet(wallet))


def on_wallet(wallet: str) -> dict[str, str]:
    """The path of the wallet named, as an argument of `Rpc.call`; none for the one loaded."""
    return {"path": f"/wallet/{wallet}"} if wallet else {}


def first_line(path: Path) -> str:
    """The first line of a file that holds a secret."""
    with path.open(encoding="utf-8", errors="strict") as file:
        line = file.readline(MAX_SECRET).rstrip("\r\n")
    if not line:
        raise click.ClickException(f"{path} is empty: its first line is to be the passphrase")
    return line


def password(path: Path | None, what: str = "Passphrase", *, fresh: bool = False) -> str:
    """A passphrase from a file or the terminal, asked twice for a fresh one; never an argument."""
    if path is not None:
        return first_line(path)
    if not sys.stdin.isatty():
        raise click.ClickException("no terminal to ask for the passphrase: give --password-file")
    with hushed():
        said: str = click.prompt(what, hide_input=True, confirmation_prompt=fresh)
    return said


def write_private(path: Path, text: str) -> None:
    """A new file that only its owner may read; one that is there is kept."""
    try:
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise click.ClickException(f"{path}: {error.strerror}") from None
    with os.fdopen(handle, "w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
