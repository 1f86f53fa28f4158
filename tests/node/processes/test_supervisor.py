"""The supervisor with real processes: restart, crash loop, isolation, orderly end, reload."""

from __future__ import annotations

import os
import resource
import signal
import socket
import stat
import subprocess
import sys
from pathlib import Path

import pytest
from prometheus_client import Metric
from prometheus_client.parser import text_string_to_metric_families

from bystack.node.metrics.families import every
from bystack.node.store.storage import Store
from tests.node.homes import CONFIG, NODE, Node, gone, node, until

pytestmark = pytest.mark.timeout(900)


def test_node_answers_restarts_isolates_and_ends(tmp_path: Path) -> None:
    """One node, walked through what may happen to its children."""
    with node(tmp_path / "h", SECRET="in the environment") as n:
        pids = {role: n.running(role) for role in ("mainchain", "wallet", "sidechain")}
        until(lambda: n.http.get(n.url + "/ready").status_code == 200)
        the_environment_is_clean(n)
        paths_lead_to_their_process(n)
        files_are_private(n)
        the_sandbox_holds(n)
        the_memory_limit_is_set(n)
        a_killed_child_comes_back(n, pids["sidechain"])
        a_stopped_child_costs_only_its_own_path(n)
        supervisor = n.process.pid
        pids = {role: n.running(role) for role in pids}
    assert n.process.returncode == 0
    assert "stopping" in n.log("sidechain-trade")
    assert gone(supervisor) and all(gone(pid) for pid in pids.values())
    assert not (n.home / "run/bystackd.json").exists()
    assert not (n.home / ".cookie").exists()


def the_environment_is_clean(n: Node) -> None:
    seen = n.call("environment")
    assert "PATH" in seen
    assert "SECRET" not in seen


def paths_lead_to_their_process(n: Node) -> None:
    assert n.call("who")[:2] == ["mainchain", ""]
    assert n.call("who", path="/sidechain/trade")[:2] == ["sidechain", "trade"]
    assert n.post({"method": "who"}, "/sidechain/games").status_code == 404
    announced = (n.home / "run/sidechain-trade.json").read_text()
    assert '"node":"ab"' in announced and '"state":"running"' in announced


def files_are_private(n: Node) -> None:
    for path in [".cookie", "tokens/explorer", "run/mainchain.sock", "run/bystackd.json"]:
        assert stat.S_IMODE((n.home / path).stat().st_mode) == 0o600, path
    for path in ["run", "data/mainchain", "logs"]:
        assert stat.S_IMODE((n.home / path).stat().st_mode) & 0o077 == 0, path
    for pid in (n.process.pid, n.running("mainchain")):
        arguments = Path(f"/proc/{pid}/cmdline").read_text()
        assert n.cookie.partition(":")[2] not in arguments


def the_sandbox_holds(n: Node) -> None:
    if "not confined" in n.log("mainchain"):
        pytest.skip("no Landlock here")
    assert "confined by Landlock" in n.log("mainchain")
    assert n.call("touch", "data/mainchain/x") == "written"
    assert n.call("touch", "data/sidechain-trade/x") == "PermissionError"
    assert n.call("touch", "bystack.toml") == "PermissionError"
    assert n.call("touch", str(n.home.parent / "outside")) == "PermissionError"


def the_memory_limit_is_set(n: Node) -> None:
    assert n.call("eat", 8000, path="/sidechain/trade") == "MemoryError"
    assert n.call("eat", 8, path="/sidechain/trade") == str(8 * 1024 * 1024)


def a_killed_child_comes_back(n: Node, pid: int) -> None:
    os.kill(pid, signal.SIGKILL)
    until(lambda: n.child("sidechain")["pid"] not in (0, pid))
    until(lambda: n.answers("/sidechain/trade"))
    assert n.running("sidechain") != pid
    assert n.child("sidechain")["restarts"] == 1
    assert n.child("sidechain")["exit"] == "signal SIGKILL"


def a_stopped_child_costs_only_its_own_path(n: Node) -> None:
    pid = n.running("sidechain")
    os.kill(pid, signal.SIGSTOP)
    requests = [
        subprocess.Popen(curl(n, "/sidechain/trade"), stdout=subprocess.DEVNULL) for _ in range(40)
    ]
    try:
        for _ in range(20):
            assert n.call("who")[0] == "mainchain"
        assert n.http.get(n.url + "/health").status_code == 200
    finally:
        for one in requests:
            one.kill()
            one.wait()


def curl(n: Node, path: str) -> list[str]:
    code = "import httpx,sys; httpx.post(sys.argv[1], headers=dict(Authorization='Bearer '+sys.argv[2]), content=b'{\"method\":\"who\"}', timeout=180)"  # noqa: E501
    return [
        sys.executable,
        "-c",
        code,
        n.url + path,
        (n.home / "tokens/explorer").read_text().strip(),
    ]


