"""What miners are told and what they hand back: enough for a header, for a pool, for a wait."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
import trio
from msgspec.structs import replace

from bystack.ledger.transactions import Action, Transaction
from bystack.mainchain.actions import coinbase_action
from bystack.mainchain.assembly import build_block, build_coinbase, with_nonce
from bystack.mainchain.blocks import Block, Header, transaction_root, witness_root
from bystack.mainchain.work import search, target_of
from bystack.node.ipc import RemoteError
from bystack.node.mainchain.forms import address_of
from bystack.node.mainchain.miner import Miner
from bystack.node.mainchain.mining import generate
from bystack.node.mainchain.reading import Reader
from bystack.node.mainchain.rpc_mining import MiningMethods
from bystack.node.mainchain.templates import KEPT, Templates, work_id
from bystack.node.rpc import Methods
from bystack.primitives.codec import decode, encode
from bystack.primitives.hashes import tagged
from bystack.primitives.merkle import climb, merkle_leaf
from tests.ledger.people import ALICE, BOB
from tests.mainchain.builders import EASY, Chain, remine
from tests.node.mainchain.network import Node, running, until

HOME = address_of(ALICE.lock, EASY.hrp)
WAITERS = 2


class Mined:
    """A node, its methods for miners, and a copy of its chain that can pay."""

    def __init__(self, node: Node, templates: Templates) -> None:
        self.node, self.templates = node, templates
        self.driver = node.driver

        async def nowhere() -> Any:
            await trio.sleep_forever()

        self.miner = Miner(self.driver, templates, nowhere)
        self.methods = Methods()
        self.own = MiningMethods(
            self.driver, Reader(self.driver), templates, self.miner, threads=3, waiters=WAITERS
        )
        self.own.register(self.methods)
        self.chain = Chain()

    async def call(self, method: str, *params: Any) -> Any:
        return await self.methods.call(method, params)

    async def grow(self, count: int) -> None:
        for _ in range(count):
            await self.node.take(self.chain.mine())

    async def template(self, **asked: Any) -> Any:
        return await self.call("getblocktemplate", asked)


@asynccontextmanager
async def mined(path: Path) -> AsyncIterator[Mined]:
    async with running(path) as (node,), trio.open_nursery() as nursery:
        templates = Templates(node.driver, pause=0.01)
        nursery.start_soon(templates.follow)
        made = Mined(node, templates)
        await made.grow(4)
        yield made
        nursery.cancel_scope.cancel()


def found(header: str) -> str:
    """The header in hex with a nonce that fits."""
    given = decode(Header, bytes.fromhex(header), 1_000)
    nonce = search(given, 0, 10_000)
    assert nonce is not None
    return header[:-16] + nonce.hex()


def test_a_ready_header_is_searched_and_handed_back_alone(tmp_path: Path) -> None:
    async def main() -> None:
        async with mined(tmp_path / "a") as one:
            paid = one.chain.pay(ALICE, BOB, 1_000, fee=5_000)
            await one.driver.submit(paid)
            waits = one.driver.pool.machine.get(paid.id)
            assert waits is not None
            form = await one.template(address=HOME)
            assert form["transactions"] == [
                {
                    "data": encode(paid).hex(),
                    "txid": paid.id.hex(),
                    "hash": paid.witness_id.hex(),
                    "depends": [],
                    "fee": 5_000,
                    "weight": waits.weight,
                    "blschecks": 0,
                }
            ]
            assert form["coinbasevalue"] == EASY.subsidy + 5_000
            assert form["height"] == 5 and form["previousblockhash"] == one.node.tip.hex()
            assert int(form["target"], 16) == target_of(int(form["bits"], 16))
            assert form["header"].endswith("00" * 8) and "submit/truncate" in form["mutable"]
            header = found(form["header"])
            assert await one.call("submitblock", header, {"workid": form["workid"]}) is None
            assert one.node.tip == decode(Header, bytes.fromhex(header), 1_000).id
            assert paid.id not in one.driver.pool.machine
            again = await one.call("submitblock", header, {"workid": form["workid"]})
            assert again == "duplicate"

    trio.run(main)


def test_a_pool_makes_its_own_coinbase_from_what_it_is_told(tmp_path: Path) -> None:
    async def main() -> None:
        async with mined(tmp_path / "a") as one:
            await one.driver.submit(one.chain.pay(ALICE, BOB, 1_000, fee=5_000))
            form = await one.template(extra=b"pool".hex())
            assert "header" not in form
            # What other chains' miners say besides is passed over.
            plain = await one.template(rules=["segwit"], capabilities=["coinbasetxn"])
            assert plain["rules"] == [] and plain["height"] == form["height"]
            coinbase = build_coinbase(5, form["coinbasevalue"], BOB.lock, b"pool")
            action = decode(Action, bytes.fromhex(form["coinbaseaction"]), 1_000)
            assert coinbase.body.actions == (action,) == (coinbase_action(5, b"pool"),)
            count = 1 + len(form["transactions"])

            def root(leaf: bytes, branch: list[str]) -> bytes:
                path = tuple(map(bytes.fromhex, branch))
                return climb(merkle_leaf(leaf), path, [0] * len(path), tagged("merkle/node"))

            header = Header(
                version=form["version"],
                height=form["height"],
                previous=bytes.fromhex(form["previousblockhash"]),
                transaction_root=root(coinbase.id, form["transactionbranch"]),
                witness_root=root(coinbase.witness_id, form["witnessbranch"]),
                transaction_count=count,
                history_root=bytes.fromhex(form["historyroot"]),
                time=form["curtime"],
                target=int(form["bits"], 16),
                nonce=bytes(8),
            )
            rest = [bytes.fromhex(tx["data"]) for tx in form["transactions"]]
            block = encode(header), encode(coinbase), *rest
            data = b"\x92" + block[0] + bytes([0x90 + count]) + b"".join(block[1:])
            assert await one.template(mode="proposal", data=data.hex()) is None
            whole = b"\x92" + bytes.fromhex(found(block[0].hex())) + data[1 + len(block[0]) :]
            assert await one.call("submitblock", whole.hex()) is None
            assert one.driver.machine.tip.header.height == 5

    trio.run(main)


def test_a_refusal_is_a_word_and_changes_nothing(tmp_path: Path) -> None:
    async def main() -> None:
        async with mined(tmp_path / "a") as one:
            tip = one.node.tip
            form = await one.template(address=HOME)
            work = {"workid": form["workid"]}
            parent = one.driver.machine.tip
            made = one.templates.handed(form["workid"])
            assert made is not None
            for changed, rule in (
                (replace(made.header, time=0), "HeaderTimeOld"),
                (replace(made.header, target=0x1F00FFFF), "HeaderTarget"),
                (replace(made.header, transaction_root=bytes(32)), "TransactionRoot"),
            ):
                header = remine(changed, parent)
                assert await one.call("submitblock", encode(header).hex(), work) == rule
                if rule != "TransactionRoot":
                    proposed = encode(Block(changed, made.transactions)).hex()
                    assert await one.template(mode="proposal", data=proposed) == rule
            hard = replace(made.header, nonce=_unfit(made.header))
            assert await one.call("submitblock", encode(hard).hex(), work) == "HeaderWork"
            stale = await one.call("submitblock", found(form["header"]), {"workid": "00" * 8})
            assert stale == "stale-work"
            with pytest.raises(RemoteError) as rubbish:
                await one.call("submitblock", "00ff")
            assert rubbish.value.code == -22
            assert one.node.tip == tip

    trio.run(main)


def _unfit(header: Header) -> bytes:
    nonces = (number.to_bytes(8, "big") for number in range(10_000))
    return next(
        nonce for nonce in nonces if search(header, int.from_bytes(nonce, "big"), 1) is None
    )


def test_blocks_beside_the_chain_and_invalid_ones_have_their_words(tmp_path: Path) -> None:
    async def main() -> None:
        async with mined(tmp_path / "a") as one:
            form = await one.template(address=HOME)
            made = one.templates.handed(form["workid"])
            assert made is not None
            await one.grow(2)
            late = found(form["header"])
            assert await one.call("submitblock", late, {"workid": form["workid"]}) == "inconclusive"
            proposed = encode(made).hex()
            assert await one.template(mode="proposal", data=proposed) == "ProposalStale"
            greedy = one.templates.handed((await one.template(address=HOME))["workid"])
            assert greedy is not None
            block = _greedy(one, greedy)
            assert await one.template(mode="proposal", data=block) == "RewardExceeded"
            assert await one.call("submitblock", block) == "RewardExceeded"
            assert await one.call("submitblock", block) == "duplicate-invalid"

    trio.run(main)


def test_a_proposal_with_a_wrong_signature_is_refused(tmp_path: Path) -> None:
    async def main() -> None:
        async with mined(tmp_path / "a") as one:
            paid = one.chain.pay(ALICE, BOB, 1_000, fee=5_000)
            other = one.chain.pay(ALICE, BOB, 2_000, fee=5_000)
            forged = Transaction(paid.body, other.witnesses)
            for tx, verdict in ((paid, None), (forged, "SignatureWrong")):
                made = build_block(
                    one.driver.machine.tip, (tx,), BOB.lock, one.chain.tip.header.time, EASY,
                    fees=5_000,
                )  # fmt: skip
                data = encode(made).hex()
                assert await one.template(mode="proposal", data=data) == verdict

    trio.run(main)


def _greedy(one: Mined, made: Block) -> str:
    """The block with a coinbase that takes one unit too much."""
    contents = (build_coinbase(made.header.height, EASY.subsidy + 1, ALICE.lock),)
    roots = {"transaction_root": transaction_root(contents), "witness_root": witness_root(contents)}
    header = remine(replace(made.header, **roots), one.driver.machine.tip)
    return encode(Block(header, contents)).hex()


def test_who_waits_is_answered_by_a_new_tip_and_by_better_fees(tmp_path: Path) -> None:
    async def main() -> None:
        async with mined(tmp_path / "a") as one, trio.open_nursery() as nursery:
            answers: list[Any] = []

            async def wait(known: str) -> None:
                answers.append(await one.template(longpollid=known))

            form = await one.template()
            nursery.start_soon(wait, form["longpollid"])
            await until(lambda: one.own.waiting == 1)
            assert not answers
            await one.driver.submit(one.chain.pay(ALICE, BOB, 1_000, fee=7_000))
            await until(lambda: answers)
            better = answers.pop()
            assert better["coinbasevalue"] == form["coinbasevalue"] + 7_000
            nursery.start_soon(wait, better["longpollid"])
            await generate(one.driver, 1, BOB.lock)
            await until(lambda: answers)
            assert answers.pop()["height"] == form["height"] + 1
            assert one.own.waiting == 0, "whoever was answered makes room for the next"
            # An old id is answered at once: there is better already.
            await wait(form["longpollid"])

    trio.run(main)


def test_so_many_may_wait_and_the_next_is_answered_at_once(tmp_path: Path) -> None:
    async def main() -> None:
        async with mined(tmp_path / "a") as one, trio.open_nursery() as nursery:
            known = (await one.template())["longpollid"]
            for _ in range(WAITERS):
                nursery.start_soon(one.call, "getblocktemplate", {"longpollid": known})
            await until(lambda: one.own.waiting == WAITERS)
            assert (await one.template(longpollid=known))["longpollid"] == known
            for wrong in ("x", known[1:], known + "0" * 20, "é" * 64 + "-1"):
                with pytest.raises(RemoteError) as refused:
                    await one.template(longpollid=wrong)
                assert refused.value.code == -8
            nursery.cancel_scope.cancel()

    trio.run(main)


def test_nobody_waits_longer_than_a_minute(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bystack.node.mainchain.rpc_mining.LONGPOLL_SECONDS", 0.05)

    async def main() -> None:
        async with mined(tmp_path / "a") as one:
            known = (await one.template())["longpollid"]
            assert (await one.template(longpollid=known))["longpollid"] == known

    trio.run(main)


def test_each_machine_of_a_pool_has_work_of_its_own_and_the_last_ones_are_kept(
    tmp_path: Path,
) -> None:
    async def main() -> None:
        async with mined(tmp_path / "a") as one:
            forms = [await one.template(address=HOME, extra=f"{n:02x}") for n in range(KEPT + 1)]
            works = [form["workid"] for form in forms]
            assert len(set(works)) == KEPT + 1
            assert one.templates.handed(works[0]) is None
            kept = one.templates.handed(works[1])
            assert kept is not None and work_id(kept.header) == works[1]
            with pytest.raises(RemoteError):
                await one.template(address=HOME, extra="00" * 101)
            with pytest.raises(RemoteError) as wrong:
                await one.template(address="nowhere")
            assert wrong.value.code == -5

    trio.run(main)


def test_nobody_mines_on_an_old_tip_while_better_blocks_come(tmp_path: Path) -> None:
    async def main() -> None:
        async with mined(tmp_path / "a") as one:
            assert not one.templates.behind
            ahead = one.chain.mine()
            one.driver.machine.tree.add([ahead.header], None)
            assert one.templates.behind
            with pytest.raises(RemoteError) as refused:
                await one.template(address=HOME)
            assert refused.value.code == -10
            impatient = Templates(one.driver, patience=0.0)
            assert not impatient.behind, "blocks that nobody gives do not stop us for ever"
            await one.node.take(ahead)
            assert (await one.template(address=HOME))["height"] == 6

    trio.run(main)


def test_figures_of_the_chain_and_the_miner(tmp_path: Path) -> None:
    async def main() -> None:
        async with mined(tmp_path / "a") as one:
            info = await one.call("getmininginfo")
            assert (info["blocks"], info["chain"], info["work"]) == (4, "easy", "sha256d")
            assert info["generate"] is False and info["workers"] == [] and info["errors"] == ""
            # Two digests a block; the stamps are 0, 1, 2, 2, 3.
            assert await one.call("getnetworkhashps") == pytest.approx(8 / 3)
            assert await one.call("getnetworkhashps", 2, 3) == pytest.approx(4.0)
            assert await one.call("getnetworkhashps", 5, 0) == 0.0
            with pytest.raises(RemoteError):
                await one.call("getnetworkhashps", 5, 99)
            assert (await one.call("setgenerate", True))["genproclimit"] == 3
            assert (await one.call("setgenerate", True, 2))["genproclimit"] == 2
            assert (await one.call("setgenerate", False))["genproclimit"] == 0
            with pytest.raises(RemoteError):
                await one.methods.call("setgenerate", [True], "wallet")

    trio.run(main)


def test_a_nonce_does_not_change_the_name_of_the_work(tmp_path: Path) -> None:
    chain = Chain()
    block = chain.mine()
    assert work_id(block.header) == work_id(with_nonce(block, b"\xff" * 8).header)
    assert work_id(block.header) != work_id(replace(block.header, time=block.header.time + 1))
