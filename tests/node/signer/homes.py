"""A signer as its own process, on a home that `bystackd` made; the other four members are played.

The home belongs to seat 0 (super, weight 2) of five members, 5 of 7, and to validator 0 of four.
"""

from __future__ import annotations

import atexit
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path
from typing import Any

import msgspec
import tomli_w
import trio

from bystack.federation.ceremony import Ceremony
from bystack.federation.events import Broadcast, Done, Received, Retry, Send
from bystack.federation.identity import identity_public
from bystack.federation.messages import KeyCertificate, Signed, decode_message
from bystack.federation.session import Session
from bystack.mainchain.chain import genesis_entry
from bystack.mainchain.params import REGTEST, chain_id
from bystack.node import federation_files, genesis_files
from bystack.node.ipc import RemoteError, connect
from bystack.node.keyfiles import read_key
from bystack.primitives.codec import decode, encode
from bystack.primitives.errors import Invalid
from bystack.sidechain.consensus.validators import Validator
from bystack.sidechain.params import Genesis
from tests.federation.charters import ASSETS, TRADE
from tests.federation.stage import SUPERS, dice, secret
from tests.sidechain.world import genesis_for, vault_chain
from tests.simulation.schemes import bls_keyring

PYTHON = [sys.executable, "-P", "-m"]
DEADLINE = 180.0
FEDERATION, VALIDATOR = "signer-federation-trade", "signer-validator-trade"
TABLES = """
[[sidechain]]
name = "trade"
genesis = "sidechains/trade.genesis.toml"
validator_key = "keys/trade.validator.key"
[[federation]]
name = "trade"
member_key = "keys/trade.member.key"
charter = "federations/trade.charter.toml"
"""


class Killed(Exception):
    """The signer died in the midst of a call."""


def until(condition: Any) -> Any:
    limit = time.monotonic() + DEADLINE
    while time.monotonic() < limit:
        if answer := condition():
            return answer
        time.sleep(0.01)
    raise AssertionError(f"never true: {condition}")


