"""The questions ask only for what flags did not say."""

from __future__ import annotations

from dataclasses import replace

import pytest

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


def test_an_answer_that_is_none_ends_it() -> None:
    for answers in ({"in, basis points": ["many"]}, {"key": ["tower-1"]}):
        person = Person(**answers)
        bare = complete() if "key" not in answers else replace(complete(), keys={})
        with pytest.raises(ValueError, match="is no"):
            asked(bare, person.ask, person.told.append)
