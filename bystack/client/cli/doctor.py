"""`bystack doctor`: what is wrong with a node, and what to do about it."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Final

import click

from bystack.client.cli.conventions import guarded, harmless, home_option, json_option, show
from bystack.client.doctor.findings import Finding, Level
from bystack.client.rpc import Glance

COLOURS: Final = {Level.GOOD: "green", Level.CARE: "yellow", Level.FAULT: "red"}
INDENT: Final = 7


@click.command()
@click.option("--clock-server", default="", metavar="HOST", help="Ask this time server (NTP) too.")
@click.option("--quiet", is_flag=True, help="Only what is not good.")
@home_option
@json_option
@guarded
def doctor(clock_server: str, quiet: bool, home: str, as_json: bool) -> None:
    """Look a node over: what is wrong, and what to do about it. Changes nothing.

    Clock, disk, open files, ports, configuration, processes, peers, network, versions, backups of
    keys and wallets, the signer, vote journals, charters. A node that does not run is looked over
    as far as it can be. Exit code 1 if something is at FAULT.

    \b
    bystack doctor --home ~/.bystack
    bystack doctor --quiet --clock-server pool.ntp.org
    """
    from bystack.client.doctor.consulting import consult
    from bystack.client.doctor.gathering import facts

    place = Path(home).expanduser()
    found = consult(facts(place, Glance(place), clock_server))
    if as_json:
        show([{**one._asdict(), "level": one.level.name.lower()} for one in found], as_json=True)
    else:
        told(found, quiet)
    sys.exit(1 if any(one.level is Level.FAULT for one in found) else 0)


def told(found: tuple[Finding, ...], quiet: bool) -> None:
    """A line for each finding, its cure below, and how many there are."""
    for one in found:
        if quiet and one.level is Level.GOOD:
            continue
        level = click.style(f"{one.level:<{INDENT}}", fg=COLOURS[one.level])
        click.echo(f"{level}{one.subject}: {harmless(one.says)}")
        if one.cure:
            click.echo(f"{'':{INDENT}}  → {harmless(one.cure)}")
    counts = [sum(one.level is level for one in found) for level in (Level.FAULT, Level.CARE)]
    click.echo(f"{counts[0]} at fault, {counts[1]} to see to, {len(found)} looked at")
