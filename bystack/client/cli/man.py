"""`bystack man` and `bystack completion`: the manual, and what a shell needs to finish words."""

from __future__ import annotations

from importlib.metadata import version
from pathlib import Path
from typing import Final

import click
from click.shell_completion import get_completion_class

from bystack.client import manual
from bystack.client.patience import hushed

SHELLS: Final = ("bash", "fish", "zsh")
PROGRAMS: Final = ("bystack", "bystackd")


@click.command("man")
@click.argument("words", metavar="[COMMAND]...", nargs=-1)
@click.option(
    "--to",
    "folder",
    type=click.Path(file_okay=False, path_type=Path),
    help="Write every command's page into this folder, for man (bystack.1 and so on).",
)
@click.pass_context
def man(context: click.Context, words: tuple[str, ...], folder: Path | None) -> None:
    """The manual's page of a command, in full.

    \b
    bystack man
    bystack man wallet create
    bystack man --to ~/.local/share/man/man1      then: man bystack-wallet-create
    """
    root = context.find_root().command
    if folder is None:
        name, command = manual.found(root, "bystack", words)
        with hushed():
            return click.echo_via_pager(manual.text(manual.page(command, name)))
    folder.mkdir(parents=True, exist_ok=True)
    pages = [manual.page(command, name) for name, command in manual.every(root, "bystack")]
    for one in pages:
        (folder / manual.file_name(one.name)).write_text(manual.roff(one, version("bystack")))
    return click.echo(f"{folder}: {len(pages)} pages")


@click.command("completion")
@click.argument("shell", type=click.Choice(SHELLS))
@click.option("--of", "program", type=click.Choice(PROGRAMS), default="bystack", show_default=True)
def completion(shell: str, program: str) -> None:
    """What SHELL needs to finish this program's commands and options.

    \b
    bash:  bystack completion bash > ~/.local/share/bash-completion/completions/bystack
    zsh:   bystack completion zsh > a folder of $fpath, as _bystack
    fish:  bystack completion fish > ~/.config/fish/completions/bystack.fish
    """
    kind = get_completion_class(shell)
    assert kind is not None  # of SHELLS
    words = kind(click.Command(program), {}, program, f"_{program.upper()}_COMPLETE")
    click.echo(_source(words))


def _source(words: object) -> str:
    """The script. Click's look at the version of bash is left out: it asks any in $PATH."""
    from click.shell_completion import ShellComplete

    assert isinstance(words, ShellComplete)
    return words.source_template % words.source_vars()
