"""The questions of `bystack sidechain new`, each with what it is about; flags answer before."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Final, TypeVar

from bystack.client.sidechain_new.choices import Choices, asset_from
from bystack.client.sidechain_new.operators import OperatorUnfit, read_operator

T = TypeVar("T")
Ask = Callable[[str, str], str]
"""Asks a question; what is offered is the answer to nothing typed."""
Say = Callable[[str], None]

MEMBERS: Final = """\
Who takes part: files of the operators' public parts, one a line, as bystack federation init {name}
wrote on each of their nodes. Each becomes a member and a validator. An empty line ends the list."""
ENGINE: Final = """\
How validators agree. bbft: blocks are final in about a second while more than two thirds of the
validators are up (the usual choice). authority: each in turn, final some blocks later. solo: one
validator, for tests."""
ASSETS: Final = """\
Assets from the main chain that this sidechain accepts, as NAME:ID:DECIMALS with the id that
issueasset printed; BTM alone is the main chain's coin. One a line, an empty line ends the list."""
LIMITS: Final = """\
How much of each asset the members may pay out of the vault within a window of {window} main-chain
blocks. The main chain refuses more, so this is what a thief with their keys gets before anybody
acts. Payouts beyond it wait for the supers and a delay; where the charter has no supers, nothing
beyond it leaves at all. There is no default: think of a bad day."""
GUARDS: Final = """\
Charter keys, one a line as NAME=KEY (bystackd key new named:NAME prints KEY). tower-1, tower-2 …
are guards, who can stop and never move; r1, r2, r3 … recover when all else fails; super-1 … sign
large payouts and changes. Guard and recovery keys lie on other machines than members' keys."""
FEES: Final = """\
Peg fees in basis points (100 is one percent), for members' work; both may be 0."""
MODULES: Final = """\
Modules beside payments and pegs: registry, exchange, stake, or NAME=HEX of a package. One a line,
an empty line for none."""


def asked(choices: Choices, ask: Ask, say: Say) -> Choices:
    """The choices with what was not given on the command line.

    An answer that is none is told and asked for again: who typed ten keys shall not lose them.
    """
    choices = _members(choices, ask, say)
    say(ENGINE)
    choices = replace(choices, engine=ask("engine", choices.engine))
    choices = _assets(choices, ask, say)
    choices = _limits(choices, ask, say)
    choices = _keys(choices, ask, say)
    say(FEES)
    bp = {
        field: _answer(f"{way}, basis points", str(getattr(choices, field)), _number, ask, say)
        for field, way in (("pegin_bp", "in"), ("pegout_bp", "out"))
    }
    choices = replace(choices, pegin_bp=bp["pegin_bp"], pegout_bp=bp["pegout_bp"])
    if not choices.modules:
        say(MODULES)
        choices = replace(choices, modules=tuple(_lines("module", str, ask, say)))
    return choices


def _answer(question: str, offered: str, read: Callable[[str], T], ask: Ask, say: Say) -> T:
    """What an answer says, asked for until it says something."""
    while True:
        try:
            return read(ask(question, offered).strip())
        except (ValueError, OperatorUnfit) as error:
            say(f"{error}; once more")


def _lines(what: str, read: Callable[[str], T], ask: Ask, say: Say) -> list[T]:
    """Answers until nothing is typed."""
    found: list[T] = []
    while True:
        one = _answer(what, "", lambda line: (read(line),) if line else (), ask, say)
        if not one:
            return found
        found += one


def _members(choices: Choices, ask: Ask, say: Say) -> Choices:
    if choices.operators:
        return choices
    say(MEMBERS.format(name=choices.name))
    read = _lines("file", lambda line: read_operator(Path(line).expanduser()), ask, say)
    return replace(choices, operators=tuple(read))


def _assets(choices: Choices, ask: Ask, say: Say) -> Choices:
    if choices.assets:
        return choices
    say(ASSETS)
    return replace(choices, assets=tuple(_lines("asset", asset_from, ask, say)))


def _limits(choices: Choices, ask: Ask, say: Say) -> Choices:
    say(LIMITS.format(window=choices.pace.window))
    assets = [
        one
        if one.limit
        else one._replace(limit=_answer(f"limit of {one.name}", "", _amount, ask, say))
        for one in choices.assets
    ]
    return replace(choices, assets=tuple(assets))


def _amount(text: str) -> str:
    if not re.fullmatch(r"[0-9]{1,20}(\.[0-9]{1,20})?", text) or not float(text):
        raise ValueError(f"{text!r} is no amount, as 100 or 0.5")
    return text


def _keys(choices: Choices, ask: Ask, say: Say) -> Choices:
    if choices.towers and choices.recoverers:
        return choices
    say(GUARDS)
    found = dict(choices.keys)
    for one in _lines("key", lambda line: keys_from([line]), ask, say):
        found |= one
    return replace(choices, keys=found)


def keys_from(lines: list[str]) -> dict[str, str]:
    """Charter keys given as NAME=KEY; raises `ValueError`."""
    found = {}
    for text in lines:
        name, _, key = text.partition("=")
        if not name or len(key) != 64:
            raise ValueError(f"{text} is no NAME=KEY with a key of 64 hex digits")
        found[name] = key.lower()
    return found


def _number(text: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) < 6):
        raise ValueError(f"{text} is no number of basis points")
    return int(text)
