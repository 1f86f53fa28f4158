"""What a process writes about itself: one line an event, to stderr; the supervisor keeps the files.

Anything named as a secret is blotted out before it is formatted, at any depth.
"""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Mapping, MutableMapping
from typing import Any, TextIO

import structlog

from bystack.node.config import Log
from bystack.node.ipc.trace import current_trace

SECRET = frozenset(
    {"secret", "key", "password", "passphrase", "token", "cookie", "seed", "mnemonic", "share"}
    | {"secrets", "keys", "passwords", "tokens", "cookies", "shares", "authorization"}
    | {"phrase", "phrases", "privkey", "privkeys", "xprv", "seeds"}
)
OPEN = frozenset({"public", "epoch", "path", "name", "count", "index"})
BLOT = "[redacted]"
MAX_DEPTH = 6

Event = MutableMapping[str, Any]


def is_secret(name: str) -> bool:
    """A field of this name holds what must not be logged (`public_key` and the like may be)."""
    words = set(name.lower().replace("-", "_").split("_"))
    return bool(words & SECRET) and not words & OPEN


def redacted(value: Any, depth: int = 0) -> Any:
    """`value` with everything named as a secret blotted out."""
    if depth > MAX_DEPTH:
        return "…"
    match value:
        case Mapping():
            return {
                name: BLOT if is_secret(str(name)) else redacted(one, depth + 1)
                for name, one in value.items()
            }
        case list() | tuple():
            return [redacted(one, depth + 1) for one in value]
        case bytes():
            return value.hex()
        case _:
            return value


def _redact(logger: Any, method: str, event: Event) -> Event:
    return dict(redacted(event))


def _trace(logger: Any, method: str, event: Event) -> Event:
    if trace := current_trace():
        event.setdefault("trace", trace)
    return event


class _Forward(logging.Handler):
    """Carries records of the standard library's logging into this one."""

    def emit(self, record: logging.LogRecord) -> None:
        """Log one record of the standard library here."""
        logger = structlog.get_logger(record.name)
        logger.log(record.levelno, record.getMessage(), exc_info=record.exc_info)


class _Named(structlog.PrintLogger):
    """A logger that knows for which module it writes."""

    def __init__(self, module: str, to: TextIO) -> None:
        super().__init__(to)
        self.module = module

    def msg(self, message: str) -> None:
        """Write a line; one for which there is no room or no reader is lost."""
        try:
            super().msg(message)
        except OSError:
            return

    log = debug = info = warn = warning = fatal = failure = err = error = critical = msg
    exception = msg


class _Factory:
    def __init__(self, to: TextIO) -> None:
        self._to = to

    def __call__(self, *names: str) -> _Named:
        return _Named(names[0] if names else "", self._to)


def _number(level: str) -> int:
    return logging.getLevelNamesMapping()[level.upper()]


class _Levels:
    """Drops what its module has to say below the level set for it; names the module."""

    def __init__(self, settings: Log) -> None:
        self._least = _number(settings.level)
        self._of = {module: _number(level) for module, level in settings.levels.items()}

    @property
    def lowest(self) -> int:
        """Below it no module says anything."""
        return min([self._least, *self._of.values()])

    def __call__(self, logger: Any, method: str, event: Event) -> Event:
        module: Any = getattr(logger, "module", "")
        if _number(method) < self._of.get(module, self._least):
            raise structlog.DropEvent
        return {**event, "module": module} if module else event


def configure(label: str, settings: Log = Log(), to: TextIO | None = None) -> None:  # noqa: B008
    """Log from here on to `to` (stderr) as `settings` say, with `label` on every line."""
    levels = _Levels(settings)
    last: Any = structlog.dev.ConsoleRenderer(colors=False)
    if settings.format == "json":
        last = structlog.processors.JSONRenderer(default=str)
    structlog.configure(
        processors=[
            levels,
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            _trace,
            structlog.processors.format_exc_info,
            _redact,
            last,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(levels.lowest),
        logger_factory=_Factory(to or sys.stderr),
    )
    structlog.contextvars.clear_contextvars()
    structlog.contextvars.bind_contextvars(process=label)
    logging.basicConfig(
        handlers=[_Forward()], level=max(_number(settings.level), logging.WARNING), force=True
    )


class RotatingFile:
    """A log file that is renamed at a size (`x.log` → `x.log.1` → …) and of which few are kept."""

    def __init__(self, path: str, max_bytes: int, keep: int) -> None:
        self.path, self.max_bytes, self.keep = path, max_bytes, keep
        self._handle: int | None = None
        self._size = 0

    def _open(self) -> int:
        flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC
        self._handle = os.open(self.path, flags, 0o600)
        self._size = os.fstat(self._handle).st_size
        return self._handle

    def write(self, data: bytes) -> None:
        """Append `data`, in a new file if it does not fit into this one."""
        # A full disk must not stop the node: what cannot be written is dropped.
        try:
            handle = self._open() if self._handle is None else self._handle
            if self._size and self._size + len(data) > self.max_bytes:
                handle = self._rotate()
            self._size += os.write(handle, data)
        except OSError:
            return

    def _rotate(self) -> int:
        self.close()
        names = [self.path, *(f"{self.path}.{number}" for number in range(1, self.keep + 1))]
        for older, newer in reversed(list(zip(names[1:], names, strict=False))):
            if os.path.exists(newer):
                os.replace(newer, older)
        if not self.keep:
            os.unlink(self.path)
        return self._open()

    def close(self) -> None:
        """Close the file; what is written later opens it again."""
        if self._handle is not None:
            os.close(self._handle)
            self._handle = None
