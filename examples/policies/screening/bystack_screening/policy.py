"""One function: what is asked and the settings in, a decision or None out."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from bystack.federation.policies.requests import Decision, Outcome, Request


def screen(request: Request, settings: Mapping[str, Any]) -> Decision | None:
    """Deny an order that pays a destination of the list in `settings["file"]`."""
    listed = screened(Path(settings["file"]).read_text())
    for payout in request.payouts:
        name = payout.destination[1:].hex()
        if name in listed:
            return Decision(Outcome.DENY, "screened", f"{name} is on the screening list")
    return None


def screened(text: str) -> frozenset[str]:
    """The destinations of a list, in hex."""
    lines = (line.partition("#")[0].strip().lower() for line in text.splitlines())
    return frozenset(line for line in lines if line)
