"""Pages of docs/ as what to type and what is seen: adapted to a test's network, and obeyed.

A `Part` says which lines of a page a test types; `tests/test_pages.py` sees to it that there is one
for every line. `reading` lets them be typed one after another, and none be left.
"""

from __future__ import annotations

import re
import shlex
import shutil
import subprocess
from collections.abc import Callable, Iterator, Mapping
from contextlib import chdir, contextmanager
from itertools import pairwise
from pathlib import Path
from typing import ClassVar, Generic, NamedTuple, TypeVar

import httpx
from click.testing import CliRunner

from bystack.client.cli.main import main as bystack
from bystack.node.main import main as bystackd

ROOT = Path(__file__).parents[2]
PROGRAMS = {"bystack": bystack, "bystackd": bystackd}
SHELL = ("cat", "curl", "kill", "mkdir", "cp", "createdb", "kubectl", "scripts/miner")
"""What else a reader types here."""
FENCED = re.compile(r"^ *```(\w*)\n(.*?)^ *```$", re.S | re.M)
HEADING = re.compile(r"^(?:##+ |\*\*(?=[^*\n]+\.\*\*$))", re.M)
NUMBER = re.compile(r"\d[\d,]*(?:\.\d+)?")
COMMENT = re.compile(r"\s+# .*$")
PROMPT = re.compile(r"^ *(\w*)\$ ", re.M)
COMMAND = re.compile(
    r"^ *((?:bystackd?|scripts/\w+|\./\S+|/opt/\S+|docker|kubectl|systemctl|systemd-sysusers|"
    r"runuser|journalctl|python3?|pip|git|cp|ln|install|rsync|curl|kill|export|mkdir|\w+=\$\()(?!\S*:).*)$",
    re.M,
)
"""A line of a block without prompts that is typed; other lines are files or output."""
HEX = r"(?=[0-9a-f]*[0-9])[0-9a-f]"
ID = re.compile(
    rf"(?<![\w.])(?:(?=[0-9]*[a-f]){HEX}{{6,}}|{HEX}{{4,}}(?=…)|[a-z]{{1,12}}1q[0-9a-z]{{3,}})"
    r"(?:…[0-9a-z]*)?(?!\w)"
)
"""A key, an id or an address as pages show it, whole or cut: another one in each run."""


class Line(NamedTuple):
    """A command of a page, what is shown of its output, and on whose machine it is typed."""

    words: str
    shown: tuple[str, ...]
    who: str = ""


def lines(page: str, *headings: str) -> list[Line]:
    """The commands of a page's blocks, under these headings or all."""
    return list(_lines((ROOT / page).read_text().replace("\\\n", " "), headings))


def _lines(text: str, headings: tuple[str, ...]) -> Iterator[Line]:
    for part in HEADING.split(text):
        if headings and part.partition("\n")[0].removesuffix(".**") not in headings:
            continue
        for language, block in FENCED.findall(part):
            if not language:
                yield from _prompted(block) if PROMPT.search(block) else _bare(block)


def _prompted(block: str) -> Iterator[Line]:
    _, *parts = PROMPT.split(block)
    for who, one in zip(parts[::2], parts[1::2], strict=True):
        command, *shown = one.rstrip().splitlines()
        yield Line(COMMENT.sub("", command), tuple(shown), who)


def _bare(block: str) -> Iterator[Line]:
    for command in COMMAND.findall(block):
        yield Line(COMMENT.sub("", command).rstrip(), ())


class Part:
    """The lines of a page that a test types: those under headings, or all; of these `only` some."""

    every: ClassVar[list[Part]] = []

    def __init__(self, page: str, *headings: str, only: str = "", but: str = "(?!)") -> None:
        self.page = page
        self.lines = [
            line
            for line in lines(page, *headings)
            if re.search(only, line.words) and not re.search(but, line.words)
        ]
        assert self.lines, (page, headings, only)
        Part.every.append(self)


def says(output: str, shown: tuple[str, ...]) -> bool:
    """Whether each line shown is among what was printed; numbers, ids, widths, `…` may differ."""
    return learned(output, shown) is not None


def learned(output: str, shown: tuple[str, ...]) -> dict[str, str] | None:
    """The ids of the page by what was printed in their place; None if a line was not printed."""
    found: dict[str, str] = {}
    for line in shown:
        match = re.search(f"^{_pattern(line)}$", output, re.M)
        if match is None:
            return None
        found |= dict(zip(ID.findall(line), match.groups(), strict=True))
    return found


def _pattern(line: str) -> str:
    between = ["".join(_cut(text)) for text in ID.split(line.strip())]
    return r"\s*" + r"([0-9a-z]+…?[0-9a-z]*)".join(between) + r"\s*"


def _cut(text: str) -> Iterator[str]:
    yield ".*".join(_loose(part) for part in text.split("…"))


