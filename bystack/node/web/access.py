"""Who may ask: the cookie of this start, named tokens with scopes, and which Host and Origin.

A browser must not become a client by accident: a foreign Host (DNS rebinding) or Origin is refused
before any credential is read. Secrets are compared in constant time.
"""

from __future__ import annotations

import base64
import binascii
import hmac
import ipaddress
import os
import secrets
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from bystack.node.config import Scope
from bystack.node.keyfiles import read_private
from bystack.node.store import files

COOKIE = ".cookie"
COOKIE_USER = "__cookie__"
TOKENS = "tokens"
DASHBOARD = "dashboard"
"""The token that `bystack dashboard` hands to a browser, of scope read."""
LOCAL = ("localhost", "127.0.0.1", "::1")


@dataclass(frozen=True)
class Credential:
    """A user name, its secret, and what it may do."""

    user: str
    secret: str
    scope: Scope

    def __repr__(self) -> str:
        return f"Credential({self.user!r}, {self.scope!r})"


def make_cookie(home: files.Path) -> Credential:
    """A fresh admin credential, written to `.cookie` (0600) for local clients."""
    secret = secrets.token_hex(32)
    files.replace(os.path.join(home, COOKIE), f"{COOKIE_USER}:{secret}".encode(), durable=False)
    return Credential(COOKIE_USER, secret, "admin")


def load_tokens(home: files.Path, tokens: Mapping[str, Scope]) -> tuple[Credential, ...]:
    """The configured tokens; a token whose file `tokens/NAME` is missing is made (0600).

    Raises `KeyFileLoose` when others may read a token.
    """
    folder = os.path.join(home, TOKENS)
    held = []
    for name, scope in tokens.items():
        path = os.path.join(folder, name)
        if not os.path.exists(path):
            os.makedirs(folder, mode=0o700, exist_ok=True)
            files.replace(path, secrets.token_hex(32).encode() + b"\n")
        held.append(Credential(name, read_private(path).decode("ascii", "replace").strip(), scope))
    return tuple(held)


def _presented(header: str) -> tuple[str | None, str]:
    """User (None: any) and secret of an Authorization header; Basic or Bearer."""
    kind, _, rest = header.partition(" ")
    match kind.lower():
        case "bearer":
            return None, rest.strip()
        case "basic":
            try:
                user, _, secret = base64.b64decode(rest, validate=True).decode().partition(":")
            except (binascii.Error, UnicodeDecodeError, ValueError):
                return None, ""
            return user, secret
        case _:
            return None, ""


def caller_of(header: str, held: Iterable[Credential]) -> Credential | None:
    """The credential that an Authorization header presents, or None."""
    user, secret = _presented(header)
    return presented(user, secret, held)


def presented(user: str | None, secret: str, held: Iterable[Credential]) -> Credential | None:
    """The credential of a user (None: any) with this secret, or None; each is compared."""
    found: Credential | None = None
    for one in held:
        same = hmac.compare_digest(one.secret.encode(), secret.encode())
        if same and one.secret and user in (None, one.user):
            found = one
    return found


def host_of(header: str) -> str:
    """The name in a Host header, without port and brackets, in small letters."""
    name = header.strip().lower()
    if name.startswith("["):
        return name[1:].partition("]")[0]
    return name.rpartition(":")[0] if name.count(":") == 1 else name


def accepts_host(header: str, listen: str, further: Iterable[str]) -> bool:
    """A Host header names this machine: loopback, the listen address, or a configured name."""
    name = host_of(header)
    own = host_of(listen)
    if name in LOCAL or name == own or name in {one.lower() for one in further}:
        return True
    # Listening everywhere, an address (never a name, which DNS could rebind) may be used as host.
    return own in ("0.0.0.0", "::") and _is_address(name)


def _is_address(name: str) -> bool:
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True


def accepts_origin(origin: str | None, host: str) -> bool:
    """No Origin (no browser), or the very host the request goes to."""
    if origin is None:
        return True
    scheme, _, place = origin.partition("://")
    return scheme in ("http", "https") and place.lower() == host.strip().lower()
