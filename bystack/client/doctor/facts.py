"""What the doctor looks at. `gathering` fills these; the judges read nothing else.

Times are Unix seconds, ids and digests hex, sizes bytes.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple


class Clock(NamedTuple):
    """What time it is here, and what others say about that.

    `synchronised`: what the kernel says of its clock; None where it cannot be asked. `ahead`:
    seconds that this clock is ahead of the time server that was asked; None if none was.
    """

    now: float
    synchronised: bool | None = None
    ahead: float | None = None
    server: str = ""


class Machine(NamedTuple):
    """Disk of the home, and how much this user may open and use."""

    free: int
    size: int
    grown: int
    files: int
    files_needed: int
    open_to_others: tuple[str, ...] = ()


class Listener(NamedTuple):
    """An address of the configuration: whose, whether this node listens there, whether it is busy.

    `holder`: who listens there instead, as far as the kernel tells us.
    """

    table: str
    address: str
    own: bool
    busy: bool
    holder: str = ""


class Process(NamedTuple):
    """A row of `run/bystackd.json`, with the last error of its log; `paused`: the id of a process
    that runs and that a signal (SIGSTOP) holds still, else 0."""

    label: str
    state: str
    restarts: int
    exit: str
    last_error: str = ""
    paused: int = 0


class Chain(NamedTuple):
    """A chain as its process tells it; `error`: why it tells nothing.

    `before` and `height`: when the doctor came, and when it left. `mainchain`: for a sidechain, the
    network its vault is on. `listed`: peers that the configuration names.
    """

    name: str
    error: str = ""
    before: int = 0
    height: int = 0
    time: int = 0
    peers: int = 0
    listed: int = 0
    refused: Mapping[str, int] = {}
    network: str = ""
    mainchain: str = ""
    syncing: bool = False
    validator: bool = False
    version: str = ""
    warnings: str = ""

    @property
    def subject(self) -> str:
        """How the screen calls it."""
        return "main chain" if self.name == "main" else f"sidechain {self.name}"


class Signing(NamedTuple):
    """A key the signer should serve: of whom, on which socket, whether it is answered for there.

    `hangs`: somebody holds the socket and answers no question. `trouble`: the last thing its logs
    say against it, `rule` the rule's name; both empty when they last said that it is served.
    """

    whose: str
    socket: str
    answers: bool
    rule: str = ""
    trouble: str = ""
    hangs: bool = False


class Charter(NamedTuple):
    """A charter of this node: of a member or a guard.

    `file`: the hash of the file; empty where there is none to read, then `trouble` says why.
    `running`: what the process has read, `agreed`: what the vault's terms in force name; empty
    where it is not known.
    """

    whose: str
    path: str
    file: str
    trouble: str = ""
    running: str = ""
    agreed: str = ""


class Keys(NamedTuple):
    """Key files by name with their digests, now and as they were at the last backup.

    `when`: of that backup, 0 for none; `wallets`: each wallet's own digest, now and then.
    """

    files: Mapping[str, str]
    backed_up: Mapping[str, str]
    when: int = 0
    wallets: Mapping[str, str] = {}
    wallets_backed_up: Mapping[str, str] = {}


class Facts(NamedTuple):
    """All of it. `down`: why the node does not answer; `config_errors`: one sentence each.

    `unready`: why the daemon itself says that it should not be asked now, a sentence each.
    """

    home: str
    clock: Clock
    machine: Machine
    listeners: tuple[Listener, ...]
    keys: Keys
    installed: str
    config: Mapping[str, Any] = {}
    config_errors: tuple[str, ...] = ()
    changed: bool = False
    down: str = ""
    unready: tuple[str, ...] = ()
    processes: tuple[Process, ...] = ()
    chains: tuple[Chain, ...] = ()
    signing: tuple[Signing, ...] = ()
    charters: tuple[Charter, ...] = ()
