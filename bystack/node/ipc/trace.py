"""The trace id: one short name that follows a transaction through every process it visits."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

_trace: ContextVar[str] = ContextVar("bystack_trace", default="")

MAX_TRACE = 64


def new_trace() -> str:
    """A fresh trace id of 16 hex digits."""
    return secrets.token_hex(8)


def current_trace() -> str:
    """The trace id of this task, or an empty string."""
    return _trace.get()


@contextmanager
def traced(trace: str) -> Iterator[str]:
    """Run the block under `trace` (a fresh one if empty); calls made inside carry it."""
    token = _trace.set(trace or new_trace())
    try:
        yield _trace.get()
    finally:
        _trace.reset(token)
