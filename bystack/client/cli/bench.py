"""`bystack bench`: measure this machine, without a node."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import click

from bystack.client.bench.frame import BENCHES, TIMED, run, say
from bystack.client.cli.conventions import json_option, show


@click.command()
@click.argument("name", required=False, type=click.Choice(sorted(BENCHES)))
@click.option(
    "--seconds",
    type=click.FloatRange(2, 3_600),
    help=f"How long to send load; of {' and '.join(sorted(TIMED))}.",
)
@json_option
def bench(name: str | None, seconds: float | None, as_json: bool) -> None:
    """Measure how fast this machine does NAME; without a name, list what there is.

    Needs no node and leaves nothing behind. Compare the ratios, not the figures: a floor is
    measured in the same run, on the same machine.
    """
    if name is None:
        listed = [{"bench": one, "measures": text} for one, text in sorted(BENCHES.items())]
        show(listed, as_json=as_json)
        return
    if seconds is not None and name not in TIMED:
        raise click.BadParameter(f"only for {', '.join(sorted(TIMED))}", param_hint="--seconds")
    result = run(name, say, seconds)
    show(result if as_json else _rows(result), as_json=as_json)
    if not as_json:
        click.echo("")
        show(result["machine"], as_json=False)


def _rows(result: Mapping[str, Any]) -> list[dict[str, Any]]:
    """A line for each number."""
    return [
        {"": part, "name": name, "value": value}
        for part in ("figures", "floor", "ratio")
        for name, value in result[part].items()
    ]
