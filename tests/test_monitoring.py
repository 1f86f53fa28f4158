"""What deploy/ gives Prometheus and Grafana: every expression asks for what `/metrics` shows."""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
import yaml

from bystack.node.metrics.families import PLACE, Family, every

ROOT = Path(__file__).parent.parent
DEPLOY = ROOT / "deploy"
RULES = DEPLOY / "prometheus" / "alerts.yml"
CASES = DEPLOY / "prometheus" / "alerts_test.yml"
SCRAPE = DEPLOY / "prometheus" / "prometheus.yml"
BOARD = DEPLOY / "grafana" / "bystack.json"

FAMILIES: dict[str, Family] = {one.full: one for one in every()}
METRIC = re.compile(r"\b(bystack_[a-z_]+)(?:\{([^}]*)\})?")
MATCHER = re.compile(r'([a-z_]+) *(?:=~|!~|!=|=) *"[^"]*"')
FOREIGN = ("instance", "job", "le")
"""Labels that Prometheus adds; `le` is that of a histogram's buckets."""


def alerts() -> list[dict[str, Any]]:
    return [
        rule for group in yaml.safe_load(RULES.read_text())["groups"] for rule in group["rules"]
    ]


def board() -> dict[str, Any]:
    found: dict[str, Any] = msgspec.json.decode(BOARD.read_bytes())
    return found


def panels() -> list[dict[str, Any]]:
    return [one for one in board()["panels"] if one["type"] != "row"]


def targets() -> Iterator[tuple[dict[str, Any], dict[str, Any]]]:
    return ((panel, target) for panel in panels() for target in panel["targets"])


def family(name: str) -> Family | None:
    """The family that a series belongs to; a histogram's have three endings."""
    stem = re.sub("_(bucket|sum|count)$", "", name)
    found = FAMILIES.get(name) or FAMILIES.get(stem)
    whole = found is None or found.kind == "histogram" or name in FAMILIES
    return found if whole else None


def labels_of(found: Family) -> set[str]:
    return {*found.labels, *(PLACE if found.roles else ()), *FOREIGN}


def faults(expression: str) -> list[str]:
    """Metrics and labels of an expression that are none of ours."""
    said = []
    for name, inner in METRIC.findall(expression):
        found = family(name)
        if found is None:
            said.append(f"no metric {name}")
            continue
        used = set(MATCHER.findall(inner)) - labels_of(found)
        said += [f"{name} has no label {label}" for label in used]
        for role in re.findall(r'role=~?"([^"$]*)"', inner):
            said += [f"{name} is not of {one}" for one in role.split("|") if one not in found.roles]
    said += [f"unbalanced {a}{b}" for a, b in ("()", "{}", "[]")
             if expression.count(a) != expression.count(b)]  # fmt: skip
    counters = re.findall(r"(?:rate|increase)\((bystack_[a-z_]+)", expression)
    kinds = {name: found.kind for name in counters if (found := family(name))}
    return said + [f"{name} does not only grow" for name, kind in kinds.items() if kind == "gauge"]


@pytest.mark.parametrize("rule", alerts(), ids=lambda rule: rule["alert"])
def test_an_alert_asks_for_what_is_shown_and_says_what_to_do(rule: dict[str, Any]) -> None:
    assert faults(rule["expr"]) == []
    assert re.fullmatch("Bystack[A-Za-z]+", rule["alert"])
    assert re.fullmatch("[0-9]+[mh]", rule.get("for", "1m"))
    assert rule["labels"]["severity"] in ("page", "warn")
    told = rule["annotations"]
    assert set(told) == {"summary", "description"} and all(told.values())
    found = [family(name) for name, _ in METRIC.findall(rule["expr"])]
    known = {*FOREIGN, *(label for one in found if one for label in labels_of(one))}
    used = set(re.findall(r"\$labels\.([a-z_]+)", "".join(told.values())))
    assert used <= known, f"{used - known} of {rule['alert']} would be empty"


def test_alerts_are_named_once_and_their_documents_exist() -> None:
    names = [rule["alert"] for rule in alerts()]
    assert len(set(names)) == len(names)
    for page in re.findall(r"docs/[a-z-]+\.md", RULES.read_text()):
        assert (ROOT / page).is_file(), page


