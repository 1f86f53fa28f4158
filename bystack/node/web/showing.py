"""The dashboard's files: read once at start, served by name, under the strictest policy.

Only what lies in the folder `dashboard` when the node starts is ever served; a request's path is
a key of a table and never touches the disk. The pages hold no secret: whoever loads them still
needs a credential for every figure (see `access`).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from importlib import resources
from importlib.resources.abc import Traversable
from typing import Final, NamedTuple

from starlette.responses import Response

INDEX: Final = "index.html"
MAX_FILE: Final = 128 * 1024
MAX_FILES: Final = 64
KINDS: Final = {
    "html": "text/html; charset=utf-8",
    "css": "text/css; charset=utf-8",
    "js": "text/javascript; charset=utf-8",
    "svg": "image/svg+xml",
}
POLICY: Final = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "img-src 'self'",
        "connect-src 'self'",
        "base-uri 'none'",
        "form-action 'none'",
        "frame-ancestors 'none'",
        "require-trusted-types-for 'script'",
        "trusted-types 'none'",
    )
)
"""Own files only, nothing inline, no frame around it, and no text is ever made into HTML."""
HEADERS: Final = {
    "Content-Security-Policy": POLICY,
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
    "Referrer-Policy": "no-referrer",
    "X-Frame-Options": "DENY",
}


class Shown(NamedTuple):
    """A file as it is served."""

    kind: str
    data: bytes


class TooMuch(Exception):
    """The folder holds more, or larger files, than a node keeps in memory."""


def shown_files(folder: Traversable | None = None) -> Mapping[str, Shown]:
    """Every file of a kind we serve, by its path below the folder. Raises `TooMuch`."""
    root = folder if folder is not None else resources.files("bystack.node.web") / "dashboard"
    found: dict[str, Shown] = {}
    for name, file in _below(root, ""):
        kind = KINDS.get(name.rpartition(".")[2])
        if kind is None:
            continue
        data = file.read_bytes()
        if len(data) > MAX_FILE or len(found) >= MAX_FILES:
            raise TooMuch(f"{name}: {len(data)} bytes, after {len(found)} files")
        found[name] = Shown(kind, data)
    return found


def _below(folder: Traversable, prefix: str) -> Iterator[tuple[str, Traversable]]:
    for entry in sorted(folder.iterdir(), key=lambda one: one.name):
        name = f"{prefix}{entry.name}"
        if entry.is_dir():
            yield from _below(entry, f"{name}/")
        else:
            yield name, entry


def served(file: Shown) -> Response:
    """A file with its headers."""
    return Response(file.data, headers={"content-type": file.kind, **HEADERS})
