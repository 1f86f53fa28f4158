"""Errors that cross a process border travel by value: code, sentence, facts.

Codes are Bitcoin Core's where it has one (-26: a rule refused), JSON-RPC 2.0's for the rest.
"""

from __future__ import annotations

from typing import Any

from bystack.primitives.errors import Invalid, shown

INVALID = -26
AWAY = -28
METHOD_UNKNOWN = -32601
INTERNAL = -32603
BUSY = -32005

Plain = int | str


class RemoteError(Exception):
    """The other process answered with an error: `code`, `message`, `data` (rule name and facts)."""

    def __init__(self, code: int, message: str, data: dict[str, Any] | None = None) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.data: dict[str, Any] = data or {}

    @property
    def rule(self) -> str:
        """The rule that refused, or an empty string."""
        return str(self.data.get("rule", ""))

    def __str__(self) -> str:
        return f"{self.message} (code {self.code})"


def _plain(fact: object) -> Plain:
    match fact:
        case bool():
            return int(fact)
        case int() if abs(fact) < 2**63:
            return fact
        case _:
            return shown(fact)


def from_invalid(error: Invalid) -> RemoteError:
    """A broken rule as a remote error: code -26, the sentence, the rule's name and facts."""
    facts = {name: _plain(fact) for name, fact in error.facts.items()}
    return RemoteError(INVALID, str(error), {"rule": error.rule, "facts": facts})


def away(error: Exception) -> RemoteError:
    """That a request needs another process of this node, which does not answer now (-28)."""
    text = f"another process of this node is needed: {error}; see bystack status, and try again"
    return RemoteError(AWAY, text, {"rule": "Unavailable"})


def sole_cause(error: BaseException) -> BaseException:
    """The one error inside nested groups (nurseries wrap even a single one), or the group."""
    while isinstance(error, BaseExceptionGroup) and len(error.exceptions) == 1:
        error = error.exceptions[0]
    return error
