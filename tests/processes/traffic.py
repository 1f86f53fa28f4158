"""What people do on a network while it is being hurt: mine, deposit, pay, burn, move across.

Everything may fail, since what it needs may be dead just then; what counts is what the stores say
in the end. The choices are seeded; the pace is that of the chains, not of a clock.
"""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable
from random import Random
from types import TracebackType
from typing import Any, Self

from bystack.client.devnet.founding import CONFIRMATIONS
from bystack.client.devnet.network import Devnet, opened
from bystack.client.rpc import NodeDown, RpcFailed, Waited, wait_for

CHAINS = ("trade", "games")
PEOPLE = (1, 2, 3)
"""The numbers of the nodes whose wallets make payments; node 0 mines and deposits."""


class Traffic:
    """A task beside the test that acts until it is told to end."""

    def __init__(self, net: Devnet, seed: int) -> None:
        self.net = opened(net.folder)  # connections of its own
        self.done: Counter[str] = Counter()
        self.faults: Counter[str] = Counter()
        self._dice = Random(seed)
        self._end = threading.Event()
        self._thread = threading.Thread(target=self._run, name="traffic")
        self._pegouts: list[tuple[str, str]] = []

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._end.set()
        self._thread.join()

    def _run(self) -> None:
        acts = (self.deposit, self.pay_main, self.pay_side, self.pay_side, self.burn, self.across)
        while not self._end.is_set():
            self._try(self._dice.choice(acts))
            self._try(self.mine)

    def _try(self, act: Callable[[], Any]) -> None:
        try:
            act()
            self.done[act.__name__] += 1
        except (RpcFailed, NodeDown, Waited) as error:
            self.faults[f"{act.__name__}: {error}"[:120]] += 1

    def mine(self) -> None:
        """A block, once the first node has the sidechain's next one: so neither runs away."""
        now = int(self.net[0].side("trade", "getblockcount"))
        self.net[0].generatetoaddress(1, self.net.miner_address())
        wait_for("a sidechain block", lambda: self._side_height() > now, 3)

    def _side_height(self) -> int:
        return int(self.net[0].side("trade", "getblockcount"))

    def _person(self) -> Any:
        return self.net[self._dice.choice(PEOPLE)]

    def deposit(self) -> None:
        """The first node pays into a vault, for a person's wallet."""
        chain, amount = self._dice.choice(CHAINS), self._dice.randint(1, 20)
        asset = self._dice.choice(("BTM", "GOLD"))
        home = self._person().getnewaddress("", "", chain)
        self.net[0].pegin(chain, str(amount), asset, home)

    def pay_main(self) -> None:
        """On the main chain, to a person."""
        self.net[0].sendtoaddress(self._person().getnewaddress(), "3")

    def pay_side(self) -> None:
        """On a sidechain, from one person to another."""
        chain = self._dice.choice(CHAINS)
        home = self._person().getnewaddress("", "", chain)
        self._person().side(chain, "sendtoaddress", home, str(self._dice.randint(1, 3)))

    def burn(self) -> None:
        """From a sidechain to the main chain."""
        chain, person = self._dice.choice(CHAINS), self._person()
        person.sendtomainchain(chain, person.getnewaddress(), "1", "BTM")

    def across(self) -> None:
        """From one sidechain to the other."""
        here, there = self._dice.sample(CHAINS, 2)
        self._person().sendtosidechain(
            here, self._person().getnewaddress("", "", there), "1", "BTM"
        )


def settle(net: Devnet) -> None:
    """Bury what was done, so that deposits become claimable and orders are proved."""
    net.mine(CONFIRMATIONS + 2)
