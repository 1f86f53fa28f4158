"""What `/metrics` shows: the supervisor's own figures, and each process's, labelled by chain."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import GaugeMetricFamily, Metric

NAME = re.compile("[a-z][a-z0-9_]{0,60}")
LABELS = ("role", "name")


class Reading(NamedTuple):
    """One process's figures at this moment."""

    role: str
    name: str
    up: bool
    restarts: int
    figures: Mapping[str, Any]


class _Collector:
    def __init__(self, readings: list[Reading]) -> None:
        self._readings = readings

    def collect(self) -> Iterator[Metric]:
        """Families of gauges, one per figure, one sample per process."""
        families: dict[str, GaugeMetricFamily] = {}
        for one in self._readings:
            own = {"process_up": int(one.up), "process_restarts": one.restarts}
            for name, value in {**own, **one.figures}.items():
                if NAME.fullmatch(name) and isinstance(value, int | float):
                    text = name.replace("_", " ")
                    family = families.setdefault(
                        name, GaugeMetricFamily(f"bystack_{name}", text, labels=LABELS)
                    )
                    family.add_metric([one.role, one.name], float(value))
        yield from families.values()


def exposition(readings: list[Reading]) -> bytes:
    """The figures in Prometheus's text format; what is no number or has no fit name is left out."""
    registry = CollectorRegistry(auto_describe=False)
    registry.register(_Collector(readings))
    return generate_latest(registry)
