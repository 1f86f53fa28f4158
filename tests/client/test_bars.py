"""A bar waits two seconds, draws one line on a terminal, and writes plain lines elsewhere."""

from __future__ import annotations

import io

from bystack.client.bars import Bar


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def drawn(out: io.StringIO, *shares: float, begun: float = 10.0) -> str:
    times = iter([0.0, *(begun + number for number in range(len(shares)))])
    with Bar("blocks", out, lambda: next(times)) as bar:
        for done in shares:
            bar.show(done)
    return out.getvalue()


def test_a_terminal_has_one_line_that_is_removed() -> None:
    shown = drawn(Terminal(), 0.5, 0.75)
    assert "\n" not in shown and shown.startswith("\r\x1b[Kblocks ###############-")
    assert shown.endswith("75.0 %\r\x1b[K")


def test_elsewhere_lines_are_plain_and_few() -> None:
    shown = drawn(io.StringIO(), *(number / 100 for number in range(101)))
    assert "\x1b" not in shown and "\r" not in shown and 10 <= shown.count("\n") <= 12
    assert shown.splitlines()[-1] == "blocks " + "#" * 30 + " 100.0 %"


def test_short_work_shows_nothing() -> None:
    assert drawn(Terminal(), 0.1, begun=0.5) == "" and drawn(io.StringIO(), 1.0, begun=0.5) == ""
