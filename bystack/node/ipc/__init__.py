"""Private sockets between the processes of one node: calls, streams, errors by value.

`serve` answers on a unix socket (0600, in a 0700 directory); `connect` and `Reconnecting` call it.
Give short relative paths (`run/mainchain.sock`): the kernel allows 107 bytes.
"""

from bystack.node.ipc.client import (
    Client,
    ItemStream,
    Reconnecting,
    TimedOut,
    Unanswered,
    Unavailable,
    connect,
)
from bystack.node.ipc.errors import INTERNAL, INVALID, METHOD_UNKNOWN, RemoteError
from bystack.node.ipc.server import PING, Handler, StreamHandler, by_value, serve
from bystack.node.ipc.trace import current_trace, new_trace, traced

__all__ = [
    "INTERNAL",
    "INVALID",
    "METHOD_UNKNOWN",
    "PING",
    "Client",
    "Handler",
    "ItemStream",
    "Reconnecting",
    "RemoteError",
    "StreamHandler",
    "TimedOut",
    "Unanswered",
    "Unavailable",
    "by_value",
    "connect",
    "current_trace",
    "new_trace",
    "serve",
    "traced",
]
