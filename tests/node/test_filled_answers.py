"""Answers that are empty in most tests, filled once and held against their documented types."""

from __future__ import annotations

from functools import partial
from types import SimpleNamespace
from typing import Any, cast

import pytest
import trio

from bystack.federation.guarding.alarms import AlarmRecord
from bystack.federation.guarding.alarms import Kind as AlarmKind
from bystack.federation.module.records import Change
from bystack.federation.session import Kind as SessionKind
from bystack.ledger.transactions import PendingLock, VaultLock
from bystack.node.federation import shapes as of_members
from bystack.node.federation.adopting import vault_step
from bystack.node.federation.auditing import _row
from bystack.node.federation.requests import _signer
from bystack.node.federation.rotating import Rotating
from bystack.node.guard import requests as guarding
from bystack.node.guard import shapes as of_guards
from bystack.node.guard.watchman import shown_alarm
from bystack.node.mainchain import shapes, shapes_vaults
from bystack.node.mainchain.rpc_assets import AssetMethods
from bystack.node.mainchain.rpc_peers import PeerMethods
from bystack.node.sidechain.rpc import shapes_pegs
from bystack.node.sidechain.rpc.pegouts import _signing_of
from bystack.node.sidechain.rpc.reserves import ReserveMethods
from bystack.p2p.identity import NodeId
from bystack.p2p.reports import PeerInfo
from bystack.primitives.codec import encode
from tests.federation.test_audit import LINE
from tests.federation.test_statements import SAID
from tests.federation.test_vault_warrants import EPOCH
from tests.mainchain.builders import EASY
from tests.node.rpc.held import faults_of
from tests.node.vault_steps import TERMS, Vault
from tests.sidechain.federations import CONFIG


def held(result: Any, kind: Any) -> None:
    assert result, "this is about answers that say something"
    assert faults_of(result, kind) == []


@pytest.fixture(scope="module")
def vault() -> Vault:
    """One with announced terms and a delayed payout."""
    made = Vault()
    for kind, which in (("announce", 2), ("order", 3)):
        tx = made.make(kind, 0, 1, which)
        assert tx is not None
        made.world.chain.mine(tx)
    return made


def test_a_vault_with_coins_buckets_and_terms_announced(vault: Vault) -> None:
    coins = [
        (place, coin)
        for place, coin in vault.world.chain.coins.items()
        if getattr(coin.lock, "vault", b"") == vault.id
    ]
    anchor = next(one for one in coins if isinstance(one[1].lock, VaultLock))
    store = SimpleNamespace(
        params=EASY, anchor=lambda id: anchor, vault_coins=lambda id: iter(coins)
    )
    driver, reader = cast(Any, SimpleNamespace(store=store)), cast(Any, None)
    shown = AssetMethods(driver, reader).vault(vault.id.hex())
    assert shown["coins"] and shown["pending"] == 1, [c.lock for _, c in coins]
    assert any(isinstance(coin.lock, PendingLock) for _, coin in coins)
    assert shown["state"]["announced"] and shown["state"]["buckets"]
    held(shown, shapes_vaults.Vault)


def test_peers_and_bans() -> None:
    peer = PeerInfo(NodeId(b"\x01" * 32), "127.0.0.1:9", True, 1.5, 7, 1, 2, 0.25, 0)
    quiet = PeerInfo(NodeId(b"\x02" * 32), "127.0.0.1:8", False, 1.0, 0, 1, 2, None, 3)
    book = SimpleNamespace(bans=lambda now: {"127.0.0.1": now + 9})
    host = cast(Any, SimpleNamespace(peers=lambda: (peer, quiet), book=book))
    methods = PeerMethods(host, bytes(32), "127.0.0.1:1", "0")
    held(methods.peers(), list[shapes.PeerInfo])
    held(methods.banned(), list[shapes.Ban])


def test_a_members_rows() -> None:
    held([_row(LINE, encode(LINE))], list[of_members.AuditRow])
    told = {"epoch": 1, "frozen": False, "version": 2, "waiting": 1, "stalled": "why"}
    held(_signer([9, b"", 4], told), of_members.SignerState)


def test_a_change_in_flight_and_the_vaults_next_key(vault: Vault) -> None:
    change = Change(3, int(SessionKind.FRESH), 1, CONFIG.standing, 40, 50)
    keygen = SimpleNamespace(verdicts=[[0, "PartialWrong"]], silent=[1], state="dealing")
    rotating = SimpleNamespace(
        _keygen=keygen, known={"ceremony": [1]}, _attempt=0, put_off="", change=change, key=EPOCH
    )
    rotating._told_change = partial(Rotating._told_change, cast(Any, rotating))
    rotating.following = bytes(48)
    told = Rotating.told(cast(Any, rotating))
    assert told["change"]["guilty"] and told["change"]["silent"]
    place, coin = next(
        one for one in vault.world.chain.coins.items() if isinstance(one[1].lock, VaultLock)
    )

    async def vault_coins(id: bytes) -> list[Any]:
        return [(place, coin)]

    setting = SimpleNamespace(
        genesis=lambda: SimpleNamespace(vault=vault.id), terms=lambda key: TERMS
    )
    links = SimpleNamespace(vault_coins=vault_coins)
    member = SimpleNamespace(setting=setting, links=links, purse=SimpleNamespace(height=8))
    step = trio.run(vault_step, cast(Any, member), bytes(48))
    assert step is not None and step["ripe"] is not None
    held(step, of_members.VaultStep)
    held({**told, "vault": step}, of_members.Rotation)


def test_a_peg_outs_signatures_and_a_statement() -> None:
    row = {"weight": 1, "threshold": 2, "missing": ["ann"], "complete": False, "sent": ""}
    held(_signing_of(row)._asdict(), shapes_pegs.Signing)
    teller = cast(Any, SimpleNamespace(_name=lambda asset: asset.hex()))
    held(ReserveMethods._statement(teller, SAID), shapes_pegs.Statement)


def test_a_guards_alarm_and_what_it_countersigned() -> None:
    record = AlarmRecord(int(AlarmKind.DEFICIT), b"\x01" * 32, 1, 9, 10, b'{"deficits": {}}')
    held([shown_alarm(record)], list[of_guards.Alarm])

    async def call(*_: Any) -> list[bytes]:
        return [b"\x01" * 32, b"\x02" * 64]

    guard = cast(Any, SimpleNamespace(links=SimpleNamespace(signer=SimpleNamespace(call=call))))
    held(trio.run(guarding._perform, guard, "replace", b"", []), of_guards.Countersigned)
