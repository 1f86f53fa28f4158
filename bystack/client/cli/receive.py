"""`bystack receive`: a fresh address, its QR code, and word of what arrives there."""

from __future__ import annotations

import sys
from decimal import Decimal, InvalidOperation
from functools import partial
from pathlib import Path
from typing import Final

import click

from bystack.client.cli.conventions import guarded, home_option, json_option, show
from bystack.client.cli.following import follow, wait_option
from bystack.client.cli.purses import account_option, ask, chain_option, wallet_option
from bystack.client.watching import received

SCHEME: Final = "bystack"
QUIET: Final = 2
"""Light squares around the code: scanners want four, two do where the page around it is plain."""


def uri(address: str, amount: str = "", asset: str = "", label: str = "") -> str:
    """What a payer's wallet reads from the code, in the form of BIP 21."""
    from urllib.parse import quote, urlencode

    wanted = {"amount": amount, "asset": asset, "label": label}
    query = urlencode({key: one for key, one in wanted.items() if one}, quote_via=quote)
    return f"{SCHEME}:{address}" + (f"?{query}" if query else "")


def code(text: str) -> str:
    """A QR code for a terminal: two rows of squares in each line of half blocks."""
    import io

    import segno

    drawn = io.StringIO()
    segno.make(text, micro=False, error="m").terminal(drawn, border=QUIET, compact=True)
    return drawn.getvalue()


def picture(text: str, path: Path) -> None:
    """A QR code in a file, SVG or PNG by its name. Raises `ClickException`."""
    import segno

    try:
        with path.open("xb") as file:
            kind = path.suffix.lstrip(".").lower()
            segno.make(text, micro=False, error="m").save(file, kind=kind, scale=6)
    except (OSError, ValueError) as error:
        raise click.ClickException(f"{path}: {error}; give a new file .svg or .png") from None


@click.command()
@click.option("--amount", default="", help="How much is asked for; part of the code.")
@click.option("--asset", default="", help="Of what; BTM without it. Part of the code.")
@click.option("--label", default="", help="What to call the address; part of the code.")
@click.option(
    "--qr-file", type=click.Path(dir_okay=False, path_type=Path), help="The code as .svg or .png."
)
@click.option("--no-qr", is_flag=True, help="The address alone.")
@wait_option
@chain_option
@account_option
@wallet_option
@home_option
@json_option
@guarded
def receive(
    amount: str, asset: str, label: str, qr_file: Path | None, no_qr: bool, wait: bool, chain: str,
    account: str, wallet: str, home: str, as_json: bool,
) -> None:  # fmt: skip
    """A fresh address to be paid at, with its QR code; --wait tells when money arrives.

    The code holds bystack:ADDRESS?amount=…&asset=…&label=…, as BIP 21 has it. It is drawn where
    somebody looks at a terminal.

    \b
    bystack receive
    bystack receive --chain trade --amount 2.5 --label rent --wait
    """
    if qr_file is not None and qr_file.suffix.lower() not in (".svg", ".png"):
        raise click.UsageError("--qr-file is a name that ends in .svg or .png")
    check_amount(amount)
    asked = partial(ask, home, wallet)
    address = asked("getnewaddress", label, "", chain, account)
    text = uri(address, amount, asset, label)
    if qr_file is not None:
        picture(text, qr_file)
    if as_json:
        show({"address": address, "chain": chain, "uri": text}, as_json=True)
    else:
        click.echo(address)
        if not no_qr and _watched():
            click.echo(code(text))
    if wait:
        again = f"bystack wallet history --chain {chain}"
        follow(lambda: received(asked, chain, address), again)


def check_amount(amount: str) -> None:
    """Raise `UsageError` for what is no positive decimal number."""
    try:
        if amount and not (Decimal(amount).is_finite() and Decimal(amount) > 0):
            raise InvalidOperation
    except InvalidOperation:
        raise click.UsageError(f"--amount {amount}: a number above 0, such as 2.5") from None


def _watched() -> bool:
    return sys.stdout.isatty()
