"""Calls a second through the forwarding daemon: one at a time on many connections, and in batches.

A node of its own on a fresh regtest chain answers `getblockcount`; every call passes the daemon's
door (Host, credential, limits), its forwarding and the main chain's process. The load is bytes made
beforehand, so that the sender costs little. The floor is a bare server in one process that finds
the end of each request and sends fixed bytes back: what loopback and the sender cost.
"""

from __future__ import annotations

import multiprocessing
import tempfile
from base64 import b64encode
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from multiprocessing.connection import Connection
from pathlib import Path
from statistics import median
from time import perf_counter
from typing import Any, NamedTuple

import msgspec
import trio

from bystack.client.bench.frame import Measured, Show
from bystack.client.bench.usage import cpu_seconds
from bystack.client.devnet import processes
from bystack.client.devnet.layout import Node
from bystack.client.rpc import Rpc, wait_for

SECONDS = 4.0
ROUNDS = 3
CONNECTIONS = 16
BATCHES = 8
TOGETHER = 50
CHUNK = 64 * 1024
CONFIG = """network = "regtest"
[mainchain]
listen = "127.0.0.1:0"
[wallet]
enabled = false
[rpc]
listen = "127.0.0.1:0"
"""


class Target(NamedTuple):
    """Where to send, the bytes of one request and of one batch, and whose processor time counts:
    the daemon and the process that answers."""

    host: str
    port: int
    single: bytes
    batch: bytes
    pids: tuple[int, ...] = ()


class Answered(NamedTuple):
    """Requests a second, and each one's milliseconds."""

    per_second: float
    milliseconds: Sequence[float]


def measure(show: Show, *, seconds: float = SECONDS, rounds: int = ROUNDS) -> Measured:
    """Single and batched calls a second, milliseconds of a call alone, beside a bare server's."""
    figures, floor = dict[str, list[float]](), dict[str, list[float]]()
    with running(show) as daemon, bare(daemon) as plain:
        for number in range(rounds):
            show(f"round {number + 1} of {rounds}")
            for target, into in ((plain, floor), (daemon, figures)):
                for name, value in trio.run(_measure, target, seconds).items():
                    into.setdefault(name, []).append(value)
    best = {name: median(values) for name, values in figures.items()}
    least = {f"bare_{name}": median(values) for name, values in floor.items()}
    ratio = {
        f"{name}_to_bare": best[name] / least[f"bare_{name}"]
        for name in best
        if f"bare_{name}" in least
    }
    return Measured(best, least, ratio)


async def _measure(target: Target, seconds: float) -> dict[str, float]:
    alone = await load(target, target.single, 1, seconds / 2)
    before = _spent(target)
    many = await load(target, target.single, CONNECTIONS, seconds)
    between = _spent(target)
    batched = await load(target, target.batch, BATCHES, seconds)
    spent = _shares("single", before, between, len(many.milliseconds))
    spent |= _shares("batched", between, _spent(target), len(batched.milliseconds) * TOGETHER)
    return {
        "single_calls_per_second": many.per_second,
        "batched_calls_per_second": batched.per_second * TOGETHER,
        **spent,
        "ms_p50_alone": median(alone.milliseconds),
        "ms_p50_at_16": median(many.milliseconds),
        "ms_p99_at_16": sorted(many.milliseconds)[int(len(many.milliseconds) * 0.99)],
    }


def _spent(target: Target) -> list[float]:
    return [cpu_seconds([pid]) for pid in target.pids]


def _shares(kind: str, before: list[float], after: list[float], calls: int) -> dict[str, float]:
    """Microseconds of processor time a call cost the daemon and the process that answered."""
    names = (f"us_of_daemon_per_{kind}_call", f"us_of_process_per_{kind}_call")
    spent = [1e6 * (end - begin) / calls for begin, end in zip(before, after, strict=True)]
    return dict(zip(names, spent, strict=False))


