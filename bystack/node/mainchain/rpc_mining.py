"""RPC for miners: the next block to work on, blocks handed in, how fast is searched.

Names and fields follow Bitcoin Core and BIPs 22 and 23 as far as the chains are alike. Beside them
stands what a miner of this chain needs: with an address the whole header, of which only the last
eight bytes are searched and handed back (`submit/truncate`); without one the parts of a coinbase
and the Merkle branches to hang it on.
"""

from __future__ import annotations

import re
import time
from typing import Annotated, Any, Final, Literal

import trio
from msgspec import Meta, Struct

from bystack.mainchain.blocks import MAX_HEADER, Block, Header, decode_block, decode_header
from bystack.mainchain.chain import next_target
from bystack.mainchain.work import target_of
from bystack.node.ipc import RemoteError
from bystack.node.mainchain import shapes_mining
from bystack.node.mainchain.driver import Driver
from bystack.node.mainchain.forms import Json, difficulty
from bystack.node.mainchain.miner import Miner
from bystack.node.mainchain.mining import Contents
from bystack.node.mainchain.mining_forms import contents_form, hash_rate, header_form
from bystack.node.mainchain.proposals import judge_proposal
from bystack.node.mainchain.reading import Reader
from bystack.node.mainchain.rpc_network import reward_lock
from bystack.node.mainchain.templates import Templates
from bystack.node.rpc import BAD_PARAMETER, UNDECODABLE, Hex, Methods
from bystack.primitives.errors import Invalid

LONGPOLL_SECONDS: Final = 60.0
MAX_WAITING: Final = 8
MAX_EXTRA: Final = 100
IN_SYNC: Final = -10
MAX_THREADS: Final = 256
WINDOW: Final = 120

Threads = Annotated[int, Meta(ge=-1, le=MAX_THREADS, description="how many processes search")]
Window = Annotated[
    int, Meta(ge=-1, le=100_000, description="over how many blocks; 120 where it is below 1")
]
At = Annotated[int, Meta(ge=-1, le=2**63 - 1, description="a block height, -1 for the last")]


class TemplateRequest(Struct, frozen=True):
    """What a miner may say (BIPs 22 and 23); what we do not know is passed over.

    `address` asks for a ready header that pays there, `extra` is hex in its coinbase, so that each
    machine of a pool has work of its own.
    """

    mode: Literal["template", "proposal"] = "template"
    longpollid: Annotated[str, Meta(max_length=100)] = ""
    address: Annotated[str, Meta(max_length=250)] = ""
    extra: Hex = ""
    data: Hex = ""


class SubmitParameters(Struct, frozen=True):
    """`workid`: under which the block was handed out; its header alone is enough then."""

    workid: Annotated[str, Meta(max_length=64)] = ""


