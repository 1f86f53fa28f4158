"""Judges of the machine: clock, disk, open files, ports, files that others can read."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from bystack.client.doctor.facts import Chain, Clock, Facts, Listener, Machine
from bystack.client.doctor.findings import Finding, care, fault, good

BEHIND: Final = 5
"""Seconds by which a sidechain's block may lie ahead of this clock before the clock is doubted."""
MINED: Final = 600
"""The same of a main-chain block: its time is its miner's word, and many made at once on regtest
are each dated later than the one before."""
AHEAD: Final = 60
"""Seconds by which a sidechain's blocks, made while we look, may lie behind this clock."""
OFFSET: Final = 2.0
"""Seconds beside a time server that matter: half of what validators wait for each other."""
LEAST_FREE: Final = 1024**3
LOW_FREE: Final = 5 * 1024**3
GIB: Final = 1024**3

SET_CLOCK: Final = "set it, and let a service keep it (timedatectl set-ntp true, or chrony)"


def clock(found: Clock, chains: Sequence[Chain]) -> Iterator[Finding]:
    """The time here against blocks, the kernel's word and a time server's."""
    wrong = [*_by_server(found), *_by_blocks(found.now, chains)]
    yield from wrong
    if wrong:
        return
    if found.synchronised is False and found.ahead is None:
        yield care("clock", "no service sets this machine's clock, says its kernel", SET_CLOCK)
    else:
        yield good("clock", _trusted(found))


def _trusted(found: Clock) -> str:
    if found.ahead is not None:
        return f"within {abs(found.ahead):.1f} s of {found.server}"
    return "it agrees with the blocks" + (", and a service sets it" if found.synchronised else "")


def _by_server(found: Clock) -> Iterator[Finding]:
    if found.ahead is not None and abs(found.ahead) > OFFSET:
        way = "ahead of" if found.ahead > 0 else "behind"
        says = f"it is {abs(found.ahead):.1f} s {way} {found.server}"
        yield fault("clock", says, SET_CLOCK)


def _by_blocks(now: float, chains: Sequence[Chain]) -> Iterator[Finding]:
    """A block from the future says that we are behind; new blocks from the past, that we are ahead.

    Only sidechains date their blocks by the second, and only blocks made while we look are new.
    """
    for chain in chains:
        if chain.error or not chain.time:
            continue
        if chain.time - now > (MINED if chain.name == "main" else BEHIND):
            says = f"the last block of {chain.name} is dated {chain.time - now:.0f} s ahead of it"
            yield fault("clock", f"{says}: this clock is behind", SET_CLOCK)
        fresh = chain.name != "main" and chain.height > chain.before and not chain.syncing
        if fresh and now - chain.time > AHEAD:
            says = f"{chain.name} just made a block and dated it {now - chain.time:.0f} s ago"
            yield fault("clock", f"{says}: this clock is ahead", SET_CLOCK)


def disk(found: Machine, home: str) -> Iterator[Finding]:
    """Room for the chains to grow in."""
    says = f"{found.free / GIB:.1f} GiB of {found.size / GIB:.0f} free"
    cure = f"make room on the disk of {home}, or move the home to a larger one; [mainchain] prune"
    if found.free < LEAST_FREE:
        yield fault("disk", f"{says}: journals that cannot be written stop the signer", cure)
    elif found.free < max(LOW_FREE, found.grown):
        yield care("disk", f"{says}; the home takes {found.grown / GIB:.1f} GiB", cure)
    else:
        yield good("disk", says)


def limits(found: Machine) -> Iterator[Finding]:
    """Open files that the configuration promises to each process."""
    if found.files < found.files_needed:
        says = f"a process may open {found.files} files, [limits] files wants {found.files_needed}"
        yield fault("limits", says, f"ulimit -n {found.files_needed}, or LimitNOFILE of its unit")
    else:
        yield good("limits", f"a process may open {found.files} files")


def private(found: Machine) -> Iterator[Finding]:
    """Nobody else reads keys and credentials."""
    for path in found.open_to_others:
        yield fault("files", f"{path} is open to others", f"chmod go= {path}")
    if not found.open_to_others:
        yield good("files", "home, keys and credentials are yours alone")


def ports(found: Sequence[Listener]) -> Iterator[Finding]:
    """Every address of the configuration is held by this node, or free."""
    taken = [one for one in found if one.busy and not one.own]
    for one in taken:
        holder = f" by {one.holder}" if one.holder else ""
        cure = f"stop what listens there, or choose another port: {one.table} listen"
        yield fault("ports", f"{one.address} of {one.table} is taken{holder}", cure)
    if not taken:
        yield good("ports", f"{len(found)} addresses are this node's, or free")


def judge(facts: Facts) -> Iterator[Finding]:
    """Everything of this file."""
    yield from clock(facts.clock, facts.chains)
    yield from disk(facts.machine, facts.home)
    yield from limits(facts.machine)
    yield from private(facts.machine)
    yield from ports(facts.listeners)
