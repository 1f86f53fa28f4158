"""Reads a request's body up to a limit, counted while it arrives; never more is held."""

from __future__ import annotations

from starlette.requests import Request

READ_SECONDS = 30


class BodyTooLarge(Exception):
    """The body exceeds the limit."""


async def read_body(request: Request, limit: int) -> bytes:
    """The body, at most `limit` bytes. Raises `BodyTooLarge` before or while reading."""
    declared = request.headers.get("content-length", "")
    if declared.isdigit() and int(declared) > limit:
        raise BodyTooLarge
    parts, size = [], 0
    async for part in request.stream():
        size += len(part)
        if size > limit:
            raise BodyTooLarge
        parts.append(part)
    return b"".join(parts)
