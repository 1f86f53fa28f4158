"""Following a chain's process: block by block into the purse, back on a reorganisation.

The process may be down, come back, or be another one than before; the purse says where it stands
and the stream begins there.

**What the main chain's `blocks` stream says**, whoever serves it. It is asked with a locator:
`[height, id]` pairs of the blocks followed last, newest first, not necessarily next to each other.
The first of them that the chain knows is where it begins; those before are named in `disconnect`
items. Items, one height after the other:

    ["connect", height, id, block]   a block's bytes; of a light chain, its header and those of its
                                     transactions that pay a watched lock or spend a coin so paid
    ["disconnect", height, id]       the block followed last left the chain
    ["tip", height, id]              no more for now

A chain that says `mode: light` in its `status` is told with the locator what to look for (32-byte
policy roots). When a match makes more addresses known, the wallet opens the stream again *before*
the block that held it: so the chain looks at that block, and at those after it, with the new roots.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, Final

import structlog
import trio

from bystack.ledger.coins import Coin, Delta
from bystack.ledger.transactions import Outpoint, Transaction
from bystack.mainchain.blocks import decode_block
from bystack.node.ipc import Client, Reconnecting, RemoteError, Unavailable
from bystack.node.mainchain.signals import Signal
from bystack.node.wallet import scanning
from bystack.node.wallet.expecting import expect
from bystack.node.wallet.purse import Purse
from bystack.node.wallet.standing import lose, stand
from bystack.primitives.codec import decode, encode
from bystack.sidechain.action_kinds import ANCHOR, EVIDENCE, MODULE_KINDS, PENDING, SYSTEM_OUTPUTS
from bystack.sidechain.blocks import decode_body, decode_header

MAX_COIN: Final = 64_000
SAVE_EVERY: Final = 500
PAUSE: Final = 0.2
LONGEST_PAUSE: Final = 30.0
"""Seconds before a chain is asked again: after a loss, and after it has refused many times."""
PRUNED: Final = -1
GIVEN_OUT: Final = 64
GIVING: Final = frozenset({ANCHOR, PENDING, EVIDENCE})
"""What the chain itself gives out for; of each at most `GIVEN_OUT` coins, as of a module's."""
IMPOSSIBLE: Final = frozenset({"Expired", "Overspent", "SignatureWrong", "PolicyUnsatisfied"})
"""Refusals that no later block makes good. Whatever else a pool says (full, a fee too low now, too
many before it), the payment may still be mined, and its coins must not be spent again."""
FINAL: Final = frozenset({"CoinMissing"})
"""The same where blocks are final. On the main chain a coin that is missing after a reorganisation
may come again; a block that spends it otherwise gives the payment up by itself."""

log = structlog.get_logger("wallet")


