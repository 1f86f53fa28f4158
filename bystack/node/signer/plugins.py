"""Policies that operators install: entry points of the group `bystack.policies`.

An entry point is a function of the request and the settings of the policy file; it gives a
`Decision`, or None for no opinion. It can deny or have wait, never let through what others refuse.
One that fails denies.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any, Final

import structlog

from bystack.federation.policies.judging import ALLOWED, Opinion
from bystack.federation.policies.policy import Plugin
from bystack.federation.policies.requests import Decision, Outcome, Request
from bystack.primitives.entry_points import entry_points

GROUP: Final = "bystack.policies"
_reason = re.compile(r"[a-z][a-z0-9_]{0,47}")

log = structlog.get_logger("signer")

Rule = Callable[[Request, Mapping[str, Any]], Decision | None]


_loaded: dict[str, Rule] = {}


def _rule(name: str) -> Rule | None:
    """The rule of this name, loaded once; a package may still be installed later."""
    if name not in _loaded:
        for found in entry_points(group=GROUP, name=name):
            _loaded[name] = found.load()
    return _loaded.get(name)


def opinion_of(plugin: Plugin) -> Opinion:
    """A plug-in as a rule among the others: whatever is wrong with it denies."""

    def judged(request: Request) -> Decision:
        try:
            rule = _rule(plugin.name)
            if rule is None:
                return _failed(plugin, f"no package offers it in the group {GROUP}")
            return _checked(plugin, rule(request, plugin.settings))
        except Exception as error:  # a stranger's code, at its boundary
            log.exception("policy plug-in failed", plugin=plugin.name)
            return _failed(plugin, repr(error))

    return judged


def _checked(plugin: Plugin, said: object) -> Decision:
    if said is None:
        return ALLOWED
    fit = isinstance(said, Decision) and isinstance(said.outcome, Outcome)
    if not fit or not _reason.fullmatch(said.reason) or not isinstance(said.words, str):  # type: ignore[attr-defined]
        return _failed(plugin, "it gave no decision")
    return said  # type: ignore[return-value]


def _failed(plugin: Plugin, why: str) -> Decision:
    return Decision(Outcome.DENY, "plugin_failed", f"{plugin.name}: {why[:500]}")
