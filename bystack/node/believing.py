"""`bystackd key believe`: ends a contradiction between two final blocks, as people decided it.

Nothing a process says may do this: the file is the signer's, and the command wants its lock.
"""

from __future__ import annotations

import os
import sys

import click

from bystack.node import genesis_files
from bystack.node.config import ConfigErrors, load_config
from bystack.node.genesis_files import GenesisFileError
from bystack.node.homes import enter, home_option, json_option, tell
from bystack.node.keytool import key, log_apart
from bystack.node.networks import params_of
from bystack.node.signer import journals
from bystack.node.signer.light import Following, light_path
from bystack.node.store.journal import JournalError
from bystack.primitives.errors import Invalid
from bystack.sidechain.engines import verifier_of
from bystack.sidechain.params import Genesis


@key.command("believe")
@click.argument("name")
@home_option
@click.option("--header", required=True, help="Id of the block that stands, in hex.")
@json_option
def believe(name: str, home: str, header: str, as_json: bool) -> None:
    """Say which of two final blocks of sidechain NAME stands, so that its orders are signed again.

    The node must be stopped. Ask the other members first: it takes as many of them as an order
    takes, and whoever believes another block than they do signs for another chain.
    """
    log_apart()
    os.umask(0o077)
    enter(home)
    try:
        params = params_of(load_config(".").network)
        genesis = genesis_files.read_genesis(genesis_files.genesis_path(name))
        with journals.open_warrants("data/signer", name, params.magic):
            _believe(light_path("data/signer", name), genesis, bytes.fromhex(header))
    except (ConfigErrors, GenesisFileError, JournalError, Invalid, OSError, ValueError) as error:
        click.echo(str(error), err=True)
        sys.exit(1)
    facts = {"sidechain": name, "header": header}
    tell(facts, f"{name}: block {header} stands", as_json=as_json)


def _believe(path: str, genesis: Genesis, block: bytes) -> None:
    following = Following(path, genesis, verifier_of(genesis))
    for conflict in following.client.followed.conflict:
        pair = [one.header.id.hex() for one in (conflict.first, conflict.second)]
        if not following.client.believe(block):
            raise ValueError(f"--header: the contradiction is between {pair[0]} and {pair[1]}")
        return following.keep()
    raise ValueError("the sidechain contradicts nothing that this signer has seen")
