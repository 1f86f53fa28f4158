"""How many wrong credentials an address may present: a few at once, then one every few seconds.

An address that has used them up is told to wait, and what it presents meanwhile is not even
compared, so that secrets cannot be tried at the speed of the network. On loopback they are compared
all the same: there everybody shares one address, and whoever reads the cookie must get in while
another program of the machine goes on with a stale one.

What is kept is bounded, whoever asks: a number and a time for each of the addresses that failed
last. Of IPv6 the first 64 bits count, which is what one host commonly has.
"""

from __future__ import annotations

import ipaddress
from collections import OrderedDict
from collections.abc import Callable
from typing import Final, NamedTuple

ATTEMPTS: Final = 10
"""Wrong credentials that an address may present at once."""
EVERY: Final = 6.0
"""Seconds after which it may present one more."""
MOST: Final = 4096
"""Addresses that are remembered; beyond them the one that failed longest ago is forgotten."""
PREFIX: Final = 64


class Guesser(NamedTuple):
    """Where a request comes from, as failures are counted; `local`: this machine."""

    name: str
    local: bool


def guesser(host: str) -> Guesser:
    """The one behind a peer's address; what is no address (a socket of the machine) is local."""
    try:
        found = ipaddress.ip_address(host.partition("%")[0])
    except ValueError:
        return Guesser("local", local=True)
    if isinstance(found, ipaddress.IPv6Address) and found.ipv4_mapped is not None:
        found = found.ipv4_mapped
    if isinstance(found, ipaddress.IPv6Address) and not found.is_loopback:
        return Guesser(str(ipaddress.ip_network((found, PREFIX), strict=False)), local=False)
    return Guesser(str(found), found.is_loopback)


class Guesses:
    """The attempts that are left to each address."""

    def __init__(self, now: Callable[[], float]) -> None:
        self._now = now
        self._left: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def __len__(self) -> int:
        """How many addresses are remembered."""
        return len(self._left)

    def wait(self, who: Guesser) -> float:
        """Seconds until a wrong credential of this address is compared again; 0: now."""
        return max(0.0, (1 - self._now_left(who)) * EVERY)

    def wrong(self, who: Guesser) -> bool:
        """Count one; whether the address has none left after it."""
        left = max(0.0, self._now_left(who) - 1)
        self._left[who.name] = left, self._now()
        self._left.move_to_end(who.name)
        if len(self._left) > MOST:
            self._left.popitem(last=False)
        return left < 1

    def _now_left(self, who: Guesser) -> float:
        left, at = self._left.get(who.name, (float(ATTEMPTS), self._now()))
        return min(float(ATTEMPTS), left + (self._now() - at) / EVERY)
