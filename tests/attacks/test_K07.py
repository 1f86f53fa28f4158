"""K07 Multichain: every share on one host, or one administrator who can export them.

Every method of a signer's two sockets is called, and every word it gives its postman is kept: no
share is in any of it, in clear or in hex. No command of a node reads a share's file. Whoever has a
whole home of one member, backups and journals included, has that member's shares and nothing of
another's. The invariant: what leaves a home never contains a share.
"""

from __future__ import annotations

import ast
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_type_hints

import pytest
from click.testing import CliRunner
from msgspec.structs import replace

from bystack.federation.identity import identity_public
from bystack.federation.session import Kind
from bystack.federation.upstreams import Upstreams
from bystack.node.federation_files import FederationFileError
from bystack.node.keyfiles import write_key
from bystack.node.main import main as bystackd
from bystack.node.signer import keys
from bystack.node.signer.audit_log import open_audit
from bystack.node.signer.ceremonies import Ceremonies
from bystack.node.signer.epochs import ShareMissing
from bystack.node.signer.vault.calls import Calls
from bystack.node.signer.vault.keeper import Held, VaultKeeper
from bystack.node.signer.votes import MethodUnknown
from bystack.node.store.journal import Journal
from bystack.primitives.curve import g1_mul, lagrange_at_zero
from bystack.primitives.errors import Invalid
from tests.federation.stage import continued, secret, session
from tests.mainchain.builders import EASY
from tests.node.signer.partners import Home, Partners, epoch_of

FIRST = replace(session((2, 1, 1, 1), 3), epoch=0)
SOURCES = Path(__file__).parents[2] / "bystack"
MEANT: dict[Any, Any] = {bytes: b"\x01" * 32, int: 1, str: "shares", list: [], bool: True}
"""A parameter of each type, so that a call is heard."""


class Overheard(Partners):
    """Everything that the first member's signer ever gave its postman."""

    def __init__(self, *given: Any) -> None:
        self.given: list[Any] = []
        super().__init__(*given)

    def hear(self, outputs: list[Any]) -> None:
        self.given += outputs
        super().hear(outputs)


class Robbed:
    """A member's home after a key generation and a refresh; whatever it had, and gave away."""

    def __init__(self) -> None:
        self.home = Home()
        self.first = Overheard(FIRST, {})
        self.first.run(self.home, ("begin", FIRST))
        self.shares = self.own()
        self.after = Overheard(continued(self.first.done[1], Kind.REFRESH), self.first.shares())
        self.after.run(self.home, ("change", self.after.session))
        self.shares += self.own(self.after.certificate)
        self.given = self.first.given + self.after.given

    def own(self, certificate: Any = None) -> list[bytes]:
        epochs = self.home.signer.epochs
        return [one.secret for one in epochs.shares_of(certificate or epochs.certificate)]

    def keeper(self) -> VaultKeeper:
        journal = Journal.open("warrants.journal", kind="warrants", magic=EASY.magic)
        audit = open_audit("data", "trade", EASY.magic, must_exist=False)
        held = Held("trade", bytes(32), EASY.hrp, bytes(32), {}, b"\x05" * 32, "data")
        return VaultKeeper(held, self.home.signer, journal, audit, Upstreams(1, frozenset()))


@pytest.fixture
def robbed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Robbed:
    monkeypatch.chdir(tmp_path)
    for folder in ("keys", "data", "federations"):
        os.makedirs(folder)
    return Robbed()


def clear(robbed: Robbed, said: Any) -> None:
    """No share is in it: as bytes, as a number, or in hex."""
    text, data = repr(said), b"".join(_bytes(said))
    for share in robbed.shares:
        assert share not in data and share.hex() not in text.lower()
        assert str(int.from_bytes(share, "big")) not in text


def _bytes(value: Any) -> Iterator[bytes]:
    match value:
        case bytes() | bytearray():
            yield bytes(value)
        case dict():
            yield from _bytes(list(value.values()))
        case list() | tuple():
            for one in value:
                yield from _bytes(one)


