"""docs/five-operators.md, executed: five operators' machines, here five homes on one.

Every line of the page that begins with a machine's prompt is run, in the page's order; what stands
below it must be among what it prints, where `…` stands for anything. A status is asked for until it
says so. Files go from hand to hand through one folder; addresses become ports of this machine.
docs/federation-keys.md shows more of what two of the lines print: that comes true as well.

Meanwhile one signer is killed in the midst of each kind of change (`KILLED`; of the first key:
W06): the page knows nothing of it, and every line of it comes true all the same.
"""

from __future__ import annotations

import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from itertools import groupby
from pathlib import Path
from typing import Any, NamedTuple

import msgspec
import pytest
from click.testing import CliRunner

from bystack.client.cli.main import main
from bystack.client.devnet import files, processes
from bystack.client.devnet.layout import new_layout
from bystack.client.devnet.network import Devnet
from bystack.client.devnet.processes import CommandFailed, bystackd
from bystack.client.rpc import Waited, wait_for
from tests.processes import pages
from tests.processes.network import armed, end
from tests.processes.pages import Part, Reader, reading

pytestmark = pytest.mark.processes

WHOLE = Part("docs/five-operators.md")
KEYS = Part("docs/federation-keys.md")
LATER = Part("docs/new-sidechain.md", "While the node runs")
PAGE = Path(__file__).parents[2] / "docs" / "five-operators.md"
WAIT = 240.0
OPERATORS = ("alice", "bob", "carol", "dave", "erin")
AGAIN = ("federation status", "federation vote", "federation keygen", "federation genesis",
         "vault announce", "vault adopt", "vault submit")  # fmt: skip
"""Commands that are run again until they succeed: they wait for what other members do."""
SLOW = ("bystackd run", "bystack sidechain add")
"""Commands that start processes: begun by all five before one is waited for."""
MARK = "run/mark"
KILLED = {
    "dave": ("New shares, every few months", "ceremony.refresh_dealt"),
    "carol": ("A member leaves, and comes back", "ceremony.reshare_acknowledged"),
    "bob": ("Another key", "ceremony.fresh_dealt"),
}
"""Whose signer dies in which chapter, just after its state of that round is durable."""


class Line(NamedTuple):
    """A command of the page, whose it is, and what is shown of its output."""

    who: str
    words: str
    shown: tuple[str, ...]


def chapters() -> dict[str, list[Line]]:
    """The page's lines by the heading they stand under."""
    found: dict[str, list[Line]] = {}
    for chapter in PAGE.read_text().split("\n## ")[1:]:
        title, _, text = chapter.partition("\n")
        found[title] = []
        for block in re.findall(r"^```\n(.*?)^```", text, re.S | re.M):
            for part in re.split(r"^(?=\w+\$ )", block, flags=re.M)[1:]:
                command, *shown = part.strip().splitlines()
                who, _, words = command.partition("$ ")
                machines = OPERATORS if who == "each" else (who,)
                found[title] += [Line(one, words, tuple(shown)) for one in machines]
    return found


PAGE_LINES = chapters()


def says(output: str, shown: tuple[str, ...]) -> bool:
    """Whether each line shown is among what was printed."""
    patterns = [".*".join(map(re.escape, line.split("…"))) for line in shown]
    return all(re.search(f"^{pattern}$", output, re.M) for pattern in patterns)


