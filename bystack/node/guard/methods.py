"""The guard's RPC methods; each but reading the book becomes a request in its inbox."""

from __future__ import annotations

from typing import Annotated, Any

import trio
from msgspec import Meta

from bystack.node.federation.events import Ask
from bystack.node.guard import shapes
from bystack.node.guard.following import Event
from bystack.node.guard.watchman import Watchman, shown_alarm
from bystack.node.rpc import Hash, Hex, Methods

Count = Annotated[int, Meta(ge=1, le=1000, description="how many")]
Index = Annotated[int, Meta(ge=0, le=100_000, description="an output's index")]
Signature = Annotated[str, Meta(pattern=r"^[0-9a-f]{128}\Z", description="64 bytes in hex")]
Key = Annotated[str, Meta(pattern=r"^[0-9a-f]{64}\Z", description="a public key")]
Name = Annotated[str, Meta(max_length=64)]


class GuardMethods:
    """Status, alarms and the acts by hand."""

    def __init__(self, watchman: Watchman, inbox: trio.MemorySendChannel[Event]) -> None:
        self._watchman, self._inbox = watchman, inbox

    def register(self, methods: Methods) -> None:
        """Add the methods."""
        methods.add("getguardinfo", self.info, returns=shapes.GuardInfo)
        methods.add("listalarms", self.alarms, returns=list[shapes.Alarm])
        methods.add("listacts", self.acts, returns=list[shapes.ActState])
        for name, function, kind in (
            ("freezevault", self.freeze, shapes.ActState),
            ("vetopayout", self.veto, shapes.ActState),
            ("cancelterms", self.cancel, shapes.ActState),
            ("addguardsignature", self.sign, shapes.ActState),
            ("signreplacement", self.replace, shapes.Countersigned),
        ):
            methods.add(name, function, scope="admin", returns=kind)

    async def _ask(self, method: str, *params: Any) -> Any:
        send, receive = trio.open_memory_channel[Any](1)
        await self._inbox.send(Ask(method, params, send))
        result = await receive.receive()
        if isinstance(result, Exception):
            raise result
        return result

    async def info(self) -> dict[str, Any]:
        """What the guard sees of both chains, the vault as it stands, its purse and its acts."""
        found: dict[str, Any] = await self._ask("info")
        standing = [kind for kind, up in self._standing().items() if up]
        return {**found, "standing": standing, "alarms": len(self._watchman.book.alarms)}

    def _standing(self) -> dict[str, bool]:
        return {one.kind.name.lower(): True for one in self._watchman.book.standing}

    def alarms(self, count: Count = 100) -> list[dict[str, Any]]:
        """The newest alarms, oldest of them first; one that is over has an entry of its own."""
        return [shown_alarm(one) for one in self._watchman.book.alarms[-count:]]

    async def acts(self) -> list[Any]:
        """Freezes, vetoes and cancellations on their way, and what each waits for."""
        found: list[Any] = await self._ask("acts")
        return found

    async def freeze(self) -> dict[str, Any]:
        """Freeze the vault now: no order and no touch for the charter's number of blocks."""
        found: dict[str, Any] = await self._ask("freeze")
        return found

    async def veto(self, txid: Hash, vout: Index) -> dict[str, Any]:
        """Send a pending payout back to the vault's treasury."""
        found: dict[str, Any] = await self._ask("veto", bytes.fromhex(txid), vout)
        return found

    async def cancel(self, terms: Hash) -> dict[str, Any]:
        """Withdraw the announcement of terms, given by their hash."""
        found: dict[str, Any] = await self._ask("cancel", bytes.fromhex(terms))
        return found

    async def sign(self, digest: Hash, signatures: dict[Name, Signature]) -> dict[str, Any]:
        """Bring other guards' signatures of an act, by any name: whose they are is found out."""
        given = {name: bytes.fromhex(one) for name, one in signatures.items()}
        found: dict[str, Any] = await self._ask("sign", bytes.fromhex(digest), given)
        return found

    async def replace(self, operation: Hex, signatures: dict[Key, Signature]) -> dict[str, Any]:
        """Sign a replacement of the terms that recovery has signed: its signatures by key."""
        given = [[bytes.fromhex(key), bytes.fromhex(one)] for key, one in signatures.items()]
        found: dict[str, Any] = await self._ask("replace", bytes.fromhex(operation), given)
        return found
