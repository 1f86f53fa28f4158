"""A vault operation as lines to read: what it is, who signs which digest, what comes next."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

Form = Mapping[str, Any]


def lines(name: str, built: Form) -> Iterator[str]:
    """The form of `buildvaultoperation` for a terminal."""
    yield f"{built['operation']} of vault {built['vault']}"
    yield f"  id      {built['id']}"
    for need in built["needs"]:
        yield from _need(need)
    if built["refused"]:
        yield f"  this node's signer did not sign: {built['refused']}"
    yield from _times(built)
    yield f"Next: {_next(name, built)}"


def _need(need: Form) -> Iterator[str]:
    word = "accepts" if need["accepts"] else "either" if need["either"] else "signs"
    yield f"  {word:<8}{need['policy']}"
    yield f"    digest  {need['digest']}"
    signed = ", ".join(need["signed"]) or "nobody"
    state = "complete" if need["complete"] else f"missing some of {', '.join(need['missing'])}"
    yield f"    signed  {signed}; {state}"
    if need["threshold"] and not need["complete"]:
        yield f"    members weight {need['weight']} of {need['threshold']} that sign for the group"


def _times(built: Form) -> Iterator[str]:
    if built["ready"] > built["height"]:
        left = built["ready"] - built["height"]
        yield f"  from    block {built['ready']} on, {left} after the next"
    if built["until"]:
        yield f"  until   block {built['until']}; the next is {built['height']}"


def _next(name: str, built: Form) -> str:
    submit = f"bystack vault submit {name}"
    if built["sent"]:
        return f"wait for a block: it was sent as {built['sent']}"
    if built["complete"]:
        return f"{submit} --operation {built['operation']}"
    if built["operation"] in ("order", "touch"):
        return "nothing: members sign and send it by themselves"
    return (
        "carry the file of --out to whoever is missing (bystackd key sign KEYFILE FILE --roster"
        " ROSTER --charter CHARTER tells what it signs and prints NAME=HEX), then "
        f"{submit} NAME=HEX ... --operation {built['operation']}"
    )
