"""Takes rights from a process for good: Landlock (files, TCP, signals), death with its parent.

Best effort: an older kernel confines less, one without Landlock nothing; `confine` says which. Call
it before any thread is started, since Landlock binds the calling thread and what it begets.
Source: the kernel's `userspace-api/landlock`, ABI 1 to 6.
"""

from __future__ import annotations

import ctypes
import os
import resource
import signal
import stat
import struct
import sys
import sysconfig
from collections.abc import Iterable
from typing import NamedTuple

CREATE_RULESET, ADD_RULE, RESTRICT_SELF = 444, 445, 446
PR_SET_PDEATHSIG, PR_SET_NO_NEW_PRIVS = 1, 38
VERSION_FLAG = 1
PATH_BENEATH = 1

EXECUTE, WRITE_FILE, READ_FILE, READ_DIR = 1 << 0, 1 << 1, 1 << 2, 1 << 3
ABI_1 = (1 << 13) - 1
REFER, TRUNCATE, IOCTL_DEV = 1 << 13, 1 << 14, 1 << 15
ON_FILES = EXECUTE | WRITE_FILE | READ_FILE | TRUNCATE | IOCTL_DEV
READING = EXECUTE | READ_FILE | READ_DIR
TCP = 0b11
SCOPES = 0b11
"""No abstract sockets and no signals beyond the sandbox (ABI 6)."""

RESOLVER = "/etc/resolv.conf"
"""Where to ask for names' addresses; on many systems a link out of /etc, to a file written anew."""

_libc = ctypes.CDLL(None, use_errno=True)


class Limits(NamedTuple):
    """What a process may use: address space (bytes), open files, niceness."""

    memory: int
    files: int
    nice: int


def apply_limits(pid: int, limits: Limits) -> None:
    """Set the limits of child `pid`; no core dumps, since they would hold keys."""
    for what, most in (
        (resource.RLIMIT_AS, limits.memory),
        (resource.RLIMIT_NOFILE, limits.files),
        (resource.RLIMIT_CORE, 0),
    ):
        _, hard = resource.prlimit(pid, what)
        bound = most if hard == resource.RLIM_INFINITY else min(most, hard)
        resource.prlimit(pid, what, (bound, bound))
    if limits.nice > os.getpriority(os.PRIO_PROCESS, pid):  # never less: that takes a privilege
        os.setpriority(os.PRIO_PROCESS, pid, limits.nice)


def die_with_parent() -> None:
    """Have the kernel kill this process when the thread that started it ends."""
    _libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)


def landlock_abi() -> int:
    """The kernel's Landlock ABI version; 0 when there is none."""
    return max(0, int(_libc.syscall(CREATE_RULESET, None, 0, VERSION_FLAG)))


def _handled(abi: int) -> int:
    rights = ABI_1
    for since, right in ((2, REFER), (3, TRUNCATE), (5, IOCTL_DEV)):
        rights |= right if abi >= since else 0
    return rights


def interpreter_paths() -> tuple[str, ...]:
    """What any Python process here must be able to read: libraries, packages, devices."""
    packages = [path for path in sys.path if path]
    homes = [sys.prefix, sys.base_prefix, sysconfig.get_paths()["stdlib"], sys.executable]
    own = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
    system = ["/usr", "/lib", "/lib64", "/etc", "/proc", "/sys/devices/system/cpu", "/dev/urandom"]
    return tuple(dict.fromkeys([*packages, *homes, own, *system, _resolver()]))


def _resolver() -> str:
    """The folder of the resolver's file, which outlives the file; near the root the file alone."""
    path = os.path.realpath(RESOLVER)
    folder = os.path.dirname(path)
    return folder if folder.count("/") > 1 else path


def confine(readable: Iterable[str], writable: Iterable[str], *, tcp: bool) -> str:
    """Leave this process only `readable`, `writable` and what Python needs; no TCP unless `tcp`.

    Returns what happened, for the log. Paths that do not exist are passed over.
    """
    abi = landlock_abi()
    if abi == 0:
        return "not confined: the kernel offers no Landlock"
    net = TCP if abi >= 4 and not tcp else 0
    layout = (_handled(abi), *([net] if abi >= 4 else []), *([SCOPES] if abi >= 6 else []))
    attributes = struct.pack(f"={len(layout)}Q", *layout)
    rules = int(_libc.syscall(CREATE_RULESET, attributes, len(attributes), 0))
    if rules < 0:
        return f"not confined: {os.strerror(ctypes.get_errno())}"
    try:
        for path in (*interpreter_paths(), *readable):
            _allow(rules, path, READING)
        for path in (*writable, "/dev/null"):
            _allow(rules, path, _handled(abi))
        _libc.prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
        if _libc.syscall(RESTRICT_SELF, rules, 0) != 0:
            return f"not confined: {os.strerror(ctypes.get_errno())}"
    finally:
        os.close(rules)
    return f"confined by Landlock {abi}" + ("" if tcp else ", without TCP")


def _allow(rules: int, path: str, rights: int) -> None:
    try:
        handle = os.open(path, os.O_PATH | os.O_CLOEXEC)
    except OSError:
        return
    try:
        if not stat.S_ISDIR(os.fstat(handle).st_mode):
            rights &= ON_FILES
        rule = struct.pack("=Qi", rights, handle)
        _libc.syscall(ADD_RULE, rules, PATH_BENEATH, rule, 0)
    finally:
        os.close(handle)
