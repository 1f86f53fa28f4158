"""The families of `/metrics`: each with kind, labels, roles and sentence. Nothing else shows."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final, NamedTuple, get_args, get_origin, get_type_hints

import msgspec

from bystack.node.metrics.figures import ROLES, Figures
from bystack.primitives.errors import Misuse

PREFIX: Final = "bystack_"
PLACE: Final = ("role", "name")


class Family(NamedTuple):
    """One family. `name` without prefix; `labels` besides `role` and `name`, or all of them where
    `roles` is empty: the daemon's own."""

    name: str
    kind: str
    text: str
    labels: tuple[str, ...]
    roles: tuple[str, ...] = ()

    @property
    def full(self) -> str:
        """As Prometheus knows it."""
        return PREFIX + self.name


WEB: Final = (
    Family("build_info", "gauge", "1; what runs here", ("version", "python")),
    Family("http_requests_total", "counter", "HTTP requests answered", ("endpoint", "status")),
    Family("http_request_seconds", "histogram", "how long an answer took", ("endpoint",)),
    Family("rpc_calls_total", "counter", "JSON-RPC calls, those of batches singly", ("outcome",)),
    Family("rpc_logins_refused_total", "counter", "credentials that were wrong", ("outcome",)),
    Family("websocket_subscribers", "gauge", "open WebSocket connections", ()),
)
"""Families of the daemon's own server, which `web/measuring` keeps."""


def _of(role: str, figures: type[Figures]) -> Iterator[Family]:
    for name, kind in get_type_hints(figures, include_extras=True).items():
        note = next(one for one in get_args(kind)[1:] if isinstance(one, msgspec.Meta))
        facts: dict[str, Any] = note.extra_json_schema or {}
        label, labelled = facts["label"], get_origin(get_args(kind)[0]) is dict
        if labelled is not bool(label):
            raise Misuse(f"figure {name}: a label and several values belong together")
        labels = (label,) if label else ()
        yield Family(name, facts["kind"], note.description or "", labels, (role,))


def _merged() -> dict[str, Family]:
    found: dict[str, Family] = {}
    for role, kinds in ROLES.items():
        for one in (family for kind in kinds for family in _of(role, kind)):
            known = found.setdefault(one.name, one)
            if known[:4] != one[:4]:
                raise Misuse(f"figure {one.name}: two parts give it two meanings")
            if role not in known.roles:
                found[one.name] = known._replace(roles=(*known.roles, role))
    return found


FAMILIES: Final = _merged()
"""The families of figures, by name."""


def every() -> tuple[Family, ...]:
    """All families, those of the processes first."""
    return (*FAMILIES.values(), *WEB)