def test_crash_loop_ends_in_failed_and_the_others_go_on(tmp_path: Path) -> None:
    with node(tmp_path / "h", MOST="3") as n:
        n.running("sidechain")
        for _ in range(3):
            os.kill(n.running("sidechain"), signal.SIGKILL)
            pid = n.child("sidechain")["pid"]
            until(lambda pid=pid: n.child("sidechain")["pid"] != pid)
        until(lambda: n.child("sidechain")["state"] == "failed")
        assert n.post({"method": "who"}, "/sidechain/trade").status_code == 503
        assert n.call("who")[0] == "mainchain"
        assert n.http.get(n.url + "/ready").status_code == 503
        n.process.send_signal(signal.SIGHUP)
        n.running("sidechain")
        until(lambda: n.answers("/sidechain/trade"))


def test_reload_starts_added_and_stops_removed_sidechains(tmp_path: Path) -> None:
    with node(tmp_path / "h") as n:
        main, trade = n.running("mainchain"), n.running("sidechain")
        figures_show_each_process(n)
        changed = CONFIG.replace('"trade"', '"games"').replace(
            '[rpc]\nlisten = "127.0.0.1:0"\nmax_body_kb = 64\n[rpc.tokens]\nexplorer',
            '[rpc]\nlisten = "127.0.0.1:1"\nrate = 9\nmax_body_kb = 64\n[rpc.tokens]\nshop',
        )
        (n.home / "bystack.toml").write_text(changed)
        n.process.send_signal(signal.SIGHUP)
        until(lambda: any(one["name"] == "games" for one in n.status()["processes"]))
        until(lambda: n.answers("/sidechain/games"))
        assert gone(trade)
        assert not (n.home / "run/sidechain-trade.json").exists()
        assert n.post({"method": "who"}, "/sidechain/trade").status_code == 404
        assert n.running("mainchain") == main
        read = (n.home / "in-force/bystack.toml").read_text()
        assert read == (n.home / "bystack.toml").read_text() != CONFIG
        what_could_be_is_taken_over_and_the_rest_named(n)
        (n.home / "bystack.toml").write_text("nonsense = [")
        n.process.send_signal(signal.SIGHUP)
        until(lambda: "configuration refused" in (n.home / "stderr").read_text())
        (n.home / "bystack.toml").write_text(changed.replace('"regtest"', '"test"'))
        n.process.send_signal(signal.SIGHUP)
        until(lambda: "network cannot change" in (n.home / "stderr").read_text())
        tls = '[rpc]\ntls_certificate = "bystack.toml"\ntls_key = "bystack.toml"\n'
        (n.home / "bystack.toml").write_text(changed.replace("[rpc]\n", tls))
        n.process.send_signal(signal.SIGHUP)
        until(lambda: "bystack.toml and bystack.toml do not do" in (n.home / "stderr").read_text())
        outcomes = figures(n)["bystack_reloads"].samples
        assert {one.labels["outcome"]: one.value for one in outcomes} == {
            "taken over": 1,
            "refused": 3,
        }
        assert n.answers("/sidechain/games")
        assert (n.home / "in-force/bystack.toml").read_text() == read


def figures(n: Node) -> dict[str, Metric]:
    secret = n.cookie.partition(":")[2]
    text = n.http.get(n.url + "/metrics", auth=("__cookie__", secret)).text
    return {one.name: one for one in text_string_to_metric_families(text)}


def figures_show_each_process(n: Node) -> None:
    found = until(lambda: len((all_ := figures(n))["bystack_height"].samples) == 2 and all_)
    everyone = {("bystackd", ""), ("mainchain", ""), ("sidechain", "trade"), ("wallet", "")}
    seen = ("up", "failed", "restarts", "resident_memory_bytes", "open_files", "cpu_seconds")
    for name in seen:
        samples = found[f"bystack_process_{name}"].samples
        assert {(one.labels["role"], one.labels["name"]) for one in samples} == everyone, name
    assert found["bystack_ready"].samples[0].value == int(n.http.get(n.url + "/ready").is_success)
    assert found["bystack_disk_free_bytes"].samples[0].value > 0
    assert set(found) <= {one.full.removesuffix("_total") for one in every()}


def what_could_be_is_taken_over_and_the_rest_named(n: Node) -> None:
    until(lambda: n.status()["needs_restart"] == ["[rpc] listen"])
    bearer = {"Authorization": "Bearer " + (n.home / "tokens/shop").read_text().strip()}
    assert n.http.get(n.url + "/metrics", headers=bearer).status_code == 200
    bearer = {"Authorization": "Bearer " + (n.home / "tokens/explorer").read_text().strip()}
    assert n.http.get(n.url + "/metrics", headers=bearer).status_code == 401
    assert figures(n)["bystack_ready"], "the cookie stays what it was"
    said = (n.home / "stderr").read_text()
    assert "needs a restart of bystackd" in said and "[[sidechain]] games" in said


