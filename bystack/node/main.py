"""`bystackd`: makes a home, runs a node on it, checks and explains its configuration.

Imports of weight wait until a command needs them, so that `--help` and `version` answer at once.
Exit codes: 0 done, 1 it failed, 2 the configuration or the command line is wrong.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import click

from bystack.node.config import FILE, Config
from bystack.node.homes import end, expanded, home_option, json_option, load, tell
from bystack.node.offline.commands import check, export_command, import_command

FOLDERS = ("data", "federations", "keys", "logs", "run", "sidechains", "tokens")


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
def main() -> None:
    """The Bystack daemon: one supervisor, one process per role.

    \b
    First steps:
      bystackd init --home ~/.bystack --network regtest
      bystackd run  --home ~/.bystack
      bystack status                     (in another terminal)

    `bystack` is the client; everything it does goes through the RPC that `run` serves.
    """


@main.command()
@home_option
@click.option(
    "--network",
    default="regtest",
    show_default=True,
    help="main, test, regtest, or a path to a genesis file.",
)
@json_option
def init(home: str, network: str, as_json: bool) -> None:
    """Make a home: directories only you can read, and a commented bystack.toml.

    A genesis file is copied into the home. An existing configuration is left as it is (exit
    code 1).
    """
    from bystack.node.config import NETWORKS, commented_config
    from bystack.node.networks import NETWORK_FILE, described, params_of, read_network
    from bystack.node.store import files

    home, data = expanded(home), b""
    try:
        if network in NETWORKS:
            params = params_of(network)
        else:
            params, data = read_network(network)
    except OSError as error:
        end(f"--network {error}", 2)
    path = os.path.join(home, FILE)
    if os.path.exists(path):
        end(f"{path} exists already; edit it, or choose another --home", 1)
    os.umask(0o077)
    for folder in ("", *FOLDERS):
        os.makedirs(os.path.join(home, folder), mode=0o700, exist_ok=True)
    if data:
        files.replace(os.path.join(home, NETWORK_FILE), data)
    files.replace(path, commented_config(NETWORK_FILE if data else network).encode())
    then = f"Next: look at {path}, then: bystackd run --home {home}"
    facts = {"home": home, "network": params.name, "configuration": path}
    tell(facts, f"Made {home} for {described(params)}.\n{then}", as_json=as_json)


@main.command()
@home_option
def run(home: str) -> None:
    """Run the node until Ctrl-C or SIGTERM; SIGHUP reads the configuration anew.

    Writes run/bystackd.json (RPC address, processes and their states) and .cookie into the home,
    and the processes' logs into logs/.
    """
    import trio

    from bystack.node.processes import logs
    from bystack.node.processes.garbage import collect_seldom
    from bystack.node.processes.plan import RoleSpec, file_of, plan
    from bystack.node.processes.supervisor import HomeLocked, Supervisor, lock_home

    home = expanded(home)
    config = load(home)
    os.umask(0o077)
    try:
        handle = lock_home(home)
    except HomeLocked as error:
        end(str(error), 1)
    os.chdir(home)
    logs.configure("bystackd", config.log)

    def planned(config: Config) -> tuple[RoleSpec, ...]:
        return plan(config, file=file_of(FILE))

    node = Supervisor(planned(config), config, replan=planned)
    failed: BaseException | None = None
    collect_seldom()
    try:
        trio.run(_announced, node)
    except* OSError as group:
        failed = _first(group)  # what ends the program within `except*` would be a group itself
    finally:
        os.close(handle)
    if failed is not None:
        end(f"{failed}; see [rpc] listen in {FILE}", 1)


async def _announced(node: Any) -> None:
    import trio

    async with trio.open_nursery() as nursery:
        address = await nursery.start(node.run)
        click.echo(f"bystackd runs; RPC on {address}", err=True)


def _first(error: BaseException) -> BaseException:
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return error


@main.group()
def config() -> None:
    """Check, show or explain the configuration."""


@config.command("check")
@home_option
@json_option
def config_check(home: str, as_json: bool) -> None:
    """Read bystack.toml and sidechains/*.toml; every error at once (exit code 2)."""
    path, config = Path(expanded(home)) / FILE, load(expanded(home))
    facts = {"file": str(path), "errors": [], "network": config.network}
    tell(facts, f"{path}: no errors", as_json=as_json)


@config.command("show")
@home_option
def config_show(home: str) -> None:
    """Print the configuration in force, defaults included."""
    from bystack.node.config import shown_config

    click.echo(shown_config(load(expanded(home))), nl=False)


@config.command("docs")
@click.option("--markdown", is_flag=True, help="As docs/configuration.md, with what SIGHUP does.")
def config_docs(markdown: bool) -> None:
    """Explain every table and key."""
    from bystack.node.config import config_docs as text
    from bystack.node.config.page import config_page

    click.echo(config_page() if markdown else text(), nl=False)


@main.command()
@json_option
def version(as_json: bool) -> None:
    """Print the version."""
    from importlib.metadata import version as installed

    found = installed("bystack")
    tell({"version": found}, f"bystackd {found}", as_json=as_json)


class _Keys(click.Group):
    """The key commands, imported when they are used: they need the cryptography libraries."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return ["accept-lost-journal", "believe", "consent", "new", "sign"]

    def get_command(self, ctx: click.Context, name: str) -> click.Command | None:
        from bystack.node.believing import believe
        from bystack.node.consenting import consent
        from bystack.node.keytool import key

        apart = {"believe": believe, "consent": consent}
        return apart.get(name) or key.get_command(ctx, name)


main.add_command(check)
main.add_command(export_command)
main.add_command(import_command)
main.add_command(_Keys("key", help="Make keys, sign offline, accept a lost journal."))


if __name__ == "__main__":
    main()
