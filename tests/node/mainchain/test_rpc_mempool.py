"""RPC about the pool: Bitcoin Core's fields with the pool's own figures in them."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
import trio

from bystack.ledger.amounts import BTM
from bystack.ledger.coins import Coin
from bystack.ledger.estimates import MAX_TARGET
from bystack.ledger.transactions import Outpoint, Output, Transaction, TransactionBody
from bystack.node.ipc import RemoteError
from bystack.node.mainchain.poolkeeping import PoolKeeper
from bystack.node.mainchain.rpc_mempool import UNKNOWN, MempoolMethods
from bystack.node.rpc import Methods
from bystack.primitives.codec import encode
from tests.ledger.people import BOB
from tests.mainchain.builders import LATE, Chain
from tests.node.mainchain.branches import branches, replayed
from tests.node.mainchain.network import Node, running
from tests.node.mainchain.test_pool import paying

KNOWN = branches()
Call = Callable[..., Awaitable[Any]]


def child(model: Chain, parent: Transaction, fee: int) -> Transaction:
    paid = parent.body.outputs[0]
    coin = Coin(BTM, paid.amount, paid.lock, 1, 0, 1, b"")
    place = Outpoint(parent.id, 0)
    body = TransactionBody(1, (place,), (Output(BTM, paid.amount - fee, BOB.lock),), (), 0, 0, b"")
    return model.sign(body, BOB, more={place: coin})


def asked(tmp_path: Path, work: Callable[[Node, Call, Chain], Awaitable[None]]) -> None:
    async def main() -> None:
        async with running(tmp_path / "a") as (node,):
            await node.take(*KNOWN.trunk)
            methods, keeper = Methods(), PoolKeeper(node.driver, str(tmp_path))
            MempoolMethods(node.driver, keeper).register(methods)
            with pytest.raises(RemoteError):
                await methods.call("savemempool")
            await keeper.load()

            async def call(name: str, *params: Any) -> Any:
                return await methods.call(name, list(params))

            await work(node, call, replayed(KNOWN.trunk))

    trio.run(main)


def test_a_family_by_its_entries(tmp_path: Path) -> None:
    async def main(node: Node, call: Call, model: Chain) -> None:
        parent = paying(model, 5_000)
        young = child(model, parent, 7_000)
        for tx in (parent, young):
            await node.driver.submit(tx)
        ids = [parent.id.hex(), young.id.hex()]
        above, below = await call("getmempoolentry", ids[0]), await call("getmempoolentry", ids[1])
        assert (above["ancestorcount"], above["descendantcount"]) == (1, 2)
        assert (below["ancestorcount"], below["descendantcount"]) == (2, 1)
        assert above["fees"] == {
            "base": 0.00005,
            "modified": 0.00005,
            "ancestor": 0.00005,
            "descendant": 0.00012,
        }
        assert above["descendantsize"] == below["ancestorsize"] == above["weight"] + below["weight"]
        assert (above["depends"], above["spentby"]) == ([], [ids[1]])
        assert (below["depends"], below["spentby"]) == ([ids[0]], [])
        assert (above["time"], above["height"]) == (LATE, len(KNOWN.trunk))
        assert await call("getmempoolancestors", ids[1]) == [ids[0]]
        assert await call("getmempooldescendants", ids[0]) == [ids[1]]
        assert await call("getmempooldescendants", ids[0], True) == {ids[1]: below}
        assert await call("getrawmempool", True) == dict(zip(ids, (above, below), strict=True))
        info = await call("getmempoolinfo")
        assert info["size"] == 2 and info["loaded"]
        assert info["bytes"] == parent.size + young.size
        assert info["total_fee"] == 0.00012
        assert info["mempoolminfee"] == info["minrelaytxfee"] == info["incrementalrelayfee"]
        assert info["mempoolminfee"] == 0.00001
        assert 0 < info["usage"] < info["maxmempool"]

    asked(tmp_path, main)


def test_a_package_is_tried_without_a_trace(tmp_path: Path) -> None:
    async def main(node: Node, call: Call, model: Chain) -> None:
        parent = paying(model, 5_000)
        raws = [encode(tx).hex() for tx in (parent, child(model, parent, 7_000))]
        alone, both = (
            await call("testmempoolaccept", raws[1:]),
            await call("testmempoolaccept", raws),
        )
        assert [one["allowed"] for one in (*alone, *both)] == [False, True, True]
        assert alone[0]["reject-reason"] == "CoinMissing"
        assert both[1]["fees"]["base"] == 0.00007
        [dear] = await call("testmempoolaccept", raws[:1], 0.00001)
        assert dear["reject-reason"] == "max-fee-exceeded"
        [cheap] = await call("testmempoolaccept", [encode(paying(model, 1)).hex()])
        assert cheap["reject-reason"] == "FeeTooLow"
        assert await call("getrawmempool") == []

    asked(tmp_path, main)


def test_no_estimate_where_nothing_was_seen_and_one_where_much_was(tmp_path: Path) -> None:
    async def main(node: Node, call: Call, model: Chain) -> None:
        assert await call("estimatesmartfee", 2) == {"errors": [UNKNOWN], "blocks": 2}
        for height in range(60):
            ids = [(height * 100 + number).to_bytes(32, "big") for number in range(5)]
            for id in ids:
                node.driver.fees.entered(id, 25_000_000, height)
            node.driver.fees.mined(ids, height + 1)
        found = await call("estimatesmartfee", 2, "economical")
        assert found["blocks"] == 2
        assert abs(found["feerate"] - 0.00025) < 0.00003
        for target in (0, MAX_TARGET + 1):
            with pytest.raises(RemoteError):
                await call("estimatesmartfee", target)

    asked(tmp_path, main)


def test_saving_and_strangers(tmp_path: Path) -> None:
    async def main(node: Node, call: Call, model: Chain) -> None:
        assert await call("savemempool") == {"filename": f"{tmp_path}/mempool.dat"}
        for name in ("getmempoolentry", "getmempoolancestors", "getmempooldescendants"):
            with pytest.raises(RemoteError) as refused:
                await call(name, "07" * 32)
            assert refused.value.code == -5

    asked(tmp_path, main)
    assert (tmp_path / "mempool.dat").is_file()
