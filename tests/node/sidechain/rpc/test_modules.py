"""What anyone asks a sidechain's modules over RPC: by their own names, typed, in whole coins."""

from __future__ import annotations

from typing import Any

import pytest
import trio

from bystack.ledger.amounts import BTM
from bystack.node.ipc import RemoteError
from bystack.node.rpc import Methods
from bystack.node.sidechain.rpc.modules import ModuleMethods
from bystack.primitives.addresses import POLICY, Address, encode_address
from bystack.sidechain.modules.base import Modules, Quiet, read_only
from bystack.sidechain.modules.exchange.orders import Side
from bystack.sidechain.modules.registry.certificates import Register
from bystack.sidechain.modules.registry.module import REGISTER
from tests.ledger.people import ALICE, BOB, CAROL
from tests.sidechain.markets import REGISTRY, Trading, trading

DEED = b"\xd1" * 32


class Weather(Quiet):
    """A package's module with a query of its own, and one whose name is taken."""

    name = "weather"
    queries: tuple[str, ...] = ("getweather", "getorder")

    def query(self, state: Any, name: str, params: Any) -> Any:
        return {"asked": [name, *params]}


class Reader:
    """The state of a world, as the store's reader gives it."""

    def __init__(self, world: Trading) -> None:
        self.world = world
        self.modules = Modules([*world.side.modules.modules, Weather()])

    @property
    def height(self) -> int:
        return self.world.side.header.height

    def query(self, name: str, query: str, params: list[Any]) -> Any:
        module = next(one for one in self.modules.modules if one.name == name)
        return module.query(read_only(self.world.side.state, name), query, params)


def methods(world: Trading) -> Methods:
    made, reader = Methods(), Reader(world)
    ModuleMethods(reader, world.genesis, reader.modules).register(made)  # type: ignore[arg-type]
    return made


def ask(world: Trading, name: str, *params: Any) -> Any:
    return trio.run(methods(world).call, name, list(params))


def traded() -> tuple[Trading, bytes]:
    on = trading()
    id = on.place(BOB, Side.SELL, 5, 100)
    on.place(ALICE, Side.BUY, 6, 40)
    on.place(CAROL, Side.BUY, 4, 7)
    return on, id


def test_the_exchange_in_whole_coins() -> None:
    on, id = traded()
    (market,) = ask(on, "listmarkets")
    assert (market["name"], market["price_step"], market["amount_step"]) == ("GOLD/BTM", "2", 1)
    book = ask(on, "getorderbook", "GOLD/BTM")
    assert book["asks"] == [{"price": "10", "amount": 60, "orders": 1}]
    assert book["bids"] == [{"price": "8", "amount": 7, "orders": 1}]
    (trade,) = ask(on, "listtrades", "0")
    assert (trade["price"], trade["amount"], trade["side"]) == ("10", 40, "buy")
    order = ask(on, "getorder", id.hex())
    assert (order["amount"], order["of"], order["market"]) == (60, 100, "GOLD/BTM")
    address = encode_address(Address(on.genesis.hrp, POLICY, BOB.lock.root))
    assert order["address"] == address
    for owner in (address, BOB.lock.root.hex()):
        assert ask(on, "listorders", [owner]) == [order]


def test_the_registry() -> None:
    on = trading()
    action = Register(DEED, BOB.lock.root, b"a deed", on.side.header.height + 2)
    on.block(on.acting(BOB, REGISTRY + REGISTER, action, {BTM: 16}))
    assert ask(on, "getcertificate", DEED.hex().upper())["memo"] == "a deed"
    (mine,) = ask(on, "listcertificates", BOB.lock.root.hex())
    assert (mine["digest"], mine["status"]) == (DEED.hex(), "valid")
    assert ask(on, "getregistryinfo")["certificates"] == 1
    on.idle(2)
    assert ask(on, "getcertificate", DEED.hex())["status"] == "expired"


def test_a_packages_queries_have_their_names_but_take_nobody_elses() -> None:
    on, id = traded()
    assert ask(on, "getweather", ["here"]) == {"asked": ["getweather", "here"]}
    assert ask(on, "query", "weather", "getorder", []) == {"asked": ["getorder"]}
    assert ask(on, "getorder", id.hex())["order"] == id.hex()
    assert ask(on, "listqueries")["weather"] == ["getweather", "getorder"]
    for name in ("listmembers", "getpauses"):
        assert ask(on, "query", "federation", name) == ask(on, name)
    assert {"listmembers", "getpauses"} <= set(ask(on, "listqueries")["federation"])
    told = ask(on, "help")
    assert "getorderbook market [depth]" in told and "getweather" in told


@pytest.mark.parametrize(
    ("name", "params"),
    [
        ("query", ["ocean", "x"]),
        ("getorderbook", ["EUR/BTM"]),
        ("getorderbook", ["GOLD/BTM", 0]),
        ("getorder", ["ab"]),
        ("listorders", [["tr1nonsense"]]),
        ("listtrades", ["GOLD/BTM", 101]),
        ("getcertificate", [5]),
        ("listcertificates", ["00" * 31]),
    ],
)
def test_what_is_asked_is_checked(name: str, params: list[Any]) -> None:
    on, _ = traded()
    with pytest.raises(RemoteError):
        ask(on, name, *params)
