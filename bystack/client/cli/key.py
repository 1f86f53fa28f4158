"""`bystack key`: a node's key files saved and put back; making and using them is `bystackd key`."""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path

import click

from bystack.client.backups import BackupRefused, note_keys, restore_keys, save_keys
from bystack.client.cli.conventions import home_option, json_option, tell

OFFLINE = {
    "new": "Make key files in the home and print their public parts.",
    "sign": "Say what a request asks for, ask you, and sign it.",
    "believe": "Take a sidechain's state of somebody else for true.",
    "consent": "Let a key stand for election, signed by itself.",
    "accept-lost-journal": "Abstain up to a height, since a vote journal is lost.",
}
"""What `bystackd key` does: it reads secrets, which this program never does."""


class _Keys(click.Group):
    """Own commands, and those of `bystackd key`, which are handed on as they are."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return sorted({*super().list_commands(ctx), *OFFLINE})

    def get_command(self, ctx: click.Context, name: str) -> click.Command | None:
        return super().get_command(ctx, name) or (_handed_on(name) if name in OFFLINE else None)


def _handed_on(name: str) -> click.Command:
    @click.command(
        name,
        help=f"{OFFLINE[name]} The same as bystackd key {name}.",
        context_settings={"ignore_unknown_options": True, "allow_interspersed_args": False},
        add_help_option=False,
    )
    @click.argument("words", nargs=-1, type=click.UNPROCESSED)
    def command(words: tuple[str, ...]) -> None:
        from bystack.client.devnet.processes import daemon_command

        program = [*daemon_command(), "key", name, *words]
        sys.stdout.flush()
        os.execvp(program[0], program)

    return command


@click.group(cls=_Keys)
def key() -> None:
    """Key files of this node: made, saved, put back, used offline."""


@key.command("backup")
@click.argument("file", required=False, type=click.Path(dir_okay=False, path_type=Path))
@click.option("--made", is_flag=True, help="They are saved already, by other means: only note it.")
@home_option
@json_option
def backup(file: Path | None, made: bool, home: str, as_json: bool) -> None:
    """Write every file of keys/ into the new FILE (tar, readable by you only).

    Sealed keys stay sealed, and their password is left out; keys without a password lie in FILE in
    the clear. Vote journals are no part of it: never restore an old one. bystack doctor tells when
    keys were made or changed after it. Wallets have a backup of their own: bystack wallet backup.
    """
    if (file is None) != made:
        raise click.UsageError("give FILE, or --made for what is saved already")
    place, now = Path(home).expanduser(), int(time.time())
    try:
        count = note_keys(place, now) if file is None else save_keys(place, file, now)
    except BackupRefused as error:
        raise click.ClickException(str(error)) from None
    says = f"noted: {count} files" if file is None else f"written: {file}, {count} files"
    tell({"file": file and str(file), "files": count}, says, as_json=as_json)


@key.command("restore")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@home_option
@json_option
def restore(file: Path, home: str, as_json: bool) -> None:
    """Put the key files in FILE (of bystack key backup) back into keys/.

    None that is there is overwritten. A validator's key needs its newest vote journal as well
    (docs/operations.md, "The vote journal"); never run it on two machines.
    """
    try:
        names = restore_keys(Path(home).expanduser(), file, int(time.time()))
    except BackupRefused as error:
        raise click.ClickException(str(error)) from None
    says = f"put back: {', '.join(names)}" if names else "every one of them is there"
    tell({"restored": list(names)}, says, as_json=as_json)
