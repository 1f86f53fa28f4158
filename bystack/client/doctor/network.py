"""Judges of processes and chains: who runs, who has peers, on which network, by which rules."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from bystack.client.doctor.facts import Chain, Facts, Process
from bystack.client.doctor.findings import Finding, care, fault, good

UPGRADE: Final = "stop the node, install the newer Bystack, start it (docs/operations.md)"
STRANGERS: Final = ("WrongNetwork", "WrongChain")
NEWER: Final = "WrongVersion"
PASSING: Final = ("is starting", "is far behind its chain")


def configuration(facts: Facts) -> Iterator[Finding]:
    """The files read without an error, and the daemon goes by them."""
    for error in facts.config_errors:
        yield fault("configuration", error, f"mend it: bystackd config check --home {facts.home}")
    if facts.config_errors:
        return
    if facts.changed:
        cure = "start the daemon anew to put it in force (kill -HUP takes over tables only)"
        yield care("configuration", "bystack.toml was changed after the daemon read it", cure)
    else:
        yield good("configuration", "no errors")


def processes(found: Sequence[Process], down: str, home: str) -> Iterator[Finding]:
    """Every process of the plan runs."""
    if down:
        yield fault("daemon", down, f"bystackd run --home {home}; its log: {home}/logs")
        for one in found:
            cure = f"see {home}/logs/{one.label}.log, and cure it before the start"
            yield fault("processes", f"{one.label} ended with: {one.last_error}", cure)
        return
    halted = [one for one in found if one.state not in ("running", "starting")]
    for one in halted:
        why = one.last_error or one.exit or "no reason was written"
        then = "it is started again by itself" if one.state == "backoff" else "kill -HUP the daemon"
        cure = f"see {home}/logs/{one.label}.log, cure it; then {then}"
        yield fault("processes", f"{one.label} is {one.state}: {why}", cure)
    paused = [one for one in found if one.paused]
    for one in paused:
        says = f"{one.label} stands still: a signal (SIGSTOP) or a debugger stopped it"
        yield fault("processes", says, f"kill -CONT {one.paused}, if nobody needs it stopped")
    for one in found:
        if one not in halted and one.restarts:
            times = "once" if one.restarts == 1 else f"{one.restarts} times"
            says = f"{one.label} was started again {times}; last end: {one.exit}"
            yield care("processes", says, f"see {home}/logs/{one.label}.log")
    if not halted and not paused:
        yield good("processes", f"{len(found)} run")


def readiness(found: Facts) -> Iterator[Finding]:
    """What the daemon says of itself and no other judge does: who is mute, who is far behind."""
    told = [
        one.label
        for one in found.processes
        if one.paused or one.state not in ("running", "starting")
    ]
    aged = [_log(chain) for chain in found.chains if chain.warnings]
    for reason in found.unready:
        label, _, says = reason.partition(" ")
        if label in told or "MiB of disk" in reason:
            continue
        if says in PASSING and label in aged:
            yield care("ready", reason, "it stands still until a newer Bystack runs (see version)")
        elif says in PASSING:
            yield care("ready", reason, "it ends by itself; bystack status --wait shows how far")
        else:
            cure = f"see {found.home}/logs/{label}.log; it is ended and started anew if it stays so"
            yield fault("ready", reason, cure)
    if not found.unready and not found.down:
        yield good("ready", "nothing is amiss, says the daemon")


def peers(chain: Chain) -> Iterator[Finding]:
    """A chain nobody tells about stands still, or is a branch of our own."""
    if chain.error:
        yield fault(chain.subject, chain.error, f"see logs/{_log(chain)}.log")
        return
    if chain.peers:
        yield good(chain.subject, f"height {chain.height:,}, {chain.peers} peers")
    elif chain.listed:
        says = f"none of the {chain.listed} peers it is told of is connected"
        cure = "is the network up, do they run, does a firewall stand between? bystack rpc addnode"
        yield fault(chain.subject, says, cure)
    else:
        says = "no peers, and the configuration names none"
        cure = 'name some: peers = ["HOST:PORT"] in its table, or bystack rpc addnode HOST:PORT add'
        yield care(chain.subject, says, cure)


def _log(chain: Chain) -> str:
    return "mainchain" if chain.name == "main" else f"sidechain-{chain.name}"


def networks(chain: Chain, chains: Sequence[Chain], configured: str) -> Iterator[Finding]:
    """One network for configuration, store, vaults and peers."""
    if chain.error:
        return
    if chain.name == "main":
        yield from _configured(chain, configured)
    main = next((one for one in chains if one.name == "main" and not one.error), None)
    if chain.mainchain and main and chain.mainchain != main.network:
        says = f"its vault lies on {chain.mainchain}, this node runs {main.network}"
        cure = "get its genesis for this network, or run it in a home of that network"
        yield fault(chain.subject, f"wrong network: {says}", cure)
    strangers = sum(chain.refused.get(rule, 0) for rule in STRANGERS)
    if strangers and not chain.peers:
        says = f"wrong network: {strangers} nodes were refused, which follow another chain"
        cure = "compare network and genesis with theirs: bystack rpc getblockchaininfo (chain_id)"
        yield fault(chain.subject, says, cure)


def _configured(chain: Chain, configured: str) -> Iterator[Finding]:
    named = configured in ("main", "test", "regtest")
    if named and chain.network and chain.network != configured:
        says = f"wrong network: it runs {chain.network}, bystack.toml says {configured}"
        cure = "put the old name back, or use a home of its own for the other network"
        yield fault(chain.subject, says, cure)


def versions(facts: Facts) -> Iterator[Finding]:
    """Program and rules are as new as those of everybody else."""
    running = {one.version for one in facts.chains if one.version}
    for version in sorted(running - {facts.installed}):
        says = f"the daemon runs {version}, installed is {facts.installed}"
        yield care("version", says, "start the daemon anew to take it into use")
    for chain in facts.chains:
        if chain.warnings:
            yield fault("version", f"{chain.name}: {chain.warnings}", UPGRADE)
        newer = chain.refused.get(NEWER, 0)
        if newer and not chain.peers:
            says = f"{chain.name}: {newer} nodes were refused, which speak another version"
            yield fault("version", says, UPGRADE)
    if not any(one.warnings or one.refused.get(NEWER) for one in facts.chains) and not (
        running - {facts.installed}
    ):
        yield good("version", f"{facts.installed}; no chain asks for a newer one")


def judge(facts: Facts) -> Iterator[Finding]:
    """Everything of this file."""
    yield from configuration(facts)
    yield from processes(facts.processes, facts.down, facts.home)
    yield from readiness(facts)
    configured = str(facts.config.get("network", ""))
    for chain in facts.chains:
        yield from peers(chain)
        yield from networks(chain, facts.chains, configured)
    yield from versions(facts)
