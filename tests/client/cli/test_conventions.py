"""What is shown: strangers' text steers no terminal."""

from __future__ import annotations

import errno
from typing import Any

import pytest

from bystack.client.cli.conventions import guarded, show

HOSTILE = "gram\x1b[2J\r\u202eevil\x07"
SHOWN = "gram\\x1b[2J\\r\\u202eevil\\x07"


@pytest.mark.parametrize("value", [HOSTILE, [HOSTILE], {"unit": HOSTILE}, [{"unit": HOSTILE}]])
def test_control_characters_are_spelt_out(value: Any, capsys: pytest.CaptureFixture[str]) -> None:
    show(value, as_json=False)
    shown = capsys.readouterr().out
    assert SHOWN in shown and "\x1b" not in shown


def test_ordinary_text_stays_as_it_is(capsys: pytest.CaptureFixture[str]) -> None:
    show({"unit": "Größe ✓", "help": "one\ntwo"}, as_json=False)
    assert capsys.readouterr().out == "unit: Größe ✓\nhelp: one\ntwo\n"


@pytest.mark.parametrize(
    ("number", "cure"),
    [
        (errno.EROFS, "choose a file or folder that you may read and write"),
        (errno.ENOSPC, "make room on the disk"),
        (errno.ENOENT, "give the path of a file that is there"),
    ],
)
def test_a_files_fault_is_one_sentence(
    number: int, cure: str, capsys: pytest.CaptureFixture[str]
) -> None:
    @guarded
    def command() -> None:
        raise OSError(number, "so the system says", "/trade.json")

    with pytest.raises(SystemExit) as ended:
        command()
    assert ended.value.code == 1
    assert capsys.readouterr().err == f"/trade.json: so the system says; {cure}\n"


def test_a_fault_of_no_file_goes_on() -> None:
    @guarded
    def command() -> None:
        raise BrokenPipeError(errno.EPIPE, "nobody reads")

    with pytest.raises(BrokenPipeError):
        command()
