"""Alice, Bob and Carol: wallets on nodes of their own, and the other node that must agree."""

from __future__ import annotations

from functools import partial
from typing import Any, NamedTuple

from bystack.client.devnet.founding import Devnet
from bystack.client.rpc import Rpc

MAIN = "main"


class Person(NamedTuple):
    """A person, the node with the wallet, and another node that must agree."""

    name: str
    node: int
    witness: int


ALICE = Person("Alice", 1, 3)
BOB = Person("Bob", 2, 4)
CAROL = Person("Carol", 3, 0)


def wallet_of(net: Devnet, person: Person) -> Rpc:
    """The RPC of the node that holds the person's wallet."""
    return net[person.node]


def address(net: Devnet, person: Person, chain: str) -> str:
    """A fresh address of the person's on a chain."""
    return str(wallet_of(net, person).getnewaddress("", "", chain))


def held(net: Devnet, person: Person, chain: str, asset: str) -> int | None:
    """What the person has of an asset (its id), in smallest units, by the witness's own store.

    The wallet says which coins; each is looked up on the other node. None while it lacks one.
    """
    total = 0
    path = "/" if chain == MAIN else f"/sidechain/{chain}"
    for coin in wallet_of(net, person).listunspent(path=path):
        look = partial(net[person.witness].call, "gettxout", coin["txid"], coin["vout"], False)
        shown: dict[str, Any] | None = look(path=path)
        if shown is None:
            return None
        if asset in (shown["asset"], shown.get("id")):
            total += int(shown["units"])
    return total
