"""Alice, Bob and Carol: wallets on nodes of their own, and how their money is looked at."""

from __future__ import annotations

from decimal import Decimal
from typing import Any, NamedTuple

from bystack.client.devnet.founding import Devnet
from bystack.client.rpc import Rpc


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
    return str(wallet_of(net, person).getnewaddress(chain))


def balance(net: Devnet, person: Person, chain: str, asset: str) -> Decimal:
    """What the person's wallet says it has."""
    return Decimal(str(wallet_of(net, person).getbalance(chain, asset)))


def coin_at(net: Devnet, witness: int, chain: str, txid: str, vout: int) -> dict[str, Any] | None:
    """An unspent output as another node's own store has it."""
    path = "/" if chain == "main" else f"/sidechain/{chain}"
    found: dict[str, Any] | None = net[witness].call("gettxout", txid, vout, False, path=path)
    return found


def paid_to(net: Devnet, witness: int, chain: str, txid: str, address: str) -> bool:
    """Another node's store holds an unspent output of `txid` at `address`."""
    path = "/" if chain == "main" else f"/sidechain/{chain}"
    tx = net[witness].call("getrawtransaction", txid, True, path=path)
    outputs = [o["n"] for o in tx["vout"] if o.get("address") == address]
    return any(coin_at(net, witness, chain, txid, n) for n in outputs)
