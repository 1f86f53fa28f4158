"""What an audit asked and was answered, in a file: whoever has it audits again, with no node.

Lines of JSON in gzip: first a heading, then each question with its answer, in the order they were
asked. Nothing in it is believed: the audit checks the answers as if nodes had given them just now,
and asks nothing that the file does not hold next.
"""

from __future__ import annotations

import gzip
import os
import zlib
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Protocol, Self, TypeVar

import msgspec

from bystack.primitives.errors import Invalid

FORMAT: Final = "bystack-audit-2"
MAX_LINE: Final = 160_000_000
"""Bytes; a page of proofs in hex has at most 128 million."""

MAIN, SIDE = "main", "side"

T = TypeVar("T")


class AuditFileUnfit(Invalid):
    """The file cannot be read or written, is no audit's, or damaged."""


class AuditFileOther(Invalid):
    """The file does not hold next what the audit asks: it is of another audit, or was cut."""


class Answering(Protocol):
    """Who answers an audit's questions: a node, or a file."""

    def side(self, chain: str, method: str, *params: Any) -> Any:
        """A call on a sidechain's path."""
        ...

    def call(self, method: str, *params: Any) -> Any:
        """A call on the main chain's path."""
        ...

    def batch(self, method: str, rows: Sequence[Sequence[Any]]) -> list[Any]:
        """One method of the main chain for many parameter lists."""
        ...


class Heading(msgspec.Struct, frozen=True):
    """What the file says of itself: the sidechain's name and id, Unix seconds."""

    format: str
    name: str
    chain: str
    time: int


class Said(msgspec.Struct, frozen=True):
    """A question – of which chain, method, parameters – and its answer."""

    of: str
    method: str
    params: list[Any]
    answer: Any


class Recording:
    """Asks the nodes and writes down; the file is there once all of it is (`with`)."""

    def __init__(self, path: Path, heading: Heading, main: Answering, side: Answering) -> None:
        self._path, self._part = path, path.with_name(path.name + ".part")
        self._main, self._side = main, side
        try:
            self._file = gzip.GzipFile(self._part, "wb")
        except OSError as error:
            raise AuditFileUnfit(file=str(self._part), reason=str(error.strerror)) from None
        self._write(heading)

    def _write(self, line: Heading | Said) -> None:
        self._file.write(msgspec.json.encode(line) + b"\n")

    def side(self, chain: str, method: str, *params: Any) -> Any:
        """As `Answering`."""
        answer = self._side.side(chain, method, *params)
        self._write(Said(SIDE, method, list(params), answer))
        return answer

    def call(self, method: str, *params: Any) -> Any:
        """As `Answering`."""
        answer = self._main.call(method, *params)
        self._write(Said(MAIN, method, list(params), answer))
        return answer

    def batch(self, method: str, rows: Sequence[Sequence[Any]]) -> list[Any]:
        """As `Answering`; a line for each row."""
        answers = self._main.batch(method, rows)
        for row, answer in zip(rows, answers, strict=False):
            self._write(Said(MAIN, method, list(row), answer))
        return answers

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._file.close()
        if error is None:
            os.replace(self._part, self._path)
        else:
            self._part.unlink(missing_ok=True)


class Recorded:
    """Answers from a file; raises `AuditFileUnfit`, `AuditFileOther`."""

    def __init__(self, path: Path) -> None:
        self._path = path
        try:
            self._file = gzip.GzipFile(path, "rb")
        except OSError as error:
            raise AuditFileUnfit(file=str(path), reason=str(error.strerror)) from None
        self.heading = self._read(Heading)
        if self.heading.format != FORMAT:
            raise AuditFileUnfit(file=str(path), format=self.heading.format[:40], wanted=FORMAT)

    def _read(self, kind: type[T]) -> T:
        try:
            line = self._file.readline(MAX_LINE + 1)
        except (OSError, EOFError, zlib.error) as error:
            raise AuditFileUnfit(file=str(self._path), reason=str(error)) from None
        if len(line) > MAX_LINE:
            raise AuditFileUnfit(file=str(self._path), reason=f"a line above {MAX_LINE} bytes")
        if not line.endswith(b"\n"):
            raise AuditFileOther(file=str(self._path), reason="it ends before the audit does")
        try:
            return msgspec.json.decode(line, type=kind)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            raise AuditFileUnfit(file=str(self._path), reason=str(error)) from None

    def _next(self, of: str, method: str, params: Sequence[Any]) -> Any:
        said = self._read(Said)
        if (said.of, said.method, said.params) != (of, method, list(params)):
            raise AuditFileOther(asked=f"{of} {method}", holds=f"{said.of} {said.method}"[:80])
        return said.answer

    def side(self, chain: str, method: str, *params: Any) -> Any:
        """As `Answering`."""
        return self._next(SIDE, method, params)

    def call(self, method: str, *params: Any) -> Any:
        """As `Answering`."""
        return self._next(MAIN, method, params)

    def batch(self, method: str, rows: Sequence[Sequence[Any]]) -> list[Any]:
        """As `Answering`."""
        return [self._next(MAIN, method, row) for row in rows]

    def close(self) -> None:
        """Let go of the file."""
        self._file.close()
