"""`bystack wallet`: passphrase and lock, the recovery phrase, backups."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import click

from bystack.client.backups import note_wallet, wallet_digest
from bystack.client.cli.conventions import guarded, home_option, json_option, show, tell
from bystack.client.cli.purses import ask, password, password_option, wallet_option, write_private
from bystack.client.cli.wallet import wallet
from bystack.client.rpc import NodeDown, RpcFailed
from bystack.node.config import FILE


@wallet.command("encrypt")
@click.option("--kdf", type=click.Choice(["scrypt", "argon2id"]), default="scrypt")
@password_option
@wallet_option
@home_option
@json_option
@guarded
def encrypt(kdf: str, password_file: Path | None, wallet: str, home: str, as_json: bool) -> None:
    """Seal the keys of a wallet that has no passphrase yet.

    The key file is replaced; what the disk keeps of the old one is out of our hands. A new wallet
    created with --encrypt never lay there in the clear.
    """
    word = password(password_file, "New passphrase", fresh=True)
    show(ask(home, wallet, "encryptwallet", word, kdf), as_json=as_json)


@wallet.command("unlock")
@click.option("--seconds", default=300, show_default=True, help="How long.")
@password_option
@wallet_option
@home_option
@json_option
@guarded
def unlock(seconds: int, password_file: Path | None, wallet: str, home: str, as_json: bool) -> None:
    """Let the wallet sign for some time."""
    ask(home, wallet, "walletpassphrase", password(password_file), seconds)
    says = f"unlocked for {seconds} s; bystack wallet lock ends it"
    tell({"locked": False, "seconds": seconds}, says, as_json=as_json)


@wallet.command("lock")
@wallet_option
@home_option
@json_option
@guarded
def lock(wallet: str, home: str, as_json: bool) -> None:
    """Forget the keys now; the wallet goes on following and showing."""
    ask(home, wallet, "walletlock")
    tell({"locked": True}, "locked; bystack wallet unlock lets it sign again", as_json=as_json)


@wallet.command("passphrase")
@password_option
@click.option(
    "--new-password-file",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="File whose first line is the new passphrase.",
)
@wallet_option
@home_option
@json_option
@guarded
def passphrase(
    password_file: Path | None, new_password_file: Path | None, wallet: str, home: str,
    as_json: bool,
) -> None:  # fmt: skip
    """Change the passphrase; backups made before keep the old one."""
    old = password(password_file, "Old passphrase")
    new = password(new_password_file, "New passphrase", fresh=True)
    ask(home, wallet, "walletpassphrasechange", old, new)
    says = "changed\nNext: bystack wallet backup FILE; older backups keep the old one"
    tell({"changed": True}, says, as_json=as_json)


@wallet.command("phrase")
@password_option
@click.option("--clear", is_flag=True, help="The wallet has no passphrase.")
@wallet_option
@home_option
@json_option
@guarded
def phrase(password_file: Path | None, clear: bool, wallet: str, home: str, as_json: bool) -> None:
    """Show the recovery phrase: make sure that nobody looks on."""
    told = ask(home, wallet, "dumpphrase", "" if clear else password(password_file))
    click.echo(told["warning"], err=True)
    tell(told, told["mnemonic"], as_json=as_json)


@wallet.command("backup")
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path))
@password_option
@click.option("--clear", is_flag=True, help="Without a passphrase: only a regtest node does that.")
@wallet_option
@home_option
@json_option
@guarded
def backup(
    file: Path, password_file: Path | None, clear: bool, wallet: str, home: str, as_json: bool
) -> None:
    """Write the whole wallet to FILE, sealed under its passphrase (a new one, if it has none).

    Phrase, accounts, labels, notes, what is watched. Make another one after new accounts, labels
    or imports, and after addresses beyond the gap; coins need none.
    """
    word = "" if clear else password(password_file, "Passphrase of the wallet")
    told = ask(home, wallet, "backupwallet", word)
    write_private(file, told["backup"])
    _noted(wallet, home)
    says = f"written: {file}" + (f" ({told['warning']})" if told["warning"] else "")
    tell({"file": str(file), "warning": told["warning"]}, says, as_json=as_json)


def _noted(wallet: str, home: str) -> None:
    """Keep in mind for the doctor what the backup knows. It is written already, noted or not."""

    def asked(method: str, *params: Any) -> Any:
        return ask(home, wallet, method, *params)

    if not (Path(home).expanduser() / FILE).exists():
        return
    try:
        name = wallet or str(asked("getwalletinfo")["walletname"])
        note_wallet(Path(home).expanduser(), name, wallet_digest(asked), int(time.time()))
    except (OSError, NodeDown, RpcFailed) as error:
        click.echo(f"not noted for bystack doctor: {error}", err=True)