def test_the_scrape_configuration_reads_the_rules_and_the_nodes_path() -> None:
    found = yaml.safe_load(SCRAPE.read_text())
    assert found["rule_files"] == [RULES.name]
    (job,) = found["scrape_configs"]
    assert (job["job_name"], job["metrics_path"]) == ("bystack", "/metrics")
    assert job["authorization"]["type"] == "Bearer"
    assert 'up{job="bystack"}' in RULES.read_text()


def test_every_panel_asks_for_what_is_shown() -> None:
    assert {p["title"]: f for p, t in targets() if (f := faults(t["expr"]))} == {}
    for panel, target in targets():
        found = [family(name) for name, _ in METRIC.findall(target["expr"])]
        known = {*FOREIGN, *(label for one in found if one for label in labels_of(one))}
        used = set(re.findall(r"\{\{([a-z_]+)\}\}", target["legendFormat"]))
        assert used <= known, panel["title"]


def test_the_dashboard_shows_most_of_what_is_measured() -> None:
    asked = {name for _, target in targets() for name, _ in METRIC.findall(target["expr"])}
    found = {one.full for name in asked if (one := family(name))}
    assert len(found) > 0.7 * len(FAMILIES)
    assert {one.roles for one in map(FAMILIES.get, found) if one} >= {
        ("guard",), ("federation",), ("sidechain",), ("mainchain",), ("signer",), ("bystackd",),
    }  # fmt: skip


def test_panels_have_ids_of_their_own_and_do_not_overlap() -> None:
    every_one = board()["panels"]
    assert len({one["id"] for one in every_one}) == len(every_one)
    taken: set[tuple[int, int]] = set()
    for one in every_one:
        g = one["gridPos"]
        cells = {
            (x, y) for x in range(g["x"], g["x"] + g["w"]) for y in range(g["y"], g["y"] + g["h"])
        }
        assert not cells & taken and g["x"] + g["w"] <= 24, one["title"]
        taken |= cells


def test_variables_that_panels_use_are_defined() -> None:
    text = BOARD.read_text()
    defined = {one["name"] for one in board()["templating"]["list"]}
    assert set(re.findall(r"\$\{?([a-z]+)\}?", text)) == defined


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ("bystack_heigth == 0", "no metric bystack_heigth"),
        ('bystack_peers{rol="mainchain"}', "bystack_peers has no label rol"),
        ('bystack_view{role="mainchain"}', "bystack_view is not of mainchain"),
        ("rate(bystack_height[1m])", "bystack_height does not only grow"),
        ("sum(bystack_height", "unbalanced ()"),
    ],
)
def test_a_slip_is_found(wrong: str, said: str) -> None:
    assert faults(wrong) == [said]


def cases() -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = yaml.safe_load(CASES.read_text())["tests"]
    return found


def test_every_alert_has_a_case_in_which_it_fires_and_one_in_which_none_does() -> None:
    healthy, *firing = cases()
    named = [rule["alert"] for rule in alerts()]
    assert [one["name"] for one in firing] == named
    for one in firing:
        (asked,) = one["alert_rule_test"]
        assert asked["alertname"] == one["name"] and asked["exp_alerts"]
    assert all(one["exp_samples"] == [] for one in healthy["promql_expr_test"])
    # An alert whose metrics the healthy node did not show would be silent for that alone.
    shown = {METRIC.match(one["series"]) for one in healthy["input_series"]}
    metrics = {one[1] for one in shown if one}
    asked_for = {name for rule in alerts() for name, _ in METRIC.findall(rule["expr"])}
    assert asked_for <= metrics


def test_the_cases_show_what_nodes_show() -> None:
    series = {one["series"] for case in cases() for one in case["input_series"]}
    assert {one: said for one in series if (said := faults(one))} == {}


promtool = pytest.mark.skipif(
    shutil.which("promtool") is None, reason="Prometheus's own tool is not here"
)


@promtool
def test_promtool_takes_the_rules() -> None:
    subprocess.run(["promtool", "check", "rules", str(RULES)], check=True)


@promtool
def test_promtool_sees_each_alert_fire_and_none_on_a_healthy_node() -> None:
    subprocess.run(["promtool", "test", "rules", str(CASES)], check=True)
