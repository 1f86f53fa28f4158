"""`bystackd key consent`: what a validator key signs so that its operator may register it.

Offline, from the home's files. What is signed has a tag of its own and names chain and operator: it
is neither a vote nor worth anything elsewhere.
"""

from __future__ import annotations

import os
import sys

import click
import msgspec

from bystack.node.genesis_files import GenesisFileError, genesis_path, read_genesis
from bystack.node.homes import enter, home_option
from bystack.node.keyfiles import KeyFileError, read_key
from bystack.node.keytool import asked_password, key, log_apart
from bystack.node.signer import keys
from bystack.p2p.identity import Identity
from bystack.primitives import bls
from bystack.primitives.addresses import POLICY, decode_address
from bystack.primitives.errors import Invalid
from bystack.sidechain.modules.stake.actions import consent_message
from bystack.sidechain.params import Genesis


@key.command("consent")
@click.argument("name")
@click.option("--operator", required=True, help="Address on the sidechain that will govern it.")
@home_option
@click.option("--password-file", type=click.Path(exists=True), help="The validator key's password.")
@click.option("--cheap", is_flag=True, help="Accept cheap sealing (regtest).")
def consent(name: str, operator: str, home: str, password_file: str | None, cheap: bool) -> None:
    """Let OPERATOR register the validator key of sidechain NAME; prints what it registers.

    The key and node are those of `key new validator:NAME`, the chain that of the home's genesis.
    The result is the file that `bystack stake register` takes. Registering locks the operator's
    stake, and what the key signs from then on is what that stake answers for.
    """
    log_apart()
    password_file = None if password_file is None else os.path.abspath(password_file)
    enter(home)
    try:
        genesis = read_genesis(genesis_path(name))
        file = f"keys/{name}.validator.key"
        secret = read_key(file, keys.VALIDATOR, asked_password(file, password_file), cheap=cheap)
        node = read_key(f"keys/{name}.node.key", keys.NODE, None, cheap=cheap)
        form = registration(genesis, secret, node, operator)
    except (GenesisFileError, KeyFileError, Invalid) as error:
        click.echo(str(error), err=True)
        sys.exit(1)
    click.echo(msgspec.json.format(msgspec.json.encode(form)).decode())


def registration(genesis: Genesis, secret: bytes, node: bytes, operator: str) -> dict[str, str]:
    """The public parts, hex. `node` is the node key's seed; raises for a bad address."""
    address = decode_address(operator, genesis.hrp)
    if address.version != POLICY:
        raise OperatorAddress(given=operator)
    message = consent_message(genesis.id, address.payload)
    return {
        "chain": genesis.id.hex(),
        "key": bls.sk_to_pk(secret).hex(),
        "proof": bls.pop_prove(secret).hex(),
        "consent": bls.sign(secret, message).hex(),
        "node": Identity.from_seed(node).node_id.hex(),
        "operator": operator,
    }


class OperatorAddress(Invalid):
    """An operator is a policy; this is a deposit address."""