class Signer:
    """The process over one home; asked over its private sockets as its node asks it."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.errors = home / f"logs/signer-{os.urandom(4).hex()}.err"
        self.process: subprocess.Popen[bytes] | None = None
        self.answers: list[str] = []
        """What it said, results and errors, to be searched for secrets."""

    def start(self, failpoint: str = "", *, ready: bool = True) -> Signer:
        environment = {**os.environ, "PYTHONPATH": os.getcwd()}
        if failpoint:
            environment |= {
                "BYSTACK_TESTING": "1",
                "BYSTACK_FAILPOINT": failpoint,
                "BYSTACK_FAILPOINT_MARK": str(self.mark),
            }
        argv = [*PYTHON, "bystack.node.roles.signer", "--home", str(self.home)]
        with self.errors.open("ab") as errors:
            self.process = subprocess.Popen(argv, env=environment, stderr=errors)
        if ready:
            until(lambda: self.announced() == self.process.pid or self.process.poll() is not None)
        return self

    @property
    def mark(self) -> Path:
        return self.home / "run/failpoint-mark"

    @property
    def log(self) -> str:
        return self.errors.read_text()

    def announced(self) -> int:
        try:
            facts = msgspec.json.decode((self.home / "run/signer.json").read_bytes())
        except OSError:
            return 0
        return int(facts["pid"])

    def died_inside(self, point: str) -> None:
        """The process was killed, and by this failpoint; from now on it lives."""
        assert self.process is not None
        assert self.process.wait(DEADLINE) == -signal.SIGKILL
        name, _, pid = self.mark.read_text().split()
        assert (name, int(pid)) == (point.partition(":")[0], self.process.pid)

    def stop(self) -> None:
        if self.process is not None and self.process.poll() is None:
            self.process.kill()
            self.process.wait(DEADLINE)

    def socket(self, name: str) -> str:
        return str(self.home / f"run/{name}.sock")

    def call(self, name: str, method: str, *params: Any) -> Any:
        """The answer; raises `RemoteError`, or `Killed` when the process dies of it."""
        try:
            answer = trio.run(self._call, self.socket(name), method, params)
        except RemoteError as error:
            self.answers.append(f"{error} {error.data}")
            raise
        self.answers.append(repr(answer))
        return answer

    async def _call(self, path: str, method: str, params: tuple[Any, ...]) -> Any:
        assert self.process is not None
        dead = Killed(method)
        try:
            async with connect(path) as client:
                return await client.call(method, *params)
        except* RemoteError as group:
            raise group.exceptions[0] from None
        except* Exception:
            if await trio.to_thread.run_sync(self._dead):
                raise dead from None
            raise

    def _dead(self) -> bool:
        assert self.process is not None
        try:
            return self.process.wait(60) != 0
        except subprocess.TimeoutExpired:
            return False

    def key(self, file: str, kind: str) -> bytes:
        return read_key(self.home / "keys" / file, kind, cheap=True)


def refusal(signer: Signer, name: str, method: str, *params: Any) -> str:
    """The rule that refuses this call."""
    try:
        signer.call(name, method, *params)
    except RemoteError as error:
        return error.rule
    return ""


def bystackd(*words: str) -> Any:
    done = subprocess.run(
        [*PYTHON, "bystack.node.main", *words], capture_output=True, check=True, timeout=180
    )
    return done.stdout


@lru_cache(maxsize=1)
def _bare() -> Path:
    """Made once: home, keys, charter, roster; no group key yet."""
    home = Path(tempfile.mkdtemp(prefix="bs-bare-", dir="/tmp"))
    bystackd("init", "--home", str(home / "home"), "--network", "regtest")
    home = home / "home"
    names = ("member:trade", "validator:trade", "named:super-1")
    made = msgspec.json.decode(bystackd("key", "new", *names, "--home", str(home), "--cheap"))
    with (home / "bystack.toml").open("a") as config:
        config.write(TABLES)
    (home / "federations/trade.charter.toml").write_bytes(TRADE)
    (home / "federations/trade.roster.toml").write_text(tomli_w.dumps(_roster(made)))
    (home / "public.json").write_bytes(msgspec.json.encode(made))
    return home


def _roster(made: dict[str, Any]) -> dict[str, Any]:
    own = made["member"]["trade"]
    members = [{"name": "m0", "weight": 2, **own, "recipient": dice("pay", 0).hex()}]
    for seat in range(1, 5):
        public = {"identity": identity_public(secret(seat)), "node": dice("node", seat)}
        public |= {"governance": dice("governance", seat), "recipient": dice("pay", seat)}
        plain = {key: value.hex() for key, value in public.items()}
        members.append({"name": f"m{seat}", "weight": SUPERS[seat], **plain})
    names = ("super-2", "tower-1", "tower-2", "r1", "r2", "r3")
    keys = {name: (b"\x02" + dice(name)[1:]).hex() for name in names}
    keys["super-1"] = made["named"]["super-1"]["key"]
    assets = {n: {"id": a.id.hex(), "decimals": a.decimals} for n, a in ASSETS.items()}
    return {"threshold": 5, "member": members, "keys": keys, "assets": assets}


class Others:
    """The other seats: their ceremonies, and the bytes on their way."""

    def __init__(self, session: Session) -> None:
        self.machines: dict[int, Ceremony] = {}
        self.done: dict[int, Done] = {}
        self.ended: list[Any] = []
        self.outbox: list[bytes] = []
        self.heard: dict[int, set[bytes]] = {}
        """What seat 0 said in each round, by digest: one each, or it equivocated."""
        self.rolls = 0
        for seat in range(1, session.size):
            self._take(seat, Ceremony.begin(session, secret(seat), self._roll()))

    def _roll(self) -> bytes:
        self.rolls += 1
        return dice("others", self.rolls)

    def _take(self, seat: int, outcome: Any) -> None:
        self.machines[seat], outputs = outcome
        for output in outputs:
            match output:
                case Broadcast(message):
                    self.outbox.append(encode(message))
                    self._deliver([n for n in self.machines if n != seat], encode(message))
                case Send(0, message):
                    self.outbox.append(encode(message))
                case Send(to, message):
                    self._deliver([to], encode(message))
                case Done():
                    self.done[seat] = output
                case _:
                    self.ended += [output] if type(output).__name__ == "Aborted" else []

    def _deliver(self, seats: list[int], data: bytes) -> None:
        for seat in seats:
            try:
                outcome = self.machines[seat].handle(Received(decode_message(data)), self._roll())
            except Invalid:
                continue
            self._take(seat, outcome)

    def hear(self, outputs: list[list[Any]]) -> None:
        """What seat 0's signer wants sent."""
        for output in outputs:
            match output:
                case ["broadcast", data]:
                    self._note(data)
                    self._deliver(list(self.machines), data)
                case ["send", to, data]:
                    self._deliver([to], data)

    def _note(self, data: bytes) -> None:
        message = decode_message(data)
        if isinstance(message, Signed):
            self.heard.setdefault(message.body.ROUND, set()).add(message.digest)

    def repeat(self) -> None:
        for seat in list(self.machines):
            self._take(seat, self.machines[seat].handle(Retry(), self._roll()))


