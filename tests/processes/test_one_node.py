"""A node of one's own by the README, and other pages on it: every line typed as it stands."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator

import pytest

from tests.processes.daemons import Daemon, started, until
from tests.processes.pages import Line, Part, Reader, reading

pytestmark = pytest.mark.processes

README = Part("README.md", "One node")
ASSETS = Part("docs/assets.md").lines
DOCTOR = Part("docs/doctor.md")
SYNC = Part("docs/sync.md")
FEES = Part("docs/mempool.md")
READY = Part("docs/metrics.md")
RUNNING = Part("docs/operations.md")
DASHBOARD = Part("docs/dashboard.md")
SERVICE = Part("docs/deployment.md", only="bin/bystack (status|doctor) ")
MINE = Line("bystack rpc generatetoaddress 1 $(bystack wallet address --force)", ())
LEVELS = 'levels = { mainchain = "debug", wallet = "debug" }'
OTHERS = "key(A…)"
"""An example whose keys are other people's."""


@pytest.fixture(scope="module")
def node(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Daemon]:
    """What the README says, but for the ports, which are free ones here."""
    home = tmp_path_factory.mktemp("first") / "home"
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("BYSTACK_HOME", str(home))
        patch.chdir(home.parent)
        Reader({}).obey(README.lines[1])
        config = home / "bystack.toml"
        text = re.sub(r":973[56]\b", ":0", config.read_text())
        config.write_text(text.replace("levels = {}", LEVELS))
        node = Daemon(home)
        with started([node]):
            yield node


@pytest.fixture(scope="module")
def reader(node: Daemon) -> Reader:
    """Somebody with a node."""
    places = {f"--home {home}": f"--home {node.home}" for home in ("H", "~/.bystack")}
    places |= {"~/.bystack": str(node.home), "http://127.0.0.1:9736/": node.url}
    return Reader(places)


def followed(reader: Reader) -> None:
    """Wait until the wallet has read the chain's last block, as a person does without noticing."""

    def same() -> bool:
        said = reader.type(["bystack", "wallet", "balance"])[1]
        return said.startswith(f"main at {reader.inner('bystack rpc getblockcount')}\n")

    until(same, "the wallet has read the last block")


def test_the_first_five_minutes(reader: Reader) -> None:
    for words, _, _ in README.lines:
        if words.startswith(("export", "bystackd", "kill")):
            continue  # the fixture's part, and the last test's
        if words.startswith("me=$("):
            reader.changes["$me"] = reader.inner(words[5:-1])
        else:
            said = reader.obey(Line(words, ()))
            assert "balance" not in words or re.search(r"^BTM +\d", said, re.M), said
            followed(reader)
    assert re.search(r"^self .*BTM", reader.inner("bystack wallet history"), re.M)


def traces(node: Daemon, process: str, event: str) -> dict[str, str]:
    """By transaction, the trace under which a process told of it."""
    lines = (node.home / "logs" / f"{process}.log").read_text().splitlines()
    told = [one for one in map(json.loads, lines) if one["event"] == event]
    return {one["id"]: one["trace"] for one in told}


def test_a_payment_has_one_trace_in_each_process(node: Daemon) -> None:
    def same() -> bool:
        paid = traces(node, "wallet", "payment handed in")
        taken = traces(node, "mainchain", "transaction taken in")
        return bool(paid) and paid.items() <= taken.items()

    until(same, "both logs tell of the payment under one trace")


def test_assets_are_issued_retired_and_proved(reader: Reader) -> None:
    """Ids of the page become those of this chain as they are printed."""
    assert len(ASSETS) > 7
    for line in ASSETS:
        if OTHERS in line.words:
            continue
        if "proof" in line.words or "reissue" in line.words:
            reader.obey(MINE)
            followed(reader)
        words = reader.meant(line.words)
        code, said = reader.type(words)
        refused = any(one.endswith("[IssueCapExceeded]") for one in line.shown)
        assert code == int(refused), (words, said)
        for shown in line.shown:
            learn(reader, shown, said)
    assert "retired" in said and "proved: True" in said


def learn(reader: Reader, shown: str, said: str) -> None:
    """A line of the page must be printed; the ids in it are other ones here."""
    pattern = re.sub(r"[0-9a-f]{64}", "([0-9a-f]{64})", re.escape(shown).replace("…", ".*"))
    pattern = re.sub(r"^(height|time): \\?\d+", r"\1: \\d+", pattern.replace("\\ ", " "))
    found = re.search(f"^{pattern}", said, re.M)
    assert found, (shown, said)
    reader.changes |= dict(zip(re.findall(r"[0-9a-f]{64}", shown), found.groups(), strict=True))


def test_it_is_looked_over_and_its_keys_are_saved(reader: Reader, node: Daemon) -> None:
    reader.changes["FILE"] = str(node.home.parent / "keys.tar")
    for words in ("d key new named:tower-1", " key backup --made", "d key new named:tower-2"):
        reader.obey(Line(f"bystack{words} --home H", ()))
    with reading(reader, DOCTOR) as page:
        assert re.search(r"^main +\d", page.unseen("bystack status"), re.M)
        said = page.unseen("bystack doctor --quiet", code=1)
        assert re.search(r"^FAULT  key backup: stale: 1 file ", said, re.M), said
        page.type("bystack key backup FILE")
        for key in (node.home / "keys").glob("tower-1*"):
            key.unlink()
        page.type("bystack key restore FILE")
        assert (node.home / "keys/tower-1.named.key").is_file()
        page.type("bystack key backup --made")


def test_it_tells_how_far_it_is_and_whether_it_is_ready(reader: Reader, node: Daemon) -> None:
    with reading(reader, SYNC) as page:
        assert "syncing" not in page.unseen("bystack status"), "gone once it is in sync"
        shown = page.left[0].shown
        said = page.unseen("bystack rpc getblockchaininfo")
        for name in re.findall(r'"(\w+)":', "\n".join(shown)):
            assert f'"{name}":' in said, name
    with reading(reader, FEES) as page:
        shown = page.left[0].shown[0]
        said = page.unseen("bystack rpc estimatesmartfee")
        assert json.loads(said) == json.loads(shown)
    user = {"runuser -u bystack -- /opt/bystack/bin/": "", "/var/lib/bystack/main": str(node.home)}
    with reading(Reader(user), SERVICE) as page:
        assert re.search(r"^main +\d", page.type("runuser"), re.M)
        told = page.reader.type(page.reader.meant(page.line("runuser").words))
        assert "looked at" in told[1], told
    with reading(Reader({"mynet/node1": str(node.home)}), DASHBOARD) as page:
        page.rest()
    with reading(reader, READY) as page:
        assert page.unseen("curl").strip() in ("ready", "ok")


def test_it_reads_its_configuration_again_and_ends_in_order(reader: Reader, node: Daemon) -> None:
    """The last one: the node is gone then."""
    assert node.process is not None
    reader.changes["PID"] = str(node.process.pid)
    with reading(reader, RUNNING) as page:
        assert page.line().words.startswith("bystackd run"), "as the fixture did"
        page.type("bystack status")
        told = page.reader.type(page.reader.meant(page.line("bystack doctor").words))
        assert "looked at" in told[1], told
        page.type("kill -HUP")
        said = node.home / "stderr"
        until(
            lambda: "configuration read anew" in said.read_text(), "the log says what it takes over"
        )
        page.type("kill PID")
        node.process.wait(120)
    assert node.process.returncode == 0
