"""What is shown: strangers' text steers no terminal."""

from __future__ import annotations

from typing import Any

import pytest

from bystack.client.cli.conventions import show

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
