"""`bystackd key`: makes a node's keys and signs offline; prints public parts, never a secret."""

from __future__ import annotations

import os
import secrets
import sys
from collections.abc import Callable
from typing import Any

import click
import msgspec
import structlog

from bystack.node.keyfiles import KeyFileError, is_sealed, read_key, write_key
from bystack.node.signer import keys
from bystack.p2p.identity import Identity
from bystack.primitives import bls
from bystack.primitives import keys as schnorr

Public = dict[str, str]
Maker = Callable[[str, str | None, bool], Public]


def _fresh(path: str, kind: str, password: str | None, cheap: bool, secret: bytes) -> bytes:
    write_key(path, kind, secret, password, cheap=cheap)
    return secret


def make_validator(name: str, password: str | None, cheap: bool) -> Public:
    """A BLS key with its proof of possession, and the node key the peers know it by."""
    secret = bls.key_gen(secrets.token_bytes(32))
    _fresh(f"keys/{name}.validator.key", keys.VALIDATOR, password, cheap, secret)
    seed = secrets.token_bytes(32)
    # A role without a password reads the node key, so it stays in the clear; it signs no value.
    _fresh(f"keys/{name}.node.key", keys.NODE, None, cheap, seed)
    return {
        "key": bls.sk_to_pk(secret).hex(),
        "proof": bls.pop_prove(secret).hex(),
        "node": Identity.from_seed(seed).node_id.hex(),
    }


def make_member(name: str, password: str | None, cheap: bool) -> Public:
    """A member's identity, and its governance key on the sidechain."""
    seed = _fresh(f"keys/{name}.member.key", keys.MEMBER, password, cheap, secrets.token_bytes(32))
    governance = _fresh(
        f"keys/{name}.governance.key", keys.GOVERNANCE, password, cheap, secrets.token_bytes(32)
    )
    identity = Identity.from_seed(seed)
    return {
        "identity": identity.public.hex(),
        "node": identity.node_id.hex(),
        "governance": schnorr.public_key(governance).hex(),
    }


def make_named(name: str, password: str | None, cheap: bool) -> Public:
    """A charter key of a person: a super, a guard, a recovery key."""
    secret = _fresh(f"keys/{name}.named.key", keys.NAMED, password, cheap, secrets.token_bytes(32))
    return {"key": schnorr.public_key(secret).hex()}


MAKERS: dict[str, Maker] = {
    "validator": make_validator,
    "member": make_member,
    "named": make_named,
}


@click.group()
def key() -> None:
    """Make keys, and sign with them offline."""


@key.command("new")
@click.argument("keys_wanted", metavar="KIND:NAME...", nargs=-1, required=True)
@click.option("--home", required=True, type=click.Path(file_okay=False), help="The node's home.")
@click.option("--password-file", type=click.Path(exists=True), help="Seal the keys with this.")
@click.option("--cheap", is_flag=True, help="Cheap sealing, which only regtest accepts.")
def new(keys_wanted: tuple[str, ...], home: str, password_file: str | None, cheap: bool) -> None:
    """Make key files under HOME/keys; print their public parts as JSON, by kind and name.

    KIND is `validator` or `member` (NAME is the sidechain's), or `named` (NAME as in the charter).
    Example: bystackd key new validator:trade member:trade named:super-1 --home ~/.bystack
    """
    _log_apart()
    wanted = [_split(one) for one in keys_wanted]
    os.umask(0o077)
    os.makedirs(os.path.join(home, "keys"), mode=0o700, exist_ok=True)
    password = _password(password_file)
    os.chdir(home)
    public: dict[str, dict[str, Public]] = {}
    try:
        for kind, name in wanted:
            public.setdefault(kind, {})[name] = MAKERS[kind](name, password, cheap)
    except KeyFileError as error:
        click.echo(str(error), err=True)
        sys.exit(1)
    click.echo(msgspec.json.encode(public))


def _split(text: str) -> tuple[str, str]:
    kind, _, name = text.partition(":")
    if kind not in MAKERS or not name.replace("-", "").isalnum():
        raise click.UsageError(f"{text}: expected KIND:NAME with KIND of {', '.join(MAKERS)}")
    return kind, name


@key.command("sign")
@click.argument("file", type=click.Path(exists=True, dir_okay=False))
@click.option("--digest", required=True, help="32 bytes in hex, as the vault operation shows it.")
@click.option("--password-file", type=click.Path(exists=True), help="The key file's password.")
@click.option("--cheap", is_flag=True, help="Accept cheap sealing (regtest).")
def sign(file: str, digest: str, password_file: str | None, cheap: bool) -> None:
    """Sign a vault operation's digest with a `named` key; prints the signature in hex.

    Offline: compare the digest with what other members show before you sign.
    """
    _log_apart()
    try:
        message = bytes.fromhex(digest)
        secret = read_key(file, keys.NAMED, _asked(file, password_file), cheap=cheap)
    except (ValueError, KeyFileError) as error:
        click.echo(str(error), err=True)
        sys.exit(1)
    if len(message) != 32:
        click.echo(f"--digest: 32 bytes expected, {len(message)} given", err=True)
        sys.exit(2)
    click.echo(schnorr.sign(secret, message, secrets.token_bytes(32)).hex())


def _log_apart() -> None:
    """Standard output carries the result alone."""
    structlog.configure(logger_factory=structlog.PrintLoggerFactory(sys.stderr))


def _password(path: str | None) -> str | None:
    if path is None:
        return None
    with open(path) as file:
        return file.read().strip()


def _asked(file: str, password_file: str | None) -> Any:
    if password_file is None and is_sealed(file):
        return click.prompt("Password", hide_input=True, err=True)
    return _password(password_file)
