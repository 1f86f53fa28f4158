"""`bystack federation simulate-year`: a table, or JSON; slips are usage errors."""

import msgspec
import pytest
from click.testing import CliRunner

from bystack.client.cli.main import main

SMALL = ("--deposits", "2", "--burns", "2")


def test_a_table_or_json_of_one_year() -> None:
    table = CliRunner().invoke(main, ["federation", "simulate-year", *SMALL])
    assert table.exit_code == 0 and "super-1" in table.stdout and "shared" in table.stdout
    plain = CliRunner().invoke(main, ["federation", "simulate-year", *SMALL, "--json"])
    year = msgspec.json.decode(plain.stdout)
    assert year["collected"] == year["sponsors"] + year["shared"] + year["left"]
    assert sum(row["earned"] for row in year["members"]) == year["shared"]


@pytest.mark.parametrize(
    "wrong", [("--deposits", "-1"), ("--burns", "10001"), ("--pegin-bp", "10000"), ("--seed", "x")]
)
def test_numbers_no_year_has(wrong: tuple[str, str]) -> None:
    assert CliRunner().invoke(main, ["federation", "simulate-year", *wrong]).exit_code == 2
