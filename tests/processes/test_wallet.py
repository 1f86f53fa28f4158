"""docs/wallet.md on real nodes: a sealed wallet killed while it pays, reorganised, backed up, and
restored at another node, where it is the same; and one of many small coins, spent to the last,
whose node then keeps only the last blocks, as docs/storage.md has it."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from bystack.client.cli.main import main as bystack
from tests.processes.daemons import CONFIG, Daemon, Refused, daemons, until
from tests.processes.pages import Part, Reader, Script, reading
from tests.processes.test_mainchain import agree, height

pytestmark = pytest.mark.processes

PAGE = Part("docs/wallet.md", but=" --wait|^bystack receive")
PRUNED = Part("docs/storage.md", "Prune")
SAVED = Part("docs/deployment.md", "Backup and restore", only="^bystack wallet backup")
REWARD = 412.5
PHRASE = "secret words"
WRONG = "a wrong passphrase"
TALKATIVE = CONFIG + '[rpc.tokens]\nshop = "wallet"\n[log]\nlevel = "debug"\n'


def command(node: Daemon, *arguments: str) -> str:
    """What `bystack …` prints for a node."""
    done = CliRunner().invoke(bystack, [*arguments, "--home", str(node.home)])
    assert done.exit_code == 0, done.output
    return done.stdout


def killed(node: Daemon) -> None:
    """Kill the wallet's process, and wait until another has taken its place."""
    old = node.kill("wallet")
    until(lambda: node.pid("wallet") not in (0, old) and node.ready(), "the wallet is back")


def shown(node: Daemon) -> list[Any]:
    asked: list[tuple[Any, ...]] = [
        ("getbalances",), ("listunspent",), ("listtransactions", "*", 1_000), ("listlabels",),
        ("listaccounts",), ("listaddresses",),
    ]  # fmt: skip
    return [node.call(*params) for params in asked]


def test_a_sealed_wallet_lives_through_it_all(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "word").write_text(PHRASE + "\n")
    with (
        daemons(tmp_path, 2, TALKATIVE) as (one, two),
        reading(Reader({}, one.home), PAGE) as page,
    ):
        made = page.unseen("bystack wallet create")
        mnemonic = re.findall(r"^mnemonic: (.*)$", made, re.M)[0].split()
        assert len(mnemonic) == 24 and "they are the money" in made
        mine = page.type("bystack wallet address").strip()
        theirs = two.wallet_of()
        page.reader.changes["rm1qs44…"] = theirs
        two.join(one)
        one.call("generatetoaddress", 103, mine)
        assert one.call("getbalance") == 4 * REWARD
        paid = _first(page, one)
        killed(one)
        assert one.call("getwalletinfo")["locked"] is True
        waiting = one.call("gettransaction", paid)
        assert (waiting["confirmations"], waiting["comment"]) == (0, "put aside")
        until(lambda: paid in two.call("getrawmempool"), "the payment travels")
        agree(one, two)
        _reorganised(one, two, mine, paid, theirs)
        command(one, "wallet", "unlock", "--password-file", "word")
        _accounts(page, one, two)
        _restored(page, one, two)
        _nothing_secret_is_written(one, two, mnemonic)


def _first(page: Script[Reader], one: Daemon) -> str:
    """Locked, it shows everything and pays nothing; unlocked, it pays."""
    page.type("bystack wallet balance")
    page.type("bystack send", code=1)
    with pytest.raises(Refused) as locked:
        one.call("sendtoaddress", one.call("getnewaddress"), 1)
    assert locked.value.code == -13
    with pytest.raises(Refused):
        one.call("walletpassphrase", WRONG, 60)
    page.type("bystack wallet unlock")
    return page.type("bystack send").strip()


def _accounts(page: Script[Reader], one: Daemon, two: Daemon) -> None:
    """A second account; and the first one's text, by which a wallet of the other node watches."""
    page.type("bystack wallet account create")
    page.type("bystack wallet account list")
    text = page.unseen("bystack wallet export-key").splitlines()[0].partition(": ")[2]
    page.reader.changes["account(rm, m/86'/1'/0', xpub6CFP…)#56af646d"] = text
    page.reader.home = two.home
    page.type("bystack wallet create eyes")
    two.call("unloadwallet", "default")
    page.type("bystack wallet import-key")
    ours = sum(row["balance"] for row in one.call("listaccounts") if row["number"] == 0)
    until(lambda: two.call("getbalance") == ours, "the watching wallet sees what the other has")
    two.call("unloadwallet", "eyes")
    two.call("loadwallet", "default")
    page.reader.home = one.home


