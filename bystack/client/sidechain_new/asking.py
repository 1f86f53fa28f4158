"""The questions of `bystack sidechain new`, each with what it is about; flags answer before."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Final

from bystack.client.sidechain_new.choices import Choices, asset_from, with_limits

Ask = Callable[[str, str], str]
"""Asks a question; what is offered is the answer to nothing typed."""
Say = Callable[[str], None]

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
acts. Payouts beyond it wait for the supers and a delay. There is no default: think of a bad day."""
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
    """The choices with what was not given on the command line; raises `ValueError`."""
    say(ENGINE)
    choices = replace(choices, engine=ask("engine", choices.engine))
    choices = _assets(choices, ask, say)
    say(LIMITS.format(window=choices.pace.window))
    missing = [one.name for one in choices.assets if not one.limit]
    limits = [f"{name}={ask(f'limit of {name}', '')}" for name in missing]
    choices = replace(choices, assets=with_limits(list(choices.assets), limits))
    choices = _keys(choices, ask, say)
    say(FEES)
    choices = replace(
        choices,
        pegin_bp=_number(ask("in, basis points", str(choices.pegin_bp))),
        pegout_bp=_number(ask("out, basis points", str(choices.pegout_bp))),
    )
    if not choices.modules:
        say(MODULES)
        choices = replace(choices, modules=tuple(_lines("module", ask)))
    return choices


def _lines(what: str, ask: Ask) -> list[str]:
    found = []
    while line := ask(what, ""):
        found.append(line.strip())
    return found


def _assets(choices: Choices, ask: Ask, say: Say) -> Choices:
    if choices.assets:
        return choices
    say(ASSETS)
    return replace(choices, assets=tuple(asset_from(one) for one in _lines("asset", ask)))


def _keys(choices: Choices, ask: Ask, say: Say) -> Choices:
    if choices.towers and choices.recoverers:
        return choices
    say(GUARDS)
    return replace(choices, keys={**choices.keys, **keys_from(_lines("key", ask))})


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
