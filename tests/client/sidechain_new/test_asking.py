"""The questions ask only for what flags did not say."""

from __future__ import annotations

import os
import pty
import sys
from dataclasses import replace
from pathlib import Path

import msgspec

from bystack.client.sidechain_new.asking import asked
from bystack.client.sidechain_new.choices import Choices
from tests.client.sidechain_new.founders import KEYS, complete, operators


class Person:
    """Answers from a table, else takes what is offered."""

    def __init__(self, **answers: list[str]) -> None:
        self.answers = {name.replace("_", " "): rows for name, rows in answers.items()}
        self.asked: list[str] = []
        self.told: list[str] = []

    def ask(self, question: str, offered: str) -> str:
        self.asked.append(question)
        rows = self.answers.get(question)
        return rows.pop(0) if rows else offered


def test_everything_is_asked_of_somebody_who_gave_nothing() -> None:
    person = Person(
        asset=["BTM"],
        limit_of_BTM=["100"],
        key=[f"{name}={key}" for name, key in KEYS.items()],
        module=["registry"],
    )
    made = asked(Choices("port", "regtest", operators=operators()), person.ask, person.told.append)
    assert made.assets == complete().assets[:1] and made.keys == KEYS
    assert made.modules == ("registry",) and made.engine == "bbft"
    assert len(person.told) == 6 and "12 main-chain" in person.told[2]


def test_what_flags_said_is_not_asked_again() -> None:
    person = Person()
    given = replace(complete(), modules=("registry",))
    assert asked(given, person.ask, person.told.append) == given
    assert person.asked == ["engine", "in, basis points", "out, basis points"]


def test_an_answer_that_is_none_is_asked_for_again_and_nothing_is_lost(tmp_path: Path) -> None:
    path = tmp_path / "alpha.json"
    path.write_bytes(msgspec.json.encode(operators()[0]))
    keys = [f"{name}={key}" for name, key in KEYS.items()]
    person = Person(
        file=[str(tmp_path / "none.json"), str(path), ""],
        asset=["doge", "BTM", ""],
        limit_of_BTM=["", "-1", "many", "0", "100"],
        key=[*keys, "tower-1", "tower-9=12", ""],
        **{"in, basis points": ["many", "5"]},
    )
    made = asked(Choices("port", "regtest"), person.ask, person.told.append)
    assert made.operators == operators()[:1] and made.keys == KEYS and made.pegin_bp == 5
    assert [(one.name, one.limit) for one in made.assets] == [("BTM", "100")]
    again = [one for one in person.told if one.endswith("; once more")]
    assert len(again) == 9 and "none.json" in again[0] and "doge is no NAME" in again[1]


TERMINAL = """
import sys
from bystack.client.cli.main import main
main(["sidechain", "new", "port", "--home", sys.argv[1]])
"""


def at_a_terminal(home: Path, answers: list[str]) -> tuple[str, int]:
    """What a person sees who types these lines when asked, and the exit code."""
    pid, screen = pty.fork()
    if pid == 0:
        os.execv(sys.executable, [sys.executable, "-c", TERMINAL, str(home)])
    seen, typed, answered = b"", [*answers], 0
    while True:
        try:
            more = os.read(screen, 4096)
        except OSError:  # the terminal is gone, as its process is
            break
        if not more:
            break
        seen += more
        if seen[answered:].endswith((b": ", b"]: ")):
            answered = len(seen)
            os.write(screen, (typed.pop(0) if typed else "\x04").encode() + b"\n")
    os.close(screen)
    return seen.decode().replace("\r", ""), os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


def test_at_a_terminal_everything_is_asked_and_the_files_are_written(tmp_path: Path) -> None:
    (tmp_path / "bystack.toml").write_text('network = "regtest"\n')
    files = []
    for one in operators():
        path = tmp_path / f"{one.name}.json"
        path.write_bytes(msgspec.json.encode(one))
        files.append(str(path))
    keys = [f"{name}={key}" for name, key in KEYS.items()]
    answers = [*files, "", "", "BTM", "", "many", "100", *keys, "", "0", "", ""]
    seen, code = at_a_terminal(tmp_path, answers)
    assert code == 0, seen
    assert "'many' is no amount" in seen and "Who takes part" in seen and "There is no" in seen
    assert "may pay out at most 100 BTM at once" in seen
    assert "Next: give the three files to every member" in seen
    assert (tmp_path / "federations/port.charter.toml").exists()
    assert (tmp_path / "sidechains/port.spec.toml").exists()
