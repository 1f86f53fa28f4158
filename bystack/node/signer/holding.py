"""One signer per key on a host, wherever its home lies: a name in the kernel that only one holds.

The journal's own lock belongs to a path; a copied home has another. The name is of the key and its
chain, and goes with the process. Hosts and network namespaces do not see each other's: what two of
them sign is found by what others show (`votes`).
"""

from __future__ import annotations

import errno
import socket
from contextlib import AbstractContextManager, nullcontext

from bystack.primitives.hashes import tagged

_name = tagged("signer/holding")


class KeyHeld(Exception):
    """Another process of this host serves the key; the message says what to do."""


def hold_key(key: bytes, chain: bytes) -> AbstractContextManager[object]:
    """Hold a voting key on this host until what it gives is closed or let go; raises `KeyHeld`.

    A kernel without such names (other than Linux) gives nothing to hold.
    """
    held = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    try:
        held.bind(b"\0bystack-vote-" + _name(key, chain).hex().encode())
    except OSError as error:
        held.close()
        if error.errno != errno.EADDRINUSE:
            return nullcontext()
        text = f"another signer on this host serves the key {key.hex()}"
        raise KeyHeld(f"{text}; stop one of the two for good, they would equivocate") from None
    return held
