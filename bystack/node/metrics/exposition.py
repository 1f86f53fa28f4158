"""Writes the figures of all processes in Prometheus's text format, labelled by role and name.

What a process answers is its own word: a figure that is not documented, or no number, is left out,
and no label takes more than so many values.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final, NamedTuple

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from bystack.node.metrics.families import FAMILIES, PLACE, Family

MOST_VALUES: Final = 64
"""Values of one label: a process that names more, shows the first so many."""
MOST_LETTERS: Final = 64


class Reading(NamedTuple):
    """One process's figures at this moment."""

    role: str
    name: str
    figures: Mapping[str, Any]


class _Collected(Collector):
    def __init__(self, readings: list[Reading]) -> None:
        self._readings = readings

    def collect(self) -> Iterator[Metric]:
        """One family each, one sample per process and value of its label."""
        for family in FAMILIES.values():
            kind = CounterMetricFamily if family.kind == "counter" else GaugeMetricFamily
            metric = kind(family.full, family.text, labels=(*PLACE, *family.labels))
            for one in self._readings:
                if one.role in family.roles and family.name in one.figures:
                    for labels, value in _samples(family, one.figures[family.name]):
                        metric.add_metric([one.role, one.name, *labels], value)
            if metric.samples:
                yield metric


def _samples(family: Family, given: Any) -> Iterator[tuple[list[str], float]]:
    if family.labels:
        rows = list(given.items())[:MOST_VALUES] if isinstance(given, dict) else []
        for label, value in rows:
            if isinstance(label, str) and isinstance(value, int | float):
                yield [label[:MOST_LETTERS]], float(value)
    elif isinstance(given, int | float):
        yield [], float(given)


def exposition(readings: list[Reading]) -> bytes:
    """The figures in Prometheus's text format 0.0.4."""
    registry = CollectorRegistry(auto_describe=False)
    registry.register(_Collected(readings))
    return generate_latest(registry)
