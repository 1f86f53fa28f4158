"""Two real nodes: blocks and payments travel, branches compete, kills and rubbish are survived."""

from __future__ import annotations

import socket
import ssl
from pathlib import Path

import httpx
import pytest

from tests.processes.daemons import CONFIG, Daemon, Refused, daemons, until

pytestmark = pytest.mark.processes


def height(node: Daemon) -> int:
    return int(node.call("getblockcount"))


def agree(*nodes: Daemon) -> str:
    """Wait until all have one tip."""

    def same() -> str:
        tips = {str(node.call("getbestblockhash")) for node in nodes}
        return tips.pop() if len(tips) == 1 else ""

    return str(until(same, "one tip"))


def test_gold_is_issued_sent_received_and_listed(tmp_path: Path) -> None:
    with daemons(tmp_path, 2) as (one, two):
        mine, theirs = one.wallet_of(), two.wallet_of()
        two.join(one)
        one.call("generatetoaddress", 102, mine)
        assert one.call("getbalance") == 3 * 412.5
        issued = one.call("issueasset", "GOLD", 1_000_000, 2)
        one.call("generatetoaddress", 1, mine)
        paid = one.call("sendtoaddress", theirs, 2.5)
        gold = one.call("sendtoaddress", theirs, "300.25", asset="GOLD")
        until(lambda: {paid, gold} <= set(two.call("getrawmempool")), "the payments travel")
        two.call("generatetoaddress", 1, theirs)
        agree(one, two)
        assert two.call("getbalance") == 2.5
        assert two.call("getbalance", asset="GOLD") == 300.25
        assert one.call("getbalance", asset=issued["asset"]) == 999_699.75
        listed = {entry["txid"]: entry for entry in two.call("listtransactions")}
        assert listed[gold]["name"] == "GOLD"
        assert listed[gold]["amount"] == 300.25
        assert {coin["txid"] for coin in two.call("listunspent")} == {paid, gold}
        info = two.call("getassetinfo", issued["asset"])
        assert (info["symbol"], info["decimals"], info["issued"]) == ("GOLD", 2, 100_000_000)
        proof = one.call("gettxoutproof", [gold])
        assert two.call("verifytxoutproof", proof) == [gold]
        _refusals(one, two, mine)
        two.stop()
        two.start()
        assert two.call("getbalance", asset="GOLD") == 300.25
        assert two.call("getnewaddress") not in {theirs}


def _refusals(one: Daemon, two: Daemon, mine: str) -> None:
    with pytest.raises(Refused) as poor:
        two.call("sendtoaddress", mine, 99_999)
    assert (poor.value.code, poor.value.rule) == (-6, "InsufficientFunds")
    assert two.call("getbalances")["mine"]["BTM"]["reserved"] == 0
    with pytest.raises(Refused) as wrong:
        two.call("sendtoaddress", mine[:-1] + ("q" if mine[-1] != "q" else "p"), 1)
    assert wrong.value.code == -5
    with pytest.raises(Refused) as again:
        two.call("sendrawtransaction", one.call("getblock", one.call("getblockhash", 1), 0))
    assert again.value.code == -22
    coinbase = one.call("getblock", one.call("getblockhash", 5))["tx"][0]
    with pytest.raises(Refused) as misplaced:
        one.call("sendrawtransaction", one.call("getrawtransaction", coinbase))
    assert misplaced.value.rule == "CoinbaseMisplaced"


def test_the_heavier_branch_wins_and_the_payment_comes_back(tmp_path: Path) -> None:
    with daemons(tmp_path, 2) as (one, two):
        mine, theirs = one.wallet_of(), two.wallet_of()
        two.join(one)
        one.call("generatetoaddress", 101, mine)
        agree(one, two)
        node_id = two.announced("mainchain")["node_id"]
        one.call("setban", node_id, "add")
        until(lambda: not one.call("getconnectioncount"), "the nodes part")
        paid = one.call("sendtoaddress", theirs, 7)
        one.call("generatetoaddress", 2, mine)
        two.call("generatetoaddress", 12, theirs)
        assert one.call("getbalance") > 0
        one.call("setban", node_id, "remove")
        tip = agree(one, two)
        assert height(one) == 113
        assert one.call("getblockheader", tip)["confirmations"] == 1
        assert one.call("gettxout", paid, 0, False) is None
        assert paid in one.call("getrawmempool")
        until(lambda: paid in two.call("getrawmempool"), "the payment travels again")
        two.call("generatetoaddress", 1, theirs)
        agree(one, two)
        until(lambda: one.call("getwalletinfo")["chains"]["main"]["open_payments"] == 0)
        history = {entry["txid"]: entry for entry in two.call("listtransactions", "*", 100)}
        assert history[paid]["amount"] == 7
        assert one.call("getblockheader", one.call("getblockhash", 114))["height"] == 114
        metrics = _metrics(one)
        assert 'bystack_deepest_reorganisation_blocks{name="",role="mainchain"} 2.0' in metrics