class Follower:
    """Keeps one purse at its chain's tip; `moved` tells whenever it went on.

    `woken` makes a purse without keys look again; `widened` tells that more addresses are watched;
    `again` closes the stream, to begin where the purse stands now. `trouble` is why the chain does
    not let itself be followed, or empty.
    """

    def __init__(self, purse: Purse) -> None:
        self.purse = purse
        self.client = Reconnecting(purse.chain.socket)
        self.moved, self.woken, self._begun = Signal(), Signal(), trio.Event()
        self.widened, self._watched = Signal(), 0
        self.handing = trio.Lock()
        """Held while a payment is handed in, or found out to be in no pool."""
        self.target, self.trouble, self._pause = 0, "", PAUSE
        self._scope = trio.CancelScope()
        self._told = -1  # how many addresses a light chain was told
        self.approved: frozenset[int] = frozenset()
        """The kinds of modules' actions that somebody must approve, as the chain says."""

    async def run(self) -> None:
        """Follow until cancelled."""
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self.client.run)
            nursery.start_soon(expect, self.purse, self.client, self.widened)
            while True:
                await self.client.wait_connected()
                while not self.purse.ready:
                    await self.woken.wait()
                with trio.CancelScope() as self._scope:
                    await self._follow_on()
                self.purse.caught_up = False

    async def _follow_on(self) -> None:
        """Follow while the chain is there; then wait before it is asked again."""
        try:
            await self._follow()
        except Unavailable as error:
            log.info("chain lost", chain=self.purse.chain.name, reason=str(error))
            self._pause = PAUSE
        except RemoteError as error:
            self._refused(error)
        self.purse.caught_up = False
        await trio.sleep(self._pause)

    def _refused(self, error: RemoteError) -> None:
        """The same refusal is told once, and the chain asked less and less often."""
        if str(error) != self.trouble:
            chain, at = self.purse.chain.name, self.purse.wallet.height
            log.warning("the chain cannot be followed", chain=chain, at=at, reason=str(error))
        self.trouble = str(error)
        self._pause = min(2 * self._pause, LONGEST_PAUSE)

    def again(self) -> None:
        """Ask the chain anew from where the purse stands."""
        self._scope.cancel()

    def tell(self) -> None:
        """More may be watched than a light chain and a pool were told: tell them."""
        self._widen()
        if 0 <= self._told < len(self.purse.wallet.book.places):
            self.again()

    async def rescan(self, height: int) -> int:
        """Read the chain again from `height` on; the height it really begins at.

        Raises `RemoteError` where the chain does not know the height, or has pruned its block.
        """
        if self.purse.chain.genesis is not None:
            status = await self.client.call("status")
            if int(status.get("first", 0)) > 1:  # joined by a snapshot: what it has is coins
                lose(self.purse)
                self.again()
                await self.purse.save()
                return int(status["height"]) + 1
        before, id = await self._readable(height)
        await self._wind_back(before, id)
        return before + 1

    async def begin_from(self, height: int) -> None:
        """Read the chain from `height` on and never before.

        Raises `RemoteError` where the chain does not know the height.
        """
        await self.client.wait_connected()
        before, id = await self._before(height)
        self.purse.birth, self.purse.birth_block = before, id
        await self._wind_back(before, id)

    async def _readable(self, height: int) -> tuple[int, bytes]:
        """As `_before`; raises `RemoteError` where the chain no longer has what follows."""
        before, id = await self._before(height)
        first = (await self.client.call("status")).get("blocks_from", 1)
        if before + 1 < first:
            text = f"block {before + 1} is pruned; this node has those from {first} on"
            raise RemoteError(PRUNED, f"{text}: begin there, or use a node that keeps all")
        return before, id

    async def _before(self, height: int) -> tuple[int, bytes]:
        """The block before `height`, or the beginning where the wallet cannot stand there."""
        if self.purse.chain.genesis is not None or height <= 1 or not self.purse.complete:
            return 0, b""
        params = ("getblockhash", [height - 1], "read", "main")
        return height - 1, bytes.fromhex(await self.client.call("rpc", *params))

    async def _wind_back(self, height: int, id: bytes) -> None:
        scanning.begin(self.purse, height, id)
        self.again()  # before anything is awaited: what still comes is of another place
        await self.purse.save()

    async def begun(self) -> None:
        """Return once it is decided where a new purse begins."""
        await self._begun.wait()

    async def reach(self, height: int) -> None:
        """Return once the purse stands at `height` or above."""
        while self.purse.wallet.height < height:
            await self.moved.wait()

    async def _follow(self) -> None:
        status: dict[str, Any] = await self.client.call("status")
        self.target = int(status["height"])
        self.approved = frozenset(kind for kind in status.get("approved", ()) if type(kind) is int)
        if self.purse.fresh and self.purse.wallet.height == 0 and self.target:
            tip = status["tip"] if self.purse.chain.genesis is None else status["id"]
            self.purse.begin_at(self.target, bytes(tip))
            await self.purse.save()
        self._begun.set()
        self._widen()
        if self.purse.wallet.height + 1 < int(status.get("first", 0)):
            await self._stand()
        if self.purse.chain.genesis is None:
            await self._follow_main(light=status.get("mode") == "light")
        else:
            await self._follow_sidechain()

    async def _stand(self) -> None:
        """The node has no blocks from where the purse stands: hold what the chain holds for us."""
        name, before = self.purse.chain.name, self.purse.wallet.height
        await stand(self.purse, self.client)
        at = self.purse.wallet.height
        log.warning("history is not known", chain=name, after=before, up_to=at)
        await self._went_on()
        if at >= self.target:
            await self._at_tip()

    async def _follow_main(self, *, light: bool) -> None:
        places = self.purse.wallet.book.places
        self._told, watched = (len(places), [list(places)]) if light else (-1, [])
        async with self.client.stream("blocks", self.purse.locator(), *watched) as items:
            async for item in items:
                if self._scope.cancel_called:
                    return
                match item:
                    case ["connect", int(height), bytes(id), bytes(data)]:
                        if height <= self.purse.wallet.height:  # it knows none of our blocks
                            log.warning("another chain: it is read whole", chain="main")
                            self.purse.restart()
                        block = decode_block(data)
                        self.purse.connect(height, id, block.transactions, time=block.header.time)
                        if light and self._told < len(places):
                            self.purse.disconnect(height, id)
                            return self._scope.cancel()
                    case ["disconnect", int(height), bytes(id)]:
                        if not self.purse.disconnect(height, id):
                            log.warning("reading the chain again", chain="main", height=height)
                            return self.purse.restart()
                    case ["tip", *_]:
                        await self._at_tip()
                await self._went_on()

    async def _follow_sidechain(self) -> None:
        wallet = self.purse.wallet
        async with self.client.stream("blocks", wallet.height + 1) as items:
            async for item in items:
                match item:
                    case ["block", int(height), bytes(data), _, bytes(body), list(events)]:
                        header, transactions = decode_header(data), decode_body(body).transactions
                        more = await self._given_out(transactions, events)
                        if self._scope.cancel_called:
                            return
                        self.purse.connect(height, header.id, transactions, more, header.time)
                await self._went_on()
                if wallet.height >= self.target:
                    await self._at_tip()

    async def _went_on(self) -> None:
        if self.purse.wallet.height % SAVE_EVERY == 0:
            await self.purse.save()
        self.target = max(self.target, self.purse.wallet.height)
        self.trouble, self._pause = "", PAUSE
        self._widen()
        self.moved.notify()

    def _widen(self) -> None:
        watched = len(self.purse.wallet.book.places)
        if watched != self._watched:
            self._watched = watched
            self.widened.notify()

    async def _at_tip(self) -> None:
        self.purse.at_tip()
        await self.resubmit()
        await self.purse.save()

    async def resubmit(self) -> None:
        """Hand in payments that no block has yet; those that can never be in one are given up."""
        for tx in list(self.purse.open.values()):
            try:
                async with self.handing:
                    if tx.id in self.purse.open:  # nobody has given it up meanwhile
                        await self.client.call("submit", encode(tx))
            except RemoteError as error:
                if self._impossible(error) and not self._builds_on_open(tx):
                    log.warning("payment given up", id=tx.id.hex(), reason=error.rule)
                    self.purse.given_up(tx)

    def _impossible(self, error: RemoteError) -> bool:
        final = self.purse.chain.genesis is not None
        return error.rule in IMPOSSIBLE or (final and error.rule in FINAL)

    def _builds_on_open(self, tx: Transaction) -> bool:
        """A coin may be missing because the payment that makes it waits to be taken in itself."""
        return any(point.transaction in self.purse.open for point in tx.body.inputs)

    async def _given_out(self, transactions: Sequence[Transaction], events: list[Any]) -> Delta:
        """Coins that a sidechain itself gave out, in no transaction's outputs: asked for by place.

        Refunds, repaid sponsors and what modules pay, at an action or at the block's end.
        """
        places = [*paid_by_actions(transactions), *paid_at_end(events)]
        if not places:
            return Delta({}, {})
        answers = await self.client.call("coins", [encode(place) for place in places])
        coins = zip(places, answers, strict=True)
        return Delta({}, {p: decode(Coin, data, MAX_COIN) for p, data in coins if data})


def paid_by_actions(transactions: Sequence[Transaction]) -> Iterator[Outpoint]:
    """Where the coins would be that actions of these transactions gave out."""
    for tx in transactions:
        for position, action in enumerate(tx.body.actions):
            if action.kind in GIVING or action.kind >= MODULE_KINDS:
                first = SYSTEM_OUTPUTS * (position + 1)
                yield from (Outpoint(tx.id, first + number) for number in range(GIVEN_OUT))


def paid_at_end(events: list[Any]) -> Iterator[Outpoint]:
    """Where the coins are that modules paid at a block's end, as the block's events tell."""
    for event in events:
        match event:
            case ["payments", {"id": bytes(id), "first": int(first), "count": int(count)}]:
                yield from (Outpoint(id, first + number) for number in range(count))


async def submit(client: Reconnecting | Client, tx: Transaction) -> bytes:
    """Hand a transaction to its chain's process; its id."""
    answer: bytes = await client.call("submit", encode(tx))
    return answer
