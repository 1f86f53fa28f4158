"""Pages of docs/ as what to type and what is seen: adapted to a test's network, and obeyed."""

from __future__ import annotations

import re
import shlex
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

from click.testing import CliRunner

from bystack.client.cli.main import main as bystack
from bystack.node.main import main as bystackd

ROOT = Path(__file__).parents[2]
PROGRAMS = {"bystack": bystack, "bystackd": bystackd}
NUMBER = re.compile(r"\d[\d,]*(?:\.\d+)?")
COMMENT = re.compile(r"\s+# .*$")


class Line(NamedTuple):
    """A command of a page, and what is shown of its output."""

    words: str
    shown: tuple[str, ...]


def lines(page: str, *headings: str) -> list[Line]:
    """The commands of a page that stand behind `$ ` in its blocks, under these headings or all."""
    return list(_lines((ROOT / page).read_text(), headings))


def _lines(text: str, headings: tuple[str, ...]) -> Iterator[Line]:
    for part in re.split(r"^##+ ", text, flags=re.M):
        if headings and part.partition("\n")[0] not in headings:
            continue
        for block in re.findall(r"^ *```\n(.*?)^ *```", part, re.S | re.M):
            for one in re.split(r"^ *\$ ", block, flags=re.M)[1:]:
                command, *shown = one.rstrip().splitlines()
                yield Line(COMMENT.sub("", command), tuple(shown))


def says(output: str, shown: tuple[str, ...]) -> bool:
    """Whether each line shown is among what was printed; numbers, widths and `…` may differ."""
    return all(re.search(f"^{_pattern(line)}$", output, re.M) for line in shown)


def _pattern(line: str) -> str:
    parts = [_loose(part) for part in line.strip().split("…")]
    return r"\s*" + ".*".join(parts) + r"\s*"


def _loose(text: str) -> str:
    """Words as they stand; any number for a number, any width for a gap."""
    words = [NUMBER.sub("0", word) for word in text.split()]
    loose = [re.escape(word).replace("0", NUMBER.pattern) for word in words]
    ends = (r"\s*" if text[:1].isspace() else "", r"\s*" if text[-1:].isspace() else "")
    return ends[0] + r"\s+".join(loose) + ends[1]


class Reader:
    """Somebody who types what a page says, with the changes that his machine asks for."""

    def __init__(self, changes: Mapping[str, str]) -> None:
        self.changes = dict(changes)
        """Texts of the page, and what stands for them here."""

    def meant(self, words: str) -> list[str]:
        """The words of a line as they are on this machine."""
        for text, here in self.changes.items():
            words = words.replace(text, here)
        return shlex.split(re.sub(r"\$\((.+?)\)", lambda inner: self.inner(inner[1]), words))

    def inner(self, words: str) -> str:
        code, output = self.type(shlex.split(words))
        assert code == 0, output
        return output.strip()

    def type(self, words: list[str]) -> tuple[int, str]:
        """Exit code and everything printed."""
        done = CliRunner().invoke(PROGRAMS[words[0]], words[1:])
        if done.exception is not None and not isinstance(done.exception, SystemExit):
            raise done.exception
        return done.exit_code, done.output

    def obey(self, line: Line, ready: Callable[[], object] = lambda: None) -> str:
        """Type a line, once what it needs is `ready`; what it shows must come true."""
        ready()
        words = self.meant(line.words)
        code, output = self.type(words)
        assert code == 0, (words, output)
        assert says(output, line.shown), (words, line.shown, output)
        return output