def _loose(text: str) -> str:
    """Words as they stand; any number for a number, `1 block` as `2 blocks`, any width of gaps."""
    words = [NUMBER.sub("0", word) for word in text.split()]
    loose = [re.escape(word).replace("0", NUMBER.pattern) for word in words]
    for at, (number, word) in enumerate(pairwise(words), 1):
        if number == "0" and (counted := re.fullmatch(r"([a-z]+?)s?([,.:]?)", word)):
            loose[at] = f"{counted[1]}s?{re.escape(counted[2])}"
    ends = (r"\s*" if text[:1].isspace() else "", r"\s*" if text[-1:].isspace() else "")
    return ends[0] + r"\s+".join(loose) + ends[1]


class Reader:
    """Somebody who types what a page says, with the changes that his machine asks for."""

    def __init__(self, changes: Mapping[str, str], home: object = "") -> None:
        self.changes = dict(changes)
        """Texts of the page, and what stands for them here."""
        self.ids: dict[str, str] = {}
        """Ids of the page, and those that were printed here in their place."""
        self.home = home
        """Of the node at which commands are typed that name none."""

    def meant(self, words: str) -> list[str]:
        """The words of a line as they are on this machine."""
        for text, here in self.changes.items():
            words = words.replace(text, here)
        words = ID.sub(lambda found: self._here(found[0]), words)
        return shlex.split(re.sub(r"\$\((.+?)\)", lambda inner: self.inner(inner[1]), words))

    def _here(self, id: str) -> str:
        """What an id of the page is here, if it was printed before, whole or cut."""
        start, _, end = id.partition("…")
        for known, here in self.ids.items():
            if known == id or ("…" in id and known.startswith(start) and known.endswith(end)):
                return here
        return id

    def inner(self, words: str) -> str:
        code, output = self.type(shlex.split(words))
        assert code == 0, output
        return output.strip()

    def type(self, words: list[str], answers: str = "") -> tuple[int, str]:
        """Exit code and everything printed; `> FILE` takes it."""
        match words:
            case [*first, ">", file]:
                code, output = self.type(first, answers)
                Path(file).write_text(output)
                return code, ""
        if words[0] not in PROGRAMS:
            return _shell(words)
        runner = CliRunner(env={"BYSTACK_HOME": str(self.home)} if self.home else {})
        with chdir("."):  # some commands go to the home, and end there
            done = runner.invoke(PROGRAMS[words[0]], words[1:], input=answers or None)
        if done.exception is not None and not isinstance(done.exception, SystemExit):
            raise done.exception
        return done.exit_code, done.output

    def obey(
        self,
        line: Line,
        ready: Callable[[], object] = lambda: None,
        code: int = 0,
        answers: str = "",
    ) -> str:
        """Type a line, once what it needs is `ready`; what it shows must come true."""
        ready()
        words = self.meant(line.words)
        ended, output = self.type(words, answers)
        assert ended == code, (words, output)
        found = learned(output, line.shown)
        assert found is not None, (words, line.shown, output)
        self.ids = found | self.ids
        return output


def _shell(words: list[str]) -> tuple[int, str]:
    assert words[0].endswith(SHELL), words
    if shutil.which(words[0]) is None:  # a machine without curl
        return _fetched(words)
    done = subprocess.run(words, capture_output=True, text=True, timeout=240)
    return done.returncode, done.stdout + (done.stderr if done.returncode else "")


def _fetched(words: list[str]) -> tuple[int, str]:
    match words:
        case ["curl", "-u", credential, "-d", body, url]:
            answer = httpx.post(url, content=body, auth=_pair(credential), timeout=240)
        case ["curl", "-u", credential, url]:
            answer = httpx.get(url, auth=_pair(credential), timeout=240)
        case _:
            raise AssertionError(words)
    return 0, answer.text


def _pair(credential: str) -> tuple[str, str]:
    name, _, secret = credential.partition(":")
    return name, secret


R = TypeVar("R", bound=Reader)


class Script(Generic[R]):
    """The lines of a part, typed in their order."""

    def __init__(self, reader: R, part: Part) -> None:
        self.reader = reader
        self.left = list(part.lines)

    def line(self, start: str = "") -> Line:
        """The next line, which begins so."""
        line = self.left.pop(0)
        assert line.words.startswith(start), (line.words, start)
        return line

    def type(self, start: str = "", code: int = 0, answers: str = "") -> str:
        """Type the next line, which begins so; what it printed."""
        return self.reader.obey(self.line(start), code=code, answers=answers)

    def unseen(self, start: str = "", code: int = 0, answers: str = "") -> str:
        """Type the next line, where what is shown is of another moment."""
        line = self.line(start)._replace(shown=())
        return self.reader.obey(line, code=code, answers=answers)

    def rest(self) -> str:
        """Type all lines that are left; what they printed."""
        return "".join([self.type() for _ in range(len(self.left))])


@contextmanager
def reading(reader: R, part: Part) -> Iterator[Script[R]]:
    """Type a part to its end: what is left of it then was never typed."""
    script = Script(reader, part)
    yield script
    assert script.left == [], "never typed"
