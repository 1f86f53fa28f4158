"""What a changed configuration does to a running node: at once, by a restart, or not at all."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final, Literal, NamedTuple

import msgspec

from bystack.node.config.tables import Config, Rpc

Effect = Literal["taken over", "processes restarted", "needs a restart of bystackd"]

TAKEN: Final[Effect] = "taken over"
PROCESSES: Final[Effect] = "processes restarted"
RESTART: Final[Effect] = "needs a restart of bystackd"

TLS: Final = ("tls_certificate", "tls_key")
"""Another certificate is for the connections that come then; whether there is TLS is not."""

LIVE_RPC: Final = (
    "concurrency",
    "dashboard",
    "hosts",
    "max_body_kb",
    "rate",
    "seconds",
    "subscribers",
    "tokens",
    *TLS,
)
"""Keys of [rpc] that the server reads at each request or connection; it was made with the others.
"""

FIXED: Final = ("network",)
"""What a home keeps for good: its stores, keys and wallets are one network's."""

BY_TABLE: Final[dict[str, Effect]] = {
    "mainchain": PROCESSES,
    "mining": PROCESSES,
    "mempool": PROCESSES,
    "limits": PROCESSES,
    "log": PROCESSES,
    "wallet": TAKEN,
    "sidechain": TAKEN,
    "federation": TAKEN,
    "guard": TAKEN,
    "rpc": RESTART,
}


class Change(NamedTuple):
    """A key that is another than before: `[table] key`, and what a SIGHUP does about it."""

    key: str
    effect: Effect


def changes(old: Config, new: Config) -> tuple[Change, ...]:
    """Every key that differs; of tables that come in numbers, the instances by name."""
    return tuple(_changes(old, new))


def _changes(old: Config, new: Config) -> Iterator[Change]:
    for field in msgspec.structs.fields(Config):
        before, after = getattr(old, field.name), getattr(new, field.name)
        if before == after:
            continue
        if field.name in FIXED:
            yield Change(field.name, RESTART)
        elif isinstance(after, tuple):
            one, other = ({one.name: one for one in many} for many in (before, after))
            for name in sorted(one.keys() | other.keys()):
                if one.get(name) != other.get(name):
                    yield Change(f"[[{field.name}]] {name}", BY_TABLE[field.name])
        else:
            yield from _of_table(field.name, before, after)


def _live(key: str, before: object, after: object) -> bool:
    """The server takes over another value of a key of [rpc]."""
    return key in LIVE_RPC and (key not in TLS or bool(before) == bool(after))


def taken_over(before: Rpc, after: Rpc) -> Rpc:
    """What the server goes by once it was told to take over what it can."""
    both = {key: (getattr(before, key), getattr(after, key)) for key in LIVE_RPC}
    live = {key: new for key, (old, new) in both.items() if _live(key, old, new)}
    return msgspec.structs.replace(before, **live)


def _of_table(table: str, before: msgspec.Struct, after: msgspec.Struct) -> Iterator[Change]:
    for field in msgspec.structs.fields(after):
        if getattr(before, field.name) != getattr(after, field.name):
            both = getattr(before, field.name), getattr(after, field.name)
            live = table == "rpc" and _live(field.name, *both)
            yield Change(f"[{table}] {field.name}", TAKEN if live else BY_TABLE[table])
