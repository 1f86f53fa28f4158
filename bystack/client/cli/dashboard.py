"""`bystack dashboard`: the address of a node's pages, with the token that opens them."""

from __future__ import annotations

import click
import msgspec

from bystack.client.cli.conventions import guarded, home_option, json_option, node, show


@click.command()
@home_option
@json_option
@guarded
def dashboard(home: str, as_json: bool) -> None:
    """The address of a node's dashboard, to be opened in a browser on this machine.

    Its last part is a token of scope read, which the page takes out of the address and which
    never travels with it. It opens no wallet and changes nothing.
    """
    rpc = node(home)
    rpc.call("getblockcount")
    url = str(msgspec.json.decode((rpc.home / "run" / "bystackd.json").read_bytes())["url"])
    token = rpc.home / "tokens" / "dashboard"
    secret = token.read_text().strip() if token.exists() else ""
    address = f"{url}#token={secret}" if secret else url
    show({"url": address}, as_json=True) if as_json else click.echo(address)