async def load(target: Target, request: bytes, connections: int, seconds: float) -> Answered:
    """Send a request again and again on so many connections, each after its answer."""
    spent = list[float]()
    begun = perf_counter()

    async def ask() -> None:
        stream = await trio.open_tcp_stream(target.host, target.port)
        async with stream:
            while (sent := perf_counter()) < begun + seconds:
                await stream.send_all(request)
                await answered(stream)
                spent.append(1000 * (perf_counter() - sent))

    async with trio.open_nursery() as nursery:
        for _ in range(connections):
            nursery.start_soon(ask)
    return Answered(len(spent) / (perf_counter() - begun), spent)


class Refused(Exception):
    """The server answered with another status than 200."""


async def answered(stream: trio.SocketStream) -> bytes:
    """The body of one answer. Raises `Refused`."""
    held = b""
    while (end := held.find(b"\r\n\r\n")) < 0:
        held += await _more(stream)
    head = held[:end].lower()
    if not head.startswith(b"http/1.1 200"):
        raise Refused(head.decode("latin-1"))
    size = int(head.partition(b"content-length:")[2].partition(b"\r\n")[0])
    while len(held) < end + 4 + size:
        held += await _more(stream)
    return held[end + 4 :]


async def _more(stream: trio.SocketStream) -> bytes:
    data = await stream.receive_some(CHUNK)
    if not data:
        raise Refused("the connection was closed")
    return bytes(data)


@contextmanager
def running(show: Show) -> Iterator[Target]:
    """A daemon with a main chain and nothing else, until it has served."""
    with tempfile.TemporaryDirectory() as name:
        (Path(name) / "bystack.toml").write_text(CONFIG)
        node = Node("bench", name, 0, 0, {}, {})
        show("starting a node")
        processes.start(node)
        try:
            processes.wait_started(node)
            wait_for("the main chain answers", partial(_up, Rpc(Path(name))))
            yield _target(Path(name), processes.facts_of(node))
        finally:
            processes.stop(node)


def _up(rpc: Rpc) -> bool:
    return int(rpc.getblockcount()) >= 0


def _target(home: Path, facts: dict[str, Any]) -> Target:
    address, (child,) = str(facts["rpc"]), facts["processes"]
    secret = b64encode((home / ".cookie").read_bytes()).decode()
    call = {"jsonrpc": "2.0", "id": 1, "method": "getblockcount", "params": []}
    host, _, port = address.rpartition(":")

    def posted(body: object) -> bytes:
        data = msgspec.json.encode(body)
        head = f"POST / HTTP/1.1\r\nHost: {address}\r\nAuthorization: Basic {secret}\r\n"
        return f"{head}Content-Length: {len(data)}\r\n\r\n".encode() + data

    return Target(
        host, int(port), posted(call), posted([call] * TOGETHER), (facts["pid"], child["pid"])
    )


@contextmanager
def bare(like: Target) -> Iterator[Target]:
    """A server in a process of its own that answers each request of `like` with fixed bytes."""
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    process = context.Process(target=serve_bare, args=(theirs,), daemon=True)
    process.start()
    try:
        yield like._replace(host="127.0.0.1", port=int(ours.recv()), pids=())
    finally:
        process.kill()
        process.join()


def serve_bare(told: Connection) -> None:
    """Serve until killed; tells the port."""
    trio.run(_serve_bare, told)


async def _serve_bare(told: Connection) -> None:
    listeners = await trio.open_tcp_listeners(0, host="127.0.0.1")
    told.send(listeners[0].socket.getsockname()[1])
    await trio.serve_listeners(_echo, listeners)


async def _echo(stream: trio.SocketStream) -> None:
    """Answer each request with an empty object, a byte for each of its body."""
    held = b""
    while data := await stream.receive_some(CHUNK):
        held += data
        while (end := held.find(b"\r\n\r\n")) >= 0:
            size = int(held[:end].lower().rpartition(b"content-length:")[2])
            if len(held) < end + 4 + size:
                break
            held = held[end + 4 + size :]
            head = f"HTTP/1.1 200 OK\r\nContent-Length: {size}\r\n\r\n".encode()
            await stream.send_all(head + b" " * size)
