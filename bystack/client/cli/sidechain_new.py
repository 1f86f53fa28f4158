"""`bystack sidechain new`: from flags, files and questions to the files everybody needs."""

from __future__ import annotations

import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

import click

from bystack.client.cli.conventions import home_option, json_option, name_argument, show
from bystack.client.patience import hushed

if TYPE_CHECKING:
    from bystack.client.sidechain_new.choices import Choices
    from bystack.client.sidechain_new.writing import Written

FILES = click.Path(exists=True, dir_okay=False, path_type=Path)
COUNTED = "keys of guards, by name; those that begin with tower without it"


@click.command("new")
@name_argument
@click.argument("members", nargs=-1, type=FILES)
@click.option("--members", "more", multiple=True, type=FILES, help="As MEMBERS. Repeatable.")
@click.option("--validators", multiple=True, type=FILES, help="Who validates only. Repeatable.")
@click.option("--asset", "assets", multiple=True, help="BTM, or NAME:ID:DECIMALS. Repeatable.")
@click.option("--limit", "limits", multiple=True, help="NAME=AMOUNT per window. Repeatable.")
@click.option("--key", "keys", multiple=True, help="A charter key, NAME=KEY. Repeatable.")
@click.option("--guards", default="", help=f"Comma between: {COUNTED}.")
@click.option("--recovery", default="", help="Recovery keys by name; r1, r2 … without it.")
@click.option("--supers", default="", help="Supers' keys by name; super… without it.")
@click.option("--engine", default="bbft", show_default=True, help="bbft, authority, solo, …")
@click.option("--hrp", default="", help="Letters its addresses begin with; of NAME without it.")
@click.option("--pegin-bp", default=0, show_default=True, help="Peg-in fee, basis points.")
@click.option("--pegout-bp", default=0, show_default=True, help="Peg-out fee, basis points.")
@click.option("--module", "modules", multiple=True, help="registry, exchange, stake, NAME=HEX.")
@click.option("--set", "numbers", multiple=True, help="KEY=VALUE of the engine, as in devnet up.")
@click.option("--yes", is_flag=True, help="Ask nothing: flags, files and defaults.")
@click.option("--apply", "applied", is_flag=True, help="Also make this node a member.")
@click.option("--replace", "anew", is_flag=True, help="Overwrite files written before.")
@home_option
@json_option
def new(
    name: str, members: tuple[Path, ...], more: tuple[Path, ...], home: str, as_json: bool,
    applied: bool, anew: bool, **given: Any,
) -> None:  # fmt: skip
    """Describe a new sidechain NAME: charter, roster and specification, from questions or flags.

    MEMBERS are files of public parts, one an operator, as `bystack federation init NAME` wrote them
    on each node; or what `bystackd key new validator:NAME member:NAME` printed, with "name" and
    "recipient" (the policy root of an address for its fees) added. All faults are named at once
    and nothing is written before they are cured.
    """
    from bystack.client.sidechain_new import writing
    from bystack.client.tables import TableRefused, params_in

    place = Path(home).expanduser()
    try:
        choices = _choices(name, (*members, *more), place, given)
        files = writing.written(choices, time.time_ns() // 1_000_000)
        _judge(choices, files, params_in(place))
        _write(place, name, files, anew=anew)
        if applied:
            _apply(place, name)
    except TableRefused as error:
        _end([str(error)], 1)
    _tell(name, files, as_json=as_json, applied=applied)


def _end(reasons: list[str], code: int) -> NoReturn:
    for reason in reasons:
        click.echo(reason, err=True)
    sys.exit(code)


def _choices(name: str, members: tuple[Path, ...], home: Path, given: dict[str, Any]) -> Choices:
    from bystack.client.devnet.modules import choice
    from bystack.client.sidechain_new.asking import asked, keys_from
    from bystack.client.sidechain_new.choices import Choices, asset_from, with_limits
    from bystack.client.sidechain_new.operators import OperatorUnfit, read_operators
    from bystack.client.tables import params_in

    try:
        assets = [asset_from(one) for one in given["assets"]]
        choices = Choices(
            name=name,
            network=params_in(home).name,
            engine=given["engine"],
            hrp=given["hrp"],
            assets=with_limits(assets, list(given["limits"])),
            operators=tuple(read_operators(members)),
            validators=tuple(read_operators(given["validators"])),
            pegin_bp=given["pegin_bp"],
            pegout_bp=given["pegout_bp"],
            modules=given["modules"],
            numbers=dict(choice(one) for one in given["numbers"]),
            keys=keys_from(list(given["keys"])),
            **{role: _names(given[role]) for role in ("guards", "recovery", "supers")},
        )
        return choices if given["yes"] else asked(choices, _ask, click.echo)
    except (ValueError, OperatorUnfit) as error:
        _end([str(error)], 2)
    except click.Abort:
        if sys.stdin.isatty():
            raise  # by Ctrl-C
        _end(_unasked(choices), 2)


def _unasked(choices: Choices) -> list[str]:
    """What is missing where nobody can be asked, and how to give it."""
    from bystack.client.sidechain_new.checking import lacking

    return [
        "There is no terminal to ask at, or its answers ended; nothing is written. Missing:",
        *map(str, lacking(choices)),
        "Next: give them as files and flags, with --yes for the defaults of the rest;"
        f" bystack sidechain new {choices.name} --help has all of them",
    ]


def _names(text: str) -> tuple[str, ...]:
    return tuple(filter(None, (one.strip() for one in text.split(","))))


def _ask(question: str, offered: str) -> str:
    with hushed():
        return str(click.prompt(question, default=offered, show_default=bool(offered)))


def _judge(choices: Choices, files: Written, params: Any) -> None:
    from bystack.client.sidechain_new.checking import faults_of, lacking

    faults = list(lacking(choices)) or faults_of(files, params)
    if faults:
        end = "Nothing is written. Cure these and run the command again."
        _end([*map(str, faults), end], 2)


def _write(home: Path, name: str, files: Written, *, anew: bool) -> None:
    from bystack.client.files import write
    from bystack.client.tables import TableRefused

    if list((home / "keys").glob(f"{name}-epoch-*")):
        text = f"a group key was made for {name}: it is bound to its charter"
        raise TableRefused(f"{text}; bystack sidechain next {name} goes on from there")
    there = [one for one in files.places(name) if (home / one).exists()]
    if there and not anew:
        text = f"{', '.join(there)}: written before; bystack sidechain next {name} goes on"
        raise TableRefused(f"{text} from there, --replace writes them anew")
    for where, text in files.places(name).items():
        write(home / where, text.encode())


def _apply(home: Path, name: str) -> None:
    from bystack.client import hosting

    hosting.membership(home, name, "127.0.0.1:0", [])


def _tell(name: str, files: Written, *, as_json: bool, applied: bool) -> None:
    from bystack.federation.charter import parse_charter
    from bystack.federation.charter_explaining import explain

    charter = parse_charter(files.charter.encode())
    if as_json:
        facts = {"charter": charter.hash.hex(), "files": list(files.places(name))}
        return show({**facts, "explained": explain(charter)}, as_json=True)
    for sentence in explain(charter):
        click.echo(sentence)
    for where in files.places(name):
        click.echo(f"written: {where}")
    then = f"on every member's node: bystack sidechain apply {name}"
    click.echo(f"Next: give the three files to every member, same bytes; {then}")
    return None