def answers(calls: Calls) -> Iterator[Any]:
    """What each method says, a result or a refusal, to a parameter of each type it takes."""
    for name, (method, _) in calls._methods.items():
        hints = get_type_hints(method)
        hints.pop("return", None)
        params = [MEANT.get(getattr(one, "__origin__", one), b"\x01") for one in hints.values()]
        try:
            yield name, calls.call(name, params)
        except (Invalid, OSError, FederationFileError) as error:
            yield name, str(error), getattr(error, "facts", ())


def test_k07_no_method_of_the_signer_gives_a_share(robbed: Robbed) -> None:
    keeper = robbed.keeper()
    said = [*answers(keeper._calls), *answers(keeper._operators)]
    assert len(said) > 20
    clear(robbed, said)
    robbed.home.signer.follow(epoch_of(robbed.after.certificate), 1)
    clear(robbed, list(answers(keeper._calls)))
    for name in ("share", "shares", "shares_of", "held", "export", "backup", "secret"):
        with pytest.raises(MethodUnknown):
            keeper.answer(name, [])


def test_k07_the_postman_carries_sealed_shares_only(robbed: Robbed) -> None:
    assert {one[0] for one in robbed.given} == {"broadcast", "done"}
    clear(robbed, robbed.given)
    theirs = [s.secret for one in (*robbed.first.done.values(),) for s in one.shares]
    data = b"".join(_bytes(robbed.given))
    assert theirs and not [one for one in theirs if one in data]


def test_k07_shares_are_read_by_the_signer_alone(robbed: Robbed) -> None:
    """No source outside the signer's folder names their kind of file, and no command opens one."""
    readers = set()
    for path in SOURCES.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Attribute) and node.attr == "SHARE":
                readers.add(path.relative_to(SOURCES).parts[:2])
            if isinstance(node, ast.Constant) and node.value == keys.SHARE:
                readers.add(path.relative_to(SOURCES).parts[:2])
    assert readers == {("node", "signer")}
    file, digest = "keys/trade-epoch-0-share-1.key", "ab" * 32
    done = CliRunner().invoke(bystackd, ["key", "sign", file, "--digest", digest, "--cheap"])
    assert done.exit_code == 1 and keys.SHARE in done.output
    clear(robbed, done.output)


def test_k07_a_members_whole_home_makes_no_share_of_another(robbed: Robbed) -> None:
    restored = Ceremonies("trade", secret(0), "data", cheap=True)
    certificate = robbed.first.certificate
    assert [s.secret for s in restored.epochs.shares_of(certificate)] == robbed.shares[:2]
    for number in (1, 2, 3):
        stranger = Ceremonies("trade", secret(number), "data", cheap=True)
        assert identity_public(secret(number)) in {m.identity for m in FIRST.roster.members}
        with pytest.raises(ShareMissing):
            stranger.epochs.shares_of(certificate)
    values = {one.index: int.from_bytes(one.secret, "big") for one in restored.shares()}
    assert len(values) < FIRST.threshold
    together = sum(w * values[i] for i, w in lagrange_at_zero(values).items())
    assert g1_mul(together) != certificate.key
    others = [one.secret for done in robbed.first.done.values() for one in done.shares]
    everything = b"".join(path.read_bytes() for path in Path().rglob("*") if path.is_file())
    assert len(others) == 3
    assert not [one for one in others if one in everything or one.hex().encode() in everything]


def test_k07_nothing_that_prints_prints_one(robbed: Robbed) -> None:
    shares = robbed.home.signer.shares()
    assert {str(one) for one in shares} == {repr(one) for one in shares} == {"KeyShare(redacted)"}
    clear(robbed, repr(robbed.home.signer._running) + repr(robbed.after.done))


def test_k07_a_sealed_share_opens_with_its_password_only(robbed: Robbed) -> None:
    write_key("keys/sealed.key", keys.SHARE, robbed.shares[0], "correct horse", cheap=True)
    assert robbed.shares[0] not in Path("keys/sealed.key").read_bytes()