class MiningMethods:
    """Answers from the templates, the chain and the built-in miner."""

    def __init__(
        self,
        driver: Driver,
        reader: Reader,
        templates: Templates,
        miner: Miner,
        *,
        threads: int = 0,
        waiters: int = MAX_WAITING,
    ) -> None:
        """`threads`: what the configuration says, for `setgenerate` without a number; `waiters`:
        how many may wait for a better template at one time."""
        self._driver, self._reader = driver, reader
        self._templates, self._miner = templates, miner
        self._threads, self._waiters = threads, waiters
        self.waiting = 0
        """How many wait for a better template."""

    def register(self, methods: Methods) -> None:
        """Add every method of this file."""
        add = methods.add
        add(
            "getblocktemplate",
            self.template,
            help="The next block to mine; waits for a better.",
            returns=shapes_mining.Template | str | None,
        )
        add("submitblock", self.submit, help="Hand in a block, or the header of handed-out work.")
        add(
            "getmininginfo",
            self.info,
            help="The chain and the built-in miner, with hash rates.",
            returns=shapes_mining.MiningInfo,
        )
        add("getnetworkhashps", self.network_rate, help="Digests a second, by the blocks' work.")
        add(
            "setgenerate",
            self.generate,
            scope="admin",
            help="Turn the built-in miner on or off.",
            returns=shapes_mining.MiningInfo,
        )

    async def template(self, template_request: TemplateRequest | None = None) -> Any:
        """The next block; with `longpollid`, once there is a better one than the miner has."""
        asked = template_request or TemplateRequest()
        if asked.mode == "proposal":
            return await self._propose(asked.data)
        if len(asked.extra) > 2 * MAX_EXTRA:
            raise RemoteError(BAD_PARAMETER, f"extra has at most {MAX_EXTRA} bytes")
        if self._templates.behind:
            text = f"{self._driver.store.params.name} is in initial sync and waiting for blocks..."
            raise RemoteError(IN_SYNC, text)
        if asked.longpollid:
            await self._wait(asked.longpollid)
        return await self._shown(asked)

    async def _shown(self, asked: TemplateRequest) -> Json:
        extra, params = bytes.fromhex(asked.extra), self._driver.store.params
        ready: Json = {}
        if asked.address:
            lock = reward_lock(asked.address, params)
            block, holds = await self._templates.block(lock, extra)
            ready = header_form(block)
        else:
            holds = await self._templates.contents()
        form = await trio.to_thread.run_sync(contents_form, holds, params, int(time.time()), extra)
        return {**form, **ready}

    async def _wait(self, known: str) -> None:
        """Wait for better, a minute at most; of too many who wait the last is answered at once."""
        tip, fees = _longpolled(known)
        if self.waiting >= self._waiters:
            return
        self.waiting += 1
        try:
            await self._templates.better(tip, fees, LONGPOLL_SECONDS)
        finally:
            self.waiting -= 1

    async def _propose(self, data: Hex) -> str | None:
        try:
            await judge_proposal(self._driver, _decoded(data))
        except Invalid as error:
            return error.rule
        return None

    async def submit(self, hexdata: Hex, parameters: SubmitParameters | str = "") -> str | None:
        """null for a block that is the new tip, else why not: BIP 22's word or our rule's name."""
        work = parameters.workid if isinstance(parameters, SubmitParameters) else ""
        alone = work and len(hexdata) <= 2 * MAX_HEADER
        block = self._handed(hexdata, work) if alone else _decoded(hexdata)
        if block is None:
            return "stale-work"
        match self._reader.verdict(block.id):
            case "best":
                return "duplicate"
            case "invalid":
                return "duplicate-invalid"
        try:
            await self._driver.hand_in(block)
        except Invalid as error:
            return error.rule
        return None if self._driver.machine.line.holds(block.id) else "inconclusive"

    def _handed(self, hexdata: Hex, work: str) -> Block | None:
        """The block handed out as `work` under the header its miner brings back."""
        try:
            header: Header = decode_header(bytes.fromhex(hexdata))
        except Invalid as error:
            raise _undecodable("Header", error) from None
        known = self._templates.handed(work)
        return None if known is None else Block(header, known.transactions)

    def info(self) -> Json:
        """Figures of the chain, the pool and each worker."""
        tip, params, miner = self._reader.tip, self._driver.store.params, self._miner
        bits = next_target(tip, params)
        filled: Contents | None = self._templates.last
        return {
            "blocks": tip.header.height,
            "currentblocktx": len(filled.chosen) if filled else 0,
            "currentblockweight": sum(one.weight for one in filled.chosen) if filled else 0,
            "difficulty": difficulty(tip.header, params),
            "bits": f"{bits:08x}",
            "target": f"{target_of(bits):064x}",
            "networkhashps": self.network_rate(),
            "hashespersec": round(miner.rate, 1),
            "generate": miner.threads > 0,
            "genproclimit": miner.threads,
            "workers": [
                {
                    "pid": seat.worker.pid if seat.worker else 0,
                    "hashespersec": round(seat.rate, 1),
                    "restarts": seat.restarts,
                }
                for seat in miner.seats
            ],
            "blocksfound": miner.found,
            "work": params.work,
            "pooledtx": len(self._driver.pool.machine),
            "chain": params.name,
            "errors": miner.trouble,
            "warnings": "",
        }

    def network_rate(self, nblocks: Window = WINDOW, height: At = -1) -> float:
        """Digests a second, estimated from the last blocks before a height."""
        last = self._reader.tip.header.height if height < 0 else height
        self._reader.id_at(last)
        blocks = nblocks if nblocks > 0 else WINDOW
        heights = range(max(0, last - blocks), last + 1)
        found = (self._reader.entry_at(at) for at in heights)
        return hash_rate([entry for entry in found if entry is not None])

    def generate(self, generate: bool, genproclimit: Threads = -1) -> Json:
        """Mine with so many processes (-1: as configured, or one), or not; until a restart."""
        wanted = max(1, self._threads) if genproclimit < 0 else genproclimit
        self._miner.turn(wanted if generate else 0)
        return self.info()


def _longpolled(known: str) -> tuple[bytes, int]:
    """Tip and fees of a `longpollid`; raises `RemoteError` (-8)."""
    found = re.fullmatch("([0-9a-f]{64})-([0-9]{1,19})", known)
    if found is None:
        raise RemoteError(BAD_PARAMETER, "longpollid: none that getblocktemplate gave")
    return bytes.fromhex(found[1]), int(found[2])


def _decoded(data: Hex) -> Block:
    try:
        return decode_block(bytes.fromhex(data))
    except Invalid as error:
        raise _undecodable("Block", error) from None


def _undecodable(what: str, error: Invalid) -> RemoteError:
    return RemoteError(UNDECODABLE, f"{what} decode failed: {error}", {"rule": error.rule})