class Table:
    """Five operators around one table: their nodes, and the folder by which files change hands."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.layout = new_layout(folder / "net", 1, 5, 5)
        self.net = Devnet(folder / "net", self.layout)
        self.nodes = dict(zip(OPERATORS, self.layout.nodes, strict=True))
        self.keys: dict[str, str] = {}
        """Public keys of tower and safe by name; then their signatures instead."""
        secret = folder / "password"
        secret.touch(0o600)
        secret.write_text("of Dave's\n")
        self.said: dict[str, set[str]] = {}
        """The first words that operators read where all must read the same."""

    def home(self, who: str) -> Path:
        return Path(self.nodes[who].home) if who in self.nodes else self.folder / who

    def info(self, who: str) -> dict[str, Any]:
        return dict(self.net.rpcs[self.nodes[who].name].federation("trade", "getfederationinfo"))

    def shares(self, who: str) -> list[str]:
        return sorted(path.name for path in (self.home(who) / "keys").glob("trade-epoch-*"))

    def run(self, line: Line) -> None:
        """One line of the page; what it shows must come true."""
        words = self.meant(line)
        last = ""

        def done() -> bool:
            nonlocal last
            code, last = self.once(line.who, words)
            # A vote that was counted though its answer was lost is not cast twice.
            return (code == 0 or "VotedAlready" in last) and says(last, line.shown)

        if line.words.startswith(tuple(f"bystack {one}" for one in AGAIN)):
            try:
                wait_for(line.words, done, WAIT)
            except Waited as late:
                raise AssertionError(f"{line.who}: {late}; it says:\n{last}") from None
        else:
            assert done(), (line, last)
        if line.words == KEYS.lines[0].words:
            assert pages.says(last, KEYS.lines[0].shown), last

    def once(self, who: str, words: list[str]) -> tuple[int, str]:
        """Exit code and output."""
        match words:
            case ["bystack", *rest]:
                home = [] if "charter" in rest else ["--home", str(self.home(who))]
                ended = CliRunner().invoke(main, [*rest, *home])
                return ended.exit_code, ended.output
            case ["bystackd", *rest]:
                try:
                    return 0, self.keep(bystackd(*rest))
                except CommandFailed as error:
                    return 1, str(error)
            case ["cp", *given, to]:
                for one in given:
                    shutil.copy(one, to)
                return 0, ""
        raise AssertionError(words)

    def begin(self, line: Line) -> Callable[[], None]:
        """Begin what takes long; the rest of it: waiting, and looking at what it said."""
        words, node = self.meant(line), self.nodes[line.who]
        if words[0] == "bystackd":
            files.write_config(self.layout, node, [])
            _, point = KILLED.get(line.who, ("", ""))
            with armed(f"signer/{point}" if point else "", MARK):
                processes.start(node)
            return lambda: processes.wait_started(node)
        command = [sys.executable, "-m", "bystack.client.cli.main", *words[1:]]
        going = subprocess.Popen(
            [*command, "--home", node.home], stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
            text=True,
        )  # fmt: skip
        return lambda: self.ended(line, going)

    def ended(self, line: Line, going: subprocess.Popen[str]) -> None:
        output, _ = going.communicate(timeout=WAIT)
        assert going.returncode == 0 and says(output, line.shown), (line, output)

    def keep(self, output: str) -> str:
        """Remember keys and signatures that are handed on."""
        if output.startswith("{"):
            made = msgspec.json.decode(output).get("named", {})
            self.keys |= {name: parts["key"] for name, parts in made.items()}
        self.keys |= dict(re.findall(r"^([a-z0-9-]+)=([0-9a-f]{128})$", output, re.M))
        return output

    def meant(self, line: Line) -> list[str]:
        """The words of a line as they are on these machines."""
        text = line.words.replace("~/.bystack", str(self.home(line.who)))
        text = re.sub(r"0\.0\.0\.0:(\d+)", lambda m: self.address(line.who, m[1]), text)
        text = re.sub(r"(\w+)\.example:(\d+)", lambda m: self.address(m[1], m[2]), text)
        text = re.sub(r"([a-z0-9-]+)=…", lambda m: f"{m[1]}={self.keys[m[1]]}", text)
        text = re.sub(r"rm1q…(\w+)", lambda m: str(self.info(m[1])["sponsor"]["address"]), text)
        text = re.sub(r"\$\((.+?)\)", lambda m: self.inner(line.who, m[1]), text)
        return shlex.split(text)

    def inner(self, who: str, words: str) -> str:
        code, output = self.once(who, shlex.split(words))
        assert code == 0, output
        return output.strip()

    def address(self, who: str, port: str) -> str:
        node = self.nodes[who]
        return f"127.0.0.1:{node.member['trade'] if port == '7101' else node.side['trade']}"


@pytest.fixture(scope="module")
def table(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Table]:
    made = Table(tmp_path_factory.mktemp("five"))
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(made.folder)
        patch.setenv("BYSTACK_TESTING", "1")
        try:
            yield made
        finally:
            end(made.folder / "net")


def test_the_page_is_read() -> None:
    assert len(PAGE_LINES) == 9 and all(PAGE_LINES.values())
    assert sum(map(len, PAGE_LINES.values())) > 90
    read = {line.words for lines in PAGE_LINES.values() for line in lines}
    assert {line.words for line in WHOLE.lines} <= {re.sub(r"\s+# .*$", "", one) for one in read}


@pytest.mark.parametrize("chapter", PAGE_LINES)
def test_each_line_does_what_the_page_says(table: Table, chapter: str) -> None:
    for slow, lines in groupby(PAGE_LINES[chapter], lambda line: line.words.startswith(SLOW)):
        if slow:
            together(table, list(lines))
        else:
            in_turn(table, list(lines))
    hold(table, chapter)


def together(table: Table, lines: list[Line]) -> None:
    for finish in [table.begin(line) for line in lines]:
        finish()


def in_turn(table: Table, lines: list[Line]) -> None:
    for line in lines:
        table.run(line)
        if "generatetoaddress" in line.words:
            table.net.synced()


def hold(table: Table, chapter: str) -> None:
    """What is true after a chapter, beyond what its lines print."""
    for who, (_, point) in [(w, one) for w, one in KILLED.items() if one[0] == chapter]:
        step, label, _ = (table.home(who) / MARK).read_text().split()
        assert (step, label) == (point, "signer"), "the kill did not hit inside its step"
    infos = [table.info(who) for who in OPERATORS] if "group" in chapter else []
    assert len({info["key"] for info in infos}) <= 1
    match chapter:
        case "The group key":
            assert table.shares("alice") == [
                "trade-epoch-0-share-1.key", "trade-epoch-0-share-2.key",
            ]  # fmt: skip
        case "The sidechain":
            ids = {table.info(who)["sidechain"] for who in OPERATORS}
            assert len(ids) == 1, "members build different geneses"
            for who in OPERATORS:  # headers that it relays count as its member's work
                written = (table.home(who) / "sidechains/trade.toml").read_text()
                assert msgspec.toml.decode(written)["recipient"] == recipient(table, who)
        case "New shares, every few months":
            erased(table, "erin", ["trade-epoch-1-share-7.key"])
            refresh, after = KEYS.lines
            assert refresh.words in [line.words for line in PAGE_LINES[chapter]]
            asked = after.words.split()
            wait_for(
                after.words, lambda: pages.says(table.once("carol", asked)[1], after.shown), WAIT
            )
        case "A member leaves, and comes back":
            erased(table, "erin", ["trade-epoch-3-share-7.key"])
        case "Another key":
            assert len({table.info(who)["key"] for who in OPERATORS}) == 1
            # Until a reorganisation cannot bring the old terms back, the old shares stay.
            held = ["trade-epoch-3-share-7.key", "trade-epoch-4-share-7.key"]
            assert table.shares("erin") == held


def test_a_sidechain_is_put_away_and_taken_up_again_while_the_node_runs(table: Table) -> None:
    """docs/new-sidechain.md, with what five operators founded: the last of them leaves."""
    home = table.home("erin")
    with reading(Reader({"sidechains/": f"{home}/sidechains/"}, home), LATER) as page:
        add, remove = page.line("bystack sidechain add"), page.line("bystack sidechain remove")
    for words, shown, _ in (remove, add):
        told = tuple(one.replace("dock", "trade") for one in shown)
        page.reader.obey(add._replace(words=words.replace("dock", "trade"), shown=told))


def recipient(table: Table, who: str) -> str:
    parts = (table.folder / f"trade.{who}.json").read_bytes()
    return str(msgspec.json.decode(parts)["recipient"])


def erased(table: Table, who: str, left: list[str]) -> None:
    wait_for(f"{who} holds {left}", lambda: table.shares(who) == left, WAIT)
