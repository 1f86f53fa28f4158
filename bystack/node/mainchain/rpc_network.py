"""A full node's RPC about peers, and the mining that regtest allows."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta

from bystack.ledger.transactions import PolicyLock, Transaction, decode_transaction
from bystack.mainchain.params import Params
from bystack.node.ipc import RemoteError
from bystack.node.mainchain import shapes_mining
from bystack.node.mainchain.driver import Driver
from bystack.node.mainchain.forms import Json
from bystack.node.mainchain.mining import generate, generate_of
from bystack.node.mainchain.rpc_peers import PeerMethods
from bystack.node.rpc import BAD_PARAMETER, MISC, NOT_FOUND, Hex, Methods
from bystack.primitives.addresses import POLICY, decode_address
from bystack.primitives.errors import Invalid

VERIFY_ERROR = -25

Count = Annotated[int, Meta(ge=1, le=10_000, description="how many blocks, 1 to 10,000")]
Given = Annotated[list[Hex], Meta(max_length=10_000, description="ids, or transactions in hex")]


def reward_lock(address: str, params: Params) -> PolicyLock:
    """The lock of an address that a block's reward may go to; raises `RemoteError` (-5)."""
    try:
        given = decode_address(address, params.hrp)
    except Invalid as error:
        facts = {"rule": error.rule}
        raise RemoteError(NOT_FOUND, f"Invalid address: {error}", facts) from None
    if given.version != POLICY:
        raise RemoteError(NOT_FOUND, "Invalid address: rewards go to policy addresses only")
    return PolicyLock(given.payload)


class NetworkMethods(PeerMethods):
    """A full node's: with blocks made to order where the network allows it."""

    def __init__(self, driver: Driver, node_id: bytes, listening: str, version: str) -> None:
        super().__init__(driver.host, node_id, listening, version)
        self._driver = driver

    def register(self, methods: Methods) -> None:
        """Add every method of this file."""
        super().register(methods)
        name, help = "generatetoaddress", "Mine blocks (regtest only)."
        methods.add(name, self.generate, scope="wallet", help=help)
        name, help = "generateblock", "Mine a block of just these transactions (regtest only)."
        made = shapes_mining.Generated
        methods.add(name, self.generate_block, scope="wallet", help=help, returns=made)

    async def generate(self, nblocks: Count, address: str) -> list[str]:
        """Mine at once, the rewards going to an address; the ids of the blocks."""
        lock = reward_lock(address, self._driver.store.params)
        return [id.hex() for id in await regtest_blocks(self._driver, nblocks, lock)]

    async def generate_block(self, output: str, transactions: Given) -> Json:
        """Mine one block at once: ids of transactions that wait, or whole ones, in their order."""
        check_regtest(self._driver)
        lock = reward_lock(output, self._driver.store.params)
        given = [self._given(text) for text in transactions]
        try:
            return {"hash": (await generate_of(self._driver, lock, given)).hex()}
        except Invalid as error:
            raise RemoteError(VERIFY_ERROR, str(error), {"rule": error.rule}) from None

    def _given(self, text: Hex) -> Transaction:
        """A transaction by its id, or itself."""
        data = bytes.fromhex(text)
        try:
            waiting = self._driver.pool.machine.get(data)
            return decode_transaction(data) if waiting is None else waiting.tx
        except Invalid as error:
            text = f"neither the id of a transaction that waits nor a transaction: {error}"
            raise RemoteError(BAD_PARAMETER, text) from None


def check_regtest(driver: Driver) -> None:
    """Raise `RemoteError` (-1) where the target moves."""
    if driver.store.params.retarget:
        raise RemoteError(MISC, "blocks are made to order on regtest only")


async def regtest_blocks(driver: Driver, count: int, lock: PolicyLock) -> list[bytes]:
    """Mine `count` blocks where the target never moves; elsewhere `RemoteError` (-1)."""
    check_regtest(driver)
    return await generate(driver, count, lock)
