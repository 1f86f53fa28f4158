"""A model year of a federation's fees, for who considers to sit in one."""

from __future__ import annotations

from dataclasses import replace

import click

from bystack.client.cli.conventions import json_option, show
from bystack.federation.year import Plan, Year, simulate


@click.command("simulate-year")
@click.option("--deposits", default=Plan.deposits, show_default=True, help="Peg-ins a day.")
@click.option("--burns", default=Plan.burns, show_default=True, help="Peg-outs a day.")
@click.option("--amount", default=Plan.amount, show_default=True, help="Average, smallest units.")
@click.option("--growth", default=Plan.growth, show_default=True, help="Each day, thousandths.")
@click.option("--pegin-bp", default=Plan.pegin_bp, show_default=True, help="Fee in, basis points.")
@click.option("--pegout-bp", default=Plan.pegout_bp, show_default=True, help="Fee out.")
@click.option("--flat", default=Plan.flat, show_default=True, help="Of a peg-out, to its sponsor.")
@click.option("--seed", default=Plan.seed, show_default=True, help="Another year.")
@json_option
def simulate_year(as_json: bool, **numbers: int) -> None:
    """What a year's peg fees are, and how five members share them.

    A model: two supers, one steady member, one that is there half the time and one that hardly ever
    is. Nothing is asked of any node.
    """
    wrong = [name for name, number in numbers.items() if not 0 <= number <= 10**15]
    if wrong or max(numbers["deposits"], numbers["burns"]) > 10_000 or numbers["growth"] > 100:
        raise click.UsageError("numbers from 0; at most 10000 people a day and growth 100")
    if max(numbers["pegin_bp"], numbers["pegout_bp"]) >= 10_000:
        raise click.UsageError("fees are below 10000 basis points")
    year = simulate(replace(Plan(), **numbers))  # type: ignore[arg-type]
    show(_plain(year) if as_json else _rows(year), as_json=as_json)
    if not as_json:
        click.echo(
            f"moved {year.moved}, fees {year.collected}: sponsors {year.sponsors},"
            f" shared {year.shared}, left {year.left}"
        )


def _rows(year: Year) -> list[dict[str, object]]:
    return [
        {
            "member": row.name,
            "weight": row.weight,
            "statements": row.done.statements,
            "headers": row.done.headers,
            "batches": row.done.settlements,
            "votes": row.done.votes,
            "earned": row.earned,
            "percent": f"{row.part // 100}.{row.part % 100:02}",
            "repaid": row.sponsored,
        }
        for row in year.rows
    ]


def _plain(year: Year) -> dict[str, object]:
    totals = ("collected", "sponsors", "shared", "left", "moved")
    return {**{name: getattr(year, name) for name in totals}, "members": _rows(year)}
