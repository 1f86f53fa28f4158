"""Long work without a terminal is told in plain lines, ever more rarely."""

from __future__ import annotations

import pytest

from bystack.node.offline import showing


def test_lines_where_no_terminal_is(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    now = [100.0]
    monkeypatch.setattr("time.monotonic", lambda: now[0])
    with showing.Bar() as bar:
        for done in range(1, 16):
            now[0] += 1
            bar("blocks", done, 0 if done < 5 else 1_500)
    said = capsys.readouterr()
    assert said.out == "" and said.err.splitlines() == [
        "blocks: 2 after 2 s",
        "blocks: 6 of 1,500 after 6 s",
        "blocks: 14 of 1,500 after 14 s",
    ]
