"""Looking at this machine for the doctor: disk, modes, addresses, sockets, files."""

from __future__ import annotations

import errno
import os
import resource
import shutil
import socket
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import msgspec

from bystack.client.doctor.facts import Charter, Listener, Machine, Process, Signing
from bystack.client.doctor.holding import holder
from bystack.client.doctor.logs import last_error, last_words, not_served, not_voting, records
from bystack.federation.charter import parse_charter
from bystack.node.config import Config
from bystack.node.ipc import PING, new_trace
from bystack.node.ipc.messages import Call, frame
from bystack.primitives.errors import Invalid

MAX_CHARTER: Final = 1_000_000
SECRET: Final = (".", "keys", "tokens", ".cookie", "data/signer", "data/wallet")
PATIENCE: Final = 10.0
"""Seconds for an answer; an idle signer takes milliseconds."""
MANY: Final = 2**31


def machine(home: Path, config: Config | None) -> Machine:
    """Disk, open files, and what others may read."""
    place = home if home.exists() else Path("/")
    disk = shutil.disk_usage(place)
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    files = MANY if most == resource.RLIM_INFINITY else most
    wanted = config.limits.files if config else 0
    loose = tuple(str(one) for one in _secret(home) if _mode(one) & 0o077)
    return Machine(disk.free, disk.total, _grown(home), files, wanted, loose)


def _secret(home: Path) -> Iterator[Path]:
    for name in SECRET:
        if (home / name).exists():
            yield home / name
    yield from (one for one in (home / "keys").glob("*") if one.is_file())


def _mode(path: Path) -> int:
    try:
        return stat.S_IMODE(path.stat().st_mode)
    except OSError:
        return 0


def _grown(home: Path) -> int:
    """What data/ takes; files that come and go meanwhile are left out."""
    total = 0
    for folder, _, names in os.walk(home / "data"):
        for name in names:
            try:
                total += os.lstat(os.path.join(folder, name)).st_size
            except OSError:
                continue
    return total


def processes(home: Path, rows: list[dict[str, object]]) -> Iterator[Process]:
    """The supervisor's rows, with what the logs of those that do not run say last."""
    for row in rows:
        label = f"{row['role']}-{row['name']}" if row["name"] else str(row["role"])
        running = row["state"] in ("running", "starting")
        log = home / "logs" / f"{label}.log"
        last = "" if running else last_words(log) or last_error(records(log))
        restarts = int(str(row["restarts"]))
        pid = row.get("pid")
        paused = pid if running and type(pid) is int and _stopped(pid) else 0
        yield Process(label, str(row["state"]), restarts, str(row["exit"]), last, paused)


def _stopped(pid: int) -> bool:
    """Whether a signal (SIGSTOP) or a debugger holds a process still."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text(errors="replace")
    except OSError:
        return False
    # The name before the state is the process's own choice, brackets and all.
    return stat.rpartition(")")[2].split()[:1] in (["T"], ["t"])


def ended(home: Path) -> Iterator[Process]:
    """Of a node that is down: the processes whose logs end in an error."""
    for log in sorted((home / "logs").glob("*.log")):
        said = records(log)[-1:]
        if last := last_words(log) or last_error(said):
            yield Process(log.stem, "stopped", 0, "", last)


def listeners(home: Path, config: Config, up: bool) -> Iterator[Listener]:
    """Every address that the configuration names with a port; `up`: the daemon runs."""
    named = [("[rpc]", config.rpc.listen, "bystackd")]
    if config.mainchain.mode != "off":
        named.append(("[mainchain]", config.mainchain.listen, "mainchain"))
    for side in config.sidechain:
        named.append((f"[[sidechain]] {side.name}", side.listen, f"sidechain-{side.name}"))
    for member in config.federation:
        named.append((f"[[federation]] {member.name}", member.listen, f"federation-{member.name}"))
    for table, address, label in named:
        if not address.endswith(":0"):
            own = up and _same(_announced(home, label), address)
            taken = not own and busy(address)
            yield Listener(table, address, own, taken, holder(address) if taken else "")


def _announced(home: Path, label: str) -> str:
    try:
        told = msgspec.json.decode((home / "run" / f"{label}.json").read_bytes())
    except (OSError, msgspec.DecodeError):
        return ""
    return str(told.get("rpc" if label == "bystackd" else "listen", ""))


def _same(announced: str, configured: str) -> bool:
    """Whether what a process announced is the address of the file, where a name may stand."""
    host, _, port = configured.rpartition(":")
    told, _, number = announced.rpartition(":")
    if number != port:
        return False
    try:
        found = socket.getaddrinfo(host.strip("[]"), int(port), type=socket.SOCK_STREAM)
    except OSError:
        found = []
    return told == host or told.strip("[]") in (where[4][0] for where in found)


def busy(address: str) -> bool:
    """Whether somebody listens there already: tried by listening there for a moment."""
    host, _, port = address.rpartition(":")
    host = host.strip("[]")
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as line:
        line.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            line.bind((host, int(port)))
        except OSError as error:
            return error.errno == errno.EADDRINUSE
    return False


def signing(home: Path, config: Config) -> Iterator[Signing]:
    """Each key that the signer is to serve, asked for by its socket."""
    named = [("validator", one.name) for one in config.sidechain if one.validator_key]
    named += [("federation", one.name) for one in config.federation]
    named += [("guard", one.name) for one in config.guard]
    signer = records(home / "logs" / "signer.log") if named else []
    for kind, name in named:
        path = f"run/signer-{kind}-{name}.sock"
        answers, trouble = _answers(home / path), not_served(signer, path)
        if kind == "validator" and answers:
            trouble = not_voting(records(home / "logs" / f"sidechain-{name}.log"))
        whose = f"{'member' if kind == 'federation' else kind} of {name}"
        yield Signing(whose, path, bool(answers), *trouble, hangs=answers is False)


def _answers(path: Path) -> bool | None:
    """Whether the one who holds the socket answers a ping; None where nobody holds it.

    The kernel accepts for a process that hangs or is stopped: only an answer says that it works.
    Paths of sockets are short: the last part from its folder.
    """
    try:
        folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    except OSError:
        return None
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as line:
        line.settimeout(PATIENCE)
        try:
            line.connect(f"/proc/self/fd/{folder}/{path.name}")
        except OSError:
            return None
        finally:
            os.close(folder)
        try:
            line.sendall(frame(Call(1, new_trace(), PING, [])))
            return bool(line.recv(1))
        except OSError:
            return False


def charter(home: Path, whose: str, file: str, running: str, agreed: str) -> Charter:
    """A charter's file, hashed as everybody hashes it."""
    path = home / file
    try:
        if path.stat().st_size > MAX_CHARTER:
            return Charter(whose, file, "", "larger than any charter", running, agreed)
        return Charter(
            whose, file, parse_charter(path.read_bytes()).hash.hex(), "", running, agreed
        )
    except OSError as error:
        return Charter(whose, file, "", str(error.strerror), running, agreed)
    except Invalid as error:
        return Charter(whose, file, "", str(error), running, agreed)
