"""`bystackd key`: makes a node's keys, signs offline, accepts a lost vote journal.

It prints public parts, never a secret.
"""

from __future__ import annotations

import os
import re
import secrets
import sys
from collections.abc import Callable
from typing import Any

import click
import msgspec
import structlog

from bystack.federation.offline import ToSign
from bystack.node.config import ConfigErrors, load_config
from bystack.node.federation_files import FederationFileError
from bystack.node.homes import agreed, enter, expanded, home_option, json_option, tell
from bystack.node.key_signing import RequestUnreadable, compared, names_in, read_request, shown
from bystack.node.keyfiles import KeyFileError, is_sealed, read_key, write_key
from bystack.node.networks import params_of
from bystack.node.signer import journals, keys
from bystack.node.store.journal import JournalError
from bystack.p2p.identity import Identity
from bystack.primitives import bls
from bystack.primitives import keys as schnorr
from bystack.primitives.errors import Invalid

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
@home_option
@click.option("--password-file", type=click.Path(exists=True), help="Seal the keys with this.")
@click.option("--cheap", is_flag=True, help="Cheap sealing, which only regtest accepts.")
def new(keys_wanted: tuple[str, ...], home: str, password_file: str | None, cheap: bool) -> None:
    """Make key files under HOME/keys; print their public parts as JSON, by kind and name.

    KIND is `validator` or `member` (NAME is the sidechain's), or `named` (NAME as in the charter).
    Example: bystackd key new validator:trade member:trade named:super-1 --home ~/.bystack
    """
    log_apart()
    home = expanded(home)
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
@click.argument("request", required=False, type=click.Path(exists=True, dir_okay=False))
@click.option("--digest", help="Instead of a request: 32 bytes in hex, not shown in words.")
@click.option("--roster", type=click.Path(exists=True), help="Names keys and assets, as you know.")
@click.option("--charter", type=click.Path(exists=True), help="That of the new terms: compared.")
@click.option("--was", type=click.Path(exists=True), help="The charter in force, for comparison.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@click.option("--password-file", type=click.Path(exists=True), help="The key file's password.")
@click.option("--cheap", is_flag=True, help="Accept cheap sealing (regtest).")
def sign(file: str, request: str | None, digest: str | None, **options: Any) -> None:
    """Sign a vault operation with the `named` key in FILE, on a machine that needs no network.

    REQUEST is what `bystack vault OPERATION NAME --out REQUEST` wrote: what it asks for is shown in
    sentences, made from the operation itself, and you are asked. Prints NAME=SIGNATURE, one line
    each, for `bystack vault submit`. With --digest the signature alone.
    """
    log_apart()
    if (request is None) == (digest is None):
        raise click.UsageError("give a REQUEST, or --digest, and not both")
    try:
        password = asked_password(file, options["password_file"])
        secret = read_key(file, keys.NAMED, password, cheap=options["cheap"])
        if request is None:
            click.echo(_signature(secret, _digest(digest or "")))
            return
        wanted = _read_and_asked(request, schnorr.public_key(secret), options)
    except (KeyFileError, FederationFileError, RequestUnreadable, Invalid) as error:
        click.echo(str(error), err=True)
        sys.exit(1)
    name = os.path.basename(file).removesuffix(".key").removesuffix(".named")
    for one in wanted:
        click.echo(f"{name}={_signature(secret, one.digest)}")


def _digest(text: str) -> bytes:
    if not re.fullmatch("[0-9a-fA-F]{64}", text):
        raise click.BadParameter(f"32 bytes in hex expected, {text!r} given", param_hint="--digest")
    return bytes.fromhex(text)


def _read_and_asked(path: str, own: bytes, options: dict[str, Any]) -> tuple[ToSign, ...]:
    """Show the request and ask; raises what is wrong with it, and at a no."""
    request = read_request(path)
    lines, wanted = shown(request, own, names_in(options["roster"]))
    if options["charter"]:
        lines += compared(request, options["charter"], options["was"])
    for line in lines:
        click.echo(line, err=True)
    if not options["yes"]:
        agreed("Sign this?")
    return wanted


def _signature(secret: bytes, digest: bytes) -> str:
    return schnorr.sign(secret, digest, secrets.token_bytes(32)).hex()


RISK = """\
The journal remembers what the validator key of {name!r} signed. Go on only if it is lost:
  - If it still exists somewhere as it was when the signer last stopped, restore that instead.
  - No other machine may run this key, now or later.
  - HEIGHT must lie beyond every height this key may have voted at: the highest certified height
    that another node shows NOW, plus at least 2. Too low, and the key may contradict itself: that
    is evidence against you, and can split the chain.
  - Up to and with height {height} the validator abstains. If a third of the weight or more
    abstains at once, the chain stands still and never reaches that height."""


@key.command("accept-lost-journal")
@click.argument("name")
@home_option
@click.option(
    "--after-height",
    "height",
    required=True,
    type=click.IntRange(2, 2**62),
    help="Vote above it: the highest certified height on ANOTHER node, plus at least 2.",
)
@click.option("--yes", is_flag=True, help="Do not ask.")
@json_option
def accept_lost_journal(name: str, home: str, height: int, yes: bool, as_json: bool) -> None:
    """Accept that the vote journal of sidechain NAME's validator key is lost, and abstain.

    A fresh journal takes its place, whose owner votes only above --after-height. What is left of
    an old journal keeps its bytes under another name. A running signer takes it up by itself.
    """
    log_apart()
    os.umask(0o077)
    enter(home)
    try:
        config = load_config(".")
        if name not in [table.name for table in config.sidechain if table.validator_key]:
            raise click.UsageError(f"{name}: no sidechain with a validator_key has this name")
        click.echo(RISK.format(name=name, height=height), err=True)
        if not yes:
            agreed("The journal is lost, and the height is right?")
        old = journals.begin_abstaining(
            "data/signer", name, height, params_of(config.network).magic
        )
    except (ConfigErrors, JournalError, Invalid, OSError) as error:
        click.echo(str(error), err=True)
        sys.exit(1)
    facts = {"sidechain": name, "abstains_up_to": height, "old_journal": old}
    was = f"; was: {old}" if old else ""
    tell(facts, f"{name} abstains up to height {height}{was}", as_json=as_json)


def log_apart() -> None:
    """Standard output carries the result alone."""
    structlog.configure(logger_factory=structlog.PrintLoggerFactory(sys.stderr))


def _password(path: str | None) -> str | None:
    if path is None:
        return None
    with open(path) as file:
        return file.read().strip()


def asked_password(file: str, password_file: str | None) -> Any:
    """The password of a key file: from the file given, else from the terminal if it is sealed."""
    if password_file is None and is_sealed(file):
        return click.prompt("Password", hide_input=True, err=True)
    return _password(password_file)
