"""The signer's process from outside: its sockets, its files, what it says, two of it at once."""

from __future__ import annotations

import os
import socket
import stat
import struct
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from bystack.node.ipc import METHOD_UNKNOWN, RemoteError
from bystack.node.ipc.errors import INVALID
from bystack.node.ipc.messages import Splitter
from bystack.primitives.codec import encode
from tests.ledger.people import outpoint
from tests.node.signer.asked import cast, commit_with_ours, genesis_of, order, record, vote
from tests.node.signer.homes import (
    FEDERATION,
    VALIDATOR,
    Signer,
    keyed,
    refusal,
    until,
)

pytestmark = pytest.mark.processes


@pytest.fixture
def signer() -> Iterator[Signer]:
    with keyed() as signer:
        yield signer.start()


# -- malformed bytes

CLOSING = 8


def framed(body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + body


def message(*fields: object) -> bytes:
    return framed(msgspec.msgpack.encode(list(fields)))


RUBBISH = {
    "a length of four gibibytes": b"\xff\xff\xff\xff",
    "a frame above the cap": struct.pack(">I", 33 << 20) + bytes(1000),
    "HTTP": b"GET / HTTP/1.1\r\nHost: x\r\n\r\n",
    "an empty frame": framed(b""),
    "not msgpack": framed(b"\xc1" * 64),
    "nested without end": framed(b"\x91" * 100_000),
    "an array announced of 2**32": framed(b"\xdd\xff\xff\xff\xff"),
    "another message type": message(99, 1),
    "a result, from a client": message(2, 1, b"x"),
    "a method of 101 letters": message(0, 1, "", "m" * 101, []),
    "parameters that are no list": message(0, 1, "", "info", {}),
    "a negative id": message(0, -1, "", "info", []),
    "text that is no text": framed(b"\x95\x00\x01\xa0\xa2\xff\xfe\x90"),
}


def peak(signer: Signer) -> int:
    """The most memory the process ever held, in KiB."""
    assert signer.process is not None
    text = Path(f"/proc/{signer.process.pid}/status").read_text()
    return int(text.partition("VmHWM:")[2].split()[0])


def say(path: str, data: bytes) -> bytes:
    """All the process answers until it closes the line."""
    with socket.socket(socket.AF_UNIX) as line:
        line.settimeout(120)
        line.connect(path)
        answer = b""
        try:
            line.sendall(data)
            while part := line.recv(65536):
                answer += part
        except (BrokenPipeError, ConnectionResetError):
            pass
        return answer


@pytest.mark.parametrize("name", [FEDERATION, VALIDATOR])
def test_malformed_bytes_are_refused_with_a_reason(signer: Signer, name: str) -> None:
    before = peak(signer)
    for what, data in RUBBISH.items():
        *_, last = map(msgspec.msgpack.decode, Splitter().feed(say(signer.socket(name), data)))
        assert last[0] == CLOSING and last[1], f"{what}: closed without a reason"
    assert peak(signer) - before < 64 * 1024
    assert signer.process is not None and signer.process.poll() is None
    assert signer.call(FEDERATION, "info")["shares"] == 2
    cast(signer, vote(1))


def test_half_a_frame_and_silence_harm_nobody(signer: Signer) -> None:
    lines = []
    for _ in range(50):
        line = socket.socket(socket.AF_UNIX)
        line.connect(signer.socket(VALIDATOR))
        line.sendall(struct.pack(">I", 32 << 20) + b"\x95")
        lines.append(line)
    before = peak(signer)
    cast(signer, vote(1))
    assert peak(signer) - before < 32 * 1024
    for line in lines:
        line.close()
    cast(signer, vote(2))


WRONG = [
    None, True, -1, 2**40, 2**63, 1.5, "text", b"", b"\x90", b"\xff" * 100, [], [1], [[]], {},
    {"a": 1}, [b"\x00"] * 3, bytes(3_000_001),
]  # fmt: skip
CALLS = {
    FEDERATION: {
        "begin": 1, "hear": 1, "headers": 1, "anchor": 1, "order": 1, "touch": 2, "create": 2,
        "approve": 2, "upstream": 2, "entry": 1, "operation": 2,
    },
    VALIDATOR: {"sign": 1, "ready": 1},
}  # fmt: skip


@pytest.mark.parametrize("name", [FEDERATION, VALIDATOR])
def test_wrong_parameters_are_refused_by_name(signer: Signer, name: str) -> None:
    for method, count in CALLS[name].items():
        for wrong in WRONG:
            if (method, wrong) == ("headers", []):
                continue  # the node has none that are better
            for params in ([wrong] * count, [wrong] * (count + 1), [encode(0), wrong][-count:]):
                with pytest.raises(RemoteError) as refused:
                    signer.call(name, method, *params)
                assert refused.value.code in (INVALID, METHOD_UNKNOWN), (method, wrong)
                assert refused.value.rule, (method, wrong)
    for method in ("", "export", "share", "_sign", "secret", "__init__"):
        assert refusal(signer, name, method) == "MethodUnknown"


# -- files and secrets


def test_everything_is_private(signer: Signer) -> None:
    cast(signer, vote(1))
    loose = []
    for path in [signer.home, *signer.home.rglob("*")]:
        wanted = 0o700 if path.is_dir() else 0o600
        inside = any(
            part in ("keys", "run", "data") for part in path.relative_to(signer.home).parts
        )
        if inside and stat.S_IMODE(path.stat().st_mode) != wanted:
            loose.append((path, oct(path.stat().st_mode)))
    assert loose == []
    sockets = [path for path in signer.home.rglob("*") if path.is_socket()]
    assert len(sockets) == 3
    assert stat.S_IMODE(signer.home.stat().st_mode) == 0o700


def secrets_of(signer: Signer) -> dict[str, bytes]:
    kinds = {
        "trade.member.key": "member",
        "trade.governance.key": "governance",
        "trade.validator.key": "validator",
        "trade.node.key": "node",
        "super-1.named.key": "named",
        "trade-epoch-0-share-1.key": "federation-share",
        "trade-epoch-0-share-2.key": "federation-share",
    }
    return {file: signer.key(file, kind) for file, kind in kinds.items()}


def test_no_secret_leaves_its_file(signer: Signer) -> None:
    """Not in logs, journals, answers, error texts, arguments or the environment."""
    genesis = genesis_of(signer)
    secrets = secrets_of(signer)
    cast(signer, vote(1))
    signer.call(FEDERATION, "create", encode(outpoint(1)), 0)
    signer.call(FEDERATION, "order", order(genesis, record(genesis, 0)))
    refusal(signer, FEDERATION, "order", order(genesis, record(genesis, 0, 21)))
    refusal(signer, FEDERATION, "begin", 3)
    for name in (FEDERATION, VALIDATOR):
        for method in ("info", "key", "last", "certificate", "retry", "hear", "sign"):
            for params in ([], [b"\xff"]):
                refusal(signer, name, method, *params)
    shown = commit_with_ours(genesis, secrets["trade.validator.key"], 9)
    sets = encode(genesis.validator_set)
    assert refusal(signer, VALIDATOR, "ready", encode(shown), sets) == "JournalOld"
    assert signer.process is not None
    process = Path(f"/proc/{signer.process.pid}")
    said = {
        "answers": "\n".join(signer.answers).encode(),
        "arguments": (process / "cmdline").read_bytes(),
        "environment": (process / "environ").read_bytes(),
    }
    for path in signer.home.rglob("*"):
        # Beside key files, only a key generation's own state holds secrets: a key file too.
        if path.is_file() and path.parent.name != "keys" and path.suffix != ".key":
            said[str(path)] = path.read_bytes()
    assert any("votes" in place for place in said) and any(p.endswith(".err") for p in said)
    found = [
        (file, place)
        for file, secret in secrets.items()
        for place, data in said.items()
        if secret in data or secret.hex().encode() in data.lower() or repr(secret).encode() in data
    ]
    assert found == []


# -- two of it, and keys that cannot be served


def test_two_signers_on_one_journal_are_refused(signer: Signer) -> None:
    first = cast(signer, vote(1))
    second = Signer(signer.home)
    second.start(ready=False)
    try:
        # Of the orders the journal, of the votes the key itself: it could have been copied.
        until(lambda: "another process holds it" in second.log)
        until(lambda: "another signer on this host serves the key" in second.log)
        # The sockets are still the first one's, and it still answers.
        assert cast(signer, vote(1)) == first
        assert signer.call(FEDERATION, "info")["shares"] == 2
        assert "key served" not in second.log
    finally:
        second.stop()


def test_a_key_that_cannot_be_served_stops_no_other() -> None:
    with keyed() as signer:
        validator = signer.home / "keys/trade.validator.key"
        os.chmod(validator, 0o644)
        signer.start()
        until(lambda: "others may read it" in signer.log)
        assert signer.call(FEDERATION, "info")["shares"] == 2
        os.chmod(validator, 0o600)
        until(lambda: os.path.exists(signer.socket(VALIDATOR)))
        cast(signer, vote(1))
        assert signer.log.count("others may read it") == 1


def test_one_key_does_not_vote_from_two_journals() -> None:
    with keyed() as signer:
        with (signer.home / "bystack.toml").open("a") as config:
            config.write(
                '[[sidechain]]\nname = "twin"\ngenesis = "sidechains/trade.genesis.toml"\n'
                'validator_key = "keys/trade.validator.key"\n'
            )
        signer.start()
        until(lambda: "votes already on this chain" in signer.log)
        cast(signer, vote(1))
        assert not os.path.exists(signer.socket("signer-validator-twin"))


def test_a_genesis_whose_validators_prove_nothing_is_not_voted_on() -> None:
    """Keys are added up, so a key made from the others' would sign for all (rogue key)."""
    with keyed() as signer:
        path = signer.home / "sidechains/trade.genesis.toml"
        proofs = [v.proof.hex() for v in genesis_of(signer).validators]
        path.write_text(path.read_text().replace(proofs[1], proofs[2]))
        signer.start()
        until(lambda: "PossessionUnproven" in signer.log)
        assert not os.path.exists(signer.socket(VALIDATOR))


def test_a_table_that_leaves_takes_its_key_along_and_no_other() -> None:
    """And it comes back: the journal, the lock and the name in the kernel were let go."""
    with keyed() as signer:
        signer.start()
        first = cast(signer, vote(1))
        pid, path = signer.announced(), signer.home / "bystack.toml"
        whole = path.read_text()
        path.write_text(whole.replace('validator_key = "', '# validator_key = "'))
        until(lambda: not os.path.exists(signer.socket(VALIDATOR)))
        assert signer.call(FEDERATION, "info")["shares"] == 2
        path.write_text("nonsense = [")
        until(lambda: "configuration not taken over" in signer.log)
        assert signer.call(FEDERATION, "info")["shares"] == 2
        path.write_text(whole)
        until(lambda: os.path.exists(signer.socket(VALIDATOR)))
        assert cast(signer, vote(1)) == first
        assert signer.announced() == pid and signer.log.count("key served") == 3
