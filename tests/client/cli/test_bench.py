"""`bystack bench`: the list, one object for machines, a line for each number for people."""

from __future__ import annotations

from importlib import import_module
from inspect import signature
from pathlib import Path
from types import SimpleNamespace

import msgspec
import pytest
from click.testing import CliRunner

from bystack.client.bench import frame
from bystack.client.bench.frame import BENCHES, TIMED, Measured
from bystack.client.cli.main import main


def measure(show: frame.Show) -> Measured:
    show("measuring")
    return Measured(
        {"things_per_second": 12345.678}, {"raw_per_second": 20_000.4}, {"raw": 0.61728}
    )


@pytest.fixture
def made_up(monkeypatch: pytest.MonkeyPatch) -> str:
    name = next(iter(BENCHES), "validate")
    monkeypatch.setattr(frame, "import_module", lambda _: SimpleNamespace(measure=measure))
    return name


def invoke(*arguments: str) -> str:
    result = CliRunner().invoke(main, ["bench", *arguments])
    assert result.exit_code == 0, result.output
    return result.stdout


def test_without_a_name_it_lists_every_benchmark() -> None:
    assert set(BENCHES) <= set(invoke().split())
    listed = msgspec.json.decode(invoke("--json"))
    assert [row["bench"] for row in listed] == sorted(BENCHES)


def test_each_has_a_line_in_the_documents() -> None:
    page = (Path(__file__).parents[3] / "docs" / "benchmarks.md").read_text()
    assert [name for name in BENCHES if f"\n| `{name}` |" not in page] == []


@pytest.mark.parametrize("name", sorted(BENCHES))
def test_every_benchmark_is_a_module_that_measures(name: str) -> None:
    assert callable(import_module(f"bystack.client.bench.{name}").measure)


@pytest.mark.parametrize("name", sorted(BENCHES))
def test_help_names_those_that_take_seconds_and_they_do(name: str) -> None:
    """Whichever is not named refuses them before it begins."""
    takes = "seconds" in signature(import_module(f"bystack.client.bench.{name}").measure).parameters
    assert takes == (name in TIMED)
    if takes:
        assert name in invoke("--help").partition("--seconds")[2].partition("--json")[0]
    else:
        refused = CliRunner().invoke(main, ["bench", name, "--seconds", "2"])
        assert refused.exit_code == 2 and "only for" in refused.output


def test_json_is_one_object(made_up: str) -> None:
    result = msgspec.json.decode(invoke(made_up, "--json"))
    assert list(result) == ["bench", "figures", "floor", "ratio", "machine"]
    assert result["bench"] == made_up
    assert result["figures"] == {"things_per_second": 12346.0}
    assert result["floor"] == {"raw_per_second": 20000.0}
    assert result["ratio"] == {"raw": 0.6173}
    assert result["machine"]["cores"] >= 1


def test_a_table_has_a_line_for_each_number(made_up: str) -> None:
    text = invoke(made_up)
    assert "things_per_second" in text and "raw_per_second" in text and "processor:" in text


def test_what_is_no_benchmark_is_refused() -> None:
    assert CliRunner().invoke(main, ["bench", "nothing"]).exit_code == 2