def _nothing_secret_is_written(one: Daemon, two: Daemon, words: list[str]) -> None:
    """Not at level debug either: in no log, no announcement and not on standard error."""
    secrets = {PHRASE, WRONG, *(" ".join(words[at : at + 3]) for at in range(22))}
    for node in (one, two):
        secrets.add((node.home / ".cookie").read_text().partition(":")[2])
        secrets.add((node.home / "tokens" / "shop").read_text().strip())
    for node in (one, two):
        written = [node.home / "stderr", *(node.home / "logs").iterdir()]
        text = "".join(path.read_text() for path in (*written, *(node.home / "run").glob("*.json")))
        assert '"level": "debug"' in text and len(text) > 1_000
        assert {one for one in secrets if one in text} == set()


def _reorganised(one: Daemon, two: Daemon, mine: str, paid: str, theirs: str) -> None:
    """The block with the payment is left for a heavier branch without it, and it is paid anew."""
    two.stop()
    one.call("generatetoaddress", 1, mine)
    assert one.call("gettransaction", paid)["confirmations"] == 1
    one.stop()
    two.start()
    two.call("generatetoaddress", 3, theirs)  # its pool may hold the payment, or not
    one.start()
    one.join(two)
    agree(one, two)
    one.call("generatetoaddress", 1, mine)
    until(lambda: one.call("gettransaction", paid)["confirmations"] > 0, "it is in a block again")
    agree(one, two)
    until(lambda: two.call("gettransaction", paid)["confirmations"] > 0, "they have it")
    killed(one)
    assert one.call("getwalletinfo")["chains"]["main"]["open_payments"] == 0


def _restored(page: Script[Reader], one: Daemon, two: Daemon) -> None:
    """Everything the wallet shows at one node it shows at the other."""
    page.type("bystack wallet backup")
    assert Path("safe.backup").stat().st_mode & 0o777 == 0o600
    Path("saved").mkdir()
    asked = {"saved/wallet.backup": "saved/wallet.backup --password-file word"}
    with reading(Reader(asked, one.home), SAVED) as saving:
        saving.type("bystack wallet backup")
    assert Path("saved/wallet.backup").stat().st_mode & 0o777 == 0o600
    two.call("unloadwallet")
    page.reader.home = two.home
    page.type("bystack wallet restore")
    assert shown(two) == shown(one)
    command(two, "wallet", "unlock", "--password-file", "word")
    two.call("sendtoaddress", one.call("getnewaddress"), 1)


def test_many_small_coins_are_spent_to_the_last(tmp_path: Path) -> None:
    with daemons(tmp_path, 1) as (node,):
        mine = node.wallet_of()
        node.call("generatetoaddress", 400, mine)
        coins = len(node.call("listunspent"))
        assert coins == 301
        told = json.loads(command(node, "wallet", "consolidate", "--json"))
        assert (told["coins"], len(told["txids"])) == (coins, 1)
        node.call("generatetoaddress", 1, mine)
        assert height(node) == 401
        before = node.call("getbalance")
        assert 301 * REWARD < before < 302 * REWARD  # a reward matured, one fee was paid
        elsewhere = node.call("getrawchangeaddress")
        told = json.loads(command(node, "wallet", "sweep", elsewhere, "--json"))
        assert len(told["txids"]) == 1
        node.call("generatetoaddress", 1, mine)
        assert len(node.call("listunspent")) == 2
        command(node, "wallet", "rescan")
        assert len(node.call("listunspent")) == 2
        assert "self" in command(node, "wallet", "history")
        _pruned(node)


def _pruned(node: Daemon) -> None:
    """Told to keep few blocks, it drops the others, and says of the first what it has."""
    node.stop()
    config = node.home / "bystack.toml"
    config.write_text(CONFIG.replace("[mainchain]", "[mainchain]\nprune = 288"))
    node.start()
    until(lambda: node.call("getblockchaininfo").get("pruneheight", 0) > 1, "blocks are dropped")
    with reading(Reader({"HASH": node.call("getblockhash", 1)}, node.home), PRUNED) as page:
        page.type("bystack rpc getblock", code=1)