def generate(signer: Signer, others: Others, begin: bool = True) -> None:
    """Carry messages until everybody holds the key; raises `Killed`."""
    if begin:
        others.hear(signer.call(FEDERATION, "begin", 0))
    for _ in range(12):
        while others.outbox:
            data, others.outbox = others.outbox[0], others.outbox[1:]
            try:
                others.hear(signer.call(FEDERATION, "hear", data))
            except RemoteError as error:
                assert error.code == -26, error
        if len(others.done) == 4 and signer.call(FEDERATION, "certificate"):
            return
        others.repeat()
        others.hear(signer.call(FEDERATION, "retry"))
    raise AssertionError("the key generation never ends")


def session_of(home: Path) -> Session:
    charter = federation_files.read_charter(home / "federations/trade.charter.toml")
    roster = federation_files.read_roster(home / "federations/trade.roster.toml")
    return federation_files.session_of(chain_id(REGTEST), charter, roster, 0)


@lru_cache(maxsize=1)
def _keyed() -> Path:
    """Made once: also the group key, and the sidechain's genesis."""
    with bare() as signer:
        generate(signer.start(), Others(session_of(signer.home)))
        data = signer.call(FEDERATION, "certificate")
        write_genesis(signer.home, decode(KeyCertificate, data, 1 << 22))
        signer.stop()
        target = Path(tempfile.mkdtemp(prefix="bs-keyed-", dir="/tmp")) / "home"
        shutil.copytree(signer.home, target, ignore=_no_sockets)
        return target


def write_genesis(home: Path, certificate: KeyCertificate, name: str = "trade") -> Genesis:
    made = msgspec.json.decode((home / "public.json").read_bytes())["validator"]["trade"]
    own = Validator(*(bytes.fromhex(made[f]) for f in ("key", "proof")), 1, b"\x0e" * 32)
    charter = federation_files.read_charter(home / "federations/trade.charter.toml")
    roster = federation_files.read_roster(home / "federations/trade.roster.toml")
    genesis = genesis_for(
        vault_chain(),
        name=name,
        main=REGTEST,
        checkpoint=genesis_entry(REGTEST),
        vault=b"\x0a" * 32,
        terms=federation_files.terms_of(charter, roster, certificate.key),
        validators=(own, *bls_keyring(4).validators.validators[1:]),
    )
    genesis_files.write_genesis(home / "sidechains/trade.genesis.toml", genesis)
    return genesis


def _no_sockets(folder: str, names: list[str]) -> list[str]:
    return [
        name for name in names if name.endswith((".sock", "failpoint-mark", "signer.json", ".err"))
    ]


@contextmanager
def _copy(source: Path) -> Iterator[Signer]:
    # Short, for a socket's path holds 107 bytes.
    folder = Path(tempfile.mkdtemp(prefix="bs-", dir="/tmp"))
    shutil.copytree(source, folder / "h", ignore=_no_sockets)
    signer = Signer(folder / "h")
    try:
        yield signer
    finally:
        signer.stop()
        shutil.rmtree(folder)


def bare():
    """A signer on a home with keys, charter and roster."""
    return _copy(_bare())


def keyed():
    """A signer on a home with the group key and the sidechain's genesis."""
    return _copy(_keyed())


@atexit.register
def _clean() -> None:
    """Remove what was made once."""
    for made in (_keyed, _bare):
        if made.cache_info().currsize:
            shutil.rmtree(made().parent)
            made.cache_clear()
