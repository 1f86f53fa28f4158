"""What `/metrics` shows: documented families alone, as Prometheus's own parser reads them."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Any

import pytest
from prometheus_client.parser import text_string_to_metric_families

from bystack.node.metrics import page, usage
from bystack.node.metrics.exposition import MOST_VALUES, Reading, exposition
from bystack.node.metrics.families import FAMILIES, every
from bystack.node.metrics.figures import ROLES, Figures

ROOT = Path(__file__).parents[3]


def shown(*readings: Reading) -> dict[str, Any]:
    text = exposition(list(readings)).decode()
    return {one.name: one for one in text_string_to_metric_families(text)}


def test_each_process_is_a_sample_of_its_own() -> None:
    readings = [Reading("mainchain", "", {"height": 7}), Reading("sidechain", "a", {"height": 2})]
    found = shown(*readings)["bystack_height"]
    assert (found.type, found.documentation) == ("gauge", FAMILIES["height"].text)
    assert [(one.labels["role"], one.labels["name"], one.value) for one in found.samples] == [
        ("mainchain", "", 7),
        ("sidechain", "a", 2),
    ]


def test_a_counter_says_so_and_ends_in_total() -> None:
    found = shown(Reading("wallet", "", {"process_restarts_total": 3}))["bystack_process_restarts"]
    assert found.type == "counter"
    assert [one.name for one in found.samples] == ["bystack_process_restarts_total"]


def test_what_is_not_documented_or_no_number_does_not_show() -> None:
    told = {"height": "7", "evil\n": 1, "unknown": 1, "pegs_open": 1, "view": {"a": 1}, "epoch": 3}
    assert set(shown(Reading("sidechain", "a", told))) == {"bystack_epoch"}


def test_a_role_shows_no_other_roles_figures() -> None:
    assert not shown(Reading("wallet", "", {"height": 7}))


def test_labels_are_bounded_and_hostile_text_stays_inside_them() -> None:
    ways = {f'way"}} 1\nbystack_ready 1 {number}' + "x" * 100: 1 for number in range(200)}
    found = shown(Reading("sidechain", "a", {"pegs_open": {**ways, "b": "c"}}))
    assert set(found) == {"bystack_pegs_open"}
    assert len(found["bystack_pegs_open"].samples) == MOST_VALUES
    assert max(len(one.labels["way"]) for one in found["bystack_pegs_open"].samples) == 64


@pytest.mark.parametrize("family", every(), ids=lambda family: family.name)
def test_names_follow_the_convention(family: Any) -> None:
    assert re.fullmatch("[a-z][a-z_]*[a-z]", family.name)
    assert family.name.endswith("_total") is (family.kind == "counter")
    assert not re.search("_(ms|milliseconds|kb|mb|minutes|percent)(_total)?$", family.name)
    assert family.text and not family.text.endswith(".") and "|" not in family.text
    assert family.kind in ("gauge", "counter", "histogram")


def test_every_kind_of_figures_belongs_to_a_role() -> None:
    def leaves(kind: type[Figures]) -> set[type[Figures]]:
        below = kind.__subclasses__()
        return {kind} if not below else set().union(*map(leaves, below))

    assert leaves(Figures) == {kind for kinds in ROLES.values() for kind in kinds}


def test_the_documented_table_is_what_is_shown() -> None:
    text = (ROOT / page.PAGE).read_text()
    assert text == page.renewed(text), "run python -m bystack.node.metrics.page"
    assert text.count(page.BEGIN) == text.count(page.END) == 1


def test_usage_of_this_process() -> None:
    found = usage.usage(os.getpid())
    assert set(found) == {
        "process_cpu_seconds_total",
        "process_resident_memory_bytes",
        "process_start_time_seconds",
        "process_open_files",
    }
    assert found["process_resident_memory_bytes"] > 1_000_000
    assert found["process_open_files"] >= 3
    begun = Path(f"/proc/{os.getpid()}").stat().st_mtime
    assert abs(found["process_start_time_seconds"] - begun) < 100_000


def test_usage_of_nobody_is_nothing() -> None:
    assert usage.usage(2**22 + 1) == {}
