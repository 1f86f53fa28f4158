"""`bystack`: the client. Everything goes through the RPC of a running node."""

from __future__ import annotations

import os
from typing import Any

import click

from bystack.client.cli import wallet_accounts, wallet_keys, wallet_upkeep
from bystack.client.cli.archive import export_command, import_command
from bystack.client.cli.assets import asset
from bystack.client.cli.bench import bench
from bystack.client.cli.chain import rpc, status
from bystack.client.cli.dashboard import dashboard
from bystack.client.cli.doctor import doctor
from bystack.client.cli.drafts import pst, sign, swap
from bystack.client.cli.exchange import exchange
from bystack.client.cli.federation.group import federation
from bystack.client.cli.gates import peg_status
from bystack.client.cli.guard import guard
from bystack.client.cli.index import index
from bystack.client.cli.key import key
from bystack.client.cli.man import completion, man
from bystack.client.cli.mine import mine
from bystack.client.cli.money import pegin, pegout, send, transfer
from bystack.client.cli.network import demo, devnet
from bystack.client.cli.pegs import (
    pegin_status,
    pegout_quote,
    pegout_status,
    prove_unclaimable,
)
from bystack.client.cli.proofs import proof, verify_proof
from bystack.client.cli.receive import receive
from bystack.client.cli.registry import registry
from bystack.client.cli.sidechain import sidechain
from bystack.client.cli.stake import stake
from bystack.client.cli.vault import vault
from bystack.client.cli.wallet import wallet
from bystack.client.patience import watched

# Importing them adds their commands to `bystack wallet`.
WALLET_ROOMS = (wallet_accounts, wallet_keys, wallet_upkeep)


class Root(click.Group):
    """What holds for every command: no colour for who wants none, no silence, see `patience`."""

    def invoke(self, ctx: click.Context) -> Any:
        """Run what was asked for."""
        if os.environ.get("NO_COLOR"):
            ctx.color = False
        with watched():
            return super().invoke(ctx)


@click.group(cls=Root, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="bystack", prog_name="bystack", message="%(prog)s %(version)s")
def main() -> None:
    """Bystack: one main chain and many side chains.

    \b
    First steps:
      bystack demo                          the whole system on this machine, in two minutes
      bystack devnet up --dir mynet         the same network, left running
      bystack status --home mynet/node1     how a node stands
      bystack doctor --home mynet/node1     what is wrong with it, and what to do
      bystack man                           this and every command in full
    """


COMMANDS = (
    status, rpc, wallet, send, pegin, pegin_status, pegout, pegout_quote, pegout_status, transfer,
    prove_unclaimable, dashboard, doctor, key, man, completion, receive,
    peg_status, asset, registry, exchange, stake, proof, verify_proof, pst, swap, federation, vault,
    guard, sidechain, mine, devnet, demo, bench, export_command, import_command,
    index,
)  # fmt: skip

for command in COMMANDS:
    main.add_command(command)
wallet.add_command(sign)


if __name__ == "__main__":
    main()