def test_the_service_manager_hears_of_the_daemons_life(tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(str(tmp_path / "notify"))
        manager.settimeout(180)

        def heard(word: str) -> str:
            while word not in (said := manager.recv(4096).decode()):
                continue
            return said

        given = {"NOTIFY_SOCKET": str(tmp_path / "notify"), "WATCHDOG_USEC": "100000"}
        with node(tmp_path / "h", **given) as n:
            heard("READY=1\nSTATUS=")
            heard("STATUS=3 of 3 processes run")
            heard("WATCHDOG=1")
            assert not {"NOTIFY_SOCKET", "WATCHDOG_USEC"} & set(n.call("environment"))
            n.process.send_signal(signal.SIGHUP)
            assert "MONOTONIC_USEC=" in heard("RELOADING=1")
            heard("READY=1")
        heard("STOPPING=1")


def test_a_process_that_hangs_is_killed_and_started_again(tmp_path: Path) -> None:
    with node(tmp_path / "h", PATIENCE="3") as n:
        pid = n.running("sidechain")
        until(lambda: n.answers("/sidechain/trade"))
        os.kill(pid, signal.SIGSTOP)
        until(lambda: n.child("sidechain")["exit"] == "killed: no sign of life")
        until(lambda: n.running("sidechain") != pid and n.answers("/sidechain/trade"))
        assert gone(pid)
        assert "process hangs, it is killed" in (n.home / "stderr").read_text()


def why(n: Node) -> str:
    """What /ready says to the operator."""
    auth = ("__cookie__", n.cookie.partition(":")[2])
    return n.http.get(n.url + "/ready", auth=auth).text


def test_who_is_far_behind_its_chain_is_not_ready(tmp_path: Path) -> None:
    with node(tmp_path / "h") as n:
        n.running("sidechain")
        until(lambda: why(n) == "ready\n")
        n.call("lag", path="/sidechain/trade")
        until(lambda: why(n) == "not ready\nsidechain-trade is far behind its chain\n")
        assert figures(n)["bystack_ready"].samples[0].value == 0
        assert n.http.get(n.url + "/health").is_success


def test_a_full_disk_ends_no_process_that_needs_no_room(tmp_path: Path) -> None:
    """Here a limit of the kernel's: no file of the daemon may grow."""
    with node(tmp_path / "h", MOST="10000") as n:
        n.running("mainchain")
        old = n.running("sidechain")
        soft, hard = resource.prlimit(n.process.pid, resource.RLIMIT_FSIZE)
        resource.prlimit(n.process.pid, resource.RLIMIT_FSIZE, (0, hard))
        os.kill(old, signal.SIGKILL)
        until(lambda: "sidechain-trade is" in why(n))
        n.process.send_signal(signal.SIGHUP)
        assert n.call("who")[0] == "mainchain"
        until(lambda: "sidechain-trade is" in why(n) and n.http.get(n.url + "/health").is_success)
        resource.prlimit(n.process.pid, resource.RLIMIT_FSIZE, (soft, hard))
        until(lambda: n.child("sidechain")["pid"] != old and n.answers("/sidechain/trade"))


def test_children_die_with_a_killed_supervisor_and_a_new_one_takes_over(tmp_path: Path) -> None:
    with node(tmp_path / "h") as n:
        pids = [n.running(role) for role in ("mainchain", "wallet", "sidechain")]
        os.kill(pids[2], signal.SIGSTOP)
        second = subprocess.run(
            [sys.executable, str(NODE), str(n.home)], capture_output=True, timeout=180, check=False
        )
        assert b"another bystackd" in second.stderr
        n.process.kill()
        n.process.wait()
        until(lambda: all(gone(pid) for pid in pids))
    with node(tmp_path / "h") as n:
        until(lambda: n.answers("/sidechain/trade"))


def test_failpoint_reaches_its_role_and_the_restarted_process_lives(tmp_path: Path) -> None:
    home, mark = tmp_path / "h", tmp_path / "h" / "data" / "sidechain-trade" / "mark"
    env = {
        "BYSTACK_TESTING": "1",
        "BYSTACK_FAILPOINT": "sidechain/store.before_commit:2",
        "BYSTACK_FAILPOINT_MARK": str(mark),
    }
    with node(home, **env) as n:
        until(lambda: n.running("sidechain") and n.answers("/sidechain/trade"))
        for key in ("a", "b"):
            request = {"jsonrpc": "2.0", "id": 1, "method": "put", "params": [key]}
            last = n.post(request, "/sidechain/trade")
        assert last.status_code == 504  # it died under the request: who knows what it did
        until(lambda: n.answers("/sidechain/trade"))
        assert mark.read_text().startswith("store.before_commit sidechain-trade")
        n.call("put", "c")
        n.call("put", "c", path="/sidechain/trade")
    with Store.open(
        home / "data/sidechain-trade/db", kind="sidechain", magic=b"test", version=1
    ) as s:
        assert [key for key, _ in s.iterate()] == [b"a", b"c"]


def test_output_is_kept_and_rotated(tmp_path: Path) -> None:
    config = CONFIG + "[log]\nmax_mb = 1\nkeep = 1\n"
    with node(tmp_path / "h", config) as n:
        until(lambda: n.running("mainchain") and n.answers())
        for letter in "abc":
            for _ in range(10):
                n.call("shout", letter * 60_000)
        logs = n.home / "logs"
        until(lambda: n.log("mainchain").count("c") > 100_000)
        sizes = [path.stat().st_size for path in logs.glob("mainchain.log*")]
        assert len(sizes) == 2
        assert max(sizes) <= 1024 * 1024