def _metrics(node: Daemon) -> str:
    user, secret = (node.home / ".cookie").read_text().split(":", 1)
    return httpx.get(f"{node.url}metrics", auth=(user, secret)).text


def test_killed_roles_come_back_where_they_were(tmp_path: Path) -> None:
    with daemons(tmp_path, 2) as (one, two):
        mine = one.wallet_of()
        two.join(one)
        one.call("generatetoaddress", 105, mine)
        agree(one, two)
        before = one.call("getbestblockhash")
        old = one.kill("mainchain")
        until(lambda: one.pid("mainchain") not in (0, old) and one.ready(), "it is back")
        assert one.call("getbestblockhash") == before
        two.join(one)
        one.call("generatetoaddress", 5, mine)
        agree(one, two)
        old = one.kill("wallet")
        until(lambda: one.pid("wallet") not in (0, old) and one.ready(), "it is back")
        assert one.call("getbalance") == 11 * 412.5
        assert one.call("getwalletinfo")["chains"]["main"]["height"] == 110


@pytest.mark.parametrize("point", ["chain.before_commit:3", "chain.after_commit:3"])
def test_a_kill_inside_a_commit_loses_no_complete_block(tmp_path: Path, point: str) -> None:
    mark = tmp_path / "n0" / "run" / "mark"  # where the sandbox lets the process write
    armed = {
        "BYSTACK_TESTING": "1",
        "BYSTACK_FAILPOINT": f"mainchain/{point}",
        "BYSTACK_FAILPOINT_MARK": str(mark),
    }
    with daemons(tmp_path, 1, **armed) as (node,):
        mine = node.wallet_of()
        with pytest.raises(Refused):
            node.call("generatetoaddress", 10, mine)
        assert mark.exists(), "the kill did not hit inside the step"
        until(lambda: node.ready() and node.call("getblockcount") in (2, 3), "it is back")
        assert height(node) == (2 if "before" in point else 3)
        node.call("generatetoaddress", 105, mine)
        matured = height(node) - 100 + 1
        assert node.call("getbalance") == matured * 412.5


def test_rubbish_on_every_port_is_refused_and_nothing_dies(tmp_path: Path) -> None:
    with daemons(tmp_path, 1) as (node,):
        mine = node.wallet_of()
        pids = {role: node.pid(role) for role in ("mainchain", "wallet")}
        host, port = node.peer_address.rsplit(":", 1)
        rpc_host, rpc_port = node.status["rpc"].rsplit(":", 1)
        for place in ((host, int(port)), (rpc_host, int(rpc_port))):
            for rubbish in (
                b"\x00" * 64,
                b"\xff" * 4096,
                b"GET / HTTP/1.1\r\n\r\n",
                b"\x16\x03\x01",
            ):
                _throw(place, rubbish)
        _throw_in_tls((host, int(port)), b"\xff\xff\xff\xff" + b"\x92" * 100)
        for label in ("mainchain", "wallet"):
            path = node.home / "run" / f"{label}.sock"
            for rubbish in (b"\xff\xff\xff\xff", b"\x00\x00\x00\x02\xc1\xc1", b"\x00" * 9):
                _throw_unix(path, rubbish)
        node.call("generatetoaddress", 3, mine)
        assert height(node) == 3
        assert pids == {role: node.pid(role) for role in ("mainchain", "wallet")}
        assert node.call("getnetworkinfo")["refused"]


def _throw(place: tuple[str, int], data: bytes) -> None:
    with socket.create_connection(place, 60) as sock:
        _exchange(sock, data)


def _throw_in_tls(place: tuple[str, int], data: bytes) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    with socket.create_connection(place, 60) as raw, context.wrap_socket(raw) as sock:
        _exchange(sock, data)


def _throw_unix(path: Path, data: bytes) -> None:
    with socket.socket(socket.AF_UNIX) as sock:
        sock.connect(f"/proc/self/cwd/{path}" if len(str(path)) > 100 else str(path))
        _exchange(sock, data)


def _exchange(sock: socket.socket, data: bytes) -> None:
    """Send, say that no more comes, read until the other side ends it."""
    sock.settimeout(120)
    try:
        sock.sendall(data)
        if not isinstance(sock, ssl.SSLSocket):
            sock.shutdown(socket.SHUT_WR)
        while sock.recv(4096):
            continue
    except (ConnectionError, ssl.SSLError):
        return


def test_a_mining_node_makes_blocks_to_its_wallet(tmp_path: Path) -> None:
    with daemons(tmp_path, 1, CONFIG + "[mining]\nthreads = 1\n") as (node,):
        node.call("createwallet")
        until(lambda: height(node) >= 2, "two blocks are mined")
        balances = node.call("getbalances")["mine"]["BTM"]
        assert balances["immature"] >= 825
