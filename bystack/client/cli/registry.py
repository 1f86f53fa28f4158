"""Certificates of a sidechain's registry: enter a digest, pass it on, revoke, endorse, look."""

from __future__ import annotations

from hashlib import file_digest
from pathlib import Path

import click

from bystack.client.cli.conventions import guarded, home_option, json_option, node, show
from bystack.client.cli.drafts import ask, wallet_option

sidechain_option = click.option("--chain", required=True, help="The sidechain's name.")


def digest_of(context: click.Context, parameter: click.Parameter, value: str) -> str:
    """The SHA-256 of a file, or 64 hex digits as they are."""
    path = Path(value)
    if path.is_file():
        with path.open("rb") as data:
            return file_digest(data, "sha256").hexdigest()
    try:
        if len(bytes.fromhex(value)) == 32:
            return value.lower()
    except ValueError:
        pass
    raise click.BadParameter(f"{value} is neither a file nor 64 hex digits", context, parameter)


digest_argument = click.argument("digest", metavar="FILE|DIGEST", callback=digest_of)


@click.group()
def registry() -> None:
    """Time-stamped digests on a sidechain: whose a document is, and since when."""


@registry.command("add")
@digest_argument
@click.option("--memo", default="", help="Up to 256 bytes that everybody reads.")
@click.option("--owner", default="", help="An address on the sidechain; a new one without it.")
@click.option("--expires", default=0, help="Last height it is valid at; 0: without end.")
@sidechain_option
@wallet_option
@home_option
@json_option
@guarded
def add(
    digest: str, memo: str, owner: str, expires: int, chain: str, wallet: str, home: str,
    as_json: bool,
) -> None:  # fmt: skip
    """Enter the digest of FILE (SHA-256), or a DIGEST. The file itself goes nowhere."""
    made = ask(home, wallet, "registerdigest", digest, memo, owner, expires, chain)
    show(made, as_json=as_json)


@registry.command("transfer")
@digest_argument
@click.argument("address")
@sidechain_option
@wallet_option
@home_option
@json_option
@guarded
def transfer(digest: str, address: str, chain: str, wallet: str, home: str, as_json: bool) -> None:
    """Give the certificate to ADDRESS; where several people own it, draft that."""
    made = ask(home, wallet, "transfercertificate", digest, address, chain)
    show(made, as_json=as_json)


@registry.command("revoke")
@digest_argument
@click.option("--reason", default="", help="Up to 100 bytes that everybody reads.")
@sidechain_option
@wallet_option
@home_option
@json_option
@guarded
def revoke(digest: str, reason: str, chain: str, wallet: str, home: str, as_json: bool) -> None:
    """Declare the certificate void, for good."""
    show(ask(home, wallet, "revokecertificate", digest, reason, chain), as_json=as_json)


@registry.command("endorse")
@digest_argument
@click.argument("address")
@sidechain_option
@wallet_option
@home_option
@json_option
@guarded
def endorse(digest: str, address: str, chain: str, wallet: str, home: str, as_json: bool) -> None:
    """Stand for the certificate with ADDRESS, one of this wallet's."""
    show(ask(home, wallet, "endorsecertificate", digest, address, chain), as_json=as_json)


@registry.command("show")
@digest_argument
@sidechain_option
@home_option
@json_option
@guarded
def certificate(digest: str, chain: str, home: str, as_json: bool) -> None:
    """What the sidechain has recorded of FILE or DIGEST."""
    show(node(home).side(chain, "getcertificate", digest), as_json=as_json)


@registry.command("list")
@click.argument("owner")
@click.option("--after", default="", help="The digest the last page ended with.")
@sidechain_option
@home_option
@json_option
@guarded
def listed(owner: str, after: str, chain: str, home: str, as_json: bool) -> None:
    """The certificates of OWNER, an address on the sidechain."""
    rows = node(home).side(chain, "listcertificates", owner, 100, after)
    brief = [
        {name: row[name] for name in ("digest", "status", "height", "since", "memo")}
        for row in rows
    ]
    show(rows if as_json else brief, as_json=as_json)
